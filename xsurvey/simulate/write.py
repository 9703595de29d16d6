"""Event files of simulated observations, and their truth tables."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from xsurvey import __version__
from xsurvey.attitude import Attitude
from xsurvey.events import GoodTimeIntervals
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.ogip.headers import add_keywords
from xsurvey.missions.base import SimulatedFacts
from xsurvey.simulate.choice import numbers_of
from xsurvey.simulate.result import LEVELS, SimulatedObservation
from xsurvey.units import dates_of_any_time


def truth_path(path: str | os.PathLike[str]) -> Path:
    """Return where the truth table of an event file goes: ``events_truth.fits``."""
    path = Path(path)
    stem = path.name.removesuffix(".gz").removesuffix(".fits")
    return path.with_name(f"{stem}_truth.fits")


def write_simulation(path: str | os.PathLike[str], observation: SimulatedObservation) -> None:
    """Write the event file and, beside it, the truth table.

    Raises
    ------
    OutputError
        The folder is missing or not writable.
    """
    events = _event_table(observation)
    tables = [fits.PrimaryHDU(), events, *_gti_tables(observation), *_attitude_tables(observation)]
    with atomic_output(path) as temporary, atomic_output(truth_path(path)) as truth:
        write_hdus(temporary, tables)
        write_truth(truth, observation.truth, observation.seed, observation.tables)


def write_truth(path: Path, truth: Table, seed: int, others: Sequence[Table] = ()) -> None:
    """Write a truth table as extension TRUTH, and others as their meta data name them."""
    hdu = fits.table_to_hdu(truth)
    hdu.header["EXTNAME"] = "TRUTH"
    hdu.header["SIMSEED"] = seed
    hdus = [fits.PrimaryHDU(), hdu]
    for table in others:
        bare = table.copy()
        bare.meta.clear()
        more = fits.table_to_hdu(bare)
        more.header.update(table.meta)
        hdus.append(more)
    write_hdus(path, hdus)


def _event_table(observation: SimulatedObservation) -> fits.BinTableHDU:
    mission, parameters = observation.mission, observation.parameters
    columns = [
        fits.Column(name=name, format=form, unit=unit or None, array=values)
        for name, form, unit, values in mission.encode(observation.events)
    ]
    if parameters.origin:
        numbers = observation.events["origin"]
        columns.append(fits.Column(name="SRC_ID", format="1J", array=numbers))
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    header = hdu.header
    gti = observation.gti
    start, span = float(gti.start[0]), float(gti.stop[-1] - gti.start[0])
    keywords = mission.header(SimulatedFacts(
        parameters.pointing, parameters.roll, start, start + span, gti.total,
        bool(parameters.scans), numbers_of(observation.detectors), parameters.closed,
    ))  # fmt: skip
    for key, value in keywords.items():
        header[key] = value
    for key, time in (("DATE-OBS", start), ("DATE-END", start + span)):
        days = np.longdouble(time) / 86400
        with dates_of_any_time():
            stamp = Time(keywords["MJDREF"], float(days), format="mjd", scale="tt")
            header[key] = stamp.utc.isot[:19]
    header["OBJECT"] = "SIMULATED"
    header["RADESYS"] = "ICRS"
    header["CREATOR"] = f"xsurvey {__version__}"
    header["SIMSEED"] = observation.seed
    header["SIMLEVEL"] = (observation.level, LEVELS[observation.level])
    add_keywords(header, [observation.stamps])
    names = [column.name.lower() for column in columns]
    for axis, name in enumerate(("x", "y")):
        number = names.index(name) + 1
        wcs = observation.wcs.wcs
        header[f"TCTYP{number}"] = wcs.ctype[axis]
        header[f"TCRVL{number}"] = wcs.crval[axis]
        header[f"TCRPX{number}"] = wcs.crpix[axis]
        header[f"TCDLT{number}"] = wcs.cdelt[axis]
        header[f"TCUNI{number}"] = "deg"
        if mission.reference_pixel > 0:
            header[f"TLMIN{number}"] = 0.5
            header[f"TLMAX{number}"] = 2 * mission.reference_pixel - 0.5
    return hdu


def _gti_tables(observation: SimulatedObservation) -> list[fits.BinTableHDU]:
    tables = []
    for detector in observation.detectors:
        columns = [
            fits.Column(name="START", format="1D", unit="s", array=observation.gti.start),
            fits.Column(name="STOP", format="1D", unit="s", array=observation.gti.stop),
        ]
        name, keywords = observation.mission.interval_extension(detector.number)
        hdu = fits.BinTableHDU.from_columns(columns, name=name)
        hdu.header.update(keywords)
        tables.append(hdu)
    return tables


def _attitude_tables(observation: SimulatedObservation) -> list[fits.BinTableHDU]:
    mission, roll = observation.mission, observation.parameters.roll
    time = _attitude_times(observation.gti)
    offset = observation.motion.axis(time) / mission.sky_pixel + observation.wcs.wcs.crpix
    ra, dec = observation.wcs.all_pix2world(offset, 1).T
    attitude = Attitude(time, ra, dec)
    tables = []
    for detector in observation.detectors:
        for name, columns in mission.attitude_tables(detector.number, attitude, roll):
            tables.append(fits.BinTableHDU.from_columns([
                fits.Column(name=column, format=form, unit=unit or None, array=values)
                for column, form, unit, values in columns
            ], name=name))  # fmt: skip
    return tables


def _attitude_times(gti: GoodTimeIntervals) -> np.ndarray:
    """Return times a second apart in every good interval, its ends among them."""
    parts = [
        np.linspace(a, b, int(np.ceil(b - a)) + 1) for a, b in zip(gti.start, gti.stop, strict=True)
    ]
    return np.unique(np.concatenate(parts))
