"""Measure the brightness of a cluster in rings, and fit a beta model to those within 18'."""

import json

import pyproffit

data = pyproffit.Data(imglink="image.fits", explink="exposure.fits")
profile = pyproffit.Profile(
    data, center_choice="custom_fk5", center_ra=150.0, center_dec=2.2, binsize=20.0, maxrad=20.0
)
profile.SBprofile()
core = (0.1 ** (1 / (1 - 1.7)) - 1) ** -0.5  # arcmin: 90 % of the light within 1'
profile.PSF(psffunc=lambda r: (1 + (r / core) ** 2) ** -1.7)
model = pyproffit.Model(pyproffit.BetaModel)
fit = pyproffit.Fitter(
    model, profile, method="cstat", beta=0.7, rc=2.0, norm=-1.0, bkg=-2.5, fithigh=18.0
)
fit.Migrad()

# what the comparison reads
value, error = fit.params, fit.errors
sides = {
    name: [value[name] + sign * error[name] for sign in (0, -1, 1)] for name in value.to_dict()
}
record = {
    "statistic": [fit.mlike], "rc": sides["rc"], "beta": sides["beta"],
    "norm": [10**x for x in sides["norm"]], "background": [10**x for x in sides["bkg"]],
    "counts": [float(profile.counts.sum())],
}  # fmt: skip
print("\n" + json.dumps(record))
