"""External Compton and proton synchrotron spectra beside agnpy's, both at two resolutions.

``--peer PYTHON`` is an interpreter that has agnpy, or ``venv``, that of ``make compare``. Compared
are frequencies at which a component is above 1e-3 of its peak, and below half of the highest
energy to which electrons scatter; near that, spectra end abruptly, and differences at one frequency
are those of where. What is left out is told apart.
"""

import json
import os
import subprocess
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark
from benchmarks.compare.environments import PROGRAMS, peer_python
from benchmarks.sed_zones import PEER_NAMES, ZONES, Zone
from xsurvey.sed.boosting import blob_radius, ln_frequency_in_blob, observed_flux
from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.models.external import PER_DECADE, ExternalComptonModel
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.proton_synchrotron import ProtonSynchrotron
from xsurvey.sed.targets.registry import TARGETS

FREQUENCIES = np.logspace(9, 28, 77)
BULK = 1e-3
OURS = {"default": PER_DECADE, "twice": 2 * PER_DECADE}
PEERS: dict[str, dict[str, Any]] = {
    "default": {
        "clustered": False,
        "nodes": dict.fromkeys(("disk", "blr", "torus", "cmb", "protons"), (200, 100, 50)),
    },
    "fine": {
        "clustered": True,
        "nodes": {
            "disk": (600, 160, 13), "blr": (600, 120, 13), "torus": (20000, 1, 33),
            "cmb": (600, 100, 13), "protons": (600, 1, 1),
        },
    },
}  # fmt: skip
LINES = {"largest difference from fine agnpy": 0.01}

PKS = {
    "mu_s": 0.99925, "r": 6e17, "L_disk": 6.7e45, "xi_dt": 0.6, "T_dt": 2000.0, "R_dt": 6.471e18,
    "M_BH": 5.71e7, "eta": 1 / 12, "R_in": 6.0, "R_out": 3e4, "xi_line": 0.1, "R_line": 2.6e17,
}  # fmt: skip
FINKE = {
    "mu_s": 0.9987, "r": 1e17, "L_disk": 2e46, "xi_dt": 0.1, "T_dt": 1000.0, "R_dt": 1.57e19,
    "M_BH": 1.2e9, "eta": 1 / 12, "R_in": 6.0, "R_out": 200.0, "xi_line": 0.024, "R_line": 1.1e17,
}  # fmt: skip


class Place(NamedTuple):
    """A zone of `sed_zones` in a jet, and protons in it."""

    zone: Zone
    outside: dict[str, float]
    protons: dict[str, float]


