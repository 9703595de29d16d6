"""IXPE: level 2 event files, one for each of the three detector units.

Columns and keywords are those of the IXPE instrument team's level 2 format, as in HEASARC's
archive and as ixpeobssim writes them. Q and U are already in the frame of the sky.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.events import EventList, GoodTimeIntervals, Observation
from xsurvey.io.fits_file import FitsFile, Table
from xsurvey.io.table_wcs import wcs_from_columns
from xsurvey.missions.base import Detector, Mission, SimulationRequest
from xsurvey.missions.ixpe_polarimetry import find_modulation
from xsurvey.missions.ixpe_responses import named_file, package_version, response_files
from xsurvey.missions.ixpe_simulation import MJDREF, UNITS, recorded_counts, simulate_units
from xsurvey.missions.ixpe_stokes import find_stokes_responses
from xsurvey.missions.polarimetry import Modulation, StokesResponseSet, Weighting
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
    require_columns,
    require_numbers,
    span_of_header,
    time_scale,
)
from xsurvey.missions.responses import ChannelGrid, ResponseFiles
from xsurvey.psf import KingPsf, PointSpreadFunction
from xsurvey.units import EnergyBand, SkyPosition

CHANNEL_WIDTH = 0.04
CHANNEL_ZERO = 0.02
"""Energy of a channel in keV: 0.04 PI + 0.02 (ixpeobssim's irf.ebounds)."""

_SIDE = 600
_PIXEL_DEG = 2.6 / 3600

# Effective area relative to the axis at 2, 6 and 8 keV (rows), read off the response files of
# ixpeobssim 33.2.1 (ixpe_d1_obssim20230101_vign_v013.fits), arcmin.
_VIGNETTING_ENERGIES = np.array([2.0, 6.0, 8.0])
_VIGNETTING_ANGLES = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 8.5])
_VIGNETTING = np.array([
    [1.0, 0.994, 0.960, 0.917, 0.866, 0.812, 0.755, 0.700, 0.646, 0.615],
    [1.0, 0.993, 0.956, 0.908, 0.847, 0.777, 0.703, 0.629, 0.560, 0.523],
    [1.0, 0.971, 0.873, 0.763, 0.652, 0.549, 0.460, 0.385, 0.330, 0.309],
])  # fmt: skip

# Mean encircled fraction of the three units' PSF files of ixpeobssim 33.2.1 (v013): 50 % within
# 13.6", 90 % within 30.4"; a King profile of this slope has both.
_PSF = KingPsf(slope=3.2, on_axis_r90=30.4, approximate=True)


@dataclass(frozen=True)
class _UnitSource(TableSource):
    """The events of one detector unit, and the responses that they were simulated with."""

    unit: int = 1
    simulated_with: str = ""

    def decode(self, raw: np.ndarray, name: str) -> np.ndarray:
        if name == "energy":
            return self.table.numbers(raw, "pi") * CHANNEL_WIDTH + CHANNEL_ZERO
        if name == "detector":
            return np.full(len(raw), self.unit, dtype=np.int16)
        return super().decode(raw, name)


