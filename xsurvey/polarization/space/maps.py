"""Maps of polarization, and cubes of them along energy, with the significance of every pixel."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.sky_image import ImageGrid, grid_from_events, grid_over
from xsurvey.polarization.bin_sums import BinSums, check_edges
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.modulation import Modulation, Weighting, modulation_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.random_phases import unevenness
from xsurvey.polarization.space.blocks import quadtree
from xsurvey.polarization.space.cell_background import background_scale
from xsurvey.polarization.space.cell_results import null_chi2, null_error, usable_cells
from xsurvey.polarization.space.cell_sums import CellSums, subtract_level, sum_cells, summed
from xsurvey.polarization.space.map_parameters import MapParameters
from xsurvey.polarization.space.smoothing import Kernel, kernel, smoothed
from xsurvey.polarization.space.trials import (
    BackgroundNoise,
    Trials,
    simulated_maxima,
    trials_of,
)
from xsurvey.polarization.stokes import StokesBins
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand, SkyPosition

_PIXELS_LIMIT = 4_000_000


@dataclass(frozen=True)
class PolarizationMap:
    """Polarization of pixels, or of blocks of them, in energy bins.

    Attributes
    ----------
    grid : ImageGrid
    sums : BinSums
        Arrays (p, n): smoothed, background subtracted; of blocks where there are some.
    bins : StokesBins
        What they tell, arrays (p, n), not masked.
    used : ndarray of bool, shape (p, n)
        Where there are enough events for a polarization.
    label : ndarray of int, shape (ny * nx,), or None
        Block of each pixel, negative for none; None where each pixel is its own.
    kernel : Kernel or None
    trials : Trials
    modulation : Modulation
    background_counts : ndarray, shape (n,), or None
    background_scale : float or None
        Of one pixel.
    notes : tuple of str
    """

    grid: ImageGrid
    sums: BinSums
    bins: StokesBins
    used: np.ndarray
    label: np.ndarray | None
    kernel: Kernel | None
    trials: Trials
    modulation: Modulation
    background_counts: np.ndarray | None = None
    background_scale: float | None = None
    notes: tuple[str, ...] = ()

    def image(self, values: np.ndarray, *, masked: bool = True) -> np.ndarray:
        """Return values of cells, shape (p, n), as images (n, ny, nx), NaN where masked."""
        shown = np.where(self.used, values, np.nan) if masked else np.asarray(values, float)
        if self.label is not None:
            shown = np.where((self.label >= 0)[:, None], shown[self.label], np.nan)
        return np.moveaxis(shown.reshape(*self.grid.shape, -1), -1, 0)

    def position(self, cell: int) -> SkyPosition:
        """Return where a cell is: its middle."""
        own = cell if self.label is None else np.flatnonzero(self.label == cell)
        y, x = np.unravel_index(own, self.grid.shape)
        ra, dec = self.grid.to_icrs(np.array([np.mean(x)]), np.array([np.mean(y)]))
        return SkyPosition(float(ra[0]), float(dec[0]))


def map_grid(events: EventList, parameters: MapParameters) -> ImageGrid:
    """Return the pixels of a map: over all events, or about a centre.

    Raises
    ------
    ParameterError
        A pixel is smaller than those of the events, or larger than the map.
    InputError
        No events, or far too many pixels.
    """
    size = parameters.pixel_size
    if size < 0.999 * events.pixel_size:
        raise ParameterError(
            "pixel_size", f"of {size:g} arcsec is smaller than the sky pixels of "
            f"{events.pixel_size:.4g} arcsec", "give a multiple of these",
        )  # fmt: skip
    if parameters.center is None or parameters.map_radius is None:
        grid = grid_from_events(events, size, _PIXELS_LIMIT)
        _check_size(grid.shape[0] * grid.shape[1] > 1, size, "the field of the events")
        return grid
    side = float(round(size / events.pixel_size))
    number = int(np.ceil(2 * parameters.map_radius / events.pixel_size / side - 1e-6))
    _check_size(number > 1, size, f"the map of {2 * parameters.map_radius:g} arcsec")
    centre = np.ravel(events.wcs.all_world2pix(*parameters.center, 1))
    if not np.all(np.isfinite(centre)):
        raise ParameterError(
            "center", "is on the other side of the sky", "give a position in the field"
        )
    first = np.round(centre - number * side / 2 - 0.5) + 0.5
    return grid_over(events, first, first + (number - 0.5) * side, size, _PIXELS_LIMIT)


def _check_size(good: bool, size: float, what: str) -> None:
    if not good:
        raise ParameterError(
            "pixel_size", f"of {size:g} arcsec leaves {what} one pixel",
            "choose smaller pixels, or measure with `polarization pcube`",
        )  # fmt: skip


def measure_map(
    events: EventList, parameters: PolarizationParameters, mapping: MapParameters, *,
    region: RegionSet | None = None, background: RegionSet | None = None, seed: int = 0,
) -> PolarizationMap:  # fmt: skip
    """Measure the polarization in each pixel of a map.

    Parameters
    ----------
    events : EventList
        Of one observation; detector units are added up.
    parameters : PolarizationParameters
    mapping : MapParameters
    region, background : RegionSet, optional
        In the list's sky pixels: of the map, everything if not given, and of the background, which
        is subtracted from every pixel in proportion to its area.
    seed : int
        Of the simulations.

    Raises
    ------
    InputError
        No polarimeter, no Stokes parameters, no good time, no event in the map.
    ParameterError
        Energies beyond the responses, unknown responses, or impossible pixels.
    MissingDataError
        Responses are not installed.
    """
    weighting: Weighting = "simple" if parameters.weighted else "none"
    modulation = modulation_of(events, weighting, parameters.irf)
    edges = check_edges(np.array(parameters.edges), modulation)
    kept = events if region is None else events.in_region(region)
    grid = map_grid(kept, mapping)
    found = sum_cells(
        # the region is looked at while placing, so that the background need not be in it
        events, modulation, edges, _pixel_placing(grid, region), grid.shape[0] * grid.shape[1],
        background=background, weighted=parameters.weighted,
        acceptance=parameters.acceptance_correction, keep_phases=mapping.simulations > 0,
    )  # fmt: skip
    if not found.sums.counts.any():
        require_band(kept, edges)
        raise InputError(
            events.observation.path, "has no events in the map", "choose a centre in the field"
        )
    return _finish(events, found, grid, modulation, parameters, mapping, background, seed)


def require_band(events: EventList, edges: np.ndarray) -> None:
    """Raise where there are no events, or none of the energies: the place is not to blame."""
    if not events.in_energy(EnergyBand(float(edges[0]), float(edges[-1]))).count():
        events.require_events(0, [EnergyBand(a, b) for a, b in itertools.pairwise(edges)])


def _finish(
    events: EventList, found: CellSums, grid: ImageGrid, modulation: Modulation,
    parameters: PolarizationParameters, mapping: MapParameters, background: RegionSet | None,
    seed: int,
) -> PolarizationMap:  # fmt: skip
    """Smooth or group sums, subtract the background, measure, count trials."""
    by, label, combined = _combination(found.sums, grid, mapping)
    sums = found.sums
    if by is not None:
        sums = smoothed(sums, grid.shape, by)
    elif label is not None:
        sums = summed(sums, label, int(label.max()) + 1)
    scale, noise = None, None
    if background is not None and found.background is not None:
        scale = parameters.background_scale
        if scale is None:
            area = (grid.pixel_size / 3600) ** 2
            scale = float(background_scale(events, background, found.background_counts, area))
        each = scale * combined(np.ones((grid.shape[0] * grid.shape[1], 1)))
        sums = subtract_level(sums, found.background, each)
        noise = BackgroundNoise.of(found.background, each)
    bins = ESTIMATORS[parameters.estimator](sums)
    used = usable_cells(sums, bins, mapping.minimum_events)
    trials = trials_of(
        null_chi2(sums), used, 1.0 if by is None else by.beam,
        smooth=by is not None and by.shape == "gaussian",
    )  # fmt: skip
    if mapping.simulations and found.place is not None and found.strength is not None:
        maxima = simulated_maxima(
            found.place, found.strength, found.sums.i.shape,
            np.where(used, null_error(sums), np.nan), unevenness(sums), mapping.simulations, seed,
            combined, noise,
        )  # fmt: skip
        trials = replace(
            trials, simulations=mapping.simulations,
            exceeding=int(np.count_nonzero(maxima >= trials.chi2)),
        )  # fmt: skip
    return PolarizationMap(
        grid, sums, bins, used, label, by, trials, modulation,
        None if found.background is None else found.background.counts, scale,
        (*modulation.warnings, *notes_of_cells(found, used, sums, "pixels")),
    )  # fmt: skip


def _combination(
    sums: BinSums, grid: ImageGrid, mapping: MapParameters
) -> tuple[Kernel | None, np.ndarray | None, Callable[[np.ndarray], np.ndarray]]:
    """Return kernel, labels, and what makes of sums of pixels (p, k) those of cells."""
    if mapping.smoothing is not None and mapping.smoothing_size is not None:
        by = kernel(mapping.smoothing, mapping.smoothing_size / grid.pixel_size)

        def convolved(values: np.ndarray) -> np.ndarray:
            planes = np.moveaxis(values.reshape(*grid.shape, -1), -1, 0)
            return np.moveaxis(by.apply(planes), 0, -1).reshape(values.shape)

        return by, None, convolved
    if mapping.adaptive is not None:
        label = quadtree(sums, grid.shape, mapping.adaptive)
        groups = int(label.max()) + 1
        inside = label >= 0

        def grouped(values: np.ndarray) -> np.ndarray:
            return np.stack(
                [np.bincount(label[inside], v[inside], groups) for v in values.T], axis=1
            )

        return None, label, grouped
    return None, None, lambda values: values


def _pixel_placing(
    grid: ImageGrid, region: RegionSet | None
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, None]]:
    ny, nx = grid.shape

    def place(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, None]:
        column = np.floor((x - grid.x_edge) / grid.sky_pixels).astype(np.int64)
        row = np.floor((y - grid.y_edge) / grid.sky_pixels).astype(np.int64)
        inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        if region is not None:
            inside &= region.contains(x, y)
        return np.where(inside, row * nx + column, -1), None

    return place


def notes_of_cells(found: CellSums, used: np.ndarray, sums: BinSums, what: str) -> list[str]:
    """Return what a user should know of events and cells."""
    notes = []
    if found.unusable:
        notes.append(
            f"{found.unusable} events whose time, place, energy, Q or U is not a number are left "
            "out"
        )
    if found.unweighted:
        notes.append(f"{found.unweighted} events without a weight, or a negative one, are left out")
    masked = int(np.count_nonzero((sums.counts > 0) & ~used))
    if masked:
        notes.append(f"{masked} {what} with events have too few for a polarization, and are masked")
    if not used.any():
        notes.append(f"no {what} have enough events: make them larger")
    return notes
