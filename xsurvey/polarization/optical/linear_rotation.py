r"""The rate of a rotation: a line through resolved angles, with scatter beyond their errors.

.. math:: \theta_i \sim N\big(\theta_0 + \omega (t_i - \bar t),\; \sigma_i^2 + s^2\big)

The scatter s is that of largest restricted likelihood, which the two parameters of the line do not
make too small (Patterson & Thompson 1971, from memory); the line is then the weighted one. Its
error is right for scatter that is independent between measurements, not for an angle that
wanders: whether a walk could have made the rotation is the question of
`xsurvey.polarization.optical.walk_test`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_GRID = 25


@dataclass(frozen=True)
class LinearRotation:
    """Lines through m series; arrays of shape (m,).

    Attributes
    ----------
    rate, rate_error : ndarray
        Degrees a day.
    angle_deg, angle_error : ndarray
        At the reference time, degrees; not correlated with the rate.
    reference_mjd : ndarray
    scatter : ndarray
        Beyond the errors, degrees.
    """

    rate: np.ndarray
    rate_error: np.ndarray
    angle_deg: np.ndarray
    angle_error: np.ndarray
    reference_mjd: np.ndarray
    scatter: np.ndarray


def fit_rotations(mjd: np.ndarray, angle_deg: np.ndarray, error: np.ndarray) -> LinearRotation:
    """Fit lines with scatter.

    Parameters
    ----------
    mjd : ndarray, shape (n,)
    angle_deg : ndarray, shape (m, n)
        Resolved angles.
    error : ndarray, shape (m, n) or (n,)
        Degrees, above zero.

    Raises
    ------
    ValueError
        Less than three measurements.
    """
    if len(mjd) < 3:
        raise ValueError("a rate and its scatter need three measurements or more")
    angle = np.asarray(angle_deg, float)
    noise = np.broadcast_to(np.asarray(error, float), angle.shape) ** 2
    time = mjd - mjd.mean()
    spread = angle.std(axis=1) + np.sqrt(noise.mean(axis=1))
    # none at all, or from far below the errors up; then finer about the best
    grid = np.concatenate(([0.0], np.geomspace(1e-3, 3.0, _GRID)))
    first = _best(grid[:, None] * spread, time, angle, noise)
    fine = np.linspace(0.7, 1.42, _GRID)[:, None] * first
    scatter = _best(fine, time, angle, noise)
    rate, centre, offset, s0, s2 = _line(time, angle, 1 / (noise + scatter[:, None] ** 2))
    return LinearRotation(
        rate, 1 / np.sqrt(s2), offset, 1 / np.sqrt(s0), centre + mjd.mean(), scatter
    )


def _line(time: np.ndarray, angle: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return rate, mean time, mean angle, sum of weights and of weighted squares of times."""
    s0 = weight.sum(axis=-1)
    centre = (weight * time).sum(axis=-1) / s0
    mean = (weight * angle).sum(axis=-1) / s0
    since = time - centre[..., None]
    s2 = (weight * since**2).sum(axis=-1)
    return (weight * since * angle).sum(axis=-1) / s2, centre, mean, s0, s2


def _best(
    scatter: np.ndarray, time: np.ndarray, angle: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """Return the scatter, of some (k, m), of largest restricted likelihood, shape (m,)."""
    top, chosen = np.full(len(angle), -np.inf), scatter[0]
    for value in scatter:
        variance = noise + value[:, None] ** 2
        rate, centre, mean, s0, s2 = _line(time, angle, 1 / variance)
        left = angle - mean[:, None] - rate[:, None] * (time - centre[:, None])
        log = -0.5 * (np.log(variance) + left**2 / variance).sum(axis=1) - 0.5 * np.log(s0 * s2)
        chosen, top = np.where(log > top, value, chosen), np.maximum(log, top)
    return chosen
