r"""Posterior of the emissivity of a sphere, given counts in rings, with its gradient.

Counts of bin i are Poisson with mean

.. math:: m_i = \sum_j P_{ij} \varepsilon_j + A_i (s + \tau_i \delta_i) + b_i + \zeta \sigma_i,

P what the j-th thin shell brings to the bin through the mixing matrix, A the exposed solid angle,
s the sky, :math:`\tau_i \delta_i` its variation from bin to bin, b the given background and
:math:`\sigma` its systematic error, common to all bins. Emissivities of the shells are those of
`xsurvey.profiles.multiscale_emissivity`. All parameters are standardised: their priors are normal
with unit width, but that of a sky that only the profile tells, which is flat.
"""

from __future__ import annotations

import copy

import numpy as np

from xsurvey.profiles.deprojection_data import ProfileData
from xsurvey.profiles.multiscale_emissivity import MultiscaleEmissivity
from xsurvey.profiles.sky_prior import SkyPrior

_LEVEL_ERROR = 4.0
"""Sigma of ln of the emissivity at the pivot, about what the counts say: as good as flat."""

_EASY_COUNTS = 3000.0
_LONGEST_STEP = 1.0  # of the search, in any of the level and the slopes


class MultiscalePosterior:
    """Ln of the posterior and its gradient, in batches.

    Parameters
    ----------
    data : ProfileData
    emissivity : MultiscaleEmissivity
    shells : ndarray, shape (J,)
        Radii of the shells, arcmin.
    sky : SkyPrior

    Attributes
    ----------
    names : tuple of str
        Of the d parameters: the level, one for each function, the sky, the shift of the given
        background if it has an error, variations of the sky if there are any.
    """

    def __init__(
        self, data: ProfileData, emissivity: MultiscaleEmissivity, shells: np.ndarray,
        sky: SkyPrior,
    ) -> None:  # fmt: skip
        self.data, self.emissivity, self.sky = data, emissivity, sky
        self._integrals = emissivity.integrals(shells)
        self._functions = emissivity.functions
        self._set_sky()
        self._set_level()
        slopes = len(emissivity.knots)
        self._end = 1 + slopes
        names = ["level", *(f"slope_{k + 1}" for k in range(slopes)), "sky"]
        self._has_shift = bool(np.any(data.background_error > 0)) and sky.shift_error > 0
        if self._has_shift:
            names.append("background_shift")
        self._scatter = self._scattered()
        names += [f"sky_{i + 1}" for i in range(self._scatter.shape[1])]
        self.names = tuple(names)
        self._weight = 1.0  # of the counts, other than 1 in the search only
        self._normal = np.ones(len(names))
        if sky.free:
            self._normal[self._end] = 0.0

    def _set_sky(self) -> None:
        """Set the sky's standard unit, the least sky there can be, and what `_outer` is."""
        data, sky = self.data, self.sky
        rate = (data.counts - data.background) / data.exposure_area
        outer = slice(-max(len(rate) // 5, 1), None)
        exposed = data.exposure_area[outer].sum()
        error = float(np.sqrt(max(data.counts[outer].sum(), 1.0)) / exposed)
        # no sky is negative, unless it has to make up for a given background without an error
        self._lowest = 0.0
        if not np.any(data.background_error > 0):
            self._lowest = -max(float(np.min(data.background / data.exposure_area)), 0.0)
        self._sky, self._sky_unit = sky.level, sky.level_error
        if sky.free:
            mean = float((rate * data.exposure_area)[outer].sum() / exposed)
            self._sky, self._sky_unit = max(mean, self._lowest + error), error
        self._outer = np.zeros(data.matrix.shape[1])
        if sky.free or sky.level_error > error:
            self._outer = data.matrix[outer].sum(axis=0) / exposed / self._sky_unit

    def _set_level(self) -> None:
        data = self.data
        net = data.counts.sum() - data.background.sum() - self._sky * data.exposure_area.sum()
        slopes, _ = self.emissivity.slopes(np.zeros((1, len(self.emissivity.knots))))
        expected = data.matrix @ np.exp(-self._integrals @ slopes[0])
        self._level = float(np.log(max(net, np.sqrt(data.counts.sum()), 1.0) / expected.sum()))

    def _scattered(self) -> np.ndarray:
        """Return the counts of one deviation of the sky in each bin that has any, (n, t)."""
        if not self.sky.scatter.size or not np.any(self.sky.scatter > 0):
            return np.zeros((len(self.data.counts), 0))
        counts = np.diag(self.sky.scatter * self.data.exposure_area)
        return counts[:, self.sky.scatter > 0]

    @property
    def start(self) -> np.ndarray:
        """The centre of the prior, shape (d,)."""
        return np.zeros(len(self.names))

    def profile(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ln of the emissivity at the pivot (b,), and slopes at the knots (b, K)."""
        slopes, _ = self.emissivity.slopes(theta[:, 1 : self._end])
        return self._level + _LEVEL_ERROR * theta[:, 0], slopes

    def _sky_of(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the sky, its derivative by z, ln of that up to a constant, and ln's derivative.

        Near the least sky that there can be a sky without a prior goes over from a linear function
        of z to an exponential one, so that no chain meets a wall.
        """
        zero = np.zeros_like(z)
        if not self.sky.free:
            return self._sky + self._sky_unit * z, zero + self._sky_unit, zero, zero
        above = (self._sky - self._lowest) / self._sky_unit + z
        log_share = -np.logaddexp(0, -above)
        share = np.exp(log_share)
        sky = self._lowest + self._sky_unit * np.logaddexp(0, above)
        return sky, self._sky_unit * share, log_share, 1 - share

    def background(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sky (count/s/arcmin2) and the shift of the given background, (b,) each."""
        return self._background(theta, self._shells(theta)[0])

    def _background(self, theta: np.ndarray, shells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = self._sky_parameter(theta, shells)
        sky = self._sky_of(z)[0]
        if not self._has_shift:
            return sky, np.zeros(len(theta))
        rho = 0.0 if self.sky.free else self.sky.correlation
        own = theta[:, self._end + 1]
        return sky, self.sky.shift + self.sky.shift_error * (rho * z + np.sqrt(1 - rho**2) * own)

    def _sky_parameter(self, theta: np.ndarray, shells: np.ndarray) -> np.ndarray:
        """Return the standardised sky, (b,).

        The parameter is that of what is seen in the outermost bins, sky and cluster together, where
        the counts tell it better than a prior the sky: what part of it is the sky is known less.
        """
        return np.asarray(theta[:, self._end] - shells @ self._outer)

    def expected(self, theta: np.ndarray) -> np.ndarray:
        """Return the expected counts, (b, d) to (b, n)."""
        return self._model(theta)[0]

    def _shells(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return emissivities of the shells (b, J), and derivatives of slopes by g (b, K)."""
        slopes, by_g = self.emissivity.slopes(theta[:, 1 : self._end])
        level = self._level + _LEVEL_ERROR * theta[:, :1]
        return np.exp(np.minimum(level - slopes @ self._integrals.T, 300.0)), by_g

    def _model(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return counts (b, n), and what `_shells` returns."""
        shells, by_g = self._shells(theta)
        sky, shift = self._background(theta, shells)
        data = self.data
        model = shells @ data.matrix.T + sky[:, None] * data.exposure_area + data.background
        if self._has_shift:
            model += shift[:, None] * data.background_error
        if self._scatter.shape[1]:
            model += theta[:, -self._scatter.shape[1] :] @ self._scatter.T
        return model, shells, by_g

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ln of the posterior up to a constant, and its gradient: (b,) and (b, d)."""
        model, shells, by_g = self._model(theta)
        counts, normal = self.data.counts, self._normal
        possible = np.all(model > 0, axis=1)
        safe = np.where(model > 0, model, 1.0)
        standard = theta.copy()
        standard[:, self._end] = z = self._sky_parameter(theta, shells)
        _, by_z, log_by_z, change = self._sky_of(z)
        value = self._weight * (counts * np.log(safe) - model).sum(axis=1) + log_by_z
        value -= (normal * standard**2).sum(axis=1) / 2
        prior = -normal * standard
        prior[:, self._end] += change
        gradient = self._backward(self._weight * (counts / safe - 1), prior, shells, by_g, by_z)
        return np.where(possible, value, -np.inf), gradient

    def _backward(
        self, force: np.ndarray, prior: np.ndarray, shells: np.ndarray, by_g: np.ndarray,
        by_z: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Return the gradient by the parameters, (b, d).

        Of the sum of the counts with weights ``force`` (b, n), and what has the derivatives
        ``prior`` (b, d) by the standardised parameters.
        """
        data, end = self.data, self._end
        result = prior.copy()
        result[:, end] += by_z * (force @ data.exposure_area)
        if self._has_shift:
            rho = 0.0 if self.sky.free else self.sky.correlation
            by_shift = self.sky.shift_error * (force @ data.background_error)
            result[:, end] += rho * by_shift
            result[:, end + 1] += np.sqrt(1 - rho**2) * by_shift
        if self._scatter.shape[1]:
            result[:, -self._scatter.shape[1] :] += force @ self._scatter
        logs = (force @ data.matrix - result[:, end, None] * self._outer) * shells
        result[:, 0] += _LEVEL_ERROR * logs.sum(axis=1)
        result[:, 1:end] -= ((logs @ self._integrals) * by_g) @ self._functions
        return result

    def jacobian(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return derivatives of the counts (n, d), and of the standardised sky (d,), at (d,)."""
        _, shells, by_g = self._model(theta[None])
        by_z = self._sky_of(self._sky_parameter(theta[None], shells))[1]
        n, d = len(self.data.counts), len(theta)
        prior = np.zeros((n + 1, d))
        prior[n, self._end] = 1.0
        rows = (np.repeat(v, n + 1, axis=0) for v in (shells, by_g, by_z))
        found = self._backward(np.eye(n + 1)[:, :n], prior, *rows)
        return found[:n], found[n]

    def information(self, theta: np.ndarray) -> np.ndarray:
        """Return Fisher's information with that of the prior at one position, shape (d, d)."""
        derivatives, sky = self.jacobian(theta)
        model = np.maximum(self.expected(theta[None])[0], 1e-12) / self._weight
        prior = self._normal.copy()
        prior[self._end] = 0.0
        result = (derivatives.T / model) @ derivatives + np.diag(prior)
        return np.asarray(result + self._normal[self._end] * np.outer(sky, sky))

    def mode(self, iterations: int = 200) -> tuple[np.ndarray, np.ndarray]:
        """Return the most probable parameters (d,) and the inverse information there (d, d).

        By scoring with damping (Levenberg & Marquardt); the exact end does not matter, since chains
        begin from it. The search is in the sky itself: what `_sky_parameter` says of chains holds
        where they are, not on the way there.
        """
        search = copy.copy(self)
        search._outer = np.zeros_like(self._outer)
        theta = self.start
        # of many counts the way is narrow: first with less weight to them
        search._weight = min(1.0, _EASY_COUNTS / max(self.data.counts.sum(), 1.0))
        while True:
            theta = search._climb(theta, iterations)
            if search._weight >= 1:
                break
            search._weight = min(10 * search._weight, 1.0)
        theta[self._end] += self._shells(theta[None])[0][0] @ self._outer
        covariance = np.linalg.inv(self.information(theta))
        return theta, (covariance + covariance.T) / 2

    def _climb(self, theta: np.ndarray, iterations: int) -> np.ndarray:
        damping = 1e-2
        value, gradient = self(theta[None])
        for _ in range(iterations):
            information = self.information(theta)
            scale = np.diag(np.diag(information))
            move = np.linalg.solve(information + damping * scale, gradient[0])
            trial = theta + move * min(1.0, _LONGEST_STEP / np.abs(move[: self._end]).max())
            found, slopes = self(trial[None])
            if found[0] > value[0]:
                done = found[0] - value[0] < 1e-3 and damping < 1
                theta, value, gradient, damping = trial, found, slopes, max(damping / 5, 1e-8)
                if done:
                    break
            else:
                damping *= 5
                if damping > 1e8:
                    break
        return theta
