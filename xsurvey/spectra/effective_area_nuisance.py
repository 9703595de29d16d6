r"""Cross-calibration of effective areas in joint fits.

Telescopes do not agree on effective areas: temperatures of the same clusters from different ones
differ by tens of per cent at the hot end, in a way that goes with energy (arXiv:2401.17297). A
joint fit that takes areas as exact puts the disagreement into the source's parameters, with errors
that are far too small. Here each instrument's model is multiplied by

.. math:: f(E) = \exp\left(c_0 + \sum_{k=1}^{K} c_k P_k(x)\right)

with Legendre polynomials of x, which is ln E brought from the band to [-1, 1] (and stays at its end
outside). Priors are Gaussian about 0: a constant of 10 %, smooth terms of 5 % each. These are
choices, stated in results, not measurements; c_0 of one instrument stays at 0 where the source's
normalisation should mean that instrument's.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from xsurvey.errors import ParameterError

CONSTANT_SIGMA = 0.1
SMOOTH_SIGMA = 0.05
ORDER = 2


class EffectiveAreaNuisance:
    """A smooth factor on the effective area of one instrument, and how far it may be from one.

    Parameters
    ----------
    band : (float, float)
        Least and greatest energy, keV, of the basis: that of the fit.
    order : int
        Number K of smooth terms; 0 leaves the constant alone.
    constant_sigma, smooth_sigma : float
        Standard deviations of the priors of c_0 and of each c_k.

    Raises
    ------
    ParameterError
        Impossible band, order or deviation.
    """

    def __init__(
        self, band: tuple[float, float], order: int = ORDER,
        constant_sigma: float = CONSTANT_SIGMA, smooth_sigma: float = SMOOTH_SIGMA,
    ) -> None:  # fmt: skip
        low, high = (float(edge) for edge in band)
        if not 0 < low < high < np.inf:
            raise ParameterError(
                "effective area band", f"{low:g}-{high:g} keV is no band", "give it as 0.5-7"
            )
        if order < 0:
            raise ParameterError("effective area order", "is negative", "give 0 or more")
        for sigma in (constant_sigma, smooth_sigma):
            if not 0 < sigma < np.inf:
                raise ParameterError(
                    "effective area sigma", f"{sigma:g} is not positive", "give a fraction as 0.1"
                )
        self.band = (low, high)
        self.order = order
        self.names = ("constant", *(f"smooth_{k}" for k in range(1, order + 1)))
        self.defaults = np.zeros(order + 1)
        self.sigmas = np.array([constant_sigma, *[smooth_sigma] * order])

    def factor(self, parameters: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Return the factor on the effective area.

        Parameters
        ----------
        parameters : ndarray, shape (b, K + 1)
            c_0 to c_K.
        energy : ndarray, shape (n,)
            keV, positive.

        Returns
        -------
        ndarray, shape (b, n)

        Raises
        ------
        ValueError
            Energies are not positive, or the number of parameters is wrong.
        """
        energy = np.asarray(energy, float)
        if not np.all(energy > 0):
            raise ValueError("energies must be positive")
        return np.exp(self._batch(parameters) @ self._basis(energy))

    def _basis(self, energy: np.ndarray) -> np.ndarray:
        low, high = np.log(self.band)
        x = np.clip((2 * np.log(energy) - low - high) / (high - low), -1, 1)
        return np.asarray(legendre.legvander(x, self.order).T)

    def _batch(self, parameters: np.ndarray) -> np.ndarray:
        batch = np.atleast_2d(np.asarray(parameters, float))
        if batch.ndim != 2 or batch.shape[1] != self.order + 1:
            raise ValueError(f"parameters of shape {batch.shape} for {', '.join(self.names)}")
        return batch
