"""Counts in apertures, and what they say of sources: all observations together, or each alone.

Sources whose light is in each other's regions are solved jointly, all others exactly on a grid
(`xsurvey.inference`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from xsurvey.detection.aperture import Apertures, photons_in
from xsurvey.detection.flags import SourceFlag
from xsurvey.imaging.field import Field
from xsurvey.inference.poisson_mixture import mixture_posterior
from xsurvey.inference.poisson_rate import SOURCE_POINTS, CountsPosterior, counts_posterior

__all__ = ["BandCounts", "BandPhotometry", "SourceFlag", "count_band", "coupled", "photometry"]

_MAP_SIZE = 100.0
"""Apertures that the map's expectation stands for, where no annulus is usable."""
_LEAK = 0.1
"""Light in another's aperture, in sigmas of its counts, above which both are solved jointly."""
_LARGEST_GROUP = 10
_CLIMB = 60  # steps of expectation maximisation


@dataclass(frozen=True)
class BandCounts:
    """What one observation has in one band of n sources; arrays of shape (n,).

    Attributes
    ----------
    counts, annulus_counts : ndarray
    area, annulus_area : ndarray
        Exposure summed over the pixels of the region.
    exposure : ndarray
        Its mean over the aperture; 0 where there is none.
    light, annulus_light : tuple of ndarray of shape (m,)
        Of each neighbour (`Apertures.neighbours`): expected counts for a rate of 1.
    from_map : ndarray of bool
        The background map stands for the annulus.
    core_counts : ndarray
        In a 3 x 3 island of detector pixels.
    """

    counts: np.ndarray
    annulus_counts: np.ndarray
    area: np.ndarray
    annulus_area: np.ndarray
    exposure: np.ndarray
    light: tuple[np.ndarray, ...]
    annulus_light: tuple[np.ndarray, ...]
    from_map: np.ndarray
    core_counts: np.ndarray


def count_band(
    field: Field, label: str, background: np.ndarray, apertures: Apertures
) -> BandCounts:
    """Count the photons of a band in apertures and annuli.

    The background comes from an annulus without other sources' circles; where such an annulus
    has less exposure than the aperture, from the background map.

    Parameters
    ----------
    field : Field
    label : str
    background : ndarray, shape (ny, nx)
        Expected counts a pixel.
    apertures : Apertures
    """
    exposure = np.asarray(field.exposure[label].data, float).ravel()
    image, expected = np.asarray(field.counts[label].data).ravel(), np.asarray(background).ravel()
    inside, around = apertures.apertures, apertures.annuli
    area = np.array([r.weight @ exposure[r.pixels] for r in inside])
    annulus_area = np.array([r.weight @ exposure[r.pixels] for r in around])
    annulus_counts = np.array([image[r.pixels].sum() for r in around], dtype=float)
    from_map = annulus_area < area
    level = np.array([r.weight @ expected[r.pixels] for r in inside])
    annulus_counts = np.where(from_map, _MAP_SIZE * level, annulus_counts)
    # where nothing was exposed, any area will do
    annulus_area = np.where(from_map | (annulus_area <= 0), _MAP_SIZE * area, annulus_area)
    annulus_area = np.where(annulus_area > 0, annulus_area, 1.0)
    pixels = np.array([r.weight.sum() for r in inside])
    light = tuple(r.light @ exposure[r.pixels] for r in inside)
    annulus_light = tuple(
        (r.light @ exposure[r.pixels]) * (not m) for r, m in zip(around, from_map, strict=True)
    )
    # what lies where the map has no exposure is not measured
    counts, core = np.where(area > 0, _count(field, label, apertures), 0)
    mean = np.divide(area, pixels, out=np.zeros(len(area)), where=pixels > 0)
    return BandCounts(
        counts, annulus_counts, area, annulus_area, mean, light, annulus_light, from_map, core
    )


def _count(field: Field, label: str, apertures: Apertures) -> tuple[np.ndarray, np.ndarray]:
    totals = np.zeros((2, len(apertures.x)), dtype=np.int64)
    centres = np.column_stack([apertures.x, apertures.y])
    for x, y, number in photons_in(field, label, apertures):
        tree = cKDTree(np.column_stack([x, y]), balanced_tree=False)
        for i, found in enumerate(tree.query_ball_point(centres, apertures.radius)):
            at = np.array(found, dtype=int)
            if len(apertures.overlaps[i]):
                at = at[apertures.owned(i, x[at], y[at])]
            core = np.hypot(x[at] - apertures.x[i], y[at] - apertures.y[i]) < apertures.core_radius
            totals[:, i] += int(number[at].sum()), int(number[at][core].sum())
    return totals[0], totals[1]


