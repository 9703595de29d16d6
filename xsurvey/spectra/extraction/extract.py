"""Extraction of the spectra of regions from the events of an observation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.apertures.pileup import PILED_UP
from xsurvey.errors import XSurveyError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import SeenSky, seen_sky
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum
from xsurvey.missions import Mission, get_mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.effective_area import (
    AreaCorrection,
    counts_correction,
    flat_correction,
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


@dataclass(frozen=True)
class SpectrumRequest:
    """What a spectrum is wanted of.

    Attributes
    ----------
    region : RegionSet
        In the sky pixels of the events, masks cut out.
    background : RegionSet or None
    parameters : ExtractionParameters
    position : SkyPosition or None
        Of a point source; the region's centroid if not given.
    """

    region: RegionSet
    background: RegionSet | None = None
    parameters: ExtractionParameters = field(default_factory=ExtractionParameters)
    position: SkyPosition | None = None

    def corners(self) -> np.ndarray:
        """Return corners of the boxes around all shapes, 1-based sky pixels, shape (m, 2)."""
        shapes = [*self.region.include, *(self.background.include if self.background else ())]
        boxes = [shape.bounding_box for shape in shapes]
        low = [[b.ixmin + 0.5, b.iymin + 0.5] for b in boxes]
        return np.array([*low, *([b.ixmax + 0.5, b.iymax + 0.5] for b in boxes)]).reshape(-1, 2)


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
    request = SpectrumRequest(region, background, parameters or ExtractionParameters(), position)
    (found,) = extract_spectra(events, [request], exposure, responses)
    if isinstance(found, XSurveyError):
        raise found
    return found


def extract_spectra(
    events: EventList, requests: Sequence[SpectrumRequest], exposure: SkyImage | None = None,
    responses: GivenResponses | None = None,
) -> Iterator[ExtractedSpectra | XSurveyError]:  # fmt: skip
    """Extract the spectra of several regions of one observation, one after the other.

    The events are read once, and what was seen of the sky is found out once for all regions that
    have counts.

    Parameters
    ----------
    events : EventList
    requests : sequence of SpectrumRequest
    exposure, responses
        As of `extract_spectrum`.

    Yields
    ------
    ExtractedSpectra or XSurveyError
        For each request its spectra, or what `extract_spectrum` would have raised.

    Raises
    ------
    InputError, ParameterError
        The response given is of no use for these events, or its channels are not known.
    """
    given = responses or GivenResponses()
    mission = get_mission(events.observation.mission)
    channels = spectral_channels(mission, given)
    regions = [(one.region, one.background) for one in requests]
    counts = count_regions(events, regions, channels, mission)
    shared = {i: one for i, (one, own) in enumerate(zip(requests, counts, strict=True))
              if own.detectors or own.background_detectors}  # fmt: skip
    work = _Extraction(events, mission, channels, given, exposure)
    work.share_sky(list(shared.values()))
    for number, (request, own) in enumerate(zip(requests, counts, strict=True)):
        try:
            yield work.of(request, own, number in shared)
        except XSurveyError as error:
            yield error


class _Extraction:
    """What the extractions of one observation share."""

    def __init__(
        self, events: EventList, mission: Mission, channels: ChannelGrid, given: GivenResponses,
        exposure: SkyImage | None,
    ) -> None:  # fmt: skip
        self.events = events
        self.mission = mission
        self.channels = channels
        self.given = given
        self.exposure = exposure
        self._sky: SeenSky | XSurveyError | None = None
        self._responses: dict[tuple[int, ...], SpectralResponses] = {}

    def share_sky(self, requests: Sequence[SpectrumRequest]) -> None:
        """Find out once what was seen of the sky, as far as these requests need it."""
        corners = [request.corners() for request in requests]
        if not any(len(c) for c in corners):
            return
        x, y = np.concatenate(corners).T
        try:
            self._sky = seen_sky(self.events, x, y, self.exposure)
        except XSurveyError as error:
            self._sky = error

    def of(self, request: SpectrumRequest, counts: RegionCounts, shared: bool) -> ExtractedSpectra:
        """Return one spectrum."""
        events, region, background = self.events, request.region, request.background
        parameters = request.parameters
        samples = [sample_finely(r) for r in (region, background) if r is not None]
        first = samples[0]
        centre = _centre(events, first.x, first.y, first.weight, request.position)
        sky = self._seen(request, shared)
        seen = region_exposure(events, region, first, sky, counts.detectors)
        behind = None
        if background is not None:
            others = counts.background_detectors
            behind = region_exposure(events, background, samples[1], sky, others)
        found = self._responses_of(sorted(counts.detectors or counts.background_detectors))
        if parameters.source_type == "point":
            correction = point_correction(events, region, *centre, seen, sky)
        else:
            by_counts = None
            if parameters.area_weights == "counts":
                by_counts = counts_correction(counts, seen, sky)
            correction = by_counts or flat_correction(seen)
        pileup = brightest_pileup(counts, events, self.mission, seen.exposure)
        stamps = _stamps(sky, found, correction, parameters, pileup)
        return ExtractedSpectra(
            _spectrum(events, self.channels, counts.source, seen, region),
            None if background is None or behind is None
            else _spectrum(events, self.channels, counts.background, behind, background),
            _corrected(found, correction, parameters, seen.exposure), found.rmf, pileup, stamps,
            _warnings(events, counts, seen, behind, found, sky, pileup),
        )  # fmt: skip

    def _seen(self, request: SpectrumRequest, shared: bool) -> SeenSky:
        if not shared or self._sky is None:
            # a region without any counts may be far from all others
            x, y = request.corners().T
            return seen_sky(self.events, x, y, self.exposure)
        if isinstance(self._sky, XSurveyError):
            raise self._sky
        return self._sky

    def _responses_of(self, detectors: list[int]) -> SpectralResponses:
        key = tuple(detectors)
        if key not in self._responses:
            self._responses[key] = spectral_responses(
                self.events, self.mission, detectors, self.channels, self.given
            )
        return self._responses[key]


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
