"""Columns of a cluster in the catalog, from the results of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import stats

from xsurvey.pipelines.cluster.parameters import TargetParameters


def cluster_columns(
    target: TargetParameters, results: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the columns of a cluster's row.

    Parameters
    ----------
    target : TargetParameters
    results : mapping of str to mapping
        JSON records ``brightness``, ``spectral``, ``density`` and ``mass``; empty ones of stages
        that failed or were not asked for.
    """
    row: dict[str, Any] = {}
    whole = (results["brightness"].get("radii") or {}).get("whole")
    if whole is not None:
        # the probability of a Gaussian's tail, in logarithms: it is no number any more
        row["detection_likelihood"] = float(-stats.norm.logsf(whole["sigma"]))
    return row
