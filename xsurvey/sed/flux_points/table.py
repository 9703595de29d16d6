"""Tables of flux points as gammapy and agnpy have them (``SED_TYPE`` e2dnde)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table, vstack
from scipy import stats

from xsurvey.io.atomic import atomic_output
from xsurvey.io.json_values import finite
from xsurvey.sed.flux_points.points import FluxPoints
from xsurvey.sed.tables.flux_units import FLUX_UNIT


def flux_point_table(
    points: Sequence[FluxPoints], confidence: float, meta: Mapping[str, Any]
) -> Table:
    """Return points of spectra as a table, one spectrum after the other.

    Parameters
    ----------
    points : sequence of FluxPoints
    confidence : float
        Of upper limits, one-sided. ``UL_CONF`` is that of gammapy, of the two-sided Gaussian.
    meta : mapping
        What else to write of them: values of JSON.

    Returns
    -------
    Table
        ``e2dnde``, its errors and ``e2dnde_ul`` are there in every row; where ``is_ul`` is true
        the limit is what counts.
    """
    table = vstack([_rows(p) for p in points], metadata_conflicts="silent")
    table.meta.update({
        "SED_TYPE": "e2dnde", "UL_CONF": float(2 * confidence - 1),
        "n_sigma_ul": float(stats.norm.ppf(confidence)), **finite(dict(meta)),
    })  # fmt: skip
    return table


def write_flux_points(table: Table, path: Path) -> None:
    """Write a table of points as ECSV, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    with atomic_output(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def _rows(points: FluxPoints) -> Table:
    bins, net = points.bins, points.net
    table = Table()
    for name, energy in (
        ("e_ref", bins.energy), ("e_min", bins.energy_min), ("e_max", bins.energy_max)
    ):  # fmt: skip
        table[name] = energy * u.keV
    for name, counts in (
        ("e2dnde", net.value), ("e2dnde_errn", net.error_low), ("e2dnde_errp", net.error_high),
        ("e2dnde_ul", net.limit),
    ):  # fmt: skip
        table[name] = points.of_counts(counts) * FLUX_UNIT
    table["is_ul"] = points.is_limit
    table["instrument"] = [points.instrument] * len(points)
    table["spectrum"] = [points.name] * len(points)
    table["total_counts"], table["expected_counts"] = bins.counts, bins.expected
    off = np.zeros(len(points)) if bins.background is None else bins.background * bins.ratio
    table["background_counts"] = off
    table["sqrt_ts"] = net.significance
    table["model_relative_error"] = points.model_error
    for name, text in _DESCRIPTIONS.items():
        table[name].description = text
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".7g"
    return table


_DESCRIPTIONS = {
    "e_ref": "mean energy of the photons of the point",
    "e_min": "least energy of its channels", "e_max": "largest energy of its channels",
    "e2dnde": "E^2 dN/dE without absorption",
    "e2dnde_errn": "error downwards of the counts, 1 sigma",
    "e2dnde_errp": "error upwards of the counts, 1 sigma",
    "e2dnde_ul": "upper limit",
    "is_ul": "whether the limit stands in place of the flux",
    "spectrum": "file of the spectrum",
    "total_counts": "counts of source and background",
    "expected_counts": "counts of the source that the model expects",
    "background_counts": "counts of the background in the source spectrum, of its own",
    "sqrt_ts": "significance of the net counts (Li & Ma 1983)",
    "model_relative_error": "error of model over expected counts, common to all points",
}  # fmt: skip
