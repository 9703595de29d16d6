"""Regions of spectra laid out on an image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, same_grid
from xsurvey.profiles.geometry import RadialGeometry, in_sector, polar_coordinates
from xsurvey.profiles.layout_parameters import (
    AnnuliParameters,
    Sector,
    parse_ellipse,
    parse_sectors,
)
from xsurvey.profiles.region_layout import RegionLayout, SpectralRegion
from xsurvey.units import SkyPosition

_ARCMIN = 60.0


@dataclass(frozen=True)
class _Places:
    """Radius, arcmin, and position angle, degrees, of every pixel, shape (ny, nx)."""

    radius: np.ndarray
    angle: np.ndarray


def make_layout(
    grid: ImageGrid, centre: SkyPosition, parameters: AnnuliParameters,
    mask: np.ndarray | None = None, counts: SkyImage | None = None,
    background: SkyImage | None = None,
) -> RegionLayout:  # fmt: skip
    """Lay annuli, their sectors and the sky over an image.

    A pixel belongs to the region its centre falls in.

    Parameters
    ----------
    grid : ImageGrid
    centre : SkyPosition
    parameters : AnnuliParameters
    mask : ndarray of bool, shape (ny, nx), optional
        True where photons are counted; everywhere if not given.
    counts : SkyImage, optional
        From which edges are found that are not given.
    background : SkyImage, optional
        Expected counts per pixel of what is not the cluster's, taken off them.

    Raises
    ------
    InputError
        The centre is outside of the image, a map is on other pixels, the mask has another shape,
        or a region is masked everywhere.
    ParameterError
        A region has no pixel on the image, or edges are to be found without counts or from too
        few.
    """
    x, y = grid.centre_of(centre)
    ny, nx = grid.shape
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        raise InputError("centre", f"{centre} is outside of the image", "give a place on it")
    counted = np.ones(grid.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if counted.shape != grid.shape:
        raise InputError(
            "mask", f"has shape {counted.shape}, the image {grid.shape}",
            "give a mask on the pixels of the image",
        )  # fmt: skip
    places = _places(grid, centre, parameters)
    edges = np.array(parameters.edges) / _ARCMIN
    if not len(edges):
        edges = _found_edges(grid, places, parameters, counted, counts, background)
    regions = [*_annuli(edges, parameters), *_sky(parameters)]
    emitted = _labels(places, regions)
    detected = np.where(counted, emitted, -1).astype(emitted.dtype)
    _check_pixels(regions, emitted, detected)
    return RegionLayout(grid, tuple(regions), emitted, detected, places.radius)


def _places(grid: ImageGrid, centre: SkyPosition, parameters: AnnuliParameters) -> _Places:
    radius, angle = polar_coordinates(grid, centre)
    if parameters.ellipse is not None:
        radius = RadialGeometry(centre, parse_ellipse(parameters.ellipse)).radius(grid)
    return _Places(radius, angle)


def _annuli(edges: np.ndarray, parameters: AnnuliParameters) -> list[SpectralRegion]:
    sectors = parse_sectors(parameters.sectors) if parameters.sectors else ()
    regions = []
    for number, (inner, outer) in enumerate(itertools.pairwise(edges), start=1):
        name, limits = f"annulus_{number:02d}", (float(inner), float(outer))
        if not sectors:
            regions.append(SpectralRegion(name, "annulus", *limits))
        regions += [
            SpectralRegion(
                f"{name}_{s.name}", "annulus", *limits, (s.first, s.last),
                _foreground(s.middle, parameters),
            ) for s in sectors
        ]  # fmt: skip
    return regions


def _sky(parameters: AnnuliParameters) -> list[SpectralRegion]:
    if parameters.sky_inner is None or parameters.sky_outer is None:
        return []
    limits = (parameters.sky_inner / _ARCMIN, parameters.sky_outer / _ARCMIN)
    sectors = parse_sectors(parameters.sky_sectors) if parameters.sky_sectors else ()
    if not sectors:
        return [SpectralRegion("sky", "sky", *limits)]
    return [
        SpectralRegion(
            f"sky_{s.name}", "sky", *limits, (s.first, s.last), _foreground(s.middle, parameters)
        ) for s in sectors
    ]  # fmt: skip


def _foreground(angle: float, parameters: AnnuliParameters) -> int:
    """Return the number of the foreground at a position angle: 0, or that of a sector apart."""
    if not parameters.sky_sectors:
        return 0
    own: dict[str, Sector] = {s.name: s for s in parse_sectors(parameters.sky_sectors)}
    for number, name in enumerate(parameters.separate_foregrounds, start=1):
        if in_sector(np.array(angle), (own[name].first, own[name].last)):
            return number
    return 0


def _labels(places: _Places, regions: Sequence[SpectralRegion]) -> np.ndarray:
    labels = np.full(places.radius.shape, -1, dtype=np.int32)
    for number, region in enumerate(regions):
        inside = (places.radius >= region.inner) & (places.radius < region.outer)
        if region.sector is not None:
            inside &= in_sector(places.angle, region.sector)
        labels[inside] = number
    return labels


def _check_pixels(
    regions: Sequence[SpectralRegion], emitted: np.ndarray, detected: np.ndarray
) -> None:
    there, counted = (
        np.bincount(labels[labels >= 0], minlength=len(regions)) for labels in (emitted, detected)
    )
    for number, region in enumerate(regions):
        where = f"{region.name} ({region.inner:.4g} to {region.outer:.4g} arcmin)"
        if not there[number]:
            raise ParameterError(
                "annuli", f"{where} has no pixel of the image",
                "give radii within the image, wider than its pixels",
            )  # fmt: skip
        if not counted[number]:
            raise InputError(
                "mask", f"hides all of {where}", "mask less, or choose other annuli and sectors"
            )


def _found_edges(
    grid: ImageGrid, places: _Places, parameters: AnnuliParameters, counted: np.ndarray,
    counts: SkyImage | None, background: SkyImage | None,
) -> np.ndarray:  # fmt: skip
    """Return edges, arcmin, between which there are enough net counts."""
    if parameters.maximum_radius is None:
        raise ParameterError("annuli.edges", "is required", "give edges, or maximum_radius")
    if counts is None:
        raise ParameterError(
            "annuli.edges", "are not given, nor an image to find them", "give them"
        )
    net = np.asarray(counts.data, float)
    for image in (counts, background):
        if image is not None:
            same_grid(SkyImage(net, grid, ""), image, image.source or "background")
    if background is not None:
        net = net - background.data
    largest = parameters.maximum_radius / _ARCMIN
    used = counted & (places.radius < largest) & np.isfinite(net)
    order = np.argsort(places.radius[used], kind="stable")
    edges = edges_by_counts(
        places.radius[used][order], net[used][order], parameters.minimum_counts,
        parameters.minimum_width / _ARCMIN, largest,
    )  # fmt: skip
    if len(edges) < 2:
        raise ParameterError(
            "annuli.minimum_counts", f"there are fewer than {parameters.minimum_counts} net counts "
            f"within {largest:g} arcmin", "ask for fewer, or give edges",
        )  # fmt: skip
    return edges


def edges_by_counts(
    radius: np.ndarray, net: np.ndarray, least: float, narrowest: float, largest: float
) -> np.ndarray:
    """Return edges of rings that hold enough net counts each, from the inside out.

    Parameters
    ----------
    radius, net : ndarray, shape (n,)
        Of pixels, in order of the radius.
    least : float
        Net counts of a ring, at least.
    narrowest : float
        Width, at least.
    largest : float
        Where the last ring ends: what is left over there joins it.

    Returns
    -------
    ndarray, shape (m + 1,)
        Empty if there are too few counts for one ring.
    """
    total = np.cumsum(net)
    edges, begun = [0.0], 0.0
    while True:
        first = int(np.searchsorted(radius, edges[-1] + narrowest))
        enough = np.flatnonzero(total[first:] - begun >= least)
        if not len(enough):
            break
        last = first + int(enough[0])
        edge = float(np.nextafter(radius[last], np.inf))
        edges.append(max(edge, edges[-1] + narrowest))
        begun = float(total[int(np.searchsorted(radius, edges[-1])) - 1])
        if edges[-1] >= largest:
            break
    if len(edges) < 2:
        return np.empty(0)
    edges[-1] = largest
    return np.array(edges)
