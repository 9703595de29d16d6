"""Effective areas for a region: vignetting averaged over it, and the part of the PSF it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import ENERGIES, SeenSky
from xsurvey.missions import get_mission
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.region_counts import RegionCounts
from xsurvey.spectra.extraction.region_exposure import RegionExposure

_RINGS, _ANGLES = 500, 24
_MOST_EVENTS = 50_000


@dataclass(frozen=True)
class AreaCorrection:
    """By what the area on the optical axis is multiplied.

    Attributes
    ----------
    vignetting : ndarray, shape (k,)
        At `ENERGIES`.
    psf : float
        Part of a point source's light in the region, masks taken off; 1 for extended sources.
    coverage : float
        Part of the exposure for which the source, or what of the region was seen at all, was on
        a detector.
    weights : str
        ``counts``, ``flat`` or ``psf``.
    """

    vignetting: np.ndarray
    psf: float
    coverage: float
    weights: str

    def vignetting_at(self, energy: np.ndarray) -> np.ndarray:
        """Return the relative area at energies in keV, linear in their logarithm."""
        return np.interp(np.log(np.maximum(energy, 1e-3)), np.log(ENERGIES), self.vignetting)


def flat_correction(seen: RegionExposure) -> AreaCorrection:
    """Return the mean vignetting over a region, as of a source that fills it evenly."""
    weight = seen.samples.weight * seen.places.livetime
    return AreaCorrection(weight @ seen.places.area / weight.sum(), 1.0, seen.coverage, "flat")


def counts_correction(
    counts: RegionCounts, seen: RegionExposure, sky: SeenSky
) -> AreaCorrection | None:
    """Return the mean vignetting over the places of a source's counts.

    Each event stands for ``1 / V(its energy)`` photons on the axis, of which ``V(E)`` would be seen
    at another energy. None where no event lies at a place that was seen.
    """
    every = max(1, -(-len(counts.x) // _MOST_EVENTS))
    x, y, energy = counts.x[::every], counts.y[::every], counts.energy[::every]
    if not len(x):
        return None
    places = sky.at(x, y)
    usable = (places.livetime > 0) & (places.area > 0).all(axis=1)
    if not usable.any():
        return None
    area = places.area[usable]
    inverse = 1 / _own_area(area, energy[usable])
    return AreaCorrection(inverse @ area / inverse.sum(), 1.0, seen.coverage, "counts")


def _own_area(area: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return the relative area of each event at its own energy, shape (n,)."""
    place = np.interp(np.log(np.maximum(energy, 1e-3)), np.log(ENERGIES), np.arange(len(ENERGIES)))
    low = np.minimum(place.astype(int), len(ENERGIES) - 2)
    rows, weight = np.arange(len(area)), place - low
    return (1 - weight) * area[rows, low] + weight * area[rows, low + 1]


def point_correction(
    events: EventList, region: RegionSet, x: float, y: float, seen: RegionExposure, sky: SeenSky
) -> AreaCorrection:
    """Return vignetting and PSF fraction of a point source.

    The PSF is cut into places of equal light, of which those in the region count, by how long
    they were seen.

    Parameters
    ----------
    events : EventList
    region : RegionSet
        Masks cut out.
    x, y : float
        Sky pixels of the source.
    seen : RegionExposure
    sky : SeenSky

    Raises
    ------
    InputError
        No light of the source falls on what was seen of the region.
    """
    px, py = places_of_psf(events, x, y)
    inside = region.contains(px, py)
    places = sky.at(px[inside], py[inside])
    weight = places.livetime / len(px)
    total = float(weight.sum())
    if total <= 0:
        raise InputError(
            events.observation.path, f"sees no light of the source in the {region}",
            "give a region about the source, or --source-type extended",
        )  # fmt: skip
    fraction = float(inside.mean())
    return AreaCorrection(
        weight @ places.area / total, fraction, total / (fraction * seen.exposure), "psf"
    )


def places_of_psf(events: EventList, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Return places that stand for the same part of a point source's light each.

    Parameters
    ----------
    events : EventList
    x, y : float
        Sky pixels of the source.

    Returns
    -------
    x, y : ndarray, shape (n,)
        Sky pixels.
    """
    observation = events.observation
    psf = get_mission(observation.mission).psf(observation.scanning)
    off_axis = np.zeros(())
    if not observation.scanning:
        ra, dec = (float(v) for v in events.wcs.all_pix2world(x, y, 1))
        off_axis = separations(unit_vectors(*observation.pointing), unit_vectors(ra, dec))
    rings = (np.arange(_RINGS) + 0.5) / _RINGS
    radius = np.array([float(psf.radius(f, off_axis)) for f in rings]) / events.pixel_size
    angle = 2 * np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES
    return (
        (x + radius[:, None] * np.cos(angle)).ravel(),
        (y + radius[:, None] * np.sin(angle)).ravel(),
    )
