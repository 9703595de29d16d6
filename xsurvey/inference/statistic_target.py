"""A statistic of parameters: its values, and its derivatives by finite differences in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

Penalty = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""What priors add: (b, k) to values (b,), gradients (b, k) and curvatures (b, k)."""

_FORWARD, _CENTRAL = 1e-2, 3e-2
# of a standard deviation: far above the models' rounding, below where they bend
_ROUNDING = 1e-9


class Objective(Protocol):
    """A statistic of a model that predicts m numbers from k parameters."""

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return the model of each row of ``theta``, (b, k) to (b, m)."""

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic of each model, (b, m) to (b,)."""

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and (positive) second derivatives by the model, (1, m) each."""


class Target:
    """An objective with bounds and penalty, which counts its evaluations.

    Parameters
    ----------
    objective : Objective
    lower, upper : ndarray, shape (k,)
        Bounds; infinite where there are none.
    scale : ndarray, shape (k,)
        By how much parameters change typically.
    penalty : callable, optional
    """

    def __init__(
        self, objective: Objective, lower: np.ndarray, upper: np.ndarray, scale: np.ndarray,
        penalty: Penalty | None = None,
    ) -> None:  # fmt: skip
        self.objective, self.penalty = objective, penalty
        self.lower, self.upper, self.scale = lower, upper, scale
        self.evaluations = self.rows = 0

    def values(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return models (b, m) and statistics (b,), inf where they are no finite number."""
        with np.errstate(all="ignore"):
            model = self.models(theta)
            total = np.array(self.objective.total(model), float)
            if self.penalty is not None:
                total += self.penalty(theta)[0]
        total[~np.isfinite(total)] = np.inf
        return model, total

    def value(self, theta: np.ndarray) -> float:
        """Return the statistic at one point, shape (k,)."""
        return float(self.values(theta[None])[1][0])

    def models(self, theta: np.ndarray) -> np.ndarray:
        """Return the models of the rows of ``theta``."""
        self.evaluations += 1
        self.rows += len(theta)
        return np.asarray(self.objective.evaluate(theta), float)

    def derivatives(
        self, theta: np.ndarray, model: np.ndarray, widths: np.ndarray, central: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient (k,) and the Fisher matrix of second derivatives (k, k).

        Parameters
        ----------
        theta : ndarray, shape (k,)
        model : ndarray, shape (m,)
            At ``theta``.
        widths : ndarray, shape (k,)
            Standard deviations of the parameters, about.
        central : bool
            Difference both sides, in a batch of 2 k rows, not k.
        """
        with np.errstate(all="ignore"):
            jacobian = self._jacobian(theta, model, widths, central)
            slope, bend = self.objective.derivatives(model[None])
        gradient = jacobian @ np.asarray(slope, float)[0]
        hessian = (jacobian * np.asarray(bend, float)[0]) @ jacobian.T
        if self.penalty is not None:
            _, extra_gradient, extra_curvature = self.penalty(theta[None])
            gradient = gradient + extra_gradient[0]
            hessian = hessian + np.diag(extra_curvature[0])
        return gradient, hessian

    def _jacobian(
        self, theta: np.ndarray, model: np.ndarray, widths: np.ndarray, central: bool
    ) -> np.ndarray:
        """Return the derivative of the model by each parameter, (k, m); 0 where there is none."""
        k = len(theta)
        size = np.maximum(
            (_CENTRAL if central else _FORWARD) * widths,
            _ROUNDING * np.maximum(np.abs(theta), self.scale),
        )
        up = np.minimum(size, self.upper - theta)
        down = np.minimum(size, theta - self.lower)
        if central:
            ends = self.models(np.concatenate([theta + np.diag(up), theta - np.diag(down)]))
            above, below = ends[:k], ends[k:]
            lost_above = ~np.isfinite(above).all(axis=1)
            lost_below = ~np.isfinite(below).all(axis=1)
            above[lost_above], up[lost_above] = model, 0.0
            below[lost_below], down[lost_below] = model, 0.0
            span = (up + down)[:, None]
            return np.where(span > 0, (above - below) / np.where(span > 0, span, 1), 0.0)
        move = np.where(up >= down, up, -down)
        ends = self.models(theta + np.diag(move))
        lost = np.flatnonzero(~np.isfinite(ends).all(axis=1))
        if len(lost):
            move[lost] = np.where(move[lost] > 0, -down[lost], up[lost])
            ends[lost] = self.models((theta + np.diag(move))[lost])
            again = lost[~np.isfinite(ends[lost]).all(axis=1)]
            ends[again], move[again] = model, 0.0
        still = (move == 0)[:, None]
        return np.where(still, 0.0, (ends - model) / np.where(still, 1, move[:, None]))
