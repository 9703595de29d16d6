"""What a measurement of polarization says, in words, with its level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from xsurvey.report.numbers import DASH, MINUS, RAISED, TIMES, Value, asymmetric, decimals_of, fixed
from xsurvey.report.table_text import number_of

DETECTED = 3.0
"""Sigma from which on a polarization is called detected."""
DETECTION, HINT, LIMIT, NOTHING = "detected", "above MDP99", "not detected", "not measured"


def verdict(record: Mapping[str, Any]) -> str:
    """Return what there is to say of a bin in two words.

    Parameters
    ----------
    record : mapping
        As `xsurvey.polarization.records.records_of_bins` makes it; null where not measured.
    """
    pd, sigma, mdp = (number_of(record, n) for n in ("pd", "significance", "mdp99"))
    if not math.isfinite(pd):
        return NOTHING
    if sigma >= DETECTED:
        return DETECTION
    return HINT if pd > mdp else LIMIT


def statements(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on the polarization of a bin.

    Parameters
    ----------
    record : mapping
        With ``known_angle``, a record of the degree along an assumed angle, or without.
    """
    found = verdict(record)
    if found == NOTHING:
        flags = [flag.replace("_", " ") for flag in record.get("flags") or []]
        yield "No polarization could be measured" + (f": {', '.join(flags)}." if flags else ".")
        return
    level = f"{100 * (number_of(record, 'confidence') or 0.683):.3g} %"
    degree, mdp = degree_text(record), percent(number_of(record, "mdp99"))
    sigma = fixed(number_of(record, "significance"), 1)
    if found == DETECTION:
        yield (
            f"Polarization is detected with {sigma} sigma: the degree is {degree} and the angle "
            f"{angle_text(record)}, both with intervals of {level}. MDP99 is {mdp}."
        )
    elif found == HINT:
        yield (
            f"The degree of {degree} ({level}) is above MDP99, {mdp}, which an unpolarized source "
            f"exceeds with 1 %; with {sigma} sigma this is no detection. {_limits(record)}"
        )
    else:
        yield (
            f"No polarization is detected ({sigma} sigma; MDP99 is {mdp}). {_limits(record)}"
        )  # fmt: skip
    known = record.get("known_angle")
    if known:
        yield from _along(known, record)


def _limits(record: Mapping[str, Any]) -> str:
    limits = [
        (percent(number_of(record, name)), level)
        for name, level in (("pd_upper_99", "99 %"), ("pd_upper_9973", "99.73 %"))
        if math.isfinite(number_of(record, name))
    ]
    if not limits:
        return "It has no limit."
    texts = [f"below {value} with a probability of {level}" for value, level in limits]
    return f"The degree is {' and '.join(texts)}."


def _along(known: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    value, error = number_of(known, "pd"), number_of(known, "pd_err")
    if not math.isfinite(value):
        return
    angle, spread = number_of(known, "angle_deg"), number_of(known, "error_deg")
    about = f"{fixed(angle, 1)}°" + (f" ± {spread:.3g}°" if spread > 0 else "")
    decimals = decimals_of(100 * error)
    text = (
        f"Along the assumed angle of {about} the degree is {fixed(100 * value, decimals)} ± "
        f"{fixed(100 * error, decimals)} % ({fixed(number_of(known, 'significance'), 1)} sigma)"
    )
    limit = number_of(known, "pd_upper_99")
    if math.isfinite(limit):
        text += f", below {percent(limit)} with 99 %"
    chance = number_of(known, "consistency")
    if math.isfinite(chance):
        text += (
            f". If the angle is right, as much or more at 45° to it has a chance of "
            f"{probability_text(math.log(chance) if chance > 0 else -math.inf)}"
        )
    yield f"{text}."


def percent(value: float) -> str:
    """Return a fraction in per cent with two or three digits."""
    if not math.isfinite(value):
        return DASH
    return f"{fixed(100 * value, max(0, 1 - math.floor(math.log10(100 * value))))} %" if (
        value > 0
    ) else f"{fixed(100 * value, 0)} %"  # fmt: skip


def degree_value(record: Mapping[str, Any]) -> Value:
    """Return a degree, per cent, with the ends of its interval, or its error."""
    pd = 100 * number_of(record, "pd")
    ends = [100 * number_of(record, n) for n in ("pd_lower", "pd_upper")]
    if not all(map(math.isfinite, ends)):
        error = 100 * number_of(record, "pd_err")
        ends = [pd - error, pd + error]
    if not all(map(math.isfinite, (pd, *ends))):
        return asymmetric(pd, *ends)
    # an interval that nearly begins at the degree itself has no more digits for it
    decimals = decimals_of((ends[1] - ends[0]) / 2)
    up, down = (max(d, 0.0) for d in (ends[1] - pd, pd - ends[0]))
    return Value(
        fixed(pd, decimals), f"+{fixed(up, decimals)}", f"{MINUS}{fixed(down, decimals)}", sort=pd
    )


def degree_text(record: Mapping[str, Any]) -> str:
    """Return a degree with its interval as running text."""
    value = degree_value(record)
    if not value.upper:
        return f"{value.text} %"
    return f"{value.text} ({value.upper}, {value.lower}) %"


def angle_value(record: Mapping[str, Any]) -> Value:
    """Return an angle, degrees, with half its interval."""
    angle, half = number_of(record, "pa_deg"), number_of(record, "pa_half_width_deg")
    if not math.isfinite(half):
        half = number_of(record, "pa_err_deg")
    if not math.isfinite(angle):
        return Value(DASH)
    decimals = decimals_of(half)
    text = f"{fixed(angle, decimals)} ± {fixed(half, decimals)}" if math.isfinite(half) else (
        fixed(angle, 1)
    )  # fmt: skip
    return Value(text, sort=angle)


def angle_text(record: Mapping[str, Any]) -> str:
    """Return an angle with half its interval as running text."""
    return angle_value(record).text.replace(" ±", "° ±") + "°"


def log_probability_of(record: Mapping[str, Any] | None) -> float:
    """Return the natural logarithm of the probability that a record of a test has, or NaN."""
    for name in ("log_p", "log_probability"):
        value = number_of(record, name)
        if math.isfinite(value):
            return value
    tens = number_of(record, "log10_p")
    if math.isfinite(tens):
        return tens * math.log(10)
    for name in ("p", "p_value"):
        value = number_of(record, name)
        if math.isfinite(value):
            return math.log(value) if value > 0 else -math.inf
    return math.nan


def probability_text(log_probability: float) -> str:
    """Return a probability, however small.

    Examples
    --------
    >>> probability_text(math.log(0.0312)), probability_text(-1000.0)
    ('0.031', '5×10⁻⁴³⁵')
    """
    if math.isnan(log_probability):
        return DASH
    if log_probability == -math.inf:
        return f"<10{'-300'.translate(RAISED)}"  # zero as a number in a file
    tens = log_probability / math.log(10)
    if tens > -3:
        return f"{math.exp(log_probability):.2g}"
    power = math.floor(tens)
    digits = round(10 ** (tens - power))
    if digits == 10:
        digits, power = 1, power + 1
    return f"{digits}{TIMES}10{str(power).translate(RAISED)}"
