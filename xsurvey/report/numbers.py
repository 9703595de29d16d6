"""Numbers as people read them: as many digits as their errors leave."""

import math
import re
from dataclasses import dataclass

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""For `str.translate`: digits of an exponent."""


@dataclass(frozen=True)
class Value:
    """The text of a cell.

    Attributes
    ----------
    text : str
    upper, lower : str
        Errors, with their signs; empty where there are none.
    sort : float or None
        What the cell is sorted by; None sorts by the text, NaN comes last.
    note : str
        More, on hover.
    """

    text: str
    upper: str = ""
    lower: str = ""
    sort: float | None = math.nan
    note: str = ""

    @property
    def sort_key(self) -> str:
        """The number as the page's script reads it, empty where there is none."""
        return "" if self.sort is None or not math.isfinite(self.sort) else f"{self.sort:.8g}"


def fixed(value: float, decimals: int) -> str:
    """Return a number with a true minus sign.

    Examples
    --------
    >>> fixed(-0.125, 2)
    '−0.12'
    """
    text = f"{value:.{max(decimals, 0)}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", MINUS)


def plain(value: float, decimals: int) -> Value:
    """Return a number that has no errors, a dash where it is not finite."""
    if not math.isfinite(value):
        return Value(DASH)
    return Value(fixed(value, 0 if abs(value) >= 10_000 else decimals), sort=float(value))


def decimals_of(*errors: float) -> int:
    """Return the decimals that give the smallest error two digits, at most five.

    Examples
    --------
    >>> decimals_of(5.6, 6.2), decimals_of(0.0123), decimals_of(340.0)
    (1, 3, 0)
    """
    usable = [e for e in errors if math.isfinite(e) and e > 0]
    if not usable:
        return 2
    return min(5, max(0, 1 - math.floor(math.log10(min(usable)))))


def asymmetric(value: float, low: float, high: float) -> Value:
    """Return a value with the distances to the ends of its interval."""
    if not math.isfinite(value):
        return Value(DASH)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Value(fixed(value, 2), sort=float(value))
    up, down = max(high - value, 0.0), max(value - low, 0.0)
    decimals = decimals_of(up, down)
    return Value(
        fixed(value, decimals), f"+{fixed(up, decimals)}", f"{MINUS}{fixed(down, decimals)}",
        sort=float(value),
    )  # fmt: skip


def with_limit(value: float, low: float, high: float, limit: float) -> Value:
    """Return a value with errors, or an upper limit where the interval reaches zero."""
    if math.isfinite(limit) and not (math.isfinite(low) and low > 0):
        return Value(f"< {fixed(limit, decimals_of(limit))}", sort=float(value))
    shown = asymmetric(value, low, high)
    note = f"< {fixed(limit, decimals_of(limit))} at 95%" if math.isfinite(limit) else ""
    return Value(shown.text, shown.upper, shown.lower, shown.sort, note)


def en_dashes(text: str) -> str:
    """Return ranges of numbers as printers set them.

    Examples
    --------
    >>> en_dashes("0.5-7 keV")
    '0.5–7 keV'
    """
    return re.sub(r"(?<=\d)-(?=\d)", DASH, text)


def duration_text(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Examples
    --------
    >>> duration_text(18940.3), duration_text(0.42), duration_text(2.5e6)
    ('18.94 ks', '0.42 s', '2.5 Ms')
    """
    for size, unit in ((1e6, "Ms"), (1e3, "ks")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.3g} s"
