"""Files of the regions of a layout: OGIP spectra and responses, and the layout beside them.

A folder holds, for each region and group of detectors, ``REGION_GROUP.pha``, ``.arf`` and
``REGION_GROUP_particles.pha`` (expected counts of particles in the exposure of the spectrum, with
the template's errors), for each group ``GROUP.rmf``, and ``layout.fits`` with the labels, the table
of regions and the mixing matrix. Spectra name their responses, and no background: the particles are
expected counts, which W-statistics would take for measured ones.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

from xsurvey import __version__
from xsurvey.errors import InputError, plain_ascii, printable
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_from_wcs
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import check_readable
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.headers import add_keywords
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.profiles.light_between_annuli import LightRadii
from xsurvey.profiles.region_layout import RegionLayout, SpectralRegion
from xsurvey.profiles.region_products import RegionProduct, RegionProducts

LAYOUT = "layout.fits"
_REMEDY = "extract the spectra of the regions again"
_TEXT = 64  # characters of names in tables


def write_products(folder: str | os.PathLike[str], products: RegionProducts) -> list[Path]:
    """Write all files of a layout into a folder, whole or not at all.

    Parameters
    ----------
    folder : path
        Made, or replaced.
    products : RegionProducts

    Returns
    -------
    list of path
        Of the spectra.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    header: dict[str, Any] = {
        "CREATOR": f"xsurvey {__version__}", **products.stamps,
        "COMMENT": [f"warning: {printable(note)}" for note in products.notes],
    }  # fmt: skip
    written = []
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for group, rmf in products.matrices.items():
            own = {"TELESCOP": _telescope(products, group), "INSTRUME": group}
            matrix = replace(rmf, header={**rmf.header, **own})
            write_rmf(temporary / f"{group}.rmf", matrix, header)
        for one in products.products:
            stem = _stem(products.layout, one)
            write_arf(temporary / f"{stem}.arf", one.arf, header)
            particles = _particle_spectrum(one)
            write_pha(temporary / f"{stem}_particles.pha", particles, {**header, "HDUCLAS2": "BKG"})
            spectrum = replace(
                one.spectrum, ancillary_file=f"{stem}.arf", response_file=f"{one.group}.rmf"
            )
            write_pha(temporary / f"{stem}.pha", spectrum, header)
            written.append(Path(folder) / f"{stem}.pha")
        write_hdus(temporary / LAYOUT, _layout_hdus(products, header))
    return written


def read_products(folder: str | os.PathLike[str]) -> RegionProducts:
    """Read what `write_products` wrote.

    Raises
    ------
    InputError
        A file is missing, damaged, or does not belong to the others.
    """
    path = Path(folder) / LAYOUT
    check_readable(path)
    try:
        with warnings.catch_warnings(), fits.open(path) as hdus:
            warnings.simplefilter("ignore", AstropyUserWarning)  # errors of ours say what matters
            layout = _read_layout(hdus)
            mixing = np.array(hdus["MIXING"].data, float)
            radii = None
            if "LIGHT_RADII" in hdus:
                values = np.array(hdus["LIGHT_RADII"].data, float)
                radii = LightRadii(values[0], values[1:])
            table = hdus["SPECTRA"].data
            rows = [(int(r["REGION"]), str(r["GROUP"]), str(r["FILE"])) for r in table]
            errors = {str(r["GROUP"]): float(r["SCALE_ERR"]) for r in table}
            notes = tuple(str(row["NOTE"]) for row in hdus["NOTES"].data)
    except (KeyError, OSError, ValueError, TypeError, IndexError, fits.VerifyError) as error:
        raise InputError(path, f"is no layout of regions ({printable(error)})", _REMEDY) from None
    if mixing.shape != (len(layout.regions),) * 2 or not np.isfinite(mixing).all():
        raise InputError(path, "has a mixing matrix that is not of its regions", _REMEDY)
    if radii is not None and not (
        radii.counted.shape == mixing.shape and np.isfinite(radii.counted).all()
        and np.isfinite(radii.emitted).all()
    ):  # fmt: skip
        raise InputError(path, "has radii of light that are not of its regions", _REMEDY)
    matrices = {g: read_rmf(Path(folder) / f"{g}.rmf") for g in dict.fromkeys(r[1] for r in rows)}
    products = [_read_product(Path(folder), *row) for row in rows]
    for one in products:
        if not 0 <= one.region < len(layout.regions):
            raise InputError(path, "names spectra of regions that it does not have", _REMEDY)
    return RegionProducts(layout, tuple(products), matrices, mixing, radii, errors, {}, notes)


def _stem(layout: RegionLayout, one: RegionProduct) -> str:
    return f"{layout.regions[one.region].name}_{one.group}"


def _telescope(products: RegionProducts, group: str) -> str:
    own = next(p for p in products.products if p.group == group)
    return str(own.spectrum.header.get("TELESCOP", "unknown"))


