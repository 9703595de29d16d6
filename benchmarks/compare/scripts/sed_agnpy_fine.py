"""Compute synchrotron and synchrotron self-Compton emission of a blazar's zone, on finer grids."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
from agnpy.compton import SynchrotronSelfCompton, synchrotron_self_compton
from agnpy.emission_regions import Blob
from agnpy.spectra import BrokenPowerLaw
from agnpy.synchrotron import Synchrotron

zone = json.loads(Path("zone.json").read_text())
names = ("p1", "p2", "gamma_b", "gamma_min", "gamma_max")
electrons = BrokenPowerLaw(k=zone["k"] / u.cm**3, **{name: zone[name] for name in names})
blob = Blob(
    R_b=zone["radius_cm"] * u.cm, z=zone["z"], delta_D=zone["delta"], Gamma=zone["delta"],
    B=zone["b_gauss"] * u.G, n_e=electrons, gamma_e_size=600,
)  # fmt: skip
# 40 seed frequencies a decade in place of 8
synchrotron_self_compton.nu_to_integrate = np.logspace(5, 30, 1000) * u.Hz
exponents = np.array([13, 17, 22, 26])
synchrotron = Synchrotron(blob).sed_flux(10.0**exponents * u.Hz)
compton = SynchrotronSelfCompton(blob).sed_flux(10.0**exponents * u.Hz)

# what the comparison reads
record = {
    f"{name} {exponent}": [float(value)]
    for name, sed in (("synchrotron", synchrotron), ("compton", compton))
    for exponent, value in zip(exponents, sed.to_value("erg / (s cm2)"), strict=True)
}
print("\n" + json.dumps(record))
