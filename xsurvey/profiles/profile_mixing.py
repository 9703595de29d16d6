"""The PSF of a surface-brightness profile: rings of light, also beyond it, seen in its bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles
from xsurvey.profiles.psf_mixing import LOG2_POINTS, Psf, mixing_matrix
from xsurvey.profiles.psf_sampling import ImagePsf
from xsurvey.profiles.radial_profile import RadialProfile

_REACH = 0.99
"""Light from farther than the radius that encircles this part of the PSF is left out."""
_LARGEST_REACH = 0.5
"""Of the profile's own radius: of a PSF with wide wings rings farther out are left out as well."""
_MOST_RINGS = 8


@dataclass(frozen=True)
class ProfileMixing:
    """What m rings of light bring to n bins.

    Attributes
    ----------
    matrix : ndarray, shape (n, m)
        s arcmin2: expected counts in a bin for a ring with a mean brightness of 1 count/s/arcmin2.
    edges : ndarray, shape (m + 1,)
        Of the rings, arcmin; the first n are the bins of the profile.
    """

    matrix: np.ndarray
    edges: np.ndarray


def profile_mixing(
    profile: RadialProfile, geometry: RadialGeometry, exposure: SkyImage, psf: Psf | None, *,
    off_axis: np.ndarray | None = None, brightness: np.ndarray | None = None,
    log2_points: int = LOG2_POINTS,
) -> ProfileMixing:  # fmt: skip
    """Return what rings of light bring to the bins of a profile.

    Rings go all around, also of a profile of one sector: what the PSF brings in from other angles
    is taken to be as bright as this sector. Beyond the last bin there are further rings, out to
    where 99 % of the PSF reaches, also out of the image.

    Parameters
    ----------
    profile : RadialProfile
    geometry : RadialGeometry
        That of the profile; its sector is not looked at.
    exposure : SkyImage
        Seconds, vignetted, on the profile's image.
    psf : PointSpreadFunction or ImagePsf, optional
    off_axis : ndarray, shape (ny, nx), optional
        Arcmin, for a PSF that changes over the field.
    brightness : ndarray, shape (ny, nx), optional
        How the light is distributed within rings; evenly without it.
    log2_points : int
        As `mixing_matrix`.
    """
    edges = _with_outer_rings(profile.edges, psf, off_axis)
    grid, pixel = exposure.grid, exposure.grid.pixel_size / 60
    pad = 0 if psf is None else int(np.ceil((edges[-1] - profile.edges[-1]) / pixel))
    whole = _padded_grid(grid, pad)
    radius = geometry.radius(whole)
    emitted = np.searchsorted(edges, radius, side="right") - 1
    emitted[(emitted >= len(edges) - 1) | ~np.isfinite(radius)] = -1

    def padded(image: np.ndarray, value: float) -> np.ndarray:
        return np.pad(image, pad, constant_values=value)

    def continued(image: np.ndarray | None) -> np.ndarray | None:
        return None if image is None else np.pad(image, pad, mode="edge")

    matrix = mixing_matrix(
        emitted, padded(profile.label_image, -1), padded(exposure.data, 0), continued(brightness),
        psf, pixel, off_axis=continued(off_axis), solid_angle=pixel_solid_angles(whole),
        emitted_regions=len(edges) - 1,
        detected_regions=len(profile.counts), log2_points=log2_points,
    )  # fmt: skip
    return ProfileMixing(matrix, edges)


def reach(psf: Psf, off_axis: float = 0.0) -> float:
    """Return the radius that encircles 99 % of a PSF, arcmin."""
    if isinstance(psf, ImagePsf):
        return psf.extent(_REACH)
    return float(np.max(psf.radius(_REACH, np.array([off_axis])))) / 60


def _with_outer_rings(
    edges: np.ndarray, psf: Psf | None, off_axis: np.ndarray | None
) -> np.ndarray:
    """Return the edges with those of rings beyond the last bin, as wide as it or wider."""
    if psf is None:
        return np.asarray(edges, float)
    angle = 0.0 if off_axis is None else float(np.nanmax(off_axis))
    beyond = min(reach(psf, angle), _LARGEST_REACH * edges[-1])
    rings = int(np.clip(np.ceil(beyond / (edges[-1] - edges[-2])), 1, _MOST_RINGS))
    outer = edges[-1] + beyond * np.arange(1, rings + 1) / rings
    return np.concatenate((edges, outer))


def _padded_grid(grid: ImageGrid, pad: int) -> ImageGrid:
    """Return the grid with so many pixels more on all sides."""
    if not pad:
        return grid
    wcs = grid.wcs.deepcopy()
    wcs.wcs.crpix = wcs.wcs.crpix + pad
    ny, nx = grid.shape
    shift = pad * grid.sky_pixels
    return ImageGrid(
        wcs, (ny + 2 * pad, nx + 2 * pad), grid.x_edge - shift, grid.y_edge - shift,
        grid.sky_pixels, grid.pixel_size,
    )  # fmt: skip
