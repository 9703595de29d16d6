"""How a catalog is joined, with all rows in memory as mappings: what the join must agree with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.catalogs import assign_names, build_table, load_schema
from xsurvey.catalogs.linking import ellipse_covariance, link_detections
from xsurvey.errors import plain_ascii

Row = dict[str, Any]


@dataclass
class _Detection:
    detection_id: str
    stack: str
    group: str
    owned: bool
    row: Row
    observations: list[Row]

    @property
    def rank(self) -> tuple[bool, float, str]:
        likelihood = float(self.row.get("detection_likelihood") or 0.0)
        return (not self.owned, -likelihood, self.detection_id)


def reference_tables(
    measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = (),
    systematic: float = 0.5,
) -> dict[str, Table]:  # fmt: skip
    """Return the tables of a catalog; arguments are those of `source_tables`."""
    labels = {
        key: {k: v for one in measured for k, v in one.get(key, one["bands"]).items()}
        for key in ("bands", "hardness", "searched")
    }
    common = (labels["bands"], labels["hardness"], (), labels["searched"])
    known = {column.name for column in load_schema("detections").expand(*common)}
    detections = [d for group in _by_group(measured) for d in _of_tiles(group)]
    sources = _linked(detections, systematic)
    first = [s[0].row for s in sources]
    names = assign_names([r["ra"] for r in first], [r["dec"] for r in first], acronym)
    tables: dict[str, list[Row]] = {"sources": [], "detections": [], "observations": []}
    for name, source in zip(names, sources, strict=True):
        best, epochs = source[0], _epochs(source)
        key = {"source_id": best.detection_id}
        tables["sources"].append({
            **best.row, **key, "name": name, "stack": best.stack, "n_detections": len(source),
            "n_observations": len(epochs),
        })  # fmt: skip
        tables["detections"] += [
            {
                **{k: v for k, v in d.row.items() if k in known}, **key, "stack": d.stack,
                "detection_id": d.detection_id, "n_observations": len(d.observations),
            }
            for d in source
        ]  # fmt: skip
        tables["observations"] += [{**row, **key} for row in epochs]
    bands, hardness, _, searched = common
    return {
        name: build_table(rows, name, bands, hardness, parts if name == "sources" else (), searched)
        for name, rows in tables.items()
    }


def _by_group(measured: Sequence[Mapping[str, Any]]) -> list[list[_Detection]]:
    groups: dict[str, list[_Detection]] = {}
    for one in measured:
        target = one["target"]
        group = one.get("group", target)
        owned = one.get("owned") or [True] * len(one["rows"])
        by_number: dict[int, list[Row]] = {}
        for row in one.get("observations", ()):
            plain = _plain(row)
            by_number.setdefault(int(plain.pop("number")), []).append(plain)
        found = groups.setdefault(group, [])
        for number, row in enumerate(one["rows"], start=1):
            key = f"{target}_{number:04d}"
            rows = [{**r, "detection_id": key} for r in by_number.get(number, ())]
            found.append(_Detection(key, target, group, owned[number - 1], _plain(row), rows))
    return list(groups.values())


def _of_tiles(detections: list[_Detection]) -> list[_Detection]:
    if len({d.stack for d in detections}) < 2:
        return [d for d in detections if d.owned]
    kept = [
        source[0] for source in _matched(detections, 0.0, [d.stack for d in detections])
        if len(source) > 1 or source[0].owned
    ]  # fmt: skip
    return sorted(kept, key=detections.index)


def _linked(detections: list[_Detection], systematic: float) -> list[list[_Detection]]:
    by_mission: dict[str, list[_Detection]] = {}
    for d in detections:
        by_mission.setdefault(str(d.row.get("mission", "")), []).append(d)
    sources = []
    for own in by_mission.values():
        several = len({d.group for d in own}) > 1
        groups = [d.group for d in own]
        sources += _matched(own, systematic, groups) if several else [[d] for d in own]
    return sorted(sources, key=lambda source: detections.index(source[0]))


def _matched(
    detections: Sequence[_Detection], systematic: float, search: Sequence[str]
) -> list[list[_Detection]]:
    covariance = np.stack([_covariance(d.row) for d in detections])
    covariance = covariance + max(systematic, 1e-3) ** 2 * np.eye(2)
    ra, dec = (np.array([d.row[k] for d in detections]) for k in ("ra", "dec"))
    groups: dict[int, list[_Detection]] = {}
    for number, d in zip(link_detections(ra, dec, covariance, search), detections, strict=True):
        groups.setdefault(int(number), []).append(d)
    return [sorted(group, key=lambda d: d.rank) for group in groups.values()]


def _covariance(row: Mapping[str, Any]) -> np.ndarray:
    ellipse = [row.get(f"error_{k}") for k in ("major_68", "minor_68", "angle")]
    if any(v is None or not np.isfinite(v) for v in ellipse):
        radius = row.get("position_error")
        ellipse = [radius, radius, 0.0]
    major, minor, angle = np.nan_to_num(np.array([ellipse], float)).T
    return np.asarray(ellipse_covariance(major, minor, angle)[0])


def _epochs(source: Sequence[_Detection]) -> list[Row]:
    rows = [row for d in source for row in d.observations]
    rows.sort(key=lambda r: (_begin(r), str(r.get("observation", ""))))
    return [{**row, "epoch": number} for number, row in enumerate(rows, start=1)]


def _begin(row: Mapping[str, Any]) -> float:
    start = row.get("start")
    return np.inf if start is None or not np.isfinite(start) else float(start)


def _plain(row: Mapping[str, Any]) -> Row:
    return {k: plain_ascii(v) if isinstance(v, str) else v for k, v in row.items()}
