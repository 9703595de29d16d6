"""Test of constancy of light curves with few counts, by simulation of the constant source.

The statistic is the likelihood ratio of free rates to a constant one. At a few counts a visit it
is not distributed as chi-squared, so that its p-value is measured on simulated light curves with
as many counts in the source region as were observed:

- without background the total is sufficient for the rate, and given it the counts of the bins are
  multinomial with the exposures as probabilities: the p-value is exact but for the number of
  trials;
- with background the probabilities are the expected counts of the fitted constant source and
  background, counts in the background region are Poisson about the fitted background, and both
  are fitted again (a parametric bootstrap given the total, which becomes the exact test as the
  background goes to zero; without the condition it calls too many sources of a few counts
  variable).

Where neither region has counts in most bins, the background of every bin cannot be fitted: below
k / (1 + k) counts a bin all counts are explained by it, whatever the rate. Neighbouring bins are
then merged for the test until there are enough.

Trials in which the statistic is equal to the observed one count as beyond it. Where few outcomes
are possible, below about five counts in all, the test is therefore conservative: it calls fewer
constant sources variable than the significance says (docs/lightcurves.md has the numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.timing.constant_rate import constancy_statistic, profiled_background

# a light curve with this many trials beyond its statistic is constant enough to stop
_ENOUGH = 50
_FIRST_ROUND = 199
_GROWTH = 5
_VALUES_AT_ONCE = 30_000  # arrays of this length stay in a processor's cache
_EQUAL = 1e-9
_SPARSE = 3.0  # background counts a bin, on average, that tell it well enough
_SAFE = 5.0  # counts a bin, in units of k / (1 + k)


@dataclass(frozen=True)
class ConstancyTest:
    """Result of the test of n light curves; arrays of shape (n,).

    Attributes
    ----------
    statistic : ndarray
        Twice the logarithm of the likelihood ratio; NaN with fewer than two exposed bins.
    rate : ndarray
        The constant rate that fits best, counts a unit of exposure; NaN without exposure.
    p_value : ndarray
        Chance that a constant source gives the statistic or more: (1 + trials beyond it) /
        (1 + trials), never zero. NaN where the statistic is.
    p_value_error : ndarray
        Its standard error from the number of trials.
    trials : ndarray of int
        Simulated light curves.
    bins : ndarray of int
        Exposed bins, before any are merged for the test.
    """

    statistic: np.ndarray
    rate: np.ndarray
    p_value: np.ndarray
    p_value_error: np.ndarray
    trials: np.ndarray
    bins: np.ndarray


def constancy_test(
    counts: np.ndarray, background_counts: np.ndarray, background_scale: np.ndarray,
    exposure: np.ndarray, trials: int = 9999, seed: int = 0,
) -> ConstancyTest:  # fmt: skip
    """Test whether light curves are those of constant sources.

    Parameters
    ----------
    counts, background_counts : ndarray, shape (n, bins)
        Counts in the source region and in the background region.
    background_scale : ndarray, shape (n, bins)
        Expected background counts in the source region a count in the background region; zero
        without a background region.
    exposure : ndarray, shape (n, bins)
        Effective exposure, s; bins of zero exposure are left out, so that ragged light curves can
        be padded with them.
    trials : int
        Largest number of simulations of a light curve; fewer are made where the p-value is
        large: the simulations stop at 50 beyond the observed statistic.
    seed : int
        Light curve i is simulated with a seed of its own, made of this one and i, whatever the
        others are.

    Returns
    -------
    ConstancyTest

    Raises
    ------
    ValueError
        Negative numbers, or some that are not finite, in exposed bins.

    Notes
    -----
    Stopping early is that of Besag & Clifford (1991, Biometrika 78, 301), in rounds.
    """
    data = [np.asarray(v, float) for v in (counts, background_counts, background_scale, exposure)]
    data = [np.array(v) for v in np.broadcast_arrays(*data)]
    if data[0].ndim != 2:
        raise ValueError("light curves are arrays of shape (n, bins)")
    used = data[3] > 0
    if any(not np.all(v[used] >= 0) or not np.all(np.isfinite(v[used])) for v in data):
        raise ValueError("counts, scales and exposures are finite and not negative")
    data = [np.where(used, v, 0) for v in data]
    bins = used.sum(axis=1)
    result = np.full((4, len(bins)), np.nan)
    done = np.zeros(len(bins), int)
    for i in range(len(bins)):
        if bins[i] < 1:
            continue
        curve = with_enough_counts([v[i : i + 1, used[i]] for v in data])
        statistic, rate = constancy_statistic(*curve)
        result[1, i] = rate[0]
        if bins[i] < 2:
            continue
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))
        beyond, done[i] = _count_beyond(statistic[0], rate[0], curve, trials, generator)
        result[0, i] = statistic[0]
        result[2:, i] = _p_value(beyond, done[i])
    return ConstancyTest(result[0], result[1], result[2], result[3], done, bins)


def _p_value(beyond: int, trials: int) -> tuple[float, float]:
    # the error is that of the posterior of a probability: it is not zero for 0 of n
    spread = (beyond + 1) * (trials - beyond + 1) / ((trials + 2) ** 2 * (trials + 3))
    return (1 + beyond) / (1 + trials), float(np.sqrt(spread))


def _count_beyond(
    statistic: float, rate: float, curve: list[np.ndarray], trials: int,
    generator: np.random.Generator,
) -> tuple[int, int]:  # fmt: skip
    """Return how many simulated light curves reach the statistic, and how many were made."""
    beyond = done = 0
    goal = min(_FIRST_ROUND, trials)
    most = max(1, _VALUES_AT_ONCE // curve[0].shape[1])
    while True:
        while done < goal:
            number = min(goal - done, most)
            simulated = simulate_constant(rate, curve, number, generator)
            reached = constancy_statistic(*simulated)[0] >= statistic - _EQUAL * (1 + statistic)
            beyond += int(np.count_nonzero(reached))
            done += number
        if done >= trials or beyond >= _ENOUGH:
            return beyond, done
        goal = min(goal * _GROWTH, trials)


def with_enough_counts(curve: list[np.ndarray]) -> list[np.ndarray]:
    """Merge neighbouring bins of a light curve too sparse for the background of each to be fitted.

    Parameters
    ----------
    curve : list of ndarray, shape (1, bins)
        Counts, background counts, scale and exposure.

    Returns
    -------
    list of ndarray, shape (1, fewer bins)
        As it is where it has no background region, or enough counts; never less than two bins.
    """
    counts, background_counts, scale, exposure = curve
    bins = counts.shape[1]
    mean = float(np.average(scale, weights=exposure))
    total = max(float(counts.sum()), 1.0)
    factor = int(np.ceil(_SAFE * mean / (1 + mean) * bins / total))
    if background_counts.sum() >= _SPARSE * bins or factor <= 1 or bins <= 2:
        return curve
    first = np.arange(0, bins, min(factor, (bins + 1) // 2))
    sums = [
        np.add.reduceat(v, first, axis=1)
        for v in (counts, background_counts, scale * exposure, exposure)
    ]
    return [sums[0], sums[1], sums[2] / sums[3], sums[3]]


def simulate_constant(
    rate: float, curve: list[np.ndarray], number: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Draw light curves of a constant source under the conditions and total of an observed one.

    Parameters
    ----------
    rate : float
        Of the source.
    curve : list of ndarray, shape (1, bins)
        Counts, background counts, scale and exposure that were observed.
    number : int
    generator : Generator

    Returns
    -------
    list of ndarray, shape (number, bins)
        The same four, drawn.
    """
    counts, background_counts, scale, exposure = curve
    shape = (number, counts.shape[1])
    conditions = [np.broadcast_to(v, shape) for v in (scale, exposure)]
    source = rate * exposure
    background = profiled_background(source, counts, background_counts, scale)
    expected = (source + scale * background)[0]
    # without any expected count there was none observed, and the shares do not matter
    expected = expected if expected.sum() > 0 else exposure[0]
    drawn = generator.multinomial(round(counts.sum()), expected / expected.sum(), size=number)
    drawn_background = background_counts
    if np.any(scale > 0):
        drawn_background = generator.poisson(background, shape).astype(float)
    return [drawn.astype(float), np.broadcast_to(drawn_background, shape), *conditions]
