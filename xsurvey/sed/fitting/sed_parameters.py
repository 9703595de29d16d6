"""What a user chooses for a fit of a spectral energy distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.sed.models.registry import DEFAULT_ELECTRONS, DISTRIBUTIONS, model_names
from xsurvey.sed.on_the_way.background_tables import BACKGROUND_LIGHTS
from xsurvey.sed.targets.broad_lines import DEFAULT_LINE, LINES
from xsurvey.sed.targets.registry import TARGETS


def _listed(entries: Mapping[str, str]) -> str:
    return "; ".join(f"{name} ({description})" for name, description in entries.items())


class SedModelParameters(StepParameters):
    """A radiative model, and what is done with its parameters."""

    model: str = Field(default="ssc", description=f"Radiative model: {_listed(model_names())}.")
    electrons: str = Field(
        default=DEFAULT_ELECTRONS,
        description=f"Distribution of the electrons: {', '.join(DISTRIBUTIONS)}.",
    )
    self_absorption: bool = Field(
        default=True, description="Absorb synchrotron emission by its own electrons."
    )
    target: tuple[str, ...] = Field(
        default=(),
        description="What electrons of the model external-compton scatter: "
        f"{_listed(TARGETS)}. Repeat for several.",
    )
    line: str | None = Field(
        default=None,
        description=f"Line of the target blr: {', '.join(LINES)}, or a wavelength in Angstrom; "
        f"{DEFAULT_LINE} if not given.",
    )
    black_body: bool = Field(
        default=False,
        description="Scatter a black body's photons of the target torus, in place of photons of "
        "one energy.",
    )
    set: tuple[str, ...] = Field(
        default=(),
        description="Start value, of a frozen parameter its value: parameter=value. Repeat for "
        "several.",
    )
    freeze: tuple[str, ...] = Field(
        default=(), description="Freeze a parameter: parameter, or parameter=value."
    )
    thaw: tuple[str, ...] = Field(
        default=(), description="Fit a parameter that the model freezes: parameter."
    )
    limits: tuple[str, ...] = Field(default=(), description="Hard limits: parameter=low,high.")
    link: tuple[str, ...] = Field(
        default=(),
        description="Let a parameter follow others: parameter=arithmetic of parameters, such as "
        "p2=p1+1.",
    )
    prior: tuple[str, ...] = Field(
        default=(),
        description="Prior: parameter=normal:mean,sigma, uniform:low,high, loguniform:low,high or "
        "lognormal:median,sigma. If not given, chains, evidences and starts have the model's, flat "
        "between the limits or, where it freezes the parameter at first, in the logarithm; best "
        "fits and profile intervals have none, but those of --polarization.",
    )


class SedSurroundingParameters(StepParameters):
    """How far a source is, what is before it, and what is beside it."""

    redshift: float | None = Field(
        default=None, gt=0, lt=20,
        description="Redshift, in place of that of the table.",
    )  # fmt: skip
    ebl: str | None = Field(
        default=None,
        description="Absorb gamma rays by the extragalactic background light: "
        f"{', '.join(BACKGROUND_LIGHTS)}, or a file with optical depths (energy, redshift, tau). "
        "For fluxes as observed; nothing is absorbed if not given.",
    )
    ebv: float | None = Field(
        default=None, ge=0, le=10,
        description="Dim light up to the Lyman limit by dust of our Galaxy: E(B-V), magnitudes. "
        "For fluxes as observed.",
    )  # fmt: skip
    r_v: float = Field(
        default=3.1, ge=2, le=6,
        description="A_V / E(B-V) of the dust (law of Fitzpatrick 1999).",
    )  # fmt: skip
    host: str | None = Field(
        default=None,
        description="Add a host galaxy: a file with its spectrum, as tables of flux points but "
        "without errors; the parameter log10_host scales it.",
    )


class SedPointParameters(StepParameters):
    """Which points are fitted, with what errors."""

    min_frequency: float | None = Field(
        default=None, gt=0,
        description="Lowest frequency of the points that are fitted, Hz; all if not given.",
    )  # fmt: skip
    max_frequency: float | None = Field(
        default=None, gt=0, description="Highest frequency of the points that are fitted, Hz."
    )
    systematic: tuple[str, ...] = Field(
        default=(),
        description="Systematic error of an instrument, as a fraction of the measured flux, added "
        "in quadrature: INSTRUMENT=FRACTION. Repeat for several.",
    )
    systematic_default: float = Field(
        default=0.0, ge=0, le=10,
        description="That of instruments for which none is given.",
    )  # fmt: skip
    limit_confidence: float = Field(
        default=0.95, gt=0.5, lt=1,
        description="Probability that the flux is below an upper limit, where the table does not "
        "tell.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _range(self) -> SedPointParameters:
        low, high = self.min_frequency, self.max_frequency
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_frequency ({low:g}) is above max_frequency ({high:g})")
        return self


class SedSearchParameters(StepParameters):
    """How fits are searched for, and their intervals."""

    cells: int | None = Field(
        default=None, ge=1, le=100000,
        description="Cells with fields of random directions, with --polarization: what is to be "
        "expected of their depolarization is the prior of it; 1 for a uniform field. If not "
        "given, all depolarizations are as probable.",
    )  # fmt: skip
    confidence: float = Field(
        default=0.6827, gt=0, lt=1,
        description="Confidence of the intervals of parameters: 0.6827 (statistic + 1) or 0.9 "
        "(statistic + 2.706), for example.",
    )  # fmt: skip
    starts: int = Field(
        default=6, ge=1, le=1000,
        description="From how many places the fit starts: the start values and the best of many "
        "others spread over the limits.",
    )  # fmt: skip


class SedFitParameters(
    SedSearchParameters, SedPointParameters, SedSurroundingParameters, SedModelParameters
):
    """How spectral energy distributions are fitted."""

    # fields are in the order of the bases, the last one first
    titles: ClassVar[Mapping[str, str]] = {
        "model": "Model and parameters",
        "redshift": "Redshift, absorption on the way, and the host galaxy",
        "min_frequency": "Points, errors and limits",
        "cells": "Polarization",
        "confidence": "Fit and intervals",
    }

    intervals: bool = Field(
        default=True, description="Find the parameters' intervals by profile likelihood."
    )
