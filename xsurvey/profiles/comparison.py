"""How well a profile agrees with another one: chi2, pulls, slopes of the outskirts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, field_validator
from scipy import stats

from xsurvey.errors import InputError, nearest
from xsurvey.parameters import StepParameters
from xsurvey.profiles.reference_profiles import ReferenceProfile
from xsurvey.profiles.universal_profiles import UNIVERSAL, UniversalProfile


class ComparisonParameters(StepParameters):
    """What profiles are compared with."""

    references: tuple[str, ...] = Field(
        default=(), description="ECSV files of reference profiles; see docs/cluster_physics.md."
    )
    universal: tuple[str, ...] = Field(
        default=tuple(UNIVERSAL),
        description=f"Universal profiles of the outskirts: {', '.join(UNIVERSAL)}.",
    )
    slope_from: float = Field(
        default=0.3, gt=0, le=5, description="Where slopes of the outskirts begin, in R200."
    )
    slope_to: float = Field(default=1.2, gt=0, le=5, description="Where they end, in R200.")
    baryon_fraction: float = Field(
        default=0.157, gt=0, lt=1,
        description="Baryons in matter, for K200; that of Planck 2018 (A&A 641, A6).",
    )  # fmt: skip

    @field_validator("universal")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in UNIVERSAL:
                raise ValueError(f"'{name}' is unknown; {nearest(name, UNIVERSAL)}")
        return value


@dataclass(frozen=True)
class Comparison:
    """A profile against a reference.

    Attributes
    ----------
    name, reference : str
    expected, error : ndarray, shape (n,)
        The reference at the radii of the profile, and its error; NaN where it is not known.
    pulls : ndarray, shape (n,)
        (profile - reference) / error of the difference; of the profile's errors that on the side of
        the reference. NaN where they cannot be compared.
    chi2 : float
        Of all pulls together, with what they share by interpolation of the reference, or by an
        error of its norm.
    dof : int
        Radii compared.
    p_value : float
        NaN if none were.
    """

    name: str
    reference: str
    expected: np.ndarray
    error: np.ndarray
    pulls: np.ndarray
    chi2: float
    dof: int
    p_value: float


@dataclass(frozen=True)
class Slope:
    """A power law fitted to a profile.

    Attributes
    ----------
    slope, error : float
        d ln value / d ln r and its standard deviation.
    chi2 : float
    dof : int
    expected : float
        The reference's at the same radii; NaN without one.
    pull : float
        (slope - expected) / error.
    """

    slope: float
    error: float
    chi2: float
    dof: int
    expected: float
    pull: float


def compare(
    radius: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    reference: ReferenceProfile, covariance: np.ndarray | None = None,
) -> Comparison:  # fmt: skip
    """Compare a profile with a reference.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        arcmin.
    value, lower, upper : ndarray, shape (n,)
        With the ends of intervals of 68.3 %; NaN where nothing was measured.
    reference : ReferenceProfile
        In arcmin: `ReferenceProfile.rescaled`. Between its radii it is a power law, or where it is
        not positive linear in ln r; it is not extrapolated.
    covariance : ndarray, shape (n, n), optional
        Correlations of the profile are taken from it.

    Raises
    ------
    InputError
        The reference is not in arcmin, or the columns of the profile differ in length.
    """
    if reference.radius_unit != "arcmin":
        raise InputError(reference.name, "has radii that are not in arcmin", "rescale it first")
    radius, value, lower, upper = _columns(radius, value, lower, upper)
    weights = _interpolation(radius, reference.radius)
    positive = bool(np.all(reference.value > 0))
    known = np.log(reference.value) if positive else reference.value
    expected = weights @ known
    expected = np.exp(expected) if positive else expected
    own_error = (reference.upper - reference.lower) / 2
    relative = own_error / reference.value if positive else own_error
    factor = expected if positive else np.ones_like(expected)
    shared = factor[:, None] * (weights * relative**2) @ weights.T * factor
    return _compared(
        reference.name, reference.reference, (value, lower, upper), expected, shared, covariance
    )


def compare_universal(
    radius: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    profile: UniversalProfile, r200: float, scale: float, covariance: np.ndarray | None = None,
) -> Comparison:  # fmt: skip
    """Compare a profile with one that clusters share.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        In the unit of ``r200``.
    value, lower, upper : ndarray, shape (n,)
    profile : UniversalProfile
    r200 : float
    scale : float
        The cluster's K200 (`xsurvey.profiles.thermodynamics.scaling_entropy`) or its mean
        temperature.
    covariance : ndarray, shape (n, n), optional
    """
    radius, value, lower, upper = _columns(radius, value, lower, upper)
    expected = profile(radius / r200, scale)
    shared = profile.error**2 * np.outer(expected, expected)
    return _compared(
        profile.name, profile.reference, (value, lower, upper), expected, shared, covariance
    )


def outer_slope(
    radius: np.ndarray, value: np.ndarray, covariance: np.ndarray, inner: float, outer: float,
    profile: UniversalProfile | None = None, r200: float = 1.0,
) -> Slope:  # fmt: skip
    """Fit a power law to a profile between two radii.

    Generalised least squares in logarithms.

    Parameters
    ----------
    radius : ndarray, shape (n,)
    value : ndarray, shape (n,)
        Positive; others and NaN are left out.
    covariance : ndarray, shape (n, n)
    inner, outer : float
        In the unit of the radii.
    profile : UniversalProfile, optional
        Its slope at the mean ln r of the points is what is expected.
    r200 : float
        In the same unit.

    Raises
    ------
    InputError
        Fewer than two points are there.
    """
    radius, value = np.asarray(radius, float), np.asarray(value, float)
    variance = np.diag(covariance)
    use = (radius >= inner) & (radius <= outer) & np.isfinite(value) & np.isfinite(variance)
    use[use] = (value[use] > 0) & (variance[use] > 0)
    if use.sum() < 2:
        raise InputError(
            "slope", f"has {int(use.sum())} points between {inner:.4g} and {outer:.4g}",
            "give a wider range",
        )  # fmt: skip
    x, y = np.log(radius[use]), np.log(value[use])
    matrix = np.asarray(covariance)[np.ix_(use, use)] / np.outer(value[use], value[use])
    design = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    solved = np.linalg.solve(matrix, design)
    parameters = np.linalg.inv(design.T @ solved)
    best = parameters @ (solved.T @ y)
    rest = y - design @ best
    slope, error = float(best[1]), float(np.sqrt(parameters[1, 1]))
    expected = float("nan")
    if profile is not None:
        expected = float(profile.slope(np.exp(x.mean()) / r200))
    return Slope(
        slope, error, float(rest @ np.linalg.solve(matrix, rest)), int(use.sum()) - 2, expected,
        (slope - expected) / error,
    )  # fmt: skip


def _columns(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    arrays = tuple(np.asarray(c, float) for c in columns)
    if len({a.shape for a in arrays}) != 1 or arrays[0].ndim != 1:
        raise InputError("profile", "has columns of different lengths", "give one value a radius")
    return arrays


def _interpolation(radius: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return weights of values at known radii, linear in ln r, (n, m); NaN beyond them."""
    weights = np.zeros((len(radius), len(known)))
    with np.errstate(divide="ignore", invalid="ignore"):
        x, at = np.log(known), np.log(radius)
    inside = (radius >= known[0]) & (radius <= known[-1])
    rows = np.arange(len(radius))
    if len(known) > 1:
        place = np.clip(np.searchsorted(known, radius, side="right") - 1, 0, len(known) - 2)
        # a reference that begins in the centre: linear in r there
        central = known[place] == 0
        with np.errstate(invalid="ignore"):
            fraction = np.where(
                central, radius / known[place + 1], (at - x[place]) / (x[place + 1] - x[place])
            )
        weights[rows, place] = 1 - fraction
        weights[rows, place + 1] = fraction
    else:
        weights[:, 0] = 1.0
    weights[~inside] = np.nan
    return weights


def _compared(
    name: str, reference: str, profile: tuple[np.ndarray, np.ndarray, np.ndarray],
    expected: np.ndarray, shared: np.ndarray, covariance: np.ndarray | None,
) -> Comparison:  # fmt: skip
    value, lower, upper = profile
    # the error that faces the reference
    own = np.where(value > expected, value - lower, upper - value)
    error = np.sqrt(np.diag(shared))
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = (value - expected) / np.hypot(own, error)
    use = np.isfinite(pulls)
    pulls = np.where(use, pulls, np.nan)
    if not use.any():
        return Comparison(name, reference, expected, error, pulls, 0.0, 0, float("nan"))
    correlation = np.eye(int(use.sum()))
    if covariance is not None:
        chosen = np.asarray(covariance)[np.ix_(use, use)]
        scale = np.sqrt(np.diag(chosen))
        correlation = chosen / np.outer(scale, scale)
    total = correlation * np.outer(own[use], own[use]) + shared[np.ix_(use, use)]
    difference = value[use] - expected[use]
    chi2 = float(difference @ np.linalg.solve(total, difference))
    dof = int(use.sum())
    return Comparison(
        name, reference, expected, error, pulls, chi2, dof, float(stats.chi2.sf(chi2, dof))
    )
