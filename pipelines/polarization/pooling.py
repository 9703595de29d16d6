r"""Observations of a source together: their sums added, or their likelihoods multiplied.

With the estimators of sums, I, Q, U and all sums of squares are added, each with its own modulation
factors, areas and background subtracted: what one observation with all the events would have.

With the likelihood the (q, u) of observations k have the mean of the inverse of their covariances,
which is where the product of their (Gaussian) likelihoods is largest. Without polarization each
varies with sigma0 in any direction, so that

.. math:: \mathrm{MDP}_{99}^{-2} = \sum_k \mathrm{MDP}_{99, k}^{-2}.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xsurvey.pipelines.polarization.stokes_files import Measured
from xsurvey.polarization.angle_records import sound_measurements
from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.estimators import ESTIMATORS, projected, stokes_bins
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.stokes import StokesBins, StokesFlag
from xsurvey.polarization.variation.constancy import constancy, weighted_mean


def pooled(measured: Sequence[Measured]) -> Measured:
    """Return the polarization of several observations of a source together.

    Parameters
    ----------
    measured : sequence of Measured
        One an observation, of the same energy bins and estimator.
    """
    sums = functools.reduce(operator.add, (one.sums for one in measured))
    estimator = measured[0].bins.estimator
    if estimator in ESTIMATORS:
        return Measured(sums, ESTIMATORS[estimator](sums))
    return Measured(sums, _of_likelihoods(sums, [one.bins for one in measured]))


def constancy_records(found: Sequence[StokesBins]) -> list[dict[str, Any]]:
    """Test for each energy bin whether observations have one polarization.

    Parameters
    ----------
    found : sequence of StokesBins
        One an observation, arrays (n,).

    Returns
    -------
    list of dict
        For each bin ``energy_min``, ``energy_max``, ``statistic`` (chi-squared), ``dof``,
        ``log_probability`` (natural), ``significance`` (sigma), ``observations`` that were
        measured, and the ``contribution`` of each to the statistic.
    """
    q, u, covariance = _stacked(found)
    test = constancy(q, u, covariance)
    return [
        {
            "energy_min": found[0].energy_min[i], "energy_max": found[0].energy_max[i],
            "statistic": test.statistic[i], "dof": int(test.dof[i]),
            "log_probability": test.log_probability[i], "significance": test.significance[i],
            "observations": int(test.bins[i]), "contribution": list(test.contribution[i]),
        }
        for i in range(len(found[0].energy_min))
    ]  # fmt: skip


def _stacked(found: Sequence[StokesBins]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return q and u, shape (n, k), of k observations, and their covariances (n, k, 2, 2)."""
    each = [sound_measurements(one.q_norm, one.u_norm, one.covariance) for one in found]
    q, u, covariance = (np.stack(values, axis=1) for values in zip(*each, strict=True))
    return q, u, covariance


def _of_likelihoods(sums: BinSums, found: Sequence[StokesBins]) -> StokesBins:
    q, u, covariance = _stacked(found)
    qn, un, spread = weighted_mean(q, u, covariance)
    is_known = np.isfinite(q.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nansum(
            [np.where(known, one.mdp99**-2.0, 0.0)
             for known, one in zip(is_known, found, strict=True)], axis=0,
        )  # fmt: skip
        mdp99 = np.where(precision > 0, precision**-0.5, np.nan)
        pd = np.hypot(qn, un)
        cos, sin = np.where(pd > 0, qn / pd, 1.0), np.where(pd > 0, un / pd, 0.0)
        pa_err = np.where(pd > 0, 0.5 * np.degrees(projected(spread, -sin, cos) / pd), np.nan)
        i = _summed([one.i for one in found])
        q_err, u_err = (i * np.sqrt(spread[:, k, k]) for k in (0, 1))
    means = {
        name: _summed([one.i * getattr(one, name) for one in found])
        for name in ("modulation", "energy")
    }
    whole = replace(sums, i=i, q=i * qn, u=i * un, **means)
    bins = stokes_bins(
        whole, spread, q_err, u_err, mdp99, projected(spread, cos, sin), pa_err,
        polarization_chi2(qn, un, spread), "likelihood",
    )  # fmt: skip
    at_one = functools.reduce(operator.or_, (one.flags & int(StokesFlag.AT_ONE) for one in found))
    return replace(bins, flags=bins.flags | at_one)


def _summed(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return sums over observations; those that have nothing in a bin add nothing."""
    return np.asarray(np.nansum(values, axis=0))
