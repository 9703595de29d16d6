"""Event files of simulated observations, and their truth tables."""

import os
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time

from xsurvey import __version__
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.simulate.observation import SimulatedObservation

SIMULATION_LEVEL = "COUNTS"


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
    tables = [fits.PrimaryHDU(), events, *_gti_tables(observation)]
    with atomic_output(path) as temporary, atomic_output(truth_path(path)) as truth:
        write_hdus(temporary, tables)
        hdu = fits.table_to_hdu(observation.truth)
        hdu.header["EXTNAME"] = "TRUTH"
        hdu.header["SIMSEED"] = observation.seed
        write_hdus(truth, [fits.PrimaryHDU(), hdu])


def _event_table(observation: SimulatedObservation) -> fits.BinTableHDU:
    mission, parameters = observation.mission, observation.parameters
    columns = [
        fits.Column(name=name, format=form, unit=unit or None, array=values)
        for name, form, unit, values in mission.encode(observation.events)
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    header = hdu.header
    gti = observation.gti
    start, span = float(gti.start[0]), float(gti.stop[-1] - gti.start[0])
    keywords = mission.header(parameters.pointing, parameters.roll, start, gti.total)
    keywords["TSTOP"] = start + span
    for key, value in keywords.items():
        header[key] = value
    for key, time in (("DATE-OBS", start), ("DATE-END", start + span)):
        days = np.longdouble(time) / 86400
        stamp = Time(keywords["MJDREF"], float(days), format="mjd", scale="tt")
        header[key] = stamp.utc.isot[:19]
    header["OBJECT"] = "SIMULATED"
    header["CREATOR"] = f"xsurvey {__version__}"
    header["SIMSEED"] = observation.seed
    header["SIMLEVEL"] = (SIMULATION_LEVEL, "no responses: counts are drawn as detected")
    names = [column.name.lower() for column in columns]
    for axis, name in enumerate(("x", "y")):
        number = names.index(name) + 1
        wcs = observation.wcs.wcs
        header[f"TCTYP{number}"] = wcs.ctype[axis]
        header[f"TCRVL{number}"] = wcs.crval[axis]
        header[f"TCRPX{number}"] = wcs.crpix[axis]
        header[f"TCDLT{number}"] = wcs.cdelt[axis]
        header[f"TCUNI{number}"] = "deg"
        header[f"TLMIN{number}"] = 0.5
        header[f"TLMAX{number}"] = 8192.5
    header["RADESYS"] = "ICRS"
    return hdu


def _gti_tables(observation: SimulatedObservation) -> list[fits.BinTableHDU]:
    tables = []
    for detector in observation.mission.detectors():
        columns = [
            fits.Column(name="START", format="1D", unit="s", array=observation.gti.start),
            fits.Column(name="STOP", format="1D", unit="s", array=observation.gti.stop),
        ]
        hdu = fits.BinTableHDU.from_columns(columns, name="GTI", ver=detector.number)
        hdu.header["CCD_ID"] = detector.number
        tables.append(hdu)
    return tables
