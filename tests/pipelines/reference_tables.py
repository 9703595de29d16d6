"""From what stacks measured to three tables: sources, detections, observations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.catalogs import assign_names, build_table, load_schema
from xsurvey.catalogs.linking import ellipse_covariance, link_detections
from xsurvey.errors import InputError, plain_ascii

_SMALLEST_ERROR = 1e-3  # arcsec


@dataclass(frozen=True)
class SourceTables:
    """The tables of a catalog, joined by ``source_id`` and ``detection_id``."""

    sources: Table
    detections: Table
    observations: Table


@dataclass
class _Detection:
    """A measured source of a stack, on its way into the tables."""

    detection_id: str
    stack: str
    group: str
    owned: bool
    row: dict[str, Any]
    observations: list[dict[str, Any]]

    @property
    def likelihood(self) -> float:
        return float(self.row.get("detection_likelihood") or 0.0)

    @property
    def rank(self) -> tuple[bool, float, str]:
        """Sorts the one that stands for all first."""
        return (not self.owned, -self.likelihood, self.detection_id)


def source_tables(
    measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = (),
    systematic: float = 0.5,
) -> SourceTables:  # fmt: skip
    """Join what stacks measured.

    Parameters
    ----------
    measured : sequence of mapping
        Each with the name of its ``target``, in ASCII, of which no two are alike; ``rows``,
        ``bands`` and ``hardness`` as `measure_sources` returns them; and, where there are, its
        ``observations`` (each with the ``number`` of its row, from 1) and ``searched`` bands, where
        they are not the measured ones. Of tiles also the ``group``
        that they are of, and whether each row is ``owned``.
    acronym : str
        Prefix of the IAU designations.
    parts : collection of str
        Of the schema, beside what all catalogs have.
    systematic : float
        Error of each stack's coordinates on each axis, arcsec, for matches between stacks.

    Returns
    -------
    SourceTables
        A source that tiles share is that of the tile which owns it. Detections of other stacks
        that agree within their errors are one source; it has the columns of the most likely one.

    Raises
    ------
    InputError
        Two missions give a letter to different bands.
    """
    bands, hardness, searched = _meanings(measured)
    detections = [d for group in _by_group(measured) for d in _of_tiles(group)]
    sources = _linked(detections, systematic)
    names = assign_names(
        [s[0].row["ra"] for s in sources], [s[0].row["dec"] for s in sources], acronym
    )
    master, found, seen = [], [], []
    for name, source in zip(names, sources, strict=True):
        best = source[0]
        rows = _epochs(source)
        key = {"source_id": best.detection_id}
        master.append({
            **best.row, **key, "name": name, "stack": best.stack, "n_detections": len(source),
            "n_observations": len(rows),
        })  # fmt: skip
        found += [
            {
                **_shared_with("detections", d.row, bands, hardness, searched), **key,
                "stack": d.stack, "detection_id": d.detection_id,
                "n_observations": len(d.observations),
            }
            for d in source
        ]  # fmt: skip
        seen += [{**row, **key} for row in rows]
    return SourceTables(
        build_table(master, "sources", bands, hardness, parts, searched),
        build_table(found, "detections", bands, hardness, (), searched),
        build_table(seen, "observations", bands, hardness, (), searched),
    )


def _meanings(
    measured: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return what the names of measured bands, hardness ratios and searched bands stand for."""
    bands: dict[str, str] = {}
    hardness: dict[str, str] = {}
    searched: dict[str, str] = {}
    for one in measured:
        of_search = one.get("searched", one["bands"])
        for own in (one["bands"], of_search):
            _check_meanings({**searched, **bands}, own, one["target"])
        bands |= one["bands"]
        hardness |= one["hardness"]
        searched |= of_search
    return bands, hardness, searched


def _check_meanings(known: Mapping[str, str], new: Mapping[str, str], target: str) -> None:
    """Raise where a column would hold one thing for some targets and another for the others."""
    for label, meaning in new.items():
        if known.get(label, meaning) != meaning:
            raise InputError(
                target, f"its band {label} is {meaning}, that of another target {known[label]}: "
                "one catalog cannot hold both", "name the bands in photometry: measure_band",
            )  # fmt: skip


def _by_group(measured: Sequence[Mapping[str, Any]]) -> list[list[_Detection]]:
    """Return the detections of all tiles of each group of observations."""
    groups: dict[str, list[_Detection]] = {}
    for one in measured:
        target = one["target"]
        group = one.get("group", target)
        owned = one.get("owned") or [True] * len(one["rows"])
        by_number: dict[int, list[dict[str, Any]]] = {}
        for row in one.get("observations", ()):
            plain = _plain(row)
            by_number.setdefault(int(plain.pop("number")), []).append(plain)
        found = groups.setdefault(group, [])
        for number, row in enumerate(one["rows"], start=1):
            key = source_id(target, number)
            rows = [{**r, "detection_id": key} for r in by_number.get(number, ())]
            found.append(_Detection(key, target, group, owned[number - 1], _plain(row), rows))
    return list(groups.values())


def _of_tiles(detections: list[_Detection]) -> list[_Detection]:
    """Return each source of tiles of the same observations once.

    A source near the border of two tiles is found in both, at places that may differ a little:
    each may think it is the other's, or its own.
    """
    if len({d.stack for d in detections}) < 2:
        return [d for d in detections if d.owned]
    kept = []
    for source in _matched(detections, 0.0, [d.stack for d in detections]):
        if len(source) > 1 or source[0].owned:
            kept.append(source[0])
    order = {d.detection_id: i for i, d in enumerate(detections)}
    return sorted(kept, key=lambda d: order[d.detection_id])


def _linked(detections: Sequence[_Detection], systematic: float) -> list[list[_Detection]]:
    """Return the detections of each source, the one that stands for all first."""
    by_mission: dict[str, list[_Detection]] = {}
    for d in detections:
        by_mission.setdefault(str(d.row.get("mission", "")), []).append(d)
    sources = []
    for own in by_mission.values():
        several = len({d.group for d in own}) > 1
        sources += (
            _matched(own, systematic, [d.group for d in own]) if several else [[d] for d in own]
        )
    order = {d.detection_id: i for i, d in enumerate(detections)}
    return sorted(sources, key=lambda source: order[source[0].detection_id])


def _matched(
    detections: Sequence[_Detection], systematic: float, search: Sequence[str]
) -> list[list[_Detection]]:
    covariance = np.stack([_covariance(d.row) for d in detections])
    covariance = covariance + max(systematic, _SMALLEST_ERROR) ** 2 * np.eye(2)
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


def _epochs(source: Sequence[_Detection]) -> list[dict[str, Any]]:
    """Return all observations of a source, numbered in order of time."""
    rows = [row for d in source for row in d.observations]
    rows.sort(key=lambda r: (_begin(r), str(r.get("observation", ""))))
    return [{**row, "epoch": number} for number, row in enumerate(rows, start=1)]


def _begin(row: Mapping[str, Any]) -> float:
    start = row.get("start")
    return np.inf if start is None or not np.isfinite(start) else float(start)


def _shared_with(
    schema: str, row: Mapping[str, Any], bands: Mapping[str, str], hardness: Mapping[str, str],
    searched: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    known = {column.name for column in load_schema(schema).expand(bands, hardness, (), searched)}
    return {name: value for name, value in row.items() if name in known}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose texts, which may be those of strangers' headers, fit into FITS."""
    return {k: plain_ascii(v) if isinstance(v, str) else v for k, v in row.items()}


def source_id(target: str, number: int) -> str:
    """Return the identifier of a source: its stack and its rank there."""
    return f"{target}_{number:04d}"
