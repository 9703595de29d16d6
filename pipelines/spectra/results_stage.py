"""The stage ``spectral_results``: what became of all regions and sources of a stack."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.provenance import json_value
from xsurvey.pipelines.spectra.extraction_stage import EXTRACTED, FAILED
from xsurvey.pipelines.spectra.joined_entries import read_entries
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.settings_of import parameters_for
from xsurvey.pipelines.spectra.targets import count_states

FITS = "fits.json"


def run_spectral_results(context: TaskContext) -> dict[str, Any]:
    """Put the parts together: what was fitted, and what could not be, with the cause."""
    spectra = context.section(SpectraParameters)
    fitting = context.section(SpectralFitParameters)
    fitted: dict[str, Any] = {}
    for path in context.paths("lines"):
        fitted |= {line["name"]: line for line in json.loads(path.read_text())}
    folders = context.paths("spectra")
    names = {entry.line["name"] for entry in read_entries(folders, {})}
    # observations are missing, and fits: the former have not the names of the latter
    observations = {
        target: cause for target, cause in context.missing.items()
        if target not in names or target in fitted
    }  # fmt: skip
    lines = []
    for entry in read_entries(folders, observations):
        name = entry.line["name"]
        line = fitted.get(name)
        if line is None:
            line = {**entry.line, "model": parameters_for(name, spectra, fitting).model}
            if line["status"] == EXTRACTED:
                cause = context.missing.get(name, "its fit is missing")
                line |= {"status": FAILED, "cause": cause}
        lines.append(line)
    result = json_value({"target": context.target, "fits": lines})
    (context.folder / FITS).write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")
    return count_states(lines)


SPECTRAL_RESULTS = Stage(
    "spectral_results", "1", run_spectral_results, outputs=(FITS,), inputs=("spectra", "lines"),
    parameters={"spectra": SpectraParameters, "spectral_fits": SpectralFitParameters},
    helpers=(
        "xsurvey.pipelines.spectra.joined_entries", "xsurvey.pipelines.spectra.settings_of",
        "xsurvey.pipelines.spectra.targets",
    ),
    needs_all=False,
)  # fmt: skip
