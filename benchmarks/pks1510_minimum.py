"""Whose is the minimum of the published fit to PKS 1510-089: chi-square by agnpy and by xsurvey.

agnpy's documentation (``ec_dt_gammapy_fit``, ``ec_dt_sherpa_fit``) fits the table that its package
brings along. Here chi-square is evaluated at its parameters, and minimised from there and from
xsurvey's minima: by agnpy on the grids of its fit and on fine ones, and by xsurvey with its own
light of disk and torus and with agnpy's. ``--peer PYTHON`` is an interpreter that has agnpy, or
``venv``, that of ``make compare``.
"""

import json
import os
import subprocess
from typing import Any

import numpy as np

from benchmarks.command import benchmark, trials
from benchmarks.compare.environments import PROGRAMS, peer_python
from xsurvey.inference.best_fit import fit_from
from xsurvey.sed.fitting.fit import fit_sed, sed_likelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models.external import PER_DECADE, ExternalComptonModel
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.tables.points import SedPoints, select_points
from xsurvey.sed.tables.table import read_sed

NAMES = ("log10_k", "p", "q", "delta", "log10_B")
PUBLISHED = (0.24521, 2.1681, 0.33617, 25.823, -0.40655)
ERRORS = {
    "gammapy": (0.1577, 0.1243, 0.03368, 1.788, 0.03696),
    "Sherpa": (0.277713, 0.23791, 0.0631399, 3.08421, 0.0632429),
}
"""Of the two notebooks, whose minima are the same: chi2 220.71 and 220.712."""
FIXED = {
    "gamma_0": 100.0, "gamma_min": 1.0, "gamma_max": 3e4, "t_var": 43200.0,
    "mu_s": (1 - 1 / (20 * 25)) / (1 - 1 / 20**2) ** 0.5, "r": 6e17, "L_disk": 6.7e45,
    "M_BH": 5.71e7, "eta": 1 / 12, "R_in": 6.0, "R_out": 3e4, "xi_dt": 0.6, "T_dt": 2000.0,
    "R_dt": 2.5e18 * 6.7**0.5,
}  # fmt: skip
REDSHIFT, MIN_FREQUENCY = 0.361, 1e11
SYSTEMATICS = {"MAGIC": 0.3, "Fermi-LAT": 0.1, "Swift-XRT": 0.1, "others": 0.05}
GRIDS: dict[str, dict[str, Any]] = {
    "published": {"electrons": None, "seeds": None, "external": [1, 9, 300]},
    "fine": {"electrons": 300, "seeds": [8, 23, 300], "external": [4000]},
}
"""Of agnpy: its wrapper's own, and one on which chi-square is within 0.1 of that of finer ones."""
RESTARTS = 2
SECOND = (0.07, 2.267, 0.3145, 27.58, -0.373)
"""Near a second minimum, which is no lower."""
_ALL = "agnpy's disk and torus"
LIGHT: dict[str, tuple[str, ...]] = {
    "its own": (),
    "agnpy's disk": ("disk",),
    _ALL: ("disk", "torus"),
}

Light = dict[str, tuple[np.ndarray, np.ndarray]]


class OthersLight(ExternalComptonModel):
    """The model with disk and torus as somebody else computes them, by name: ln Hz and nu F_nu."""

    def __init__(self, light: Light, per_decade: int = PER_DECADE) -> None:
        super().__init__(
            DISTRIBUTIONS["log-parabola"], REDSHIFT, targets=("torus",), per_decade=per_decade
        )
        self._light = light

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of processes by name, as `ExternalComptonModel.components`."""
        found = super().components(theta, frequencies)
        for name, (ln_nu, flux) in self._light.items():
            given = np.interp(np.log(frequencies), ln_nu, flux)
            found[name] = np.where(np.isnan(found[name]), np.nan, given)
        return found


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Find the minima of the published chi-square by agnpy and by xsurvey."""
    if peer is None:
        raise SystemExit("--peer: the table is agnpy's, and there is nothing to compare without it")
    request = {
        "fixed": FIXED | {"z": REDSHIFT}, "systematics": SYSTEMATICS,
        "min_frequency": MIN_FREQUENCY, "grids": {}, "places": {}, "starts": [],
        "restarts": trials(RESTARTS, fraction), "seed": seed,
    }  # fmt: skip
    theirs = ask(peer, request)
    points = select_points(read_sed(theirs["table"]), settings())
    likelihoods = all_likelihoods(points, theirs)
    ours = {name: best(likelihood) for name, likelihood in likelihoods.items()}
    places = {"published": list(PUBLISHED)}
    starts = {f"xsurvey, {name}": ours[name]["place"] for name in ("its own", _ALL)}
    found = ask(peer, request | {
        "grids": GRIDS, "places": places | starts, "starts": [*places, *starts],
    })  # fmt: skip
    for name, grid in found["grids"].items():
        lowest = min((s["lowest"] for s in grid["searches"].values()), key=lambda s: s["chi2"])
        grid["minimum"] = lowest | {"from_published": from_published(lowest["place"])}
        places[f"agnpy, {name}"] = lowest["place"]
    for name, likelihood in likelihoods.items():
        values = likelihood.statistic(np.array(list(places.values())))
        ours[name]["chi2_at"] = dict(zip(places, values.tolist(), strict=True))
    higher = second(peer, request, likelihoods[_ALL])
    return {
        "agnpy_version": found["agnpy"], "points": len(points), "parameters": NAMES,
        "published": {"place": PUBLISHED, "errors": ERRORS, "chi2": 220.71},
        "luminosity_in_agnpys_light": found["parts"],
        "agnpys_light": found["light"] | {"frequencies": found["frequencies"]}, "grids": GRIDS,
        "agnpy": found["grids"], "xsurvey": ours, "second_minimum": higher,
    }  # fmt: skip


