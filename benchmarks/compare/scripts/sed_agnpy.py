"""Compute synchrotron and synchrotron self-Compton emission of a blazar's one zone."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
from agnpy.compton import SynchrotronSelfCompton
from agnpy.emission_regions import Blob
from agnpy.spectra import BrokenPowerLaw
from agnpy.synchrotron import Synchrotron

zone = json.loads(Path("zone.json").read_text())
names = ("p1", "p2", "gamma_b", "gamma_min", "gamma_max")
electrons = BrokenPowerLaw(k=zone["k"] / u.cm**3, **{name: zone[name] for name in names})
blob = Blob(
    R_b=zone["radius_cm"] * u.cm, z=zone["z"], delta_D=zone["delta"], Gamma=zone["delta"],
    B=zone["b_gauss"] * u.G, n_e=electrons,
)  # fmt: skip
frequencies = np.logspace(9, 28, 96) * u.Hz
synchrotron = Synchrotron(blob).sed_flux(frequencies)
compton = SynchrotronSelfCompton(blob).sed_flux(frequencies)

# what the comparison reads
record = {
    f"{name} {exponent}": [float(sed[5 * (exponent - 9)].to_value("erg / (s cm2)"))]
    for name, sed, exponents in (
        ("synchrotron", synchrotron, (13, 17)), ("compton", compton, (22, 26)),
    )
    for exponent in exponents
}  # fmt: skip
print("\n" + json.dumps(record))
