"""Surface-brightness profiles without an engine: what ``xsurvey profile`` does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.field import field_from_image
from xsurvey.imaging.sky_image import SkyImage, read_map_of
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import is_event_file
from xsurvey.pipelines.profile_fits import fit_all, read_psf, write_residuals
from xsurvey.profiles.azimuthal import AzimuthalMedian
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages, measure_profiles
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_parameters import ProfileCentre, SurfaceBrightnessParameters
from xsurvey.profiles.profile_tables import profile_columns, write_profiles
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.report.numbers import en_dashes
from xsurvey.report.plate import png_bytes
from xsurvey.report.profile_axes import ModelCurve, profile_figure
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


def profile_of_files(
    image: Path, centre: ProfileCentre, parameters: SurfaceBrightnessParameters,
    mcmc: MCMCParameters | None = None, *, exposure: Path | None = None,
    background: Path | None = None, exclude: Path | None = None, mask: Path | None = None,
    output: Path | None = None, figure: Path | None = None, residuals: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Measure the profiles of an image, fit models to them, and write what was asked for.

    Parameters
    ----------
    image, exposure, background, exclude, mask : path
        As `read_images`.
    centre : ProfileCentre
    parameters : SurfaceBrightnessParameters
    mcmc : MCMCParameters, optional
        Sample the posteriors of fits as well.
    output, figure, residuals : path, optional
        FITS table, PNG, and FITS maps of what the first model leaves.
    seed : int
        Of bootstraps and chains.

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, OutputError
        Anything wrong with the files or parameters; nothing is written then.
    """
    if centre.center is None:
        raise ParameterError("center", "is required", "give RA,DEC")
    if residuals is not None and not parameters.fit:
        raise ParameterError("residuals", "needs a model", "give --fit")
    psf = read_psf(parameters)  # what is wrong with it is told before anything is measured
    images = read_images(
        image, band=parameters.band, exposure=exposure, background=background, exclude=exclude,
        mask=mask,
    )  # fmt: skip
    measured = measure_profiles(images, centre.center, parameters, seed, psf)
    if parameters.fit and not images.timed:
        raise ParameterError("fit", "needs exposure in seconds", "give --exposure")
    try:
        fits, failed = fit_all(images, measured, parameters, mcmc, seed)
    except InputError as error:
        raise InputError(image, f"{error.subject} {error.cause}", error.remedy) from None
    files = (image, exposure, background, exclude, mask, parameters.psf_file)
    inputs = [p for p in files if p is not None]
    header, history = _provenance(images, parameters, inputs, seed)
    if output is not None:
        write_profiles(
            output, measured.profiles, measured.geometry, header, measured.medians,
            measured.significance, history
        )  # fmt: skip
    if figure is not None:
        curves = {name: model_curve(fit, measured.profiles[0]) for name, fit in fits[0].items()}
        target = str(images.counts.stamps.get("OBJECT", "")).strip() or image.name
        drawn = profile_figure(measured.profiles, _title(target, images.band), curves)
        with atomic_output(figure) as temporary:
            temporary.write_bytes(png_bytes(drawn))
    if residuals is not None:
        model = next(iter(fits[0].values()))
        write_residuals(
            residuals, images, measured.geometry, model, parameters.residual_scale / 60, header
        )
    summary = profile_summary(str(image), images, measured, fits, parameters)
    summary["notes"] += failed
    if parameters.psf is not None and not parameters.fit:
        use = "models and significances" if measured.sky is not None else "models"
        summary["notes"].append(f"the PSF is for {use}, and no model is fitted: bins are as seen")
    return summary


def vignetting_stamps(exposure: SkyImage) -> dict[str, Any]:
    """Return for headers of profiles what vignetting their exposure map has, if it says so."""
    comments = {"VIGNSPEC": "vignetting is the mean for it", "VIGNKEV": "[keV] next to vignetting"}
    return {k: (exposure.stamps[k], c) for k, c in comments.items() if k in exposure.stamps}


def _vignetting(exposure: SkyImage) -> dict[str, Any] | None:
    if "VIGNKEV" not in exposure.stamps:
        return None
    return {
        "spectrum": exposure.stamps.get("VIGNSPEC"), "energy_kev": exposure.stamps["VIGNKEV"]
    }  # fmt: skip


