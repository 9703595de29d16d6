"""Responses for an extracted spectrum: the user's, or what the mission has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.events import EventList
from xsurvey.io.fits_file import open_fits
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.companions import other_detector
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.missions import Mission
from xsurvey.missions.responses import ChannelGrid, ResponseFiles
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

_APPLIED = ("APPLIED", "IN ARF")
_ENERGY_BIN = 0.01  # keV, of a matrix for a spectrum without an effective area
_LOWEST = 0.1  # keV


@dataclass(frozen=True)
class GivenResponses:
    """Responses that the user gives; those of the mission stand in for what is None.

    Attributes
    ----------
    arf : AncillaryResponse or None
    rmf : RedistributionMatrix or None
    includes : frozenset of {'vignetting', 'psf'}
        What the effective area already includes.
    without_arf : bool
        Leave the effective area out.
    """

    arf: AncillaryResponse | None = None
    rmf: RedistributionMatrix | None = None
    includes: frozenset[str] = frozenset()
    without_arf: bool = False


@dataclass(frozen=True)
class SpectralResponses:
    """Effective area on the axis and matrix, on the same energies.

    Attributes
    ----------
    includes : frozenset of {'vignetting', 'psf'}
        What is in the area.
    stamps : mapping of str to (value, comment)
    """

    arf: AncillaryResponse | None
    rmf: RedistributionMatrix
    includes: frozenset[str] = frozenset()
    stamps: dict[str, tuple[Any, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_given(
    mission: Mission, arf: str | os.PathLike[str] | None, rmf: str | os.PathLike[str] | None,
    includes: str = "auto",
) -> GivenResponses:  # fmt: skip
    """Read the user's response files.

    Parameters
    ----------
    mission : Mission
        That tells what its effective areas include.
    arf : path, or ``none``, or None
        ``none`` leaves the effective area out.
    rmf : path or None
    includes : {'auto', 'nothing', 'vignetting', 'all'}

    Raises
    ------
    InputError
        A file cannot be read.
    """
    matrix = read_rmf(rmf) if rmf is not None else None
    if arf is None or os.fspath(arf).lower() == "none":
        return GivenResponses(None, matrix, without_arf=arf is not None)
    area = read_arf(arf)
    chosen = {
        "nothing": frozenset[str](), "vignetting": frozenset({"vignetting"}),
        "all": frozenset({"vignetting", "psf"}),
    }  # fmt: skip
    kinds = chosen[includes] if includes in chosen else _found_in(mission, area)
    return GivenResponses(area, matrix, kinds)


def _found_in(mission: Mission, area: AncillaryResponse) -> frozenset[str]:
    """Return what a file says that it includes: our own keywords, or the mission's habits."""
    table = next(t for t in open_fits(area.path).tables if "specresp" in t.names)
    ours = {"CORRVIGN": "vignetting", "CORRPSF": "psf"}
    said = {
        kind for key, kind in ours.items() if str(table.header.get(key, "")).strip() in _APPLIED
    }
    return frozenset(said) | mission.area_includes(table.header, table.names)


def spectral_channels(mission: Mission, given: GivenResponses) -> ChannelGrid:
    """Return the channels to count in: those of the matrix that is given, else the mission's.

    Raises
    ------
    InputError
        The matrix is of a detector with other channels, or its energies do not tell channels.
    ParameterError
        The mission's channels are known from a matrix only, and none is given.
    """
    if given.rmf is None:
        if mission.channels is None:
            raise ParameterError(
                "rmf", f"the channels of {mission.name} are known from a response matrix only",
                "give one with --rmf",
            )  # fmt: skip
        return mission.channels
    rmf = given.rmf
    own = mission.channels
    if own is not None and mission.channel_column is not None:
        same = len(rmf.channels) == len(own.numbers) and rmf.channels[0] == own.numbers[0]
        if not same:
            raise InputError(
                rmf.path, f"has {_range(rmf.channels)}, but the events' are {_range(own.numbers)}",
                f"give a response matrix of {mission.name}",
            )  # fmt: skip
    if mission.channel_column is None and np.any(np.diff(rmf.channel_low) <= 0):
        raise InputError(
            rmf.path, "has channels whose energies do not ascend", "give another response matrix"
        )
    return ChannelGrid(rmf.channels, rmf.channel_low, rmf.channel_high)


def _range(numbers: np.ndarray) -> str:
    return f"channels {numbers[0]} to {numbers[-1]}"


