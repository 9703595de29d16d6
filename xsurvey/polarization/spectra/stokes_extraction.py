"""Stokes spectra of a region in the events of an observation, with responses for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import SeenSky, seen_sky
from xsurvey.io.ogip.stokes import Stokes
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.missions import get_mission
from xsurvey.missions.polarimetry import StokesResponseSet, UnitResponses, Weighting
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.event_sums import EventSums, sum_events
from xsurvey.polarization.measure import notes_of_events
from xsurvey.polarization.modulation import modulation_of
from xsurvey.polarization.spectra.stokes_spectra import StokesResponses, stokes_spectra
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.effective_area import (
    AreaCorrection,
    flat_correction,
    point_correction,
)
from xsurvey.spectra.extraction.region_exposure import (
    RegionExposure,
    region_exposure,
    sample_finely,
)
from xsurvey.spectra.extraction.responses import on_energies
from xsurvey.units import SkyPosition


@dataclass(frozen=True)
class StokesUnit:
    """The spectra of a detector unit and what they fold through.

    Attributes
    ----------
    name : str
        DETNAM.
    source : mapping of str to PhaSpectrum
        Of I, Q and U; they name no files yet.
    background : mapping of str to PhaSpectrum, or None
    arf, mrf : AncillaryResponse
        For the region.
    rmf : RedistributionMatrix
    counts, background_counts : int
        Events in the regions.
    scale : float or None
        Of the background, to the source region.
    stamps : mapping of str to (value, comment)
        Approximations and corrections, for headers.
    """

    name: str
    source: Mapping[Stokes, PhaSpectrum]
    background: Mapping[Stokes, PhaSpectrum] | None
    arf: AncillaryResponse
    mrf: AncillaryResponse
    rmf: RedistributionMatrix
    counts: int
    background_counts: int | None
    scale: float | None
    stamps: Mapping[str, tuple[Any, str]]


@dataclass(frozen=True)
class ExtractedStokes:
    """Stokes spectra of the units of an observation.

    Attributes
    ----------
    units : tuple of StokesUnit
        Those that have events in the region.
    responses : StokesResponseSet
    notes : tuple of str
    """

    units: tuple[StokesUnit, ...]
    responses: StokesResponseSet
    notes: tuple[str, ...]


def extract_stokes(
    events: EventList, parameters: StokesSpectraParameters, region: RegionSet | None = None,
    background: RegionSet | None = None, position: SkyPosition | None = None,
) -> ExtractedStokes:  # fmt: skip
    """Make the Stokes spectra of a source, in one pass over the events.

    BACKSCAL is the area of a region, deg2, that the unit saw; the livetime of a unit is the same
    for both regions. Vignetting is in the areas of the source, not in BACKSCAL: most of the
    background are particles.

    Parameters
    ----------
    events : EventList
        Of one observation, with good times and other filters as they should be.
    parameters : StokesSpectraParameters
    region, background : RegionSet, optional
        In the list's sky pixels. Without a region all events, and areas are those on the axis.
    position : SkyPosition, optional
        Of a point source; the region's centroid if not given.

    Raises
    ------
    InputError
        No polarimeter, no Stokes parameters, weights or good time, no event in the region, or a
        region that was never exposed.
    ParameterError
        Unknown responses; a background without a source region or a scale.
    MissingDataError
        Responses are not installed.
    """
    if background is not None and parameters.background_scale is None and not _bounded(region):
        raise ParameterError(
            "background_scale", "is not known without a source region",
            "give a region, or the scale",
        )  # fmt: skip
    weighting: Weighting = "neff" if parameters.weighted else "none"
    mission = get_mission(events.observation.mission)
    modulation = modulation_of(events, weighting, parameters.irf)
    regions = [region] if background is None else [region, background]
    found = sum_events(events, modulation, regions, parameters.weighted)
    counts = found.regions[0].counts.sum(axis=1)
    if not counts.any():
        (events if region is None else events.in_region(region)).require_events(0)
    responses = mission.stokes_responses(events, weighting, parameters.irf)
    work = _Extraction(events, parameters, regions, position, found)
    units = [
        work.unit(place, one, modulation.channels)
        for place, one in enumerate(responses.units) if counts[place]
    ]  # fmt: skip
    notes = [
        *events.observation.warnings,
        *responses.warnings,
        *notes_of_events(found, parameters.weighted),
    ]
    without = [one.name for one, n in zip(responses.units, counts, strict=True) if not n]
    if without:
        notes.append(f"{', '.join(without)}: no events in the region, left out")
    if not _bounded(region):
        notes.append("no source region: effective areas are those on the axis")
    notes += work.notes
    return ExtractedStokes(tuple(units), responses, tuple(dict.fromkeys(notes)))


def _bounded(region: RegionSet | None) -> bool:
    return region is not None and bool(region.include)


class _Extraction:
    """What the units of an observation share."""

    def __init__(
        self, events: EventList, parameters: StokesSpectraParameters,
        regions: Sequence[RegionSet | None], position: SkyPosition | None, found: EventSums,
    ) -> None:  # fmt: skip
        self.events, self.parameters, self.position = events, parameters, position
        self.found = found
        self.source = regions[0] if _bounded(regions[0]) else None
        self.background = regions[1] if len(regions) > 1 else None
        self.samples = [
            None if one is None or not one.include else sample_finely(one)
            for one in (self.source, self.background)
        ]
        self.notes: list[str] = []

    def unit(self, place: int, responses: UnitResponses, channels: np.ndarray) -> StokesUnit:
        """Return the spectra and responses of a unit."""
        number, name = responses.detector, responses.name
        events = self.events.in_detectors([number], name)
        livetime = events.detector_livetime(number)
        exposures, sky = self._seen(events, number, place)
        areas, scale = self._areas(exposures)
        arf = on_energies(responses.arf, responses.rmf.energy_low, responses.rmf.energy_high)
        mrf = on_energies(responses.mrf, responses.rmf.energy_low, responses.rmf.energy_high)
        header = self._header(events, responses)
        stamps: dict[str, tuple[Any, str]] = {}
        factor = np.ones(len(arf.energy_low))
        if sky is not None and exposures[0] is not None:
            correction = self._correction(events, exposures[0], sky)
            factor = correction.vignetting_at((arf.energy_low + arf.energy_high) / 2)
            factor = factor * correction.coverage * correction.psf
            stamps = _stamps(sky, correction, self.parameters)
        else:
            stamps["CORRVIGN"] = ("NONE", "vignetting in SPECRESP")
            stamps["CORRPSF"] = ("NONE", "PSF fraction in SPECRESP")

        def spectra(sums: ChannelSums, area: float) -> dict[Stokes, PhaSpectrum]:
            return stokes_spectra(
                sums.of_detectors(np.array([place])), np.array([livetime]), detectors=[name],
                responses=[StokesResponses("", "", "")], backscal=area,
                first_channel=int(channels[0]), header=header,
            )[0]  # fmt: skip

        own = {k: header[k] for k in ("TELESCOP", "INSTRUME", "OBJECT", "OBS_ID")}
        own["DETNAM"] = name

        def for_region(area: AncillaryResponse, kind: str) -> AncillaryResponse:
            return replace(
                area, effective_area=area.effective_area * factor, exposure=livetime,
                header={**own, "IRFTYPE": kind}, warnings=(),
            )  # fmt: skip

        sums = self.found.regions
        return StokesUnit(
            name, spectra(sums[0], areas[0]),
            spectra(sums[1], areas[1]) if self.background is not None else None,
            for_region(arf, "arf"), for_region(mrf, "mrf"),
            replace(responses.rmf, header={**responses.rmf.header, **own}),
            int(sums[0].counts[place].sum()),
            int(sums[1].counts[place].sum()) if self.background is not None else None,
            scale, stamps,
        )  # fmt: skip

    def _seen(
        self, events: EventList, number: int, place: int
    ) -> tuple[list[RegionExposure | None], SeenSky | None]:
        """Return what a unit saw of the regions."""
        known = [sample for sample in self.samples if sample is not None]
        if self.samples[0] is None or not known:
            return [None, None], None
        x, y = (np.concatenate([getattr(s, n) for s in known]) for n in ("x", "y"))
        sky = seen_sky(events, x, y)
        if sky.grid is None:
            self.notes.append(sky.how)
        seen: list[RegionExposure | None] = []
        regions = (self.source, self.background)
        for which, (region, sample) in enumerate(zip(regions, self.samples, strict=True)):
            if region is None or sample is None:
                seen.append(None)
                continue
            counted = int(self.found.regions[which].counts[place].sum())
            one = region_exposure(events, region, sample, sky, {number: counted})
            fraction = float(sample.weight[one.places.livetime > 0].sum() / sample.area)
            if fraction < 0.99:
                what = ("source", "background")[which]
                self.notes.append(f"only {fraction:.0%} of the {what} region was ever exposed")
            seen.append(one)
        return seen, sky

    def _areas(
        self, seen: Sequence[RegionExposure | None]
    ) -> tuple[tuple[float, float], float | None]:
        """Return BACKSCAL of source and background, deg2, and the scale of the latter."""
        source = 1.0 if seen[0] is None else seen[0].exposed_area
        if self.background is None:
            return (source, 1.0), None
        given = self.parameters.background_scale
        if given is not None:
            return (source, source / given), given
        assert seen[1] is not None
        other = seen[1].exposed_area * seen[1].exposure / (seen[0].exposure if seen[0] else 1.0)
        return (source, other), source / other

    def _correction(self, events: EventList, seen: RegionExposure, sky: SeenSky) -> AreaCorrection:
        if self.parameters.source_type == "extended":
            return flat_correction(seen)
        assert self.source is not None
        sample = seen.samples
        x, y = (float(v @ sample.weight / sample.weight.sum()) for v in (sample.x, sample.y))
        if self.position is not None:
            x, y = (float(v) for v in events.wcs.all_world2pix([self.position], 1)[0])
        return point_correction(events, self.source, x, y, seen, sky)

    def _header(self, events: EventList, responses: UnitResponses) -> dict[str, Any]:
        observation = events.observation
        own = [gti for gti in events.gti.values() if len(gti.start)]
        start = min((float(gti.start[0]) for gti in own), default=np.nan)
        stop = max((float(gti.stop[-1]) for gti in own), default=np.nan)
        return {
            "TELESCOP": observation.telescope,
            "INSTRUME": str(responses.arf.header.get("INSTRUME") or observation.instrument),
            "OBJECT": observation.target, "OBS_ID": observation.obs_id, "CHANTYPE": "PI",
            "RA_PNT": observation.pointing.ra, "DEC_PNT": observation.pointing.dec,
            "MJDREF": observation.reference_mjd, "TIMESYS": observation.time_scale,
            "DATE-OBS": observation.date(start), "TSTART": start, "TSTOP": stop,
        }  # fmt: skip


def _stamps(
    sky: SeenSky, correction: AreaCorrection, parameters: StokesSpectraParameters
) -> dict[str, tuple[Any, str]]:
    point = parameters.source_type == "point"
    stamps: dict[str, tuple[Any, str]] = {
        "EXPMAP": (sky.origin, "exposure map"), "EXPHOW": (sky.how, ""),
        "SRCTYPE": (parameters.source_type, "of the source"),
        "CORRVIGN": ("IN EXPOSURE" if sky.in_exposure else "APPLIED", "vignetting in SPECRESP"),
        "CORRPSF": ("APPLIED" if point else "NONE", "PSF fraction in SPECRESP"),
        "ARFWGHT": (correction.weights, "weights of the vignetting"),
        "CORREXPO": (round(correction.coverage, 6), "seen part of EXPOSURE, applied"),
    }  # fmt: skip
    if point:
        stamps["PSFFRAC"] = (round(correction.psf, 6), "approximate PSF")
    return stamps
