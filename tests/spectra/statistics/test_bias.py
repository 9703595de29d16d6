"""The table of biases in docs/spectra/statistics.md."""

import numpy as np
import pytest
from scipy import optimize

from xsurvey.spectra.statistics import ChiSquare, Statistic, WStat

BINS, TRIALS = 100, 100


def mean_errors(m: float, b: float, tau: float) -> dict[str, tuple[float, float]]:
    """Return mean error of a normalisation in per cent, and the error of this mean."""
    rng = np.random.default_rng(50)
    found: dict[str, list[float]] = {}
    for _ in range(TRIALS):
        s, back = rng.poisson(m + b, BINS), rng.poisson(tau * b, BINS)
        statistics: list[Statistic] = [WStat(s, back, 1.0, tau)]
        statistics += [ChiSquare(s, back, 1 / tau, v) for v in ("data", "gehrels", "model")]  # type: ignore[arg-type]
        for name, statistic in zip(("wstat", "data", "gehrels", "model"), statistics, strict=True):
            best = optimize.minimize_scalar(
                lambda x, c=statistic: float(c.total(np.full(BINS, x))),
                bounds=(1e-6, 5 * m + 5), method="bounded",
            )  # fmt: skip
            found.setdefault(name, []).append(100 * (best.x / m - 1))
    return {n: (np.mean(v), np.std(v) / np.sqrt(TRIALS)) for n, v in found.items()}


@pytest.mark.parametrize(
    ("m", "b", "tau", "expected"),
    [
        (1.0, 0.25, 0.4, {"wstat": -81, "data": -14, "gehrels": 0, "model": 63}),
        (5.0, 0.25, 4.0, {"wstat": 0, "data": -30, "gehrels": -13, "model": 10}),
        (25.0, 5.0, 4.0, {"wstat": 0, "data": -3.6, "gehrels": -2.9, "model": 2.4}),
    ],
)
def test_biases(m: float, b: float, tau: float, expected: dict[str, float]) -> None:
    found = mean_errors(m, b, tau)
    for name, value in expected.items():
        mean, error = found[name]
        assert mean == pytest.approx(value, abs=4 * error + 0.5), name
