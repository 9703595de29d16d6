"""What an event file holds, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.events import EventList, GoodTimeIntervals
from xsurvey.io.checksum import data_match
from xsurvey.missions import missions
from xsurvey.missions.reading import TableSource

_SPAN_TOLERANCE = 0.5


@dataclass(frozen=True)
class EventSummary:
    """One reading of an event list.

    Attributes
    ----------
    rows : int
        In the file.
    events : int
        After the standard filter and the GTIs.
    energy_range, x_range, y_range : tuple of float
        Of those; keV, sky pixels.
    time_range : tuple of float
        Mission seconds of the first and last of those.
    warnings : tuple of str
    """

    event_list: EventList
    rows: int
    events: int
    energy_range: tuple[float, float]
    time_range: tuple[float, float]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    warnings: tuple[str, ...]

    def lines(self) -> list[tuple[str, str]]:
        """Return labels and values for people."""
        events, observation = self.event_list, self.event_list.observation
        start, stop = self._good_span()
        wcs = events.wcs.wcs
        roll = f", roll {observation.roll:.3f} deg" if np.isfinite(observation.roll) else ""
        lines = [
            ("file", observation.path.name),
            ("mission", f"{observation.telescope} {observation.instrument}"
             f"{', survey scan' if observation.scanning else ''}"),
            ("target", observation.target or "(not named)"),
            ("obs id", observation.obs_id),
            ("dates", f"{observation.date(start)} to {observation.date(stop)} UTC"),
            ("field centre" if observation.scanning else "pointing",
             f"RA {observation.pointing.ra:.6f}, Dec {observation.pointing.dec:.6f} "
             f"deg{roll}"),
            ("good time", f"{events.ontime:.3f} s ({self._interval_text()})"),
            ("livetime", f"{events.livetime:.3f} s (dead-time correction "
             f"{self._live_fraction():.5f}{self._mean_text()})"),
            ("header exposure", f"{observation.header_exposure:.3f} s"
             if np.isfinite(observation.header_exposure) else "(none)"),
            ("events", f"{self.events} after standard filtering, of {self.rows} rows"),
            ("energies", f"{self.energy_range[0]:.4g} to {self.energy_range[1]:.4g} keV"
             if self.events else "(none)"),
            ("sky pixels", f"X {self.x_range[0]:.1f} to {self.x_range[1]:.1f}, "
             f"Y {self.y_range[0]:.1f} to {self.y_range[1]:.1f}, {events.pixel_size:.4f} arcsec"
             if self.events else "(none)"),
            ("WCS", f"{wcs.ctype[0]}, {wcs.ctype[1]}; {wcs.crval[0]:.6f}, {wcs.crval[1]:.6f} deg "
             f"at {wcs.crpix[0]:g}, {wcs.crpix[1]:g}"),
        ]  # fmt: skip
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the summary for programs; times in seconds, energies in keV."""
        events, observation = self.event_list, self.event_list.observation
        start, stop = self._good_span()
        wcs = events.wcs.wcs
        return {
            "file": str(observation.path), "mission": observation.mission,
            "telescope": observation.telescope, "instrument": observation.instrument,
            "target": observation.target, "obs_id": observation.obs_id,
            "date_start": observation.date(start), "date_stop": observation.date(stop),
            "ra_pointing": observation.pointing.ra, "dec_pointing": observation.pointing.dec,
            "roll": observation.roll, "ontime": events.ontime, "livetime": events.livetime,
            "header_exposure": observation.header_exposure,
            "dead_time_correction": self._live_fraction(), "scanning": observation.scanning,
            "attitude": bool(events.attitude),
            "rows": self.rows, "events": self.events,
            "energy_min": self.energy_range[0], "energy_max": self.energy_range[1],
            "time_min": self.time_range[0], "time_max": self.time_range[1],
            "gti": {
                ("all" if detector == -1 else str(detector)): {
                    "start": g.start, "stop": g.stop, "total": g.total,
                }
                for detector, g in events.gti.items()
            },
            "wcs": {
                "ctype": [str(c) for c in wcs.ctype], "crval": wcs.crval, "crpix": wcs.crpix,
                "cdelt": wcs.cdelt,
            },
            "pixel_size_arcsec": events.pixel_size, "warnings": list(self.warnings),
        }  # fmt: skip

    def _live_fraction(self) -> float:
        events = self.event_list
        good = sum(g.total for g in events.gti.values())
        live = sum(events.detector_livetime(number) for number in events.gti)
        return live / good if good else np.nan

    def _mean_text(self) -> str:
        events = self.event_list
        mission = missions().get(events.observation.mission)
        number = mission.modules_of(events) if mission is not None else 1
        return f"; mean of {number} detectors" if number > 1 else ""

    def _good_span(self) -> tuple[float, float]:
        own = [g for g in self.event_list.gti.values() if len(g.start)]
        if not own:
            return np.nan, np.nan
        return min(g.start[0] for g in own), max(g.stop[-1] for g in own)

    def _interval_text(self) -> str:
        gti = self.event_list.gti
        numbers = {detector: len(g.start) for detector, g in gti.items()}
        if set(gti) == {-1}:
            return f"{numbers[-1]} interval{'s' if numbers[-1] != 1 else ''}"
        if len(set(numbers.values())) == 1 and len(numbers) > 1:
            each = next(iter(numbers.values()))
            names = ", ".join(str(d) for d in numbers)
            return f"{each} interval{'s' if each != 1 else ''} on each of detectors {names}"
        return ", ".join(f"detector {d}: {n}" for d, n in numbers.items())


