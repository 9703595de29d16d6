"""The stage ``spectral_fits``: models fitted to the spectra of one observation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.provenance import json_value
from xsurvey.errors import InputError
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.pipelines.spectra.extraction_stage import EXTRACTED, FAILED, INDEX, count_states
from xsurvey.pipelines.spectra.fit_files import SpectrumFit, fit_spectrum_files
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.reading import SpectrumFiles
from xsurvey.report.plate import png_bytes
from xsurvey.report.spectrum_axes import fit_figure
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings

FITTED = "fitted"
FITS = "fits.json"
AUTO = "auto"
WIDE = 10.0
"""Areas of background over source from which W-stat needs no groups."""


def run_spectral_fits(context: TaskContext) -> dict[str, Any]:
    """Fit the spectra of one observation.

    A fit that failed has a cause and no parameters.
    """
    folder = context.path("spectra")
    index = json.loads((folder / INDEX).read_text())
    output = context.folder / "fits"
    output.mkdir()
    spectra = context.section(SpectraParameters)
    fitting = context.section(SpectralFitParameters)
    settings = context.section(ModelSettings)
    entries = []
    for entry in index["spectra"]:
        parameters = parameters_for(entry["name"], spectra, fitting)
        line = {**entry, "model": parameters.model}
        if entry["status"] == EXTRACTED:
            (output / entry["name"]).mkdir()
            line |= _fit(folder, entry["name"], parameters, settings, fitting, output, context.seed)
        entries.append(line)
    result = json_value({"target": index["target"], "fits": entries})
    (output / FITS).write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")
    return count_states(entries)


def parameters_for(
    name: str, spectra: SpectraParameters, fitting: SpectralFitParameters
) -> SpectrumFitParameters:
    """Return how a region, or a source, of some name is fitted; ``auto`` groups are none yet."""
    own: Mapping[str, Any] = {}
    region = spectra.regions.get(name)
    if region is not None and region.model is not None:
        own = {key: getattr(region, key) for key in ("model", "set", "freeze", "thaw")}
    shared = (
        "model", "stat", "group", "confidence", "set", "freeze", "thaw", "limits", "starts",
        "goodness_trials",
    )  # fmt: skip
    values = {key: getattr(fitting, key) for key in shared}
    energy = () if fitting.energy is None else (fitting.energy,)
    if fitting.group == AUTO:
        values["group"] = "none"
    return SpectrumFitParameters.model_validate({**values, **own, "energy": energy})


def _fit(
    folder: Path, name: str, parameters: SpectrumFitParameters, settings: ModelSettings,
    fitting: SpectralFitParameters, output: Path, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Fit one spectrum, write what came out, and return it."""
    path = folder / name / f"{name}.pha"
    bands = () if fitting.flux_band is None else (fitting.flux_band,)
    if fitting.group == AUTO:
        group = chosen_group(path, parameters.stat)
        parameters = parameters.model_copy(update={"group": group})
    # a seed of its own, whatever else is fitted
    own = np.random.SeedSequence([seed, *name.encode()]).generate_state(1)
    try:
        fit = fit_spectrum_files(
            SpectrumFiles([path]), parameters, settings, FluxParameters(flux_band=bands),
            seed=int(own[0]),
        )  # fmt: skip
    except InputError as error:
        return {"status": FAILED, "cause": f"{Path(error.subject).name} {error.cause}"}
    figure = fit_figure(fit.fit, fit.expression.text)
    (output / name / "fit.png").write_bytes(png_bytes(figure))
    cause = why_useless(fit)
    summary = {
        **fit.summary, "group": parameters.group, "confidence": parameters.confidence,
    }  # fmt: skip
    text = json.dumps(json_value(summary), indent=1, allow_nan=False)
    (output / name / "fit.json").write_text(text + "\n")
    if cause:
        return {"status": FAILED, "cause": cause}
    return {"status": FITTED, "fit": summary}


def chosen_group(path: Path, statistic: str) -> str:
    """Return how the channels of a spectrum are grouped where the user leaves it open.

    W-stat is biased where background bins are empty, unless the background's area is many times
    the source's: docs/spectra/pipeline.md has the numbers.
    """
    if statistic != "wstat":
        return "none"
    source = read_single_pha(path)
    background = read_single_pha(path.with_name(f"{path.stem}_bkg.pha"))
    areas = [float(s.exposure * s.backscal.mean()) for s in (source, background)]
    return "none" if areas[1] >= WIDE * areas[0] else "bmin5"


def why_useless(fit: SpectrumFit) -> str:
    """Return why the parameters of a fit mean nothing, empty where they do.

    Zero may be a true value of a parameter, such as that of a column density; other limits are
    arbitrary, and a norm of zero leaves no source.
    """
    likelihood, minimum = fit.fit.likelihood, fit.fit.minimum
    if likelihood.degrees_of_freedom < 1:
        return "no more groups of channels than free parameters"
    if not minimum.converged:
        return f"the fit did not converge ({minimum.message})"
    free = [likelihood.parameters.parameters[i] for i in likelihood.parameters.free]
    if len(fit.fit.intervals) < len(free):
        return "intervals kept finding better fits"
    for parameter, value, at_bound in zip(free, fit.fit.theta, minimum.at_bounds, strict=True):
        if at_bound and (parameter.is_norm or value != 0):
            return f"{parameter.name} is at its limit, {value:g}"
    if not np.isfinite([fit.fit.statistic, *fit.fit.theta]).all():
        return "the best fit is not finite"
    return ""


SPECTRAL_FITS = Stage(
    "spectral_fits", "1", run_spectral_fits, outputs=("fits",), inputs=("spectra",),
    parameters={
        "spectra": SpectraParameters, "spectral_fits": SpectralFitParameters,
        "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.inference", "xsurvey.io.ogip", "xsurvey.pipelines.spectra.reading",
        "xsurvey.pipelines.spectra.fit_files", "xsurvey.report.plate",
        "xsurvey.report.spectrum_axes", "xsurvey.spectra",
    ),
)  # fmt: skip
