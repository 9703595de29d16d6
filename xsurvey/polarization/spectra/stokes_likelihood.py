"""From a polarized expression and the spectra of units to the likelihood of their joint fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.parameter_set import FitParameter, ParameterSet, apply_settings
from xsurvey.io.ogip.stokes import STOKES, Stokes
from xsurvey.polarization.spectra.polarized_terms import PolarizedExpression
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_dataset import unit_datasets
from xsurvey.polarization.spectra.stokes_model import PolarizedSpectrum, StokesFlux
from xsurvey.polarization.spectra.stokes_units import PolarimeterUnit
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.likelihood import Member, SpectralLikelihood
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.statistic_of import make_statistic
from xsurvey.spectra.statistics.base import Statistic

_FACTOR_LIMITS = (0.1, 10.0)


@dataclass(frozen=True)
class StokesMember(Member):
    """The spectrum of one Stokes parameter of one unit in a fit.

    Attributes
    ----------
    unit : str
    stokes : {'I', 'Q', 'U'}
    photons : PolarizedSpectrum
        What ``model`` is a part of.
    factor_column : int
        Of the unit's norm among all parameters.
    """

    unit: str = ""
    stokes: Stokes = "I"
    photons: PolarizedSpectrum | None = None
    factor_column: int = 0

    def flux(self, full: np.ndarray) -> np.ndarray:
        """Return the photons that the response is applied to, shape (b, n)."""
        return self.model(full[:, self.columns]) * full[:, self.factor_column, None]

    def fold(self, full: np.ndarray, flux: np.ndarray) -> np.ndarray:
        """Return the counts (b, m) of photons (b, n) before the unit's norm."""
        return self.dataset.folding.fold(flux * full[:, self.factor_column, None])

    @property
    def net(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts without background, and their errors, (m,) each; errors added in quadrature."""
        data = self.dataset
        counts, variance = data.counts, np.zeros(len(data.counts))
        if data.background is not None:
            counts = counts - data.background_scale * data.background.counts
            variance = (data.background_scale * data.background.error) ** 2
        own = data.counts if data.statistical_error is None else data.statistical_error**2
        return counts, np.sqrt(own + variance)


@dataclass(frozen=True)
class StokesAssembly:
    """A joint fit ready to be done.

    Attributes
    ----------
    expression : PolarizedExpression
    likelihood : SpectralLikelihood
        Of `StokesMember`.
    columns : list of ndarray of int
        For each unit the columns of the expression's parameters.
    set_by_user : frozenset of int
        Columns whose start values are the user's.
    bounded_by_user : frozenset of int
        Columns whose limits are.
    notes : tuple of str
    """

    expression: PolarizedExpression
    likelihood: SpectralLikelihood
    columns: list[np.ndarray]
    set_by_user: frozenset[int]
    bounded_by_user: frozenset[int]
    notes: tuple[str, ...] = ()


def members_of(likelihood: SpectralLikelihood, *stokes: Stokes) -> list[StokesMember]:
    """Return the members of a likelihood that are of some Stokes parameters."""
    return [
        m for m in likelihood.members if isinstance(m, StokesMember) and m.stokes in stokes
    ]  # fmt: skip


def assemble_stokes(
    expression: PolarizedExpression, settings: ModelSettings, units: Sequence[PolarimeterUnit],
    parameters: SpectropolarimetryParameters,
) -> StokesAssembly:  # fmt: skip
    """Put spectra, model and statistics together.

    Raises
    ------
    ParameterError
        Unknown parameters, or values that cannot be; cstat with a background.
    InputError
        A spectrum cannot be used with the statistic.
    """
    rows, columns = model_parameters(expression.expression, len(units), parameters.untie)
    factors = _factors(units, parameters)
    first_factor = len(rows)
    every = apply_settings(
        ParameterSet([*rows.parameters, *factors]), values=parameters.set,
        freeze=parameters.freeze, thaw=parameters.thaw, links=parameters.link,
        limits=parameters.limits, priors=parameters.prior,
    )  # fmt: skip
    free = _varying(expression, columns, every)
    spectra: dict[bytes, PolarizedSpectrum] = {}
    members = []
    for number, (unit, own) in enumerate(zip(units, columns, strict=True)):
        datasets = unit_datasets(
            unit, rule=parameters.group, stokes_rule=parameters.stokes_group,
            bands=parameters.energy,
            errors_of_file=parameters.stat == "chi2" and (
                parameters.chi2_variance == "file" or not unit.i.spectrum.poisson
            ),
        )  # fmt: skip
        for stokes, dataset in zip(STOKES, datasets, strict=True):
            edges = dataset.folding.edges
            photons = spectra.setdefault(
                edges.tobytes(), spectra.get(edges.tobytes())
                or PolarizedSpectrum(expression, edges, settings, free),
            )  # fmt: skip
            members.append(StokesMember(
                dataset, StokesFlux(photons, stokes), own,
                _statistic(dataset, stokes, parameters), unit=unit.name, stokes=stokes,
                photons=photons, factor_column=first_factor + number,
            ))  # fmt: skip
    given = {every.index(t.partition("=")[0]) for t in (*parameters.set, *parameters.freeze)
             if "=" in t}  # fmt: skip
    bounded = {every.index(t.partition("=")[0]) for t in (*parameters.limits, *parameters.prior)}
    notes = _notes(expression, parameters, units)
    return StokesAssembly(
        expression, SpectralLikelihood(members, every), columns, frozenset(given),
        frozenset(bounded), notes,
    )  # fmt: skip


def _varying(
    expression: PolarizedExpression, columns: Sequence[np.ndarray], rows: ParameterSet
) -> set[str]:
    varying = {i for i, p in enumerate(rows.parameters) if p.free or p.link is not None}
    return {
        p.name
        for own in columns
        for p, column in zip(expression.expression.parameters, own, strict=True)
        if column in varying
    }


def _factors(
    units: Sequence[PolarimeterUnit], parameters: SpectropolarimetryParameters
) -> list[FitParameter]:
    low, high = _FACTOR_LIMITS
    names = [re.sub(r"\W", "_", unit.name) for unit in units]
    if len(set(names)) < len(names):
        names = [str(number) for number in range(1, len(units) + 1)]
    return [
        FitParameter(
            name=f"unit.{name}", value=1.0, minimum=low, maximum=high,
            frozen=number == 0 or parameters.unit_norms == "one",
        )
        for number, name in enumerate(names)
    ]  # fmt: skip


def _statistic(
    dataset: Dataset, stokes: Stokes, parameters: SpectropolarimetryParameters
) -> Statistic:
    subtract = dataset.background is not None
    if stokes != "I":
        return make_statistic(dataset, "chi2", "file", subtract)
    if parameters.stat != "chi2" and not dataset.poisson:
        raise InputError(
            dataset.name, f"holds counts that are not Poisson distributed; {parameters.stat} needs "
            "them so", "use --stat chi2",
        )  # fmt: skip
    if parameters.stat == "cstat" and subtract:
        raise ParameterError(
            "stat", "cstat leaves the background in Stokes I, and what it dilutes looks less "
            "polarized", "use chi2 or wstat, or leave the background out (--background none)",
        )  # fmt: skip
    return make_statistic(
        dataset, parameters.stat, parameters.chi2_variance,
        subtract and parameters.stat == "chi2",
    )  # fmt: skip


def _notes(
    expression: PolarizedExpression, parameters: SpectropolarimetryParameters,
    units: Sequence[PolarimeterUnit],
) -> tuple[str, ...]:  # fmt: skip
    notes = []
    if all(unit.i.background is None for unit in units):
        notes.append("no background is subtracted: the spectra name none")
    observations = list(dict.fromkeys(unit.i.observation for unit in units))
    if len(observations) > 1 and all(observations):
        norms = "one norm" if parameters.unit_norms == "one" else "a norm for each unit of each"
        notes.append(f"{len(observations)} observations have one model, with {norms}")
    polarized = {int(c) for t in expression.terms for c in t.columns}
    plain = [
        c.name for c in expression.whole.expression.components
        if c.definition.kind == "add"
        and expression.expression.find(f"{c.name}.norm") not in polarized
    ]  # fmt: skip
    if plain:
        notes.append(f"not polarized: {', '.join(plain)}")
    return tuple(notes)
