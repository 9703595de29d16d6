"""The sources of a field: which bands are searched, what is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.search import DetectedSource, merge_bands, search_band
from xsurvey.errors import InputError
from xsurvey.imaging.field import Field, band_label
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import Mission
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand


def search_bands(parameters: DetectionParameters, mission: Mission | None) -> list[EnergyBand]:
    """Return the bands to search, empty where neither the user nor a mission names any."""
    if parameters.band or mission is None:
        return list(dict.fromkeys(parameters.band))
    return [mission.bands[b] for b in mission.detection_bands]


@dataclass(frozen=True)
class FoundSources:
    """What the search of a field found.

    Attributes
    ----------
    sources : list of DetectedSource
        Most significant first.
    backgrounds : dict of str to SkyImage
        Expected background counts of each searched band.
    mask : ndarray of bool, shape (ny, nx)
        Source pixels, left out of the background maps.
    """

    sources: list[DetectedSource]
    backgrounds: dict[str, SkyImage]
    mask: np.ndarray


def find_sources(
    field: Field, parameters: DetectionParameters, background: SkyImage | None = None,
    region: RegionSet | None = None,
) -> FoundSources:  # fmt: skip
    """Search a field in all asked-for bands.

    Parameters
    ----------
    field : Field
        With the bands that `search_bands` names.
    parameters : DetectionParameters
    background : SkyImage, optional
        Expected background counts a pixel of the (only) searched band.
    region : RegionSet, optional
        Sources outside of it are dropped; in the field's sky pixels.

    Raises
    ------
    InputError
        Nothing is exposed, the region lies off the image, or one background map was given for
        several bands.
    """
    labels = band_labels(field, search_bands(parameters, field.mission))
    if background is not None and len(labels) > 1:
        raise InputError(
            "background map", "is one, but several bands are searched", "give one band"
        )
    _check_region(field, labels[0], region)
    searches = [
        search_band(
            label, field.counts[label], field.exposure[label], parameters, background, field.mission
        )
        for label in labels
    ]
    sources = _inside(merge_bands(searches, parameters), field, labels[0], region)
    grid = field.counts[labels[0]].grid
    stamps = {"BKGMAP": "SUPPLIED" if background is not None else "ESTIMATED"}
    maps = {s.band: SkyImage(s.background, grid, "count / pixel", stamps) for s in searches}
    return FoundSources(sources, maps, searches[0].mask)


def band_labels(field: Field, bands: list[EnergyBand]) -> list[str]:
    """Return the labels of some bands of a field."""
    if field.events is None:
        return list(field.counts)  # an image has the one band that it has
    return [band_label(band, field.mission) for band in bands]


def _check_region(field: Field, label: str, region: RegionSet | None) -> None:
    if region is None:
        return
    y, x = np.nonzero(field.exposure[label].data > 0)
    if not region.contains(*sky_pixels(field, label, x, y)).any():
        raise InputError(
            region.name, "covers no exposed pixel of the image", "check its coordinates"
        )


def sky_pixels(
    field: Field, label: str, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turn 0-based image coordinates into the pixels that regions are given in, 1-based."""
    if field.events is None:
        return np.asarray(x) + 1.0, np.asarray(y) + 1.0
    return field.counts[label].grid.to_sky_pixels(x, y)


def _inside(
    sources: list[DetectedSource], field: Field, label: str, region: RegionSet | None
) -> list[DetectedSource]:
    if region is None or not sources:
        return sources
    x, y = np.array([[s.position.x, s.position.y] for s in sources]).T
    keep = region.contains(*sky_pixels(field, label, x, y))
    return [s for s, k in zip(sources, keep, strict=True) if k]
