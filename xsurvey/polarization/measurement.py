"""What is asked of q, u and their covariance before anything is made of them."""

from __future__ import annotations

import numpy as np


def checked(
    q: np.ndarray | float, u: np.ndarray | float, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return measurements as arrays of floats.

    Parameters
    ----------
    q, u : ndarray, shape (...)
        Normalised Stokes parameters. NaN where there is no measurement (a bin without events).
    covariance : ndarray, shape (..., 2, 2)

    Raises
    ------
    ValueError
        Shapes that do not fit, a covariance that is not symmetric and positive definite where q and
        u are finite, or infinite values.
    """
    q, u, covariance = np.asarray(q, float), np.asarray(u, float), np.asarray(covariance, float)
    if q.shape != u.shape or covariance.shape != (*q.shape, 2, 2):
        raise ValueError(f"q {q.shape}, u {u.shape} and covariance {covariance.shape} do not fit")
    if np.isinf(q).any() or np.isinf(u).any() or np.isinf(covariance).any():
        raise ValueError("an infinite Stokes parameter or covariance")
    is_measured = measured(q, u, covariance)
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    uneven = np.abs(b - covariance[..., 1, 0]) > 1e-9 * np.sqrt(np.abs(a * c))
    if np.any(is_measured & (uneven | (a <= 0) | (a * c - b**2 <= 0))):
        raise ValueError("a covariance of q and u is not symmetric and positive definite")
    return q, u, covariance


def measured(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Tell where there is a measurement, shape (...): nothing of it is NaN."""
    return np.isfinite(q) & np.isfinite(u) & np.isfinite(covariance).all(axis=(-1, -2))


def inverse(covariance: np.ndarray) -> np.ndarray:
    """Return the inverses of covariances of q and u, shape (..., 2, 2)."""
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    result = np.empty_like(covariance)
    result[..., 0, 0], result[..., 1, 1] = c, a
    result[..., 0, 1] = result[..., 1, 0] = -b
    return result / (a * c - b**2)[..., None, None]


def angle_of(q: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the position angle of Stokes parameters, degrees in (-90, 90]."""
    angle = 0.5 * np.degrees(np.arctan2(u, q))
    return np.where(angle <= -90, 90.0, angle)  # -180 of arctan2 comes with u = -0


def within_half_turn(angle: np.ndarray | float) -> np.ndarray:
    """Return position angles of any size, degrees, in (-90, 90]."""
    return 90 - (90 - np.asarray(angle, float)) % 180
