"""Positions by maximum likelihood: a Gaussian of free place, size and counts on a background.

The background may be higher than its map says, by a factor that is fitted too, since a
source may sit on a nebula finer than the map.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

_ITERATIONS = 200
_TOLERANCE = 1e-4
RADIUS_68 = float(np.sqrt(-2 * np.log(1 - 0.6827)))
"""Radius of the circle holding 68.27 % of a 2-D Gaussian, in its sigma."""


@dataclass(frozen=True)
class FittedPosition:
    """Where a source is.

    Attributes
    ----------
    x, y : float
        0-based image pixels.
    error : float
        Radius of the 68 % circle in pixels, statistical only.
    sigma : float
        Fitted Gaussian width in pixels.
    counts : float
        Fitted counts.
    """

    x: float
    y: float
    error: float
    sigma: float
    counts: float


def fit_position(
    counts: np.ndarray, background: np.ndarray, x: float, y: float, sigma: float
) -> FittedPosition:
    """Fit one source by expectation maximisation, from a starting place.

    Parameters
    ----------
    counts, background : ndarray, shape (ny, nx)
    x, y : float
        Start, 0-based pixels.
    sigma : float
        Starting width in pixels; the fit may go from half to twice it, and stays within
        two widths of the start.

    Returns
    -------
    FittedPosition

    Notes
    -----
    The 68 % radius comes from the Fisher information of x and y at the solution, the mean
    of both axes; a source without net counts keeps its start and the width as its error.
    """
    reach = int(np.ceil(4 * sigma)) + 1
    row, column = round(float(y)), round(float(x))
    rows = np.arange(max(row - reach, 0), min(row + reach + 1, counts.shape[0]))
    columns = np.arange(max(column - reach, 0), min(column + reach + 1, counts.shape[1]))
    data = counts[np.ix_(rows, columns)]
    level = np.maximum(background[np.ix_(rows, columns)], 1e-12)
    limit = 2 * sigma + 1
    smallest, largest = max(0.3, sigma / 2), 2 * sigma
    fx, fy, width = float(x), float(y), sigma
    total = max(float((data - level).sum()), 1.0)
    map_level, raised = level, 1.0
    for _ in range(_ITERATIONS):
        gx, gy = _pixel_gaussian(columns, fx, width), _pixel_gaussian(rows, fy, width)
        source = total * np.outer(gy, gx)
        level = raised * map_level
        share = data * source / (source + level)
        new_total = float(share.sum())
        if new_total <= 1e-3:
            return FittedPosition(x, y, RADIUS_68 * sigma, sigma, 0.0)
        nx = float((share * columns).sum() / new_total)
        ny = float((share * rows[:, None]).sum() / new_total)
        spread = ((columns - nx) ** 2 + (rows[:, None] - ny) ** 2 - 1 / 6) / 2
        width = float(np.sqrt(np.clip((share * spread).sum() / new_total, smallest**2, largest**2)))
        raised = max(1.0, float((data.sum() - new_total) / map_level.sum()))
        moved = np.hypot(nx - fx, ny - fy) + abs(new_total - total) / max(total, 1)
        fx, fy, total = nx, ny, new_total
        if moved < _TOLERANCE:
            break
    if np.hypot(fx - x, fy - y) > limit:  # ran away to a brighter neighbour
        fx, fy, width = float(x), float(y), sigma
    error = RADIUS_68 * _standard_error(rows, columns, level, fx, fy, width, total)
    return FittedPosition(fx, fy, min(error, RADIUS_68 * width), width, total)


def _pixel_gaussian(pixels: np.ndarray, centre: float, sigma: float) -> np.ndarray:
    edges = np.concatenate([pixels - 0.5, pixels[-1:] + 0.5])
    return np.diff(special.ndtr((edges - centre) / sigma))


def _standard_error(
    rows: np.ndarray, columns: np.ndarray, level: np.ndarray, x: float, y: float,
    sigma: float, total: float,
) -> float:  # fmt: skip
    gx, gy = _pixel_gaussian(columns, x, sigma), _pixel_gaussian(rows, y, sigma)
    model = total * np.outer(gy, gx) + level
    edges_x = np.concatenate([columns - 0.5, columns[-1:] + 0.5])
    edges_y = np.concatenate([rows - 0.5, rows[-1:] + 0.5])
    slope_x = -np.diff(_density(edges_x, x, sigma))
    slope_y = -np.diff(_density(edges_y, y, sigma))
    information_x = np.sum((total * np.outer(gy, slope_x)) ** 2 / model)
    information_y = np.sum((total * np.outer(slope_y, gx)) ** 2 / model)
    return float(np.sqrt(0.5 * (1 / max(information_x, 1e-12) + 1 / max(information_y, 1e-12))))


def _density(edges: np.ndarray, centre: float, sigma: float) -> np.ndarray:
    z = (edges - centre) / sigma
    return np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * sigma)
