"""Light curves without an engine: what ``xsurvey lightcurve`` does."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.inference.poisson_rate import CONFIDENCE
from xsurvey.io.atomic import atomic_output
from xsurvey.report.light_curve_axes import light_curve_figure
from xsurvey.report.plate import png_bytes
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.join import bin_light_curve, join_light_curves
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import Variability, measure_variability
from xsurvey.timing.parameters import LightCurveParameters, VariabilityParameters
from xsurvey.timing.write import write_light_curve


def light_curve_of_files(
    paths: Sequence[Path], binning: LightCurveParameters, variability: VariabilityParameters, *,
    output: Path, plot: Path | None = None, seed: int = 0,
) -> tuple[LightCurve, dict[str, Any]]:  # fmt: skip
    """Bin a light curve, measure its variability, and write it.

    Parameters
    ----------
    paths : sequence of path
        Light-curve files of one source or field that follow each other in time.
    binning, variability : StepParameters
    output : path
        OGIP light curve to write.
    plot : path, optional
        PNG to write.
    seed : int
        Of the simulations that the p-values rest on.

    Returns
    -------
    curve : LightCurve
    summary : dict
        For ``--json``. The keys at its top are those of the band that was asked for first, or
        else of the one with most counts; ``bands`` has all.
    """
    curve = _light_curve(paths, binning)
    measures = measure_variability(curve, variability, seed)
    _write(output, curve, measures, paths, (binning, variability), seed)
    if plot is not None:
        figure = light_curve_figure(curve, measures, binning.limit_confidence)
        with atomic_output(plot) as temporary:
            temporary.write_bytes(png_bytes(figure))
    return curve, _summary(output, curve, measures, binning)


def _light_curve(paths: Sequence[Path], binning: LightCurveParameters) -> LightCurve:
    """Return the light curve that the files hold.

    An event file becomes one here, by ``timing.from_events.light_curve_from_events``, which bins
    it by itself, when that is written.
    """
    curve = join_light_curves([read_light_curve(p) for p in paths], paths)
    return bin_light_curve(curve, binning, paths[0])


def _write(
    output: Path, curve: LightCurve, measures: Sequence[Variability], paths: Sequence[Path],
    parameters: tuple[LightCurveParameters, VariabilityParameters], seed: int,
) -> None:  # fmt: skip
    header: dict[str, Any] = {"SEED": (seed, "of the simulations behind PVALn")}
    for n, measure in enumerate(measures, start=1):
        if np.isfinite(measure.p_value):
            header |= {
                f"LRT{n}": (measure.statistic, "likelihood ratio against constancy"),
                f"PVAL{n}": (measure.p_value, "its p-value for a constant source"),
                f"VARBL{n}": (bool(measure.variable), f"PVAL{n} <= {measure.significance:g}"),
            }
    history = [f"input {path.name} sha256 {_sha256(path)}" for path in paths]
    for name, section in zip(("lightcurve", "variability"), parameters, strict=True):
        history += [f"{name}.{key} = {value}" for key, value in section.normalised().items()]
    write_light_curve(output, curve, header, history, parameters[0].limit_confidence)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _summary(
    output: Path, curve: LightCurve, measures: Sequence[Variability],
    binning: LightCurveParameters,
) -> dict[str, Any]:  # fmt: skip
    bands = _by_band(curve, measures, binning.limit_confidence)
    totals = curve.counts.sum(axis=0)
    main = bands[0 if binning.light_curve_band else int(np.argmax(totals))]
    return {
        "file": str(output), "bins": len(curve), "telescope": curve.telescope,
        "instrument": curve.instrument, "target": curve.target,
        "reference_mjd": curve.reference_mjd, "time_scale": curve.time_scale,
        "exposure_unit": curve.exposure_unit, "time": curve.time, "timedel": curve.timedel,
        **main, "bands": bands, "notes": list(curve.warnings),
    }  # fmt: skip


def _by_band(
    curve: LightCurve, measures: Sequence[Variability], limit_confidence: float
) -> list[dict[str, Any]]:
    low, high = curve.rate_interval()
    limit = curve.upper_limit(limit_confidence)
    mean = curve.summed()
    mean_low, mean_high = mean.rate_interval()
    return [
        {
            "band": label, "counts": curve.counts[:, i].sum(),
            "exposure_s": curve.exposure[:, i].sum(),
            "mean_rate": {
                "value": mean.rate[0, i], "lower": mean_low[0, i], "upper": mean_high[0, i],
                "confidence": CONFIDENCE, "unit": curve.rate_unit,
            },
            "counts_per_bin": curve.counts[:, i],
            "background_counts_per_bin": curve.background_counts[:, i],
            "background_scale": curve.background_scale[:, i],
            "exposure_per_bin": curve.exposure[:, i], "rate": curve.rate[:, i],
            "rate_lo": low[:, i], "rate_hi": high[:, i], "rate_upper_limit": limit[:, i],
            "limit_confidence": limit_confidence, "variability": measures[i].as_json(),
        }
        for i, label in enumerate(curve.labels)
    ]  # fmt: skip
