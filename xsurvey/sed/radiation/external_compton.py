"""Emission of electrons that scatter photons from outside of the sphere they are in."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.grids import TAPS, LogGrid, tap_values
from xsurvey.sed.radiation.head_on import HeadOnKernel
from xsurvey.sed.spectrum_interpolation import LogSpectra
from xsurvey.sed.targets.base import Rays

_DECADES = 8  # of chi below the highest: less counts as that
_TAIL = 1e-4  # of the energy that the slowest electrons scatter to: below, power goes as eps_s^2
_LEAST = 1e-200  # stands for chi of photons along the line of sight
_KEPT = 4  # kernels

Numbers = Callable[[LogGrid], np.ndarray]


def deposit(grid: LogGrid, ln_x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights at nodes that stand for weights between them.

    Parameters
    ----------
    grid : LogGrid
    ln_x : ndarray, shape (b, n)
        Natural logarithms of where; moved to the ends of the grid if they are outside.
    weights : ndarray, shape (b, n)

    Returns
    -------
    ndarray, shape (b, g)
        A sum over nodes of these times a smooth function is that over the places, to the fourth
        order of the step.
    """
    place = np.clip(ln_x, grid.ln[2], grid.ln[-3]) / grid.step - grid.start - 2
    cell = np.clip(np.floor(place).astype(int), 0, len(grid) - TAPS)
    taps = tap_values(place - cell) * weights[..., None]
    first = cell + np.arange(len(cell))[:, None] * len(grid)
    index = first[..., None] + np.arange(TAPS)
    flat = np.bincount(index.ravel(), taps.ravel(), minlength=len(cell) * len(grid))
    return flat.reshape(len(cell), len(grid))


class ExternalCompton:
    """Scattering of photons from given directions by electrons of a moving sphere.

    Parameters
    ----------
    per_decade : int
        Nodes a decade of all energies.
    """

    def __init__(self, per_decade: int) -> None:
        self.per_decade = per_decade
        self._kernels: OrderedDict[tuple[int, ...], HeadOnKernel] = OrderedDict()

    def power(
        self, numbers: Numbers, limits: tuple[float, float], delta: np.ndarray,
        sources: Sequence[Rays], ln_nu: np.ndarray,
    ) -> list[np.ndarray]:  # fmt: skip
        """Return nu' times the emissivity in the frame of the sphere for each source of photons.

        Parameters
        ----------
        numbers : callable
            Electrons per cm3 at the nodes of a grid, (b, g).
        limits : tuple of float
            Between which Lorentz factors all electrons are.
        delta : ndarray, shape (b,)
            Doppler factors.
        sources : sequence of Rays
        ln_nu : ndarray, shape (b, f)
            ln of Hz in the frame of the sphere.

        Returns
        -------
        list of ndarray, shape (b, f)
            erg / s / cm3.
        """
        moving = [np.log(np.maximum(rays.chi, _LEAST) * delta[:, None]) for rays in sources]
        kernel = self._kernel(limits, moving, ln_nu - math.log(FREQUENCY_OF_REST_ENERGY))
        weights = [
            deposit(kernel.seeds, ln_chi, rays.weight)
            for ln_chi, rays in zip(moving, sources, strict=True)
        ]
        power = kernel.emissivity(numbers(kernel.electrons), np.stack(weights, axis=1))
        ln_eps = ln_nu - math.log(FREQUENCY_OF_REST_ENERGY)
        return [LogSpectra(kernel.scattered, power[:, i])(ln_eps) for i in range(len(sources))]

    def _kernel(
        self, limits: tuple[float, float], ln_chi: Sequence[np.ndarray], ln_eps: np.ndarray
    ) -> HeadOnKernel:
        """Return a kernel that reaches over what is needed, by whole decades."""
        slowest, fastest = np.log10(limits)
        highest_chi = max(x.max() for x in ln_chi) / math.log(10)
        lowest_chi = max(min(x.min() for x in ln_chi) / math.log(10), highest_chi - _DECADES)
        top = _above(fastest)
        last = min(_above(ln_eps.max() / math.log(10)), top)
        tail = lowest_chi + 2 * slowest + math.log10(_TAIL)
        first = min(_below(max(ln_eps.min() / math.log(10), tail)), last - 1)
        chi = _below(lowest_chi), _above(highest_chi)
        key = _below(slowest), top, first, last, chi[0], max(chi[1], chi[0] + 1)
        if key not in self._kernels:
            decades = [10.0**exponent for exponent in key]
            electrons, scattered, seeds = (
                LogGrid(low, high, self.per_decade)
                for low, high in zip(decades[::2], decades[1::2], strict=True)
            )
            self._kernels[key] = HeadOnKernel(electrons, seeds, scattered)
            if len(self._kernels) > _KEPT:
                self._kernels.popitem(last=False)
        self._kernels.move_to_end(key)
        return self._kernels[key]


def _below(exponent: float) -> int:
    return math.floor(exponent + 1e-9)


def _above(exponent: float) -> int:
    return math.ceil(exponent - 1e-9)
