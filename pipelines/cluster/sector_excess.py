"""Which sectors of a cluster are brighter than the others, out to R500, R200 and the sky."""

from __future__ import annotations

from collections.abc import Iterator
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
from xsurvey.profiles.sector_excess import sector_significance
from xsurvey.profiles.sky_level import SkyLevel, sky_level_of

_PATCHES = 24
"""Of the ring of the sky: what they differ by is the prior of how sectors without an excess do."""


def sector_excesses(
    images: ProfileImages, measured: MeasuredProfiles, target: TargetParameters,
    parameters: SurfaceBrightnessParameters,
) -> tuple[list[dict[str, Any]], list[str]]:  # fmt: skip
    """Return records of ranges of radii, each with all sectors, and notes.

    None without sectors or without the ring of the sky. Ranges end at half of R500, at R500, R200
    and where the ring begins, as far as they are known; a sector is judged by all others, as
    `xsurvey.profiles.sector_excess` has it.
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
        found = [
            _excess(sectors, inner, outer, sky)
            for inner, outer in _ranges(sectors[0], target, ring[0])
        ]
    except InputError as error:
        return [], [f"sectors are not compared: {error}"]
    return found, []


def _ranges(
    profile: RadialProfile, target: TargetParameters, ring: float
) -> Iterator[tuple[float, float]]:
    """Yield radii between which there are bins, arcmin."""
    last = min(float(profile.edges[-1]), ring)
    marks = [] if target.r500 is None else [0.5 * target.r500, target.r500]
    marks += [] if target.r200 is None else [target.r200]
    edges = sorted({0.0, last, *(m / 60 for m in marks if 0 < m / 60 < last)})
    for inner, outer in pairwise(edges):
        if np.any((profile.radius >= inner) & (profile.radius <= outer)):
            yield inner, outer


def _excess(
    sectors: list[RadialProfile], inner: float, outer: float, sky: SkyLevel
) -> dict[str, Any]:
    at = sector_significance(sectors, inner, outer, sky)
    level = float(sky.mean[:, 0] @ sky.weight)
    rows = []
    for one, sigma, expected in zip(sectors, at.sigma, at.expected, strict=True):
        inside = (one.radius >= inner) & (one.radius <= outer)
        below = float(np.nansum(one.background[inside] + level * one.exposure_area[inside]))
        counts = float(np.nansum(one.counts[inside]))
        light = expected - below
        # where the others have hardly any light there is no ratio to it
        ratio = (counts - below) / light if light > 3 * np.sqrt(max(expected, 1.0)) else np.nan
        rows.append({
            "sector": one.sector, "sigma": float(sigma), "ratio": float(ratio),
            "counts": counts, "expected": float(expected),
        })  # fmt: skip
    return {"inner_arcmin": inner, "outer_arcmin": outer, "sectors": rows}
