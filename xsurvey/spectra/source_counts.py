r"""Numbers of sources as a function of flux: log N - log S.

.. math:: N(>S) = 2 N_b / [(S/S_b)^{\gamma_1} + (S/S_b)^{\gamma_2}]

with the number :math:`N_b` above the break, and the slopes below and above it: the form of
Moretti et al. (2003, ApJ 588, 696), whose fits are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.units import EnergyBand

_BRIGHTEST = 1e6  # times the limit: of 1e6 sources with a slope of 1.8 none is brighter
_POINTS = 4000


@dataclass(frozen=True)
class LogNLogS:
    """A smoothly broken power law of source numbers.

    Attributes
    ----------
    limit : float
        Faintest flux, erg / s / cm2.
    density : float
        Sources per deg2 above the break.
    break_flux : float
        erg / s / cm2.
    faint, bright : float
        Slopes of N(>S) below and above the break, positive.
    brightest : float
        Flux above which no sources are drawn.
    """

    limit: float
    density: float
    break_flux: float
    faint: float
    bright: float
    brightest: float = np.inf

    def above(self, flux: np.ndarray | float) -> np.ndarray:
        """Return the number per deg2 above fluxes."""
        return np.asarray(np.exp(self._log_above(np.log(np.asarray(flux, float)))))

    def _log_above(self, log_flux: np.ndarray) -> np.ndarray:
        # in logarithms, since steep laws far from the break are beyond what numbers hold
        scaled = log_flux - np.log(self.break_flux)
        steep = np.logaddexp(self.faint * scaled, self.bright * scaled)
        return np.asarray(np.log(2 * self.density) - steep)

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw fluxes above the limit, shape (count,)."""
        span = np.log(min(_BRIGHTEST, self.brightest / self.limit))
        grid = np.log(self.limit) + np.linspace(0, span, _POINTS)
        number = self._log_above(grid)
        least = max(float(np.exp(number[-1] - number[0])), np.finfo(float).tiny)
        wanted = number[0] + np.log(generator.uniform(least, 1, count))
        return np.asarray(np.exp(np.interp(-wanted, -number, grid)))

    def number(self) -> float:
        """Return the sources per deg2 between the limit and the brightest."""
        beyond = float(self.above(self.brightest)) if np.isfinite(self.brightest) else 0.0
        return float(self.above(self.limit)) - beyond

    def brightness(self, low: float, high: float = np.inf) -> float:
        """Return what sources between two fluxes have together, erg / s / cm2 / deg2.

        Sources below the limit of a mask have the brightness of all, less that above the limit:
        what a diffuse model has to stand for.
        """
        high = min(high, low * _BRIGHTEST)
        grid = np.log(low) + np.linspace(0, np.log(high / low), _POINTS)
        above, flux = self.above(np.exp(grid)), np.exp(grid)
        # the sum of S dN by parts: numbers are smooth where their derivatives need not be
        total = np.sum((above[1:] * flux[1:] + above[:-1] * flux[:-1]) / 2 * np.diff(grid))
        return float(low * above[0] - high * above[-1] + total)


MORETTI = {  # Table 2: soft and hard band; the number above the break follows from theirs
    EnergyBand(0.5, 2.0): (80.3, 1.48e-14, 0.60, 1.82),
    EnergyBand(2.0, 10.0): (742.0, 4.5e-15, 0.44, 1.57),
}
"""Number per deg2 above the break, its flux in erg / s / cm2, slopes below and above it."""


def moretti(flux_limit: float, band: EnergyBand) -> LogNLogS:
    """Return Moretti et al.'s law of the fluxes of a band, 0.5-2 or 2-10 keV, above a limit."""
    return LogNLogS(flux_limit, *MORETTI[band])
