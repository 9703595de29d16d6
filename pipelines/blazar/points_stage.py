"""The stage ``sed_points``: tables of a source, and points of its spectra, put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
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
from xsurvey.sed.tables.table import instrument_counts, read_sed
from xsurvey.sed.tables.writing import write_sed

_EMPTY = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: frequency, unit: Hz, datatype: float64}\n\
# schema: astropy-2.0\nfrequency\n"
"""A table of polarization without rows: an output of the stage must be there."""


def run_points(context: TaskContext) -> dict[str, Any]:
    """Put the tables and the points of spectra of a source together, and tell what is in them."""
    source = context.section(BlazarSource)
    fluxes, light, spectra, fits = (
        context.paths(name) if name in context.inputs else []
        for name in ("fluxes", "light", "spectra", "spectrum_fits")
    )
    origins = [json.loads(path.read_text()) for path in fits]
    of_spectra = [
        _points_of_spectra(path, origin) for path, origin in zip(spectra, origins, strict=True)
    ]
    sed = joined_sed(context.target, fluxes, source.redshift, of_spectra)
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
        "spectra": [_origin(one) for one in origins],
        **_points(sed), "polarization": _polarization(measured),
        "notes": list(dict.fromkeys([*sed.notes, *(measured.notes if measured else ())])),
    }  # fmt: skip
    write_json_values(context.folder / RECORD, record)
    return {"points": record["points"], "limits": record["limits"],
            "polarization": sum(record["polarization"].values())}  # fmt: skip


def _points_of_spectra(path: Path, origin: Mapping[str, Any]) -> SpectralEnergyDistribution:
    """Return points that spectra of an instrument gave, with what is to be known of them."""
    sed = read_sed(path)
    notes = [*sed.notes, *origin["notes"]]
    if not origin["converged"]:
        notes.append("the search for the best fit of its spectra did not end at a minimum")
    return replace(sed, name=str(origin["instrument"]), notes=tuple(notes))


def _origin(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return where points of spectra are from."""
    data = record["data"]
    return {
        "instrument": record["instrument"], "spectra": [one["spectrum"] for one in data],
        "files": record["provenance"]["inputs"],
        "model": record["model"]["expression"], "absorption": record["model"]["absorption"],
        "energy_min": min(one["energy_min"] for one in data),
        "energy_max": max(one["energy_max"] for one in data),
        **{key: record[key] for key in ("statistic", "goodness", "converged", "parameters")},
        **{key: sum(one[key] for one in data) for key in ("points", "limits")},
    }  # fmt: skip


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
    "sed_points", "2", run_points, outputs=(SED, POLARIZATION, RECORD),
    optional_inputs=("fluxes", "light", "spectra", "spectrum_fits"),
    parameters={"source": BlazarSource},
    helpers=(
        "xsurvey.io.json_values", "xsurvey.pipelines.blazar.source_files",
        "xsurvey.pipelines.sed.measured_polarization", "xsurvey.sed.polarization",
        "xsurvey.sed.tables",
    ),
)  # fmt: skip
