"""Which sectors of a cluster are brighter than the others, out to R500, R200 and the sky."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from xsurvey.errors import InputError
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.profiles.extraction import extract_sectors
from xsurvey.profiles.geometry import equal_sectors
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sector_excess import of_equal_light, sector_significance
from xsurvey.profiles.sky_level import SkyLevel, sky_level_of

_PATCHES = 24
"""Of the ring of the sky: what they differ by is the prior of how sectors without an excess do."""
_PARTS = (0.125, 0.25, 0.5, 1.0)
_PIXELS = 6
"""Of the narrowest sector, at least, where its innermost bin begins."""


def sector_excesses(
    images: ProfileImages, measured: MeasuredProfiles, target: TargetParameters,
    parameters: SurfaceBrightnessParameters,
) -> tuple[list[dict[str, Any]], list[str]]:  # fmt: skip
    """Return records of ranges of radii, each with all sectors, and notes.

    None without sectors or without the ring of the sky. Ranges end at parts of R500 (of R200 where
    that alone is known), at R200 and where the ring begins. Bins that are so near to the centre
    that a few pixels make a sector are left out. A sector is judged by all others, as
    `xsurvey.profiles.sector_excess` has it, with bins weighted by their light.
    """
    sectors = [p for p in measured.profiles if p.sector is not None]
    if not sectors or measured.sky is None or parameters.sky_ring is None:
        return [], []
    ring = parameters.sky_ring
    try:
        patches = extract_sectors(
            images.counts, images.exposure, measured.geometry, np.array(ring),
            equal_sectors(_PATCHES), images.background, images.mask, parameters.background_error,
        )  # fmt: skip
        sky = sky_level_of(patches, *ring)
        expected = _expected(images, measured, sectors)
        found = [
            _excess(sectors, expected, inner, outer, sky)
            for inner, outer in _ranges(
                sectors, target, ring[0], images.counts.grid.pixel_size / 60
            )
        ]
    except InputError as error:
        return [], [f"sectors are not compared: {error}"]
    return found, []


def _ranges(
    sectors: Sequence[RadialProfile], target: TargetParameters, ring: float, pixel: float
) -> Iterator[tuple[float, float]]:
    """Yield radii between which there are bins, arcmin."""
    profile = sectors[0]
    last = min(float(profile.edges[-1]), ring)
    narrowest = min(((s[1] - s[0]) % 360 or 360.0) for p in sectors if (s := p.sector) is not None)
    wide = profile.edges[:-1] * np.radians(narrowest) >= _PIXELS * pixel
    first = float(profile.edges[:-1][wide].min(initial=last))
    whole = target.r200 if target.r500 is None else target.r500
    marks = [] if whole is None else [part * whole for part in _PARTS]
    marks += [] if target.r200 is None else [target.r200]
    edges = sorted({first, last, *(m / 60 for m in marks if first < m / 60 < last)})
    for inner, outer in pairwise(edges):
        if np.any((profile.radius >= inner) & (profile.radius <= outer)):
            yield inner, outer


def _expected(
    images: ProfileImages, measured: MeasuredProfiles, sectors: Sequence[RadialProfile]
) -> np.ndarray:
    """Return counts in the bins of sectors by the mean profile at each pixel, shape (s, n)."""
    whole = measured.profiles[0]
    seen = whole.exposure_area > 0
    rate = (whole.counts - whole.background)[seen] / whole.exposure_area[seen]
    least = max(float(rate.max(initial=0.0)), 1e-300) * 1e-9
    radius = measured.geometry.radius(images.exposure.grid)
    known = np.log(whole.radius[seen]), np.log(np.maximum(rate, least))
    light = np.exp(np.interp(np.log(np.maximum(radius, 1e-6)), *known))
    light = np.where(np.isfinite(radius), light, 0.0)
    weighted = replace(images.exposure, data=images.exposure.data * light)
    found = extract_sectors(
        images.counts, weighted, measured.geometry, sectors[0].edges,
        [p.sector for p in sectors], None, images.mask,
    )  # fmt: skip
    return np.array([np.nan_to_num(p.exposure_area) for p in found])


def _excess(
    sectors: Sequence[RadialProfile], expected: np.ndarray, inner: float, outer: float,
    sky: SkyLevel,
) -> dict[str, Any]:  # fmt: skip
    equal = of_equal_light(sectors, expected, inner, outer)
    at = sector_significance(equal, inner, outer, sky)
    level = float(sky.mean[:, 0] @ sky.weight)
    rows = []
    for one, sigma, others in zip(sectors, at.sigma, at.expected, strict=True):
        inside = (one.radius >= inner) & (one.radius <= outer)
        below = float(np.nansum(one.background[inside] + level * one.exposure_area[inside]))
        counts = float(np.nansum(one.counts[inside]))
        light = others - below
        # where the others have hardly any light there is no ratio to it
        ratio = (counts - below) / light if light > 3 * np.sqrt(max(others, 1.0)) else np.nan
        rows.append({
            "sector": one.sector, "sigma": float(sigma), "ratio": float(ratio),
            "counts": counts, "expected": float(others),
        })  # fmt: skip
    return {"inner_arcmin": inner, "outer_arcmin": outer, "sectors": rows}
