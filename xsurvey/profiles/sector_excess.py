"""Sectors of a profile that are brighter than the others.

Each sector is judged by the others as a region is by the sky (`xsurvey.profiles.significance`):
where the source is round they differ by counts and by the sky's own variation. Few sectors say
little of that variation: of five of them that are estimated to scatter, predictions have the tails
of Student's t with four degrees of freedom, and an excess five deviations above their mean has a
significance of 2.7. What many patches elsewhere say of the sky therefore is the prior of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.significance import Significance, range_significance
from xsurvey.profiles.sky_level import SkyLevel, sky_level_of


def sector_significance(
    sectors: Sequence[RadialProfile], inner: float, outer: float, sky: SkyLevel | None = None
) -> Significance:
    """Return the significance of every sector above the others, within a range of radii.

    Parameters
    ----------
    sectors : sequence of RadialProfile
        With no pixel in common, of which s were exposed.
    inner, outer : float
        arcmin; bins whose middle lies between them are added up.
    sky : SkyLevel, optional
        Of other regions, the more the better: its posterior of the scatter is the prior here. The
        scatter is estimated from the sectors alone without it.

    Returns
    -------
    Significance
        Shape (n,), NaN for sectors that were not exposed.

    Raises
    ------
    InputError
        Fewer than two exposed sectors, or three without the sky of other regions; no bin lies
        between the radii; the others have no counts.
    ParameterError
        As `sky_level`.

    Notes
    -----
    An excess also raises what the other sectors are compared with: only the largest significance
    is one above sectors that are alike. Of n sectors the largest is above 3 sigma by chance in
    0.00135 n of all cases.
    """
    exposed = [bool(np.nansum(_within(p, inner, outer)) > 0) for p in sectors]
    needed = 3 if sky is None else 2
    if sum(exposed) < needed:
        raise InputError(
            "sectors", f"are {sum(exposed)} that were exposed between {inner:g} and {outer:g} "
            "arcmin: they cannot be compared", f"give {needed} or more, or other radii",
        )  # fmt: skip
    scaling = "area" if sky is None else sky.scaling
    rows = []
    for i, one in enumerate(sectors):
        others = [p for j, p in enumerate(sectors) if j != i and exposed[j]]
        level = sky_level_of(others, inner, outer, scatter=sky, scaling=scaling)
        rows.append(range_significance(one, level, inner, outer))
    return Significance(
        *(
            np.concatenate([getattr(row, name) for row in rows])
            for name in ("sigma", "p_value", "expected", "expected_error")
        )
    )


def of_equal_light(
    sectors: Sequence[RadialProfile], expected: np.ndarray, inner: float, outer: float
) -> list[RadialProfile]:
    """Return sectors whose exposure is weighted by the light that is expected of round sources.

    Where brightness falls steeply a sector of which more was exposed, or less masked, near the
    inner end would seem brighter than the others, and one whose pixels happen to lie farther in.
    Sectors that differ by a factor alone have rates that differ by it then.

    Parameters
    ----------
    sectors : sequence of RadialProfile
        s of them with the same n bins.
    expected : ndarray, shape (s, n)
        Exposure integrated over solid angle, weighted by the mean brightness of all angles at the
        radius of each pixel: counts, in any unit.
    inner, outer : float
        arcmin; elsewhere nothing is changed.
    """
    exposure = np.array([np.nan_to_num(p.exposure_area) for p in sectors])
    inside = (sectors[0].radius >= inner) & (sectors[0].radius <= outer)
    light = float(expected[:, inside].sum())
    scale = float(exposure[:, inside].sum()) / light if light > 0 else 0.0
    return [
        replace(p, exposure_area=np.where(inside & (scale > 0), scale * row, p.exposure_area))
        for p, row in zip(sectors, expected, strict=True)
    ]


def _within(profile: RadialProfile, inner: float, outer: float) -> np.ndarray:
    return profile.exposure_area[(profile.radius >= inner) & (profile.radius <= outer)]
