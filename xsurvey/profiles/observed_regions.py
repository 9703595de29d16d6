"""What one observation has of the regions of a layout: counts, exposure, responses by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.missions import Mission, get_mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.label_exposure import LabelExposure, label_exposure, own_pixels
from xsurvey.profiles.label_spectra import DetectorGroups, label_spectra
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.seen_pixels import GivenMaps
from xsurvey.spectra.extraction.responses import (
    GivenResponses,
    SpectralResponses,
    spectral_channels,
    spectral_responses,
)
from xsurvey.timing.visibility import alike_detectors


@dataclass(frozen=True)
class RegionObservation:
    """The events of one observation, or of one tile of a survey.

    Attributes
    ----------
    events : EventList
        Good times without flares.
    shared : SharedSky or None
        Other files that hold photons of this one.
    maps : GivenMaps or None
        Exposure maps; from attitude or footprint if not given.
    """

    events: EventList
    shared: SharedSky | None = None
    maps: GivenMaps | None = None


@dataclass(frozen=True)
class ObservedGroup:
    """What a group of detectors saw.

    Attributes
    ----------
    detectors : tuple of int
        Of the group, those that the observation has.
    counts : ndarray of int, shape (r, c)
    exposure : LabelExposure
    responses : SpectralResponses
        On the optical axis.
    """

    detectors: tuple[int, ...]
    counts: np.ndarray
    exposure: LabelExposure
    responses: SpectralResponses

    def areas(self) -> np.ndarray:
        """Return the effective area of each region, vignetting included, cm2, shape (r, n)."""
        arf = self.responses.arf
        assert arf is not None
        if "vignetting" in self.responses.includes:
            return np.repeat(arf.effective_area[None, :], len(self.counts), axis=0)
        middle = np.log((arf.energy_low + arf.energy_high) / 2)
        return arf.effective_area * self.exposure.area_at(middle)


@dataclass(frozen=True)
class ObservedRegions:
    """What an observation saw.

    Attributes
    ----------
    name : str
    events : EventList
    channels : ChannelGrid
    groups : mapping of str to ObservedGroup
        Those of which it has detectors.
    notes : tuple of str
        What a reader of the results must know.
    """

    name: str
    events: EventList
    channels: ChannelGrid
    groups: Mapping[str, ObservedGroup]
    notes: tuple[str, ...] = field(default=())


def detector_groups(events: EventList, names: tuple[str, ...] = ()) -> dict[str, tuple[int, ...]]:
    """Return the groups of detectors that get spectra of their own.

    Parameters
    ----------
    events : EventList
    names : tuple of str
        Names that the mission gives to detectors or groups; those of the mission for diffuse
        emission if none is given, or all detectors together.

    Raises
    ------
    ParameterError
        The mission has no detectors of that name, or one is in two groups.
    """
    mission = get_mission(events.observation.mission)
    wanted = names or tuple(mission.diffuse_groups)
    if not wanted:
        return {"all": tuple(sorted(events.gti))}
    found: dict[str, tuple[int, ...]] = {}
    for name in wanted:
        if name not in mission.detector_groups:
            raise ParameterError(
                "groups", f"{mission.name} has no detectors '{name}'",
                f"use {', '.join(mission.detector_groups) or 'none'}",
            )  # fmt: skip
        found[name] = tuple(mission.detector_groups[name])
    every = [number for numbers in found.values() for number in numbers]
    if len(set(every)) < len(every):
        raise ParameterError(
            "groups", f"{', '.join(wanted)} have detectors in common", "choose groups apart"
        )
    return found


def observe_regions(
    observation: RegionObservation, layout: RegionLayout, groups: DetectorGroups,
    responses: Mapping[str, GivenResponses] | None = None,
) -> ObservedRegions:  # fmt: skip
    """Find out what an observation has of the regions.

    The events are read once for all regions and groups (and once more where the footprint is taken
    from them).

    Parameters
    ----------
    observation : RegionObservation
    layout : RegionLayout
    groups : mapping of str to sequence of int
    responses : mapping of str to GivenResponses, optional
        By group; the mission's for those that are not there.

    Raises
    ------
    InputError
        As `label_exposure` and `spectral_responses`; the matrices of two groups have other
        channels, or include the effective area, or there is none.
    ParameterError, MissingDataError
        As `spectral_responses`.
    """
    events = observation.events
    mission = get_mission(events.observation.mission)
    given = {name: (responses or {}).get(name, GivenResponses()) for name in groups}
    channels = _channels(mission, given)
    owned = own_pixels(layout.grid, observation.shared)
    detected = layout.detected if owned is None else np.where(owned, layout.detected, -1)
    present = _present(events, groups)
    found = label_spectra(events, layout, channels, present, detected)
    seen: dict[str, ObservedGroup] = {}
    exposures: dict[tuple[int, ...], LabelExposure] = {}
    for number, (name, detectors) in enumerate(present.items()):
        those = _representatives(events, detectors)
        if those not in exposures:
            own = events if set(those) >= set(events.gti) else events.in_detectors(those, name)
            exposures[those] = label_exposure(own, layout, found.box, observation.maps, owned)
        # of chips side by side those matter that the regions lie on
        looked = detectors if events.coaligned else found.detectors[number] or detectors
        seen[name] = ObservedGroup(
            detectors, found.counts[number], exposures[those],
            _responses(events, name, looked, channels, given[name]),
        )  # fmt: skip
    return ObservedRegions(
        events.observation.path.name, events, channels, seen, _notes(events, found.outside, seen)
    )


def _present(events: EventList, groups: DetectorGroups) -> dict[str, tuple[int, ...]]:
    """Return of each group the detectors with good time; -1 stands for all."""
    if -1 in events.gti:
        return {name: tuple(numbers) for name, numbers in groups.items()}
    there = {n: tuple(d for d in numbers if d in events.gti) for n, numbers in groups.items()}
    return {name: numbers for name, numbers in there.items() if numbers}


def _representatives(events: EventList, detectors: tuple[int, ...]) -> tuple[int, ...]:
    """Return detectors with the same mean exposure: the first of all where none differs.

    So the exposure of coaligned detectors of the same good times and attitude is found once.
    """
    if not events.coaligned or not events.attitude or -1 in events.gti:
        return detectors
    together = next(g for g in alike_detectors(events) if detectors[0] in g)
    live = {events.live_fraction.get(d, events.live_fraction.get(-1, 1.0)) for d in detectors}
    if set(detectors) <= set(together) and len(live) == 1:
        same = [d for d in together if events.live_fraction.get(
            d, events.live_fraction.get(-1, 1.0)) in live]  # fmt: skip
        return (min(same),)
    return detectors


def _channels(mission: Mission, given: Mapping[str, GivenResponses]) -> ChannelGrid:
    grids = {name: spectral_channels(mission, one) for name, one in given.items()}
    (first, channels), *others = grids.items()
    for name, other in others:
        same = np.array_equal(channels.numbers, other.numbers)
        if not (same and np.allclose(channels.low, other.low, atol=1e-5)):
            raise InputError(
                "rmf", f"of {name} has other channels than that of {first}",
                "give matrices of the same channels",
            )  # fmt: skip
    return channels


def _responses(
    events: EventList, group: str, detectors: tuple[int, ...], channels: ChannelGrid,
    given: GivenResponses,
) -> SpectralResponses:  # fmt: skip
    mission = get_mission(events.observation.mission)
    found = spectral_responses(events, mission, detectors, channels, given)
    if found.arf is None:
        raise InputError(
            found.rmf.path, f"includes the effective area of {group}, or there is none",
            "give matrix and area apart: vignetting differs between regions",
        )  # fmt: skip
    return found


def _notes(events: EventList, outside: int, groups: Mapping[str, ObservedGroup]) -> tuple[str, ...]:
    name = events.observation.path.name
    notes = [f"{name}: {text}" for text in events.observation.warnings]
    if outside:
        notes.append(f"{name}: {outside} events are in no channel and left out")
    for group in groups.values():
        notes += [f"{name}: {text}" for text in group.responses.warnings]
    if not any(group.exposure.integral.any() for group in groups.values()):
        notes.append(f"{name}: sees none of the regions")
    return tuple(dict.fromkeys(notes))
