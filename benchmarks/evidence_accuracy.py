"""Evidences of closed forms: their bias and scatter over seeds, against the error quoted.

All priors are flat boxes of 100 standard deviations a side, all settings the defaults.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, trials
from xsurvey.inference.nested import Evidence, nested_sampling

SEEDS = 10
SIDE = 100.0  # of the box
Function = Callable[[np.ndarray], np.ndarray]


class Form(NamedTuple):
    """A normalised density, and ln of the part of it that is within the box."""

    dimensions: int
    log_likelihood: Function
    log_inside: float = 0.0


def gaussian(k: int, correlation: float = 0.0, centre: float = 0.0) -> Function:
    """Return ln of a Gaussian of unit variances, (b, k) to (b,)."""
    covariance = (1 - correlation) * np.eye(k) + correlation
    inverse = np.linalg.inv(covariance)
    constant = -0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]

    def value(x: np.ndarray) -> np.ndarray:
        return constant - 0.5 * np.einsum("bi,ij,bj->b", x - centre, inverse, x - centre)

    return value


def two_modes(k: int) -> Function:
    """Return ln of .7 of a Gaussian at 25 and .3 of one at -12.5, half as wide."""
    wide, narrow = gaussian(k, centre=25.0), gaussian(k)

    def value(x: np.ndarray) -> np.ndarray:
        second = narrow(2 * (x + 12.5)) + k * np.log(2)
        return np.logaddexp(np.log(0.7) + wide(x), np.log(0.3) + second)

    return value


def banana(k: int) -> Function:
    """Return ln of a Gaussian, three times as long in x0, and bent by x0^2 / 2 in x1."""
    straight = gaussian(k)

    def value(x: np.ndarray) -> np.ndarray:
        y = x.copy()
        y[:, 0] /= 3
        y[:, 1] -= 0.5 * (x[:, 0] ** 2 - 9)
        return straight(y) - np.log(3)

    return value


FORMS = {
    "gaussian_2": Form(2, gaussian(2)), "gaussian_6": Form(6, gaussian(6)),
    "gaussian_12": Form(12, gaussian(12)), "correlated_6": Form(6, gaussian(6, 0.95)),
    "two_modes_4": Form(4, two_modes(4)), "banana_4": Form(4, banana(4)),
    "banana_8": Form(8, banana(8)),
    "at_the_edge_6": Form(6, gaussian(6, centre=SIDE / 2), -6 * np.log(2)),
}  # fmt: skip


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure evidences of closed forms for several seeds."""
    seeds = np.random.SeedSequence(seed).generate_state(trials(SEEDS, fraction))
    return {"side_of_box": SIDE, "forms": {n: measure(f, seeds) for n, f in FORMS.items()}}


def measure(form: Form, seeds: np.ndarray) -> dict[str, Any]:
    """Return bias, scatter, quoted error and cost of one form."""
    started = time.process_time()
    names = [f"x{i}" for i in range(form.dimensions)]
    found: list[Evidence] = [
        nested_sampling(form.log_likelihood, lambda u: SIDE * (u - 0.5), names, seed=int(s))
        for s in seeds
    ]
    truth = form.log_inside - form.dimensions * np.log(SIDE)
    excess = np.array([e.log_evidence - truth for e in found])
    quoted = np.array([e.log_evidence_error for e in found])
    return {
        "runs": len(found), "log_evidence": truth, "excess": excess.tolist(),
        "bias": float(excess.mean()), "scatter": float(np.sqrt(np.mean(excess**2))),
        "quoted_error": float(quoted.mean()),
        "pull": float(np.sqrt(np.mean((excess / quoted) ** 2))),
        "largest_excess": float(np.abs(excess).max()),
        "information": float(np.mean([e.information for e in found])),
        "evaluations": float(np.mean([e.evaluations for e in found])),
        "cpu_s_each": (time.process_time() - started) / len(found),
        "warned": sum(bool(e.warnings) for e in found),
    }  # fmt: skip


if __name__ == "__main__":
    benchmark(run, 20261401, ("dynesty",))
