r"""Spectra of what becomes of the pions that a proton and a photon make.

:math:`\Phi(\eta, x)` of Kelner & Aharonian (2008, Phys. Rev. D 78, 034013; arXiv:0803.0688), eqs.
27 to 41 and tables I to III: fits to simulations by SOPHIA (Muecke et al. 2000) of isotropic
photons, of which a proton of the energy E_p makes

.. math:: \frac{dN}{dt\,dx} = \int n(\epsilon) \Phi(\eta, x) d\epsilon, \qquad
   \eta = \frac{4 \epsilon E_p}{m_p^2 c^4}, \quad x = E / E_p

secondaries of the energy E. With parameters that are interpolated over eta as they are, spectra of
protons among microwave photons are those of their figure 15 within 2 per cent, and 8 per cent at
the upper end (tested).

Beyond the tables two things are not from the paper: below the first eta, B falls to the threshold
as a power of the distance to it; above 100 eta_0 the spectrum over x stays as it is there, which
conserves energy and leaves out that there are ever more secondaries of low energy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.313
"""eta_0 = 2 r + r^2: below it there is no pion."""
TABULATED = 100.0
"""Largest eta / eta_0 in the tables."""
_R = 0.146  # m_pi / m_p
_TWO_PIONS = 4 * _R * (1 + _R)  # eta above which negative pions are made
_ETA = (1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 3, 4, 5, 6, 7, 8, 9, 10)


@dataclass(frozen=True)
class Secondary:
    """One kind of particle.

    Attributes
    ----------
    threshold : float
        eta from which there is any.
    table : ndarray, shape (n, 4)
        eta / eta_0, s, delta, B in cm3 / s.
    index : callable
        psi of eta / eta_0.
    limits : callable
        Of eta: x below which the spectrum is flat, and above which there is nothing.
    """

    threshold: float
    table: np.ndarray
    index: Callable[[np.ndarray], np.ndarray]
    limits: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

    def spectrum(self, eta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return Phi in cm3 / s of eta and x, which are broadcast against each other."""
        eta, x = np.broadcast_arrays(np.asarray(eta, float), np.asarray(x, float))
        possible = eta > self.threshold
        safe = np.where(possible, np.minimum(eta, TABULATED * THRESHOLD), 10.0)
        low, high = self.limits(safe)
        s, delta, b = self._parameters(safe)
        y = np.clip((x - low) / np.maximum(high - low, 1e-300), 0, 1)
        ln = np.log(np.maximum(x / low, 1))
        shape = np.exp(-s * ln**delta) * np.log(2 / (1 + y**2)) ** self.index(safe / THRESHOLD)
        return np.where(possible & (x < high), b * shape, 0.0)

    def _parameters(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return s, delta and B of eta above the threshold."""
        rho, s, delta, b = self.table.T
        place, threshold = eta / THRESHOLD, self.threshold / THRESHOLD
        above = (rho[:2] - threshold) / (rho[0] - threshold)
        power = np.log(b[1] / b[0]) / np.log(above[1])
        distance = np.minimum((place - threshold) / (rho[0] - threshold), 1)
        norm = np.interp(place, rho, b) * distance**power
        return np.interp(place, rho, s), np.interp(place, rho, delta), norm


def _pion(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return limits of x of a single pion (eq. 19)."""
    # eta_0 is rounded: the root is of something negative just above it
    root = np.sqrt(np.maximum((eta - _R**2 - 2 * _R) * (eta - _R**2 + 2 * _R), 0))
    return (eta + _R**2 - root) / (2 * (1 + eta)), (eta + _R**2 + root) / (2 * (1 + eta))


def _from_positive_pions(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = _pion(eta)
    return low / 4, high


def _muon_neutrinos(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = _pion(eta)
    part = np.clip(0.427 + 0.0729 * (eta / THRESHOLD - 2.14), 0.427, 1)
    return 0.427 * low, np.where(eta > 10 * THRESHOLD, 1, part) * high


def _from_negative_pions(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    root = np.sqrt(eta * (eta - _TWO_PIONS))
    return (eta - 2 * _R - root) / (4 * (1 + eta)), (eta - 2 * _R + root) / (2 * (1 + eta))


def _index_of_gamma(rho: np.ndarray) -> np.ndarray:
    result: np.ndarray = 2.5 + 0.4 * np.log(rho)
    return result


def _index_of_positive(rho: np.ndarray) -> np.ndarray:
    result: np.ndarray = 2.5 + 1.4 * np.log(rho)
    return result


def _index_of_negative(rho: np.ndarray) -> np.ndarray:
    result: np.ndarray = -6 * np.expm1(1.5 * np.minimum(4 - rho, 0))
    return result


def _rows(eta: tuple[float, ...], s: str, delta: str, b: str) -> np.ndarray:
    columns = [np.array([float(word) for word in text.split()]) for text in (s, delta, b)]
    return np.column_stack([eta, *columns])


_GAMMA = _rows(
    (*_ETA, 20, 30, 40, 100),
    """.0768 .106 .182 .201 .219 .216 .233 .233 .248 .244 .188 .131 .120 .107 .102 .0932 .0838
    .0761 .107 .0928 .0772 .0479""",
    """.544 .540 .750 .791 .788 .831 .839 .825 .805 .779 1.23 1.82 2.05 2.19 2.23 2.29 2.37 2.43
    2.27 2.33 2.42 2.59""",
    """2.86e-19 2.24e-18 5.61e-18 1.02e-17 1.60e-17 2.23e-17 3.10e-17 4.07e-17 5.30e-17 6.74e-17
    1.51e-16 1.24e-16 1.37e-16 1.62e-16 1.71e-16 1.78e-16 1.84e-16 1.93e-16 4.74e-16 7.70e-16
    1.06e-15 2.73e-15""",
)
_POSITRON = _rows(
    (*_ETA, 30, 100),
    """.367 .282 .260 .239 .224 .207 .198 .193 .187 .181 .122 .106 .0983 .0875 .0830 .0783 .0735
    .0644 .0333 .0224""",
    """3.12 2.96 2.83 2.76 2.69 2.66 2.62 2.56 2.52 2.49 2.48 2.50 2.46 2.46 2.44 2.44 2.45 2.50
    2.77 2.86""",
    """8.09e-19 7.70e-18 2.05e-17 3.66e-17 5.48e-17 7.39e-17 9.52e-17 1.20e-16 1.47e-16 1.75e-16
    3.31e-16 4.16e-16 5.57e-16 6.78e-16 7.65e-16 8.52e-16 9.17e-16 9.57e-16 3.07e-15 1.58e-14""",
)
_MUON_ANTINEUTRINO = _rows(
    (*_ETA, 30, 100),
    """.365 .287 .250 .238 .220 .206 .197 .193 .187 .178 .123 .106 .0944 .0829 .0801 .0752 .0680
    .0615 .0361 .0228""",
    """3.09 2.96 2.89 2.76 2.71 2.67 2.62 2.56 2.52 2.51 2.48 2.56 2.57 2.58 2.54 2.53 2.56 2.60
    2.78 2.88""",
    """8.09e-19 7.70e-18 1.99e-17 3.62e-17 5.39e-17 7.39e-17 9.48e-17 1.20e-16 1.47e-16 1.74e-16
    3.38e-16 5.17e-16 7.61e-16 9.57e-16 1.11e-15 1.25e-15 1.36e-15 1.46e-15 5.87e-15 3.10e-14""",
)
_MUON_NEUTRINO = _rows(
    (*_ETA, 30, 100),
    """0 .0778 .242 .377 .440 .450 .461 .451 .464 .446 .366 .249 .204 .174 .156 .140 .121 .107
    .0705 .0463""",
    """0 .306 .792 1.09 1.06 .953 .956 .922 .912 .940 1.49 2.03 2.18 2.24 2.28 2.32 2.39 2.46
    2.53 2.62""",
    """1.08e-18 9.91e-18 2.47e-17 4.43e-17 6.70e-17 9.04e-17 1.18e-16 1.32e-16 1.77e-16 2.11e-16
    3.83e-16 5.09e-16 7.26e-16 9.26e-16 1.07e-15 1.19e-15 1.29e-15 1.40e-15 5.65e-15 3.01e-14""",
)
_ELECTRON_NEUTRINO = _rows(
    (*_ETA, 30, 100),
    """.768 .569 .491 .395 .31 .323 .305 .285 .270 .259 .158 .129 .113 .0996 .0921 .0861 .0800
    .0723 .0411 .0283""",
    """2.49 2.35 2.41 2.45 2.45 2.43 2.40 2.39 2.37 2.35 2.42 2.46 2.45 2.46 2.46 2.45 2.47 2.51
    2.70 2.77""",
    """9.43e-19 9.22e-18 2.35e-17 4.20e-17 6.26e-17 8.57e-17 1.13e-16 1.39e-16 1.70e-16 2.05e-16
    3.81e-16 4.74e-16 6.30e-16 7.65e-16 8.61e-16 9.61e-16 1.03e-15 1.10e-15 3.55e-15 1.86e-14""",
)
_ELECTRON = _rows(
    (*_ETA[10:], 30, 100),
    ".658 .348 .286 .256 .258 .220 .217 .192 .125 .0507",
    "3.09 2.81 2.39 2.27 2.13 2.20 2.13 2.19 2.27 2.63",
    """6.43e-19 9.91e-18 1.24e-16 2.67e-16 3.50e-16 4.03e-16 4.48e-16 4.78e-16 1.64e-15
    4.52e-15""",
)
_ELECTRON_ANTINEUTRINO = _rows(
    (*_ETA[10:], 30, 100),
    ".985 .378 .31 .327 .308 .292 .260 .233 .135 .0770",
    "2.63 2.98 2.31 2.11 2.03 1.98 2.02 2.07 2.24 2.40",
    """6.61e-19 9.74e-18 1.34e-16 2.91e-16 3.81e-16 4.48e-16 4.83e-16 5.13e-16 1.75e-15
    5.48e-15""",
)


def _positive(table: np.ndarray) -> Secondary:
    return Secondary(THRESHOLD, table, _index_of_positive, _from_positive_pions)


def _negative(table: np.ndarray) -> Secondary:
    return Secondary(_TWO_PIONS, table, _index_of_negative, _from_negative_pions)


SECONDARIES: dict[str, Secondary] = {
    "gamma": Secondary(THRESHOLD, _GAMMA, _index_of_gamma, _pion),
    "positron": _positive(_POSITRON),
    "electron": _negative(_ELECTRON),
    "muon-neutrino": Secondary(THRESHOLD, _MUON_NEUTRINO, _index_of_positive, _muon_neutrinos),
    "muon-antineutrino": _positive(_MUON_ANTINEUTRINO),
    "electron-neutrino": _positive(_ELECTRON_NEUTRINO),
    "electron-antineutrino": _negative(_ELECTRON_ANTINEUTRINO),
}
"""Particles by name."""
