"""Polarization of one measurement along an angle, and the test of it, as a record for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.polarization.angle_records import known_angle_records
from xsurvey.polarization.known_angle import known_angle
from xsurvey.polarization.variation.null_tests import NullTest

_TESTED = ("significance", "log_probability")


def along_test(
    q: float, u: float, covariance: np.ndarray, angle_deg: float, null_hypothesis: str
) -> NullTest:
    """Return the test of polarization along an angle, of one measurement; one-sided."""
    along = known_angle(np.array([q]), np.array([u]), covariance[None], angle_deg)
    return NullTest(
        float(along.significance[0]), None, float(along.log_probability[0]), null_hypothesis,
        "gaussian",
    )  # fmt: skip


def along_record(
    q: float, u: float, covariance: np.ndarray, angle_deg: float, null_hypothesis: str,
    angle_error_deg: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Return what one measurement says along an angle, as `known_angle_records`, with its test.

    Parameters
    ----------
    q, u : float
        Normalised.
    covariance : ndarray, shape (2, 2)
    angle_deg : float
    null_hypothesis : str
    angle_error_deg : float
        Standard deviation of the angle: interval and limits know it, the test does not.
    """
    (found,) = known_angle_records(
        np.array([q]), np.array([u]), covariance[None], angle_deg, angle_error_deg
    )
    values = {k: float(v) for k, v in found.items() if k not in _TESTED}
    return values | along_test(q, u, covariance, angle_deg, null_hypothesis).record()
