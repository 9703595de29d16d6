"""The stage ``pooled``: polarization of a source from all its observations together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import finite, write_json_values
from xsurvey.pipelines.polarization.pooling import constancy_records, pooled
from xsurvey.pipelines.polarization.provenance import history_of
from xsurvey.pipelines.polarization.stokes_files import (
    JSON,
    POOLED,
    STOKES_FILES,
    SUMS,
    TABLE,
    Measured,
    StokesResult,
    measured_records,
    read_sums,
    summary_of,
    write_sums,
)
from xsurvey.polarization.cube_table import write_cube
from xsurvey.polarization.measure import notes_of_bins
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour_parameters import KnownAngleParameters

_JOINED = ("mission", "telescope", "instrument", "target", "obs_id")
_FEW = 50
"""Events below which q and u are not Gaussian enough for the test between observations: of two with
23 events each and one polarization 7 % have p < 5 %, with 50 to 300 events 4 to 6 %."""
_OF_RESPONSES = ("name", "weighting", "reason")


def run_pooled(context: TaskContext) -> dict[str, Any]:
    """Measure the polarization of a source in all observations together."""
    records = [json.loads(path.read_text()) for path in context.paths("records")]
    results = [read_sums(path) for path in context.paths("sums")]
    result = StokesResult(
        _together([r.bins for r in results]), _together([r.whole for r in results])
    )
    write_sums(context.folder / SUMS, result)
    record = _record(context, records, results, result)
    parameters = context.section(PolarizationParameters)
    write_cube(
        context.folder / TABLE, result.bins.bins, parameters.acceptance_correction,
        _header(record), [
            *(f"observation {one['observation']}" for one in records),
            *history_of((), list(context.parameters.values())),
        ],
    )  # fmt: skip
    write_json_values(context.folder / JSON, record)
    return dict(finite({"observations": len(records), **summary_of(record["whole"])}))


def _together(measured: Sequence[Measured]) -> Measured:
    """Return the bins of all observations; those of one as they are."""
    return measured[0] if len(measured) == 1 else pooled(measured)


def _record(
    context: TaskContext, records: Sequence[Mapping[str, Any]], results: Sequence[StokesResult],
    result: StokesResult,
) -> dict[str, Any]:  # fmt: skip
    known = context.section(KnownAngleParameters)
    first = records[0]
    bins = measured_records(result.bins.bins, _counts_behind([r["bins"] for r in records]), known)
    whole = bins[0]
    if len(bins) > 1:
        behind = _counts_behind([[r["whole"]] for r in records])
        whole = measured_records(result.whole.bins, behind, known)[0]
    constancy = None
    if len(records) > 1:
        constancy = {
            "observations": [r["observation"] for r in records],
            "bins": constancy_records([r.bins.bins for r in results]),
            "whole": constancy_records([r.whole.bins for r in results])[0],
        }
    notes = [
        f"{_name(context, target)} is missing: {why}" for target, why in context.missing.items()
    ]
    for record in records:
        own = record["notes"] if len(records) == 1 else (
            f"{record['observation']}: {note}" for note in record["notes"]
        )  # fmt: skip
        notes.extend(own)
    if len(records) > 1:
        notes += [*notes_of_bins(result.bins.bins), *notes_of_bins(result.whole.bins)]
        notes += _few_events([one for r in records for one in (*r["bins"], r["whole"])])
    return {
        **first, "observation": POOLED, "observations": [r["observation"] for r in records],
        "missing": {_name(context, t): why for t, why in context.missing.items()},
        "mjd_start": min((r["mjd_start"] for r in records if r["mjd_start"]), default=None),
        "mjd_stop": max((r["mjd_stop"] for r in records if r["mjd_stop"]), default=None),
        "files": [name for r in records for name in r["files"]],
        **{name: _texts(r[name] for r in records) for name in _JOINED},
        "livetime_s": sum(r["livetime_s"] for r in records),
        "responses": _responses([r["responses"] for r in records]),
        "background": _background(records), "bins": bins, "whole": whole, "constancy": constancy,
        "notes": list(dict.fromkeys(notes)),
    }  # fmt: skip


def _few_events(bins: Sequence[Mapping[str, Any]]) -> list[str]:
    edges = {(b["energy_min"], b["energy_max"]): None for b in bins if b["counts"] < _FEW}
    return [
        f"{low:g}-{high:g} keV: less than {_FEW} events in an observation, the probability of the "
        "test between observations is not exact"
        for low, high in edges
    ]  # fmt: skip


def _name(context: TaskContext, target: str) -> str:
    """Return the observation of a target that is missing."""
    return target.removeprefix(f"{context.target} ")


def _texts(values: Any) -> str:
    return ", ".join(dict.fromkeys(v for v in values if v))


def _responses(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    texts = {name: _texts(one[name] for one in found) for name in _OF_RESPONSES}
    files = dict.fromkeys(name for one in found for name in one["files"])
    return {**texts, "files": list(files)}


def _background(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    found = [r["background"] for r in records]
    if any(one is None for one in found):
        return None
    scales = {one["scale"] for one in found}
    return {
        "region": found[0]["region"], "counts": sum(one["counts"] for one in found),
        # observations have scales of their own, by what of the regions was seen
        "scale": scales.pop() if len(scales) == 1 else None,
        "scales": {r["observation"]: r["background"]["scale"] for r in records},
    }  # fmt: skip


def _counts_behind(bins: Sequence[Sequence[Mapping[str, Any]]]) -> np.ndarray | None:
    counts = [[one["background_counts"] for one in own] for own in bins]
    if any(value is None for own in counts for value in own):
        return None
    return np.sum(np.array(counts, dtype=np.int64), axis=0)


def _header(record: Mapping[str, Any]) -> dict[str, Any]:
    header = {
        "TELESCOP": record["telescope"], "INSTRUME": record["instrument"],
        "OBJECT": record["target"], "OBS_ID": record["obs_id"],
        "LIVETIME": (record["livetime_s"], "[s] sum of the observations"),
        "WEIGHTED": (record["weighted"], "events weighted"),
        "ACCEPTC": (record["acceptance_correction"], "weighted by 1 / effective area"),
        "IRFNAME": record["responses"]["name"], "IRFWHY": record["responses"]["reason"],
        "SRCNAME": record["source"], "OBSNAME": (POOLED, "observations together"),
        "NOBS": len(record["observations"]),
    }  # fmt: skip
    background = record["background"]
    if background is not None and background["scale"] is not None:
        header["BKGSCALE"] = (background["scale"], "of the background region")
    return header


POOLED_STAGE = Stage(
    "pooled", "1", run_pooled, outputs=STOKES_FILES, inputs=("records", "sums"),
    parameters={"polarization": PolarizationParameters, "known_angle": KnownAngleParameters},
    helpers=(
        "xsurvey.io.json_values", "xsurvey.pipelines.polarization.pooling",
        "xsurvey.pipelines.polarization.provenance",
        "xsurvey.pipelines.polarization.stokes_files", "xsurvey.polarization.angle_records",
        "xsurvey.polarization.bin_sums", "xsurvey.polarization.contours",
        "xsurvey.polarization.cube_table", "xsurvey.polarization.estimators",
        "xsurvey.polarization.intervals", "xsurvey.polarization.known_angle",
        "xsurvey.polarization.measure", "xsurvey.polarization.measurement",
        "xsurvey.polarization.random_phases", "xsurvey.polarization.records",
        "xsurvey.polarization.significance",
        "xsurvey.polarization.stokes", "xsurvey.polarization.uncertain_angle",
        "xsurvey.polarization.variation",
    ),
    needs_all=False,
)  # fmt: skip