class Ixpe(Mission):
    """IXPE: three telescopes that look the same way, with gas pixel detectors."""

    name = "ixpe"
    version = "2"
    # no letters are in use for them: limits in eV, as for any band without a name
    bands: Mapping[str, EnergyBand] = {
        "2000_8000": EnergyBand(2.0, 8.0),
        "2000_4000": EnergyBand(2.0, 4.0),
        "4000_8000": EnergyBand(4.0, 8.0),
    }
    detection_bands = ("2000_8000",)
    photometry_bands = ("2000_8000", "2000_4000", "4000_8000")
    hardness_pairs = ()
    detector_columns = None
    detector_groups: Mapping[str, tuple[int, ...]] = {
        "DU1": (1,), "DU2": (2,), "DU3": (3,),
    }  # fmt: skip
    coaligned = True
    units_have_files = True
    unit_suffix = "du"
    has_own_simulator = True
    simulates_polarization = True
    sky_pixel = 2.6
    reference_pixel = (_SIDE + 1) / 2
    detector_pixel = 2.6
    background_scale = 180.0
    image_pixel = 5.2
    frame_time = np.nan
    # channel 0 is centred on 0.02 keV
    channels = ChannelGrid.uniform(0, 375, CHANNEL_WIDTH)
    channel_column = "pi"

    def recognises(self, file: FitsFile) -> bool:
        """Look for TELESCOP = IXPE in any header."""
        return any(str(h.get("TELESCOP", "")).strip().upper() == "IXPE" for h in file.headers)

    def open(self, file: FitsFile) -> EventList:
        """Return the events of one detector unit."""
        table = find_event_table(file, "IXPE")
        require_columns(table, {
            "times": ["time"], "sky coordinates": ["x"], "the sky coordinates": ["y"],
            "energy channels": ["pi"],
        })  # fmt: skip
        require_numbers(table, ["q", "u", "w_mom"])
        warnings: list[str] = []
        unit = _unit(file, table)
        wcs = _wcs(table, warnings)
        if not {"q", "u"} <= set(table.names):
            warnings.append("no columns Q, U: the file cannot be used for polarization")
        # rows without Stokes parameters were not reconstructed
        required = tuple(name for name in ("q", "u") if name in table.names)
        columns = {"time": "time", "x": "x", "y": "y"}
        if "w_mom" in table.names:
            columns["weight"] = "w_mom"
        simulated = file.find("MONTE_CARLO")
        named = header_text(simulated[0], "IRFNAME") if simulated else ""
        source = _UnitSource(table, columns, {}, required, unit, named)
        gti = _good_times(file, table, warnings)
        ontime = gti.total
        live = _live_fraction(table, ontime, warnings)
        check_exposure(header_number(table, "EXPOSURE"), ontime * live, warnings)
        observation = _observation(file, table, wcs, warnings)
        pixel = abs(float(wcs.wcs.cdelt[1])) * 3600
        return EventList(
            observation, wcs, {unit: gti}, (source,), pixel, {unit: live}, self.coaligned
        )

    def psf(self, scanning: bool = False) -> PointSpreadFunction:
        """Return the approximate circular PSF, the mean of the units."""
        return _PSF

    def vignetting(self, off_axis: np.ndarray, energy: float) -> np.ndarray:
        """Interpolate the tabulated vignetting, linearly in angle and energy."""
        angle = np.abs(np.asarray(off_axis, float))
        rows = [np.interp(angle, _VIGNETTING_ANGLES, row) for row in _VIGNETTING]
        place = np.interp(energy, _VIGNETTING_ENERGIES, np.arange(len(rows)))
        low = min(int(place), len(rows) - 2)
        weight = place - low
        return np.asarray((1 - weight) * rows[low] + weight * rows[low + 1])

    def response_files(self, events: EventList, detectors: Sequence[int]) -> ResponseFiles:
        """Return the units' areas and matrix of the pseudo-CALDB that holds at the time.

        A simulated file says which responses it was made with.
        """
        named = _simulated_with(events)
        return response_files(list(events.gti), _first_date(events), named)

    def polarimetry(
        self, events: EventList, weighting: Weighting = "none", irf: str | None = None
    ) -> Modulation:
        """Return modulation factors and areas: asked for, of the simulation, or by date."""
        return find_modulation(
            list(events.gti), _first_date(events), self.channels, weighting, irf,
            _simulated_with(events),
        )  # fmt: skip

    def stokes_responses(
        self, events: EventList, weighting: Weighting = "none", irf: str | None = None
    ) -> StokesResponseSet:
        """Return areas, modulation responses and matrices, chosen as of `polarimetry`."""
        return find_stokes_responses(
            list(events.gti), _first_date(events), weighting, irf, _simulated_with(events)
        )

    def calibration_file(self, name: str) -> Path | None:
        """Return a response of the pseudo-CALDB by its name."""
        return named_file(name)

    def responses_version(self) -> str:
        """Return the version of the package that has the pseudo-CALDB, empty without it."""
        return package_version()

    def detectors(self) -> Sequence[Detector]:
        """Return three squares of 12.9' that lie on each other."""
        side = round(12.9 * 60 / self.detector_pixel)
        return [Detector(n, 0.0, 0.0, side, side, self.detector_pixel) for n in UNITS]

    def simulate_units(
        self, request: SimulationRequest, folder: Path
    ) -> tuple[list[Path], list[int]]:
        """Run ixpeobssim."""
        files = simulate_units(request, folder)
        return files, recorded_counts(files, len(request.positions))


def _first_date(events: EventList) -> str:
    starts = [float(own.start[0]) for own in events.gti.values() if len(own.start)]
    return events.observation.date(min(starts)) if starts else ""


