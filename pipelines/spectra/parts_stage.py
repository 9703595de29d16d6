"""The stage ``spectral_parts``: regions and sources of a stack in groups that a worker fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.parts import PARTS_FILE, grouped_by_work, write_parts
from xsurvey.pipelines.spectra.extraction_stage import EXTRACTED
from xsurvey.pipelines.spectra.joined_entries import JoinedEntry, read_entries
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.targets import SOURCE

_BEGUN, _MODEL, _TRIAL, _CHAIN = 0.2, 0.3, 0.002, 0.4
"""Seconds that the fits of a spectrum of some hundred channels take on a core, about: files and
figure; a model with its intervals; a simulated spectrum; a chain of 32 walkers in 4 ensembles that
converges soon. They only decide how many fits make a part."""


def run_spectral_parts(context: TaskContext) -> dict[str, Any]:
    """List those that can be fitted, in groups of some seconds of work."""
    fitting = context.section(SpectralFitParameters)
    seconds = {
        entry.line["name"]: expected_seconds(entry, fitting)
        for entry in read_entries(context.paths("spectra"), context.missing)
        if entry.line["status"] == EXTRACTED
    }
    parts = list(grouped_by_work(seconds))
    write_parts(context.folder / PARTS_FILE, parts)
    return {"parts": len(parts), "spectra": len(seconds)}


def expected_seconds(entry: JoinedEntry, fitting: SpectralFitParameters) -> float:
    """Return how long the fits of a region or source take, about.

    Parameters
    ----------
    entry : JoinedEntry
    fitting : SpectralFitParameters
    """
    source = entry.line["kind"] == SOURCE
    models = 1 + len(fitting.alternatives) if source else 1
    each = _MODEL * models + _TRIAL * fitting.goodness_trials
    if source and _is_sampled(entry.line, fitting):
        each += _CHAIN
    return _BEGUN + each * len(entry.paths)


def _is_sampled(line: Mapping[str, Any], fitting: SpectralFitParameters) -> bool:
    least, net = fitting.mcmc_counts, line.get("net_counts")
    return least is not None and net is not None and net >= least


SPECTRAL_PARTS = Stage(
    "spectral_parts", "1", run_spectral_parts, outputs=(PARTS_FILE,), inputs=("spectra",),
    parameters={"spectra": SpectraParameters, "spectral_fits": SpectralFitParameters},
    helpers=("xsurvey.engine.parts", "xsurvey.pipelines.spectra.joined_entries"),
    needs_all=False,
)  # fmt: skip
