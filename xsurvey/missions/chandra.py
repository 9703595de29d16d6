"""Chandra ACIS: event files as the standard pipeline (level 2) writes them.

Column and keyword meanings are those of the ASC FITS file designers' guide and of the
ACIS event-file description in CIAO's ahelp; checked on ObsIDs 754, 10027 and 18461.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.wcs import WCS

from xsurvey.events import EventList, GoodTimeIntervals, Observation
from xsurvey.io.datasets import DATASETS, resolve
from xsurvey.io.fits_file import FitsFile, Table
from xsurvey.missions.base import Detector, DetectorColumns, Mission, SimulatedFacts
from xsurvey.missions.reading import (
    TableSource,
    check_exposure,
    checked_live_fraction,
    find_event_table,
    header_number,
    header_position,
    header_text,
    read_intervals,
    reference_mjd,
    require_any,
    require_columns,
    require_numbers,
    sky_of_columns,
    span_of_header,
    time_scale,
)
from xsurvey.missions.responses import ChannelGrid, ResponseFiles
from xsurvey.psf import KingPsf, PointSpreadFunction
from xsurvey.units import EnergyBand, SkyPosition

GOOD_GRADES = (0, 2, 3, 4, 6)
PI_WIDTH_KEV = 0.0146
"""Width of a PI channel; channels start at 1 (ACIS event files, TLMIN of PI)."""

# Relative effective area at off-axis angles [arcmin] and energies [keV], azimuthal mean of
# the Chandra CALDB vignetting function (axaf_vignet, as facts of the Proposers' Guide).
_VIGNETTING_ANGLES = np.array([0.0, 5.0, 10.0, 15.0])
_VIGNETTING_ENERGIES = np.array([1.5, 6.4])
_VIGNETTING = np.array([[1.0, 0.944, 0.854, 0.765], [1.0, 0.845, 0.616, 0.453]])

# 90 % radii: .8" on axis (MARX and flight encircled energies of the HETG team's Capella
# note, .5-2 keV), 4.4" at 4' and 17" at 12' (ACIS PRF memo, 3.5 keV, ground calibration). The
# slope 4 gives the 50/90 % ratio on axis and the 70/90 % ratio off axis of those tables.
_PSF = KingPsf(slope=4.0, on_axis_r90=0.8, growth=0.7705, exponent=1.2446, approximate=True)

# FWHM in keV at two energies, of front-illuminated chips near the aim point of ACIS-I and of the
# back-illuminated ones (Proposers' Observatory Guide, table of ACIS characteristics). FWHM^2 is
# linear in energy: readout noise and Fano noise.
_BACK_ILLUMINATED = (5, 7)
_FWHM_ENERGIES = (1.49, 5.9)
_FWHM = {False: (0.130, 0.280), True: (0.095, 0.150)}

_SIMULATED_OBS_ID = "SIMULATED"
_CHIP = 1024
_CHIP_GAP = 22  # about 11", between the ACIS-I chips


@dataclass(frozen=True)
class _AcisSource(TableSource):
    def decode(self, raw: np.ndarray, name: str) -> np.ndarray:
        if name == "energy" and "energy" not in self.columns:
            return (self.table.numbers(raw, "pi") - 0.5) * PI_WIDTH_KEV
        if name == "detector" and "detector" not in self.columns:
            return np.full(len(raw), -1, dtype=np.int16)
        return super().decode(raw, name)

    def standard_filter(self, raw: np.ndarray) -> np.ndarray:
        """Keep status 0 and grades 0, 2, 3, 4, 6, whatever was done to the file before."""
        mask = np.ones(len(raw), dtype=bool)
        if "status" in self.table.names:
            mask &= ~_any_bit(raw, self._field("status"))
        if "grade" in self.table.names:
            grade = self.table.values(raw, "grade")
            good = np.zeros(256, dtype=bool)
            good[list(GOOD_GRADES)] = True
            known = (grade >= 0) & (grade < 256)
            mask &= known & good[np.where(known, grade, 0).astype(np.uint8)]
        return mask

    def _field(self, name: str) -> str:
        return (self.table.dtype.names or ())[self.table.names.index(name)]


def _any_bit(raw: np.ndarray, field: str) -> np.ndarray:
    kind, offset = dict(raw.dtype.fields or {})[field][:2]
    if kind.itemsize == 4:  # 32X: four bytes seen as one integer, ten times faster than any()
        words = np.ndarray(len(raw), "u4", raw, offset, raw.strides)
        return np.asarray(words != 0)
    return np.asarray(raw[field].reshape(len(raw), -1).any(axis=1))


class Chandra(Mission):
    """The Chandra X-ray Observatory with ACIS."""

    name = "chandra"
    version = "1"
    # Chandra Source Catalog bands (Evans et al. 2010, ApJS 189, 37)
    bands: Mapping[str, EnergyBand] = {
        "u": EnergyBand(0.2, 0.5),
        "s": EnergyBand(0.5, 1.2),
        "m": EnergyBand(1.2, 2.0),
        "h": EnergyBand(2.0, 7.0),
        "b": EnergyBand(0.5, 7.0),
    }
    detection_bands = ("b",)
    photometry_bands = ("b", "s", "m", "h")
    hardness_pairs = (("m", "s"), ("h", "m"), ("h", "s"))
    detector_columns = DetectorColumns("chipx", "chipy", _CHIP, _CHIP)
    sky_pixel = 0.492
    detector_pixel = 0.492
    background_scale = 60.0
    image_pixel = 0.984
    detector_groups: Mapping[str, tuple[int, ...]] = {
        "ACIS-I": (0, 1, 2, 3), "ACIS-S": (4, 5, 6, 7, 8, 9),
        **{f"ccd{n}": (n,) for n in range(10)},
    }  # fmt: skip
    channels = ChannelGrid.uniform(1, 1024, PI_WIDTH_KEV)
    channel_column = "pi"
    frame_time = 3.24104  # full frame of the six-chip default: 3.2 s and the transfer

    def recognises(self, file: FitsFile) -> bool:
        """Look for TELESCOP = CHANDRA (AXAF in the oldest files) in any header."""
        names = {str(h.get("TELESCOP", "")).strip().upper() for h in file.headers}
        return bool(names & {"CHANDRA", "AXAF"})

    def open(self, file: FitsFile) -> EventList:
        """Return the ACIS events of a file."""
        table = find_event_table(file, "Chandra")
        require_columns(table, {
            "times": ["time"], "sky coordinates": ["x"], "the sky coordinates": ["y"],
            "photon energies": ["energy", "pi"],
        })  # fmt: skip
        require_any(table, ["ccd_id", "grade", "status", "energy"], "Chandra")
        require_numbers(table, ["ccd_id", "grade"])
        wcs = sky_of_columns(table, "give an event file with aspect applied")
        warnings: list[str] = []
        source = _source(table, warnings)
        gti = _good_times(file, table, warnings)
        live = _live_fraction(table, warnings)
        observation = _observation(table, gti, live, wcs, warnings)
        pixel_size = abs(float(wcs.wcs.cdelt[1])) * 3600
        return EventList(observation, wcs, gti, (source,), pixel_size, {-1: live})

    def psf(self, scanning: bool = False) -> PointSpreadFunction:
        """Return the approximate circular PSF."""
        return _PSF

    def vignetting(self, off_axis: np.ndarray, energy: float) -> np.ndarray:
        """Interpolate the tabulated vignetting, linearly in angle and log energy."""
        angle = np.abs(np.asarray(off_axis, float))
        # past the last angle the last slope goes on, never below a tenth
        at = [np.interp(angle, _VIGNETTING_ANGLES, row) for row in _VIGNETTING]
        weight = np.interp(np.log(energy), np.log(_VIGNETTING_ENERGIES), [0.0, 1.0])
        slopes = (_VIGNETTING[:, -1] - _VIGNETTING[:, -2]) / 5.0
        beyond = np.clip(angle - _VIGNETTING_ANGLES[-1], 0, None)
        low, high = (value + slope * beyond for value, slope in zip(at, slopes, strict=True))
        return np.clip((1 - weight) * low + weight * high, 0.1, 1.0)

    def energy_resolution(self, energy: np.ndarray, detectors: Sequence[int]) -> np.ndarray:
        """Return the resolution of the chips' kind; of both kinds together, their mean square."""
        kinds = {chip in _BACK_ILLUMINATED for chip in detectors} or {False}
        squares = []
        for kind in sorted(kinds):
            (low, high), (first, second) = _FWHM_ENERGIES, _FWHM[kind]
            slope = (second**2 - first**2) / (high - low)
            squares.append(np.maximum(first**2 + slope * (np.asarray(energy) - low), 0.03**2))
        return np.asarray(np.sqrt(np.mean(squares, axis=0)))

    def nominal_responses(self, detectors: Sequence[int]) -> ResponseFiles:
        """Return the area of ACIS-I, or of S3 where back-illuminated chips alone have counts."""
        back = bool(detectors) and set(detectors) <= set(_BACK_ILLUMINATED)
        name, year = ("acis-s", 2001) if back else ("acis-i", 2013)
        return ResponseFiles(
            (resolve(f"data:chandra-{name}-arf"),),
            approximate=f"area of {name.upper()} near the aim point in {year}, whatever the date",
        )

    def responses_version(self) -> str:
        """Return the hashes of the areas in the registry of datasets."""
        files = [DATASETS[f"chandra-{name}-arf"].files[0] for name in ("acis-i", "acis-s")]
        return " ".join(file.sha256[:16] for file in files)

    def area_includes(self, header: Mapping[str, Any], columns: Sequence[str]) -> frozenset[str]:
        """Tell by the tool that wrote it: CIAO's make areas for a place or a region."""
        made_by = str(header.get("CREATOR", "")).strip().lower()
        known = made_by.startswith(("mkarf", "mkwarf", "combine_spectra", "addresp"))
        return frozenset({"vignetting"}) if known else frozenset()

    def detectors(self) -> Sequence[Detector]:
        """Return the four chips of ACIS-I around an aim point 40" off their common corner."""
        half = (_CHIP + _CHIP_GAP) / 2 * self.sky_pixel
        aim = 40.0
        places = {0: (-half, half), 1: (half, half), 2: (-half, -half), 3: (half, -half)}
        return [
            Detector(n, x - aim, y + aim, _CHIP, _CHIP, self.sky_pixel)
            for n, (x, y) in places.items()
        ]

    def encode(self, events: Mapping[str, np.ndarray]) -> list[tuple[str, str, str, np.ndarray]]:
        """Return the columns of a level 2 event file."""
        energy_ev = (events["energy"] * 1e3).astype(np.float32)
        channel = np.clip(events["energy"] // PI_WIDTH_KEV + 1, 1, 1024).astype(np.int32)
        count = len(energy_ev)
        return [
            ("time", "1D", "s", events["time"]),
            ("ccd_id", "1I", "", events["detector"].astype(np.int16)),
            ("chipx", "1I", "pixel", (np.floor(events["detector_x"]) + 1).astype(np.int16)),
            ("chipy", "1I", "pixel", (np.floor(events["detector_y"]) + 1).astype(np.int16)),
            ("x", "1E", "pixel", events["x"].astype(np.float32)),
            ("y", "1E", "pixel", events["y"].astype(np.float32)),
            ("energy", "1E", "eV", energy_ev),
            ("pi", "1J", "chan", channel),
            ("grade", "1I", "", np.zeros(count, dtype=np.int16)),
            ("status", "32X", "", np.zeros((count, 32), dtype=bool)),
        ]

    def header(self, facts: SimulatedFacts) -> dict[str, Any]:
        """Return the keywords of a simulated ACIS-I observation."""
        return {
            "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-0123",
            "OBS_ID": _SIMULATED_OBS_ID, "TIMESYS": "TT", "MJDREF": 50814.0,
            "RA_PNT": facts.pointing.ra, "DEC_PNT": facts.pointing.dec, "ROLL_PNT": facts.roll,
            "TIMEDEL": self.frame_time, "DTCOR": 1.0, "TSTART": facts.start, "TSTOP": facts.stop,
            "ONTIME": facts.ontime, "LIVETIME": facts.ontime, "EXPOSURE": facts.ontime,
        }  # fmt: skip

    def interval_extension(self, detector: int) -> tuple[str, dict[str, Any]]:
        """Return the name GTI, and the chip as CCD_ID and EXTVER."""
        return "GTI", {} if detector < 0 else {"EXTVER": detector, "CCD_ID": detector}


def _source(table: Table, warnings: list[str]) -> _AcisSource:
    columns: dict[str, str] = {
        name: name for name in ("time", "x", "y", "energy") if name in table.names
    }
    factors = {}
    if "energy" in columns:
        unit = table.unit("energy").lower()
        factors["energy"] = 1.0 if unit == "kev" else 1e-3
        if unit not in ("ev", "kev"):
            warnings.append(f"column ENERGY has unit '{unit}', taken as eV")
    else:
        warnings.append("no column ENERGY: energies are PI x 14.6 eV")
    if "ccd_id" in table.names:
        columns["detector"] = "ccd_id"
    for name in ("status", "grade"):
        if name not in table.names:
            warnings.append(f"no column {name.upper()}: events are not filtered by it")
    return _AcisSource(table, columns, factors)


def _good_times(file: FitsFile, events: Table, warnings: list[str]) -> dict[int, GoodTimeIntervals]:
    tables = file.find("GTI")
    gti: dict[int, GoodTimeIntervals] = {}
    for table in tables:
        intervals = read_intervals(table)
        chip = _gti_chip(table) if len(tables) > 1 or "CCD_ID" in table.header else -1
        gti[chip] = gti[chip].union(intervals) if chip in gti else intervals
    if not gti:
        gti[-1] = span_of_header(events, warnings)
    return {chip: gti[chip] for chip in sorted(gti)}


def _gti_chip(table: Table) -> int:
    header = table.header
    if "CCD_ID" in header:
        return int(header_number(table, "CCD_ID"))
    for key, value in header.items():
        if key.startswith("DSTYP") and str(value).strip().upper() == "CCD_ID":
            text = str(header.get(f"DSVAL{key[5:]}", "")).split(":")[0]
            if text.isdigit():
                return int(text)
    return int(header_number(table, "EXTVER", 1))


def _live_fraction(table: Table, warnings: list[str]) -> float:
    header = table.header
    if "DTCOR" in header:
        return checked_live_fraction(header_number(table, "DTCOR"), warnings)
    if header.get("LIVETIME") and header.get("ONTIME"):
        ratio = header_number(table, "LIVETIME") / header_number(table, "ONTIME")
        return checked_live_fraction(ratio, warnings)
    warnings.append("no DTCOR, LIVETIME: no dead-time correction")
    return 1.0


def _observation(
    table: Table, gti: Mapping[int, GoodTimeIntervals], live: float, wcs: WCS, warnings: list[str]
) -> Observation:
    pointing = header_position(table, "RA_PNT", "DEC_PNT")
    if pointing is None:
        pointing = SkyPosition(float(wcs.wcs.crval[0]) % 360, float(wcs.wcs.crval[1]))
        warnings.append("no RA_PNT, DEC_PNT: the optical axis is taken at the WCS reference")
    scale = time_scale(table, warnings)
    exposure = header_number(table, "EXPOSURE")
    check_exposure(exposure, max(g.total for g in gti.values()) * live, warnings)
    return Observation(
        path=table.path, mission="chandra", telescope="Chandra",
        instrument=header_text(table, "INSTRUME", "ACIS"), target=header_text(table, "OBJECT"),
        obs_id=header_text(table, "OBS_ID") or table.path.name.split(".")[0],
        pointing=pointing, roll=header_number(table, "ROLL_PNT"),
        reference_mjd=reference_mjd(table, 50814.0), time_scale=scale,
        header_exposure=exposure, frame_time=header_number(table, "TIMEDEL", Chandra.frame_time),
        warnings=tuple(warnings),
    )  # fmt: skip


CHANDRA = Chandra()
