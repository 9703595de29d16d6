r"""Shells seen in projection, as regions see them.

A spherical shell k of norm :math:`N_k` and volume :math:`V_k` gives a full annulus j the part
:math:`V_{jk} / V_k` of it; what is beyond the outermost shell goes on from it by a power law. So a
deprojected fit is a projected one with another mixing matrix.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.shells import outer_emission, projected_volumes, shell_volumes
from xsurvey.profiles.region_layout import SpectralRegion


def shell_mixing(
    mixing: np.ndarray, regions: list[SpectralRegion], outer_slope: float
) -> np.ndarray:
    """Return the mixing matrix of shells.

    Parameters
    ----------
    mixing : ndarray, shape (r, n)
        arcmin2 of each of n annuli that is counted in a region.
    regions : list of SpectralRegion
        The n annuli; those of one sector follow on each other, inside out, and each sector is
        taken for a part of a sphere of its own.
    outer_slope : float
        Emissivity beyond the last shell goes as radius to minus this power.

    Returns
    -------
    ndarray, shape (r, n)
        For norms of whole shells.

    Raises
    ------
    InputError
        Annuli of a sector do not follow on each other.
    """
    result = np.zeros_like(mixing)
    for sector in dict.fromkeys(region.sector for region in regions):
        own = [i for i, region in enumerate(regions) if region.sector == sector]
        edges = _edges([regions[i] for i in own])
        shares = shell_shares(edges, outer_slope)
        solid_angle = np.pi * np.diff(edges**2)
        result[:, own] = mixing[:, own] @ (shares / solid_angle[:, None])
    return result


def shell_shares(edges: np.ndarray, outer_slope: float) -> np.ndarray:
    """Return the part of each shell's norm that is seen in each annulus, shape (n, n).

    The last column has what lies beyond in it, and adds up to more than one therefore.
    """
    volumes = shell_volumes(edges)
    shares = projected_volumes(edges, edges) / volumes
    middle = 0.5 * (edges[-2] + edges[-1])
    # at the outermost radius, where the last shell has its mean emissivity in its middle
    emissivity = (edges[-1] / middle) ** -outer_slope / volumes[-1]
    shares[:, -1] += outer_emission(edges, float(edges[-1]), outer_slope) * emissivity
    return np.asarray(shares)


def _edges(regions: list[SpectralRegion]) -> np.ndarray:
    for inner, outer in pairwise(regions):
        if not np.isclose(inner.outer, outer.inner):
            raise InputError(
                outer.name, f"begins at {outer.inner:g}', {inner.name} before it ends at "
                f"{inner.outer:g}'", "deprojection needs annuli that follow on each other",
            )  # fmt: skip
    return np.array([regions[0].inner, *(region.outer for region in regions)])
