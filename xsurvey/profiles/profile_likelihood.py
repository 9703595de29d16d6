"""Counts of a surface-brightness profile under a model: expectation, statistic, priors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.profiles.brightness_models import BrightnessModel
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.spectra.statistics import ChiSquare, CStat

Stat = Literal["cstat", "chi2"]
SHIFT = "background_shift"
"""Name of the nuisance: the given background is off by so many of its systematic errors."""


class ProfileLikelihood:
    r"""What a fit of a profile minimises, as `xsurvey.inference.minimise` takes it.

    :math:`m_i = \sum_j M_{ij} S_j + b_i + z \sigma_i`, with averages S of the model over rings,
    the mixing matrix M, the given background b and its systematic error :math:`\sigma`, which is
    common to all bins: z has a Gaussian prior of mean 0 and deviation 1.

    Parameters
    ----------
    profile : RadialProfile
        Bins without exposure are left out.
    model : BrightnessModel
    stat : {'cstat', 'chi2'}
        Poisson likelihood; or chi-square with the variance of the counts themselves.
    mixing : ProfileMixing or ndarray of shape (n, n), optional
        s arcmin2; the exposed solid angles on the diagonal without it.
    frozen : mapping of str to float, optional
        Parameters that are held.

    Raises
    ------
    InputError
        No exposed bins or no counts, fewer bins than free parameters, a background that is no
        number, or a matrix of another shape.
    ParameterError
        An unknown statistic or parameter, or a value outside its limits.
    """

    def __init__(
        self, profile: RadialProfile, model: BrightnessModel, stat: Stat = "cstat",
        mixing: ProfileMixing | np.ndarray | None = None,
        frozen: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.profile, self.model = profile, model
        matrix, self.edges = _matrix(profile, mixing)
        exposed = np.isfinite(profile.exposure_area) & (profile.exposure_area > 0)
        self.used = exposed & (matrix.sum(axis=1) > 0)
        self.matrix = matrix[self.used]
        self.background = np.asarray(profile.background, float)[self.used]
        self.background_error = np.asarray(profile.background_error, float)[self.used]
        self.counts = np.asarray(profile.counts, float)[self.used]
        self._freeze(dict(frozen or {}))
        self._check()
        self.statistic = _statistic(stat, self.counts)

    def _freeze(self, frozen: dict[str, float]) -> None:
        names = [p.name for p in self.model.parameters]
        for name in frozen:
            if name not in names:
                raise ParameterError(
                    f"parameter of {self.model.name}", f"'{name}' is unknown", nearest(name, names)
                )
        self.free = np.array([i for i, n in enumerate(names) if n not in frozen], int)
        self.frozen = {names.index(name): float(value) for name, value in frozen.items()}
        self.has_shift = bool(np.any(self.background_error > 0))
        low, high = np.array([self._limits(i) for i in range(len(names))]).T
        for i, value in self.frozen.items():
            if not low[i] <= value <= high[i]:
                raise ParameterError(
                    f"parameter {names[i]}", f"{value:g} is not between {low[i]:g} and {high[i]:g}",
                    "freeze it at another value",
                )  # fmt: skip
        self.low, self.high = low, high

    def _limits(self, index: int) -> tuple[float, float]:
        parameter = self.model.parameters[index]
        if parameter.kind != "background":
            return parameter.limits(self.profile.edges)
        # a given background that is too high is made up for; without one no sky is negative
        exposed = self.matrix.sum(axis=1)
        return 0.0 - float(np.max(self.background / exposed, initial=0.0)), np.inf

    def _check(self) -> None:
        bins = int(self.used.sum())
        if not bins:
            raise InputError("profile", "has no exposed bin", "give an exposure map of this field")
        if not np.all(np.isfinite(self.background + self.background_error)):
            raise InputError("profile", "has a background that is no number", "mask these pixels")
        if not self.counts.sum() > 0:
            raise InputError("profile", "has no counts", "choose another band or larger bins")
        if bins < len(self.free):
            raise InputError(
                "profile", f"has {bins} exposed bins, {self.model.name} has {len(self.free)} free "
                "parameters", "make narrower bins, freeze parameters or fit a simpler model",
            )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what is fitted, k of them."""
        names = tuple(self.model.parameters[i].name for i in self.free)
        return (*names, SHIFT) if self.has_shift else names

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of what is fitted, shape (k,)."""
        low, high = self.low[self.free], self.high[self.free]
        if not self.has_shift:
            return low, high
        return np.append(low, -np.inf), np.append(high, np.inf)

    @property
    def degrees_of_freedom(self) -> int:
        """Bins less free parameters; the shift of the background has its own datum."""
        return len(self.counts) - len(self.free)

    def expand(self, theta: np.ndarray) -> np.ndarray:
        """Return all parameters of the model, (b, k) to (b, p)."""
        full = np.empty((len(theta), len(self.model.parameters)))
        full[:, self.free] = theta[:, : len(self.free)]
        for i, value in self.frozen.items():
            full[:, i] = value
        return full

    def sky_counts(self, full: np.ndarray) -> np.ndarray:
        """Return what the model itself brings to the bins, (b, p) to (b, m)."""
        return self.model.averages(full, self.edges) @ self.matrix.T

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return the expected counts, (b, k) to (b, m)."""
        expected = self.sky_counts(self.expand(theta)) + self.background
        if self.has_shift:
            expected = expected + theta[:, -1:] * self.background_error
        return expected

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, (b, m) to (b,)."""
        return self.statistic.total(model)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the statistic's terms by the expected counts."""
        return self.statistic.derivatives(model)

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the shift's prior, (b,), and its derivatives, (b, k) each."""
        gradient, curvature = np.zeros(theta.shape), np.zeros(theta.shape)
        if not self.has_shift:
            return np.zeros(len(theta)), gradient, curvature
        gradient[:, -1], curvature[:, -1] = 2 * theta[:, -1], 2.0
        return theta[:, -1] ** 2, gradient, curvature

    def log_probability(self, theta: np.ndarray) -> np.ndarray:
        """Return ln of the posterior up to a constant: flat priors, of radii in their logarithm."""
        low, high = self.bounds
        result = np.full(len(theta), -np.inf)
        inside = np.all((theta >= low) & (theta <= high), axis=1)
        if inside.any():
            rows = theta[inside]
            with np.errstate(all="ignore"):
                value = -0.5 * (self.total(self.evaluate(rows)) + self.penalty(rows)[0])
            radii = [k for k, i in enumerate(self.free)
                     if self.model.parameters[i].kind == "radius"]  # fmt: skip
            result[inside] = value - np.log(rows[:, radii]).sum(axis=1)
        return result


def _matrix(
    profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    edges = np.asarray(profile.edges, float)
    n = len(profile.counts)
    if mixing is None:
        return np.diag(np.nan_to_num(profile.exposure_area)), edges
    if isinstance(mixing, ProfileMixing):
        matrix, edges = np.asarray(mixing.matrix, float), np.asarray(mixing.edges, float)
    else:
        matrix = np.asarray(mixing, float)
    if matrix.shape != (n, len(edges) - 1) or not np.all(np.isfinite(matrix)):
        raise InputError(
            "mixing matrix", f"of shape {matrix.shape} does not fit {n} bins and "
            f"{len(edges) - 1} rings", "make it for this profile",
        )  # fmt: skip
    return matrix, edges


def _statistic(stat: str, counts: np.ndarray) -> CStat | ChiSquare:
    if stat == "cstat":
        return CStat(counts)
    if stat == "chi2":
        return ChiSquare(counts)
    raise ParameterError("stat", f"'{stat}' is unknown", nearest(stat, ("cstat", "chi2")))
