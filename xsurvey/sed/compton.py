r"""Emission of a distribution of electrons that scatters photons, for many of both at once.

Energies of electrons, seeds and scattered photons are nodes of grids with one step, and Jones'
kernel depends on eps_s / gamma and eps gamma alone: of the tensor [eps_s, gamma, eps] only a table
of two dimensions is integrated. Seeds are interpolated between their nodes, and each cell is
integrated from where scattering is possible. Near eps_s = gamma, where the kernel ends abruptly,
electrons are interpolated too.

The product is in blocks of eps_s, which leave out what cannot contribute, in single precision;
electrons and seeds are scaled in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.sed.compton_kernel import RECOIL, cell_integrals, divided_integrals
from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import TAPS, LogGrid

_BLOCK = 12
_SMALL = 1e-30  # of the largest: slows arithmetic down as it comes near to 1e-38


@dataclass(frozen=True)
class _Block:
    """Scattered energies with what contributes to them; tensor of shape (eps, eps_s * gamma)."""

    scattered: slice
    electrons: slice
    seeds: slice
    tensor: np.ndarray


class ComptonKernel:
    """The tensor from electrons and seed photons to scattered photons.

    Parameters
    ----------
    electrons, seeds, scattered : LogGrid
        Lorentz factors, and energies in m_e c^2, with the same number of nodes a decade.
    precision : type
        Of the product. Single precision differs by some 1e-7 from double.
    """

    def __init__(
        self, electrons: LogGrid, seeds: LogGrid, scattered: LogGrid, precision: type = np.float32
    ) -> None:
        if not electrons.per_decade == seeds.per_decade == scattered.per_decade:
            raise ValueError("electrons, seeds and scattered photons need grids of one step")
        self.electrons, self.seeds, self.scattered = electrons, seeds, scattered
        self._precision = precision
        self._seed_factor = 1 / seeds.nodes
        self._electron_factor = electrons.nodes**-2
        self._unit = 0.75 * LIGHT * THOMSON * scattered.nodes**2
        table = self._table()
        starts = range(0, len(scattered), _BLOCK)
        blocks = [self._block(table, slice(i, min(i + _BLOCK, len(scattered)))) for i in starts]
        self._blocks = [block for block in blocks if block is not None]

    @property
    def size(self) -> int:
        """Elements of the tensor that are kept."""
        return sum(block.tensor.size for block in self._blocks)

    def emissivity(self, numbers: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Return the scattered power per volume and logarithm of the energy.

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
            Electrons per cm3 at the nodes of `electrons`.
        seeds : ndarray, shape (b, e)
            Energy of seed photons per cm3 and eps, erg/cm3, at the nodes of `seeds`.

        Returns
        -------
        ndarray, shape (b, s)
            eps_s j(eps_s) in erg / s / cm3 at the nodes of `scattered`.
        """
        particles, photons = numbers * self._electron_factor, seeds * self._seed_factor
        result = np.zeros((len(numbers), len(self.scattered)))
        for block in self._blocks:
            electrons, scale = self._scaled(particles[:, block.electrons])
            light, light_scale = self._scaled(photons[:, block.seeds])
            by_electron = (light @ block.tensor).reshape(len(light), -1, electrons.shape[1])
            total = np.matmul(by_electron, electrons[:, :, None])[:, :, 0]
            result[:, block.scattered] = total * (scale * light_scale)
        return result * self._unit

    def _scaled(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values over their largest, and the largest, (b, n), (b, 1)."""
        scale = np.abs(values).max(axis=1, keepdims=True)
        scale[scale == 0] = 1
        scaled = (values / scale).astype(self._precision)
        scaled[np.abs(scaled) < _SMALL] = 0
        return scaled, scale

    def _table(self) -> np.ndarray:
        """Return integrals over a cell of seeds by eps_s / gamma and gamma eps, (a, m, 6)."""
        step = self.electrons.step
        ratio = self._first_ratio + np.arange(len(self.scattered) + len(self.electrons) - 1)
        product = self._first_product + np.arange(len(self.electrons) + len(self.seeds) - TAPS)
        plain = cell_integrals(ratio * step, product * step, step)
        near = ratio * step > np.log(RECOIL)
        plain[near] = divided_integrals(ratio[near] * step, product * step, step)
        return plain * np.exp((np.arange(TAPS) - 2) * step)

    @property
    def _first_ratio(self) -> int:
        """Lattice number of the lowest eps_s / gamma."""
        return self.scattered.start - (self.electrons.start + len(self.electrons) - 1)

    @property
    def _first_product(self) -> int:
        """Lattice number of the lowest gamma eps, of the lower end of the first cell."""
        return self.electrons.start + self.seeds.start + 2

    def _block(self, table: np.ndarray, rows: slice) -> _Block | None:
        """Return the part of some scattered energies; None if nothing scatters to them."""
        scattered = self.scattered.start + np.arange(rows.start, rows.stop)
        electrons = self.electrons.start + np.arange(len(self.electrons))
        cells = np.arange(len(self.seeds) - TAPS + 1)
        ratio = scattered[:, None] - electrons  # (s, g)
        product = electrons[:, None] + self.seeds.start + 2 + cells  # (g, c)
        values = table[
            (ratio - self._first_ratio)[:, :, None], (product - self._first_product)[None]
        ]
        # photons do not lose energy: q >= 1 / (4 gamma^2) is eps (1 - eps_s / gamma) <= eps_s
        w = np.minimum(np.exp(ratio * self.electrons.step), 1 - 1e-9)
        highest = scattered[:, None] - np.log1p(-w) / self.electrons.step
        values = values * (self.seeds.start + 2 + cells + 0.5 < highest[:, :, None])[..., None]
        tensor = np.zeros((len(self.seeds), len(scattered), len(electrons)))
        for tap in range(TAPS):
            tensor[tap : tap + len(cells)] += np.moveaxis(values[..., tap], 2, 0)
        used = tensor != 0
        if not used.any():
            return None
        photons = _extent(used.any(axis=(1, 2)))
        particles = _extent(used.any(axis=(0, 1)))
        part = tensor[photons, :, particles].astype(self._precision)
        return _Block(rows, particles, photons, part.reshape(len(part), -1).copy())


def _extent(used: np.ndarray) -> slice:
    """Return the slice from the first to the last that is true."""
    first, last = np.flatnonzero(used)[[0, -1]]
    return slice(int(first), int(last) + 1)
