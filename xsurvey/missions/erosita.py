"""eROSITA: event files as eSASS writes them, of pointings, field scans and survey sky tiles.

Columns and extensions are those of the eROSITA-DE DR1 documentation ("eSASS4DR1 products
description: extensions, header keywords, file naming"); checked on an excerpt of the pointing
300003 of the early data release. Extensions of a telescope module end in its number: GTIn good
times, DEADCORn fraction of live time (TIME, DEADC), CORRATTn attitude (TIME, RA, DEC, ROLL).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xsurvey.attitude import Attitude
from xsurvey.events import EventList, Observation
from xsurvey.io.fits_file import FitsFile, Table
from xsurvey.missions.base import (
    Detector,
    DetectorColumns,
    Mission,
    ScanPattern,
    SimulatedFacts,
)
from xsurvey.missions.erosita_closed import CLOSED_FLAGS, is_closed, steady_closed
from xsurvey.missions.erosita_responses import CHANNELS, line_width, nominal_area
from xsurvey.missions.erosita_tables import (
    attitudes,
    good_times,
    live_fractions,
    with_known_attitude,
)
from xsurvey.missions.reading import (
    TableSource,
    find_event_table,
    header_number,
    header_position,
    header_text,
    reference_mjd,
    require_any,
    require_columns,
    require_numbers,
    sky_of_columns,
    time_scale,
)
from xsurvey.missions.responses import ResponseFiles
from xsurvey.psf import KingPsf, PointSpreadFunction
from xsurvey.units import EnergyBand, SkyPosition

MODULES = (1, 2, 3, 4, 5, 6, 7)
BAD_FLAGS = 0xC00FFF30
"""Bits of FLAG that exclude an event, the usual mask of eSASS's evtool."""
GOOD_PATTERNS = (1, 4)
"""First and last PAT_TYP of valid patterns, evtool's pattern 15; negative ones are invalid."""

_MJDREF = 51543.875
_CCD = 384
_CCD_PIXEL = 9.6  # arcsec
_FIELD_RADIUS = 30.9  # arcmin: the field is 1.03 deg wide (Predehl et al. 2021, A&A 647, A1)

# Vignetting [1 + (theta/theta0)^alpha]^beta, MPE's analytic form: theta0 in deg at energies in keV
_VIGNETTING = {
    1.25: (0.44966, -1.02111, 1.71288),
    4.0: (0.22575, -0.83151, 1.97408),
    7.5: (0.10547, -0.50753, 2.52732),
}

# King profiles of slope 2, whose 75/50 % and 90/50 % radii are those of eight stacked point
# sources of an eFEDS field. The survey's half-energy width is 28" (26 to 30"); on axis it is
# 16" (Predehl et al. 2021), and the growth off axis makes the mean over the field the survey's.
_SURVEY_PSF = KingPsf(slope=2.0, on_axis_r90=42.0, approximate=True)
_POINTING_PSF = KingPsf(
    slope=2.0, on_axis_r90=24.0, growth=0.3348, exponent=1.5, approximate=True
)  # fmt: skip


@dataclass(frozen=True)
class _ModuleSource(TableSource):
    module: int = -1
    """The module of a file without TM_NR, -1 where it is not known."""
    bad_flags: int = BAD_FLAGS

    def decode(self, raw: np.ndarray, name: str) -> np.ndarray:
        if name == "detector" and "detector" not in self.columns:
            return np.full(len(raw), self.module, dtype=np.int16)
        return super().decode(raw, name)

    def standard_filter(self, raw: np.ndarray) -> np.ndarray:
        """Keep valid patterns without any bad flag."""
        mask = np.ones(len(raw), dtype=bool)
        if "flag" in self.table.names:
            # the mask does not fit into the signed column: compare bits, not numbers
            flags = self.table.values(raw, "flag").astype(np.int64) & 0xFFFFFFFF
            mask &= (flags & self.bad_flags) == 0
        if "pat_typ" in self.table.names:
            pattern = self.table.values(raw, "pat_typ")
            mask &= (pattern >= GOOD_PATTERNS[0]) & (pattern <= GOOD_PATTERNS[1])
        return mask


