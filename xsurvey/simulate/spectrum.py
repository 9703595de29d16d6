"""Spectra of simulated sources and backgrounds: any model expression, on a response's energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import apply_settings
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.flux import band_flux
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import Expression, parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand


@dataclass(frozen=True, order=True)
class Spectrum:
    """A model and the parameters that are not at their defaults: ``component.parameter=value``.

    Attributes
    ----------
    abund : str
        Abundance table, XSPEC's name.
    """

    model: str
    settings: tuple[str, ...] = ()
    abund: str = "angr"


@dataclass(frozen=True)
class Evaluated:
    """Spectra evaluated.

    Attributes
    ----------
    photons : ndarray, shape (b, n)
        Photons / cm2 / s in each energy bin.
    flux : ndarray, shape (b,)
        erg / s / cm2 in the band, as observed (absorbed).
    """

    photons: np.ndarray
    flux: np.ndarray


def evaluate(spectra: Sequence[Spectrum], edges: np.ndarray, band: EnergyBand) -> Evaluated:
    """Evaluate spectra, those of one expression together.

    Parameters
    ----------
    spectra : sequence of Spectrum
    edges : ndarray, shape (n + 1,)
        keV.
    band : EnergyBand
        Of the fluxes.

    Raises
    ------
    ParameterError
        Unknown models or parameters, values that a model does not have, or no photons.
    MissingDataError
        The models or their data are not installed.
    """
    photons = np.empty((len(spectra), len(edges) - 1))
    flux = np.empty(len(spectra))
    for model, abund in dict.fromkeys((s.model, s.abund) for s in spectra):
        expression, settings = parse_expression(model), ModelSettings(abund=abund)
        chosen = [i for i, s in enumerate(spectra) if (s.model, s.abund) == (model, abund)]
        rows = np.array([_values(expression, spectra[i]) for i in chosen])
        evaluator = ModelEvaluator(expression, edges, settings)
        in_band = band_flux(expression, settings, band, span=(edges[0], edges[-1]))
        photons[chosen], flux[chosen] = evaluator(rows), in_band(rows)
    for spectrum, row, value in zip(spectra, photons, flux, strict=True):
        if not (np.isfinite(row).all() and np.isfinite(value)):
            raise ParameterError(
                _written(spectrum), "is not defined for these parameters", "change them"
            )
        if np.any(row < 0) or not row.any():
            raise ParameterError(
                _written(spectrum), "gives negative numbers of photons, or none", "change it"
            )
    return Evaluated(photons, flux)


def check_spectrum(spectrum: Spectrum) -> None:
    """Raise where a spectrum cannot be evaluated, without doing it.

    Raises
    ------
    ParameterError
        Unknown models or parameters, or values that a model does not have.
    """
    _values(parse_expression(spectrum.model), spectrum)


def _values(expression: Expression, spectrum: Spectrum) -> np.ndarray:
    rows, _ = model_parameters(expression, 1)
    return apply_settings(rows, values=spectrum.settings).values


def _written(spectrum: Spectrum) -> str:
    return " ".join((spectrum.model, *spectrum.settings))


class EnergyBins:
    """Draws energy bins in proportion to rates.

    Parameters
    ----------
    rates : ndarray, shape (b, n)
        Of b spectra; a row of zeros is never drawn from.
    """

    def __init__(self, rates: np.ndarray) -> None:
        self._first = rates[0] / max(rates[0].sum(), np.finfo(float).tiny)
        self._bins = rates.shape[1]
        rows = np.cumsum(rates, axis=1)
        total = rows[:, -1:].copy()
        np.divide(rows, total, out=rows, where=total > 0)
        self._cumulative = (rows + np.arange(len(rows))[:, None]).ravel()

    def draw(self, spectrum: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return a bin for each photon, whose spectrum is given by its row, shape (n,)."""
        place = np.searchsorted(
            self._cumulative, spectrum + generator.random(len(spectrum)), side="right"
        )
        first = spectrum * self._bins
        np.clip(place, first, first + self._bins - 1, out=place)
        return np.asarray(place - first)

    def draw_in_order(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return bins of so many photons of the first spectrum, ascending: several times faster.

        For photons whose other properties do not depend on their order.
        """
        return np.repeat(np.arange(self._bins), generator.multinomial(count, self._first))
