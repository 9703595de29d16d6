r"""Emission of a distribution of electrons that scatters photons, for many of both at once.

Energies of electrons, seeds and scattered photons are nodes of grids with one step, and Jones'
kernel depends on eps_s / gamma and eps gamma alone: of the tensor [eps_s, gamma, eps] only a table
of two dimensions is integrated. Seeds are interpolated between their nodes, and each cell is
integrated from where scattering is possible. Near eps_s = gamma, where the kernel ends abruptly,
electrons are interpolated too, up to their largest energy, which is a node.
"""

from __future__ import annotations

import numpy as np

from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import TAPS, LogGrid
from xsurvey.sed.radiation.compton_kernel import divided_integrals, scattering_table
from xsurvey.sed.radiation.scattering_tensor import ScatteringTensor

_END_ELECTRONS = np.arange(-2, 3)  # nodes from gamma_max, whose cells are not all below it
_END_DECADES = 3.0  # of scattered energies below gamma_max that notice


class ComptonKernel:
    """The tensor from electrons and seed photons to scattered photons.

    Parameters
    ----------
    electrons, seeds, scattered : LogGrid
        Lorentz factors, and energies in m_e c^2, with the same number of nodes a decade.
    precision : type
        Of the product, as `ScatteringTensor`.
    """

    def __init__(
        self, electrons: LogGrid, seeds: LogGrid, scattered: LogGrid, precision: type = np.float32
    ) -> None:
        if not electrons.per_decade == seeds.per_decade == scattered.per_decade:
            raise ValueError("electrons, seeds and scattered photons need grids of one step")
        self.electrons, self.seeds, self.scattered = electrons, seeds, scattered
        self._seed_factor = 1 / seeds.nodes
        self._electron_factor = electrons.nodes**-2
        self._unit = 0.75 * LIGHT * THOMSON * scattered.nodes**2
        self._cells = np.arange(len(seeds) - TAPS + 1)
        table = self._table()
        self._tensor = ScatteringTensor(
            len(scattered), lambda rows: self._part(table, rows), precision
        )
        self._end = self._end_tensor()

    @property
    def size(self) -> int:
        """Elements of the tensor that are kept."""
        return self._tensor.size

    def emissivity(
        self, numbers: np.ndarray, seeds: np.ndarray, last: np.ndarray, ln_shift: np.ndarray
    ) -> np.ndarray:
        """Return the scattered power per volume and logarithm of the energy.

        Nodes may be shifted: those of electrons and scattered photons by a factor, and those of
        seeds by its inverse, which leaves eps_s / gamma and gamma eps as they are.

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
            Electrons per cm3 at the nodes of `electrons`.
        seeds : ndarray, shape (b, e)
            Energy of seed photons per cm3 and eps, erg/cm3, at the nodes of `seeds`.
        last : ndarray of int, shape (b,)
            Which node of `electrons` the largest energy of electrons is.
        ln_shift : ndarray, shape (b,)
            ln of the factor by which nodes are shifted.

        Returns
        -------
        ndarray, shape (b, s)
            eps_s j(eps_s) in erg / s / cm3 at the nodes of `scattered`.
        """
        particles, photons = numbers * self._electron_factor, seeds * self._seed_factor
        result = self._tensor.product(particles, photons[:, None])[:, 0]
        self._add_end(result, particles, photons, last)
        # eps_s^2 / (gamma^2 eps) of shifted nodes
        return result * self._unit * np.exp(ln_shift)[:, None]

    def _add_end(
        self, result: np.ndarray, particles: np.ndarray, photons: np.ndarray, last: np.ndarray
    ) -> None:
        """Replace the mean over cells of the last electrons by that below gamma_max."""
        rows = np.arange(len(result))[:, None]
        below = len(self.electrons) - 1 - last
        # the tensor is that of the last node of all: gamma eps and eps_s / gamma are what counts
        seed = np.arange(len(self.seeds)) + below[:, None]
        light = np.where(
            seed < len(self.seeds), photons[rows, np.minimum(seed, len(self.seeds) - 1)], 0
        )
        place = np.clip(last[:, None] + _END_ELECTRONS, 0, len(self.electrons) - 1)
        by_electron = (light @ self._end).reshape(len(result), -1, len(_END_ELECTRONS))
        change = np.matmul(by_electron, particles[rows, place][:, :, None])[:, :, 0]
        first = self.electrons.start + last - self.scattered.start - change.shape[1] + 1
        scattered = first[:, None] + np.arange(change.shape[1])
        known = (scattered >= 0) & (scattered < len(self.scattered))
        result[np.broadcast_to(rows, known.shape)[known], scattered[known]] += change[known]

    def _table(self) -> np.ndarray:
        """Return integrals over a cell of seeds by eps_s / gamma and gamma eps, (a, m, 6)."""
        step = self.electrons.step
        ratio = self._first_ratio + np.arange(len(self.scattered) + len(self.electrons) - 1)
        product = self._first_product + np.arange(len(self.electrons) + len(self.seeds) - TAPS)
        return scattering_table(ratio * step, product * step, step) * self._tap_factors

    @property
    def _tap_factors(self) -> np.ndarray:
        """Energies of six nodes over that of the cell: seeds are energies over eps."""
        return np.exp((np.arange(TAPS) - 2) * self.seeds.step)

    @property
    def _first_ratio(self) -> int:
        """Lattice number of the lowest eps_s / gamma."""
        return self.scattered.start - (self.electrons.start + len(self.electrons) - 1)

    @property
    def _first_product(self) -> int:
        """Lattice number of the lowest gamma eps, of the lower end of the first cell."""
        return self.electrons.start + self.seeds.start + 2

    def _part(self, table: np.ndarray, rows: slice) -> np.ndarray:
        """Return the tensor of some scattered energies, (e, s, g)."""
        scattered = self.scattered.start + np.arange(rows.start, rows.stop)
        electrons = self.electrons.start + np.arange(len(self.electrons))
        ratio = scattered[:, None] - electrons  # (s, g)
        product = electrons[:, None] + self.seeds.start + 2 + self._cells  # (g, c)
        values = table[
            (ratio - self._first_ratio)[:, :, None], (product - self._first_product)[None]
        ]
        # photons do not lose energy: q >= 1 / (4 gamma^2) is eps (1 - eps_s / gamma) <= eps_s
        w = np.minimum(np.exp(ratio * self.electrons.step), 1 - 1e-9)
        highest = scattered[:, None] - np.log1p(-w) / self.electrons.step
        middle = self.seeds.start + 2 + self._cells + 0.5
        return self._by_seed(values * (middle < highest[:, :, None])[..., None])

    def _end_tensor(self) -> np.ndarray:
        """Return what the means over cells below gamma_max differ by, (eps, eps_s * gamma).

        Of gamma_max at the last node of all, of scattered energies from `_END_DECADES` below to it,
        and of electrons at `_END_ELECTRONS` about it.
        """
        step = self.electrons.step
        last = self.electrons.start + len(self.electrons) - 1
        scattered = np.arange(-round(_END_DECADES * self.electrons.per_decade), 1)
        parts = []
        for node in _END_ELECTRONS:
            ln_w = (scattered - node) * step
            ln_product = (last + node + self.seeds.start + 2 + self._cells) * step
            mean = scattering_table(ln_w, ln_product, step)
            below = divided_integrals(ln_w, ln_product, step, int(node) + 3)
            parts.append((below - mean) * self._tap_factors)
        return self._by_seed(np.stack(parts, axis=1)).reshape(len(self.seeds), -1)

    def _by_seed(self, values: np.ndarray) -> np.ndarray:
        """Return values of cells and their six nodes, (s, g, c, 6), by node, (e, s, g)."""
        result = np.zeros((len(self.seeds), *values.shape[:2]))
        for tap in range(TAPS):
            result[tap : tap + len(self._cells)] += np.moveaxis(values[..., tap], 2, 0)
        return result
