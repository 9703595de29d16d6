"""Look-elsewhere effect of maps and profiles: how improbable their most significant cell is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.random_phases import as_chi2
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


@dataclass(frozen=True)
class BackgroundNoise:
    """What the events of a background region, which are the same for all cells, add to Q and U.

    Attributes
    ----------
    scale : ndarray, shape (p, 1)
        With which the background is subtracted from each cell.
    error : ndarray, shape (n,)
        Standard deviation of its Q, and of its U, without polarization.
    cos, sin : ndarray, shape (p, 1)
        Means of cos 2 phi and sin 2 phi of the model angles of each cell, as in
        `turned_background`; 1 and 0 where north is the reference.
    """

    scale: np.ndarray
    error: np.ndarray
    cos: np.ndarray
    sin: np.ndarray

    @classmethod
    def of(
        cls, background: BinSums, scale: np.ndarray, cos: np.ndarray | None = None,
        sin: np.ndarray | None = None,
    ) -> BackgroundNoise:  # fmt: skip
        """Return the noise of a background, arrays (n,); none where it has no events."""
        return cls(
            scale, np.sqrt((background.qq + background.uu) / 2),
            np.ones((1, 1)) if cos is None else cos, np.zeros((1, 1)) if sin is None else sin,
        )  # fmt: skip

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return Q and U that are subtracted from the cells, shape (p, n).

        One Q and one U a bin, turned to each cell's directions: cells are correlated, and where
        directions cancel nothing is left.
        """
        q, u = generator.normal(0, self.error, (2, len(self.error)))
        return (
            self.scale * (self.cos * q + self.sin * u), self.scale * (self.cos * u - self.sin * q)
        )  # fmt: skip


def simulated_maxima(
    place: np.ndarray, strength: np.ndarray, shape: tuple[int, int], scale: np.ndarray,
    beta: np.ndarray, simulations: int, seed: int,
    combined: Callable[[np.ndarray], np.ndarray] | None = None,
    noise: BackgroundNoise | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the largest chi2 of maps whose events have random phases.

    Where events are, and how much each counts, stays as observed: nothing is Gaussian that is not
    (but the background). chi2 is what `null_chi2` has of the observed sums, with the tail of few
    events: cells differ in it, so that the largest (Q^2 + U^2) / sigma^2 is in another one.

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
    beta : ndarray, shape (p, n)
        `unevenness` of the cells.
    simulations, seed : int
    combined : callable, optional
        From sums of cells (p, n) to those of smoothed or larger ones.
    noise : BackgroundNoise, optional
        Of a background that is subtracted.
    """
    generator = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    used = np.isfinite(scale)
    divisor, tail = scale[used], beta[used]
    maxima = np.zeros(simulations)
    for number in range(simulations):
        phase = generator.random(len(place), dtype=np.float32) * np.float32(2 * np.pi)
        subtracted = (0.0, 0.0) if noise is None else noise.draw(generator)
        chi2 = np.zeros(len(divisor))
        for wave, background in zip((np.cos, np.sin), subtracted, strict=True):
            sums: np.ndarray = np.bincount(place, strength * wave(phase), size).reshape(shape)
            if combined is not None:
                sums = combined(sums)
            chi2 += ((sums - background)[used] / divisor) ** 2
        maxima[number] = as_chi2(chi2, tail).max(initial=0.0)
    return maxima
