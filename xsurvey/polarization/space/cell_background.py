"""How much of a background region's events are expected in cells of the sky."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import seen_sky
from xsurvey.polarization.bin_sums import BinSums
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.region_exposure import region_exposure, sample_finely


def background_scale(
    events: EventList, background: RegionSet, counts: np.ndarray, area: np.ndarray | float
) -> np.ndarray:
    """Return area times exposure of cells relative to a background region.

    Cells are taken as seen all the time and in whole; of the region what was seen counts. As in
    `scale_of_regions` there is no vignetting: most of the background are particles.

    Parameters
    ----------
    events : EventList
    background : RegionSet
        In the list's sky pixels.
    counts : ndarray, shape (d,)
        Its events by detector.
    area : ndarray or float
        Of the cells, deg2.

    Raises
    ------
    InputError
        The region was never exposed.
    """
    sample = sample_finely(background)
    detectors = dict(zip(list(events.gti), map(int, counts), strict=False))
    seen = region_exposure(
        events, background, sample, seen_sky(events, sample.x, sample.y), detectors
    )
    return np.asarray(area * events.livetime / (seen.exposed_area * seen.exposure))


def turned_background(background: BinSums, cos: np.ndarray, sin: np.ndarray) -> BinSums:
    """Return what a uniform background adds along directions that vary within cells.

    Each of its events stands for all places of a cell: of its Stokes parameters what is left is
    their mean over the directions there.

    Parameters
    ----------
    background : BinSums
        Arrays (n,).
    cos, sin : ndarray, shape (p, 1)
        Means of cos 2 phi and sin 2 phi of the model angles of each cell.

    Returns
    -------
    BinSums
        Arrays (p, n).
    """
    b, c, s = background, cos, sin
    return replace(
        b, q=c * b.q + s * b.u, u=c * b.u - s * b.q,
        q_weight2=c * b.q_weight2 + s * b.u_weight2, u_weight2=c * b.u_weight2 - s * b.q_weight2,
        qq=c * c * b.qq + 2 * c * s * b.qu + s * s * b.uu,
        qu=c * s * (b.uu - b.qq) + (c * c - s * s) * b.qu,
        uu=s * s * b.qq - 2 * c * s * b.qu + c * c * b.uu,
        quartic=(c * c + s * s) ** 2 * b.quartic,  # of lengths: each is shorter by |(c, s)|
    )  # fmt: skip
