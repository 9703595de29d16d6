"""Maps of a stack: counts, exposure and background of all its observations together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.sensitivity import sensitivity_map, sky_coverage
from xsurvey.errors import plain_ascii
from xsurvey.imaging.coverage import exposed_area, joined_area, write_coverage
from xsurvey.imaging.cutout import PixelBox
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import fields_with_band, stack_counts, stack_exposure, to_stack
from xsurvey.pipelines.products.entries import (
    ProductEntry,
    observation_facts,
    sky_box,
    wavelengths,
)
from xsurvey.pipelines.spectra.places import folder_name

COUNTS_MAP, EXPOSURE_MAP, BACKGROUND_MAP = "counts map", "exposure map", "background map"
SENSITIVITY_MAP, COVERAGE = "sensitivity map", "coverage"
_CURVE_POINTS = 60

Backgrounds = Mapping[str, Mapping[str, SkyImage]]


def stack_maps(
    stack: Stack, backgrounds: Backgrounds, detection: DetectionParameters
) -> Iterator[tuple[str, str, SkyImage]]:
    """Yield kind, band and image of the maps of each searched band, on the grid of the stack.

    Parameters
    ----------
    stack : Stack
    backgrounds : mapping of str to mapping of str to SkyImage
        By observation and searched band.
    detection : DetectionParameters
        For thresholds and the PSF.
    """
    for label in searched_bands(backgrounds):
        counts, exposure = stack_counts(stack, label), stack_exposure(stack, label)
        yield COUNTS_MAP, label, counts
        yield EXPOSURE_MAP, label, exposure
        yield BACKGROUND_MAP, label, stack_background(stack, label, backgrounds)
        of_band = {name: bands[label] for name, bands in backgrounds.items()}
        sensitivity = sensitivity_map(stack, label, of_band, detection)
        yield SENSITIVITY_MAP, label, in_band(sensitivity, stack, label)


def sensitivity_curve(limits: SkyImage) -> dict[str, Any]:
    """Return over what area sources of some rates are found, as JSON values.

    Parameters
    ----------
    limits : SkyImage
        A sensitivity map.

    Returns
    -------
    dict
        ``unit``; ``values``, from the faintest that is found anywhere to what is found
        everywhere; ``area`` (deg2) of each; empty lists where nothing was exposed.
    """
    known = limits.data[np.isfinite(limits.data) & (limits.data > 0)]
    if not known.size:
        return {"unit": limits.unit, "values": [], "area": []}
    values = np.geomspace(known.min(), known.max() * (1 + 1e-9), _CURVE_POINTS)
    area = sky_coverage(limits, values)
    return {"unit": limits.unit, "values": values.tolist(), "area": area.tolist()}


def in_band(image: SkyImage, stack: Stack, label: str) -> SkyImage:
    """Return an image whose header tells the energies of a band."""
    band = next((f.bands[label] for f in stack.fields if label in f.bands), None)
    if band is None:
        return image
    ends = {"BAND_LO": float(band.minimum), "BAND_HI": float(band.maximum)}
    return replace(image, stamps={**image.stamps, **ends})


def searched_bands(backgrounds: Backgrounds) -> list[str]:
    """Return the bands that any observation was searched in, in their order."""
    return list(dict.fromkeys(label for bands in backgrounds.values() for label in bands))


def stack_background(stack: Stack, label: str, backgrounds: Backgrounds) -> SkyImage:
    """Return the sum of the expected background counts of all observations.

    Parameters
    ----------
    stack : Stack
    label : str
        Of the band.
    backgrounds : mapping of str to mapping of str to SkyImage

    Returns
    -------
    SkyImage
        Counts a pixel of the stack.
    """
    total = np.zeros(stack.grid.shape)
    stamps: dict[str, Any] = {}
    for index in fields_with_band(stack, label):
        image = backgrounds.get(stack.names[index], {}).get(label)
        if image is not None:
            total += to_stack(stack, index, image)
            stamps = {k: v for k, v in image.stamps.items() if stamps.get(k, v) == v}
    return in_band(SkyImage(total, stack.grid, "count / pixel", stamps), stack, label)


def write_maps(
    folder: Path, stack: Stack, maps: Iterable[tuple[str, str, SkyImage]]
) -> tuple[list[ProductEntry], dict[str, dict[str, Any]]]:
    """Write maps as ``STACK_KIND_BAND.fits``, and the coverage of the exposed ones as MOC.

    Returns
    -------
    entries : list of ProductEntry
    curves : dict of str to dict
        `sensitivity_curve` of each band.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    facts = stack_facts(stack)
    entries, curves = [], {}
    covered = []
    for kind, label, image in maps:
        word = kind.removesuffix(" map").replace(" ", "_")
        path = folder / f"{folder_name(stack.name)}_{word}_{label}.fits"
        named = {**image.stamps, "MAPKIND": kind, "STACK": plain_ascii(stack.name)}
        replace(image, stamps=named).write(path)
        band = next((f.bands[label] for f in stack.fields if label in f.bands), None)
        energies: dict[str, Any] = wavelengths(band) if band is not None else {}
        size = path.stat().st_size
        entries.append(ProductEntry(0, kind, path.name, size, band=label, **facts, **energies))
        if kind == SENSITIVITY_MAP:
            curves[label] = sensitivity_curve(image)
        if kind == EXPOSURE_MAP:
            covered.append(exposed_area(image))
    if covered:
        path = folder / f"{folder_name(stack.name)}_moc.fits"
        write_coverage(joined_area(covered), path)
        sky = {**facts, "s_xel1": -1, "s_xel2": -1}
        entries.append(ProductEntry(0, COVERAGE, path.name, path.stat().st_size, **sky))
    return entries, curves


def centre(stack: Stack) -> tuple[float, float]:
    """Return the ICRS position (degrees) of the middle of a stack's images."""
    rows, columns = stack.grid.shape
    ra, dec = stack.grid.to_icrs(np.array([(columns - 1) / 2]), np.array([(rows - 1) / 2]))
    return float(ra[0]) % 360, float(dec[0])


def stack_facts(stack: Stack) -> dict[str, Any]:
    """Return what the entries of all maps have in common."""
    rows, columns = stack.grid.shape
    each = [observation_facts(f.events) for f in stack.fields if f.events is not None]
    facts: dict[str, Any] = sky_box(stack.grid, PixelBox(0, 0, columns, rows))
    for name, join in (("t_min", np.fmin.reduce), ("t_max", np.fmax.reduce)):
        if each:
            facts[name] = float(join([f[name] for f in each]))
    for name in ("facility", "instrument"):
        words = {f[name] for f in each}
        facts[name] = words.pop() if len(words) == 1 else ""
    if each:
        facts["t_exptime"] = float(sum(f["t_exptime"] for f in each))
    return facts
