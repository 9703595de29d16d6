"""Models fitted to the profiles of an image, folded with a PSF; maps of what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.psf_sampling import psf_from_image
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.residuals import model_counts, residual_map
from xsurvey.psf import parse_psf


def read_psf(parameters: SurfaceBrightnessParameters) -> Psf | None:
    """Return the PSF that parameters name: a shape, or an image.

    Raises
    ------
    InputError, ParameterError
        The image is missing, or cannot be a PSF.
    """
    path = parameters.psf_file
    if path is None:
        return None if parameters.psf is None else parse_psf(parameters.psf)
    if not path.is_file():
        raise ParameterError(
            "psf", f"'{path}' is neither a PSF nor a file",
            "give gaussian:SIGMA, king:R90,SLOPE or a FITS image",
        )  # fmt: skip
    image = read_sky_image(path)
    try:
        return psf_from_image(image.data, image.grid.pixel_size)
    except InputError as error:
        raise InputError(path, error.cause, error.remedy) from None


@dataclass(frozen=True)
class FieldPsf:
    """The PSF of a telescope on an image.

    Attributes
    ----------
    psf : PointSpreadFunction or ImagePsf
    off_axis : ndarray, shape (ny, nx), or None
        Arcmin; None where the PSF does not change over the image.
    """

    psf: Psf
    off_axis: np.ndarray | None = None


def fit_all(
    images: ProfileImages, measured: MeasuredProfiles, parameters: SurfaceBrightnessParameters,
    mcmc: MCMCParameters | None, seed: int, own_psf: FieldPsf | None = None,
) -> tuple[list[dict[str, ProfileFit]], list[str]]:  # fmt: skip
    """Fit the models that parameters name to all profiles of an image.

    Parameters
    ----------
    images : ProfileImages
    measured : MeasuredProfiles
    parameters : SurfaceBrightnessParameters
    mcmc, seed, own_psf
        As of `fit_models`.

    Returns
    -------
    fits : list of dict of str to ProfileFit
        One a profile; empty of sectors that cannot be fitted.
    failed : list of str
        Notes on these.

    Raises
    ------
    InputError, ParameterError
        As `fit_models`, of the first profile.
    """
    fits: list[dict[str, ProfileFit]] = []
    failed: list[str] = []
    for number, profile in enumerate(measured.profiles):
        try:
            fits.append(
                fit_models(images, measured.geometry, profile, parameters, mcmc, seed, own_psf)
            )
        except InputError as error:
            if number == 0:
                raise
            # one sector without counts or exposure is no reason to have nothing of the others
            first, last = profile.sector or (0.0, 360.0)
            failed.append(f"sector {first:g},{last:g}: not fitted, for it {error.cause}")
            fits.append({})
    return fits, failed


def fit_models(
    images: ProfileImages, geometry: RadialGeometry, profile: RadialProfile,
    parameters: SurfaceBrightnessParameters, mcmc: MCMCParameters | None, seed: int,
    own_psf: FieldPsf | None = None,
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
    mcmc : MCMCParameters or None
        Sample the posteriors as well.
    seed : int
    own_psf : FieldPsf, optional
        Where the parameters name none.

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
    psf, off_axis = read_psf(parameters), None
    if psf is None and own_psf is not None:
        psf, off_axis = own_psf.psf, own_psf.off_axis
    even = None
    if psf is not None and parameters.fit:
        even = profile_mixing(profile, geometry, images.exposure, psf, off_axis=off_axis)
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
            mixing = profile_mixing(
                profile, geometry, images.exposure, psf, off_axis=off_axis, brightness=light
            )
        fits[name] = fit_profile(
            profile, model, stat=parameters.stat, mixing=mixing, frozen=frozen, mcmc=mcmc,
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
