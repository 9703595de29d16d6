"""One search of a minimiser: damped steps, the simplex where they fail, probes at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from xsurvey.inference.minimum import Minimum, covariance_of
from xsurvey.inference.quadratic_step import bounded_step, expected_decrease, free_parameters
from xsurvey.inference.statistic_target import Target

_LADDER = np.array([0.0, 0.1, 1.0, 10.0, 100.0])
_FIRST_DAMPING, _LARGEST_DAMPING, _SMALLEST_DAMPING = 1e-2, 1e7, 1e-7
_NEAR = 1e-2
_POOR, _POOR_STEPS = 1e-3, 6
_SIMPLEX, _SMALLER, _POLISHES, _KINK_TOLERANCE = 0.3, 0.3, 5, 1e-4
_PROBES, _SHORTFALL = (-3.0, -1.0, 1.0, 3.0), 0.4
_WIDEST = 1e3


@dataclass
class Search:
    """Where a search is.

    Attributes
    ----------
    target : Target
    theta : ndarray, shape (k,)
    model : ndarray, shape (m,)
        At ``theta``.
    total : float
        The statistic there.
    widths : ndarray, shape (k,)
        Standard deviations of the parameters, about.
    tolerance : float
    max_iterations : int
    most_polishes : int
        How often the search may go on without derivatives.
    negligible : float
        What the quadratic form may promise, and not keep, without that the search goes on for it.
    """

    target: Target
    theta: np.ndarray
    model: np.ndarray
    total: float
    widths: np.ndarray
    tolerance: float
    max_iterations: int
    most_polishes: int = _POLISHES
    negligible: float = 0.0
    damping: float = _FIRST_DAMPING
    central: bool = False
    """Whether derivatives are from differences to both sides."""
    known: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    """Where these derivatives were taken last, and what they are."""
    iterations: int = 0
    converged: bool = False
    message: str = ""

    def run(self) -> None:
        """Go down until nothing is to be gained, or the iterations are used up."""
        polishes, poor = 0, 0
        while self.iterations < self.max_iterations:
            self.iterations += 1
            gradient, hessian = self.differentiate()
            step = bounded_step(gradient, hessian, 0.0, *self.room)
            expected = expected_decrease(gradient, hessian, step)
            if expected < self.tolerance and self.central:
                self.converged, self.message = True, "converged"
                return
            decrease = 0.0 if expected < self.tolerance else self.advance(gradient, hessian)
            poor = poor + 1 if decrease < _POOR * expected else 0
            if decrease > self.tolerance and poor < _POOR_STEPS:
                self.central |= expected < _NEAR
                continue
            if not self.central:
                # differences to one side are off where models bend
                self.central, poor = True, 0
                continue
            # the quadratic form promises what the statistic does not keep
            if expected < self.negligible:
                self.converged, self.message = True, "converged"
                return
            if polishes == self.most_polishes:
                self.message = "stopped at a kink, where the statistic may be a little lower"
                return
            gain = self.polish(hessian, _SIMPLEX * _SMALLER**polishes)
            polishes, poor = polishes + 1, 0
            if decrease + gain < max(self.tolerance, _KINK_TOLERANCE):
                self.converged, self.message = True, "converged at a kink of the statistic"
                return
        self.message = f"not converged after {self.max_iterations} iterations"

    @property
    def room(self) -> tuple[np.ndarray, np.ndarray]:
        """Largest steps down and up that the bounds allow."""
        return self.target.lower - self.theta, self.target.upper - self.theta

    def differentiate(self) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Fisher matrix, and take the widths from the latter."""
        if self.central and self.known is not None and np.array_equal(self.known[0], self.theta):
            return self.known[1:]
        gradient, hessian = self.target.derivatives(
            self.theta, self.model, self.widths, self.central
        )
        self.known = (self.theta, gradient, hessian) if self.central else None
        diagonal = np.diag(hessian)
        with np.errstate(all="ignore"):
            widths = np.sqrt(2 / diagonal)
        # far from the minimum a width may be anything
        limited = np.clip(widths, 1e-6 * self.target.scale, 1e3 * self.target.scale)
        self.widths = np.where(diagonal > 0, limited, self.target.scale)
        return gradient, hessian

    def advance(self, gradient: np.ndarray, hessian: np.ndarray) -> float:
        """Try steps until one is lower; return by how much, 0 if none is."""
        room = self.room
        while self.damping < _LARGEST_DAMPING:
            ladder = self.damping * _LADDER
            trials = self.theta + np.array([
                bounded_step(gradient, hessian, damping, *room) for damping in ladder
            ])  # fmt: skip
            # adding a step to a bound may round past it
            trials = np.clip(trials, self.target.lower, self.target.upper)
            models, totals = self.target.values(trials)
            best = int(np.argmin(totals))
            if totals[best] < self.total:
                decrease = self.total - float(totals[best])
                self.move(trials[best], models[best], float(totals[best]))
                self.damping = max(ladder[best], 0.1 * self.damping, _SMALLEST_DAMPING)
                return decrease
            self.damping *= 1e3
        self.damping = _FIRST_DAMPING
        return 0.0

    def move(self, theta: np.ndarray, model: np.ndarray, total: float) -> None:
        """Be somewhere else."""
        self.theta, self.model, self.total = theta, model, total

    def polish(self, hessian: np.ndarray, size: float) -> float:
        """Search with a simplex (Nelder & Mead 1965), return by how much the statistic fell.

        Its first edges are along the axes of the quadratic form, ``size`` standard deviations
        long; edges along parameters would make it thin where these are correlated.
        """
        origin, before = self.theta, self.total
        axes = self.axes(hessian)
        n = axes.shape[1]
        if not n:
            return 0.0

        def place(y: np.ndarray) -> np.ndarray:
            return np.clip(origin + axes @ y, self.target.lower, self.target.upper)

        found = optimize.minimize(
            lambda y: self.target.value(place(y)), np.zeros(n), method="Nelder-Mead",
            options={"initial_simplex": np.concatenate([np.zeros((1, n)), size * np.eye(n)]),
                     "fatol": self.tolerance, "xatol": np.sqrt(0.1 * self.tolerance),
                     "maxfev": 200 * n, "adaptive": n > 4},
        )  # fmt: skip
        models, totals = self.target.values(place(found.x)[None])
        if totals[0] < self.total:
            self.move(place(found.x), models[0], float(totals[0]))
        return before - self.total

    def axes(self, hessian: np.ndarray) -> np.ndarray:
        """Return the directions (k, n) that the data determine, one standard deviation long."""
        diagonal = np.diag(hessian)
        used = np.flatnonzero((diagonal > 0) & (self.target.upper > self.target.lower))
        axes = np.zeros((len(self.theta), len(used)))
        if len(used):
            root = 1 / np.sqrt(diagonal[used])
            values, vectors = np.linalg.eigh(hessian[np.ix_(used, used)] * np.outer(root, root))
            axes[used] = root[:, None] * vectors * np.sqrt(2 / np.maximum(values, 1e-8))
        return axes

    def probe(self) -> bool:
        """Look some standard deviations away, search from there if it is promising.

        Returns
        -------
        bool
            Whether something lower was found.
        """
        self.central = True
        gradient, hessian = self.differentiate()
        covariance, _, _ = self.covariance(gradient, hessian)
        known = np.flatnonzero(np.isfinite(np.diag(covariance)))
        if not len(known):
            return False
        along = np.where(np.isnan(covariance), 0.0, covariance)[known]
        along /= np.sqrt(np.diag(covariance)[known])[:, None]
        places = np.concatenate([self.theta + s * along for s in _PROBES])
        places = np.clip(places, self.target.lower, self.target.upper)
        change = places - self.theta
        rise = change @ gradient + 0.5 * np.einsum("bi,ij,bj->b", change, hessian, change)
        models, totals = self.target.values(places)
        ratio = (totals - self.total) / np.maximum(rise, self.tolerance)
        best = int(np.argmin(ratio))
        if ratio[best] > _SHORTFALL:
            return False
        other = replace(
            self, theta=places[best], model=models[best], total=float(totals[best]),
            damping=_FIRST_DAMPING, converged=False, central=False,
        )  # fmt: skip
        other.run()
        self.iterations = other.iterations
        if other.total > self.total - max(self.tolerance, _KINK_TOLERANCE):
            return False
        self.move(other.theta, other.model, other.total)
        self.widths, self.converged, self.message = other.widths, other.converged, other.message
        return True

    def covariance(
        self, gradient: np.ndarray, hessian: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the covariance, which parameters are free, and which are undetermined."""
        free = free_parameters(gradient, *self.room) & (self.target.upper > self.target.lower)
        extent = self.target.upper - self.target.lower
        widest = _WIDEST * np.where(np.isfinite(extent), extent, 1e3 * self.target.scale)
        flat = free & (np.diag(hessian) < 2 / np.maximum(widest, self.target.scale) ** 2)
        covariance, undetermined = covariance_of(hessian, free & ~flat)
        return covariance, free, undetermined | flat

    def result(self) -> Minimum:
        """Return what was found; the covariance is from differences to both sides."""
        self.central = True
        gradient, hessian = self.differentiate()
        covariance, free, undetermined = self.covariance(gradient, hessian)
        return Minimum(
            best=self.theta, statistic=self.total, covariance=covariance, gradient=gradient,
            at_bounds=~free, undetermined=undetermined, converged=self.converged,
            message=self.message, iterations=self.iterations,
            evaluations=self.target.evaluations, rows=self.target.rows,
        )  # fmt: skip
