"""Found sources that are not the cluster's, and the PSF at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.found_store import read_found
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, separation_arcmin
from xsurvey.imaging.source_mask import MaskedSources, PsfOfSources
from xsurvey.pipelines.cluster.parameters import ClusterMaskParameters
from xsurvey.pipelines.cluster.reading import ClusterField


def found_sources(folders: Sequence[Path], parameters: ClusterMaskParameters) -> MaskedSources:
    """Return the sources that the searches of all stacks found.

    Parameters
    ----------
    folders : sequence of path
        Of `xsurvey.detection.found_store.write_found`, one a stack.
    parameters : ClusterMaskParameters
    """
    columns: list[np.ndarray] = [np.empty((3, 0))]
    for folder in folders if parameters.sources else ():
        sources = read_found(folder).sources
        likely = sources.likelihood >= parameters.min_likelihood
        extent = np.nan_to_num(np.asarray(sources.extent, float))
        columns.append(np.stack([sources.ra, sources.dec, extent])[:, likely])
    return MaskedSources(*np.concatenate(columns, axis=1))


def psf_at_sources(
    sources: MaskedSources, fields: Sequence[ClusterField], label: str
) -> list[PsfOfSources]:
    """Return the PSF of each observation at sources, weighted with its exposure there.

    Parameters
    ----------
    sources : MaskedSources
    fields : sequence of ClusterField
    label : str
        Of the band of the exposures.
    """
    found = []
    for one in fields:
        mission, pointing = one.field.mission, one.field.pointing
        assert mission is not None
        angle = np.zeros(len(sources))
        if pointing is not None and not one.field.scanning:
            angle = separation_arcmin(sources.ra, sources.dec, pointing)
        weight = _exposure_at(one.field.exposure[label], sources)
        found.append(PsfOfSources(mission.psf(one.field.scanning), angle, weight))
    return found


def _exposure_at(exposure: SkyImage, sources: MaskedSources) -> np.ndarray:
    column, row = _pixels(exposure.grid, sources)
    ny, nx = exposure.grid.shape
    inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    found = np.zeros(len(sources))
    found[inside] = exposure.data[row[inside], column[inside]]
    return np.nan_to_num(found)


def _pixels(grid: ImageGrid, sources: MaskedSources) -> tuple[np.ndarray, np.ndarray]:
    if not len(sources):
        return np.empty(0, int), np.empty(0, int)
    sky = SkyCoord(sources.ra, sources.dec, unit="deg", frame="icrs")
    x, y = skycoord_to_pixel(sky, grid.wcs, origin=0)
    column, row = (np.rint(np.nan_to_num(np.asarray(v), nan=-9.0)).astype(int) for v in (x, y))
    return column, row
