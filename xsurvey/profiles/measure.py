"""Profiles of one image: bins as the parameters ask for them, sectors, medians, scatter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.profiles.azimuthal import (
    AzimuthalMedian,
    AzimuthalScatter,
    azimuthal_median,
    azimuthal_scatter,
)
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.bins import (
    equal_edges,
    logarithmic_edges,
    minimum_counts_edges,
    minimum_snr_edges,
)
from xsurvey.profiles.extraction import extract_profile, extract_sectors
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.significance import profile_significance
from xsurvey.profiles.sky_level import SkyLevel, sky_level_of
from xsurvey.units import EnergyBand, SkyPosition

_MOST_BINS = 100_000


@dataclass(frozen=True)
class ProfileImages:
    """Maps that profiles are made of.

    Attributes
    ----------
    counts, exposure : SkyImage
    background : SkyImage or None
        Counts a pixel.
    mask : ndarray of bool, shape (ny, nx), or None
        True where pixels are counted.
    timed : bool
        False where the exposure is relative, so that there is no brightness.
    band : EnergyBand or None
    """

    counts: SkyImage
    exposure: SkyImage
    background: SkyImage | None
    mask: np.ndarray | None
    timed: bool
    band: EnergyBand | None


@dataclass(frozen=True)
class MeasuredProfiles:
    """Profiles of one image, that of all angles (or of the one sector) first.

    Attributes
    ----------
    geometry : RadialGeometry
    profiles : list of RadialProfile
    medians : list of AzimuthalMedian
        One a profile, or none.
    scatter : AzimuthalScatter or None
        Of the sectors.
    sky : SkyLevel or None
        Of the ring of the sky background.
    significance : list of ndarray, shape (n,)
        Sigma above that, one a profile, or none; NaN of bins that reach into the ring.
    """

    geometry: RadialGeometry
    profiles: list[RadialProfile]
    medians: list[AzimuthalMedian]
    scatter: AzimuthalScatter | None
    sky: SkyLevel | None = None
    significance: list[np.ndarray] = field(default_factory=list)


def measure_profiles(
    images: ProfileImages, centre: SkyPosition, parameters: SurfaceBrightnessParameters,
    seed: int = 0, psf: Psf | None = None,
) -> MeasuredProfiles:  # fmt: skip
    """Extract the profiles that parameters ask for.

    Parameters
    ----------
    images : ProfileImages
    centre : SkyPosition
        On the image.
    parameters : SurfaceBrightnessParameters
    seed : int
        Of the bootstrap of medians.
    psf : PointSpreadFunction or ImagePsf, optional
        What the light of unresolved sources is spread with, for significances above the sky.

    Raises
    ------
    ParameterError
        The centre is off the image, a parameter that is needed is missing, or there would be
        absurdly many bins.
    InputError
        Nothing is exposed and not masked, or maps that cannot be used.
    """
    _check_centre(images, centre)
    geometry = RadialGeometry(centre, parameters.axes, parameters.one_sector)
    edges = profile_edges(images, geometry, parameters)
    sectors = [parameters.one_sector, *parameters.all_sectors]
    profiles = extract_sectors(
        images.counts, images.exposure, geometry, edges, sectors, images.background, images.mask,
        parameters.background_error,
    )  # fmt: skip
    _check_measured(profiles[0], images)
    scatter = azimuthal_scatter(profiles[1:]) if len(profiles) > 1 and images.timed else None
    medians = []
    if parameters.median and images.timed:
        medians = [
            azimuthal_median(
                images.counts, images.exposure, profile, geometry, background=images.background,
                seed=seed + number,
            )
            for number, profile in enumerate(profiles)
        ]  # fmt: skip
    sky, sigma = None, []
    if parameters.sky_ring is not None and images.timed:
        sky = replace(_sky_level(images, geometry, parameters), psf=psf)
        inside = edges[1:] <= parameters.sky_ring[0]
        sigma = [np.where(inside, profile_significance(p, sky).sigma, np.nan) for p in profiles]
    if not images.timed:
        profiles = [_without_seconds(p) for p in profiles]
    return MeasuredProfiles(geometry, profiles, medians, scatter, sky, sigma)


def profile_edges(
    images: ProfileImages, geometry: RadialGeometry, parameters: SurfaceBrightnessParameters
) -> np.ndarray:
    """Return the edges of the bins, arcmin, shape (n + 1,)."""
    if parameters.bin_size is None or parameters.max_radius is None:
        missing = "bin_size" if parameters.bin_size is None else "max_radius"
        raise ParameterError(missing, "is required", "give an angle, such as 30arcsec")
    size, maximum = parameters.bin_size / 60, parameters.max_radius / 60
    binning = parameters.binning
    if maximum / size > _MOST_BINS or binning.number > 1e6:
        raise ParameterError("bin_size", f"gives more than {_MOST_BINS} bins", "widen the bins")
    if binning.kind == "log":
        return logarithmic_edges(size, maximum, int(binning.number) or None)
    edges = equal_edges(size, maximum)
    if not binning.adaptive:
        return edges
    fine = extract_profile(
        images.counts, images.exposure, geometry, edges, images.background, images.mask,
        parameters.background_error,
    )  # fmt: skip
    if binning.kind == "counts":
        return minimum_counts_edges(fine.counts, edges, binning.number)
    return minimum_snr_edges(
        fine.counts, fine.background, edges, binning.number, fine.background_error
    )


def _sky_level(
    images: ProfileImages, geometry: RadialGeometry, parameters: SurfaceBrightnessParameters
) -> SkyLevel:
    """Return the level of the sky in the ring that parameters name, and its scatter."""
    inner, outer = parameters.sky_ring or (0.0, 0.0)
    ring = extract_sectors(
        images.counts, images.exposure, geometry, np.array([inner, outer]),
        parameters.sky_sectors, images.background, images.mask, parameters.background_error,
    )  # fmt: skip
    try:
        return sky_level_of(ring, inner, outer)
    except InputError as error:
        raise ParameterError("sky", f"{error.subject} {error.cause}", error.remedy) from None


def _check_centre(images: ProfileImages, centre: SkyPosition) -> None:
    ny, nx = images.counts.grid.shape
    x, y = images.counts.grid.centre_of(centre)
    if not (-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5):
        raise ParameterError("center", f"{centre} lies outside the image", "give RA,DEC on it")


def _check_measured(profile: RadialProfile, images: ProfileImages) -> None:
    if (profile.area > 0).any():
        return
    masked = bool((profile.flags & BinFlag.MASKED).any())
    where = "of the sector" if profile.sector is not None else "within the largest radius"
    cause = f"everything {where} is masked" if masked else f"no pixel {where} was exposed"
    raise InputError(
        images.counts.source, cause, "give another centre, sector or mask, or a larger radius"
    )  # fmt: skip


def _without_seconds(profile: RadialProfile) -> RadialProfile:
    """Return the profile with exposures that are not known."""
    unknown = np.where(profile.area > 0, np.nan, 0.0)
    return replace(profile, exposure_area=unknown)