def _in_bins(fit: ProfileFit, profile: RadialProfile) -> dict[str, Any]:
    """Return the brightness that a model has in the bins, blurred by the PSF it is folded with."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"brightness": fit.sky_counts / profile.exposure_area}


def _provenance(
    images: ProfileImages, parameters: SurfaceBrightnessParameters, inputs: list[Path], seed: int
) -> tuple[dict[str, Any], list[str]]:
    header: dict[str, Any] = {
        key: images.counts.stamps[key]
        for key in ("TELESCOP", "INSTRUME", "OBS_ID", "OBJECT") if key in images.counts.stamps
    }  # fmt: skip
    header["INFILE"] = ", ".join(p.name for p in inputs)[:200]
    header["SEED"] = (seed, "of bootstraps and chains")
    header |= vignetting_stamps(images.exposure)
    if images.band is not None:
        header["E_MIN"], header["E_MAX"] = (
            (value, "[keV]") for value in images.band
        )  # fmt: skip
    settings = json.dumps(parameters.normalised(), sort_keys=True)
    history = [f"input {p.name} sha256 {_checksum(p)}" for p in inputs]
    return header, [*history, f"parameters {settings}"]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_curve(fit: ProfileFit, profile: RadialProfile) -> ModelCurve:
    """Return what is drawn of a fit to a profile."""
    edges = profile.edges
    inner = max(edges[0], 0.25 * (edges[1] - edges[0]))
    radius = np.geomspace(inner, edges[-1], 300)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_bins = fit.sky_counts / profile.exposure_area
    return ModelCurve(radius, fit.brightness(radius), in_bins)


def _title(target: str, band: EnergyBand | None) -> str:
    return target if band is None else f"{target}, {en_dashes(str(band))} keV"


def profile_summary(
    source: str, images: ProfileImages, measured: MeasuredProfiles,
    fits: list[dict[str, ProfileFit]], parameters: SurfaceBrightnessParameters,
) -> dict[str, Any]:  # fmt: skip
    """Return what ``--json`` writes: the first profile at the top, those of sectors below.

    Parameters
    ----------
    source : str
        What the images are of.
    images : ProfileImages
    measured : MeasuredProfiles
    fits : list of dict of str to ProfileFit
        One a profile.
    parameters : SurfaceBrightnessParameters
    """
    medians: list[Any] = measured.medians or [None] * len(measured.profiles)
    records = [
        profile_record(profile, median)
        | {"fits": {n: f.record() | _in_bins(f, profile) for n, f in of.items()}}
        for profile, median, of in zip(measured.profiles, medians, fits, strict=True)
    ]  # fmt: skip
    notes = notes_of(images, measured.profiles[0])
    notes += [f"{name}: {note}" for name, fit in fits[0].items() for note in fit.notes]
    centre = measured.geometry.centre
    ellipse = measured.geometry.ellipse
    summary: dict[str, Any] = {
        "file": source, "center": {"ra": centre.ra, "dec": centre.dec},
        "band": list(images.band) if images.band else None,
        "ellipse": None if ellipse is None
        else {"axis_ratio": measured.geometry.axis_ratio, "angle_deg": ellipse[1]},
        "sector": measured.profiles[0].sector, "psf": parameters.psf,
        "exposure_map": str(images.exposure.stamps.get("EXPMAP", "SUPPLIED")),
        "vignetting": _vignetting(images.exposure), **records[0], "notes": notes,
    }  # fmt: skip
    if len(records) > 1:
        summary["sectors"] = [
            {"sector": profile.sector, **record}
            for profile, record in zip(measured.profiles[1:], records[1:], strict=True)
        ]
    if measured.sky is not None:
        summary["sky"] = measured.sky.record()
        summary["significance"] = measured.significance[0]
        for record, sigma in zip(
            summary.get("sectors", []), measured.significance[1:], strict=True
        ):
            record["significance"] = sigma
    if measured.scatter is not None:
        scatter = measured.scatter
        summary["azimuthal_scatter"] = {
            "value": scatter.value, "variance": scatter.variance,
            "variance_err": scatter.variance_error, "statistical": scatter.statistical,
        }  # fmt: skip
    return summary
