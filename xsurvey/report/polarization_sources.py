"""Polarized sources of a run as their page takes them: records sorted, figures made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xsurvey.report.polarization_energy_axes import polarization_energy_figure
from xsurvey.report.polarization_tables import TOGETHER
from xsurvey.report.stokes_plane import stokes_plane_figure

Record = Mapping[str, Any]
Drawn = Figure | Path
_MOST_SERIES = 5


@dataclass(frozen=True)
class PolarizedSourceReport:
    """A source; records are those of the pipeline's stages, empty where there are none.

    Attributes
    ----------
    name : str
    observations : mapping of str to mapping
        ``polarization.json`` by observation.
    pooled : mapping or None
        The same of all observations together.
    behaviour, radial : mapping of str to mapping
        ``behaviour.json`` and ``radial.json`` by observation.
    fit : mapping or None
        ``spectropolarimetry.json``.
    figures : mapping of str to Figure or path
        PNG files, or figures: ``angle OBSERVATION``, ``radial OBSERVATION``, ``spectra``,
        ``contours``, ``corner``, and others. ``plane`` and ``energies`` are made if not given.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    """

    name: str
    observations: Mapping[str, Record] = field(default_factory=dict)
    pooled: Record | None = None
    behaviour: Mapping[str, Record] = field(default_factory=dict)
    radial: Mapping[str, Record] = field(default_factory=dict)
    fit: Record | None = None
    figures: Mapping[str, Drawn] = field(default_factory=dict)
    files: Sequence[tuple[str, str]] = ()

    @property
    def main(self) -> Record | None:
        """The record of all observations, or of the first."""
        return self.pooled or next(iter(self.observations.values()), None)

    @property
    def whole(self) -> Record | None:
        """All energies of it."""
        found = (self.main or {}).get("whole")
        bins = (self.main or {}).get("bins") or [None]
        return found or (bins[0] if len(bins) == 1 else None)


def polarization_results(
    measured: Sequence[Record], *, pooled: Sequence[Record] = (), behaviour: Sequence[Record] = (),
    radial: Sequence[Record] = (), fits: Mapping[str, Record] | None = None,
    figures: Mapping[str, Mapping[str, Drawn]] | None = None,
    files: Mapping[str, Sequence[tuple[str, str]]] | None = None, names: Sequence[str] = (),
) -> list[PolarizedSourceReport]:  # fmt: skip
    """Sort the records of a run by source and observation.

    Parameters
    ----------
    measured, pooled, behaviour, radial : sequence of mapping
        Each says its ``source`` and its ``observation``, as stages write them.
    fits : mapping of str to mapping, optional
        Joint fits by source.
    figures, files : mapping, optional
        Of `PolarizedSourceReport`, by source.
    names : sequence of str
        Sources in their order, also those without a record; others come after.
    """
    fits, figures, files = fits or {}, figures or {}, files or {}
    groups = [measured, pooled, behaviour, radial]
    found = [str(record["source"]) for group in groups for record in group]

    def of(group: Sequence[Record], name: str) -> dict[str, Record]:
        return {str(r.get("observation")): r for r in group if str(r["source"]) == name}

    return [
        PolarizedSourceReport(
            name, of(measured, name), next(iter(of(pooled, name).values()), None),
            of(behaviour, name), of(radial, name), fits.get(name), figures.get(name, {}),
            files.get(name, ()),
        )
        for name in dict.fromkeys([*names, *found, *fits])
    ]  # fmt: skip


def polarization_figures(source: PolarizedSourceReport) -> dict[str, Figure]:
    """Return the figures of a source that are made of its records.

    Names are ``plane`` and ``energies``, those for which there are measurements.
    """
    main = source.main
    if main is None:
        return {}
    known, bins = main.get("known_angle"), main.get("bins") or []
    series = {TOGETHER if source.pooled else str(main.get("observation")): bins}
    if source.pooled and 1 < len(source.observations) <= _MOST_SERIES:
        series |= {name: r.get("bins") or [] for name, r in source.observations.items()}
    curve = (source.fit or {}).get("polarization_curve")
    figures = {
        "plane": stokes_plane_figure(bins, known),
        "energies": polarization_energy_figure(series, known, curve),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
