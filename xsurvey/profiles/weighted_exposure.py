"""Exposure maps with the vignetting of their band, for the spectrum of a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.band_vignetting import (
    BandVignetting,
    has_one_energy,
    with_band_vignetting,
)
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import Mission
from xsurvey.profiles.exposure_spectrum import ExposureSpectrum
from xsurvey.spectra.extraction.responses import (
    GivenResponses,
    spectral_channels,
    spectral_responses,
)
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

_BINS = 200
_LOWEST = 1e-3  # keV


def band_vignetting(
    events: EventList, mission: Mission, band: EnergyBand, spectrum: ExposureSpectrum
) -> BandVignetting:
    """Return the vignetting of a band for a spectrum.

    Parameters
    ----------
    events : EventList
        Of the detectors whose effective area and matrix are taken: the mission's.
    mission : Mission
    band : EnergyBand
        Of events.
    spectrum : ExposureSpectrum

    Raises
    ------
    MissingDataError
        Responses or XSPEC's models are not installed.
    ParameterError
        The mission has no effective area, or nothing of the spectrum is in the band.
    """
    detectors = sorted(d for d in events.gti if d >= 0)
    if not detectors:
        detectors = [d.number for d in mission.detectors()]
    channels = spectral_channels(mission, GivenResponses())
    responses = spectral_responses(events, mission, detectors, channels, GivenResponses())
    response = build_response(responses.rmf, responses.arf)
    low, high = responses.rmf.channel_low, responses.rmf.channel_high
    shared = np.minimum(high, band.maximum) - np.maximum(low, band.minimum)
    inside = np.clip(shared / np.maximum(high - low, 1e-9), 0, 1)
    # photons of no energy are in the first bin of some responses
    edges = np.maximum(response.edges, _LOWEST * np.arange(1, len(response.edges) + 1)
                       / len(response.edges))  # fmt: skip
    counts = spectrum.photons(edges) * np.asarray(response.matrix @ inside)
    if not (np.isfinite(counts).all() and counts.sum() > 0):
        raise ParameterError(
            "exposure_spectrum", f"{spectrum} has no counts in {band} keV",
            "give another one, or none",
        )  # fmt: skip
    middle = np.sqrt(edges[1:] * edges[:-1])
    return BandVignetting(mission, *_fewer(middle, counts / counts.sum()), str(spectrum))


def calibration_versions(mission: Mission) -> dict[str, str]:
    """Return the versions of what `band_vignetting` depends on, for the keys of results."""
    try:
        models = installation().version
    except MissingDataError:
        models = "none"
    return {"models": models, "responses": mission.responses_version()}


def _fewer(energy: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean energies and weights of fewer bins."""
    place = np.clip((np.cumsum(weight) - weight / 2) * _BINS, 0, _BINS - 1).astype(int)
    total = np.bincount(place, weight, minlength=_BINS)
    used = total > 0
    mean = np.bincount(place, weight * np.log(energy), minlength=_BINS)
    return np.exp(mean[used] / total[used]), total[used]


def weighted_exposure(
    field: Field, label: str, spectrum: ExposureSpectrum | None
) -> tuple[SkyImage, str]:
    """Return the exposure map of a band of an observation for a spectrum, and a note.

    Parameters
    ----------
    field : Field
    label : str
    spectrum : ExposureSpectrum or None
        None for the map as it is.

    Returns
    -------
    exposure : SkyImage
        As `with_band_vignetting`; a map that was given, or has no vignetting, as it is.
    note : str
        Why it has the vignetting of one energy though a spectrum is asked for; empty mostly.
    """
    band = field.bands.get(label)
    if spectrum is None or band is None or not has_one_energy(field, label):
        return field.exposure[label], ""
    assert field.events is not None and field.mission is not None
    try:
        vignetting = band_vignetting(field.events, field.mission, band, spectrum)
    except MissingDataError as error:
        return field.exposure[label], _note(field, label, error)
    except ParameterError as error:
        if error.subject == "exposure_spectrum":
            raise
        return field.exposure[label], _note(field, label, error)
    return with_band_vignetting(field, label, vignetting), ""


def _note(field: Field, label: str, error: MissingDataError | ParameterError) -> str:
    energy = float(field.exposure[label].stamps["VIGNKEV"])
    return (
        f"vignetting is that at {energy:.3g} keV, not of a spectrum over the band: "
        f"{error.subject}: {error.cause}"
    )


def weighted_fields(
    fields: Sequence[Field], label: str, spectrum: ExposureSpectrum | None
) -> tuple[list[Field], list[str]]:
    """Return observations whose exposure map of a band is for a spectrum, and notes.

    Parameters
    ----------
    fields : sequence of Field
        Those without the band stay as they are.
    label : str
    spectrum : ExposureSpectrum or None
    """
    found: list[Field] = []
    notes: list[str] = []
    for one in fields:
        if label not in one.exposure:
            found.append(one)
            continue
        exposure, note = weighted_exposure(one, label, spectrum)
        found.append(replace(one, exposure={label: exposure}))
        notes += [note] if note else []
    return found, list(dict.fromkeys(notes))