def summarise(events: EventList) -> EventSummary:
    """Read an event list once and say what it holds.

    Returns
    -------
    EventSummary
        With the warnings of the headers and those that only the events show.
    """
    low, high, count = np.full(4, np.inf), np.full(4, -np.inf), 0
    for chunk in events.chunks():
        if len(chunk):
            values = [chunk[name] for name in ("energy", "time", "x", "y")]
            low = np.minimum(low, [v.min() for v in values])
            high = np.maximum(high, [v.max() for v in values])
            count += len(chunk)
    strange = events.count_unusable()
    ranges = [
        (float(a), float(b)) if count else (np.nan, np.nan) for a, b in zip(low, high, strict=True)
    ]
    warnings = [
        *events.observation.warnings, *_damage(events),
        *_oddities(events, count, strange, ranges[1]),
    ]  # fmt: skip
    return EventSummary(
        events, events.rows, count, ranges[0], ranges[1], ranges[2], ranges[3], tuple(warnings)
    )


def _damage(events: EventList) -> list[str]:
    """Return which files have other events than their headers were written for."""
    tables = [source.table for source in events.sources if isinstance(source, TableSource)]
    return [
        f"{table.path.name}: the events do not match DATASUM of their header: they were changed or "
        "damaged since"
        for table in tables
        if data_match(table) is False
    ]


def _oddities(events: EventList, count: int, strange: int, times: tuple[float, float]) -> list[str]:
    notes = []
    if strange:
        needed = dict.fromkeys(name.upper() for e in events.sources for name in e.required)
        *most, last = ["time", "place", "energy", *needed]
        notes.append(
            f"{strange} events whose {', '.join(most)} or {last} is not a number are left out"
        )
    if count == 0:
        notes.append("no event passes the standard filter and the GTIs")
        return notes
    overall = GoodTimeIntervals.from_edges(
        np.concatenate([g.start for g in events.gti.values()]),
        np.concatenate([g.stop for g in events.gti.values()]),
    )
    span = overall.stop[-1] - overall.start[0]
    if times[1] - times[0] < _SPAN_TOLERANCE * span and count > 100:
        notes.append(
            f"the events span {times[1] - times[0]:.0f} s, the GTIs {span:.0f} s: the file may "
            "be an excerpt"
        )
    dropped = events.rows - count
    if dropped > 0.5 * events.rows and not events.filters:
        notes.append(f"{dropped} of {events.rows} rows fail the standard filter or the GTIs")
    return notes
