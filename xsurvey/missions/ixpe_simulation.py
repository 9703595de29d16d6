"""IXPE observations simulated by ixpeobssim, run as a program of its own.

Importing ixpeobssim makes folders in the user's home and prints: it is run in another process,
whose home is a temporary folder, and its response files are found without importing it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time

from xsurvey.errors import ParameterError
from xsurvey.missions.ixpe_responses import package_folder
from xsurvey.missions.simulated import SimulationRequest, SourcePolarization

UNITS = (1, 2, 3)
_IRF = "ixpe:obssim20240101:v13"
_ARF = "caldb/ixpe/gpd/cpf/arf/ixpe_d{unit}_obssim20240101_v013.arf"
_DETECTOR_AREA = 1.32 * 1.36  # cm2: the fiducial rectangle of ixpeobssim's instrument.gpd
MJDREF = 57754 + 0.00080074074074
_START, _LAUNCH = "2022-04-21", "2021-12-09"  # ixpeobssim's own start
_UNPOLARIZED = SourcePolarization(0.0, 0.0)
_MODEL = '''"""Polarized point sources with power laws over a uniform instrumental background."""
import numpy
from ixpeobssim.srcmodel.bkg import xPowerLawInstrumentalBkg
from ixpeobssim.srcmodel.polarization import constant
from ixpeobssim.srcmodel.roi import xPointSource, xROIModel
from ixpeobssim.srcmodel.spectrum import power_law
from ixpeobssim.utils.time_ import string_to_met_utc

__model__ = "simulated"
START = string_to_met_utc({start!r}, lazy=True)


def rotating(angle, rate):
    """Return the angle in radians at a time; it is `angle` at the start."""
    def at_time(E=None, t=None, ra=None, dec=None):
        return numpy.radians(angle + rate * ((START if t is None else t) - START) / 86400)
    return at_time


SOURCES = [
    xPointSource(
        f"source {{number}}", ra, dec, power_law(norm, {index!r}), constant(degree),
        rotating(angle, rate) if rate else constant(numpy.radians(angle)),
    )
    for number, (ra, dec, norm, degree, angle, rate) in enumerate({sources!r}, start=1)
]
for source in SOURCES:
    source.set_count_spectrum_params(4, 3, 3)  # its spectrum is the same at all times
BACKGROUND = [xPowerLawInstrumentalBkg({level!r}, 0.0)] if {level!r} > 0 else []
ROI_MODEL = xROIModel({ra!r}, {dec!r}, *SOURCES, *BACKGROUND)
'''


def simulate_units(request: SimulationRequest, folder: Path) -> list[Path]:
    """Run ixpeobssim and return the event files of the three detector units.

    Parameters
    ----------
    request : SimulationRequest
    folder : path
        An empty one, for all that the program writes.

    Raises
    ------
    MissingDataError
        ixpeobssim is not installed.
    ParameterError
        It does not accept what is asked for.
    """
    package = package_folder("run `pip install ixpeobssim` (GPL-3)")
    start = _start_date(request.start)
    (folder / "simulated.py").write_text(_model(request, package, start))
    command = [
        sys.executable, str(package / "bin" / "xpobssim.py"),
        "--configfile", str(folder / "simulated.py"), "--outfile", str(folder / "simulated"),
        "--irfname", _IRF, "--duration", repr(request.exposure), "--seed", str(request.seed),
        "--startdate", start, "--roll", repr(request.roll), "--objname", "SIMULATED",
        "--emin", repr(max(request.energy.minimum, 1.0)),
        "--emax", repr(min(request.energy.maximum, 12.0)), "--scdatainterval", "60",
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(folder), "MPLBACKEND": "Agg"}
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    files = [folder / f"simulated_du{unit}.fits" for unit in UNITS]
    if done.returncode or not all(f.exists() for f in files):
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise ParameterError(
            "simulation", f"ixpeobssim failed ({lines[-1].strip()})", "change what is asked for"
        )
    return files


def recorded_counts(files: list[Path], sources: int) -> list[int]:
    """Return how many events of each source the units recorded, by what the simulator wrote."""
    totals = np.zeros(sources, dtype=int)
    for path in files:
        with fits.open(path) as hdus:
            identifiers = np.asarray(hdus["MONTE_CARLO"].data["SRC_ID"], dtype=int)
        totals += np.bincount(identifiers, minlength=sources)[:sources]
    return [int(n) for n in totals]


def _start_date(start: str | None) -> str:
    """Return when an observation starts, as ixpeobssim reads it."""
    if start is None:
        return _START
    try:
        seconds = float(start)
    except ValueError:
        time = Time(start, scale="utc")
    else:
        time = Time(MJDREF, seconds / 86400, format="mjd", scale="tt").utc
    if not time >= Time(_LAUNCH, scale="utc"):
        raise ParameterError(
            "start", f"{start} is before the launch ({_LAUNCH})", "choose a later date"
        )
    return str(time.strftime("%Y-%m-%dT%H:%M:%S.%f"))


def _model(request: SimulationRequest, package: Path, start: str) -> str:
    low, high = max(request.energy.minimum, 1.0), min(request.energy.maximum, 12.0)
    if high <= low:
        raise ParameterError(
            "energy", f"{request.energy} keV is outside of 1-12 keV", "widen the range"
        )
    unit_counts = _counts_of_unit_norm(request, package, low, high)
    polarization = request.polarization or [_UNPOLARIZED] * len(request.positions)
    sources = [
        (position.ra, position.dec, counts / unit_counts, *polarized)
        for position, counts, polarized in zip(
            request.positions, request.counts, polarization, strict=True
        )
    ]
    level = request.background_rate / (_DETECTOR_AREA * (high - low))
    return _MODEL.format(
        index=request.photon_index, sources=sources, level=level, start=start,
        ra=request.pointing.ra, dec=request.pointing.dec,
    )  # fmt: skip


def _counts_of_unit_norm(
    request: SimulationRequest, package: Path, low: float, high: float
) -> float:
    """Return the counts on axis, of all units, of one photon/(cm2 s keV) at 1 keV."""
    total = 0.0
    energy = np.linspace(low, high, 2001)
    for unit in UNITS:
        table = fits.getdata(package / _ARF.format(unit=unit), "SPECRESP")
        middle = (table["ENERG_LO"] + table["ENERG_HI"]) / 2
        area = np.interp(energy, middle, table["SPECRESP"])
        total += float(np.trapezoid(area * energy**-request.photon_index, energy))
    return total * request.exposure
