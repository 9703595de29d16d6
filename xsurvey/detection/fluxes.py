"""From count rates to energy fluxes: conversion factors of bands for an assumed spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.imaging.field import Field
from xsurvey.io.ogip.types import RedistributionMatrix
from xsurvey.missions import Mission
from xsurvey.spectra.extraction.responses import (
    GivenResponses,
    SpectralResponses,
    spectral_channels,
    spectral_responses,
)
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

_KEV = 1.602176634e-9  # erg
_BINS = 1000  # of a band, for its energy flux


@dataclass(frozen=True)
class FluxFactors:
    """Conversion factors of the bands of an observation.

    Attributes
    ----------
    factors : mapping of str to float
        erg / cm2 for a count, by band; NaN where nothing is known.
    approximate : bool
        Whether the responses are approximations.
    notes : tuple of str
        Why there are none.
    """

    factors: Mapping[str, float]
    approximate: bool = False
    notes: tuple[str, ...] = field(default=())


def no_factors(labels: Sequence[str], note: str | None = None) -> FluxFactors:
    """Return factors of which nothing is known."""
    return FluxFactors(dict.fromkeys(labels, np.nan), False, (note,) if note else ())


def assumed_spectrum(parameters: PhotometryParameters) -> str:
    """Return the spectrum that fluxes are for, in words for headers."""
    return (
        f"power law of photon index {parameters.flux_index:g}, absorbed by "
        f"{parameters.flux_column_density:g} atoms / cm2 (tbabs)"
    )


def field_factors(
    parameters: PhotometryParameters, given: Mapping[str, GivenResponses] | None = None
) -> Callable[[Field], FluxFactors]:
    """Return the function that `measure_sources` asks for the factors of each field.

    Parameters
    ----------
    parameters : PhotometryParameters
        For the assumed spectrum.
    given : mapping of str to GivenResponses, optional
        The user's responses by ``Field.obs_id``; the mission's stand in for what is not given.
    """
    chosen = given or {}

    def factors(one: Field) -> FluxFactors:
        return factors_of_field(one, parameters, chosen.get(one.obs_id, GivenResponses()))

    return factors


def factors_of_field(
    field: Field, parameters: PhotometryParameters, given: GivenResponses
) -> FluxFactors:
    """Return the factors of a field's bands on the optical axis, as its rates are.

    A field without events, mission, effective area or models has none, and a note says why.
    """
    labels = list(field.counts)
    if field.events is None or field.mission is None or not field.bands:
        return no_factors(labels, "fluxes need events of a known mission: they are left empty")
    try:
        responses = _responses(field, field.mission, given)
        values = flux_factors(
            responses, [field.bands[b] for b in labels], parameters.flux_index,
            parameters.flux_column_density,
        )  # fmt: skip
    except (MissingDataError, ParameterError) as error:
        return no_factors(labels, f"fluxes are left empty: {error.subject}: {error.cause}")
    notes = list(responses.warnings)
    if given.includes:
        notes.append(
            f"the effective area given includes {' and '.join(sorted(given.includes))}: fluxes are "
            "of sources at its place"
        )
    return FluxFactors(
        dict(zip(labels, values.tolist(), strict=True)), bool(responses.stamps), tuple(notes)
    )


def _responses(field: Field, mission: Mission, given: GivenResponses) -> SpectralResponses:
    assert field.events is not None
    detectors = sorted(d for d in field.events.gti if d >= 0)
    if not detectors:
        detectors = [d.number for d in mission.detectors()]
    channels = spectral_channels(mission, given)
    return spectral_responses(field.events, mission, detectors, channels, given)


def flux_factors(
    responses: SpectralResponses, bands: Sequence[EnergyBand], index: float, column_density: float
) -> np.ndarray:
    """Return the energy flux for a count in bands.

    Parameters
    ----------
    responses : SpectralResponses
        Area and matrix.
    bands : sequence of EnergyBand, length b
        Of events by their energy, and of the fluxes.
    index : float
        Photon index.
    column_density : float
        atoms / cm2.

    Returns
    -------
    ndarray, shape (b,)
        erg / cm2 / count, absorbed. NaN where no photon of the spectrum is counted in the band.

    Raises
    ------
    ParameterError
        There is a matrix without an effective area.
    MissingDataError
        XSPEC's models are not installed.
    """
    if responses.arf is None and not responses.rmf.includes_area:
        raise ParameterError("arf", "is left out", "give an effective area with --arf")
    response = build_response(responses.rmf, responses.arf)
    detected = _photons(response.edges, index, column_density) @ response.matrix
    factors = np.full(len(bands), np.nan)
    for place, band in enumerate(bands):
        rate = float(detected @ _part_of_channels(responses.rmf, band))
        edges = np.geomspace(max(band.minimum, 1e-2), band.maximum, _BINS + 1)
        middle = (edges[1:] + edges[:-1]) / 2
        energy = float(_photons(edges, index, column_density) @ middle) * _KEV
        if rate > 0:
            factors[place] = energy / rate
    return factors


def _photons(edges: np.ndarray, index: float, column_density: float) -> np.ndarray:
    """Return photons/cm2/s in bins, for 1 photon/cm2/s/keV at 1 keV before absorption."""
    if column_density <= 0:
        expression, row = parse_expression("powerlaw"), [index, 1.0]
    else:
        expression, row = parse_expression("tbabs*powerlaw"), [column_density / 1e22, index, 1.0]
    # photons of no energy are in the first bin of some responses
    positive = np.maximum(edges, 1e-3 * np.arange(1, len(edges) + 1) / len(edges))
    return np.asarray(ModelEvaluator(expression, positive, ModelSettings())(np.array(row)))


def _part_of_channels(rmf: RedistributionMatrix, band: EnergyBand) -> np.ndarray:
    """Return the part of each channel that is in a band, shape (c,)."""
    width = np.maximum(rmf.channel_high - rmf.channel_low, 1e-9)
    inside = np.minimum(rmf.channel_high, band.maximum) - np.maximum(rmf.channel_low, band.minimum)
    return np.clip(inside / width, 0, 1)
