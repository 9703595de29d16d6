"""A background that is modelled, as part of a fit: its start values, names and statistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.spectra.background_models.analytic import AnalyticBackground
from xsurvey.spectra.background_models.base import BackgroundModel
from xsurvey.spectra.background_models.joint import ModelledBackground
from xsurvey.spectra.background_models.maximum_likelihood import fit_background
from xsurvey.spectra.background_models.pca import PcaBackground
from xsurvey.spectra.background_models.pca_fit import fit_pca
from xsurvey.spectra.background_models.shapes import (
    BrokenPowerLaw,
    Exponential,
    GaussianLine,
    PowerLaw,
    Shape,
)
from xsurvey.spectra.dataset import BackgroundCounts, Dataset

COMPONENT = "background"
"""Before the names of the background's parameters: ``background.powerlaw_index``."""
_PCA = "pca:"
_SHAPES: dict[str, type[Shape]] = {
    s.name: s for s in (PowerLaw, BrokenPowerLaw, Exponential, GaussianLine)
}  # fmt: skip


@dataclass(frozen=True)
class JointBackground:
    """The model of one spectrum's background.

    Attributes
    ----------
    model : BackgroundModel
        Of all channels.
    statistic : ModelledBackground
    parameters : tuple of FitParameter
        They start where the background alone is fitted best.
    note : str
        What was chosen.
    """

    model: BackgroundModel
    statistic: ModelledBackground
    parameters: tuple[FitParameter, ...]
    note: str


def joint_background(dataset: Dataset, text: str, number: int) -> JointBackground:
    """Choose the background model of a spectrum and fit it to the background alone.

    Parameters
    ----------
    dataset : Dataset
        With a background.
    text : str
        Shapes, ``powerlaw+gaussian``, or ``pca:FILE`` for trained components.
    number : int
        Of the spectrum, from 1.

    Raises
    ------
    ParameterError
        Unknown shapes.
    InputError
        There is no background, it has no counts, or other channels than the components.
    """
    background = dataset.background
    if background is None:
        raise InputError(dataset.name, "has no background to model", "give it with --background")
    grouping = dataset.grouping
    used = grouping.members(len(background.channel_counts)) >= 0
    if not background.channel_counts[used].any():
        raise InputError(
            background.name,
            "has no counts in the fitted energies",
            "widen them, or use cstat alone",
        )
    model, start, widths, note = _fitted(dataset, background, text, used)
    groups = (grouping.first, grouping.last)
    statistic = ModelledBackground(
        dataset.counts, background.counts, background.channel_scale, groups, groups
    )
    prefix = f"{number}:" if number > 1 else ""
    rows = tuple(
        FitParameter(
            name=f"{prefix}{COMPONENT}.{name.replace('.', '_')}", value=float(value),
            minimum=float(low), maximum=float(high), step=float(width),
        )
        for name, value, width, (low, high) in zip(
            model.names, start, widths, model.bounds, strict=True
        )
    )  # fmt: skip
    return JointBackground(model, statistic, rows, note)


def pca_file(text: str | None) -> Path | None:
    """Return the file of trained components that a background model names, if it does."""
    return Path(text.removeprefix(_PCA)) if text and text.startswith(_PCA) else None


def _fitted(
    dataset: Dataset, background: BackgroundCounts, text: str, used: np.ndarray
) -> tuple[BackgroundModel, np.ndarray, np.ndarray, str]:
    """Return the model, its best parameters, their deviations, and what to say of it."""
    path = pca_file(text)
    if path is not None:
        trained = PcaBackground.load(path)
        trained.check_channels(background.channels, background.name)
        found = fit_pca(trained, background.channel_counts, used)
        note = (f"{background.name}: {found.model.components} principal components and "
                f"{found.model.lines} lines (least AIC)")  # fmt: skip
        return found.model, found.parameters, _widths(found.covariance, found.parameters), note
    model = AnalyticBackground(
        _shapes(text), dataset.channel_low, dataset.channel_high, background.exposure
    )
    start = _scaled(model, background.channel_counts, used)
    fit = fit_background(model, background.channel_counts, start, used)
    note = f"{background.name}: modelled in channels as {text}"
    return model, fit.parameters, _widths(fit.covariance, fit.parameters), note


def _scaled(model: AnalyticBackground, counts: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the defaults with all norms scaled to the counts."""
    start = model.defaults.copy()
    ratio = counts[used].sum() / max(float(model.evaluate(start[None, :])[0, used].sum()), 1e-300)
    norms = [i for i, name in enumerate(model.names) if name.endswith("norm")]
    start[norms] *= ratio
    return np.clip(start, *model.bounds.T)


def _widths(covariance: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    sigma = np.sqrt(np.clip(np.diag(covariance), 0, None))
    return np.where(np.isfinite(sigma) & (sigma > 0), sigma, 0.1 * np.abs(parameters) + 1e-3)


def _shapes(text: str) -> Sequence[Shape]:
    names = [name.strip().lower() for name in text.split("+")]
    for name in names:
        if name not in _SHAPES:
            raise ParameterError(
                "background_model", f"there is no shape '{name}'", nearest(name, _SHAPES)
            )
    return [_SHAPES[name]() for name in names]
