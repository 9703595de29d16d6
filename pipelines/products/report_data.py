"""What the report shows of maps, and of the brightest sources' files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.plan import TaskId
from xsurvey.pipelines.products.entries import EVENTS, FLUX, IMAGE, LIGHT_CURVE, PSF, REGION
from xsurvey.pipelines.products.maps import SENSITIVITY_MAP
from xsurvey.pipelines.products.places import PROFILES_FOLDER, product_path, source_folder
from xsurvey.pipelines.products.stage import INDEX
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report.data import ProfileReport, SourceReport, SpectrumReport

_BRIGHTEST = 8
_LINKED = {EVENTS: "events", IMAGE: "image", PSF: "PSF", LIGHT_CURVE: "light curve",
           FLUX: "fluxes", REGION: "region"}  # fmt: skip
_MOST_LINKS = 12


def sensitivity_of(plan: Plan, result: RunResult, stack: str) -> dict[str, Any]:
    """Return the fields of a stack's report that its maps decide: ``sensitivity``, ``curves``."""
    task = _good(plan, result, "maps", stack)
    if task is None:
        return {}
    index = json.loads(result.path(task, INDEX).read_text())
    maps = [e for e in index["entries"] if e["kind"] == SENSITIVITY_MAP]
    if not maps:
        return {}
    return {
        "sensitivity": result.path(task, "maps") / maps[0]["path"], "curves": index["curves"],
    }  # fmt: skip


def brightest_of(
    plan: Plan, result: RunResult, stack: str, rows: Table, spectra: Sequence[SpectrumReport]
) -> list[SourceReport]:
    """Return the sources of a stack that have most counts, points first, with their files.

    Parameters
    ----------
    plan, result
    stack : str
    rows : astropy.table.Table
        Of the sources that the stack has in the catalog.
    spectra : sequence of SpectrumReport
        Of the stack; figures of sources are shown.
    """
    task = _good(plan, result, "products", stack)
    if task is None or not len(rows):
        return []
    index = json.loads(result.path(task, INDEX).read_text())
    entries: dict[int, list[Mapping[str, Any]]] = {}
    for entry in index["entries"]:
        entries.setdefault(entry["number"], []).append(entry)
    fitted = {s.number: s for s in spectra if s.number}
    folder = result.path(task, "products")
    reports = []
    # what is extended is mostly a part of the emission, and has most counts for its size
    for row in rows[np.lexsort((-_counts(rows), _extended(rows)))]:
        number = int(str(row["source_id"]).rpartition("_")[2])
        if number in entries:
            spectrum = fitted.get(number)
            curve, of = _longest_curve(folder, entries[number])
            reports.append(
                SourceReport(
                    number, str(row["name"]), curve, spectrum.figure if spectrum else None,
                    list(_links(stack, number, entries[number])), of, _problem(spectrum),
                )
            )  # fmt: skip
        if len(reports) == _BRIGHTEST:
            break
    return reports


def profiles_of(plan: Plan, result: RunResult, stack: str) -> list[ProfileReport]:
    """Return the brightness profiles of the places that a stack shows."""
    task = _good(plan, result, "profiles", stack)
    if task is None:
        return []
    folder = result.path(task, "profiles")
    found = []
    for name, facts in json.loads(result.path(task, INDEX).read_text())["places"].items():
        if "problem" in facts:
            found.append(ProfileReport(name, problem=facts["problem"]))
            continue
        links = {"table": ".fits", "numbers": ".json", "figure": ".png", "mask": "_mask.fits"}
        place = f"{PROFILES_FOLDER}/{folder_name(stack)}/{name}"
        found.append(
            ProfileReport(
                name, json.loads((folder / f"{name}.json").read_text()),
                image=folder / f"{name}_image.png", figure=folder / f"{name}.png",
                files=[(label, f"{place}{end}") for label, end in links.items()],
            )
        )  # fmt: skip
    return found


def _good(plan: Plan, result: RunResult, stage: str, stack: str) -> Task | None:
    task = plan.by_id.get(TaskId(stage, stack))
    return task if task is not None and result.outcomes[task.id].good else None


def _counts(rows: Table) -> np.ndarray:
    name = next((n for n in rows.colnames if n.startswith("net_counts_")), None)
    values = np.zeros(len(rows)) if name is None else np.ma.filled(rows[name], np.nan)
    return np.nan_to_num(np.asarray(values, float), nan=-np.inf)


def _extended(rows: Table) -> np.ndarray:
    if "extent" not in rows.colnames:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(np.nan_to_num(np.ma.filled(rows["extent"], 0.0)) > 0)


def _problem(spectrum: SpectrumReport | None) -> str:
    """Return why a source has no parameters of its spectrum, empty where it has them."""
    if spectrum is None or spectrum.status == "fitted":
        return ""
    what = "spectrum not used" if spectrum.figure else "no spectrum"
    return f"{what}: {spectrum.cause or spectrum.status.replace('_', ' ')}"


def _longest_curve(
    folder: Path, entries: Sequence[Mapping[str, Any]]
) -> tuple[Path | None, str]:  # fmt: skip
    """Return the light curve of the observation that is the longest, and which of several it is."""
    curves = [e for e in entries if e["kind"] == LIGHT_CURVE]
    if not curves:
        return None, ""
    longest = max(curves, key=lambda e: e.get("t_exptime", 0.0))
    number = len({e.get("observation", "") for e in curves})
    name = str(longest.get("observation", ""))
    of = f"{name}, the longest of {number} light curves" if number > 1 else ""
    return folder / str(longest["path"]), of


def _links(
    stack: str, number: int, entries: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield labels and paths relative to the output folder; of several bands the first.

    Where there are too many the folder comes last, which has them all.
    """
    inside = f"{source_folder(stack, number)}/"
    seen: set[tuple[str, str]] = set()
    wanted = [e for e in entries if e["kind"] in _LINKED]
    several = len({e["observation"] for e in wanted if e.get("observation")}) > 1
    for entry in sorted(wanted, key=lambda e: list(_LINKED).index(e["kind"])):
        observation = entry.get("observation", "")
        if (entry["kind"], observation) in seen:
            continue
        if len(seen) == _MOST_LINKS:
            yield f"all {len(entries)} files", product_path(stack, number)
            return
        seen.add((entry["kind"], observation))
        words = [_LINKED[entry["kind"]], entry.get("band", "")]
        words.append(observation if several else "")
        file = str(entry["path"]).removeprefix(inside)
        yield " ".join(w for w in words if w), f"{product_path(stack, number)}/{file}"
