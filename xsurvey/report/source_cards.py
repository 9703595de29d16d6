"""The brightest sources of the page: what they look like, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from xsurvey.errors import InputError
from xsurvey.report.data import SourceReport
from xsurvey.report.light_curve_axes import draw_light_curve
from xsurvey.report.plate import FAINT_INK, TEXT_SIZE, data_uri, new_figure, png_bytes
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.light_curve import LightCurve

_WIDTH, _HEIGHT = 6.2, 2.9


@dataclass(frozen=True)
class SourceCard:
    """A source with its pictures, ``src`` of images or empty.

    Attributes
    ----------
    problem : str
        What is said in place of parameters of the spectrum.
    files : sequence of (str, str)
        Labels and paths relative to the page.
    """

    number: int
    name: str
    cut_out: str
    light_curve: str
    spectrum: str
    problem: str
    files: Sequence[tuple[str, str]]


def source_cards(
    brightest: Sequence[SourceReport], cut_outs: dict[int, str], limit: int
) -> list[SourceCard]:
    """Return what is shown of the brightest sources.

    Parameters
    ----------
    brightest : sequence of SourceReport
    cut_outs : dict of int to str
        ``src`` of the pictures that the page has, by number.
    limit : int
        How many sources at most.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    return [
        SourceCard(
            one.number, one.name, cut_outs.get(one.number, ""), _light_curve(one),
            _picture(one.spectrum), one.spectrum_problem, one.files,
        )
        for one in brightest[:limit]
    ]  # fmt: skip


def light_curve_thumbnail(curve: LightCurve, title: str = "") -> Figure:
    """Return a small figure of the first band of a light curve."""
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = figure.add_axes(
        (0.85 / _WIDTH, 0.62 / _HEIGHT, (_WIDTH - 1.05) / _WIDTH, (_HEIGHT - 0.95) / _HEIGHT)
    )
    draw_light_curve(axes, curve)
    axes.set_title(title, loc="right", color=FAINT_INK, size=TEXT_SIZE - 1)
    return figure


def _light_curve(source: SourceReport) -> str:
    if source.light_curve is None:
        return ""
    curve = read_light_curve(source.light_curve)
    if not len(curve):
        return ""
    return data_uri(png_bytes(light_curve_thumbnail(curve, source.light_curve_of)))


def _picture(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return data_uri(path.read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read ({error})", "run again with --fresh") from error
