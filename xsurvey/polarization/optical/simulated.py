"""Simulated optical series: a polarization that rotates for a while, or not, with errors."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from astropy.time import Time
from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.polarization.optical.random_walks import (
    CELL_POLARIZATION,
    number_of_cells,
    random_walks,
)
from xsurvey.polarization.optical.series import PolarizationSeries, polarization_series
from xsurvey.units import dates_of_any_time

_WANDER = 0.3  # of the mean step, by which measurements are early or late


class SimulatedSeriesParameters(StepParameters):
    """What an optical series is to have."""

    start: str = Field(
        default="60000", description="When the series begins: an ISO date (UTC), or MJD."
    )
    days: float = Field(default=60.0, gt=0, le=1e5, description="Length of the series.")
    points: int = Field(default=60, ge=2, le=100_000, description="Measurements in it.")
    degree: float = Field(default=0.14, ge=0, le=1, description="Polarization, a fraction.")
    degree_error: float = Field(
        default=0.01, gt=0, le=1,
        description="Standard deviation of q and of u in each measurement.",
    )  # fmt: skip
    angle: float = Field(
        default=0.0, ge=-360, le=360,
        description="Angle before the rotation, degrees north through east.",
    )  # fmt: skip
    rotation_rate: float = Field(
        default=0.0, ge=-1e5, le=1e5, description="Rotation of the angle, degrees a day."
    )
    rotation_start: float = Field(
        default=0.0, ge=-1e5, le=1e5, description="Days after the start when it begins."
    )
    rotation_days: float | None = Field(
        default=None, gt=0, le=1e5,
        description="Days that it takes; the angle stays then. To the end if not given.",
    )  # fmt: skip
    walk: float = Field(
        default=0.0, ge=0, le=100,
        description="Root mean square of a random walk of q and u beside it, relative to the "
        "degree.",
    )  # fmt: skip
    walk_days: float = Field(
        default=10.0, gt=0, le=1e5, description="Days in which the walk forgets where it was."
    )

    @field_validator("start")
    @classmethod
    def _readable_start(cls, value: str) -> str:
        start_mjd(value)
        return value

    @model_validator(mode="after")
    def _walk_of_a_degree(self) -> SimulatedSeriesParameters:
        if self.walk and not self.degree:
            raise ValueError("walk is relative to the degree, which is zero")
        return self


def start_mjd(text: str) -> float:
    """Return the MJD (UTC) that a date or a number names.

    Raises
    ------
    ValueError
        Neither of both.
    """
    try:
        value = float(text)
    except ValueError:
        try:
            with dates_of_any_time():
                return float(Time(text, scale="utc").mjd)
        except ValueError:
            raise ValueError(f"'{text}' is neither an MJD nor a date such as 2023-05-25") from None
    if not 0 <= value < 1e6:
        raise ValueError(f"'{text}' is no MJD")
    return value


def true_angle(parameters: SimulatedSeriesParameters, mjd: np.ndarray) -> np.ndarray:
    """Return the angle without walk and errors at some times, degrees, not folded."""
    since = np.asarray(mjd, float) - start_mjd(parameters.start) - parameters.rotation_start
    turned = np.clip(since, 0.0, parameters.rotation_days)
    return parameters.angle + parameters.rotation_rate * turned


def simulated_series(parameters: SimulatedSeriesParameters, seed: int) -> PolarizationSeries:
    """Simulate a series.

    Measurements are about as far from each other, errors Gaussian in q and u, and degrees as
    measured, not debiased.

    Parameters
    ----------
    parameters : SimulatedSeriesParameters
    seed : int
        The same seed gives the same series.
    """
    generator = np.random.default_rng(seed)
    number, degree = parameters.points, parameters.degree
    place = (np.arange(number) + 0.5 + generator.uniform(-_WANDER, _WANDER, number)) / number
    mjd = start_mjd(parameters.start) + parameters.days * place
    z = degree * np.exp(2j * np.radians(true_angle(parameters, mjd)))
    if parameters.walk:
        life = (parameters.walk_days, parameters.walk_days)
        cells = number_of_cells(degree, CELL_POLARIZATION)
        walk = random_walks(mjd, cells, 1, int(generator.integers(2**31)), life)
        z = z + parameters.walk * degree * walk.stokes[0]
    error = np.full(number, parameters.degree_error)
    z = z + error * (generator.standard_normal(number) + 1j * generator.standard_normal(number))
    return polarization_series(mjd, np.abs(z), error, 0.5 * np.degrees(np.angle(z)), None)


def series_table(series: PolarizationSeries) -> Table:
    """Return a series as `xsurvey.polarization.optical.reading` reads it: MJD, %, degrees."""
    table = Table({
        "mjd": series.mjd, "pd": 100 * series.pd, "pd_err": 100 * series.pd_error,
        "pa": series.pa_deg, "pa_err": series.pa_error,
    })  # fmt: skip
    for name, unit in (("mjd", "d"), ("pd", "%"), ("pd_err", "%"), ("pa", "deg"),
                       ("pa_err", "deg")):  # fmt: skip
        table[name].unit = unit
    return table
