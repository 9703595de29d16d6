"""Chains drawn: traces of the ensembles, and the posterior as a corner."""

from __future__ import annotations

import corner
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xsurvey.inference.chains import Chains
from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.report.plate import (
    FAINT_INK,
    GRID,
    INK,
    PLATE,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)

_COLOURS = (TRUE_COLOUR, "#ff9d6f", "#a7e57a", "#d9a6ff")
_SAMPLES = 20_000
"""Most samples that a corner is drawn from."""
_PANEL, _MARGIN = 2.3, 0.9


def draw_trace(axes: Axes, chains: Chains, parameter: int) -> Axes:
    """Draw one parameter along the chain: median and central 90 % of each ensemble's walkers.

    Parameters
    ----------
    axes : Axes
    chains : Chains
    parameter : int
        Its position.

    Returns
    -------
    Axes
    """
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    steps = np.arange(1, len(chains.chain) + 1) * chains.thin
    for ensemble in range(chains.chain.shape[1]):
        walkers = chains.chain[:, ensemble, :, parameter]
        low, middle, high = np.quantile(walkers, [0.05, 0.5, 0.95], axis=1)
        colour = _COLOURS[ensemble % len(_COLOURS)]
        axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(steps, middle, color=colour, linewidth=0.8)
    axes.axvline(chains.burn * chains.thin, color=STAMP_COLOUR, linewidth=1, linestyle="dashed")
    axes.set_ylabel(chains.names[parameter])
    axes.set_xlabel("Step")
    return axes


def trace_figure(chains: Chains) -> Figure:
    """Return the traces of all parameters; the dashed line ends what is left out."""
    number = len(chains.names)
    height = 0.8 + 1.6 * number
    figure = new_figure(9.0, height)
    for i in range(number):
        bottom = 0.6 + 1.6 * (number - 1 - i)
        axes = figure.add_axes((0.12, bottom / height, 0.85, 1.45 / height))
        draw_trace(axes, chains, i)
        if i < number - 1:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
    return figure


def corner_figure(posterior: PosteriorSamples, truths: np.ndarray | None = None) -> Figure:
    """Return the posterior of all parameters and pairs of them.

    Contours hold 39 and 86 % (1 and 2 sigma in two dimensions); dashed lines are the median and
    the central 68 %.

    Parameters
    ----------
    posterior : PosteriorSamples
    truths : ndarray, shape (k,), optional
        Values to mark, the best fit for example.
    """
    number = len(posterior.names)
    samples = posterior.samples
    samples = samples[:: max(len(samples) // _SAMPLES, 1)]
    powers = _powers(samples)
    samples = samples / 10.0**powers
    if truths is not None:
        truths = truths / 10.0**powers
    labels = [
        f"{name} ($10^{{{power}}}$)" if power else name
        for name, power in zip(posterior.names, powers, strict=True)
    ]
    size = _MARGIN + _PANEL * number
    with_spread = np.ptp(samples, axis=0) > 0
    ranges = [
        0.999 if spread else (float(x) - 1, float(x) + 1)
        for spread, x in zip(with_spread, samples[0], strict=True)
    ]
    figure = corner.corner(
        samples, labels=labels, quantiles=(0.1587, 0.5, 0.8413), show_titles=True,
        range=ranges, truths=truths if number > 1 else None, truth_color=STAMP_COLOUR,
        color=TRUE_COLOUR, title_fmt=".3g",
        levels=(1 - np.exp(-0.5), 1 - np.exp(-2.0)), plot_datapoints=False, fill_contours=False,
        label_kwargs={"color": INK, "size": TEXT_SIZE},
        title_kwargs={"color": INK, "size": TEXT_SIZE - 2}, fig=new_figure(size, size),
        no_fill_contours=True, contour_kwargs={"colors": TRUE_COLOUR},
    )  # fmt: skip
    if number == 1 and truths is not None:  # which corner itself cannot do
        figure.axes[0].axvline(truths[0], color=STAMP_COLOUR)
    for axes in figure.axes:
        axes.set_facecolor(PLATE)
        axes.tick_params(colors=INK, labelsize=TEXT_SIZE - 3, which="both")
        for spine in axes.spines.values():
            spine.set_color(FAINT_INK)
    return figure


def _powers(samples: np.ndarray) -> np.ndarray:
    """Return the power of ten that each column's numbers are drawn in, shape (k,): 0 of most."""
    size = np.abs(np.median(samples, axis=0))
    known = size > 0
    powers = np.floor(np.log10(np.where(known, size, 1.0))).astype(int)
    return np.where(known & ((powers < -2) | (powers > 3)), powers, 0)
