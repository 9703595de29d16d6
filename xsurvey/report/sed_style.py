"""What figures of spectral energy distributions have in common."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from xsurvey.report.plate import GRID, TRUE_COLOUR, dress

POINT_COLOURS = (TRUE_COLOUR, "#ff9d6f", "#a7e57a", "#d9a6ff", "#f4e36a", "#ff8fb3", "#8fa8ff")
MARKERS = ("o", "s", "D", "^", "v", "P")


def shown(text: str) -> str:
    """Return a stranger's text as matplotlib shows it as it is: no formula, not hidden."""
    return " " + text.replace("$", r"\$")


def prepare(axes: Axes) -> None:
    """Dress axes over frequency."""
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
