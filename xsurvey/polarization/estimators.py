"""Polarization of energy bins from their sums: with right variances, and as cubes have it.

Both estimators have the same Q/I and U/I (Kislat et al. 2015, Astropart. Phys. 68, 45, section 4
and appendix A); they differ in errors and minimum detectable polarizations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.random_phases import as_chi2, threshold, unevenness
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.stokes import StokesBins, StokesFlag

Estimator = Literal["empirical", "pcube", "likelihood"]

_CUBE_MDP99 = 4.29  # Kislat et al. 2015, A.8, as cubes have it
_FAINT = 5.0  # I over its error


def empirical(sums: BinSums) -> StokesBins:
    """Measure polarization with the variances that the events themselves have.

    Q/I varies as the sum of the residuals w a (q/mu - Q/I) of the events, whose numbers are
    Poissonian: that has the fluctuations of I and its correlation with Q in it. Its variance is
    sum [w a (q/mu - Q/I)]^2 / I^2, and likewise the covariance of Q/I and U/I, times
    N / (N - 1) with the effective number of events N, since Q/I is from the same events.

    Without polarization a phase is as good as any other, so that the variance of both is
    sigma0^2 = sum (w a)^2 (q^2 + u^2) / (2 mu^2) / I^2, or sum (w a)^2 2 / mu^2 / I^2 where
    q^2 + u^2 = 4. Of many events the degree is Rayleigh distributed then: MDP99 = sqrt(2 ln 100)
    sigma0, and chi2 against no polarization is (PD / sigma0)^2; of few, both have the tail of a
    sum of vectors of these lengths (`xsurvey.polarization.random_phases`). chi2 exceeds 9.21 where
    PD exceeds MDP99. With the covariance about Q/I in place of sigma0, 50 events without
    polarization would exceed it with 5 % instead of 1 %.

    Parameters
    ----------
    sums : BinSums
        With or without a background subtracted.
    """
    i, q, u = sums.i, sums.q, sums.u
    with np.errstate(divide="ignore", invalid="ignore"):
        qn, un = np.where(i > 0, q / i, np.nan), np.where(i > 0, u / i, np.nan)
        bessel = np.where(sums.gross > 1, sums.gross / (sums.gross - 1), np.nan) / i**2
        qq = sums.qq - 2 * qn * sums.q_weight2 + qn**2 * sums.weight2
        uu = sums.uu - 2 * un * sums.u_weight2 + un**2 * sums.weight2
        qu = sums.qu - qn * sums.u_weight2 - un * sums.q_weight2 + qn * un * sums.weight2
        covariance = _matrix(qq * bessel, qu * bessel, uu * bessel)
        singular = np.isnan(polarization_chi2(qn, un, covariance))
        covariance = np.where(singular[..., None, None], np.nan, covariance)
        sigma0 = np.where((i > 0) & (sums.qq > 0), np.sqrt((sums.qq + sums.uu) / 2) / i, np.nan)
        beta = unevenness(sums)
        pd = np.hypot(qn, un)
        # along the measured direction, and across it; without one along any
        cos, sin = np.where(pd > 0, qn / pd, 1.0), np.where(pd > 0, un / pd, 0.0)
        along, across = projected(covariance, cos, sin), projected(covariance, -sin, cos)
        pa_err = np.where(pd > 0, 0.5 * np.degrees(across / pd), np.nan)
        return stokes_bins(
            sums, covariance, i * np.sqrt(covariance[..., 0, 0]),
            i * np.sqrt(covariance[..., 1, 1]), threshold(0.01, beta) * sigma0, along, pa_err,
            as_chi2((pd / sigma0) ** 2, beta),
            "empirical",
        )  # fmt: skip


def pcube(sums: BinSums) -> StokesBins:
    """Measure polarization as ixpeobssim's polarization cubes do.

    Errors are those of Kislat et al. (2015), A.4 and A.9 to A.10, with one modulation factor, the
    effective one, for all energies of a bin, and I - 1 for the number of events. The false-alarm
    rate of their MDP99 (A.8) is .4 to 4 %, by how broad the bin is: `empirical` has 1 %.

    Bins that cubes mask (I not above 1, or a modulation above sqrt(2)) have no errors here.
    """
    i, q, u, weight2 = sums.i, sums.q, sums.u, sums.weight2
    with np.errstate(divide="ignore", invalid="ignore"):
        qn, un = np.where(i > 0, q / i, np.nan), np.where(i > 0, u / i, np.nan)
        mu = np.where(i > 0, sums.modulation / i, np.nan)
        pd = np.hypot(qn, un)
        m = pd * mu
        known = (i > 0) & ((qn * mu) ** 2 <= 2) & ((un * mu) ** 2 <= 2)
        ratio = np.where(known, weight2 / i**2, np.nan)
        covariance = _matrix(
            ratio * (2 / mu**2 - qn**2), -ratio * qn * un, ratio * (2 / mu**2 - un**2)
        )
        chi2 = qn**2 / covariance[..., 0, 0] + un**2 / covariance[..., 1, 1]
        good = (i > 1) & (m**2 < 2) & (mu > 0)
        scale = np.where(good, np.sqrt(weight2 / i), np.nan)
        pd_err = scale * np.sqrt((2 - m**2) / ((i - 1) * mu**2))
        pa_err = np.degrees(scale / (m * np.sqrt(2 * (i - 1))))
        mdp99 = np.where(
            (i > 0) & (mu > 0), np.clip(_CUBE_MDP99 * np.sqrt(weight2) / (mu * i), 0, 1), np.nan
        )
        return stokes_bins(
            sums, covariance, i * np.sqrt(covariance[..., 0, 0]),
            i * np.sqrt(covariance[..., 1, 1]), mdp99, pd_err, np.where(pd > 0, pa_err, np.nan),
            chi2, "pcube",
        )  # fmt: skip


ESTIMATORS: dict[str, Callable[[BinSums], StokesBins]] = {"empirical": empirical, "pcube": pcube}


def stokes_bins(
    sums: BinSums, covariance: np.ndarray, q_err: np.ndarray, u_err: np.ndarray,
    mdp99: np.ndarray, pd_err: np.ndarray, pa_err: np.ndarray, chi2: np.ndarray, estimator: str,
) -> StokesBins:  # fmt: skip
    """Return measurements with their flags; arguments are as the attributes of `StokesBins`."""
    i = sums.i
    net = i > 0
    i_err = np.sqrt(sums.weight2)
    empty = sums.counts <= 0
    flags = (
        StokesFlag.NO_EVENTS * empty + StokesFlag.NO_NET_SIGNAL * (~net & ~empty)
        + StokesFlag.FEW_EVENTS * (net & (i < _FAINT * i_err))
        + StokesFlag.NO_ERROR * (net & ~np.isfinite(pd_err))
        + StokesFlag.ABOVE_ONE * (net & (np.hypot(sums.q, sums.u) > i))
    ).astype(np.int64)  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = {n: np.where(net, getattr(sums, n) / i, np.nan) for n in ("modulation", "energy")}
        effective = np.where(sums.weight2 > 0, np.maximum(i, 0) ** 2 / sums.weight2, 0.0)
    return StokesBins(
        energy_min=sums.energy_min, energy_max=sums.energy_max, energy=mean["energy"],
        counts=sums.counts, i=i, q=sums.q, u=sums.u, covariance=covariance, i_err=i_err,
        q_err=q_err, u_err=u_err, modulation=mean["modulation"], mdp99=mdp99,
        effective_counts=effective, pd_err=pd_err, pa_err_deg=pa_err, chi2=chi2, flags=flags,
        estimator=estimator,
    )  # fmt: skip


def _matrix(qq: np.ndarray, qu: np.ndarray, uu: np.ndarray) -> np.ndarray:
    return np.stack([np.stack([qq, qu], axis=-1), np.stack([qu, uu], axis=-1)], axis=-2)


def projected(covariance: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the standard deviation along directions of unit length."""
    variance = (
        covariance[..., 0, 0] * x**2 + 2 * covariance[..., 0, 1] * x * y
        + covariance[..., 1, 1] * y**2
    )  # fmt: skip
    return np.sqrt(np.maximum(variance, 0.0))
