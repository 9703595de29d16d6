r"""Light that the PSF brings from one annulus to another: of gas between their means.

Gas changes within an annulus, and the PSF mostly moves the light of its edge. What region i counts
of annulus j comes from a mean logarithmic radius :math:`x_{ij}`, all light of annulus j from
:math:`x_j`. Its spectrum is taken from the straight line, in the logarithm of the radius, between
annulus j and the neighbour k on that side,

.. math:: s_{ij} = n_j \Big[(1 - w_{ij}) \frac{g_j}{n_j} + w_{ij} \frac{g_k}{n_k}\Big], \quad
   w_{ij} = \frac{x_{ij} - x_j}{x_k - x_j}

with norms n and spectra g. It is linear in spectra, not in temperatures, so that the model bends
where it did, at temperatures of annuli.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.profiles.region_layout import SpectralRegion

_FARTHEST = 0.2
"""Beyond an annulus without a neighbour, of the distance to the other one."""


@dataclass(frozen=True)
class LightRadii:
    """Where the light of r regions comes from.

    Attributes
    ----------
    emitted : ndarray, shape (r,)
        Mean logarithm of the radius (arcmin) of all light of a region.
    counted : ndarray, shape (r, r)
        Of the light of region j (second index) that is counted in region i.
    """

    emitted: np.ndarray
    counted: np.ndarray


@dataclass(frozen=True)
class LightBetweenAnnuli:
    """Of n annuli and r regions.

    Attributes
    ----------
    mixing : ndarray, shape (r, n, n)
        arcmin2: of the light of annulus j (third index) that is counted in region i, what has the
        spectrum of annulus k.
    projection : ndarray, shape (n, n)
        Brightness of annuli by the norms of annuli (one) or of shells.
    """

    mixing: np.ndarray
    projection: np.ndarray

    def weights(self, norm: np.ndarray, plasma: np.ndarray, region: int) -> np.ndarray:
        """Return weights of plasmas' templates in a region, shape (b, t).

        Parameters
        ----------
        norm : ndarray, shape (b, n)
            Brightness of the annuli.
        plasma : ndarray, shape (b, n, t)
            Weights of the templates in each annulus, for a norm of one.
        region : int
        """
        seen = norm @ self.mixing[region].T
        return np.asarray((seen[:, None, :] @ plasma)[:, 0])


def light_between(
    mixing: np.ndarray, radii: LightRadii, regions: Sequence[SpectralRegion],
    annuli: Sequence[int], projection: np.ndarray | None = None,
) -> LightBetweenAnnuli:  # fmt: skip
    """Return what part of the light that is counted has the spectrum of which annulus.

    Parameters
    ----------
    mixing : ndarray, shape (r, n)
        arcmin2 of each of n annuli that is counted in a region.
    radii : LightRadii
    regions : sequence of SpectralRegion
        r of them.
    annuli : sequence of int
        Places of the n annuli among them.
    projection : ndarray, shape (n, n), optional
        Of shells; none if not given.
    """
    size = len(annuli)
    result = np.zeros((len(regions), size, size))
    mean = radii.emitted[list(annuli)]
    for j, place in enumerate(annuli):
        away = np.where(mixing[:, j] > 0, radii.counted[:, place] - mean[j], 0.0)
        inner, outer = _neighbours(regions, annuli, j)
        # where there is none on a side, the line goes on from the other one
        for k, side in (
            (outer if inner is None else inner, away < 0),
            (inner if outer is None else outer, away > 0),
        ):
            if k is None or mean[k] == mean[j]:
                continue
            part = np.where(side, away / (mean[k] - mean[j]), 0.0)
            result[:, k, j] += np.clip(part, -_FARTHEST, 1.0) * mixing[:, j]
        result[:, j, j] += mixing[:, j] - result[:, :, j].sum(axis=1)
    return LightBetweenAnnuli(result, np.eye(size) if projection is None else projection)


def _neighbours(
    regions: Sequence[SpectralRegion], annuli: Sequence[int], own: int
) -> tuple[int | None, int | None]:
    """Return the annuli of the same sector within and beyond one, by place among annuli."""
    one = regions[annuli[own]]
    column = [i for i, place in enumerate(annuli) if regions[place].sector == one.sector]
    column.sort(key=lambda i: regions[annuli[i]].inner)
    at = column.index(own)
    return (
        column[at - 1] if at else None,
        column[at + 1] if at + 1 < len(column) else None,
    )
