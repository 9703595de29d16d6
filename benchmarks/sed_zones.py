"""Zones of blazars that benchmarks of emission share, and agnpy's spectra of them."""

import json
import os
import subprocess
from typing import Any, NamedTuple

import numpy as np

from benchmarks.compare.environments import PROGRAMS, peer_python
from xsurvey.sed.boosting import blob_radius
from xsurvey.sed.particles.distributions import DISTRIBUTIONS

PEER_NAMES = {
    "power-law": "PowerLaw",
    "broken-power-law": "BrokenPowerLaw",
    "log-parabola": "LogParabola",
    "exponential-cutoff-power-law": "ExpCutoffPowerLaw",
    "exponential-cutoff-broken-power-law": "ExpCutoffBrokenPowerLaw",
}


class Zone(NamedTuple):
    """A sphere: the name of its electrons' distribution, and all parameters of the model."""

    electrons: str
    redshift: float
    self_absorption: bool
    values: dict[str, float]

    @property
    def theta(self) -> np.ndarray:
        """Parameters in the model's order, shape (1, p)."""
        names = [p.name for p in DISTRIBUTIONS[self.electrons].parameters]
        return np.array([[self.values[n] for n in (*names, "delta", "log10_B", "t_var")]])

    def for_peer(self) -> dict[str, Any]:
        """Return what `agnpy_ssc` reads."""
        values = dict(self.values)
        delta, b, t_var = values.pop("delta"), 10 ** values.pop("log10_B"), values.pop("t_var")
        radius = float(blob_radius(np.array(t_var), np.array(delta), self.redshift))
        electrons = {
            name.removeprefix("log10_"): 10**v if name.startswith("log10_") else v
            for name, v in values.items()
        }
        return {
            "redshift": self.redshift, "delta": delta, "b": b, "radius": radius,
            "self_absorption": self.self_absorption, "distribution": PEER_NAMES[self.electrons],
            "electrons": electrons,
        }  # fmt: skip


ZONES = {
    # agnpy's documentation, ssc_gammapy_fit
    "Mrk 421": Zone(
        "broken-power-law", 0.0308, False,
        {"log10_k": -7.884, "p1": 2.054, "p2": 3.541, "log10_gamma_b": 4.991, "gamma_min": 500.0,
         "gamma_max": 1e6, "delta": 19.75, "log10_B": -1.329, "t_var": 86400.0},
    ),
    # agnpy's documentation, ec_dt_gammapy_fit, without the torus
    "PKS 1510-089": Zone(
        "log-parabola", 0.361, True,
        {"log10_k": 0.245, "p": 2.168, "q": 0.336, "gamma_0": 100.0, "gamma_min": 1.0,
         "gamma_max": 3e4, "delta": 25.82, "log10_B": -0.407, "t_var": 43200.0},
    ),
    "compact and absorbed": Zone(
        "power-law", 0.1, True,
        {"log10_k": 4.0, "p": 2.2, "gamma_min": 1.0, "gamma_max": 1.3e5, "delta": 10.0,
         "log10_B": 0.0, "t_var": 10000.0},
    ),
    "extreme, deep in Klein-Nishina": Zone(
        "exponential-cutoff-power-law", 0.14, False,
        {"log10_k": 1.0, "p": 1.8, "log10_gamma_c": 6.0, "gamma_min": 100.0, "gamma_max": 1e8,
         "delta": 30.0, "log10_B": -1.5, "t_var": 20000.0},
    ),
    "intermediate": Zone(
        "exponential-cutoff-broken-power-law", 0.5, True,
        {"log10_k": -2.0, "p1": 1.9, "p2": 3.3, "log10_gamma_b": 3.5, "log10_gamma_c": 5.0,
         "gamma_min": 10.0, "gamma_max": 1e7, "delta": 15.0, "log10_B": -0.5, "t_var": 40000.0},
    ),
}  # fmt: skip
"""Two published fits, and three that reach where those do not."""


def peer_spectra(
    python: str, zones: list[Zone], frequencies: np.ndarray, electrons: int = 200,
    seeds: int = 200, repeats: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return agnpy's answer, as `agnpy_ssc` describes it, by agnpy in an environment of its own.

    Parameters
    ----------
    python : str
        Path of an interpreter that has agnpy, or ``venv``: that of ``make compare``.
    electrons, seeds : int
        Nodes of agnpy's grids; 200 is its own choice.
    repeats : int
        Times that each spectrum is timed.
    """
    request = {
        "zones": [zone.for_peer() for zone in zones], "frequencies": frequencies.tolist(),
        "electrons": electrons, "seeds": seeds, "repeats": repeats,
    }  # fmt: skip
    done = subprocess.run(
        [str(peer_python("agnpy", python)), str(PROGRAMS / "agnpy_ssc.py")],
        input=json.dumps(request), capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"agnpy: {done.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