def coupled(apertures: Sequence[Apertures], bands: Sequence[Sequence[BandCounts]]) -> np.ndarray:
    """Group the sources that must be solved jointly.

    Their circles overlap in some observation, or the light of one in the aperture of the other
    is more than a tenth of the error of its counts. Groups are cut where that is least, until
    none has more than ten sources: what is cut is taken off as known.

    Parameters
    ----------
    apertures : sequence of Apertures
        Of each observation.
    bands : sequence of sequence of BandCounts
        For each band those of all observations.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    n = len(apertures[0].x)
    if not n:
        return np.empty(0, dtype=int)
    strength = csr_array((n, n))
    for measured in bands:
        rate, total = _estimates(apertures, measured), np.sum([m.counts for m in measured], axis=0)
        light = sum(_light(a, m.light) for a, m in zip(apertures, measured, strict=True))
        found = csr_array(light * rate[None, :] / np.sqrt(total + 1.0)[:, None])
        found.setdiag(0)
        strength = strength.maximum(found).maximum(found.T)
    overlap = sum(_overlaps(a) for a in apertures)
    strength = csr_array(strength + 1e-3 * (overlap > 0) + _LEAK * (overlap > 0))
    least = _LEAK
    while True:
        links = strength.copy()
        links.data = np.where(links.data > least, 1.0, 0.0)
        links.eliminate_zeros()
        _, groups = connected_components(links, directed=False)
        if np.bincount(groups).max() <= _LARGEST_GROUP:
            return np.asarray(groups)
        least *= 1.5


def _estimates(apertures: Sequence[Apertures], measured: Sequence[BandCounts]) -> np.ndarray:
    """Return rates that explain the counts of all apertures together, shape (n,).

    By expectation maximisation, with the backgrounds of the annuli less the sources' light there.
    """
    inside = [_light(a, m.light) for a, m in zip(apertures, measured, strict=True)]
    around = [_light(a, m.annulus_light) for a, m in zip(apertures, measured, strict=True)]
    total = np.sum([light.sum(axis=0) for light in inside], axis=0)
    counts = np.sum([m.counts for m in measured], axis=0)
    own = np.sum([light.diagonal() for light in inside], axis=0)
    rate = np.divide(counts + 1.0, own, out=np.zeros(len(own)), where=own > 0)
    for _ in range(_CLIMB):
        gain = np.zeros(len(rate))
        for m, light, ring in zip(measured, inside, around, strict=True):
            level = np.maximum(m.annulus_counts - ring @ rate, 0) * m.area / m.annulus_area
            expected = light @ rate + level
            seen = expected > 0
            gain += light.T @ np.divide(m.counts, expected, out=np.zeros(len(rate)), where=seen)
        rate = rate * np.divide(gain, total, out=np.zeros(len(rate)), where=total > 0)
    return np.asarray(rate)


def _light(apertures: Apertures, light: Sequence[np.ndarray]) -> csr_array:
    """Return the counts of each source (columns) in the region of each (rows) for a rate of 1."""
    n = len(apertures.x)
    rows = np.repeat(np.arange(n), [len(o) for o in apertures.neighbours])
    columns = np.concatenate([*apertures.neighbours, np.empty(0, int)]).astype(int)
    return csr_array((np.concatenate([*light, np.empty(0)]), (rows, columns)), shape=(n, n))


def _overlaps(apertures: Apertures) -> csr_array:
    n = len(apertures.x)
    rows = np.repeat(np.arange(n), [len(o) for o in apertures.overlaps])
    columns = np.concatenate([*apertures.overlaps, np.empty(0, int)]).astype(int)
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))


@dataclass(frozen=True)
class BandPhotometry:
    """Measurements of n sources in one band; arrays of shape (n,).

    Attributes
    ----------
    counts : ndarray of int
        In the aperture.
    background : ndarray
        Expected there of all but the source: background, and light of other sources.
    fraction : ndarray
        Part of the source's counts that is in the aperture.
    exposure : ndarray
        Summed over the observations.
    posterior : CountsPosterior
        Of the source's counts in that exposure, its light outside of the aperture included.
    from_map : ndarray of bool
    """

    counts: np.ndarray
    background: np.ndarray
    fraction: np.ndarray
    exposure: np.ndarray
    posterior: CountsPosterior
    from_map: np.ndarray


def photometry(
    apertures: Sequence[Apertures], measured: Sequence[BandCounts], groups: np.ndarray, seed: int
) -> BandPhotometry:
    """Return what the counts of some observations say of sources in one band.

    Parameters
    ----------
    apertures, measured : sequence of Apertures, BandCounts
        Of each observation; the sources have the same rate in all of them.
    groups : ndarray of int, shape (n,)
        From `coupled`.
    seed : int
        For sources that are solved jointly.
    """
    n = len(groups)
    exposure = np.sum([m.exposure for m in measured], axis=0)
    known = _Known(apertures, measured, groups)
    sizes = np.bincount(groups, minlength=1)[groups] if n else np.empty(0, int)
    posterior = CountsPosterior(*(np.full((n, SOURCE_POINTS), np.nan) for _ in range(3)))
    alone = np.flatnonzero((sizes == 1) & (exposure > 0))
    if len(alone):
        _put(posterior, alone, _one_by_one(measured, alone, exposure, known))
    for size in np.unique(sizes[sizes > 1]):
        members = [np.flatnonzero(groups == g) for g in np.unique(groups[sizes == size])]
        found = _jointly(apertures, measured, np.array(members), exposure, known, seed)
        for place, one in enumerate(found):
            _put(posterior, np.array([m[place] for m in members]), one)
    usable = exposure > 0
    own = np.sum([[one[0] for one in m.light] for m in measured], axis=0)
    fraction = np.divide(own, exposure, out=np.zeros(n), where=usable)
    rate = np.zeros(n)
    rate[usable] = posterior.mode()[usable] / exposure[usable]
    return BandPhotometry(
        np.asarray(np.sum([m.counts for m in measured], axis=0), dtype=np.int64),
        _background(apertures, measured, np.nan_to_num(rate)), fraction, exposure, posterior,
        np.any([m.from_map for m in measured], axis=0),
    )  # fmt: skip


class _Known:
    """Light of sources outside of the group in the regions of each source, by observation."""

    def __init__(
        self, apertures: Sequence[Apertures], measured: Sequence[BandCounts], groups: np.ndarray
    ) -> None:
        rate = _estimates(apertures, measured)
        self.inside, self.around = np.zeros((2, len(measured), len(groups)))
        for k, (a, m) in enumerate(zip(apertures, measured, strict=True)):
            for i, others in enumerate(a.neighbours):
                outside = groups[others] != groups[i]
                if outside.any():
                    light = rate[others] * outside
                    self.inside[k, i] = m.light[i] @ light
                    self.around[k, i] = m.annulus_light[i] @ light


def _put(posterior: CountsPosterior, rows: np.ndarray, found: CountsPosterior) -> None:
    posterior.counts[rows] = found.counts
    posterior.density[rows] = found.density
    posterior.cumulative[rows] = found.cumulative


def _one_by_one(
    measured: Sequence[BandCounts], rows: np.ndarray, exposure: np.ndarray, known: _Known
) -> CountsPosterior:
    def columns(name: str) -> np.ndarray:
        return np.stack([getattr(m, name)[rows] for m in measured], axis=1)

    def light(name: str) -> np.ndarray:
        found = [[getattr(m, name)[i][0] for i in rows] for m in measured]
        return np.asarray(np.array(found).T / exposure[rows, None])

    return counts_posterior(
        columns("counts"), columns("annulus_counts"), columns("area"), columns("annulus_area"),
        light("light"), light("annulus_light"), known.inside[:, rows].T, known.around[:, rows].T,
    )  # fmt: skip


def _jointly(
    apertures: Sequence[Apertures], measured: Sequence[BandCounts], members: np.ndarray,
    exposure: np.ndarray, known: _Known, seed: int,
) -> tuple[CountsPosterior, ...]:  # fmt: skip
    """Solve groups of the same size, members of shape (g, m)."""
    g, m = members.shape
    regions = 2 * m * len(measured)
    counts, fixed = np.zeros((g, regions)), np.zeros((g, regions))
    matrix = np.zeros((g, regions, m + m * len(measured)))
    for group, sources in enumerate(members):
        place = {int(s): j for j, s in enumerate(sources)}
        row = 0
        for k, (a, one) in enumerate(zip(apertures, measured, strict=True)):
            for j, i in enumerate(sources):
                counts[group, row : row + 2] = one.counts[i], one.annulus_counts[i]
                fixed[group, row : row + 2] = known.inside[k, i], known.around[k, i]
                matrix[group, row, m + k * m + j] = one.area[i]
                matrix[group, row + 1, m + k * m + j] = one.annulus_area[i]
                for at, other in enumerate(a.neighbours[i]):
                    if int(other) in place and exposure[other] > 0:
                        column = place[int(other)]
                        matrix[group, row, column] = one.light[i][at] / exposure[other]
                        matrix[group, row + 1, column] = one.annulus_light[i][at] / exposure[other]
                row += 2
    return mixture_posterior(counts, matrix, m, seed, fixed)


def _background(
    apertures: Sequence[Apertures], measured: Sequence[BandCounts], rate: np.ndarray
) -> np.ndarray:
    """Return what is expected in apertures besides the source itself, shape (n,)."""
    total = np.zeros(len(rate))
    for a, m in zip(apertures, measured, strict=True):
        for i, others in enumerate(a.neighbours):
            light = rate[others]
            around = max(m.annulus_counts[i] - float(m.annulus_light[i] @ light), 0.0)
            total[i] += around * m.area[i] / m.annulus_area[i] + m.light[i][1:] @ light[1:]
    return total
