"""Profiles of one place on the images of a stack, and their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.fitted import FittedSources
from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, separation_arcmin
from xsurvey.imaging.source_mask import (
    MaskedSources,
    MaskParameters,
    PsfOfSources,
    SourceMask,
    mask_of_sources,
)
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import fields_with_band, stack_counts, stack_exposure
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.brightness_profiles.parameters import PlaceProfile
from xsurvey.pipelines.profile_file import model_curve, profile_summary, vignetting_stamps
from xsurvey.pipelines.profile_fits import FieldPsf, fit_all, read_psf
from xsurvey.profiles.exposure_spectrum import ExposureSpectrum
from xsurvey.profiles.measure import ProfileImages, measure_profiles
from xsurvey.profiles.profile_tables import write_profiles
from xsurvey.profiles.weighted_exposure import weighted_fields
from xsurvey.psf import PointSpreadFunction
from xsurvey.report.numbers import en_dashes
from xsurvey.report.plate import png_bytes
from xsurvey.report.profile_axes import profile_figure
from xsurvey.report.region_axes import regions_figure, sector_names
from xsurvey.units import EnergyBand, SkyPosition


@dataclass(frozen=True)
class BandImages:
    """The maps of a stack in one band.

    Attributes
    ----------
    label : str
    band : EnergyBand or None
    counts, exposure : SkyImage
    timed : bool
        False where the exposure is relative.
    notes : list of str
        Of the exposure.
    """

    label: str
    band: EnergyBand | None
    counts: SkyImage
    exposure: SkyImage
    timed: bool
    notes: list[str] = field(default_factory=list)


def band_images(
    stack: Stack, wanted: EnergyBand | None, spectrum: ExposureSpectrum | None = None
) -> BandImages:  # fmt: skip
    """Return the maps of a band on the grid of a stack.

    Parameters
    ----------
    stack : Stack
    wanted : EnergyBand, optional
        The first band of the stack if not given.
    spectrum : ExposureSpectrum, optional
        For which exposure maps that were made here average the vignetting over the band; maps as
        they are if not given.

    Raises
    ------
    ParameterError
        The stack has no images of that band.
    """
    known = {label: f.bands.get(label) for f in stack.fields for label in f.counts}
    label = next(iter(known))
    if wanted is not None:
        same = [k for k, band in known.items() if band and np.allclose(band, wanted)]
        if not same:
            names = [str(band) for band in known.values() if band]
            raise ParameterError(
                "band", f"there are no images of {wanted} keV", nearest(str(wanted), names)
            )
        label = same[0]
    timed = all(stack.fields[i].timed for i in fields_with_band(stack, label))
    weighted, notes = weighted_fields(stack.fields, label, spectrum)
    exposure = stack_exposure(replace(stack, fields=tuple(weighted)), label)
    return BandImages(label, known[label], stack_counts(stack, label), exposure, timed, notes)


def stack_mask(
    stack: Stack, images: BandImages, found: FittedSources, parameters: MaskParameters,
    regions: Path | None = None, centre: SkyPosition | None = None,
) -> SourceMask:  # fmt: skip
    """Return the mask of the sources of a stack on its grid.

    Parameters
    ----------
    stack : Stack
    images : BandImages
    found : FittedSources
    parameters : MaskParameters
    regions : path, optional
        DS9 region file of what is masked besides.
    centre : SkyPosition, optional
        Of what is measured.
    """
    chosen = found.likelihood >= parameters.min_likelihood
    sources = MaskedSources(found.ra[chosen], found.dec[chosen], found.extent[chosen])
    psf = [
        PsfOfSources(_psf_of(field), *_view(field, images.label, sources)) for field in stack.fields
    ]
    return mask_of_sources(
        images.counts, images.exposure, sources, psf, parameters, centre, regions
    )


def _psf_of(field: Field) -> PointSpreadFunction:
    if field.mission is None:
        raise InputError(
            field.obs_id, "is of no known mission, so its PSF is not known", "give events"
        )
    return field.mission.psf(field.scanning)


def _view(
    field: Field, label: str, sources: MaskedSources
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return off-axis angle and exposure of sources in one observation, shape (n,)."""
    angle = np.zeros(len(sources))
    if field.pointing is not None and not field.scanning:
        angle = separation_arcmin(sources.ra, sources.dec, field.pointing)
    exposure = field.exposure.get(label) or next(iter(field.exposure.values()))
    if not len(sources):
        return angle, angle
    sky = SkyCoord(sources.ra, sources.dec, unit="deg", frame="icrs")
    x, y = skycoord_to_pixel(sky, exposure.grid.wcs, origin=0)
    column, row = np.rint(np.nan_to_num(x, nan=-9)), np.rint(np.nan_to_num(y, nan=-9))
    ny, nx = exposure.grid.shape
    there = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    weight = np.zeros(len(sources))
    weight[there] = exposure.data[row[there].astype(int), column[there].astype(int)]
    return angle, weight


