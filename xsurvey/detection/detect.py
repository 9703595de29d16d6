"""The sources of a stack of observations: candidates, fits, and what the fits have left over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.background import (
    Level,
    background_widths,
    estimated_level,
    level_without,
    supplied_level,
)
from xsurvey.detection.band_image import BandImage
from xsurvey.detection.false_rates import false_sources
from xsurvey.detection.fitted import FoundSources, take
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.resolution import estimated_psf, field_psf
from xsurvey.detection.search import SearchImage, residual_places, wavelet_places
from xsurvey.detection.source_fit import SourceFitter
from xsurvey.detection.stack_model import (
    band_images,
    combined_models,
    known_pixels,
    search_image,
)
from xsurvey.errors import InputError
from xsurvey.imaging.field import Field, band_label
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.missions import Mission
from xsurvey.psf import GaussianPsf, PointSpreadFunction
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand

logger = logging.getLogger(__name__)

_RESIDUAL_ROUNDS = 3
_CLEAR = 50.0  # -ln P of sources that tell how wide the PSF is

Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


def search_bands(parameters: DetectionParameters, mission: Mission | None) -> list[EnergyBand]:
    """Return the bands to search, empty where neither the user nor a mission names any."""
    if parameters.band or mission is None:
        return list(dict.fromkeys(parameters.band))
    return [mission.bands[b] for b in mission.detection_bands]


def band_labels(field: Field, bands: list[EnergyBand]) -> list[str]:
    """Return the labels of some bands of a field."""
    if field.events is None:
        return list(field.counts)  # an image has the one band that it has
    return [band_label(band, field.mission) for band in bands]


def find_sources(
    stack: Stack, parameters: DetectionParameters,
    backgrounds: Mapping[str, SkyImage] | None = None, region: RegionSet | Inside | None = None,
) -> FoundSources:  # fmt: skip
    """Search a stack in all asked-for bands, all its observations together.

    Parameters
    ----------
    stack : Stack
        Whose fields have the bands that `search_bands` names.
    parameters : DetectionParameters
    backgrounds : mapping of str to SkyImage, optional
        By observation: expected background counts a pixel of the (only) searched band.
    region : RegionSet or callable, optional
        Sources outside of it are dropped. Regions are in the sky pixels of the first observation;
        a callable takes arrays of ra and dec in degrees.

    Raises
    ------
    InputError
        Nothing is exposed, the region lies off the image, or one background map was given for
        several bands.
    ParameterError
        The background scale is too small.
    """
    labels = stack_labels(stack, parameters)
    given = dict(backgrounds or {})
    if given and len(labels) > 1:
        raise InputError(
            "background map", "is one, but several bands are searched", "give one band"
        )
    _check_exposure(stack, labels)
    inside = _region_test(stack, region, labels)
    levels = _first_levels(stack, labels, parameters, given)
    psfs = _psfs(stack, labels, parameters, levels)
    fitter, levels = _search(stack, labels, parameters, levels, psfs, set(given))
    sources = fitter.result()
    keep = np.ones(len(sources), dtype=bool)
    for test in (inside, stack.owns):
        if test is not None and len(sources):
            keep &= np.asarray(test(sources.ra, sources.dec), dtype=bool)
    # of structured emission that the fits take apart into points, only what stands out is TRUE
    true = (sources.likelihood >= parameters.threshold) & ~fitter.embedded()
    if not parameters.marginal:
        keep &= true
    sources = take(sources, np.flatnonzero(keep))
    classes = np.where(true[keep], "TRUE", "MARGINAL")
    maps = _sky_images(stack, levels, set(given))
    images = [search_image(stack, label, maps, psfs) for label in labels]
    own = _where_kept(stack, (inside, stack.core))
    false = tuple(
        false_sources(images, value, own)
        for value in (parameters.threshold, parameters.marginal_threshold)
    )
    return FoundSources(sources, classes, maps, _masks(stack, levels), (false[0], false[1]))


def _where_kept(stack: Stack, tests: Sequence[Inside | None]) -> np.ndarray:
    """Return in which pixels of a stack's grid sources are kept, shape (ny, nx) or ()."""
    given = [test for test in tests if test is not None]
    if not given:
        return np.ones((), dtype=bool)
    y, x = np.indices(stack.grid.shape)
    ra, dec = stack.grid.to_icrs(x.ravel(), y.ravel())
    every = [np.asarray(test(ra, dec), dtype=bool) for test in given]
    return np.asarray(np.logical_and.reduce(every).reshape(stack.grid.shape))


def stack_labels(stack: Stack, parameters: DetectionParameters) -> list[str]:
    """Return the labels of the bands that are searched in a stack."""
    first = stack.fields[0]
    labels: list[str] = []
    for field in stack.fields:
        labels += band_labels(field, search_bands(parameters, first.mission))
    return [x for x in dict.fromkeys(labels) if any(x in f.counts for f in stack.fields)]


def _check_exposure(stack: Stack, labels: list[str]) -> None:
    for field in stack.fields:
        for label in labels:
            if label in field.exposure and (field.exposure[label].data > 0).any():
                return
    raise InputError("exposure map", "is zero everywhere", "give the map of this image")


Levels = dict[str, dict[str, Level]]


def _first_levels(
    stack: Stack, labels: list[str], parameters: DetectionParameters,
    given: Mapping[str, SkyImage],
) -> Levels:  # fmt: skip
    levels: Levels = {}
    for name, field in zip(stack.names, stack.fields, strict=True):
        levels[name] = {}
        for label in labels:
            if label not in field.counts:
                continue
            exposure = field.exposure[label].data
            if name in given:
                levels[name][label] = supplied_level(given[name], exposure)
                continue
            counts = np.where(exposure > 0, field.counts[label].data, 0.0)
            size = field.counts[label].grid.pixel_size
            widths = background_widths(parameters, field.mission, size)
            if not (exposure > 0).any():
                levels[name][label] = Level(np.zeros(counts.shape), np.zeros(counts.shape, bool))
                continue
            levels[name][label] = estimated_level(
                counts, exposure, range(parameters.scales), widths
            )
    return levels


