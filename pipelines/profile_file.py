"""Surface-brightness profiles without an engine: what ``xsurvey profile`` does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.field import field_from_image
from xsurvey.imaging.sky_image import SkyImage, read_map_of, read_sky_image
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import is_event_file
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.azimuthal import AzimuthalMedian
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages, measure_profiles
from xsurvey.profiles.profile_parameters import ProfileCentre, SurfaceBrightnessParameters
from xsurvey.profiles.profile_tables import profile_columns, write_profiles
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.units import EnergyBand


def read_images(
    image: Path, *, band: EnergyBand | None = None, exposure: Path | None = None,
    background: Path | None = None, exclude: Path | None = None, mask: Path | None = None,
) -> ProfileImages:  # fmt: skip
    """Read a counts image and its maps.

    Parameters
    ----------
    image : path
        Of counts.
    band : EnergyBand, optional
        What the image says if not given.
    exposure, background : path, optional
        On the pixels of the image; without an exposure map it is approximated, as by
        `xsurvey.imaging.field.field_from_image`.
    exclude : path, optional
        DS9 region file: what is in any of its shapes is not counted.
    mask : path, optional
        Image that is positive where pixels are counted.

    Raises
    ------
    InputError
        A file that cannot be read, or maps on other pixels.
    """
    if is_event_file(image):
        raise InputError(
            image, "is an event file, not an image", "make an image of it with `xsurvey image`"
        )
    field = field_from_image(image, () if band is None else (band,), exposure)
    label, counts = next(iter(field.counts.items()))
    counts = replace(counts, source=str(image))
    level = None
    if background is not None:
        level = replace(read_map_of(background, counts), source=str(background))
    used = None
    if exclude is not None:
        cut = read_region_file(exclude, counts.grid.wcs, "image")
        y, x = np.indices(counts.grid.shape)
        used = RegionSet((), ()).without(cut).contains(x + 1, y + 1)
    if mask is not None:
        kept = read_map_of(mask, counts).data > 0
        used = kept if used is None else used & kept
    return ProfileImages(
        counts, replace(field.exposure[label], source=str(exposure or image)), level, used,
        field.timed, field.bands.get(label),
    )  # fmt: skip


def profile_record(profile: RadialProfile, median: AzimuthalMedian | None = None) -> dict[str, Any]:
    """Return a profile with the keys of ``--json``, one entry a bin."""
    columns = profile_columns(profile)
    renamed = {
        "radius": "radius_arcmin", "radius_width": "radius_width_arcmin",
        "brightness": "brightness", "brightness_err": "brightness_err",
        "brightness_lower": "brightness_lower", "brightness_upper": "brightness_upper",
        "brightness_sys": "brightness_systematic", "counts": "counts",
        "background_counts": "background_counts", "exposure": "exposure_s",
        "area": "area_arcmin2", "geometric_area": "geometric_area_arcmin2", "flags": "flags",
    }  # fmt: skip
    record: dict[str, Any] = {key: columns[name] for name, key in renamed.items()}
    if median is not None:
        record |= {
            "median": median.value, "median_lower": median.lower, "median_upper": median.upper,
            "median_err": median.error, "median_cells": median.cells,
        }  # fmt: skip
    return record


def notes_of(images: ProfileImages, profile: RadialProfile) -> list[str]:
    """Return what a user should know of a profile."""
    notes = []
    if images.exposure.stamps.get("EXPMAP") == APPROXIMATE:
        notes.append(
            "the exposure map is approximate (EXPMAP = 'APPROX'); give one with --exposure"
        )
    if not images.timed:
        notes.append("the exposure is not known in seconds: brightness is left empty")
    lost = float(images.counts.data[~(images.exposure.data > 0)].sum())
    if lost:
        notes.append(f"{lost:.0f} counts of the image lie where nothing was exposed: left out")
    for flag, text in (
        (BinFlag.NOT_EXPOSED, "were not exposed"), (BinFlag.MASKED, "are masked"),
        (BinFlag.PARTIAL, "were counted by less than half"),
        (BinFlag.NEGATIVE, "have fewer counts than the background"),
    ):  # fmt: skip
        number = int(((profile.flags & flag) > 0).sum())
        if number:
            notes.append(f"{number} of {len(profile.flags)} bins {text}: see flags")
    return notes


def checksum_line(path: Path) -> str:
    """Return a line of provenance of an input."""
    return f"input {path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def profile_of_files(
    image: Path, centre: ProfileCentre, parameters: SurfaceBrightnessParameters, *,
    exposure: Path | None = None, background: Path | None = None, exclude: Path | None = None,
    mask: Path | None = None, output: Path | None = None, seed: int = 0,
) -> tuple[MeasuredProfiles, dict[str, Any]]:  # fmt: skip
    """Measure the profiles of an image, and write them.

    Parameters
    ----------
    image, exposure, background, exclude, mask : path
        As `read_images`.
    centre : ProfileCentre
    parameters : SurfaceBrightnessParameters
    output : path, optional
        FITS table.
    seed : int

    Returns
    -------
    measured : MeasuredProfiles
    summary : dict
        For ``--json``.
    """
    if centre.center is None:
        raise ParameterError("center", "is required", "give RA,DEC")
    images = read_images(
        image, band=parameters.band, exposure=exposure, background=background, exclude=exclude,
        mask=mask,
    )  # fmt: skip
    measured = measure_profiles(images, centre.center, parameters, seed)
    return measured, {}
