"""Regions of maps and profiles, and how files and records name them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xsurvey.errors import ParameterError
from xsurvey.events import EventList
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.regions import RegionSet, read_region_file


@dataclass(frozen=True)
class NamedRegion:
    """A region on the sky.

    Attributes
    ----------
    regions : RegionSet
        In the sky pixels of the events.
    name : str
        What records call it.
    file : path or None
        DS9 file that it is from.
    """

    regions: RegionSet
    name: str
    file: Path | None = None


def region_of_file(file: Path | None, events: EventList) -> NamedRegion | None:
    """Return the region of a DS9 file, None without one."""
    if file is None:
        return None
    return NamedRegion(read_region_file(file, events.wcs), str(file), file)


def files_of(*regions: NamedRegion | None) -> list[Path | None]:
    """Return the files that regions are from."""
    return [one.file if one is not None else None for one in regions]


def name_of(region: NamedRegion | None) -> str | None:
    """Return what records call a region."""
    return None if region is None else region.name


def regions_of(region: NamedRegion | None) -> RegionSet | None:
    """Return a region without its name."""
    return None if region is None else region.regions


def regions_of_files(events: EventList, *files: Path | None) -> list[RegionSet | None]:
    """Return the regions of DS9 files, None for those that are not given."""
    return [None if file is None else read_region_file(file, events.wcs) for file in files]


def check_scale(parameters: PolarizationParameters, background: bool) -> None:
    """Raise a `ParameterError` where a background is scaled that is not given."""
    if parameters.background_scale is not None and not background:
        raise ParameterError(
            "background_scale", "is given without a background", "give --background-region too"
        )


def check_cells(parameters: PolarizationParameters, background: bool) -> None:
    """Raise where parameters make no sense for many cells.

    Raises
    ------
    ParameterError
        An estimator that is not of sums, weights that go with it, or a scale without a background.
    """
    check_scale(parameters, background)
    if parameters.estimator not in ESTIMATORS:
        raise ParameterError(
            "estimator", f"'{parameters.estimator}' is not of maps and profiles",
            f"choose {' or '.join(ESTIMATORS)}, or measure with `polarization pcube`",
        )  # fmt: skip
    if parameters.psf_weights:
        raise ParameterError(
            "psf_weights", "are of the likelihood, not of maps and profiles", "leave them out"
        )