class Erosita(Mission):
    """eROSITA on SRG: seven telescope modules that look the same way."""

    name = "erosita"
    version = "2"
    # The digits of eSASS file names (file naming scheme of DR1)
    bands: Mapping[str, EnergyBand] = {
        "0": EnergyBand(0.2, 10.0),
        "1": EnergyBand(0.2, 0.6),
        "2": EnergyBand(0.6, 2.3),
        "3": EnergyBand(2.3, 5.0),
        "4": EnergyBand(0.2, 2.3),
        "5": EnergyBand(0.2, 0.5),
        "6": EnergyBand(0.5, 1.0),
        "7": EnergyBand(1.0, 2.0),
    }
    detection_bands = ("4",)
    photometry_bands = ("4", "1", "2", "3")
    hardness_pairs = (("2", "1"), ("3", "2"))
    detector_columns = DetectorColumns("rawx", "rawy", _CCD, _CCD, _FIELD_RADIUS * 60 / _CCD_PIXEL)
    detector_groups: Mapping[str, tuple[int, ...]] = {
        "TM0": MODULES,
        "TM8": (1, 2, 3, 4, 6),  # with on-chip filter
        "TM9": (5, 7),  # without: optical light leaks in at low energies
        **{f"TM{n}": (n,) for n in MODULES},
    }
    coaligned = True
    can_be_closed = True
    sky_pixel = 0.05
    detector_pixel = _CCD_PIXEL
    background_scale = 240.0
    image_pixel = 4.0
    projection = "SIN"
    reference_pixel = 0.0
    frame_time = 0.050
    aperture_fraction = 0.75
    field_radius = _FIELD_RADIUS
    # a revolution in 4 hours; successive scans lie some 10' apart, so that a source is in the
    # field for six of them, at most 40 s each
    scan = ScanPattern(speed=90.0, period=14_400.0, step=10.0)
    channels = CHANNELS  # where no matrix tells others
    diffuse_groups = ("TM8", "TM9")
    # from 6.7 keV on the area falls from a tenth to a thirtieth of its maximum; vignetting leaves
    # a third of that, averaged over the field
    particle_band = EnergyBand(6.7, 9.0)

    def recognises(self, file: FitsFile) -> bool:
        """Look for TELESCOP = eROSITA in any header."""
        return any(str(h.get("TELESCOP", "")).strip().upper() == "EROSITA" for h in file.headers)

    def open(self, file: FitsFile) -> EventList:
        """Return the events of a file."""
        table = find_event_table(file, "eROSITA")
        require_columns(table, {
            "times": ["time"], "sky coordinates": ["x"], "the sky coordinates": ["y"],
            "photon energies": ["pi"],
        })  # fmt: skip
        require_any(table, ["tm_nr", "flag", "pat_typ"], "eROSITA")
        require_numbers(table, ["tm_nr", "flag", "pat_typ", "rawx", "rawy"])
        wcs = sky_of_columns(table, "give an event file that evtool wrote")
        warnings: list[str] = []
        source = _source(table, warnings)
        gti = good_times(file, table, source, warnings)
        live = live_fractions(file, gti, warnings)
        attitude = attitudes(file, gti, warnings)
        gti = with_known_attitude(file, gti, attitude, warnings)
        observation = _observation(table, wcs.wcs.crval, warnings)
        if observation.scanning and not attitude:
            warnings.append(
                "a scan without attitude (CORRATT tables): how long each place was seen is unknown"
            )
        return EventList(
            replace(observation, warnings=tuple(warnings)), wcs, gti, (source,),
            abs(float(wcs.wcs.cdelt[1])) * 3600, live, self.coaligned, attitude,
        )  # fmt: skip

    def steady_closed(self, events: EventList) -> EventList:
        """Return the events in the times that the recipe of the first data release lets pass."""
        return steady_closed(events)

    def psf(self, scanning: bool = False) -> PointSpreadFunction:
        """Return the approximate circular PSF."""
        return _SURVEY_PSF if scanning else _POINTING_PSF

    def vignetting(self, off_axis: np.ndarray, energy: float) -> np.ndarray:
        """Interpolate MPE's analytic form linearly in the logarithm of the energy."""
        angle = np.abs(np.asarray(off_axis, float)) / 60
        rows = [
            (1 + (angle / theta0) ** alpha) ** beta for theta0, beta, alpha in _VIGNETTING.values()
        ]
        place = np.interp(np.log(energy), np.log(list(_VIGNETTING)), np.arange(len(rows)))
        low = min(int(place), len(rows) - 2)
        weight = place - low
        return np.asarray((1 - weight) * rows[low] + weight * rows[low + 1])

    def energy_resolution(self, energy: np.ndarray, detectors: Sequence[int]) -> np.ndarray:
        """Return the width of lines in the official matrix, the same of all modules."""
        return line_width(energy)

    def nominal_responses(self, detectors: Sequence[int]) -> ResponseFiles:
        """Return a coarse table of the official area, an equal part of it for each module."""
        chosen = [n for n in detectors if n in MODULES] or list(MODULES)
        part = "" if len(chosen) == len(MODULES) else f", {len(chosen)}/7 of it"
        return ResponseFiles(
            (nominal_area(len(chosen)),),
            approximate=f"coarse table of the on-axis area of TM0 (2023-01-17){part}",
        )

    def area_includes(self, header: Mapping[str, Any], columns: Sequence[str]) -> frozenset[str]:
        """Tell by the columns that srctool adds: what it multiplied the area with."""
        added = {"corrvign": "vignetting", "corrpsf": "psf"}
        return frozenset(kind for name, kind in added.items() if name in columns)

    def detectors(self) -> Sequence[Detector]:
        """Return seven modules that see the same circle."""
        radius = _FIELD_RADIUS * 60
        return [Detector(n, 0.0, 0.0, _CCD, _CCD, _CCD_PIXEL, radius) for n in MODULES]

    def encode(self, events: Mapping[str, np.ndarray]) -> list[tuple[str, str, str, np.ndarray]]:
        """Return the columns of an event file as evtool writes it."""
        count = len(events["time"])
        column, row = events["detector_x"], events["detector_y"]
        raw_x, raw_y = np.floor(column) + 1, np.floor(row) + 1
        return [
            ("TIME", "D", "s", events["time"]),
            ("RA", "D", "deg", events["ra"]),
            ("DEC", "D", "deg", events["dec"]),
            ("X", "D", "pixel", events["x"]),
            ("Y", "D", "pixel", events["y"]),
            ("PI", "E", "eV", events["energy"] * 1e3),
            ("EV_WEIGHT", "E", "", np.zeros(count)),
            ("RAWX", "I", "pixel", raw_x.astype(np.int16)),
            ("RAWY", "I", "pixel", raw_y.astype(np.int16)),
            ("SUBX", "D", "pixel", column + 0.5 - raw_x),
            ("SUBY", "D", "pixel", row + 0.5 - raw_y),
            ("PAT_TYP", "I", "", np.ones(count, dtype=np.int16)),
            ("TM_NR", "B", "", events["detector"].astype(np.uint8)),
            ("FLAG", "J", "", np.zeros(count, dtype=np.int32)),
        ]

    def header(self, facts: SimulatedFacts) -> dict[str, Any]:
        """Return the keywords of a simulated event file of the modules that observe."""
        modules = facts.detectors or MODULES
        centre = {"RA_CEN": facts.pointing.ra, "DEC_CEN": facts.pointing.dec}
        pointing = {"RA_PNT": facts.pointing.ra, "DEC_PNT": facts.pointing.dec}
        return {
            "MISSION": "SRG", "TELESCOP": "eROSITA",
            "INSTRUME": f"TM{modules[0]}" if len(modules) == 1 else "merged", "NINST": len(modules),
            **{f"INSTRUM{i}": f"TM{n}" for i, n in enumerate(modules, start=1)},
            "OBS_MODE": "SURVEY" if facts.scanning else "POINTING",
            "FILTER": "CLOSED" if facts.closed else "FILTER",
            "SKYFIELD": tile_name(facts.pointing) if facts.scanning else "",
            "OBS_ID": "" if facts.scanning else "SIMULATED", "FRAMETIM": self.frame_time * 1e3,
            "TIMESYS": "TT", "MJDREF": _MJDREF, "TSTART": facts.start, "TSTOP": facts.stop,
            **(centre if facts.scanning else pointing), "PA_PNT": facts.roll,
        }  # fmt: skip

    def interval_extension(self, detector: int) -> tuple[str, dict[str, Any]]:
        """Return the name GTIn of module n."""
        return "GTI" if detector < 0 else f"GTI{detector}", {}

    def attitude_tables(
        self, detector: int, attitude: Attitude, roll: float
    ) -> list[tuple[str, list[tuple[str, str, str, np.ndarray]]]]:
        """Return the tables DEADCORn and CORRATTn of module n."""
        time = attitude.time
        return [
            (f"DEADCOR{detector}", [
                ("TIME", "D", "s", time[[0, -1]]), ("DEADC", "E", "", np.ones(2)),
            ]),
            (f"CORRATT{detector}", [
                ("TIME", "D", "s", time), ("RA", "D", "deg", attitude.ra),
                ("DEC", "D", "deg", attitude.dec),
                ("ROLL", "D", "deg", np.full(len(time), roll)),
            ]),
        ]  # fmt: skip


