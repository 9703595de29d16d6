"""Synchrotron and SSC spectra by agnpy: reads a request as JSON, prints the answer.

``{"zones": [...], "frequencies": [...], "electrons": 200, "seeds": 200, "repeats": 0}``: zones are
dictionaries with "redshift", "delta", "b", "radius" (cm), "self_absorption", "distribution" (the
name of agnpy's class) and "electrons" (its arguments); the numbers are nodes of its grids. The
answer has nu F_nu, erg / s / cm2, and with repeats the least CPU seconds of a spectrum.
"""

import json
import sys
import time
from importlib.metadata import version

import astropy.units as u
import numpy as np
from agnpy import spectra
from agnpy.compton import SynchrotronSelfCompton, synchrotron_self_compton
from agnpy.emission_regions import Blob
from agnpy.synchrotron import Synchrotron

_AT_ONCE = 4
"""Frequencies: agnpy's arrays have a number for each of them, electrons and seeds."""


def blob(zone: dict, nodes: int) -> Blob:
    """Return agnpy's sphere."""
    arguments = dict(zone["electrons"])
    kind = getattr(spectra, zone["distribution"])
    return Blob(
        R_b=zone["radius"] * u.cm, z=zone["redshift"], delta_D=zone["delta"], Gamma=zone["delta"],
        B=zone["b"] * u.G, n_e=kind(k=arguments.pop("k") / u.cm**3, **arguments),
        gamma_e_size=nodes,
    )  # fmt: skip


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    synchrotron_self_compton.nu_to_integrate = np.logspace(5, 30, request["seeds"]) * u.Hz
    frequencies = np.array(request["frequencies"]) * u.Hz
    parts = np.array_split(frequencies, max(1, len(frequencies) // _AT_ONCE))
    answer = {"agnpy": version("agnpy"), "synchrotron": [], "compton": [], "seconds": []}
    for zone in request["zones"]:
        sphere = blob(zone, request["electrons"])
        processes = {
            "synchrotron": Synchrotron(sphere, ssa=zone["self_absorption"]),
            "compton": SynchrotronSelfCompton(sphere, ssa=zone["self_absorption"]),
        }
        for name, process in processes.items():
            flux = np.concatenate(
                [process.sed_flux(part).to_value("erg / (s cm2)") for part in parts]
            )
            answer[name].append(flux.tolist())
        spent = []
        for _ in range(request.get("repeats", 0)):
            start = time.process_time()
            for process in processes.values():
                process.sed_flux(frequencies)
            spent.append(time.process_time() - start)
        answer["seconds"].append(min(spent, default=None))
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
