"""Records for JSON of what measurements say along an assumed angle, and of their ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xsurvey.polarization.contours import LEVELS, stokes_ellipses
from xsurvey.polarization.intervals import ONE_SIGMA
from xsurvey.polarization.known_angle import KnownAngle, known_angle
from xsurvey.polarization.records import LIMITS
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.uncertain_angle import uncertain_angle


def sound_measurements(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return measurements with NaN where the covariance is not positive definite.

    Cubes have errors of degrees near 1 / mu whose covariance is none.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    """
    good = np.isfinite(polarization_chi2(q, u, covariance))
    return (
        np.where(good, q, np.nan), np.where(good, u, np.nan),
        np.where(good[:, None, None], covariance, np.nan),
    )  # fmt: skip


def known_angle_records(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, angle_deg: float,
    angle_error_deg: float = 0.0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what measurements say of the degree along an assumed angle, a record each.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
        Normalised.
    covariance : ndarray, shape (n, 2, 2)
    angle_deg, angle_error_deg : float
        Assumed angle and its standard deviation, degrees.

    Returns
    -------
    list of dict
        ``angle_deg``, ``error_deg``; ``pd`` and ``pd_err``, the projection on the angle, which may
        be negative, and its 1 sigma error; ``pd_lower``, ``pd_upper`` at ``confidence`` and the
        limits ``pd_upper_99`` and ``pd_upper_9973``, with the error of the angle if it has one;
        ``across`` and ``across_err`` at 45 degrees; ``significance`` (sigma, one-sided) and
        ``log_probability`` of no polarization; ``consistency``, the chance of the component across
        if the angle is right, its error aside. NaN where there is no measurement.

    Raises
    ------
    ValueError
        As `known_angle` and `uncertain_angle`.
    """
    q, u, covariance = sound_measurements(q, u, covariance)
    found = known_angle(q, u, covariance, angle_deg)
    if angle_error_deg > 0:
        ends = [
            _uncertain(q[i], u[i], covariance[i], angle_deg, angle_error_deg) for i in range(len(q))
        ]
    else:
        ends = _ends(found)
    names = ("pd_lower", "pd_upper", "pd_upper_99", "pd_upper_9973")
    return [
        {
            "angle_deg": angle_deg, "error_deg": angle_error_deg, "pd": found.pd[i],
            "pd_err": found.error[i], **dict(zip(names, ends[i], strict=True)),
            "confidence": ONE_SIGMA, "across": found.across[i],
            "across_err": found.across_error[i], "significance": found.significance[i],
            "log_probability": found.log_probability[i], "consistency": found.consistency[i],
        }
        for i in range(len(q))
    ]  # fmt: skip


def ellipse_records(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, levels: Sequence[float] = LEVELS
) -> list[list[dict[str, float]]]:
    """Return the confidence ellipses of measurements in the plane of q and u.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
        Normalised.
    covariance : ndarray, shape (n, 2, 2)
    levels : sequence of float
        Probabilities.

    Returns
    -------
    list of list of dict
        For each measurement one a level: ``level``, ``q``, ``u`` of the centre, ``semi_major``,
        ``semi_minor`` and ``angle_deg`` from the q axis to the major axis; none where there is no
        measurement.
    """
    found = stokes_ellipses(*sound_measurements(q, u, covariance), levels)
    return [
        [
            {
                "level": float(level), "q": float(found.q[i]), "u": float(found.u[i]),
                "semi_major": float(found.semi_major[i, k]),
                "semi_minor": float(found.semi_minor[i, k]),
                "angle_deg": float(found.angle_deg[i]),
            }
            for k, level in enumerate(found.levels) if np.isfinite(found.semi_major[i, k])
        ]
        for i in range(len(found.q))
    ]  # fmt: skip


def _ends(found: KnownAngle) -> list[tuple[float, ...]]:
    values = [*found.interval(ONE_SIGMA), *(found.upper_limit(level) for level in LIMITS)]
    return [tuple(float(v[i]) for v in values) for i in range(len(found.pd))]


def _uncertain(
    q: float, u: float, covariance: np.ndarray, angle: float, error: float
) -> tuple[float, ...]:
    if not (np.isfinite(q) and np.isfinite(u)):
        return (np.nan,) * 4
    posterior = uncertain_angle(q, u, covariance, angle, error)
    return (*posterior.interval(ONE_SIGMA), *(posterior.upper_limit(level) for level in LIMITS))