PLACES = {
    "PKS 1510-089": Place(
        ZONES["PKS 1510-089"], PKS,
        {"log10_k": 0.0, "p": 2.0, "log10_gamma_c": 8.0, "gamma_min": 1.0, "gamma_max": 1e10},
    ),
    "close to the disk": Place(
        ZONES["compact and absorbed"], FINKE | {"r": 1e16},
        {"log10_k": 2.0, "p": 2.2, "log10_gamma_c": 7.0, "gamma_min": 10.0, "gamma_max": 1e9},
    ),
    "among the broad lines": Place(
        ZONES["intermediate"], FINKE,
        {"log10_k": 2.0, "p": 1.8, "log10_gamma_c": 9.0, "gamma_min": 1.0, "gamma_max": 1e11},
    ),
    "beyond the torus": Place(
        ZONES["PKS 1510-089"], FINKE | {"r": 5e19, "mu_s": 0.998},
        {"log10_k": 2.0, "p": 2.5, "log10_gamma_c": 9.5, "gamma_min": 100.0, "gamma_max": 1e11},
    ),
    "fast electrons only": Place(
        ZONES["Mrk 421"], FINKE | {"r": 1e18, "L_disk": 1e44},
        {"log10_k": 2.0, "p": 2.0, "log10_gamma_c": 8.5, "gamma_min": 1.0, "gamma_max": 1e10},
    ),
}  # fmt: skip
"""The geometry of a published fit and of Finke (2016), at distances from near to far."""


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Compare spectra of five places in jets."""
    del seed, fraction
    spectra = {
        f"xsurvey, {name}": [ours(p, n) for p in PLACES.values()] for name, n in OURS.items()
    }
    version = None
    for name, nodes in PEERS.items() if peer else ():
        answer = theirs(peer, nodes)
        version = answer["agnpy"]
        spectra[f"agnpy, {name}"] = [
            {component: np.array(flux) for component, flux in case.items()}
            for case in answer["cases"]
        ]
    pairs = [("xsurvey, default", "xsurvey, twice")]
    if peer:
        pairs += [(a, "agnpy, fine") for a in ("xsurvey, default", "xsurvey, twice")]
        pairs += [("agnpy, default", b) for b in ("agnpy, fine", "xsurvey, twice")]
    return {
        "bulk": f"above {BULK:g} of the peak, below half of the highest scattered energy",
        "lines": LINES,
        "agnpy": version,
        "nodes": {"xsurvey": OURS, "agnpy": PEERS},
        "places": {
            name: {
                "electrons": place.zone.electrons, "redshift": place.zone.redshift,
                **place.zone.values, **place.outside, "protons": place.protons,
                "differences": {
                    f"{a} from {b}": {
                        component: difference(
                            spectra[a][i][component], spectra[b][i][component],
                            ends(place, component),
                        )
                        for component in spectra[b][i]
                    }
                    for a, b in pairs
                },
            }
            for i, (name, place) in enumerate(PLACES.items())
        },
    }  # fmt: skip


def ours(place: Place, per_decade: int) -> dict[str, np.ndarray]:
    """Return spectra by target, and of protons, shape (f,) each."""
    model, theta = external_model(place, per_decade)
    found = model.components(theta, FREQUENCIES)
    result = {target: found[f"compton_{target}"][0] for target in TARGETS}
    protons = ProtonSynchrotron(DISTRIBUTIONS["exponential-cutoff-power-law"], per_decade)
    values = place.zone.values
    delta, t_var = (np.array([values[name]]) for name in ("delta", "t_var"))
    b = np.array([10 ** values["log10_B"]])
    power = protons.power(
        np.array([list(place.protons.values())]), b,
        ln_frequency_in_blob(FREQUENCIES, delta, place.zone.redshift),
    )  # fmt: skip
    radius = blob_radius(t_var, delta, place.zone.redshift)
    result["protons"] = observed_flux(power, delta, radius, model.distance)[0]
    return result


def external_model(place: Place, per_decade: int) -> tuple[ExternalComptonModel, np.ndarray]:
    """Return a model with all targets, and its parameters, shape (1, p)."""
    zone = place.zone
    model = ExternalComptonModel(
        DISTRIBUTIONS[zone.electrons], zone.redshift, targets=tuple(TARGETS),
        self_absorption=zone.self_absorption, per_decade=per_decade,
    )  # fmt: skip
    values = zone.values | place.outside
    return model, np.array([[values[p.name] for p in model.parameters]])


def theirs(python: str, nodes: dict[str, Any]) -> dict[str, Any]:
    """Return agnpy's answer, as `agnpy_external` describes it."""
    cases = []
    for place in PLACES.values():
        values = place.outside
        cases.append(
            place.zone.for_peer()
            | {
                "mu_s": values["mu_s"], "r": values["r"], "targets": dict.fromkeys(TARGETS, values),
                "protons": {"distribution": PEER_NAMES["exponential-cutoff-power-law"]}
                | {
                    name.removeprefix("log10_"): 10**v if name.startswith("log10_") else v
                    for name, v in place.protons.items()
                },
            }
        )  # fmt: skip
    request = {"cases": cases, "frequencies": FREQUENCIES.tolist(), **nodes}
    done = subprocess.run(
        [str(peer_python("agnpy", python)), str(PROGRAMS / "agnpy_external.py")],
        input=json.dumps(request), capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"agnpy: {done.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def ends(place: Place, component: str) -> np.ndarray:
    """Return at which frequencies scattered photons have half of the highest energy, or more."""
    if component == "protons":
        return np.zeros(len(FREQUENCIES), bool)
    model, theta = external_model(place, PER_DECADE)
    values = dict(zip([p.name for p in model.parameters], theta.T, strict=True))
    (target,) = (t for t in model.targets if t.name == component)
    delta, fastest = values["delta"][0], values["gamma_max"][0]
    recoil = 2 * fastest * delta * target.rays(values).chi.max()
    highest = fastest * recoil / (1 + recoil)
    scattered = FREQUENCIES * (1 + place.zone.redshift) / delta / FREQUENCY_OF_REST_ENERGY
    return scattered > 0.5 * highest


def difference(a: np.ndarray, b: np.ndarray, end: np.ndarray) -> dict[str, float]:
    """Return the largest and the median relative difference of spectra, shape (f,)."""
    bulk = b > BULK * b.max()
    relative = np.abs(a[bulk & ~end] / b[bulk & ~end] - 1)
    result = {
        "largest": float(relative.max()), "median": float(np.median(relative)),
        "beyond": int(np.sum(relative > LINES["largest difference from fine agnpy"])),
        "frequencies": int(relative.size),
    }  # fmt: skip
    if (bulk & end).any():
        result["largest_at_the_end"] = float(np.abs(a[bulk & end] / b[bulk & end] - 1).max())
    return result


if __name__ == "__main__":
    benchmark(
        run, seed=0, options={"peer": "the Python of an environment that has agnpy, or 'venv'"}
    )
