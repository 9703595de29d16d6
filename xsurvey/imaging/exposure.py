"""Exposure maps where none is supplied, stamped as approximate.

A file that tells where the telescope looked gives its exposure by that. Otherwise the
approximation takes the footprint of each detector from its own events. Where they carry
detector coordinates, the map from detector to sky is fitted, and the scatter of the events
about it *is* the dither, so edges and gaps are smeared as the real ones are. Bad columns and
the loss of quantum efficiency with time are not known to either.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage, signal
from scipy.spatial import ConvexHull, QhullError

from xsurvey.events import EventList
from xsurvey.imaging.attitude_exposure import exposure_from_attitude
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.missions import Mission, get_mission
from xsurvey.missions.base import DetectorColumns
from xsurvey.units import EnergyBand

APPROXIMATE = "APPROX"
_SAMPLE = 200_000
_LARGEST_DITHER = 60.0  # arcsec; a larger scatter means that the map is no affine one
_FEWEST_EVENTS = 50
_CELL = 16.0  # arcsec: as far as dither moves
_BRIGHT = 1.5  # times the median number of events in a cell


def approximate_exposure(
    events: EventList, grid: ImageGrid, bands: list[EnergyBand]
) -> list[SkyImage]:
    """Make one exposure map a band from events and the mission's analytic vignetting.

    Parameters
    ----------
    events : EventList
        All energies, so that the footprint is well filled.
    grid : ImageGrid
    bands : list of EnergyBand
        Vignetting is taken at the geometric mean of each band's limits.

    Returns
    -------
    list of SkyImage
        Livetime times relative effective area in seconds, stamped ``EXPMAP = 'APPROX'``; the
        mean over coaligned detectors. Without unit, and relative, where a file of a scan does
        not tell where the telescope looked.
    """
    mission = get_mission(events.observation.mission)
    energies = [float(np.sqrt(max(band.minimum, 0.1) * band.maximum)) for band in bands]
    unit = "s"
    if events.attitude and mission.field_radius is not None:
        how = "good times and attitude, analytic vignetting, no bad pixels: approximate"
        maps = exposure_from_attitude(events, grid, energies, mission)
    elif events.observation.scanning:
        how = "footprint of a scan from its events: relative, not seconds"
        unit = ""
        maps = [_footprint(events, grid, mission, lambda _: 1.0, hulls=True)] * len(bands)
    else:
        how = "footprint from the events, analytic vignetting: approximate"
        livetime = _footprint(events, grid, mission, events.detector_livetime)
        off_axis = grid.off_axis(events.observation.pointing)
        maps = [livetime * mission.vignetting(off_axis, energy) for energy in energies]
    return [
        SkyImage(data, grid, unit, {
            "EXPMAP": APPROXIMATE, "VIGNKEV": round(energy, 4), "MISSION": mission.name,
            "COMMENT": how,
        })
        for data, energy in zip(maps, energies, strict=True)
    ]  # fmt: skip


def livetime_of_footprints(events: EventList, grid: ImageGrid) -> np.ndarray:
    """Return how long each pixel was seen by what the events tell, s, without vignetting.

    Parameters
    ----------
    events : EventList
        Of a pointing; all energies, so that the footprint is well filled.
    grid : ImageGrid
        Over all events.
    """
    mission = get_mission(events.observation.mission)
    return _footprint(events, grid, mission, events.detector_livetime, balanced=True)


def _footprint(
    events: EventList, grid: ImageGrid, mission: Mission, weight: Callable[[int], float],
    hulls: bool = False, balanced: bool = False,
) -> np.ndarray:  # fmt: skip
    """Return the sum of the detectors' footprints times their weights, of coaligned ones the mean.

    One table of good times may stand for many detectors, and a detector may have no events: the
    mean is that of the footprints there are, at the mean weight of all.
    """
    total = np.zeros(grid.shape)
    layout = None if hulls else mission.detector_columns
    parts = _by_detector(events, layout)
    for detector, columns in parts.items():
        total += weight(detector) * _detector_footprint(columns, grid, layout, balanced)
    if not events.coaligned:
        return total
    level = float(np.mean([weight(number) for number in events.gti]))
    return total * (level / sum(weight(number) for number in parts))


def footprint_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return where an image without an exposure map was exposed, from its counts alone.

    Parameters
    ----------
    counts : ndarray, shape (ny, nx)

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Closing of the non-zero pixels, with a box wide enough to hold about ten counts.
    """
    filled = counts > 0
    if filled.mean() > 0.5:
        density = counts.mean()
    else:
        rows, columns = np.nonzero(filled)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        # median-like density: bright sources must not shrink the box
        density = filled.sum() / box
    side = 2 * int(np.ceil(np.sqrt(10.0 / max(density, 1e-9)) / 2)) + 1
    side = min(side, 2 * (min(counts.shape) // 4) + 1)
    padded = np.pad(filled, side)
    grown = ndimage.maximum_filter(padded, side)
    closed = ndimage.minimum_filter(grown, side)
    return np.asarray(closed[side:-side, side:-side])


def _by_detector(
    events: EventList, detector_columns: DetectorColumns | None
) -> dict[int, dict[str, np.ndarray]]:
    names = ["x", "y", "detector"]
    if detector_columns and events.has_column(detector_columns.x):
        names += [detector_columns.x, detector_columns.y]
    parts: dict[int, list[dict[str, np.ndarray]]] = {}
    kept: dict[int, int] = {}
    for chunk in events.chunks():
        detectors = chunk["detector"]
        for number in np.unique(detectors):
            # the first events cover the dither as well as all of them: memory stays bounded
            if kept.get(int(number), 0) >= _SAMPLE:
                continue
            mine = chunk.select(detectors == number)
            parts.setdefault(int(number), []).append({n: mine[n] for n in names})
            kept[int(number)] = kept.get(int(number), 0) + len(mine)
    return {
        number: {n: np.concatenate([p[n] for p in own]) for n in names}
        for number, own in sorted(parts.items())
    }


def _detector_footprint(
    columns: dict[str, np.ndarray], grid: ImageGrid, layout: DetectorColumns | None,
    balanced: bool = False,
) -> np.ndarray:  # fmt: skip
    if layout is not None and layout.x in columns and len(columns["x"]) >= _FEWEST_EVENTS:
        footprint = _dithered_footprint(columns, grid, layout, balanced)
        if footprint is not None:
            return footprint
    return _hull_footprint(columns["x"], columns["y"], grid)


def _dithered_footprint(
    columns: dict[str, np.ndarray], grid: ImageGrid, layout: DetectorColumns,
    balanced: bool = False,
) -> np.ndarray | None:  # fmt: skip
    place = np.column_stack([columns[layout.x], columns[layout.y], np.ones(len(columns["x"]))])
    place = place.astype(float)
    sky = np.column_stack([columns["x"], columns["y"]]).astype(float)
    known = np.isfinite(place).all(axis=1)
    place, sky = place[known], sky[known]
    if len(place) < _FEWEST_EVENTS:
        return None
    weight = _balance(sky * (grid.pixel_size / grid.sky_pixels)) if balanced else np.ones(len(sky))
    solution, _, rank, _ = np.linalg.lstsq(
        place * weight[:, None], sky * weight[:, None], rcond=None
    )
    scatter = (sky - place @ solution) / grid.sky_pixels
    if rank < 3 or np.abs(np.linalg.det(solution[:2])) < 1e-6:
        return None
    if np.percentile(np.abs(scatter), 99) * grid.pixel_size > _LARGEST_DITHER:
        return None
    static = _inside_detector(solution, grid, layout)
    reach = int(np.ceil(np.percentile(np.abs(scatter), 99.9))) + 1
    edges = np.arange(-reach, reach + 2) - 0.5
    dither, _, _ = np.histogram2d(scatter[:, 1], scatter[:, 0], bins=(edges, edges))
    smeared = signal.fftconvolve(static, dither / dither.sum(), mode="same")
    smeared[smeared < 1e-3] = 0.0
    return np.minimum(smeared, 1.0)


def _balance(place: np.ndarray) -> np.ndarray:
    """Return weights of events that keep bright sources from deciding a fit, shape (n,).

    A point source stays where it is on the sky while it moves over the detector: in a fit of sky
    on detector coordinates it pulls the scale towards zero.

    Parameters
    ----------
    place : ndarray, shape (n, 2)
        Arcsec.
    """
    cell = np.floor(place / _CELL).astype(np.int64)
    cell -= cell.min(axis=0)
    _, which, number = np.unique(
        cell[:, 1] * (cell[:, 0].max() + 1) + cell[:, 0], return_inverse=True, return_counts=True
    )
    most = _BRIGHT * float(np.median(number))
    # residuals are multiplied by the root of an event's weight
    return np.asarray(np.sqrt(np.minimum(1.0, most / number[which])))


def _inside_detector(solution: np.ndarray, grid: ImageGrid, layout: DetectorColumns) -> np.ndarray:
    """Return the fraction of each pixel on the undithered detector, by 3 x 3 samples."""
    inverse = np.linalg.inv(solution[:2])
    total = np.zeros(grid.shape)
    offsets = (-1 / 3, 0.0, 1 / 3)
    for dy in offsets:
        for dx in offsets:
            x, y = grid.to_sky_pixels(np.arange(grid.shape[1]) + dx, np.arange(grid.shape[0]) + dy)
            x, y = x[None, :] - solution[2, 0], y[:, None] - solution[2, 1]
            column = x * inverse[0, 0] + y * inverse[1, 0]
            row = x * inverse[0, 1] + y * inverse[1, 1]
            column -= (layout.width + 1) / 2
            row -= (layout.height + 1) / 2
            inside = (np.abs(column) <= layout.width / 2) & (np.abs(row) <= layout.height / 2)
            if layout.radius is not None:
                inside &= np.hypot(column, row) <= layout.radius
            total += inside
    return total / len(offsets) ** 2


def _hull_footprint(x: np.ndarray, y: np.ndarray, grid: ImageGrid) -> np.ndarray:
    footprint = np.zeros(grid.shape)
    points = np.column_stack([x, y]).astype(float)
    points = points[np.isfinite(points).all(axis=1)]
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):  # fewer than three events, or all on a line
        column = np.round((points[:, 0] - grid.x_edge) / grid.sky_pixels - 0.5).astype(int)
        row = np.round((points[:, 1] - grid.y_edge) / grid.sky_pixels - 0.5).astype(int)
        footprint[row, column] = 1.0
        return footprint
    px, py = grid.to_sky_pixels(np.arange(grid.shape[1]), np.arange(grid.shape[0]))
    inside = np.ones(grid.shape, dtype=bool)
    margin = grid.sky_pixels / 2
    for a, b, c in hull.equations:
        inside &= (a * px[None, :] + b * py[:, None] + c) <= margin
    return inside.astype(float)