def _particle_spectrum(one: RegionProduct) -> PhaSpectrum:
    """Return the particles as counts with errors, in the exposure and area of the spectrum."""
    return replace(
        one.spectrum, counts=one.particle, poisson=False,
        # an error of 0 everywhere would be none
        statistical_error=np.sqrt(np.maximum(one.particle_variance, 1e-30)),
    )  # fmt: skip


def _read_product(folder: Path, region: int, group: str, stem: str) -> RegionProduct:
    if Path(stem).name != stem:
        raise InputError(folder / LAYOUT, f"names a file '{stem}' outside of the folder", _REMEDY)
    spectrum = read_single_pha(folder / f"{stem}.pha")
    particles = read_single_pha(folder / f"{stem}_particles.pha")
    error = particles.statistical_error
    if error is None or not np.array_equal(particles.channels, spectrum.channels):
        raise InputError(particles.path, "has no errors, or other channels", _REMEDY)
    variance = np.where(error > 1e-14, error, 0.0) ** 2
    return RegionProduct(
        region, group, spectrum, read_arf(folder / f"{stem}.arf"), particles.counts, variance
    )


def _layout_hdus(products: RegionProducts, header: Mapping[str, Any]) -> list[Any]:
    layout = products.layout
    images = []
    for name, labels in (("EMITTED", layout.emitted), ("DETECTED", layout.detected)):
        place = SkyImage(labels, layout.grid, "").header()
        del place["BUNIT"]
        images.append(fits.ImageHDU(labels.astype(np.int16), place, name=name))
    regions = layout.regions
    sectors = np.array([r.sector or (np.nan, np.nan) for r in regions], float)
    table = fits.BinTableHDU.from_columns([
        fits.Column("NAME", f"{_TEXT}A", array=np.array([r.name for r in regions])),
        fits.Column("KIND", "8A", array=np.array([r.kind for r in regions])),
        fits.Column("INNER", "D", unit="arcmin", array=np.array([r.inner for r in regions])),
        fits.Column("OUTER", "D", unit="arcmin", array=np.array([r.outer for r in regions])),
        fits.Column("ANGLE_FIRST", "D", unit="deg", array=sectors[:, 0]),
        fits.Column("ANGLE_LAST", "D", unit="deg", array=sectors[:, 1]),
        fits.Column("SKY_SECTOR", "J", array=np.array([r.sky_sector for r in regions])),
    ], name="REGIONS")  # fmt: skip
    own = products.products
    spectra = fits.BinTableHDU.from_columns([
        fits.Column("REGION", "J", array=np.array([p.region for p in own])),
        fits.Column("GROUP", "16A", array=np.array([p.group for p in own])),
        fits.Column("FILE", f"{_TEXT}A", array=np.array([_stem(layout, p) for p in own])),
        fits.Column(
            "SCALE_ERR", "D", array=np.array([products.scale_errors[p.group] for p in own])
        ),
    ], name="SPECTRA")  # fmt: skip
    add_keywords(spectra.header, [header])
    mixing = fits.ImageHDU(np.asarray(products.mixing, float), name="MIXING")
    mixing.header["BUNIT"] = "arcmin2"
    radii = []
    if products.light_radii is not None:
        own_radii = products.light_radii
        values = np.vstack((own_radii.emitted, own_radii.counted))
        radii.append(fits.ImageHDU(values, name="LIGHT_RADII"))
        radii[0].header["BUNIT"] = ("log(arcmin)", "first row: all light of the region")
    texts = [plain_ascii(printable(note)) for note in products.notes]
    width = max((len(text) for text in texts), default=1)
    notes = fits.BinTableHDU.from_columns(
        [fits.Column("NOTE", f"{width}A", array=np.array(texts, dtype=f"U{width}"))], name="NOTES"
    )
    return [fits.PrimaryHDU(), *images, table, spectra, mixing, *radii, notes]


def _read_layout(hdus: fits.HDUList) -> RegionLayout:
    emitted, detected = (np.array(hdus[n].data, np.int32) for n in ("EMITTED", "DETECTED"))
    header = hdus["EMITTED"].header
    grid = grid_from_wcs(WCS(header), (emitted.shape[0], emitted.shape[1]))
    side = 1 / float(header["LTM1_1"])
    grid = ImageGrid(
        grid.wcs, grid.shape, (0.5 - float(header["LTV1"])) * side,
        (0.5 - float(header["LTV2"])) * side, side, grid.pixel_size,
    )  # fmt: skip
    regions = []
    for row in hdus["REGIONS"].data:
        first, last = float(row["ANGLE_FIRST"]), float(row["ANGLE_LAST"])
        regions.append(SpectralRegion(
            str(row["NAME"]), str(row["KIND"]), float(row["INNER"]), float(row["OUTER"]),
            (first, last) if np.isfinite(first) else None, int(row["SKY_SECTOR"]),
        ))  # fmt: skip
    if emitted.shape != detected.shape or emitted.max() >= len(regions):
        raise ValueError("labels and regions do not agree")
    return RegionLayout(grid, tuple(regions), emitted, detected)