def field_psf(stack: Stack, images: BandImages) -> FieldPsf:
    """Return the PSF over the images of a stack.

    Of several pointings that of the first one's telescope, at the mean off-axis angle, weighted
    with exposure.
    """
    pointed = [f for f in stack.fields if f.pointing is not None and not f.scanning]
    psf = _psf_of(stack.fields[0])
    if not pointed:
        return FieldPsf(psf)
    angles = [images.counts.grid.off_axis(f.pointing) for f in pointed if f.pointing is not None]
    weights = [float(np.sum(f.exposure[images.label].data)) for f in pointed]
    mean = np.average(angles, axis=0, weights=weights if sum(weights) > 0 else None)
    return FieldPsf(psf, np.nan_to_num(mean))


def is_on(position: SkyPosition, grid: ImageGrid) -> bool:
    """Tell whether a place lies on a grid."""
    x, y = grid.centre_of(position)
    ny, nx = grid.shape
    return -0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5


def measure_place(
    name: str, place: PlaceProfile, stack: Stack, images: BandImages, mask: SourceMask,
    folder: Path, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Measure the profiles of a place, fit its models, write table, JSON and figures.

    Parameters
    ----------
    name : str
    place : PlaceProfile
    stack : Stack
    images : BandImages
    mask : SourceMask
    folder : path
        For ``NAME.fits``, ``NAME.json``, ``NAME.png`` and ``NAME_image.png``.
    seed : int

    Returns
    -------
    dict
        As ``xsurvey profile --json`` writes it; ``sectors`` have names, and ``masked`` are the
        circles that were cut out.

    Raises
    ------
    InputError, ParameterError
        The place cannot be measured.
    """
    maps = ProfileImages(
        images.counts, images.exposure, None, mask.counted, images.timed, images.band
    )
    centre = SkyPosition(*place.center)
    psf = field_psf(stack, images)
    measured = measure_profiles(maps, centre, place, seed, read_psf(place) or psf.psf)
    if place.named_sectors:
        # the scatter is that of equal sectors, which these need not be
        measured = replace(measured, scatter=None)
    fitted = place if images.timed else place.model_copy(update={"fit": ()})
    fits, failed = fit_all(maps, measured, fitted, None, seed, psf)
    record = profile_summary(stack.name, maps, measured, fits, fitted)
    record["name"], record["psf"] = name, place.psf or ("mission" if fitted.fit else None)
    parts = record.get("sectors", [])
    for sector, title in zip(parts, place.named_sectors, strict=False):
        sector["name"] = title
    record["notes"] = [*record["notes"], *images.notes, *failed, *_sector_notes(parts)]
    cut = mask.radius > 0
    record["masked"] = {"sources": int(cut.sum()), "radius_arcsec": mask.radius[cut]}
    header = {
        "OBJECT": name, "SEED": (seed, "of bootstraps"), "NMASKED": int(cut.sum()),
        **vignetting_stamps(images.exposure),
        **({"E_MIN": images.band.minimum, "E_MAX": images.band.maximum} if images.band else {}),
    }  # fmt: skip
    names = [f"sector {i}: {title}" for i, title in enumerate(place.named_sectors, start=1)]
    write_profiles(
        folder / f"{name}.fits", measured.profiles, measured.geometry, header, measured.medians,
        measured.significance, names,
    )  # fmt: skip
    write_json_values(folder / f"{name}.json", record)
    curves = {key: model_curve(fit, measured.profiles[0]) for key, fit in fits[0].items()}
    title = f"{name}, {en_dashes(str(images.band))} keV" if images.band else name
    drawn = profile_figure(
        measured.profiles, title, curves, names=list(place.named_sectors)
    )  # fmt: skip
    (folder / f"{name}.png").write_bytes(png_bytes(drawn))
    drawn = regions_figure(
        images.counts, mask.counted, measured.geometry, measured.profiles[0].edges,
        place.sector_of or sector_names(place.all_sectors),
    )  # fmt: skip
    (folder / f"{name}_image.png").write_bytes(png_bytes(drawn))
    return record


def _sector_notes(sectors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is to be said of the fits of sectors."""
    for sector in sectors:
        first, last = sector["sector"]
        name = sector.get("name") or f"sector {first:g},{last:g}"
        for model, fit in sector["fits"].items():
            yield from (f"{name}, {model}: {note}" for note in fit.get("notes") or [])