def spectral_responses(
    events: EventList, mission: Mission, detectors: Sequence[int], channels: ChannelGrid,
    given: GivenResponses,
) -> SpectralResponses:  # fmt: skip
    """Return area and matrix of a spectrum.

    Parameters
    ----------
    events : EventList
    mission : Mission
    detectors : sequence of int
        That have counts.
    channels : ChannelGrid
    given : GivenResponses

    Returns
    -------
    SpectralResponses
        An area on other energies than the matrix is interpolated, with a warning.

    Raises
    ------
    ParameterError
        None are given, and the mission has none.
    MissingDataError
        Those of the mission are not installed.
    """
    wanted = (given.arf is None and not given.without_arf) or given.rmf is None
    full = given.rmf is not None and given.rmf.includes_area
    files = None
    if wanted and not full:
        files = _mission_files(events, mission, detectors, given)
    stamps: dict[str, tuple[Any, str]] = {}
    warnings: list[str] = []
    arf = None if full else given.arf
    telescope = {"TELESCOP": events.observation.telescope}
    for file in (given.arf, given.rmf):
        told = file and other_detector(telescope, file.path, file.header)
        if told:
            warnings.append(told)
    if full:
        warnings.append(
            "the matrix includes an effective area: vignetting and PSF are not taken account of"
        )
    elif arf is not None:
        warnings += _other_detectors(events, mission, arf)
    elif not given.without_arf:
        assert files is not None
        arf = summed_area(files)
        if files.approximate:
            stamps["ARFAPPR"] = ("APPROX", "effective area")
            stamps["ARFHOW"] = (files.approximate, "")
    rmf = given.rmf
    if rmf is None and files is not None and files.rmf is not None:
        rmf = read_rmf(files.rmf)
    if rmf is None:
        rmf = _gaussian(mission, detectors, channels, arf)
        stamps["RMFAPPR"] = ("APPROX", "response matrix")
        stamps["RMFHOW"] = ("Gaussian lines of the nominal resolution", "")
    if arf is not None and not _same_energies(arf, rmf):
        warnings.append("the effective area is interpolated to the energies of the matrix")
        arf = on_energies(arf, rmf.energy_low, rmf.energy_high)
    return SpectralResponses(arf, rmf, given.includes, stamps, tuple(warnings))


def _mission_files(
    events: EventList, mission: Mission, detectors: Sequence[int], given: GivenResponses
) -> ResponseFiles | None:
    needs_arf = given.arf is None and not given.without_arf
    try:
        files = mission.response_files(events, detectors)
    except MissingDataError as error:
        if needs_arf:
            raise MissingDataError(
                error.subject, error.cause, f"{error.remedy}; or give --arf (none leaves it out)"
            ) from None
        return None
    if needs_arf and files is None:
        raise ParameterError(
            "arf", f"no effective area of {mission.name} is known here",
            "give one with --arf (none leaves it out)",
        )  # fmt: skip
    return files


def summed_area(files: ResponseFiles) -> AncillaryResponse:
    """Return the area of detectors whose counts add up."""
    areas = [a if isinstance(a, AncillaryResponse) else read_arf(a) for a in files.arf]
    first = areas[0]
    total = sum(on_energies(a, first.energy_low, first.energy_high).effective_area for a in areas)
    return replace(first, effective_area=np.asarray(total))


def _gaussian(
    mission: Mission, detectors: Sequence[int], channels: ChannelGrid,
    arf: AncillaryResponse | None,
) -> RedistributionMatrix:  # fmt: skip
    if arf is not None:
        low, high = arf.energy_low, arf.energy_high
    else:
        edges = np.arange(_LOWEST, float(channels.high[-1]), _ENERGY_BIN)
        low, high = edges[:-1], edges[1:]
    fwhm = mission.energy_resolution((low + high) / 2, detectors)
    if fwhm is None:
        raise ParameterError(
            "rmf", f"the energy resolution of {mission.name} is not known here",
            "give a response matrix with --rmf",
        )  # fmt: skip
    return gaussian_matrix(low, high, channels, fwhm)


def _other_detectors(events: EventList, mission: Mission, arf: AncillaryResponse) -> list[str]:
    """Warn of an area that is of other detectors than the events."""
    name = str(arf.header.get("INSTRUME", "")).strip()
    group = {n.lower(): numbers for n, numbers in mission.detector_groups.items()}.get(name.lower())
    there = set(events.gti) - {-1}
    if group is None or not there or not events.coaligned or set(group) == there:
        return []
    return [
        f"the effective area is of {name}, the counts are of detectors "
        f"{', '.join(str(n) for n in sorted(there))}"
    ]


def _same_energies(arf: AncillaryResponse, rmf: RedistributionMatrix) -> bool:
    return len(arf.energy_low) == len(rmf.energy_low) and bool(
        np.allclose(arf.energy_low, rmf.energy_low, rtol=1e-4, atol=1e-6)
        and np.allclose(arf.energy_high, rmf.energy_high, rtol=1e-4, atol=1e-6)
    )


def on_energies(
    arf: AncillaryResponse, energy_low: np.ndarray, energy_high: np.ndarray
) -> AncillaryResponse:
    """Return an area at the middles of other energy bins: linear, and 0 outside of its own."""
    middle, wanted = (arf.energy_low + arf.energy_high) / 2, (energy_low + energy_high) / 2
    area = np.interp(wanted, middle, arf.effective_area)
    outside = (wanted < arf.energy_low[0]) | (wanted > arf.energy_high[-1])
    area = np.where(outside, 0.0, area)
    return replace(arf, energy_low=energy_low, energy_high=energy_high, effective_area=area)
