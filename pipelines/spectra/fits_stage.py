"""The stage ``spectral_fits``: models fitted to spectra of one stack of observations.

It is done in parts, for some regions and sources each: `xsurvey.pipelines.spectra.parts_stage`
divides the stack, `xsurvey.pipelines.spectra.results_stage` puts together what came out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.provenance import json_value
from xsurvey.errors import InputError
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.pipelines.spectra.extraction_stage import EXTRACTED, FAILED
from xsurvey.pipelines.spectra.joined_entries import read_entries
from xsurvey.pipelines.spectra.model_fits import fit_models, net_counts
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.reading import SpectrumFiles, datasets_of, read_spectra
from xsurvey.pipelines.spectra.settings_of import (
    AUTO,
    alternatives_for,
    parameters_for,
    sampling_for,
)
from xsurvey.pipelines.spectra.source_posterior import PROFILE, posterior_summary
from xsurvey.pipelines.spectra.targets import SOURCE, count_states
from xsurvey.report.plate import png_bytes
from xsurvey.report.spectrum_axes import fit_figure
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings

FITTED = "fitted"
FITS_FOLDER, LINES = "fits", "lines.json"
WIDE = 10.0
"""Areas of background over source from which W-stat needs no groups."""


def run_spectral_fits(context: TaskContext) -> dict[str, Any]:
    """Fit the spectra of some regions and sources of a stack, jointly where there are several.

    A fit that failed has a cause and no parameters.
    """
    work = _Fitting(
        context.section(SpectraParameters), context.section(SpectralFitParameters),
        context.section(ModelSettings), context.folder / FITS_FOLDER, context.seed,
    )  # fmt: skip
    work.output.mkdir()
    known = {e.line["name"]: e for e in read_entries(context.paths("spectra"), context.missing)}
    lines = [work.line(*known[name]) for name in context.elements]
    (context.folder / LINES).write_text(json.dumps(json_value(lines), allow_nan=False))
    return count_states(lines)


@dataclass(frozen=True)
class _Fitting:
    """How all spectra of a stack are fitted, and where the results go."""

    spectra: SpectraParameters
    fitting: SpectralFitParameters
    settings: ModelSettings
    output: Path
    seed: int

    def line(self, entry: dict[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
        """Return what became of a region or source."""
        models = [parameters_for(entry["name"], self.spectra, self.fitting)]
        if entry["kind"] == SOURCE:
            models += alternatives_for(self.fitting)
        line = {**entry, "model": models[0].model}
        if entry["status"] != EXTRACTED:
            return line
        folder = self.output / entry["folder"]
        folder.mkdir(parents=True)
        try:
            if self.fitting.group == AUTO:
                group = chosen_group(paths, self.fitting.stat)
                models = [one.model_copy(update={"group": group}) for one in models]
            paths, notes = _that_can_be_read(paths, models[0])
            line["notes"] = [*line["notes"], *notes]
            return line | self._fitted(entry, paths, models, folder)
        except InputError as error:
            return line | {"status": FAILED, "cause": f"{Path(error.subject).name} {error.cause}"}

    def _fitted(
        self, entry: Mapping[str, Any], paths: Sequence[Path],
        models: Sequence[SpectrumFitParameters], folder: Path,
    ) -> dict[str, Any]:  # fmt: skip
        """Fit one region or source, write what came out, and return it."""
        fitting = self.fitting
        bands = () if fitting.flux_band is None else (fitting.flux_band,)
        # a seed of its own, whatever else is fitted
        own = np.random.SeedSequence([self.seed, *entry["name"].encode()]).generate_state(1)
        seed = int(own[0])
        found = fit_models(
            paths, models, fitting.alternative_margin, self.settings,
            FluxParameters(flux_band=bands), seed,
        )  # fmt: skip
        best, cause = found.fits[found.place], found.causes[found.place]
        assert best is not None
        summary: Mapping[str, Any] = {**best.summary, "method": PROFILE}
        least = fitting.mcmc_counts
        source = entry["kind"] == SOURCE
        if source and not cause and least is not None and net_counts(best) >= least:
            summary = posterior_summary(best, sampling_for(fitting), folder, seed)
        figure = fit_figure(best.fit, best.expression.text)
        (folder / "fit.png").write_bytes(png_bytes(figure))
        summary = {
            **summary, "group": models[0].group, "confidence": models[0].confidence,
        }  # fmt: skip
        if len(models) > 1:
            summary["choice"] = found.record()
        whole = {**summary, "alternatives": found.others()} if len(models) > 1 else summary
        text = json.dumps(json_value(whole), indent=1, allow_nan=False)
        (folder / "fit.json").write_text(text + "\n")
        if cause:
            return {"status": FAILED, "cause": cause}
        return {"status": FITTED, "model": found.models[found.place], "fit": summary}


def _that_can_be_read(
    paths: Sequence[Path], parameters: SpectrumFitParameters
) -> tuple[list[Path], list[str]]:
    """Return the spectra that a fit can use, and notes on others.

    Raises
    ------
    InputError
        None of them can be used.
    """
    if len(paths) == 1:
        return list(paths), []
    good, notes, errors = [], [], []
    for path in paths:
        try:
            datasets_of(read_spectra(SpectrumFiles([path]), parameters), parameters, False)
            good.append(path)
        except InputError as error:
            errors.append(error)
            notes.append(f"{path.name} is left out: it {error.cause}")
    if not good:
        raise errors[0]
    return good, notes


def chosen_group(paths: Sequence[Path], statistic: str) -> str:
    """Return how the channels of spectra are grouped where the user leaves it open.

    W-stat is biased where background bins are empty, unless the background's area is many times
    the source's: docs/spectra/pipeline.md has the numbers.
    """
    if statistic != "wstat":
        return "none"
    for path in paths:
        source = read_single_pha(path)
        background = read_single_pha(path.with_name(f"{path.stem}_bkg.pha"))
        areas = [float(s.exposure * s.backscal.mean()) for s in (source, background)]
        if areas[1] < WIDE * areas[0]:
            return "bmin5"
    return "none"


SPECTRAL_FITS = Stage(
    "spectral_fits", "4", run_spectral_fits, outputs=(FITS_FOLDER, LINES), inputs=("spectra",),
    parameters={
        "spectra": SpectraParameters, "spectral_fits": SpectralFitParameters,
        "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.inference", "xsurvey.io.ogip", "xsurvey.pipelines.spectra.fit_files",
        "xsurvey.pipelines.spectra.flux_posterior", "xsurvey.pipelines.spectra.joined_entries",
        "xsurvey.pipelines.spectra.model_fits", "xsurvey.pipelines.spectra.posterior",
        "xsurvey.pipelines.spectra.reading", "xsurvey.pipelines.spectra.settings_of",
        "xsurvey.pipelines.spectra.source_posterior", "xsurvey.pipelines.spectra.targets",
        "xsurvey.report.plate", "xsurvey.report.spectrum_axes", "xsurvey.spectra",
    ),
    needs_all=False,
)  # fmt: skip
