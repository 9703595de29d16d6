"""What deprojections are made of: counts, and what shells bring to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.radial_profile import RadialProfile

_FEWEST = 3


@dataclass(frozen=True)
class ProfileData:
    """Counts in n bins and what they are of; bins without exposure are left out.

    Attributes
    ----------
    counts : ndarray, shape (n,)
    matrix : ndarray, shape (n, J)
        Counts for a shell whose emissivity is 1 count/s/arcmin3.
    exposure_area : ndarray, shape (n,)
        s arcmin2.
    background, background_error : ndarray, shape (n,)
        Counts; the error is common to all bins.
    used : ndarray of bool, shape (bins of the profile,)
        Which bins these are.
    """

    counts: np.ndarray
    matrix: np.ndarray
    exposure_area: np.ndarray
    background: np.ndarray
    background_error: np.ndarray
    used: np.ndarray


def profile_data(
    profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None, shells: np.ndarray,
    beyond: np.ndarray | None = None,
) -> ProfileData:  # fmt: skip
    """Return counts of a profile and what shells bring to them.

    The cluster is a sphere; of an ellipse, one whose depth along the line of sight is that along
    the major axis.

    Parameters
    ----------
    profile : RadialProfile
        Its first bin begins at 0.
    mixing : ProfileMixing or ndarray of shape (n, n), optional
        s arcmin2; the exposed solid angles on the diagonal without it.
    shells : ndarray, shape (J + 1,)
        Edges, arcmin.
    beyond : ndarray, shape (m,), optional
        What gas beyond the shells adds to the volume of the last one behind each of m rings
        (`xsurvey.galaxy_clusters.shells.outer_emission`); nothing without it.

    Raises
    ------
    InputError
        Fewer than three exposed bins, no counts, values that are no numbers, or another matrix.
    """
    matrix, edges = _mixing(profile, mixing)
    exposure = np.nan_to_num(np.asarray(profile.exposure_area, float))
    used = (exposure > 0) & (matrix.sum(axis=1) > 0)
    if used.sum() < _FEWEST:
        raise InputError(
            "profile", f"has {int(used.sum())} exposed bins", "deprojections need three or more"
        )
    fields = (profile.counts, profile.background, profile.background_error)
    counts, background, error = (np.asarray(f, float)[used] for f in fields)
    if not (np.all(np.isfinite(counts)) and np.all(counts >= 0) and counts.sum() > 0):
        raise InputError("profile", "has no counts", "choose another band or larger bins")
    if not np.all(np.isfinite(background) & np.isfinite(error) & (error >= 0)):
        raise InputError("profile", "has a background that is no number", "mask these pixels")
    volumes = projected_volumes(edges, shells)
    if beyond is not None:
        volumes[:, -1] += beyond
    depth = volumes / (np.pi * np.diff(edges**2))[:, None]
    return ProfileData(
        counts, matrix[used] @ depth, exposure[used], background, error, used
    )  # fmt: skip


def ring_edges(profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None) -> np.ndarray:
    """Return the edges of the rings of light, shape (m + 1,), arcmin."""
    return _mixing(profile, mixing)[1]


def _mixing(
    profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    edges = np.asarray(profile.edges, float)
    if isinstance(mixing, ProfileMixing):
        matrix, edges = np.asarray(mixing.matrix, float), np.asarray(mixing.edges, float)
    elif mixing is None:
        matrix = np.diag(np.nan_to_num(np.asarray(profile.exposure_area, float)))
    else:
        matrix = np.asarray(mixing, float)
    if matrix.shape != (len(profile.counts), len(edges) - 1) or not np.all(np.isfinite(matrix)):
        raise InputError(
            "mixing matrix", f"of shape {matrix.shape} does not fit {len(profile.counts)} bins and "
            f"{len(edges) - 1} rings", "make it for this profile",
        )  # fmt: skip
    return matrix, edges