def _sky_images(stack: Stack, levels: Levels, given: set[str]) -> dict[str, dict[str, SkyImage]]:
    return {
        name: {
            label: SkyImage(
                level.data, field.counts[label].grid, "count / pixel",
                {"BKGMAP": "SUPPLIED" if name in given else "ESTIMATED"},
            )
            for label, level in levels[name].items()
        }
        for name, field in zip(stack.names, stack.fields, strict=True)
    }  # fmt: skip


def _masks(stack: Stack, levels: Levels) -> dict[str, np.ndarray]:
    masks = {}
    for name in stack.names:
        every = [level.mask for level in levels[name].values()]
        masks[name] = np.logical_or.reduce(every) if every else np.zeros((0, 0), dtype=bool)
    return masks


def _psfs(
    stack: Stack, labels: list[str], parameters: DetectionParameters, levels: Levels
) -> dict[str, PointSpreadFunction]:
    """Return the PSF of each observation; of images of no known mission from their sources."""
    psfs: dict[str, PointSpreadFunction] = {}
    for name, field in zip(stack.names, stack.fields, strict=True):
        psf = field_psf(field, parameters)
        if psf is None:
            label = next(x for x in labels if x in field.counts)
            image = field.counts[label]
            level = levels[name][label].data
            level_image = SkyImage(level, image.grid, "count / pixel")
            seen = np.where(level > 0, image.data, 0.0)
            search = SearchImage(seen, level, np.zeros(level.shape))
            places = wavelet_places([search], image.grid, parameters.scales, _CLEAR)
            band = BandImage(label, name, image, field.exposure[label], level_image, GaussianPsf(1))
            psf = estimated_psf(band, places.ra, places.dec)
        psfs[name] = psf
    return psfs


def _search(
    stack: Stack, labels: list[str], parameters: DetectionParameters, levels: Levels,
    psfs: Mapping[str, PointSpreadFunction], given: set[str],
) -> tuple[SourceFitter, Levels]:  # fmt: skip
    """Fit wavelet candidates, refine the background, and fit what is left over, in turn."""
    maps = _sky_images(stack, levels, given)
    images = [search_image(stack, label, maps, psfs) for label in labels]
    fitter = SourceFitter(band_images(stack, labels, maps, psfs), parameters)
    number = fitter.include(
        wavelet_places(images, stack.grid, parameters.scales, parameters.lowest_local_threshold)
    )
    logger.info("%d candidates in bands %s: fitting them", number, ", ".join(labels))
    fitter.settle()
    levels = _refined(stack, parameters, levels, fitter, given)
    maps = _sky_images(stack, levels, given)
    fitter.use_backgrounds(band_images(stack, labels, maps, psfs))
    images = [search_image(stack, label, maps, psfs) for label in labels]
    for turn in range(_RESIDUAL_ROUNDS):
        before = len(fitter.scene.sources)
        places = residual_places(
            images, combined_models(fitter.scene, stack.grid), stack.grid,
            parameters.lowest_local_threshold, known_pixels(fitter.scene, stack.grid),
        )  # fmt: skip
        logger.info(
            "%d sources; round %d of at most %d: %d places in what they leave over", before,
            turn + 1, _RESIDUAL_ROUNDS, len(places),
        )  # fmt: skip
        if not fitter.include(places):
            break
        fitter.settle()
        if len(fitter.scene.sources) <= before:
            break
    return fitter, levels


def _refined(
    stack: Stack, parameters: DetectionParameters, levels: Levels, fitter: SourceFitter,
    given: set[str],
) -> Levels:  # fmt: skip
    models = fitter.models()
    refined: Levels = {}
    for name, field in zip(stack.names, stack.fields, strict=True):
        refined[name] = {}
        for label, level in levels[name].items():
            exposure = field.exposure[label].data
            model = models[name, label]
            if not (exposure > 0).any():
                refined[name][label] = level
                continue
            widths = background_widths(
                parameters, field.mission, field.counts[label].grid.pixel_size
            )
            counts = np.where(exposure > 0, field.counts[label].data, 0.0)
            found = level_without(counts, exposure, model, level.data, widths)
            refined[name][label] = replace(level, mask=found.mask) if name in given else found
    return refined


def _region_test(
    stack: Stack, region: RegionSet | Inside | None, labels: list[str]
) -> Inside | None:
    if region is None or not isinstance(region, RegionSet):
        return region
    field = stack.fields[0]
    label = next(x for x in labels if x in field.counts)
    grid = field.counts[label].grid
    y, x = np.nonzero(field.exposure[label].data > 0)
    if not region.contains(*sky_pixels(field, label, x, y)).any():
        raise InputError(
            region.name, "covers no exposed pixel of the image", "check its coordinates"
        )

    def inside(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        place = skycoord_to_pixel(SkyCoord(ra, dec, unit="deg"), grid.wcs, origin=0)
        return np.asarray(region.contains(*sky_pixels(field, label, *place)))

    return inside


def sky_pixels(
    field: Field, label: str, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turn 0-based image coordinates into the pixels that regions are given in, 1-based."""
    if field.events is None:
        return np.asarray(x) + 1.0, np.asarray(y) + 1.0
    return field.counts[label].grid.to_sky_pixels(x, y)
