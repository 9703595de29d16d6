r"""Temperatures that fits with one plasma find in gas of many.

A fit compares spectra after the response, in groups of channels with variances V. Of gas with
expected counts M, and plasmas of one temperature with counts :math:`F_0(T)` without metals and
:math:`F_1(T)` that metals add, norm and abundance that fit best at T explain

.. math:: J(T) = r^T G^{-1} r, \quad r_a = \sum F_a(T) M / V, \quad G_{ab} = \sum F_a F_b / V

of :math:`\sum M^2 / V`, and the fit finds the T with the greatest J. That is the idea of Mazzotta
et al. (2004, MNRAS 354, 10) and Vikhlinin (2006, ApJ 640, 710), with the response itself in place
of weights that stand for it. Plasmas are linear in kT between tabulated temperatures
(`xsurvey.profiles.folded_plasma`), of gas and of fits alike, so that all follows from the products
of plasmas at those, the Gram matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.profiles.folded_plasma import TemperatureNodes

_STEPS = 16  # of the search between two tabulated temperatures
_ROUGH = 4  # steps that a first search takes at once


@dataclass(frozen=True)
class PlasmaGram:
    """Products of the folded plasmas of m annuli, over the variances of their spectra.

    Attributes
    ----------
    kt : ndarray, shape (n,)
        keV, ascending: tabulated temperatures, between which plasmas are linear.
    products : ndarray, shape (m, 2 n, 2 n)
        Of plasmas without metals at these temperatures, then of what metals add at an abundance
        of one. Their scale does not matter.
    abundance : ndarray, shape (m,)
        Of the gas.
    free_abundance : ndarray of bool, shape (m,)
        Whether fits find the abundance, or have that of the gas.

    Raises
    ------
    InputError
        Shapes do not go together, or numbers are not finite.
    """

    kt: np.ndarray
    products: np.ndarray
    abundance: np.ndarray
    free_abundance: np.ndarray

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        n, m = len(self.kt), len(self.abundance)
        shapes = self.products.shape == (m, 2 * n, 2 * n) and self.free_abundance.shape == (m,)
        if n < 2 or not shapes or not np.all(np.diff(self.kt) > 0):
            raise InputError(
                "products of plasmas", "do not belong to their temperatures", "make them again"
            )
        if not (np.isfinite(self.products).all() and np.isfinite(self.abundance).all()):
            raise InputError("products of plasmas", "are not finite", "make them again")

    def of(self, rows: np.ndarray) -> PlasmaGram:
        """Return those of some annuli."""
        return PlasmaGram(
            self.kt, self.products[rows], self.abundance[rows], self.free_abundance[rows]
        )


def plasma_products(templates: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the products of folded plasmas, shape (t, t), over variances.

    Parameters
    ----------
    templates : ndarray, shape (t, c)
        Counts in groups of channels.
    variance : ndarray, shape (c,)
        Expected counts of everything. Groups without are not counted.
    """
    weight = np.divide(1.0, variance, out=np.zeros(len(variance)), where=variance > 0)
    return np.asarray((templates * weight) @ templates.T)


