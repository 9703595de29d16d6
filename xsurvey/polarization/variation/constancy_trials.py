r"""Tests of constancy that hold with few events a bin.

Two ways to what the statistic would be of a constant polarization:

- `permuted_constancy`: events change places between bins. If the polarization, and the
  distribution of energies and weights, do not depend on time, all orders are equally probable: the
  probability is exact, whatever the number of events, distribution of angles and rates of the bins.
- `simulated_constancy`: angles of the events are drawn from the mean polarization, each with the
  modulation factor of its energy. Energies may differ between bins, which may be bins of energy.
  The mean is that of the data (a parametric bootstrap).

Statistics are sums over bins of :math:`|\sum w (z - \bar z)|^2` over the variance that is expected
of it, chi-squared of 2 (n - 1) degrees of freedom for many events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_AT_ONCE = 2_000_000  # events times trials


@dataclass(frozen=True)
class TrialTest:
    """A probability from trials.

    Attributes
    ----------
    statistic : float
    probability : float
        (1 + trials that reach the statistic) / (1 + trials): never 0, at most at its level.
    trials : int
    bins : int
        With events.
    """

    statistic: float
    probability: float
    trials: int
    bins: int


def permuted_constancy(
    q: np.ndarray, u: np.ndarray, bin_index: np.ndarray, weight: np.ndarray | float = 1.0,
    modulation: np.ndarray | float = 1.0, *, trials: int = 999, seed: int = 0,
) -> TrialTest:  # fmt: skip
    """Test constancy by permutations of events between bins.

    Parameters
    ----------
    q, u : ndarray, shape (e,)
        2 cos 2 psi and 2 sin 2 psi of events.
    bin_index : ndarray of int, shape (e,)
        The bin of each.
    weight, modulation : float or ndarray, shape (e,)
        As in `binned_sums.binned_sums`.
    trials, seed : int

    Raises
    ------
    ValueError
        Less than two bins with events or three events, values that are not finite, no trials.
    """
    z, w, index, _ = _events(q, u, bin_index, weight, modulation, trials)
    order = np.argsort(index, kind="stable")
    start = np.flatnonzero(np.diff(index[order], prepend=-1))
    # whitened: one variance, no correlation
    away = z - (w * z).sum() / w.sum()
    moments = np.cov(np.stack([away.real, away.imag]), aweights=w**2)
    if not np.linalg.det(moments) > 1e-12 * np.trace(moments) ** 2:
        raise ValueError("events of one angle: their covariance is singular")
    white = np.linalg.solve(np.linalg.cholesky(moments), np.stack([away.real, away.imag]))
    terms = w * (white[0] + 1j * white[1])

    def statistic(at: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(terms[at], start, axis=-1)
        return np.asarray(
            (np.abs(sums) ** 2 / np.add.reduceat(w[at] ** 2, start, axis=-1)).sum(axis=-1)
        )

    generator = np.random.default_rng(seed)
    observed = float(statistic(order))
    reached = 0
    for number in _blocks(trials, len(z)):
        shuffled = generator.permuted(np.tile(np.arange(len(z)), (number, 1)), axis=1)
        reached += int((statistic(shuffled) >= observed * (1 - 1e-12)).sum())
    return TrialTest(observed, (1 + reached) / (1 + trials), trials, len(start))


def simulated_constancy(
    q: np.ndarray, u: np.ndarray, bin_index: np.ndarray, weight: np.ndarray | float = 1.0,
    modulation: np.ndarray | float = 1.0, *, trials: int = 999, seed: int = 0,
) -> TrialTest:  # fmt: skip
    """Test constancy by events that are simulated with the mean polarization.

    Parameters and errors are those of `permuted_constancy`; events keep energy, weight and bin.
    A mean polarization above 1, of a few events, is taken as 1.
    """
    z, w, index, mu = _events(q, u, bin_index, weight, modulation, trials)
    order = np.argsort(index, kind="stable")
    z, w, mu = z[order], w[order], mu[order]
    start = np.flatnonzero(np.diff(index[order], prepend=-1))
    sum_w = np.add.reduceat(w, start)
    variance = np.add.reduceat(w**2 * 2 / mu**2, start)

    def mean_of(sums: np.ndarray) -> np.ndarray:
        part = sum_w / variance
        return np.asarray((sums * part).sum(axis=-1) / (sum_w * part).sum())

    def statistic(values: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(w * values, start, axis=-1)
        away = sums - mean_of(sums)[..., None] * sum_w
        return np.asarray((np.abs(away) ** 2 / variance).sum(axis=-1))

    mean = complex(mean_of(np.add.reduceat(w * z, start)))
    degree, angle = min(abs(mean), 1.0), np.angle(mean)
    observed = float(statistic(z))
    generator = np.random.default_rng(seed)
    reached = 0
    for number in _blocks(trials, len(z)):
        turn = modulated_angles(mu * degree, (number, len(z)), generator)
        drawn = 2 * np.exp(1j * (turn + angle)) / mu
        reached += int((statistic(drawn) >= observed * (1 - 1e-12)).sum())
    return TrialTest(observed, (1 + reached) / (1 + trials), trials, len(start))


def modulated_angles(
    amplitude: np.ndarray | float, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """Draw phi = 2 (psi - psi0), radians, of the density (1 + a cos phi) / 2 pi, 0 <= a <= 1.

    A uniform angle is kept with probability (1 + a cos phi) / 2 and turned by pi otherwise, which
    together is that density: nothing is rejected.
    """
    angle = generator.uniform(0, 2 * np.pi, shape)
    kept = 2 * generator.random(shape) < 1 + amplitude * np.cos(angle)
    return np.where(kept, angle, angle + np.pi)


def _events(
    q: np.ndarray, u: np.ndarray, bin_index: np.ndarray, weight: np.ndarray | float,
    modulation: np.ndarray | float, trials: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    z = np.asarray(q, float) + 1j * np.asarray(u, float)
    w = np.broadcast_to(np.asarray(weight, float), z.shape)
    mu = np.broadcast_to(np.asarray(modulation, float), z.shape)
    index = np.asarray(bin_index)
    if z.ndim != 1 or index.shape != z.shape or trials < 1:
        raise ValueError("q, u and bins of events are not of one length, or there are no trials")
    if not (np.isfinite(z).all() and np.all(mu > 0) and np.all(w >= 0) and np.isfinite(w).all()):
        raise ValueError("a Stokes parameter, weight or modulation is not a usable number")
    if np.any(index < 0):
        raise ValueError("bins are counted from zero")
    used = w > 0
    if len(np.unique(index[used])) < 2 or used.sum() < 3:
        raise ValueError("constancy is of two bins with three events, or more")
    return (z / mu)[used], w[used], index[used], mu[used]


def _blocks(trials: int, events: int) -> list[int]:
    most = max(1, _AT_ONCE // events)
    return [min(most, trials - done) for done in range(0, trials, most)]