def second(peer: str, request: dict[str, Any], likelihood: SedLikelihood) -> dict[str, Any]:
    """Return the minimum that is downhill from `SECOND`, by agnpy on the fine grid and by us."""
    answer = ask(peer, request | {
        "grids": {"fine": GRIDS["fine"]}, "places": {"second": SECOND}, "starts": ["second"],
        "restarts": 0,
    })  # fmt: skip
    theirs = answer["grids"]["fine"]["searches"]["second"]["lowest"]
    fit = fit_from(likelihood, np.array([SECOND]), intervals=False)
    ours = {"chi2": fit.statistic, "place": fit.theta.tolist()}
    return {
        name: found | {"from_published": from_published(found["place"])}
        for name, found in (("agnpy, fine", theirs), (f"xsurvey, {_ALL}", ours))
    }


def settings() -> SedFitParameters:
    """Return the fit's parameters: those of agnpy's documentation."""
    others = SYSTEMATICS["others"]
    named = tuple(f"{name}={part}" for name, part in SYSTEMATICS.items() if name != "others")
    return SedFitParameters(
        model="external-compton", target=("torus",), electrons="log-parabola",
        freeze=tuple(f"{name}={value!r}" for name, value in FIXED.items()),
        min_frequency=MIN_FREQUENCY, systematic=named, systematic_default=others,
    )  # fmt: skip


def all_likelihoods(points: SedPoints, theirs: dict[str, Any]) -> dict[str, SedLikelihood]:
    """Return likelihoods by whose light of disk and torus they have; the last one is finer."""
    nu, rows = np.unique(theirs["frequencies"], return_index=True)
    light: Light = {
        name: (np.log(nu), np.array(flux)[rows]) for name, flux in theirs["light"].items()
    }
    models = {
        name: OthersLight({part: light[part] for part in parts}) for name, parts in LIGHT.items()
    }
    models[f"{_ALL}, twice as fine"] = OthersLight(light, 2 * PER_DECADE)
    return {name: sed_likelihood(model, points, settings()) for name, model in models.items()}


def best(likelihood: SedLikelihood) -> dict[str, Any]:
    """Return the best fit, its intervals and how far it is from the published one."""
    fit = fit_sed(likelihood)
    ends = [(fit.intervals[i].lower, fit.intervals[i].upper) for i in range(len(NAMES))]
    return {
        "chi2": fit.statistic, "place": fit.theta.tolist(), "intervals": ends,
        "from_published": from_published(fit.theta), "notes": fit.notes,
    }  # fmt: skip


def from_published(place: Any) -> dict[str, list[float]]:
    """Return how far a place is from the published one, in the errors of both notebooks."""
    away = np.asarray(place) - PUBLISHED
    return {name: (away / np.array(errors)).tolist() for name, errors in ERRORS.items()}


def ask(python: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return agnpy's answer, as `agnpy_torus_fit` describes it."""
    done = subprocess.run(
        [str(peer_python("agnpy", python)), str(PROGRAMS / "agnpy_torus_fit.py")],
        input=json.dumps(request), capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"agnpy: {done.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    benchmark(
        run,
        seed=20261126,
        options={"peer": "the Python of an environment that has agnpy, or 'venv'"},
    )