class OneTemperature:
    """Finds the temperatures of fits with one plasma.

    Parameters
    ----------
    gram : PlasmaGram
        Of m annuli.
    """

    def __init__(self, gram: PlasmaGram) -> None:
        self.kt = np.asarray(gram.kt, float)
        n = len(self.kt)
        abundance = np.asarray(gram.abundance, float)[:, None, None]
        products = np.asarray(gram.products, float)
        gas = products[:, :n] + abundance * products[:, n:]
        self._bare, self._metals = gas[:, :, :n], gas[:, :, n:]
        size = _STEPS * (n - 1) + 1
        self._finest = np.interp(np.arange(size) / _STEPS, np.arange(n), self.kt)
        self._inverse = self._inverses(products, abundance[:, 0], gram.free_abundance)

    def _inverses(
        self, products: np.ndarray, abundance: np.ndarray, free: np.ndarray
    ) -> np.ndarray:
        """Return the three elements of 1/G on the fine grid, shape (3, m, l)."""
        n = len(self.kt)
        at = TemperatureNodes(self.kt).weights(self._finest)

        def along(block: np.ndarray) -> np.ndarray:
            return np.einsum("ln,mnk,lk->ml", at, block, at)

        bare, cross, metals = (
            along(products[:, a * n : a * n + n, b * n : b * n + n])
            for a, b in ((0, 0), (0, 1), (1, 1))
        )
        determinant = bare * metals - cross**2
        # a plasma that leaves no counts explains none
        there = determinant > 1e-12 * bare * metals
        scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=there)
        both = scale * np.stack((metals, -cross, bare))
        total = bare + abundance * (2 * cross + abundance * metals)
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        one = scale * np.stack((np.ones_like(total), np.tile(abundance, total.shape[1]),
                                np.tile(abundance**2, total.shape[1])))  # fmt: skip
        return np.where(free[None, :, None], both, one)

    def shares(self, kt: np.ndarray) -> np.ndarray:
        """Return what gas is made of: weights (..., n) of the tabulated temperatures.

        Gas colder or hotter than all of them counts as that at the end.
        """
        return TemperatureNodes(self.kt).weights(np.clip(kt, self.kt[0], self.kt[-1]))

    def fitted(self, gas: np.ndarray) -> np.ndarray:
        """Return the temperatures that fits find, shape (..., m).

        Parameters
        ----------
        gas : ndarray, shape (..., m, n)
            Norms at the tabulated temperatures: sums of norms times `shares`.

        Returns
        -------
        ndarray
            keV; NaN where there is no gas.
        """
        shape = gas.shape[:-1]
        m, n = len(self._bare), len(self.kt)
        gas = np.moveaxis(np.asarray(gas, float).reshape(-1, m, n), 1, 0)
        bare, metals = gas @ self._bare, gas @ self._metals  # (m, s, n)
        near = self._at_nodes(bare, metals).argmax(axis=-1)
        last = len(self._finest) - 1
        width = min(2 * _STEPS, last)
        first = np.clip(_STEPS * (near - 1), 0, last - width)
        rough = first[..., None] + np.arange(0, width + 1, _ROUGH)
        top = _ROUGH * self._at(bare, metals, rough).argmax(axis=-1)
        first = first + np.clip(top - _ROUGH, 0, width - 2 * _ROUGH)
        around = first[..., None] + np.arange(2 * _ROUGH + 1)
        found = self._top(self._at(bare, metals, around), first)
        found[~(gas.sum(axis=-1) > 0)] = np.nan
        return np.asarray(np.moveaxis(found, 0, 1).reshape(shape))

    def _at_nodes(self, bare: np.ndarray, metals: np.ndarray) -> np.ndarray:
        """Return J at the tabulated temperatures, (m, s, n)."""
        return _explained(bare, metals, self._inverse[:, :, None, ::_STEPS])

    def _at(self, bare: np.ndarray, metals: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return J at places (m, s, k) of the fine grid."""
        node = np.minimum(place // _STEPS, len(self.kt) - 2)
        fraction = place / _STEPS - node

        def between(r: np.ndarray) -> np.ndarray:
            low, high = np.take_along_axis(r, node, -1), np.take_along_axis(r, node + 1, -1)
            return np.asarray(low + fraction * (high - low))

        inverse = self._inverse[:, np.arange(len(place))[:, None, None], place]
        return _explained(between(bare), between(metals), inverse)

    def _top(self, explained: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Return temperatures at the top of parabolas about the greatest J.

        J bends at tabulated temperatures: there a parabola is of one side, the higher one.

        Parameters
        ----------
        explained : ndarray, shape (m, s, k)
            J at k places of the fine grid.
        first : ndarray, shape (m, s)
            The first of them.
        """
        end = explained.shape[-1] - 1
        top = explained.argmax(axis=-1)

        def at(place: np.ndarray) -> np.ndarray:
            return np.take_along_axis(explained, place[..., None], -1)[..., 0]

        right = at(np.minimum(top + 1, end)) > at(np.maximum(top - 1, 0))
        right = np.where((top == 0) | (top == end), top == 0, right)
        bend = (first + top) % _STEPS == 0
        centre = np.where(bend, top + np.where(right, 1, -1), top)
        left, middle, far = at(centre - 1), at(centre), at(centre + 1)
        curvature = left - 2 * middle + far
        step = np.divide(
            0.5 * (left - far), curvature, out=np.zeros_like(curvature), where=curvature < 0
        )
        # on the other side of a bend the parabola does not hold
        low, high = np.where(bend & right, top, top - 1), np.where(bend & ~right, top, top + 1)
        place = first + np.clip(centre + step, low, high)
        return np.asarray(np.interp(place, np.arange(len(self._finest)), self._finest))


def _explained(bare: np.ndarray, metals: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return r^T G^-1 r of r = (bare, metals) and the elements of the inverse."""
    return np.asarray(bare * (inverse[0] * bare + 2 * inverse[1] * metals) + inverse[2] * metals**2)
