"""Extraction of the spectrum of a region from the events of an observation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.apertures.pileup import PILED_UP
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import SeenSky, seen_sky
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum
from xsurvey.missions import get_mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.effective_area import (
    AreaCorrection,
    counts_correction,
    flat_correction,
    places_of_psf,
    point_correction,
)
from xsurvey.spectra.extraction.parameters import ExtractionParameters
from xsurvey.spectra.extraction.region_counts import RegionCounts, brightest_pileup, count_regions
from xsurvey.spectra.extraction.region_exposure import (
    RegionExposure,
    region_exposure,
    sample_finely,
)
from xsurvey.spectra.extraction.responses import (
    GivenResponses,
    SpectralResponses,
    spectral_channels,
    spectral_responses,
)
from xsurvey.spectra.extraction.spectra import ExtractedSpectra
from xsurvey.units import SkyPosition


def extract_spectrum(
    events: EventList, region: RegionSet, background: RegionSet | None = None,
    parameters: ExtractionParameters | None = None, exposure: SkyImage | None = None, *,
    position: SkyPosition | None = None, responses: GivenResponses | None = None,
) -> ExtractedSpectra:  # fmt: skip
    """Extract the spectrum of a region.

    Counts of coaligned detectors add up, and their exposure is the mean: the effective area is
    that of all of them together.

    Parameters
    ----------
    events : EventList
        Of one observation.
    region, background : RegionSet
        In its sky pixels, masks cut out.
    parameters : ExtractionParameters, optional
    exposure : SkyImage, optional
        Exposure map in seconds; without one it is found as `xsurvey.imaging.seen_sky` does.
    position : SkyPosition, optional
        Of a point source; the region's centroid if not given.
    responses : GivenResponses, optional
        Those of the mission if not given.

    Raises
    ------
    InputError
        A region is empty or was never exposed, or a response does not belong to the events.
    ParameterError
        Responses are neither given nor known.
    MissingDataError
        Those of the mission are not installed.
    """
    parameters = parameters or ExtractionParameters()
    given = responses or GivenResponses()
    mission = get_mission(events.observation.mission)
    channels = spectral_channels(mission, given)
    samples = [sample_finely(r) for r in (region, background) if r is not None]
    centre = _centre(events, samples[0].x, samples[0].y, samples[0].weight, position)
    x, y = (np.concatenate([getattr(s, name) for s in samples]) for name in ("x", "y"))
    if parameters.source_type == "point":
        extra = places_of_psf(events, *centre)
        x, y = np.append(x, extra[0]), np.append(y, extra[1])
    sky = seen_sky(events, x, y, exposure)
    counts = count_regions(events, region, background, channels, mission)
    seen = region_exposure(events, region, samples[0], sky, counts.detectors)
    behind = None
    if background is not None:
        behind = region_exposure(events, background, samples[1], sky, counts.background_detectors)
    detectors = sorted(counts.detectors or counts.background_detectors)
    found = spectral_responses(events, mission, detectors, channels, given)
    if parameters.source_type == "point":
        correction = point_correction(events, region, *centre, seen, sky)
    else:
        by_counts = None
        if parameters.area_weights == "counts":
            by_counts = counts_correction(counts, seen, sky)
        correction = by_counts or flat_correction(seen)
    pileup = brightest_pileup(counts, events, mission, seen.exposure)
    stamps = _stamps(sky, found, correction, parameters, pileup)
    return ExtractedSpectra(
        _spectrum(events, channels, counts.source, seen, region),
        None if background is None or behind is None
        else _spectrum(events, channels, counts.background, behind, background),
        _corrected(found, correction, parameters, seen.exposure), found.rmf, pileup, stamps,
        _warnings(events, counts, seen, behind, found, sky, pileup),
    )  # fmt: skip


def _centre(
    events: EventList, x: np.ndarray, y: np.ndarray, weight: np.ndarray,
    position: SkyPosition | None,
) -> tuple[float, float]:  # fmt: skip
    if position is None:
        return float(x @ weight / weight.sum()), float(y @ weight / weight.sum())
    px, py = events.wcs.all_world2pix([position], 1)[0]
    return float(px), float(py)


def _spectrum(
    events: EventList, channels: ChannelGrid, counts: np.ndarray, seen: RegionExposure,
    region: RegionSet,
) -> PhaSpectrum:  # fmt: skip
    number, observation = len(counts), events.observation
    starts = [own.start[0] for own in events.gti.values() if len(own.start)]
    stops = [own.stop[-1] for own in events.gti.values() if len(own.stop)]
    header: dict[str, Any] = {
        "TELESCOP": observation.telescope, "INSTRUME": observation.instrument, "FILTER": "NONE",
        "OBJECT": observation.target, "OBS_ID": observation.obs_id, "CHANTYPE": "PI",
        "RA_PNT": observation.pointing.ra, "DEC_PNT": observation.pointing.dec,
        "MJDREF": observation.reference_mjd, "TIMESYS": observation.time_scale,
        "DATE-OBS": observation.date(float(min(starts, default=np.nan))),
        "TSTART": float(min(starts, default=np.nan)), "TSTOP": float(max(stops, default=np.nan)),
        "EXPAREA": (seen.exposed_area, "deg2, of the region, exposed (BACKSCAL)"),
        "REGION": Path(str(region)).name,
    }  # fmt: skip
    return PhaSpectrum(
        path=observation.path, channels=channels.numbers, first_channel=int(channels.numbers[0]),
        detector_channels=number, counts=counts, exposure=seen.exposure,
        backscal=np.full(number, seen.exposed_area), areascal=np.ones(number),
        systematic_error=np.zeros(number), quality=np.zeros(number, dtype=int),
        grouping=np.zeros(number, dtype=int), region_area=seen.area, header=header,
    )  # fmt: skip


def _corrected(
    found: SpectralResponses, correction: AreaCorrection, parameters: ExtractionParameters,
    exposure: float,
) -> AncillaryResponse | None:  # fmt: skip
    """Return the area of the region: that on the axis times what it does not include yet."""
    if found.arf is None:
        return None
    factor = np.ones(len(found.arf.energy_low))
    if "vignetting" not in found.includes:
        factor *= correction.vignetting_at((found.arf.energy_low + found.arf.energy_high) / 2)
        # an area that was made for a region knows what gaps and edges hid of it
        factor *= correction.coverage
    if parameters.source_type == "point" and "psf" not in found.includes:
        factor *= correction.psf
    return replace(
        found.arf, effective_area=found.arf.effective_area * factor, exposure=exposure,
        header={}, warnings=(),  # which are of another observation
    )  # fmt: skip


def _stamps(
    sky: SeenSky, found: SpectralResponses, correction: AreaCorrection,
    parameters: ExtractionParameters, pileup: float,
) -> dict[str, tuple[Any, str]]:  # fmt: skip
    vignetting = "APPLIED"
    if sky.in_exposure:
        vignetting = "IN EXPOSURE"
    if "vignetting" in found.includes:
        vignetting = "IN ARF"
    point = parameters.source_type == "point"
    psf = "NONE" if not point else "IN ARF" if "psf" in found.includes else "APPLIED"
    stamps: dict[str, tuple[Any, str]] = {
        "EXPMAP": (sky.origin, "exposure map"),
        "EXPHOW": (sky.how, ""),
        "SRCTYPE": (parameters.source_type, "of the source"),
        **found.stamps,
    }
    if found.arf is not None:
        stamps |= {
            "CORRVIGN": (vignetting, "vignetting in SPECRESP"),
            "CORRPSF": (psf, "PSF fraction in SPECRESP"),
            "ARFWGHT": (correction.weights, "weights of the vignetting"),
        }
        if vignetting != "IN ARF":
            stamps["CORREXPO"] = (round(correction.coverage, 6), "seen part of EXPOSURE, applied")
        if psf == "APPLIED":
            stamps["PSFFRAC"] = (round(correction.psf, 6), "approximate PSF")
    if np.isfinite(pileup):
        stamps["PILEUP"] = (round(pileup, 6), "estimate at the brightest place")
    return stamps


def _warnings(
    events: EventList, counts: RegionCounts, seen: RegionExposure, behind: RegionExposure | None,
    found: SpectralResponses, sky: SeenSky, pileup: float,
) -> tuple[str, ...]:  # fmt: skip
    notes = [*events.observation.warnings, *found.warnings]
    if sky.grid is None:
        notes.append(sky.how)
    if counts.outside:
        notes.append(f"{counts.outside} events are in no channel and left out")
    if counts.shared:
        notes.append(f"{counts.shared} events lie in the source and in the background region")
    for name, area in (("source", seen), ("background", behind)):
        if area is None:
            continue
        fraction = float(area.samples.weight[area.places.livetime > 0].sum() / area.samples.area)
        if fraction < 0.99:
            notes.append(f"only {fraction:.0%} of the {name} region was ever exposed")
    if not counts.source.any():
        notes.append("the source region holds no counts")
    if pileup > PILED_UP:
        notes.append(
            f"pile-up: at the brightest place {pileup:.0%} of the events are of several photons, "
            "which distorts the spectrum; cut it out with --exclude"
        )
    return tuple(notes)
