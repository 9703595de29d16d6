"""Simulated spectral energy distributions and polarization: a model, and errors drawn about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import ParameterSet, apply_settings
from xsurvey.sed.fitting.sed_parameters import SedModelParameters
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.models.polarized import POLARIZATION_PARAMETERS, polarized_source
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution


class SimulatedSedParameters(SedModelParameters):
    """What is simulated: a model, instruments with their points, and polarization."""

    redshift: float = Field(default=0.3, gt=0, lt=20, description="Redshift of the source.")
    source: str = Field(default="simulated", description="Name of the source in the tables.")
    points: tuple[str, ...] = Field(
        default=("radio=1e10,1e11,4,0.1", "optical=3e14,1e15,5,0.05", "X-rays=2e17,2e18,8,0.1",
                 "gamma-rays=2e22,1e25,8,0.2"),
        description="Points of an instrument, as many at equal steps of the logarithm between two "
        "frequencies in Hz, with an error that is a fraction of the model: "
        "INSTRUMENT=LOW,HIGH,NUMBER,FRACTION. Repeat for several.",
    )  # fmt: skip
    stokes: tuple[str, ...] = Field(
        default=("optical=5e14,0.01", "X-rays=1e18,0.03"),
        description="Measured Q/I and U/I at a frequency in Hz, with one error of both: "
        "INSTRUMENT=FREQUENCY,ERROR. Repeat for several.",
    )


class _Band(NamedTuple):
    instrument: str
    frequency: np.ndarray
    fraction: float


def simulated_sed(parameters: SimulatedSedParameters, seed: int) -> SpectralEnergyDistribution:
    """Return points of a model with errors drawn of Gaussians.

    Raises
    ------
    ParameterError
        No such model, or parameter; points that are none; a model without value.
    """
    bands = [_band(text) for text in parameters.points]
    if not bands:
        raise ParameterError("points", "are none", "give an instrument with its points")
    model = _model(parameters)
    theta = _theta(model, parameters)
    where = np.concatenate([band.frequency for band in bands])
    sigma = np.concatenate([np.full(len(b.frequency), b.fraction) for b in bands])
    names = [b.instrument for b in bands for _ in b.frequency]
    light = np.asarray(sum(model.components(theta, where).values()), float)[0]
    if not np.all(light > 0):
        dark = where[~(light > 0)][0]
        raise ParameterError(
            "points", f"the model has no light at {dark:g} Hz", "give others, or other values"
        )
    drawn = np.random.default_rng((seed, 0)).standard_normal(len(where))
    flux, error = light * (1 + sigma * drawn), light * sigma
    order = np.argsort(where, kind="stable")
    return SpectralEnergyDistribution(
        name=parameters.source, frequency=where[order], flux=flux[order], error_low=error[order],
        error_high=error[order], is_limit=np.zeros(len(where), bool),
        limit_confidence=np.full(len(where), np.nan), instruments=tuple(names[i] for i in order),
        redshift=parameters.redshift, source=parameters.source,
    )  # fmt: skip


def simulated_stokes(parameters: SimulatedSedParameters, seed: int) -> PolarizationMeasurements:
    """Return Q/I and U/I of a model with errors drawn of Gaussians.

    Parameters of polarization, ``field_inclination``, ``polarization_angle`` and
    ``depolarization``, are set as those of the model.

    Raises
    ------
    ParameterError
        As `simulated_sed`; a model that has no polarization.
    """
    measured = [_numbers("stokes", text, 2) for text in parameters.stokes]
    if not measured:
        raise ParameterError("stokes", "are none", "give an instrument with a frequency")
    model = polarized_source(_model(parameters), angle_deg=0.0)
    where = np.array([numbers[0] for _, numbers in measured])
    error = np.array([numbers[1] for _, numbers in measured])
    q, u = (x[0] for x in model.stokes(_theta(model, parameters), where).normalised)
    if not np.all(np.isfinite(q)):
        raise ParameterError(
            "stokes", f"the model has no light at {where[~np.isfinite(q)][0]:g} Hz", "give others"
        )
    drawn = np.random.default_rng((seed, 1)).standard_normal((2, len(where)))
    order = np.argsort(where, kind="stable")
    nothing = np.full(len(where), np.nan)
    return PolarizationMeasurements(
        name=parameters.source, frequency=where[order], kinds=(Kind.STOKES,) * len(where),
        q=(q + error * drawn[0])[order], u=(u + error * drawn[1])[order],
        covariance=(error**2)[order, None, None] * np.eye(2), degree=nothing,
        degree_error=nothing, limit=nothing, confidence=nothing,
        instruments=tuple(measured[i][0] for i in order), source=parameters.source,
    )  # fmt: skip


def _model(parameters: SimulatedSedParameters) -> RadiativeModel:
    return radiative_model(
        parameters.model, electrons=parameters.electrons, redshift=parameters.redshift,
        self_absorption=parameters.self_absorption, targets=parameters.target,
        line=parameters.line, black_body=parameters.black_body,
    )  # fmt: skip


def _theta(model: RadiativeModel, parameters: SimulatedSedParameters) -> np.ndarray:
    """Return all parameters of a model, (1, p); those of polarization are left out of others."""
    if parameters.prior:
        raise ParameterError(
            "prior", "is of fits: what is simulated has the values that are set", "leave it out"
        )
    known = {p.name for p in model.parameters}

    def own(texts: Sequence[str]) -> tuple[str, ...]:
        names = {text: text.partition("=")[0].strip() for text in texts}
        return tuple(
            t for t, name in names.items() if name in known or name not in POLARIZATION_PARAMETERS
        )

    rows = apply_settings(
        ParameterSet(model.parameters), values=own(parameters.set), freeze=own(parameters.freeze),
        thaw=own(parameters.thaw), links=own(parameters.link), limits=own(parameters.limits),
        priors=(),
    )  # fmt: skip
    return rows.expand(rows.start[None, :])


def _band(text: str) -> _Band:
    instrument, (low, high, number, fraction) = _numbers("points", text, 4)
    if not (high >= low and number >= 1 and number == int(number) and number <= 10_000):
        raise ParameterError(
            "points", f"'{text}' is no range with a number of points", "write LOW,HIGH,NUMBER,"
            "FRACTION",
        )  # fmt: skip
    return _Band(instrument, np.geomspace(low, high, int(number)), fraction)


def _numbers(subject: str, text: str, count: int) -> tuple[str, list[float]]:
    """Return the instrument and the positive numbers of ``INSTRUMENT=A,B,...``."""
    name, sign, rest = text.rpartition("=")
    try:
        numbers = [float(part) for part in rest.split(",")]
    except ValueError:
        numbers = []
    if not (sign and name.strip() and len(numbers) == count) or not all(
        x > 0 and math.isfinite(x) for x in numbers
    ):
        raise ParameterError(
            subject, f"'{text}' is not INSTRUMENT= and {count} numbers above 0",
            "write for example " + ("X-rays=2e17,2e18,8,0.1" if count == 4 else "X-rays=1e18,0.03"),
        )  # fmt: skip
    return name.strip(), numbers
