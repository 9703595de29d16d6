"""Fit synchrotron and self-Compton emission to Mrk 421, on finer grids."""

import json

import astropy.units as u
import numpy as np
from agnpy.compton import SynchrotronSelfCompton, synchrotron_self_compton
from agnpy.spectra import BrokenPowerLaw
from agnpy.synchrotron import Synchrotron
from astropy.constants import c
from astropy.coordinates import Distance
from astropy.table import Table
from scipy.optimize import least_squares

table = Table.read("Mrk421_2011.ecsv")
table = table[table["e_ref"].quantity.to("Hz", equivalencies=u.spectral()) > 1e11 * u.Hz]
nu = table["e_ref"].quantity.to("Hz", equivalencies=u.spectral())
flux = table["e2dnde"].value
tenth = ("Fermi", "RXTE/PCA", "Swift/BAT", "Swift/XRT")
systematic = {"MAGIC": 0.3} | dict.fromkeys(tenth, 0.1)
relative = np.array([systematic.get(name, 0.05) for name in table["instrument"]])
sigma = np.hypot((table["e2dnde_errn"].value + table["e2dnde_errp"].value) / 2, relative * flux)
z, t_var, gamma_min, gamma_max = 0.0308, 1 * u.day, 500, 1e6
d_l = Distance(z=z).to("cm")
# 25 seed frequencies a decade in place of 8, and 60 energies of electrons in place of 25
synchrotron_self_compton.nu_to_integrate = np.logspace(8, 24, 400) * u.Hz
gamma = np.logspace(np.log10(gamma_min), np.log10(gamma_max), 200)


def _residuals(theta):
    log10_k, p1, p2, log10_gamma_b, delta, log10_b = theta
    radius = (c * t_var * delta / (1 + z)).to("cm")
    arguments = (
        nu, z, d_l, delta, 10**log10_b * u.G, radius, BrokenPowerLaw, 10**log10_k / u.cm**3,
        p1, p2, 10**log10_gamma_b, gamma_min, gamma_max,
    )  # fmt: skip
    model = Synchrotron.evaluate_sed_flux(*arguments, gamma=gamma)
    model += SynchrotronSelfCompton.evaluate_sed_flux(*arguments, gamma=gamma)
    return (flux - model.to_value("erg / (cm2 s)")) / sigma


fit = least_squares(_residuals, (-8, 2.02, 3.43, 5, 18, -1.3), method="lm", diff_step=1e-4)
errors = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac)))

# what the comparison reads
names = ("log10_k", "p1", "p2", "log10_gamma_b", "delta", "log10_B")
record = {
    "statistic": [float(2 * fit.cost)],
    **{
        name: [float(value), float(value - error), float(value + error)]
        for name, value, error in zip(names, fit.x, errors, strict=True)
    },
}
print("\n" + json.dumps(record))
