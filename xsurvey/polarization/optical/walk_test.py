r"""Whether a random walk of the Stokes parameters could have made the rotation that is seen.

Walks at the times of the series are scaled to its mean square polarization, noise of the series'
errors is added, and their angles are resolved and searched as those of the series were. Of a
library of walks with all lifetimes of cells those are kept that are most like the series in two
numbers that no rotation of all angles changes: the scatter of the degree over its mean, and the
mean square of the steps of (q, u) over that of (q, u). The share of these whose statistic
reaches that of the series is the probability. (Comparison with walks that have the mean and scatter
of the observed degree follows Kiehlmann et al. 2016, A&A 590, A10; the steps and the selection of
the nearest are ours.) Two statistics, each with its own probability:

- ``swing``: the largest swing of the angle (`xsurvey.polarization.optical.swings`);
- ``rate``: of the line through all angles the rate over its error: a *steady* rotation.

Where the smaller of both is taken, it is to be doubled. Where a stretch of a longer series was
chosen because it seems to rotate, only the search in the whole series has the trials in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.measurement import angle_of
from xsurvey.polarization.optical.ambiguity import least_changes
from xsurvey.polarization.optical.angle_error import measured_angle_error
from xsurvey.polarization.optical.linear_rotation import fit_rotations
from xsurvey.polarization.optical.random_walks import (
    CELL_POLARIZATION,
    RandomWalks,
    number_of_cells,
    random_walks,
)
from xsurvey.polarization.optical.series import PolarizationSeries
from xsurvey.polarization.optical.swings import FEWEST, TOLERANCE, largest_swings

_KEPT = 0.1  # part of the library


@dataclass(frozen=True)
class WalkTest:
    """What random walks say of the rotation of a series.

    Attributes
    ----------
    swing : float
        Largest swing, degrees; its sign is its direction.
    swing_first, swing_last : int
        Its measurements, counted from 0; -1 where there is none.
    rate_ratio : float
        Rate of the line through all angles over its error.
    swing_probability, rate_probability : float
        Chance that a walk like the series has such ones or larger, in either direction:
        (1 + those that have) / (1 + walks).
    walks : int
        That were compared with.
    scatter, roughness : float
        Of the series: scatter of the degree over its mean, mean square of steps over mean square.
    walk_scatter, walk_roughness : (float, float)
        Central 68 % of these of the walks: where the series is far outside, no walk is like it.
    lifetime : (float, float)
        Central 68 % of the lifetimes of cells of the walks, days.
    """

    swing: float
    swing_first: int
    swing_last: int
    rate_ratio: float
    swing_probability: float
    rate_probability: float
    walks: int
    scatter: float
    roughness: float
    walk_scatter: tuple[float, float]
    walk_roughness: tuple[float, float]
    lifetime: tuple[float, float]


def library_of_walks(
    series: PolarizationSeries, number: int = 10_000, seed: int = 0,
    cell_polarization: float = CELL_POLARIZATION,
) -> RandomWalks:  # fmt: skip
    """Return walks at the times of a series, of as many cells as its mean degree asks for.

    Raises
    ------
    ValueError
        As `random_walks`, or a series whose polarization is within its noise.
    """
    return random_walks(
        series.mjd, number_of_cells(_mean_square(series) ** 0.5, cell_polarization), number, seed
    )


def compare_with_walks(
    series: PolarizationSeries, walks: RandomWalks, seed: int = 0, tolerance: float = TOLERANCE,
    fewest: int = FEWEST,
) -> WalkTest:  # fmt: skip
    """Compare the rotation of a series with random walks.

    Parameters
    ----------
    series : PolarizationSeries
        Four measurements or more.
    walks : RandomWalks
        At the same times: `library_of_walks`. A tenth of them is compared with.
    seed : int
        Of the noise.
    tolerance, fewest
        Of `xsurvey.polarization.optical.swings.largest_swings`.

    Raises
    ------
    ValueError
        Other times, too few measurements, too few walks, or a polarization within its noise.
    """
    if len(series) < max(fewest, 4) or not np.array_equal(series.mjd, walks.mjd):
        raise ValueError("walks are at the times of the series, four measurements or more")
    kept = int(_KEPT * len(walks.stokes))
    if kept < 20:
        raise ValueError("too few walks: a tenth of them, 20 or more, are compared with")
    scale = np.sqrt(_mean_square(series))
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((2, *walks.stokes.shape)) * series.pd_error
    q, u, _ = series.stokes
    own = _summaries((q + 1j * u)[None])[0]
    simulated = scale * walks.stokes + noise[0] + 1j * noise[1]
    nearest = _nearest(_summaries(simulated), own, kept)
    like = simulated[nearest]
    found = _statistics(series, like, None, tolerance, fewest)
    seen = _statistics(series, (q + 1j * u)[None], series.pa_error, tolerance, fewest)
    swings = largest_swings(least_changes(series.pa_deg[None]), series.pa_error, tolerance, fewest)
    summary = np.quantile(_summaries(like), (0.16, 0.84), axis=0)
    life = np.quantile(walks.lifetime[nearest], (0.16, 0.84))
    return WalkTest(
        float(swings.amplitude[0]), int(swings.first[0]), int(swings.last[0]), float(seen[1][0]),
        _share(np.abs(found[0]), abs(seen[0][0])), _share(np.abs(found[1]), abs(seen[1][0])), kept,
        float(own[0]), float(np.exp(own[1])), (float(summary[0, 0]), float(summary[1, 0])),
        (float(np.exp(summary[0, 1])), float(np.exp(summary[1, 1]))),
        (float(life[0]), float(life[1])),
    )  # fmt: skip


def _mean_square(series: PolarizationSeries) -> float:
    """Return the mean square of the degree without that of the noise."""
    value = float((series.pd**2 - 2 * series.pd_error**2).mean())
    # less than two of its errors, of n sums of two squared Gaussians
    spread = 2 * float(np.sqrt((series.pd_error**4 + series.pd_error**2 * series.pd**2).sum()))
    if value * len(series) <= 2 * spread:
        raise ValueError("the polarization of the series is within its noise: it has no angle")
    return value


def _summaries(stokes: np.ndarray) -> np.ndarray:
    """Return scatter over mean of the degree, and log of squares of steps, shape (m, 2)."""
    degree = np.abs(stokes)
    steps = (np.abs(np.diff(stokes, axis=1)) ** 2).mean(axis=1) / (degree**2).mean(axis=1)
    return np.stack([degree.std(axis=1) / degree.mean(axis=1), np.log(steps)], axis=1)


def _nearest(values: np.ndarray, own: np.ndarray, kept: int) -> np.ndarray:
    """Return which of m pairs are nearest to one, in units of their scatter over all."""
    away = (values - own) / values.std(axis=0)
    return np.sort(np.argpartition((away**2).sum(axis=1), kept - 1)[:kept])


def _statistics(
    series: PolarizationSeries, stokes: np.ndarray, error: np.ndarray | None, tolerance: float,
    fewest: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the largest swings and the rates over their errors, shape (m,)."""
    if error is None:
        error = measured_angle_error(np.abs(stokes), np.broadcast_to(series.pd_error, stokes.shape))
    angle = least_changes(angle_of(stokes.real, stokes.imag))
    line = fit_rotations(series.mjd, angle, error)
    return largest_swings(angle, error, tolerance, fewest).amplitude, line.rate / line.rate_error


def _share(values: np.ndarray, observed: float) -> float:
    reached = int((values >= observed * (1 - 1e-12)).sum())
    return (1 + reached) / (1 + len(values))
