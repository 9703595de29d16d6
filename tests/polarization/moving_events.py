"""Event files of a source whose polarization changes with time, made by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..mission_files import START, write_ixpe
from .made_fields import CHANNELS, ENERGY, MIDDLE, UNITS, _shares, disk, factor_at

DAY = 86400.0
REFERENCE = 51544
ZERO_MJD = REFERENCE + 0.00080074074074 + START / DAY
"""MJD (TT) of the first event."""
SPAN = 4 * DAY
ORBIT = 5760.0
GTI = [(start, start + 3400.0) for start in np.arange(0, SPAN - 3400, ORBIT)]
Course = Callable[[np.ndarray], np.ndarray]


def good_times(number: int, generator: np.random.Generator) -> np.ndarray:
    """Draw times in `GTI`, in order, seconds after the first."""
    orbit = generator.integers(0, len(GTI), number)
    return np.sort(orbit * ORBIT + generator.uniform(0, 3400, number))


def write_moving(
    folder: Path, number: int, degree: float | Course = 0.0, angle: float | Course = 0.0,
    seed: int = 1, *, background: int = 0, times: np.ndarray | None = None,
    energy_slope: float = 0.0,
    gti: list[tuple[float, float]] = GTI, **header: object,
) -> list[Path]:  # fmt: skip
    """Write the units of a source in the middle; degree and angle (deg) may depend on time (s).

    Parameters
    ----------
    background : int
        Unpolarized events, uniform in a disk of 250 arcsec.
    times : ndarray, optional
        Of the events, seconds after the first.
    energy_slope : float
        By which angles rise from 2 keV on, deg / keV.
    """
    generator = np.random.default_rng(seed)
    if times is None:
        times = good_times(number, generator)
    x, y = (generator.normal(MIDDLE, 5, number) for _ in range(2))
    p = degree(times) if callable(degree) else np.full(number, degree)
    a = angle(times) if callable(angle) else np.full(number, angle)
    if background:
        more = disk(background, 250, generator)
        times = np.append(times, good_times(background, generator))
        x, y = np.append(x, more[0]), np.append(y, more[1])
        p, a = np.append(p, np.zeros(background)), np.append(a, np.zeros(background))
    channel = generator.choice(CHANNELS, len(x), p=_shares())
    m = p * factor_at(ENERGY[channel])
    a = a + energy_slope * (ENERGY[channel] - 2)
    phase = generator.uniform(0, 2 * np.pi, len(x))
    phase += np.pi * (generator.random(len(x)) > (1 + m * np.cos(phase)) / 2) + 2 * np.radians(a)
    unit_of = generator.integers(0, 3, len(x))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for unit in UNITS:
        own = np.flatnonzero(unit_of == unit - 1)
        own = own[np.argsort(times[own], kind="stable")]
        columns = {
            "TIME": ("D", START + times[own]), "PI": ("J", channel[own]),
            "W_MOM": ("E", generator.uniform(0.1, 1.5, len(own))), "X": ("E", x[own]),
            "Y": ("E", y[own]), "Q": ("D", 2 * np.cos(phase[own])),
            "U": ("D", 2 * np.sin(phase[own])),
        }  # fmt: skip
        ontime = sum(stop - start for start, stop in gti)
        known = {"MJDREFI": REFERENCE, "ONTIME": ontime, "LIVETIME": 0.9 * ontime, **header}
        paths.append(
            write_ixpe(folder / f"moving_du{unit}.fits", unit, columns, {"GTI": gti}, **known)
        )
    return paths


def write_series(
    path: Path, rate: float, *, first: float = -0.5, last: float = 4.5, number: int = 40,
    seed: int = 5, start: float = -20.0,
) -> Path:  # fmt: skip
    """Write an optical series whose angle is ``start + rate t`` degrees, t in days."""
    generator = np.random.default_rng(seed)
    t = np.sort(generator.uniform(first, last, number))
    z = 0.14 * np.exp(2j * np.radians(rate * t + start))
    z += generator.normal(0, 0.005, number) + 1j * generator.normal(0, 0.005, number)
    table = Table({
        "time": ZERO_MJD + t, "pd": np.abs(z), "pd_err": np.full(number, 0.005),
        "pa": 0.5 * np.degrees(np.angle(z)),
    })  # fmt: skip
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path
