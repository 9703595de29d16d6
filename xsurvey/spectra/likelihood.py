"""Several spectra under one model: expected counts, statistic, prior; batched over parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.spectra.background_models.base import BackgroundModel
from xsurvey.spectra.background_models.joint import ModelledBackground
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.effective_area_nuisance import EffectiveAreaNuisance
from xsurvey.spectra.statistics.base import Statistic
from xsurvey.spectra.statistics.cash import CStat


class FluxModel(Protocol):
    """Photons in energy bins; `xsurvey.spectra.models.evaluator.ModelEvaluator` is one."""

    @property
    def description(self) -> Mapping[str, str]:
        """How each component is evaluated."""

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Return photon / cm2 / s, shape (b, n), for parameters of shape (b, p)."""


@dataclass(frozen=True)
class Member:
    """One spectrum of a fit.

    Attributes
    ----------
    dataset : Dataset
    model : FluxModel
        On the energies of the dataset's folding.
    columns : ndarray of int, shape (p,)
        Of the model's parameters among all parameters.
    statistic : Statistic
        Of the source counts; with ``background`` a `ModelledBackground`.
    area, area_columns : EffectiveAreaNuisance, ndarray of int
        Cross-calibration.
    background, background_columns : BackgroundModel, ndarray of int
        Modelled background.
    """

    dataset: Dataset
    model: FluxModel
    columns: np.ndarray
    statistic: Statistic
    area: EffectiveAreaNuisance | None = None
    area_columns: np.ndarray | None = None
    background: BackgroundModel | None = None
    background_columns: np.ndarray | None = None

    @property
    def poisson_counts(self) -> np.ndarray | None:
        """The counts that cstat is of, shape (bins,); None for other statistics."""
        if isinstance(self.statistic, CStat):
            return self.dataset.counts
        if isinstance(self.statistic, ModelledBackground):
            assert self.dataset.background is not None
            return np.concatenate((self.dataset.counts, self.dataset.background.counts))
        return None

    def flux(self, full: np.ndarray) -> np.ndarray:
        """Return the photons that the response is applied to, shape (b, n)."""
        flux = self.model(full[:, self.columns])
        if self.area is not None:
            edges = self.dataset.folding.edges
            centre = np.sqrt(edges[1:] * edges[:-1])
            flux = flux * self.area.factor(full[:, self.area_columns], centre)
        return flux

    def source(self, full: np.ndarray) -> np.ndarray:
        """Return the expected counts of the source alone, shape (b, m)."""
        return self.dataset.folding.fold(self.flux(full))

    def expected(self, full: np.ndarray) -> np.ndarray:
        """Return expected counts for all parameters (b, p): (b, m), then those of the background.

        Rows of parameters at which the model has no value are NaN.
        """
        counts = self.source(full)
        if self.background is None:
            return counts
        assert isinstance(self.statistic, ModelledBackground)
        channels = self.background.evaluate(full[:, self.background_columns])
        return self.statistic.expected(counts, channels)


class SpectralLikelihood(Likelihood):
    """The statistic of a fit of spectra as a function of its free parameters.

    Attributes
    ----------
    members : tuple of Member
    bins : int
        Of all statistics together.
    """

    def __init__(self, members: Sequence[Member], parameters: ParameterSet) -> None:
        super().__init__(parameters)
        self.members = tuple(members)
        self.bins = sum(m.statistic.bins for m in self.members)
        sizes = [m.statistic.bins for m in self.members]
        ends = np.cumsum(sizes)
        self._slices = [slice(b - a, b) for a, b in zip(sizes, ends, strict=True)]

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return expected counts of all spectra, shape (b, M), for free parameters (b, k)."""
        full = self.parameters.expand(np.atleast_2d(theta))
        parts = [member.expected(full) for member in self.members]
        model = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if self._has_links:
            model[~self.parameters.inside(full)] = np.nan
        return model

    def source_counts(self, theta: np.ndarray) -> np.ndarray:
        """Return the expected counts of the source in all spectra together, shape (b,)."""
        full = self.parameters.expand(np.atleast_2d(theta))
        return np.sum([m.source(full).sum(axis=1) for m in self.members], axis=0)

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,); infinite where the model has no value."""
        parts = [
            m.statistic.total(model[:, s]) for m, s in zip(self.members, self._slices, strict=True)
        ]
        total = np.sum(parts, axis=0)
        return np.where(np.isnan(total), np.inf, total)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and expected second derivatives by the model, both (b, M)."""
        parts = [
            m.statistic.derivatives(model[:, s])
            for m, s in zip(self.members, self._slices, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        first, second = zip(*parts, strict=True)
        return np.concatenate(first, axis=1), np.concatenate(second, axis=1)

    def impossible_groups(self, theta: np.ndarray) -> Iterator[tuple[Dataset, float, float, float]]:
        """Yield spectra with some groups whose counts the model cannot give, at theta (1, k).

        Yields
        ------
        dataset : Dataset
        low, high : float
            Energies that such groups span, keV.
        counts : float
            In them.
        """
        model = self.evaluate(theta)
        for member, part in zip(self.members, self._slices, strict=True):
            own = model[:, part]
            groups = len(member.dataset.counts)
            never = ~np.isfinite(member.statistic.terms(own)[0, :groups]) & (own[0, :groups] == 0)
            if never.any() and not never.all():
                dataset = member.dataset
                low, high = dataset.energy_low[never].min(), dataset.energy_high[never].max()
                yield dataset, float(low), float(high), float(dataset.counts[never].sum())

    def source_by_member(self, theta: np.ndarray) -> list[np.ndarray]:
        """Return the expected counts of the source in each spectrum, each of shape (b, m_i)."""
        full = self.parameters.expand(np.atleast_2d(theta))
        return [member.source(full) for member in self.members]

    @property
    def poisson_counts(self) -> np.ndarray | None:
        """All counts, shape (M,), where every statistic is cstat of them; else None."""
        found = [m.poisson_counts for m in self.members]
        known = [counts for counts in found if counts is not None]
        return np.concatenate(known) if len(known) == len(found) else None
