r"""Compton scattering of photons that come from given directions, by isotropic electrons.

Relativistic electrons scatter into their own direction: those that are seen move towards the
observer, and meet photons at the angle psi to that. With :math:`\chi = \epsilon (1 - \cos\psi)`, in
m_e c^2, an electron gamma makes of an energy u per cm3 of such photons the power

.. math:: \epsilon_s j(\epsilon_s) = \frac{3}{8} c \sigma_T
   \frac{\epsilon_s^2}{\gamma^2} \frac{u}{\epsilon^2} \Xi, \quad
   \Xi = y + \frac{1}{y} - 2t + t^2, \quad
   y = 1 - \frac{\epsilon_s}{\gamma}, \quad t = \frac{\epsilon_s}{\gamma^2 \chi y} \le 2

(Dermer et al. 2009, ApJ 692, 32, eqs. 26 to 29; t <= 2 is their gamma >= gamma_min). At the rest of
the electron 1 - t is the cosine of the angle of scattering. Klein-Nishina is in it.

The kernel depends on seeds by chi alone. In the frame of a sphere with the Doppler factor delta,
eps_s and gamma are smaller by delta, and with delta chi for chi the kernel is the same: one tensor
[eps_s, gamma, chi] serves all seeds and all Doppler factors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import TAPS, LogGrid, tap_values
from xsurvey.sed.radiation.scattering_tensor import ScatteringTensor

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
HIGHEST_T = 2.0
"""t of photons that are thrown back."""

_NODES = 24  # Gauss-Legendre, in each cell of electron energies


def head_on(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return Xi; zero where t is above 2.

    Parameters
    ----------
    y : ndarray
        1 - eps_s / gamma, the part of its energy that the electron keeps.
    t : ndarray
        1 minus the cosine of the angle of scattering, in the frame of the electron.
    """
    return np.where(t <= HIGHEST_T, y + 1 / y - 2 * t + t**2, 0.0)


def electron_integrals(
    ln_w: np.ndarray, ln_product: np.ndarray, step: float, kernel: Kernel = head_on
) -> np.ndarray:
    r"""Return means of Xi over the electrons that a node stands for.

    gamma^2 n is interpolated between nodes: with phi the contribution of the node to the
    interpolated value, the mean is :math:`\int \phi (\gamma/\gamma_0)^{-3} \Xi d\ln\gamma` over the
    step. The kernel begins abruptly, at t = 2: cells are integrated from there.

    Parameters
    ----------
    ln_w : ndarray, shape (a,)
        ln of eps_s / gamma_0, equally spaced by `step`.
    ln_product : ndarray, shape (m,)
        ln of gamma_0 chi, equally spaced by `step`.
    step : float
        Between ln gamma of nodes.
    kernel : callable
        What stands for Xi, a function of y and t.

    Returns
    -------
    ndarray, shape (a, m)
    """
    # of a node's cells the lower ends are from 3 below to 2 above it
    below, above = 3, 2
    cells_w = ln_w[0] + step * np.arange(-above, len(ln_w) + below)
    cells_product = ln_product[0] + step * np.arange(-below, len(ln_product) + above)
    cells = _cell_integrals(cells_w, cells_product, step, kernel)
    result = np.zeros((len(ln_w), len(ln_product)))
    for tap in range(TAPS):
        shift = 2 - tap  # lower end of the cell in which the node is this tap, in steps from it
        part = cells[
            above - shift : above - shift + len(ln_w),
            below + shift : below + shift + len(ln_product),
            tap,
        ]
        result += np.exp(-3 * shift * step) * part
    return result / step


