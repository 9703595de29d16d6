"""What xsurvey's commands found, read from the JSON that they write.

A record has for each quantity its value, or value, lower and upper limit; a limit that was not
found is None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Record = dict[str, list[float | None]]


def spectrum(folder: Path) -> Record:
    """Read a fit of ``phabs*powerlaw``."""
    found = json.loads((folder / "fit.json").read_text())
    parameters = found["parameters"]
    return {
        "statistic": [found["statistic"]["value"]],
        "nh": _interval(parameters["phabs.nH"]),
        "index": _interval(parameters["powerlaw.PhoIndex"]),
        "norm": _interval(parameters["powerlaw.norm"]),
        "flux": _interval(found["flux"]),
    }


def profile(folder: Path) -> Record:
    """Read a profile and its beta model."""
    found = json.loads((folder / "profile.json").read_text())
    fit = found["fits"]["beta"]
    return {
        "counts": [sum(found["counts"])],
        "statistic": [fit["statistic"]["value"]],
        **{name: _interval(value) for name, value in fit["parameters"].items()},
    }


def cube(folder: Path) -> Record:
    """Read polarizations in energy bins."""
    record: Record = {}
    for row in json.loads((folder / "cube.json").read_text())["bins"]:
        name = f"{row['energy_min']:.0f}-{row['energy_max']:.0f}"
        angle, width = row["pa_deg"], row["pa_half_width_deg"]
        known = angle is not None and width is not None
        record[f"pd {name}"] = [row["pd"], row["pd_lower"], row["pd_upper"]]
        record[f"pa {name}"] = [angle, *([angle - width, angle + width] if known else [])]
        record[f"mdp99 {name}"] = [row["mdp99"]]
    return record


def energy_distribution(folder: Path) -> Record:
    """Read a fit of synchrotron and self-Compton emission."""
    found = json.loads((folder / "fit.json").read_text())
    return {
        "statistic": [found["statistic"]["value"]],
        **{
            name: _interval(parameter)
            for name, parameter in found["parameters"].items()
            if not parameter["frozen"]
        },
    }


def _interval(value: Mapping[str, Any]) -> list[float | None]:
    return [value["value"], value["lower"], value["upper"]]
