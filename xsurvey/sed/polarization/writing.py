"""Tables of polarization as this package writes them: ECSV that `read_polarization` reads back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.io.atomic import atomic_output
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements


def polarization_table(measured: PolarizationMeasurements) -> Table:
    """Return measured polarization as a table, with the columns that its rows need.

    Of Q/I and U/I these with errors and covariance, whatever they were made of; of degrees without
    angles these; of limits ``degree_ul``, ``confidence`` and ``limit_kind``, which is told.
    """
    table = Table({"frequency": measured.frequency * u.Hz})
    has = {kind: bool(len(measured.rows(kind))) for kind in Kind}
    if has[Kind.STOKES]:
        table["q"], table["u"] = measured.q, measured.u
        table["q_err"] = np.sqrt(measured.covariance[:, 0, 0])
        table["u_err"] = np.sqrt(measured.covariance[:, 1, 1])
        table["qu_cov"] = measured.covariance[:, 0, 1]
    if has[Kind.DEGREE]:
        table["degree"], table["degree_err"] = measured.degree, measured.degree_error
    if has[Kind.LIMIT] or has[Kind.UNDETECTED]:
        table["degree_ul"], table["confidence"] = measured.limit, measured.confidence
        limits = (Kind.LIMIT, Kind.UNDETECTED)
        table["limit_kind"] = [k.value if k in limits else "" for k in measured.kinds]
    table["instrument"] = list(measured.instruments)
    if measured.source:
        table.meta["source"] = measured.source
    return table


def write_polarization(
    path: Path, measured: PolarizationMeasurements, meta: Mapping[str, Any] | None = None
) -> None:
    """Write measured polarization as ECSV.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    table = polarization_table(measured)
    table.meta |= dict(meta or {})
    with atomic_output(path) as temporary:
        table.write(temporary, format="ascii.ecsv")