def _cell_integrals(
    ln_w: np.ndarray, ln_product: np.ndarray, step: float, kernel: Kernel
) -> np.ndarray:
    r"""Return integrals over cells of the six nodes' contributions, (a, m, 6).

    In :math:`v = \ln(\gamma - \epsilon_s)` the integrand :math:`y \Xi` has no pole where electrons
    lose all their energy. Energies are in units of the cell's lower end.
    """
    position, weight = np.polynomial.legendre.leggauss(_NODES)
    w = np.exp(ln_w)[:, None]  # eps_s
    product = np.exp(ln_product)[None, :]  # chi
    # t = 2: (gamma - eps_s) gamma = eps_s / 2 chi
    first = np.log(1 / (product * (1 + np.sqrt(1 + 2 / (product * w)))))
    start, stop = (np.log(np.maximum(end - w, np.finfo(float).tiny)) for end in (1.0, np.exp(step)))
    begin = np.maximum(start, first)
    some = begin < stop
    width = np.where(some, stop - begin, 0.0)[some]
    begin, w, product = (np.broadcast_to(x, some.shape)[some] for x in (begin, w, product))
    total = np.zeros((len(begin), TAPS))
    for p, h in zip((1 + position) / 2, weight / 2, strict=True):
        rest = np.exp(begin + p * width)  # gamma - eps_s
        gamma = rest + w
        y = rest / gamma
        t = np.minimum(w / (gamma * product * rest), HIGHEST_T)
        value = h * width * y * kernel(y, t) / gamma**3
        total += value[:, None] * tap_values(np.log(gamma) / step)
    result = np.zeros((*some.shape, TAPS))
    result[some] = total
    return result


class HeadOnKernel:
    """The tensor from electrons and seeds of given directions to scattered photons.

    Parameters
    ----------
    electrons, seeds, scattered : LogGrid
        Lorentz factors, chi and eps_s, with the same number of nodes a decade; all in the frame of
        the sphere, chi times its Doppler factor.
    kernel : callable
        What stands for Xi, a function of y and t.
    """

    def __init__(
        self, electrons: LogGrid, seeds: LogGrid, scattered: LogGrid, kernel: Kernel = head_on
    ) -> None:
        if not electrons.per_decade == seeds.per_decade == scattered.per_decade:
            raise ValueError("electrons, seeds and scattered photons need grids of one step")
        self.electrons, self.seeds, self.scattered = electrons, seeds, scattered
        self._electron_factor = electrons.nodes**-2
        self._unit = 0.375 * LIGHT * THOMSON * scattered.nodes**2
        step = electrons.step
        # of eps_s / gamma and gamma chi, in steps
        self._first_ratio = scattered.start - (electrons.start + len(electrons) - 1)
        self._first_product = electrons.start + seeds.start
        ratio = self._first_ratio + np.arange(len(scattered) + len(electrons) - 1)
        product = self._first_product + np.arange(len(electrons) + len(seeds) - 1)
        table = electron_integrals(ratio * step, product * step, step, kernel)
        self._tensor = ScatteringTensor(len(scattered), lambda rows: self._part(table, rows))

    @property
    def size(self) -> int:
        """Elements of the tensor that are kept."""
        return self._tensor.size

    def emissivity(self, numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the scattered power per volume and logarithm of the energy.

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
            Electrons per cm3 at the nodes of `electrons`.
        weights : ndarray, shape (b, n, c)
            Sums of u / eps^2 over directions and energies of n kinds of seeds, erg / cm3, at the
            nodes of `seeds`; u and eps of the frame in which the source of the seeds is at rest.

        Returns
        -------
        ndarray, shape (b, n, s)
            eps_s j(eps_s) in erg / s / cm3 at the nodes of `scattered`.
        """
        return self._tensor.product(numbers * self._electron_factor, weights) * self._unit

    def _part(self, table: np.ndarray, rows: slice) -> np.ndarray:
        """Return the tensor of some scattered energies, (c, s, g)."""
        scattered = self.scattered.start + np.arange(rows.start, rows.stop)
        electrons = self.electrons.start + np.arange(len(self.electrons))
        seeds = self.seeds.start + np.arange(len(self.seeds))
        ratio = scattered[:, None] - electrons - self._first_ratio  # (s, g)
        product = seeds[:, None] + electrons - self._first_product  # (c, g)
        return table[ratio, product[:, None, :]]
