"""Figures without global state: their canvas, colours, and PNG bytes that never change."""

import base64
import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

DPI = 100
PAPER_DPI = 200
PLATE = "#0b0d12"
INK = "#c6ccd6"
FAINT_INK = "#8b93a1"
GRID = "#ffffff"
TRUE_COLOUR = "#6fe0ff"
MARGINAL_COLOUR = "#f4f1e4"
STAMP_COLOUR = "#ffb648"
TEXT_SIZE = 11.0
HALO = [withStroke(linewidth=2.8, foreground=PLATE)]


def new_figure(width: float, height: float, *, background: str = PLATE) -> Figure:
    """Return an empty figure on an Agg canvas; sizes in inches, ``"none"`` is transparent."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=background)
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes) -> Axes:
    """Give plain axes the ink of the plate."""
    axes.set_facecolor("none")
    axes.tick_params(colors=INK, labelsize=TEXT_SIZE - 1, which="both")
    for spine in axes.spines.values():
        spine.set_color(FAINT_INK)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(INK)
        label.set_fontsize(TEXT_SIZE)
    return axes


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("axes without a figure")
    return figure


def png_bytes(figure: Figure, dpi: float = DPI) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes, for nothing dates them."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor(),
        metadata={"Software": None}, pil_kwargs={"compress_level": 6},
    )  # fmt: skip
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """Return PNG bytes as the ``src`` of an image."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
