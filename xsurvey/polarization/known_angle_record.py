"""Polarization along a known angle as a record for JSON."""

from __future__ import annotations

from typing import Any

from xsurvey.polarization.intervals import ONE_SIGMA, THREE_SIGMA
from xsurvey.polarization.known_angle import KnownAngle
from xsurvey.polarization.null_tests import NullTest
from xsurvey.polarization.uncertain_angle import UncertainAngle

LIMIT_LEVELS = (0.99, THREE_SIGMA)


def along_test(along: KnownAngle, null_hypothesis: str) -> NullTest:
    """Return the test of polarization along an angle, of one measurement; one-sided."""
    return NullTest(
        float(along.significance[0]), None, float(along.log_probability[0]), null_hypothesis,
        "gaussian",
    )  # fmt: skip


def along_record(
    along: KnownAngle, null_hypothesis: str, posterior: UncertainAngle | None = None
) -> dict[str, Any]:
    """Return one measurement along an angle, its interval (68.3 %), limits and test.

    Parameters
    ----------
    along : KnownAngle
        Arrays (1,).
    null_hypothesis : str
    posterior : UncertainAngle, optional
        Of which interval and limits are, where the angle has an error.
    """
    if posterior is None:
        low, high = (float(end[0]) for end in along.interval(ONE_SIGMA))
        limits = [float(along.upper_limit(level)[0]) for level in LIMIT_LEVELS]
    else:
        low, high = posterior.interval(ONE_SIGMA)
        limits = [posterior.upper_limit(level) for level in LIMIT_LEVELS]
    return {
        "pd": float(along.pd[0]), "pd_err": float(along.error[0]), "pd_lower": low,
        "pd_upper": high, "confidence": ONE_SIGMA, "pd_upper_99": limits[0],
        "pd_upper_9973": limits[1], "across": float(along.across[0]),
        "across_err": float(along.across_error[0]), "p_across": float(along.consistency[0]),
        **along_test(along, null_hypothesis).record(),
    }  # fmt: skip
