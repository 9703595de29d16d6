"""Columns of the catalog that come from spectral fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xsurvey.detection.photometry import SourceFlag
from xsurvey.pipelines.spectra.extraction_stage import FAILED
from xsurvey.pipelines.spectra.fits_stage import FITTED
from xsurvey.pipelines.spectra.parameters import SpectraParameters
from xsurvey.pipelines.spectra.targets import SOURCE, has_counts

CATALOG_PART = "spectra"
"""The part of the schema ``sources`` that has these columns."""

POOR_FIT = 3.0
"""Standard deviations by which the statistic is above what the model gives, flagged beyond."""

_CM2_PER_COLUMN = 1e22
_COLUMNS = {
    "photon_index": ("phoindex", 1.0), "temperature": ("kt", 1.0),
    "abundance": ("abundanc", 1.0), "column_density": ("nh", _CM2_PER_COLUMN),
}  # fmt: skip
"""Column: parameter of the models, factor to the unit of the column."""
_IF_FREE = ("abundance",)
"""Columns of parameters that are frozen at an assumed value as a rule."""


def with_spectra(
    measured: Mapping[str, Any], fits: Mapping[str, Any] | None, parameters: SpectraParameters
) -> dict[str, Any]:
    """Return the measurements of a stack with the columns of its spectral fits.

    Parameters
    ----------
    measured : mapping
        As the stage ``photometry`` writes it.
    fits : mapping or None
        As the stage ``spectral_fits`` writes it; None where that failed: sources that should
        have been fitted are flagged, also those of observations without spectra.
    parameters : SpectraParameters
    """
    by_number = {f["number"]: f for f in (fits or {"fits": ()})["fits"] if f["kind"] == SOURCE}
    rows = []
    for number, row in enumerate(measured["rows"], start=1):
        found = by_number.get(number)
        if found is not None:
            rows.append({**row, **spectral_columns(found), "flag": row["flag"] | _flags(found)})
        elif _should_be_fitted(row, measured, parameters):
            rows.append({**row, "flag": row["flag"] | int(SourceFlag.SPECTRUM_FAILED)})
        else:
            rows.append(row)
    return {**measured, "rows": rows}


def _should_be_fitted(
    row: Mapping[str, Any], measured: Mapping[str, Any], parameters: SpectraParameters
) -> bool:
    piled_up = row["flag"] & SourceFlag.PILED_UP
    return not piled_up and has_counts(row, measured, parameters.min_counts)


def _flags(found: Mapping[str, Any]) -> int:
    flags = SourceFlag(0)
    if found["status"] == FAILED:
        flags |= SourceFlag.SPECTRUM_FAILED
    if found.get("approximate_responses"):
        flags |= SourceFlag.RESPONSE_APPROXIMATE
    fit = found.get("fit") if found["status"] == FITTED else None
    if fit is not None:
        if (_goodness(fit) or 0.0) > POOR_FIT:
            flags |= SourceFlag.SPECTRUM_POOR_FIT
        # samples never reach a limit: the profiles tell whether the data exclude it
        profiles = fit.get("profile", fit)["parameters"]
        chosen = [_the_one(profiles, ending) for ending, _ in _COLUMNS.values()]
        if _the_one(profiles, _COLUMNS["temperature"][0]) is not None:
            flags |= SourceFlag.MODEL_THERMAL
        if any(r and (r.get("lower_at_limit") or r.get("upper_at_limit")) for r in chosen):
            flags |= SourceFlag.SPECTRUM_AT_LIMIT
    return int(flags)


def spectral_columns(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of one source; none where there is no fit to be trusted."""
    if found["status"] != FITTED:
        return {}
    fit = found["fit"]
    flux = fit["flux"]["unabsorbed"]
    columns: dict[str, Any] = {
        "spectral_model": found["model"], "spectral_confidence": fit["confidence"],
        "spectral_band": f"{flux['energy_min']:g}-{flux['energy_max']:g} keV",
        "spectral_statistic": fit["statistic"]["value"], "spectral_dof": fit["statistic"]["dof"],
        "spectral_excess": _goodness(fit), "spectral_method": fit["method"],
        "spectral_model_preference": fit.get("choice", {}).get("preference"),
    }  # fmt: skip
    columns |= _interval("flux_unabsorbed", flux, 1.0)
    for name, (ending, factor) in _COLUMNS.items():
        record = _the_one(fit["parameters"], ending)
        if record is not None and not (name in _IF_FREE and record["frozen"]):
            columns |= _interval(name, record, factor)
    return columns


def _goodness(fit: Mapping[str, Any]) -> float | None:
    sigma = (fit.get("goodness") or {}).get("sigma")
    return None if sigma is None else float(sigma)


def _the_one(parameters: Mapping[str, Any], ending: str) -> Mapping[str, Any] | None:
    """Return the parameter of a kind, if the model has exactly one."""
    found: Sequence[Mapping[str, Any]] = [
        record for name, record in parameters.items()
        if name.rpartition(".")[2].lower() == ending
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None


def _interval(name: str, record: Mapping[str, Any], factor: float) -> dict[str, float | None]:
    values = {name: record["value"], f"{name}_lo": record["lower"], f"{name}_hi": record["upper"]}
    return {key: None if value is None else factor * value for key, value in values.items()}
