"""What a fit of a profile leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.inference.chains import Chains
from xsurvey.profiles.brightness_models import BrightnessModel


@dataclass(frozen=True)
class FittedParameter:
    """A parameter at the best fit.

    Attributes
    ----------
    name, unit : str
    value : float
    lower, upper : float
        Ends of the interval of the profile likelihood; NaN of one that was held.
    confidence : float
    frozen : bool
    lower_at_limit, upper_at_limit : bool
        Whether an end is a limit of the parameter rather than of the data.
    """

    name: str
    unit: str
    value: float
    lower: float
    upper: float
    confidence: float
    frozen: bool = False
    lower_at_limit: bool = False
    upper_at_limit: bool = False


@dataclass(frozen=True)
class ProfileFit:
    """The best fit of a model to a profile of n bins.

    Attributes
    ----------
    model : BrightnessModel
    statistic : {'cstat', 'chi2'}
    value : float
        Of the statistic, without priors.
    dof : int
        Bins less free parameters.
    parameters : tuple of FittedParameter
        All of the model, in its order.
    names : tuple of str
        What was fitted, k names: free parameters and the shift of the given background.
    covariance : ndarray, shape (k, k)
        Of what was fitted; NaN where the data do not determine it.
    goodness : dict
        ``expected``, ``standard_deviation`` and ``p_value`` of the statistic.
    expected : ndarray, shape (n,)
        Counts, background included; NaN in bins that were not used.
    sky_counts : ndarray, shape (n,)
        What the model itself brings, its constant background included.
    background_shift : float
        By how many of its systematic errors the given background is shifted.
    converged : bool
    chains : Chains or None
        Posterior samples.
    notes : tuple of str
        What a reader must know.
    """

    model: BrightnessModel
    statistic: str
    value: float
    dof: int
    parameters: tuple[FittedParameter, ...]
    names: tuple[str, ...]
    covariance: np.ndarray
    goodness: dict[str, float]
    expected: np.ndarray
    sky_counts: np.ndarray
    background_shift: float
    converged: bool
    chains: Chains | None
    notes: tuple[str, ...]

    @property
    def theta(self) -> np.ndarray:
        """Values of all parameters of the model, shape (p,)."""
        return np.array([p.value for p in self.parameters])

    def __getitem__(self, name: str) -> FittedParameter:
        """Return a parameter by its name."""
        return next(p for p in self.parameters if p.name == name)

    def brightness(self, radius: np.ndarray) -> np.ndarray:
        """Return the best model at radii in arcmin (n,), background included, unblurred.

        Radii below a millionth of an arcmin are raised to it: models may have a cusp.
        """
        radius = np.maximum(np.asarray(radius, float), 1e-6)
        shape = radius.shape
        return self.model.brightness(self.theta[None, :], radius.ravel())[0].reshape(shape)

    def posterior(self) -> dict[str, dict[str, float]] | None:
        """Return median and interval of what was sampled; None without chains."""
        if self.chains is None:
            return None
        confidence = self.parameters[0].confidence
        tails = [0.5 - confidence / 2, 0.5, 0.5 + confidence / 2]
        low, median, high = np.quantile(self.chains.samples, tails, axis=0)
        return {
            name: {"value": float(m), "lower": float(lo), "upper": float(hi)}
            for name, m, lo, hi in zip(self.chains.names, median, low, high, strict=True)
        }

    def record(self) -> dict[str, Any]:
        """Return the fit as JSON values: None for what is no number."""
        record: dict[str, Any] = {
            "statistic": {"name": self.statistic, "value": _number(self.value), "dof": self.dof},
            "goodness": {name: _number(value) for name, value in self.goodness.items()},
            "parameters": {
                p.name: {
                    "value": _number(p.value), "lower": _number(p.lower),
                    "upper": _number(p.upper), "confidence": p.confidence, "unit": p.unit,
                    "frozen": p.frozen, "lower_at_limit": p.lower_at_limit,
                    "upper_at_limit": p.upper_at_limit,
                }
                for p in self.parameters
            },
            "background_shift": _number(self.background_shift), "converged": self.converged,
            "notes": list(self.notes),
        }  # fmt: skip
        posterior = self.posterior()
        if posterior is not None:
            record["posterior"] = posterior
        return record


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