def tile_name(centre: SkyPosition) -> str:
    """Return the six digits of a sky tile: right ascension, and declination from the north pole.

    Examples
    --------
    >>> tile_name(SkyPosition(79.6, -66.0))
    '080156'
    """
    return f"{round(centre.ra) % 360:03d}{round(90 - centre.dec):03d}"


def _source(table: Table, warnings: list[str]) -> _ModuleSource:
    # units are given by name: the excerpt of a released file says deg for nearly every column
    columns = {"time": "time", "x": "x", "y": "y", "energy": "pi"}
    module = re.fullmatch(r"TM([1-7])", header_text(table, "INSTRUME").upper())
    if "tm_nr" in table.names:
        columns["detector"] = "tm_nr"
    elif module is None:
        warnings.append("no column TM_NR: events are not told apart by telescope module")
    for name in ("flag", "pat_typ"):
        if name not in table.names:
            warnings.append(f"no column {name.upper()}: events are not filtered by it")
    return _ModuleSource(
        table, columns, {"energy": 1e-3}, module=int(module[1]) if module else -1,
        bad_flags=CLOSED_FLAGS if is_closed(table) else BAD_FLAGS,
    )  # fmt: skip


def _observation(table: Table, reference: np.ndarray, warnings: list[str]) -> Observation:
    mode = header_text(table, "OBS_MODE").upper()
    scanning = mode in ("SURVEY", "SCAN", "SLEW")
    keys = ("RA_CEN", "DEC_CEN") if scanning else ("RA_PNT", "DEC_PNT")
    pointing = header_position(table, *keys)
    if pointing is None or pointing == (0.0, 0.0):  # what the pipeline writes for "not set"
        pointing = SkyPosition(float(reference[0]) % 360, float(reference[1]))
        if not scanning:
            warnings.append("no RA_PNT, DEC_PNT: the optical axis is taken at the WCS reference")
    frame = header_number(table, "FRAMETIM", Erosita.frame_time * 1e3) / 1e3
    field = header_text(table, "SKYFIELD")
    stem = table.path.name.split(".")[0]
    prefix = re.match(r"[a-z]{2}\d{2}_\d{6}", stem)
    return Observation(
        path=table.path, mission="erosita", telescope="eROSITA",
        instrument=header_text(table, "INSTRUME", "merged"), target=header_text(table, "OBJECT"),
        obs_id=header_text(table, "OBS_ID") or (prefix[0] if prefix else field or stem),
        pointing=pointing, roll=header_number(table, "PA_PNT"),
        reference_mjd=reference_mjd(table, _MJDREF), time_scale=time_scale(table, warnings),
        header_exposure=header_number(table, "EXPOSURE"), frame_time=frame, scanning=scanning,
        closed=is_closed(table),
    )  # fmt: skip


EROSITA = Erosita()
