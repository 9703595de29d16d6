r"""Polarization of synchrotron emission in a uniform field.

A particle of the mass m in a field at the angle theta to the line of sight emits F, and G of it
polarized, perpendicular to the field as it is seen:

.. math:: \Pi(\nu) = \frac{\int n(\gamma) G(x) d\gamma}{\int n(\gamma) F(x) d\gamma}, \quad
   F = x \int_x^\infty K_{5/3}, \quad G = x K_{2/3}(x), \quad x = \nu / \nu_c, \quad
   \nu_c = \frac{3 e B \sin\theta}{4 \pi m c} \gamma^2

(Westfold 1959, ApJ 130, 241; Rybicki & Lightman 1979, sect. 6.5). Power laws n ~ gamma^-p have
(p + 1) / (p + 7/3); past a cutoff of the particles the degree rises. Over y = nu / (nu_B sin theta)
the degree is that of the distribution alone: one matrix serves all fields, inclinations and masses.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.sed.constants import ELECTRON_MASS, GYROFREQUENCY
from xsurvey.sed.grids import LogGrid

_INTEGRAND_NODES = 200
_FARTHEST = 60.0  # e-foldings of an integrand
_NOTHING = 700.0  # x of which e^-x is none
_LEAST = 1e-250  # emission less than that is none


def scaled_total(x: np.ndarray) -> np.ndarray:
    r"""Return e^x F(x), of F the spectrum of a particle.

    :math:`\int_x^\infty K_{5/3} = \int_0^\infty e^{-x \cosh u} \cosh(5u/3) / \cosh u\, du`
    (Kostroun 1980, Nucl. Instrum. Methods 172, 371), a sum of which is exact to rounding.

    Parameters
    ----------
    x : ndarray
        Positive.
    """
    x = np.asarray(x, float)[..., None]
    last = np.arccosh(1 + _FARTHEST / x)
    u = last * np.linspace(0, 1, _INTEGRAND_NODES)
    # cosh(5u/3) exp(-x (cosh u - 1)), where either may be no number
    log = 5 * u / 3 - 2 * x * np.sinh(u / 2) ** 2
    integrand = 0.5 * np.exp(log) * (1 + np.exp(-10 * u / 3)) / np.cosh(u)
    integrand[..., 0] /= 2
    step = last / (_INTEGRAND_NODES - 1)
    return (x * step)[..., 0] * integrand.sum(axis=-1)


def scaled_polarized(x: np.ndarray) -> np.ndarray:
    """Return e^x G(x), of G the polarized part of F."""
    x = np.asarray(x, float)
    return x * special.kve(2 / 3, x)


def power_law_degree(p: np.ndarray) -> np.ndarray:
    """Return (p + 1) / (p + 7/3), of particles n ~ gamma^-p.

    Examples
    --------
    >>> float(power_law_degree(np.array(3.0)))
    0.75
    """
    return (p + 1) / (p + 7 / 3)


def ln_scaled_frequency(
    ln_nu: np.ndarray, b: np.ndarray, inclination_deg: np.ndarray, mass: float = ELECTRON_MASS
) -> np.ndarray:
    """Return ln of y = nu / (nu_B sin theta).

    Parameters
    ----------
    ln_nu : ndarray, shape (b, f)
        ln of the frequency in Hz, in the frame of the emitter.
    b, inclination_deg : ndarray, shape (b,)
        Field in G, and its angle to the line of sight in that frame; along the line of sight
        nothing is emitted, and the result is NaN.
    mass : float
        Of the particles, g.
    """
    across = np.sin(np.radians(inclination_deg))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.log(GYROFREQUENCY * b * ELECTRON_MASS / mass) + np.log(across)
    return np.asarray(ln_nu - np.where(across > 0, unit, np.nan)[:, None])


class UniformFieldKernel:
    """Matrices from particles to emission over y, total and polarized.

    Parameters
    ----------
    gamma, y : LogGrid
        Lorentz factors, and nu / (nu_B sin theta), with the same number of nodes a decade.
    """

    def __init__(self, gamma: LogGrid, y: LogGrid) -> None:
        if gamma.per_decade != y.per_decade:
            raise ValueError("particles and frequencies need grids of one step")
        self.gamma, self.y = gamma, y
        # x = y / (1.5 gamma^2) takes the values of one row of nodes
        order = np.arange(len(y))[None, :] - 2 * np.arange(len(gamma))[:, None]
        first = int(order.min())
        power = y.start - 2 * gamma.start + np.arange(first, int(order.max()) + 1)
        x = np.minimum(10.0 ** (power / y.per_decade) / 1.5, _NOTHING)
        fall = np.where(x < _NOTHING, np.exp(-x), 0.0)
        self._total = (fall * scaled_total(x))[order - first]
        self._polarized = (fall * scaled_polarized(x))[order - first]

    def emission(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of F and of G over particles.

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
            Particles per cm3 at the nodes of `gamma`.

        Returns
        -------
        total, polarized : ndarray, shape (b, y)
            At the nodes of `y`.
        """
        return numbers @ self._total, numbers @ self._polarized

    def degree(self, numbers: np.ndarray, ln_y: np.ndarray) -> np.ndarray:
        """Return degrees of polarization between 0 and 1, shape (b, f).

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
        ln_y : ndarray, shape (b, f)
            `ln_scaled_frequency`; beyond the grid and where there is no emission, the degree stays
            what it is where emission ends.
        """
        return interpolated_degree(self.y, *self.emission(numbers), ln_y)


def interpolated_degree(
    grid: LogGrid, total: np.ndarray, polarized: np.ndarray, ln_x: np.ndarray
) -> np.ndarray:
    """Return polarized / total between nodes.

    Parameters
    ----------
    grid : LogGrid
    total, polarized : ndarray, shape (b, n)
        At the nodes. Where there is nothing the degree is that of the nearest node at which there
        is, the lower one of two; NaN where there is nothing at all.
    ln_x : ndarray, shape (b, f)

    Returns
    -------
    ndarray, shape (b, f)
    """
    some = total > _LEAST * total.max(axis=1, keepdims=True)
    ratio = np.divide(polarized, total, out=np.full(total.shape, np.nan), where=some)
    place = np.where(some, np.arange(len(grid)), -1)
    below = np.maximum.accumulate(place, axis=1)
    place = np.where(below < 0, some.argmax(axis=1)[:, None], below)
    inside = np.clip(ln_x, grid.ln[2], grid.ln[-3])
    held = np.isnan(inside)
    values = grid.interpolate(
        np.take_along_axis(ratio, place, axis=1), np.where(held, grid.ln[2], inside)
    )
    return np.where(held, np.nan, np.clip(values, -1.0, 1.0))
