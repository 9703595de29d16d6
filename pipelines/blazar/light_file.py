"""Predicted light as FITS tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.io.atomic import atomic_output
from xsurvey.sed.fitting.predicted_light import Curve, PredictedLight
from xsurvey.sed.tables.writing import FLUX_UNIT

_COMPONENT = "nufnu_of_"
_LEVEL = "LEVEL{}"
_QUANTITIES = ("nufnu", "degree", "angle")


def write_light(path: Path, light: PredictedLight, header: Mapping[str, Any]) -> None:
    """Write predicted light as a FITS table.

    Columns are ``frequency``; ``nufnu`` (best fit, all processes), ``nufnu_median``,
    ``nufnu_lower_N`` and ``nufnu_upper_N``, ends of the central interval of the posterior whose
    probability is the keyword ``LEVELN``; ``nufnu_of_PROCESS``; likewise ``degree`` (a fraction)
    and ``angle`` where there is polarization. ``DRAWS`` is the number of draws; without a posterior
    it is 0, and medians and intervals are NaN.
    """
    table = Table({"frequency": light.frequency * u.Hz})
    for name, unit, curve in (
        ("nufnu", FLUX_UNIT, light.flux), ("degree", u.dimensionless_unscaled, light.degree),
        ("angle", u.deg, light.angle),
    ):  # fmt: skip
        if curve is not None:
            for column, values in _columns(name, curve):
                table[column] = values * unit
    for process, flux in light.components.items():
        table[f"{_COMPONENT}{process}"] = flux * FLUX_UNIT
    table.meta = {
        **header, "DRAWS": light.draws,
        **{_LEVEL.format(n): level for n, level in enumerate(light.levels, 1)},
    }  # fmt: skip
    _write(path, table)


def _columns(name: str, curve: Curve) -> Iterator[tuple[str, np.ndarray]]:
    yield name, curve.best
    yield f"{name}_median", curve.median
    for n, (lower, upper) in enumerate(zip(curve.lower, curve.upper, strict=True), 1):
        yield f"{name}_lower_{n}", lower
        yield f"{name}_upper_{n}", upper


def read_light(path: Path) -> PredictedLight:
    """Return what `write_light` wrote."""
    table = Table.read(path, format="fits")
    meta = {str(key).upper(): value for key, value in table.meta.items()}
    levels: list[float] = []
    while (key := _LEVEL.format(len(levels) + 1)) in meta:
        levels.append(float(meta[key]))
    curves = {
        name: _curve(table, name, len(levels)) if name in table.colnames else None
        for name in _QUANTITIES
    }
    flux = curves["nufnu"]
    assert flux is not None
    return PredictedLight(
        _plain(table, "frequency"), tuple(levels),
        {
            name.removeprefix(_COMPONENT): _plain(table, name) for name in table.colnames
            if name.startswith(_COMPONENT)
        },
        flux, curves["degree"], curves["angle"], int(meta["DRAWS"]),
    )  # fmt: skip


def _curve(table: Table, name: str, levels: int) -> Curve:
    lower, upper = (
        np.array([_plain(table, f"{name}_{end}_{n}") for n in range(1, levels + 1)])
        for end in ("lower", "upper")
    )
    return Curve(_plain(table, name), _plain(table, f"{name}_median"), lower, upper)


def _plain(table: Table, name: str) -> np.ndarray:
    """Return a column as numbers; astropy masks the NaN of FITS tables."""
    return np.asarray(np.ma.filled(np.ma.asarray(table[name], float), np.nan), float)


def _write(path: Path, table: Table) -> None:
    with atomic_output(path) as temporary:
        table.write(temporary, format="fits")
