"""Models fitted to the profiles of an image, folded with a PSF; maps of what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.brightness_models import parse_model
from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles
from xsurvey.profiles.measure import ProfileImages
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.psf_sampling import psf_from_image
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.residuals import model_counts, residual_map
from xsurvey.psf import parse_psf


def read_psf(text: str | None) -> Psf | None:
    """Return the PSF of ``gaussian:SIGMA``, ``king:R90,SLOPE``, or an image's name.

    Raises
    ------
    InputError
        The image is missing, or cannot be a PSF.
    """
    if text is None:
        return None
    if text.partition(":")[0] in ("gaussian", "king"):
        return parse_psf(text)
    if not Path(text).is_file():
        raise ParameterError(
            "psf", f"'{text}' is neither a PSF nor a file",
            "give gaussian:SIGMA, king:R90,SLOPE or a FITS image",
        )  # fmt: skip
    image = read_sky_image(text)
    try:
        return psf_from_image(image.data, image.grid.pixel_size)
    except InputError as error:
        raise InputError(text, error.cause, error.remedy) from None


def fit_models(
    images: ProfileImages, geometry: RadialGeometry, profile: RadialProfile,
    parameters: SurfaceBrightnessParameters, mcmc: MCMCParameters, seed: int,
) -> dict[str, ProfileFit]:  # fmt: skip
    """Fit the models that parameters name to a profile.

    With a PSF every model is fitted twice: with light that is even within bins, and then with
    light distributed as the first fit has it.

    Parameters
    ----------
    images : ProfileImages
    geometry : RadialGeometry
    profile : RadialProfile
    parameters : SurfaceBrightnessParameters
    mcmc : MCMCParameters
    seed : int

    Returns
    -------
    dict of str to ProfileFit
        In the order of the parameters.

    Raises
    ------
    InputError, ParameterError
        As `xsurvey.profiles.profile_fit.fit_profile`.
    """
    _check_frozen(parameters)
    psf = read_psf(parameters.psf)
    sampling = mcmc if parameters.mcmc else None
    response = _response(images.exposure)
    even = profile_mixing(profile, geometry, response, psf) if psf and parameters.fit else None
    fits: dict[str, ProfileFit] = {}
    for name in parameters.fit:
        model = parse_model(name)
        names = [p.name for p in model.parameters]
        frozen = {k: v for k, v in parameters.frozen.items() if k in names}
        mixing = even
        if psf is not None:
            first = fit_profile(
                profile, model, stat=parameters.stat, mixing=even, frozen=frozen, intervals=False
            )
            radius = geometry.radius(images.exposure.grid)
            light = np.where(np.isfinite(radius), first.brightness(np.nan_to_num(radius)), 0.0)
            mixing = profile_mixing(profile, geometry, response, psf, brightness=light)
        fits[name] = fit_profile(
            profile, model, stat=parameters.stat, mixing=mixing, frozen=frozen, mcmc=sampling,
            seed=seed,
        )  # fmt: skip
    return fits


def _check_frozen(parameters: SurfaceBrightnessParameters) -> None:
    known = [p.name for name in parameters.fit for p in parse_model(name).parameters]
    for name in parameters.frozen:
        if name not in known:
            raise ParameterError(
                "freeze", f"no model that is fitted has a parameter '{name}'", nearest(name, known)
            )  # fmt: skip


def _response(exposure: SkyImage) -> SkyImage:
    """Return the exposure as if all pixels were of the nominal size, as mixing matrices take it."""
    nominal = (exposure.grid.pixel_size / 60) ** 2
    larger = pixel_solid_angles(exposure.grid) / nominal
    return replace(exposure, data=exposure.data * np.where(np.isfinite(larger), larger, 0.0))


def write_residuals(
    path: Path, images: ProfileImages, geometry: RadialGeometry, fit: ProfileFit, sigma: float,
    header: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write maps of what a model leaves: smoothed significance and ratio, and the model.

    Parameters
    ----------
    path : path
        FITS; the first image is the significance, RATIO and MODEL are extensions.
    images : ProfileImages
    geometry : RadialGeometry
    fit : ProfileFit
        Not blurred by the PSF.
    sigma : float
        Of the Gaussian, arcmin.
    header : mapping
        Provenance.
    """
    model = model_counts(images.exposure, geometry, fit.brightness, images.background)
    found = residual_map(images.counts, model, sigma, images.mask)
    parts = {
        "": (found.significance, ""), "RATIO": (found.ratio, ""), "MODEL": (model, "count"),
    }  # fmt: skip
    hdus: list[Any] = []
    for name, (data, unit) in parts.items():
        words = SkyImage(data, images.counts.grid, unit).header()
        for key, value in header.items():
            words[key] = value
        words["SMOOTH"] = (found.sigma * 60, "[arcsec] sigma of the Gaussian")
        words["MODELNAM"] = (fit.model.name, "not blurred by the PSF")
        kind = fits.ImageHDU if hdus else fits.PrimaryHDU
        hdus.append(kind(data.astype(np.float32), words))
        if name:
            hdus[-1].name = name
    with atomic_output(path) as temporary:
        write_hdus(temporary, hdus)
