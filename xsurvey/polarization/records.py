"""Polarization of energy bins as records for JSON, catalogs and tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.polarization.intervals import (
    ONE_SIGMA,
    THREE_SIGMA,
    angle_interval,
    degree_interval,
    degree_limits,
)
from xsurvey.polarization.stokes import StokesBins, StokesFlag

LIMITS = (0.99, THREE_SIGMA)


def columns_of_bins(bins: StokesBins) -> dict[str, np.ndarray]:
    """Return what was measured, one entry a bin; NaN where a bin has it not.

    Parameters
    ----------
    bins : StokesBins
        Arrays (n,).

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``energy_min``, ``energy_max``, ``energy`` (keV), ``counts``, ``I``, ``Q``, ``U`` and their
        errors, ``pd``, ``pd_err``, ``pd_lower`` and ``pd_upper`` (68.3 %), ``pd_upper_99``,
        ``pd_upper_9973``, ``pa_deg``, ``pa_err_deg``, ``pa_half_width_deg`` (68.3 %), ``mdp99``,
        ``modulation``, ``significance`` (sigma), ``chi2``, ``q_norm``, ``u_norm``, their
        covariance, ``effective_counts`` and ``flags``.
    """
    q, u, covariance = bins.q_norm, bins.u_norm, bins.covariance
    interval = degree_interval(q, u, covariance)
    limits = degree_limits(q, u, covariance, LIMITS)
    return {
        "energy_min": bins.energy_min, "energy_max": bins.energy_max, "energy": bins.energy,
        "counts": np.rint(bins.counts).astype(np.int64), "I": bins.i, "Q": bins.q, "U": bins.u,
        "I_err": bins.i_err, "Q_err": bins.q_err, "U_err": bins.u_err,
        "pd": bins.pd, "pd_err": bins.pd_err, "pd_lower": interval[:, 0],
        "pd_upper": interval[:, 1], "pd_upper_99": limits[:, 0], "pd_upper_9973": limits[:, 1],
        "pa_deg": bins.pa_deg, "pa_err_deg": bins.pa_err_deg,
        "pa_half_width_deg": angle_interval(q, u, covariance), "mdp99": bins.mdp99,
        "modulation": bins.modulation, "significance": bins.significance, "chi2": bins.chi2,
        "q_norm": q, "u_norm": u, "q_norm_variance": covariance[:, 0, 0],
        "u_norm_variance": covariance[:, 1, 1], "qu_norm_covariance": covariance[:, 0, 1],
        "effective_counts": bins.effective_counts, "flags": bins.flags,
    }  # fmt: skip


def records_of_bins(bins: StokesBins) -> list[dict[str, Any]]:
    """Return one record a bin: what `columns_of_bins` has, the flags by name."""
    columns = columns_of_bins(bins)
    return [
        {name: values[i] for name, values in columns.items() if name != "flags"}
        | {"confidence": ONE_SIGMA, "flags": StokesFlag.names(int(bins.flags[i]))}
        for i in range(len(bins.flags))
    ]
