r"""Secondaries of protons and of photons that fill a sphere homogeneously, from all directions.

A process is what a proton gamma_p makes of n(eps) photons,

.. math:: Q(\gamma) = \sum_p \frac{N_p}{\gamma_p}
   \int \epsilon n(\epsilon)\, \Phi(\gamma_p\epsilon, \gamma/\gamma_p)\, d\ln\epsilon

with the energy of the secondary, gamma, in m_e c^2. On grids of one step Phi is a table of two
places, in which cells of photons are integrated: sums over photons are a product with it for each
proton.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from xsurvey.sed.constants import ELECTRON_REST_ENERGY
from xsurvey.sed.grids import TAPS, LogGrid, tap_values

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


class Table:
    """A process on lattices of gamma_p eps and gamma / gamma_p.

    Parameters
    ----------
    spectrum : callable
        Phi in cm3 / s of gamma_p eps, (k, n), and gamma / gamma_p, (r,), to (k, r, n).
    product, ratio : tuple of float
        Lowest and highest gamma_p eps, and gamma / gamma_p. Beyond the former there is nothing;
        below the lowest of the latter Phi is flat, above it is nothing.
    per_decade : int
    """

    def __init__(
        self, spectrum: Callable[[np.ndarray, np.ndarray], np.ndarray],
        product: tuple[float, float], ratio: tuple[float, float], per_decade: int,
    ) -> None:  # fmt: skip
        first, last = _places(product, per_decade)
        self.lowest_ratio, highest = _places(ratio, per_decade)
        self.per_decade = per_decade
        cells = np.arange(first, last)
        ratios = 10 ** (np.arange(self.lowest_ratio, highest + 1) / per_decade)
        values = spectrum(10 ** ((cells[:, None] + _NODES) / per_decade), ratios)
        integrals = (values * _WEIGHTS) @ tap_values(_NODES) * (np.log(10) / per_decade)
        # a node of photons is in the cells of which it is one of the six
        self.first_node = first - 2
        self.values = np.zeros((len(cells) + TAPS - 1, len(ratios)))
        for tap in range(TAPS):
            self.values[tap : tap + len(cells)] += integrals[:, :, tap]

    @classmethod
    def sum_of(cls, tables: Sequence[tuple[Table, float]]) -> Table:
        """Return the sum of tables of one step, times factors."""
        if len({table.per_decade for table, _ in tables}) > 1:
            raise ValueError("tables need one step")
        total = cls.__new__(cls)
        total.per_decade = tables[0][0].per_decade
        total.first_node = min(t.first_node for t, _ in tables)
        total.lowest_ratio = min(t.lowest_ratio for t, _ in tables)
        last = max(t.first_node + t.values.shape[0] for t, _ in tables)
        highest = max(t.lowest_ratio + t.values.shape[1] for t, _ in tables)
        total.values = np.zeros((last - total.first_node, highest - total.lowest_ratio))
        for table, factor in tables:
            row, column = (
                table.first_node - total.first_node, table.lowest_ratio - total.lowest_ratio
            )  # fmt: skip
            rows = slice(row, row + table.values.shape[0])
            total.values[rows, column : column + table.values.shape[1]] += factor * table.values
            # flat below its lowest ratio
            total.values[rows, :column] += factor * table.values[:, :1]
        return total


def _places(limits: tuple[float, float], per_decade: int) -> tuple[int, int]:
    low, high = np.log10(limits) * per_decade
    return int(np.floor(low)), int(np.ceil(high))


class ProtonPhotonKernel:
    """From protons and photons to one kind of secondaries.

    Parameters
    ----------
    protons : LogGrid
        Lorentz factors.
    photons : LogGrid
        Energies in m_e c^2.
    secondaries : LogGrid
        Energies in m_e c^2: Lorentz factors of electrons and positrons.
    table : Table
        With the same number of nodes a decade as the grids.
    """

    def __init__(
        self, protons: LogGrid, photons: LogGrid, secondaries: LogGrid, table: Table
    ) -> None:
        if len({g.per_decade for g in (protons, photons, secondaries, table)}) > 1:
            raise ValueError("protons, photons and secondaries need grids of one step")
        self.protons, self.photons, self.secondaries = protons, photons, secondaries
        self._table = table
        # the product is in single precision, with the table in units of its largest value
        self._unit = float(table.values.max())
        self._values = (table.values / self._unit).astype(np.float32)
        place = table.first_node + np.arange(len(table.values)) - photons.start
        place = place - (protons.start + np.arange(len(protons)))[:, None]
        self._inside = (place >= 0) & (place < len(photons))
        self._place = np.where(self._inside, place, 0)

    def rates(self, protons: np.ndarray, photons: np.ndarray) -> np.ndarray:
        """Return how many secondaries are made, per cm3, s, and unit of their energy.

        Parameters
        ----------
        protons : ndarray, shape (b, p)
            Per cm3 at the nodes of `protons`.
        photons : ndarray, shape (b, e)
            Energy of photons per cm3 and eps, erg / cm3, at the nodes of `photons`.

        Returns
        -------
        ndarray, shape (b, s)
            Q at the nodes of `secondaries`.
        """
        # so are photons in those of each row's own: some spheres have too many for that precision
        largest = photons.max(axis=1, keepdims=True)
        targets = (photons / np.where(largest > 0, largest, 1.0)).astype(np.float32)
        weights = self._unit * largest / ELECTRON_REST_ENERGY * protons / self.protons.nodes
        result = np.zeros((len(protons), len(self.secondaries)))
        # protons that there are, with photons that they can hit
        there = np.any(targets > 0, axis=0)
        hit = np.any(self._inside & there[self._place], axis=1)
        some = np.flatnonzero(weights.any(axis=0) & hit)
        if not len(some):
            return result
        used = slice(some[0], some[-1] + 1)
        spectra = self._by_ratio(targets, used)
        for place in range(used.start, used.stop):
            begin = self.protons.start + place + self._table.lowest_ratio - self.secondaries.start
            values = weights[:, place, None] * spectra[:, place - used.start]
            low, high = max(begin, 0), min(begin + values.shape[1], result.shape[1])
            if low < high:
                result[:, low:high] += values[:, low - begin : high - begin]
            result[:, : max(min(begin, result.shape[1]), 0)] += values[:, :1]
        return np.maximum(result, 0.0)

    def _by_ratio(self, photons: np.ndarray, protons: slice) -> np.ndarray:
        """Return integrals over photons for some protons and each ratio, (b, p, r)."""
        seen = photons[:, self._place[protons]] * self._inside[protons]
        result: np.ndarray = seen @ self._values
        return result
