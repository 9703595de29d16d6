"""Models with closed forms that agree with XSPEC's to rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

_NEARLY_LOGARITHMIC = 0.1  # of |1 - photon index|, below which differences of powers cancel


class PowerLaw:
    """XSPEC's ``powerlaw``: the integral of E^-index over each bin.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        In keV.
    """

    def __init__(self, edges: np.ndarray) -> None:
        self._log_edges = np.log(edges)
        self._log_low = self._log_edges[:-1]
        self._log_width = np.diff(self._log_edges)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return photons/cm2/s for a norm of 1.

        Parameters
        ----------
        rows : ndarray, shape (b, 1)
            Photon indices.

        Returns
        -------
        ndarray, shape (b, n)
        """
        exponent = 1 - rows
        gentle = np.abs(exponent) < _NEARLY_LOGARITHMIC
        if not gentle.any():
            powers = exponent * self._log_edges
            np.exp(powers, out=powers)
            flux = powers[:, 1:] - powers[:, :-1]
            flux /= exponent
            return flux
        if gentle.all():
            return self._gentle(exponent)
        flux = np.empty((len(rows), self._log_low.size))
        gentle = gentle[:, 0]
        flux[gentle] = self._gentle(exponent[gentle])
        flux[~gentle] = self(rows[~gentle])
        return flux

    def _gentle(self, exponent: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.expm1(exponent * self._log_width) / exponent
        return np.exp(exponent * self._log_low) * np.where(exponent == 0, self._log_width, width)


class RedshiftedPowerLaw:
    """XSPEC's ``zpowerlw``: a power law in the source's frame; rows are index and redshift."""

    def __init__(self, edges: np.ndarray) -> None:
        self._power_law = PowerLaw(edges)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return photons/cm2/s for a norm of 1, shape (b, n), of rows (b, 2)."""
        return self._power_law(rows[:, :1]) * (1 + rows[:, 1:]) ** -rows[:, :1]


class Constant:
    """XSPEC's ``constant``: a factor, in single precision as there."""

    def __init__(self, edges: np.ndarray) -> None:
        del edges  # the same at all energies

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the factors, shape (b, 1), of rows (b, 1)."""
        return rows.astype(np.float32).astype(np.float64)


ClosedForm = Callable[[np.ndarray], np.ndarray]
CLOSED_FORMS: Mapping[str, Callable[[np.ndarray], ClosedForm]] = {
    "powerlaw": PowerLaw, "zpowerlw": RedshiftedPowerLaw, "constant": Constant,
}  # fmt: skip
