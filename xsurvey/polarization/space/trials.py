"""Look-elsewhere effect of maps and profiles: how improbable their most significant cell is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.significance import significance

_SMALL = 1e-10  # of the expected number of exceedances, below which it is the probability


@dataclass(frozen=True)
class Trials:
    """The most significant of all cells and energy bins that were looked at.

    Attributes
    ----------
    cells : int
        Cells and bins that were looked at.
    beams : float
        All of them, or independent beams of a smoothed map.
    effective : float
        How many independent cells would have one as significant as often, see `trials_of`.
    chi2 : float
        Of the most significant one, 2 degrees of freedom; NaN if none was looked at.
    cell, bin : int
        Which; -1 if none.
    local_log_p, log_p : float
        ln of its probability, and of that of one as significant in so many effective trials.
    bound_log_p : float
        The same among all cells: an upper bound, also where they are not independent.
    simulations : int
    exceeding : int
        Of them, those with a more significant cell anywhere.
    """

    cells: int
    beams: float
    effective: float
    chi2: float
    cell: int
    bin: int
    local_log_p: float
    log_p: float
    bound_log_p: float
    simulations: int = 0
    exceeding: int = 0

    @property
    def simulated_p(self) -> float:
        """Probability from simulations, (exceeding + 1) / (simulations + 1); NaN without them."""
        return (self.exceeding + 1) / (self.simulations + 1) if self.simulations else float("nan")

    def record(self) -> dict[str, float | int]:
        """Return the numbers for JSON; significances in sigma."""
        sigma = {n: float(significance(np.array(-2 * v))) for n, v in (
            ("local", self.local_log_p), ("global", self.log_p)
        )}  # fmt: skip
        return {
            "cells": self.cells,
            "beams": self.beams,
            "effective_trials": self.effective,
            "chi2_max": self.chi2,
            "p_local": float(np.exp(self.local_log_p)), "sigma_local": sigma["local"],
            "p_global": float(np.exp(self.log_p)), "sigma_global": sigma["global"],
            "p_global_bound": float(np.exp(self.bound_log_p)), "simulations": self.simulations,
            "p_global_simulated": self.simulated_p,
        }  # fmt: skip


def log_sidak(log_p: float, trials: float) -> float:
    """Return ln of 1 - (1 - p)^n, right for any p (Sidak 1967, JASA 62, 626).

    Examples
    --------
    >>> round(float(np.exp(log_sidak(np.log(0.01), 2))), 6)
    0.0199
    """
    if not trials > 0 or np.isnan(log_p):
        return float("nan")
    if log_p + np.log(trials) < np.log(_SMALL):
        return float(log_p + np.log(trials))
    if log_p >= 0:
        return 0.0
    return float(np.log(-np.expm1(trials * np.log1p(-np.exp(log_p)))))


def trials_of(
    chi2: np.ndarray, used: np.ndarray, beam: float = 1.0, *, smooth: bool = False
) -> Trials:
    """Correct the most significant cell for all that were looked at.

    Cells that share no event are independent trials. The number of beams of a smoothed map is not
    their number: between beams there are maxima, too, the more the higher they are. Of a smooth
    field of chi2 with 2 degrees of freedom the expected number of maxima above a high t is
    exp(-t/2) (t - 1) times area / (4 pi sigma^2), the beams of a Gaussian kernel of that sigma
    (Worsley 1994, Adv. Appl. Prob. 26, 13; edges left out). Of kernels with an edge all pixels
    count, which is too many.

    Parameters
    ----------
    chi2 : ndarray, shape (p, n)
    used : ndarray of bool, shape (p, n)
        What was looked at.
    beam : float
        Pixels of an independent beam.
    smooth : bool
        Whether the kernel is a Gaussian.
    """
    number = int(np.count_nonzero(used))
    if not number:
        nan = float("nan")
        return Trials(0, 0.0, 0.0, nan, -1, -1, nan, nan, nan)
    seen = np.where(used, chi2, -np.inf)
    cell, energy_bin = divmod(int(np.argmax(seen)), seen.shape[1])
    largest = float(seen[cell, energy_bin])
    local = -0.5 * float(largest)
    beams = max(number / beam, 1.0)
    effective = float(number)
    if smooth:
        effective = min(beams * max(largest - 1, 1.0), effective)
    return Trials(
        number, beams, effective, largest, cell, energy_bin, local,
        log_sidak(local, effective), log_sidak(local, number),
    )  # fmt: skip


def simulated_maxima(
    place: np.ndarray, strength: np.ndarray, shape: tuple[int, int], scale: np.ndarray,
    simulations: int, seed: int, combined: Callable[[np.ndarray], np.ndarray] | None = None,
    noise: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the largest chi2 of maps whose events have random phases.

    Where events are, and how much each counts, stays as observed: nothing is Gaussian that is not.

    Parameters
    ----------
    place : ndarray of int, shape (m,)
        Cell times n plus bin of each event.
    strength : ndarray, shape (m,)
        What each adds to (Q, U), without its phase.
    shape : (int, int)
        (p, n).
    scale : ndarray, shape (p, n)
        I sigma0 of the cells, by which (Q, U) are divided; NaN where nothing is looked at.
    simulations, seed : int
    combined : callable, optional
        From sums of cells (p, n) to those of smoothed or larger ones.
    noise : pair of ndarray, shapes (p or 1, 1) and (n,), optional
        Scale of a background, and the standard deviation of its Q and U.
    """
    generator = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    used = np.isfinite(scale)
    maxima = np.zeros(simulations)
    for number in range(simulations):
        phase = generator.random(len(place), dtype=np.float32) * np.float32(2 * np.pi)
        chi2 = np.zeros(scale.shape)
        sums: np.ndarray
        for wave in (np.cos, np.sin):
            sums = np.bincount(place, strength * wave(phase), size).reshape(shape)
            if combined is not None:
                sums = combined(sums)
            if noise is not None:
                sums = sums - noise[0] * generator.normal(0, noise[1])
            chi2 += np.where(used, sums / scale, 0.0) ** 2
        maxima[number] = chi2.max(initial=0.0)
    return maxima
