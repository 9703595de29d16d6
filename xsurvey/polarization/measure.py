"""Polarization of a source in energy bins, from the events of an observation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import seen_sky
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import BinSums, bin_sums, check_edges
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.event_sums import EventSums, sum_events
from xsurvey.polarization.modulation import Modulation, Weighting, modulation_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.stokes import StokesBins, StokesFlag
from xsurvey.polarization.unbinned.likelihood_bins import check_options, likelihood_bins
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.region_exposure import region_exposure, sample_finely
from xsurvey.units import EnergyBand

_SAME_WEIGHT = 1e-9
_SQUARES = (2.5, 6.0)
"""Of Q^2 + U^2 of an event, 4 but for a correction of spurious modulation."""


@dataclass(frozen=True)
class PolarizationCube:
    """Polarization of a source in energy bins, and what it rests on.

    Attributes
    ----------
    bins : StokesBins
        Arrays (n,).
    sums : BinSums
        What they were made of, background subtracted.
    channel_sums : ChannelSums
        Of the source region, arrays (d, c).
    modulation : Modulation
    background_counts : ndarray, shape (n,), or None
        Events of the background region, not scaled.
    background_scale : float or None
    notes : tuple of str
        What a user should know.
    """

    bins: StokesBins
    sums: BinSums
    channel_sums: ChannelSums
    modulation: Modulation
    background_counts: np.ndarray | None = None
    background_scale: float | None = None
    notes: tuple[str, ...] = ()


def measure_polarization(
    events: EventList, parameters: PolarizationParameters, region: RegionSet | None = None,
    background: RegionSet | None = None,
) -> PolarizationCube:  # fmt: skip
    """Measure the polarization of a source; the detector units are added up.

    Parameters
    ----------
    events : EventList
        Of one observation, with good times and other filters as they should be.
    parameters : PolarizationParameters
    region, background : RegionSet, optional
        In the list's sky pixels: of the source, everything if not given, and of the background.

    Raises
    ------
    InputError
        No polarimeter, no Stokes parameters, no good time, no event in the region, or a region
        that was never exposed.
    ParameterError
        Energies beyond the responses, or unknown responses.
    MissingDataError
        Responses are not installed.
    """
    check_options(parameters)
    weighting: Weighting = "simple" if parameters.weighted else "none"
    modulation = modulation_of(events, weighting, parameters.irf)
    edges = check_edges(np.array(parameters.edges), modulation)
    regions = [region] if background is None else [region, background]
    found = sum_events(events, modulation, regions, parameters.weighted)
    _check_events(events, region, found)
    binned = [
        bin_sums(sums, modulation, edges, parameters.acceptance_correction)
        for sums in found.regions
    ]
    source = binned[0]
    if not source.counts.any():
        bands = [EnergyBand(a, b) for a, b in itertools.pairwise(edges)]
        _filtered(events, region).require_events(0, bands)
    scale = None
    if background is not None:
        scale = parameters.background_scale
        if scale is None:
            scale = scale_of_regions(events, region, background, found)
        source = subtract_background(source, binned[1], scale)
    more: tuple[str, ...] = ()
    if parameters.estimator == "likelihood":
        bins, more = likelihood_bins(events, modulation, source, regions, scale, parameters)
    else:
        bins = ESTIMATORS[parameters.estimator](source)
    notes = (
        *modulation.warnings,
        *notes_of_events(found, parameters.weighted),
        *more,
        *notes_of_bins(bins),
    )
    return PolarizationCube(
        bins, source, found.regions[0], modulation,
        None if background is None else binned[1].counts, scale, notes,
    )  # fmt: skip


def scale_of_regions(
    events: EventList, region: RegionSet | None, background: RegionSet, found: EventSums
) -> float:
    """Return area times exposure of the source region relative to the background region.

    Parts of a region that were never seen, beyond the edge of the field, do not count; vignetting
    does not either, since most of the background are particles.

    Raises
    ------
    InputError
        A region was never exposed.
    ParameterError
        The scale cannot be found, as there is no source region.
    """
    if region is None or not region.include:
        raise ParameterError(
            "background_scale", "is not known without a source region",
            "give a region, or the scale",
        )  # fmt: skip
    samples = [sample_finely(one) for one in (region, background)]
    x, y = (np.concatenate([getattr(s, n) for s in samples]) for n in ("x", "y"))
    sky = seen_sky(events, x, y)
    areas = []
    for one, sample, sums in zip((region, background), samples, found.regions, strict=True):
        counted = sums.counts.sum(axis=1)
        detectors = dict(zip(list(events.gti), map(int, counted), strict=False))
        seen = region_exposure(events, one, sample, sky, detectors)
        areas.append(seen.exposed_area * seen.exposure)
    return float(areas[0] / areas[1])


def _check_events(events: EventList, region: RegionSet | None, found: EventSums) -> None:
    """Raise where no event is in the region."""
    if found.unusable and not found.events:
        raise InputError(
            events.observation.path, f"has {found.unusable} events whose time, place, energy, Q or "
            "U is not a number, and no other", "give events with Stokes parameters",
        )  # fmt: skip
    if found.unweighted and not found.regions[0].counts.any():
        raise InputError(
            events.observation.path, "has only events without a weight, or with a negative one",
            "measure it without weights",
        )  # fmt: skip
    if not found.regions[0].counts.any():
        _filtered(events, region).require_events(0)


def _filtered(events: EventList, region: RegionSet | None) -> EventList:
    return events if region is None else events.in_region(region)


def notes_of_events(found: EventSums, weighted: bool = False) -> list[str]:
    """Return what was left out of sums of events, in words."""
    notes = []
    if found.unusable:
        notes.append(
            f"{found.unusable} events whose time, place, energy, Q or U is not a number are left "
            "out"
        )
    if found.unweighted:
        notes.append(f"{found.unweighted} events without a weight, or a negative one, are left out")
    sums = found.regions[0]
    square = float((sums.qq + sums.uu).sum() / max(sums.weight2.sum(), 1e-300))
    # zero where counts alone were summed
    if square > 0 and not _SQUARES[0] < square < _SQUARES[1]:
        notes.append(
            f"Q^2 + U^2 of the events is {square:.3g}, where 4 is expected: are they 2 cos 2 psi "
            "and 2 sin 2 psi? If not, degrees are wrong"
        )
    total, total2, number = (getattr(sums, n).sum() for n in ("weight", "weight2", "counts"))
    if weighted and number > 1 and abs(total2 * number / total**2 - 1) < _SAME_WEIGHT:
        notes.append(
            "all events have the same weight, as in files that are simulated without them: "
            "responses of weighted events do not hold for these, and degrees are wrong"
        )
    if found.shared:
        notes.append(
            f"{found.shared} events are in the source and in the background region: variances are "
            "not right"
        )
    return notes


_MEANINGS = {
    StokesFlag.NO_EVENTS: "no events", StokesFlag.NO_NET_SIGNAL: "not more than the background",
    StokesFlag.FEW_EVENTS: "I is less than five times its error, and Q/I and U/I not Gaussian",
    StokesFlag.NO_ERROR: "no errors can be given",
    StokesFlag.ABOVE_ONE: "a degree above 1, which no source has",
    StokesFlag.AT_ONE: "the likelihood is largest at a degree of 1: intervals are not right",
}  # fmt: skip


def notes_of_bins(bins: StokesBins) -> Sequence[str]:
    """Return what is the matter with bins, in words."""
    notes = []
    for low, high, value in zip(bins.energy_min, bins.energy_max, bins.flags, strict=True):
        said = [meaning for flag, meaning in _MEANINGS.items() if int(value) & flag]
        if said:
            notes.append(f"{low:g}-{high:g} keV: {', '.join(said)}")
    return notes