def _simulated_with(events: EventList) -> str:
    """Return the name of the responses that files were simulated with, empty for real ones."""
    units = [source for source in events.sources if isinstance(source, _UnitSource)]
    named = {unit.simulated_with: unit.path for unit in units if unit.simulated_with}
    if len(named) > 1:
        first, second, *_ = named
        raise InputError(
            named[second], f"was simulated with {second}, but {named[first]} with {first}",
            "give the units of one simulation",
        )  # fmt: skip
    return next(iter(named), "")


def _unit(file: FitsFile, table: Table) -> int:
    for header in (table.header, file.primary):
        match = re.fullmatch(r"DU([123])", str(header.get("DETNAM", "")).strip().upper())
        if match:
            return int(match[1])
    raise InputError(
        table.path, "does not say which detector unit it is of (DETNAM = DU1, DU2 or DU3)",
        "give a level 2 file of one unit",
    )  # fmt: skip


def _wcs(table: Table, warnings: list[str]) -> WCS:
    wcs = wcs_from_columns(table, "x", "y")
    if wcs is not None:
        return wcs
    # early releases lack it, or say that it is in pixels: the grid is always the same one
    centre = header_position(table, "RA_OBJ", "DEC_OBJ") or header_position(
        table, "RA_PNT", "DEC_PNT"
    )
    if centre is None:
        raise InputError(
            table.path, "X, Y have no sky coordinates (TCTYP, TCRVL, ...) and the header no RA_OBJ",
            "fetch the current version of the file",
        )  # fmt: skip
    warnings.append(
        'no sky coordinates of X, Y (TCTYP, TCRVL, ...): 2.6" pixels centred on RA_OBJ, DEC_OBJ'
    )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = list(centre)
    wcs.wcs.crpix = [(_SIDE + 1) / 2, (_SIDE + 1) / 2]
    wcs.wcs.cdelt = [-_PIXEL_DEG, _PIXEL_DEG]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.set()
    return wcs


def _good_times(file: FitsFile, events: Table, warnings: list[str]) -> GoodTimeIntervals:
    tables = file.find("GTI")
    if not tables:
        return span_of_header(events, warnings)
    gti = read_intervals(tables[0])
    if gti.total <= 0:
        raise InputError(file.path, "its GTI table is empty", "give a complete event file")
    return gti


def _live_fraction(table: Table, ontime: float, warnings: list[str]) -> float:
    """Return LIVETIME over the good time; the files have no EXPOSURE, and Earth is no dead time."""
    livetime = header_number(table, "LIVETIME")
    if np.isfinite(livetime) and livetime > 0:
        header_ontime = header_number(table, "ONTIME", ontime)
        if abs(header_ontime - ontime) > 0.01 * header_ontime:
            warnings.append(
                f"header ONTIME is {header_ontime:.1f} s but the GTIs hold {ontime:.1f} s: "
                "the GTIs are used"
            )
        return checked_live_fraction(livetime / max(header_ontime, 1e-9), warnings)
    if "DEADC" in table.header:
        return checked_live_fraction(header_number(table, "DEADC"), warnings)
    warnings.append("no LIVETIME, DEADC: no dead-time correction")
    return 1.0


def _observation(file: FitsFile, table: Table, wcs: WCS, warnings: list[str]) -> Observation:
    pointing = header_position(table, "RA_PNT", "DEC_PNT")
    if pointing is None:
        pointing = SkyPosition(float(wcs.wcs.crval[0]) % 360, float(wcs.wcs.crval[1]))
        warnings.append("no RA_PNT, DEC_PNT: the optical axis is taken at the WCS reference")
    obs_id = str(table.header.get("OBS_ID", file.primary.get("OBS_ID", ""))).strip()
    if obs_id in ("", "-1"):  # what ixpeobssim writes; its three units share target and date
        obs_id = f"{header_text(table, 'OBJECT')}_{header_text(table, 'DATE-OBS')[:10]}"
    scale = time_scale(table, warnings)
    return Observation(
        path=table.path, mission="ixpe", telescope="IXPE",
        instrument=f"{header_text(table, 'INSTRUME', 'GPD')} {header_text(table, 'DETNAM')}",
        target=header_text(table, "OBJECT"), obs_id=obs_id, pointing=pointing,
        roll=header_number(table, "PA_PNT"), reference_mjd=reference_mjd(table, MJDREF),
        time_scale=scale, header_exposure=header_number(table, "EXPOSURE"),
        frame_time=Ixpe.frame_time, warnings=tuple(warnings),
    )  # fmt: skip


IXPE = Ixpe()
