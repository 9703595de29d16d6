"""The stage ``sed_points``: the tables of a source put together and looked at."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.hashes import file_sha256
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.blazar.parameters import BlazarSource
from xsurvey.pipelines.blazar.source_files import (
    POLARIZATION,
    RECORD,
    SED,
    joined_polarization,
    joined_sed,
)
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.polarization.writing import write_polarization
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.table import instrument_counts
from xsurvey.sed.tables.writing import write_sed

_EMPTY = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: frequency, unit: Hz, datatype: float64}\n\
# schema: astropy-2.0\nfrequency\n"
"""A table of polarization without rows: an output of the stage must be there."""


def run_points(context: TaskContext) -> dict[str, Any]:
    """Put the tables of a source together, and tell what is in them."""
    source = context.section(BlazarSource)
    fluxes = context.paths("fluxes")
    light = context.paths("light") if "light" in context.inputs else []
    sed = joined_sed(context.target, fluxes, source.redshift)
    measured = joined_polarization(light)
    write_sed(context.folder / SED, sed)
    if measured is None:
        (context.folder / POLARIZATION).write_text(_EMPTY)
    else:
        write_polarization(context.folder / POLARIZATION, measured)
    record = {
        "source": context.target, "position": source.position._asdict(),
        "redshift": sed.redshift, "object": sed.source or None,
        "files": [{"name": p.name, "sha256": file_sha256(p)} for p in (*fluxes, *light)],
        **_points(sed), "polarization": _polarization(measured),
        "notes": list(dict.fromkeys([*sed.notes, *(measured.notes if measured else ())])),
    }  # fmt: skip
    write_json_values(context.folder / RECORD, record)
    return {"points": record["points"], "limits": record["limits"],
            "polarization": sum(record["polarization"].values())}  # fmt: skip


def _points(sed: SpectralEnergyDistribution) -> dict[str, Any]:
    return {
        "points": int((~sed.is_limit).sum()), "limits": int(sed.is_limit.sum()),
        "frequency_min": float(sed.frequency[0]), "frequency_max": float(sed.frequency[-1]),
        "instruments": dict(instrument_counts(sed)),
    }  # fmt: skip


def _polarization(measured: PolarizationMeasurements | None) -> dict[str, int]:
    """Return how many measurements there are of each kind; nothing without any."""
    if measured is None:
        return {}
    counts = {kind.value: measured.kinds.count(kind) for kind in Kind}
    return {kind: n for kind, n in counts.items() if n}


POINTS = Stage(
    "sed_points", "1", run_points, outputs=(SED, POLARIZATION, RECORD), inputs=("fluxes",),
    optional_inputs=("light",), parameters={"source": BlazarSource},
    helpers=(
        "xsurvey.io.json_values", "xsurvey.pipelines.blazar.source_files",
        "xsurvey.pipelines.sed.measured_polarization", "xsurvey.sed.polarization",
        "xsurvey.sed.tables",
    ),
)  # fmt: skip
