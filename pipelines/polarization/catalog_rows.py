"""Rows of the tables of a catalog of polarization, from the records of stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xsurvey.errors import plain_ascii
from xsurvey.pipelines.polarization.stokes_files import POOLED
from xsurvey.polarization.stokes import StokesFlag

PART = "polarization"
SUMS = ("I", "I_err", "Q", "Q_err", "U", "U_err")
"""Columns that are per cm2 where the acceptance is corrected for."""
_OF_BIN = (
    "energy_min", "energy_max", "energy", "counts", *SUMS, "q_norm", "u_norm", "q_norm_variance",
    "u_norm_variance", "qu_norm_covariance", "pd", "pd_err", "pd_lower", "pd_upper", "confidence",
    "pd_upper_99", "pd_upper_9973", "pa_deg", "pa_err_deg", "pa_half_width_deg", "mdp99",
    "modulation", "effective_counts", "chi2", "significance",
)  # fmt: skip
_ALONG = (
    "pd", "pd_err", "pd_lower", "pd_upper", "pd_upper_99", "pd_upper_9973", "significance",
    "consistency",
)  # fmt: skip
_OF_SOURCE = {
    "energy_min": "energy_min", "energy_max": "energy_max", "counts": "counts", "degree": "pd",
    "degree_error": "pd_err", "degree_lo": "pd_lower", "degree_hi": "pd_upper",
    "limit_99": "pd_upper_99", "limit_9973": "pd_upper_9973", "mdp99": "mdp99", "angle": "pa_deg",
    "angle_error": "pa_err_deg", "significance": "significance",
}  # fmt: skip
_ALONG_OF_SOURCE = {
    "known_angle": "angle_deg", "known_degree": "pd", "known_degree_error": "pd_err",
    "known_limit_99": "pd_upper_99", "known_limit_9973": "pd_upper_9973",
    "known_significance": "significance",
}  # fmt: skip


def source_row(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the row of a source in the table of sources: its whole range, all observations.

    Parameters
    ----------
    record : mapping
        ``polarization.json`` of all observations together.
    name : str
        IAU designation.
    """
    whole, along = record["whole"], record["whole"]["known_angle"] or {}
    row = _of_record(record, name) | {
        "stack": record["source"], "n_observations": len(record["observations"]),
        "n_detections": 0, "flag": 0,
    }  # fmt: skip
    values = {column: whole[key] for column, key in _OF_SOURCE.items()}
    values |= {column: along.get(key) for column, key in _ALONG_OF_SOURCE.items()}
    if record["constancy"] is not None:
        values["constancy_significance"] = record["constancy"]["whole"]["significance"]
    values["flags"] = flag_bits(whole["flags"])
    return row | {f"polarization_{column}": value for column, value in values.items()}


def fit_columns(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns of a source that tell the joint fit of its Stokes spectra.

    Degree and angle are those of the component that is polarized, where there is one alone with
    constant polarization.

    Parameters
    ----------
    record : mapping or None
        ``spectropolarimetry.json``; no columns without one.
    """
    if record is None:
        return {}
    against = record["no_polarization"]
    columns: dict[str, Any] = {
        "model": plain_ascii(record["model"]["expression"]),
        "statistic": record["statistic"]["value"], "dof": record["statistic"]["dof"],
        "significance": None if against is None else against["significance"],
    }  # fmt: skip
    rows = [row for row in record["polarization"] if "pd" in row]
    only = rows[0] if len(record["polarization"]) == 1 and rows else {}
    columns |= _ends("degree", only.get("pd")) | _ends("angle", only.get("pa_deg"))
    index = [r for key, r in record["parameters"].items()
             if key.rpartition(".")[2].lower() == "phoindex"]  # fmt: skip
    columns |= _ends("photon_index", index[0] if len(index) == 1 else None)
    return {f"polarization_fit_{name}": v for name, v in columns.items() if v is not None}


def _ends(name: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
    ends = {"": "value", "_lo": "lower", "_hi": "upper"}
    return {} if found is None else {f"{name}{end}": found[key] for end, key in ends.items()}


def polarization_rows(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the rows of a source and an observation, or all: energy bins, and these together.

    Parameters
    ----------
    record : mapping
        ``polarization.json``.
    name : str
        IAU designation.
    """
    common = _of_record(record, name) | {
        "source": record["source"], "observation": plain_ascii(record["observation"]),
        "mjd_start": record["mjd_start"], "mjd_stop": record["mjd_stop"],
        "livetime": record["livetime_s"],
        "estimator": record["estimator"], "weighted": record["weighted"],
        "acceptance_correction": record["acceptance_correction"],
        "responses": plain_ascii(record["responses"]["name"]),
    }  # fmt: skip
    if record["background"] is not None:
        common["background_scale"] = record["background"]["scale"]
    several = len(record["bins"]) > 1
    constancy = record.get("constancy") or {}
    tests = constancy.get("bins") or [{}] * len(record["bins"])
    rows = [
        {**common, "whole_range": not several, **_of_bin(one), **_constancy(test)}
        for one, test in zip(record["bins"], tests, strict=True)
    ]
    if several:
        rows.append({
            **common, "whole_range": True, **_of_bin(record["whole"]),
            **_constancy(constancy.get("whole") or {}),
        })  # fmt: skip
    return rows


def in_order(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return records with those of all observations of a source after those of single ones."""
    order = {name: i for i, name in enumerate(dict.fromkeys(r["source"] for r in records))}
    return sorted(records, key=lambda r: (order[r["source"]], r["observation"] == POOLED))


def flag_bits(names: Sequence[str]) -> int:
    """Return flags by name as one number."""
    return sum(int(StokesFlag[name.upper()]) for name in names)


def _of_record(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    texts = {"obs_id": record["obs_id"], "instrument": record["instrument"],
             "mission": record["mission"], "target": record["target"]}  # fmt: skip
    return {
        "name": name, "source_id": f"{record['source']}_0001", **record["position"],
        **{key: plain_ascii(text) for key, text in texts.items()},
    }  # fmt: skip


def _of_bin(record: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: record[name] for name in _OF_BIN} | {"flags": flag_bits(record["flags"])}
    if record["background_counts"] is not None:
        row["background_counts"] = record["background_counts"]
    along = record["known_angle"]
    if along is not None:
        row |= {"known_angle": along["angle_deg"], "known_angle_error": along["error_deg"]}
        row |= {f"known_{name}": along[name] for name in _ALONG}
    return row


def _constancy(test: Mapping[str, Any]) -> dict[str, Any]:
    if not test:
        return {}
    return {
        "constancy_chi2": test["statistic"], "constancy_dof": test["dof"],
        "constancy_significance": test["significance"],
    }  # fmt: skip
