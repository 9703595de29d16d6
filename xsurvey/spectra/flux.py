r"""Energy fluxes of fitted models in bands, as functions of the parameters.

Unabsorbed fluxes are those with every column density ``nH`` of multiplicative components at
zero. Luminosities are :math:`4\pi D_L^2 F` with the unabsorbed flux F in the observed band that
is the given one in the source's frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.cosmology import LambdaCDM

from xsurvey.errors import ParameterError
from xsurvey.spectra.assembly import absorbing_columns
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import Expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

ERG_PER_KEV = 1.602176634e-9
"""Exact, of the SI's elementary charge."""
_BINS = 1000
"""Of a band, logarithmic. A bin's photons are taken at its centre: for 0.5-7 keV continua are off
by less than 1e-6, and a narrow line by half a bin's width, 0.13 %."""
_UNIT = "erg / (s cm2)"


@dataclass(frozen=True)
class BandFlux:
    r"""The flux of a model in a band.

    Attributes
    ----------
    band : EnergyBand
        keV, as observed.
    unabsorbed : bool
    factor : float
        1, or :math:`4\pi D_L^2` for a luminosity.
    unit : str
    frame : EnergyBand
        The band as it was asked for: of a luminosity in the source's frame.
    """

    band: EnergyBand
    unabsorbed: bool
    factor: float
    unit: str
    frame: EnergyBand
    evaluator: ModelEvaluator
    weights: np.ndarray
    cleared: tuple[int, ...]

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Return the flux, shape (b,), for parameters of the model of shape (b, p)."""
        if self.cleared:
            parameters = parameters.copy()
            parameters[:, list(self.cleared)] = 0.0
        # not a BLAS product: a sum in one order, whatever the size of the batch
        return np.einsum("bn,n->b", self.evaluator(parameters), self.weights)


def band_flux(
    expression: Expression, settings: ModelSettings, band: EnergyBand, *,
    unabsorbed: bool = False, factor: float = 1.0, unit: str = _UNIT,
    frame: EnergyBand | None = None, span: tuple[float, float] | None = None,
) -> BandFlux:  # fmt: skip
    """Return the function that gives a model's flux in a band.

    Parameters
    ----------
    expression, settings
        The model.
    band : EnergyBand
        keV, as observed.
    unabsorbed : bool
    span : (float, float), optional
        Energies over which the model is made, where it mixes energies (convolutions).

    Raises
    ------
    ParameterError
        The band begins at zero.
    """
    if band.minimum <= 0:
        raise ParameterError("flux_band", f"{band} keV begins at zero", "begin above it")
    edges = np.geomspace(band.minimum, band.maximum, _BINS + 1)
    edges[[0, -1]] = band
    if span is not None:
        below = np.geomspace(min(span[0], band.minimum / 2), band.minimum, _BINS // 2)
        above = np.geomspace(band.maximum, max(span[1], band.maximum * 2), _BINS // 2)
        edges = np.concatenate((below[:-1], edges, above[1:]))
    centre = 0.5 * (edges[1:] + edges[:-1])
    inside = (centre > band.minimum) & (centre < band.maximum)
    weights = np.where(inside, centre * ERG_PER_KEV * factor, 0.0)
    return BandFlux(
        band, unabsorbed, factor, unit, frame or band, ModelEvaluator(expression, edges, settings),
        weights, tuple(absorbing_columns(expression)) if unabsorbed else (),
    )  # fmt: skip


def luminosity_distance(redshift: float, settings: ModelSettings) -> float:
    """Return the luminosity distance in cm for the cosmology of the settings.

    Raises
    ------
    ParameterError
        The deceleration is not that of matter and dark energy: no distance follows from it here.
    """
    if settings.deceleration != 0:
        raise ParameterError(
            "deceleration", "is not zero: distances are made for matter and dark energy alone",
            "give --distance",
        )  # fmt: skip
    matter = 1 - settings.dark_energy  # flat, as XSPEC takes Lambda0 without q0
    if matter < 0:
        raise ParameterError("dark_energy", "is above 1 in a flat universe", "give --distance")
    cosmology = LambdaCDM(H0=settings.hubble_constant, Om0=matter, Ode0=settings.dark_energy)
    return float(cosmology.luminosity_distance(redshift).to_value(u.cm))


def luminosity(
    expression: Expression, settings: ModelSettings, band: EnergyBand, redshift: float,
    distance: float | None = None, span: tuple[float, float] | None = None,
) -> BandFlux:  # fmt: skip
    """Return the function that gives the luminosity, erg / s, in a band of the source's frame.

    Parameters
    ----------
    redshift : float
    distance : float, optional
        Luminosity distance in Mpc, in place of that of the redshift.
    """
    if distance is None:
        length = luminosity_distance(redshift, settings)
    else:
        length = (distance * u.Mpc).to_value(u.cm)
    observed = EnergyBand(band.minimum / (1 + redshift), band.maximum / (1 + redshift))
    return band_flux(
        expression, settings, observed, unabsorbed=True, factor=4 * math.pi * length**2,
        unit="erg / s", frame=band, span=span,
    )  # fmt: skip


FullParameters = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FluxObjective:
    """A fit in which a norm gives way to a flux, so that the flux can be held.

    Fluxes are linear in each norm: F = A + n B, with A and B of the other parameters; so a norm
    is known from the flux and they.

    Attributes
    ----------
    likelihood : SpectralLikelihood
    flux : callable
        From all parameters (b, p) to the flux (b,).
    index : int
        Of the norm among the free parameters.
    norm_limits : (float, float)
    reference : float
        Flux that the parameter is a multiple of, so that it is of the order of one.
    """

    likelihood: SpectralLikelihood
    flux: Callable[[np.ndarray], np.ndarray]
    index: int
    norm_limits: tuple[float, float]
    reference: float

    def norms(self, theta: np.ndarray) -> np.ndarray:
        """Return the free parameters (b, k) for those in which the norm is the flux.

        NaN where no norm within its limits gives the flux.
        """
        theta = np.atleast_2d(theta)
        pair = np.repeat(theta, 2, axis=0)
        pair[:, self.index] = np.tile([0.0, 1.0], len(theta))
        found = self.flux(self.likelihood.parameters.expand(pair))
        rest, with_one = found[0::2], found[1::2]
        with np.errstate(divide="ignore", invalid="ignore"):
            norm = (theta[:, self.index] * self.reference - rest) / (with_one - rest)
        low, high = self.norm_limits
        known = theta.copy()
        known[:, self.index] = np.where((norm >= low) & (norm <= high), norm, np.nan)
        return known

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return expected counts, NaN where the flux is impossible."""
        known = self.norms(theta)
        impossible = np.isnan(known[:, self.index])
        known[impossible, self.index] = self.norm_limits[0]
        model = self.likelihood.evaluate(known)
        model[impossible] = np.nan
        return model

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic."""
        return self.likelihood.total(model)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the statistic's derivatives by the model."""
        return self.likelihood.derivatives(model)

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what priors of the other parameters add; nothing where no norm is possible."""
        if self.likelihood.priors.flat:  # which is all that the norm would be needed for
            zero = np.zeros_like(theta)
            return np.zeros(len(theta)), zero, zero
        known = self.norms(theta)
        value, gradient, curvature = self.likelihood.penalty(known)
        gradient[:, self.index] = curvature[:, self.index] = 0.0
        return np.nan_to_num(value), gradient, curvature


def gradient_of(flux: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, steps: np.ndarray,
                expand: FullParameters,
                bounds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:  # fmt: skip
    """Return the derivative of a flux by the free parameters, shape (k,), by differences."""
    low = np.maximum(theta - steps, bounds[0])
    high = np.minimum(theta + steps, bounds[1])
    rows = np.repeat(theta[None, :], 2 * len(theta), axis=0)
    places = np.arange(len(theta))
    rows[places, places] = low
    rows[len(theta) + places, places] = high
    found = flux(expand(rows))
    return (found[len(theta) :] - found[: len(theta)]) / (high - low)


def flux_functions(
    expression: Expression, settings: ModelSettings, bands: Sequence[EnergyBand],
    redshift: float | None, distance: float | None, span: tuple[float, float] | None,
) -> list[dict[str, BandFlux]]:  # fmt: skip
    """Return the functions of each band: absorbed, unabsorbed and, where known, luminosity."""
    rows = []
    for band in bands:
        row = {
            "absorbed": band_flux(expression, settings, band, span=span),
            "unabsorbed": band_flux(expression, settings, band, unabsorbed=True, span=span),
        }
        if redshift is not None or distance is not None:
            row["luminosity"] = luminosity(
                expression, settings, band, redshift or 0.0, distance, span
            )
        rows.append(row)
    return rows
