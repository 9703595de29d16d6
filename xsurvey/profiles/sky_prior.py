"""What is known of the background of a profile before it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.sky_level import SkyLevel


@dataclass(frozen=True)
class SkyPrior:
    """Gaussian prior of the sky and of the given background's systematic shift.

    Attributes
    ----------
    level : float
        Brightness of the sky, count/s/arcmin2.
    level_error : float
        Its standard deviation; infinite where only the profile itself says what the sky is.
    shift, shift_error : float
        By how many of its systematic errors the given background is off.
    correlation : float
        Of level and shift: a sky that was measured over the same given background is lower where
        that is higher.
    scatter : ndarray, shape (n,)
        Deviations of the sky in each bin about its level, count/s/arcmin2; empty for none.
    """

    level: float = 0.0
    level_error: float = np.inf
    shift: float = 0.0
    shift_error: float = 1.0
    correlation: float = 0.0
    scatter: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        numbers = (self.level, self.shift, self.shift_error, self.correlation)
        if not (np.all(np.isfinite(numbers)) and self.level_error > 0 and self.shift_error >= 0):
            raise ParameterError("sky", "has a prior that is no number", "give level and error")
        if not abs(self.correlation) < 1:
            raise ParameterError("sky", "has a correlation of 1 or more", "give a smaller one")
        if not (np.all(np.isfinite(self.scatter)) and np.all(self.scatter >= 0)):
            raise ParameterError("sky", "scatters by no positive number", "give deviations")

    @property
    def free(self) -> bool:
        """Whether only the profile says what the sky is."""
        return not np.isfinite(self.level_error)

    def of_bins(self, used: np.ndarray) -> SkyPrior:
        """Return the prior with the scatter of some bins, ``used`` (n,) of bool.

        Raises
        ------
        InputError
            The scatter is of another number of bins.
        """
        if not self.scatter.size:
            return self
        if self.scatter.shape != used.shape:
            raise InputError(
                "sky", f"scatters in {len(self.scatter)} bins, and the profile has {len(used)}",
                "give a deviation for each bin",
            )  # fmt: skip
        return replace(self, scatter=self.scatter[used])

    @classmethod
    def of_level(cls, sky: SkyLevel, area: np.ndarray | None = None) -> SkyPrior:
        """Return the prior of a sky that was measured elsewhere.

        Parameters
        ----------
        sky : SkyLevel
            Of regions that are not in the profile: photons must not count twice.
        area : ndarray, shape (n,), optional
            Of the bins, arcmin2, for the sky's own variation from bin to bin; none without it.
        """
        away = sky.mean - sky.weight @ sky.mean
        covariance = np.tensordot(sky.weight, sky.covariance, 1) + (away.T * sky.weight) @ away
        error = np.sqrt(np.diag(covariance))
        both = error[0] * error[1]
        correlation = float(covariance[0, 1] / both) if both > 0 else 0.0
        mean = sky.weight @ sky.mean
        scatter = np.empty(0) if area is None else sky.scatter_of(area) @ sky.weight
        # without a systematic error of the background its shift was not fitted
        shift_error = float(error[1]) if error[1] > 0 else 1.0
        return cls(
            float(mean[0]), float(error[0]), float(mean[1]), shift_error,
            float(np.clip(correlation, -0.999, 0.999)), scatter,
        )  # fmt: skip
