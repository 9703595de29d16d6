"""How many components, and which lines, one background spectrum asks for.

As in Simmonds et al. (2018, A&A 618, A66): components, then Gaussian lines where residuals are
greatest, as long as AIC = C + 2 p falls, with p parameters. Two things are unlike there:

- every number of components is tried and the best taken, since one that does not help may be
  followed by one that does;
- a line must lower AIC by 2 ln n more, with n channels. It was looked for in all of them, so that
  noise alone offers one that lowers AIC nearly always: without this nine of ten simulated
  backgrounds that lack none got some.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xsurvey.errors import ParameterError
from xsurvey.spectra.background_models.maximum_likelihood import BackgroundFit, fit_background
from xsurvey.spectra.background_models.pca import PcaBackground, PcaModel
from xsurvey.spectra.statistics.base import bin_values

MOST_LINES = 5
_WIDTHS = (1.0, 2.0, 4.0, 8.0)  # sigma, channels, of the lines that are looked for


@dataclass(frozen=True)
class PcaFit:
    """A background spectrum's model, ready for a joint fit.

    Attributes
    ----------
    model : PcaModel
        Its ``evaluate(parameters)`` gives counts in every channel.
    parameters : ndarray, shape (p,)
        Best fit.
    covariance : ndarray, shape (p, p)
        From the Fisher matrix; NaN for parameters at a bound.
    statistic, aic : float
        cstat, and cstat + 2 p.
    channels : int
        Channels that counted.
    history : tuple of (int, int, float)
        Components, lines and AIC of all that was tried.
    converged : bool
        Whether the best fit ended at a minimum.
    """

    model: PcaModel
    parameters: np.ndarray
    covariance: np.ndarray
    statistic: float
    aic: float
    channels: int
    history: tuple[tuple[int, int, float], ...]
    converged: bool


def fit_pca(
    background: PcaBackground, counts: np.ndarray, noticed: np.ndarray | None = None,
    most_lines: int = MOST_LINES,
) -> PcaFit:  # fmt: skip
    """Fit components and lines to one background spectrum.

    Parameters
    ----------
    background : PcaBackground
    counts : ndarray, shape (n,)
        In the channels that the components were trained on.
    noticed : ndarray of bool, shape (n,), optional
        Channels that count; all without it.
    most_lines : int
        Largest number of lines.

    Raises
    ------
    ParameterError
        Another number of channels, impossible counts, or none at all.
    """
    counts = bin_values("background counts", counts, background.mean.size)
    use = np.ones(counts.size, bool) if noticed is None else np.asarray(noticed, bool)
    if not counts[use].sum() > 0:
        raise ParameterError(
            "background counts", "are zero in all channels of the band",
            "fit without a background, or in a wider band",
        )  # fmt: skip
    history: list[tuple[int, int, float]] = []
    model, best = _components(background, counts, use, history)
    while model.lines < most_lines:
        wider = background.model(model.components, model.lines + 1)
        fit = _fit_line(wider, model, best, counts, use)
        history.append((wider.components, wider.lines, _aic(wider, fit)))
        if history[-1][2] + 2 * np.log(use.sum()) >= _aic(model, best):
            break
        model, best = wider, fit
    return PcaFit(
        model, best.parameters, best.covariance, best.statistic, _aic(model, best),
        int(use.sum()), tuple(history), best.converged,
    )  # fmt: skip


def _components(
    background: PcaBackground, counts: np.ndarray, use: np.ndarray,
    history: list[tuple[int, int, float]],
) -> tuple[PcaModel, BackgroundFit]:  # fmt: skip
    start = np.zeros(1)
    bare = background.model(0).evaluate(start)[0, use].sum()
    start[0] = np.log10(counts[use].sum() / bare)
    best: tuple[PcaModel, BackgroundFit] | None = None
    for k in range(len(background.components) + 1):
        model = background.model(k)
        fit = fit_background(model, counts, start, use)
        history.append((k, 0, _aic(model, fit)))
        if best is None or history[-1][2] < _aic(*best):
            best = model, fit
        start = np.append(fit.parameters, 0.0)
    assert best is not None
    return best


def _fit_line(
    wider: PcaModel, model: PcaModel, fit: BackgroundFit, counts: np.ndarray, use: np.ndarray
) -> BackgroundFit:
    """Fit one line more, from where residuals are most significant."""
    expected = model.evaluate(fit.parameters)[0]
    residual = np.where(use, counts - expected, 0.0)
    variance = np.where(use, expected, 0.0)
    found = (-np.inf, 0, 1.0, 1.0)
    for sigma in _WIDTHS:
        # sums with the weights of a line of this width, in units of their deviation
        signal = ndimage.gaussian_filter1d(residual, sigma, mode="constant")
        noise = ndimage.gaussian_filter1d(
            variance, sigma / np.sqrt(2), mode="constant"
        ) / (2 * np.sqrt(np.pi) * sigma)  # fmt: skip
        ratio = np.where(use, signal / np.sqrt(np.maximum(noise, 1e-12)), -np.inf)
        at = int(np.argmax(ratio))
        line_counts = max(signal[at] * 2 * np.sqrt(np.pi) * sigma, 1.0)
        found = max(found, (float(ratio[at]), at, sigma, float(line_counts)))
    _, at, sigma, line_counts = found
    start = np.concatenate((fit.parameters, [at, sigma, np.log10(line_counts)]))
    return fit_background(wider, counts, start, use)


def _aic(model: PcaModel, fit: BackgroundFit) -> float:
    return fit.statistic + 2 * len(model.names)
