"""What a user chooses for the pipeline ``blazar`` beside the parameters of fits."""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import Field, field_validator, model_validator

from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.sed.fitting.sed_parameters import SedModelParameters, SedSurroundingParameters
from xsurvey.units import Position

_Entry = TypeVar("_Entry")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}")
_INSTRUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+./-]{0,39}")


class _MeasuredSource(StepParameters):
    """A place, and tables of what was measured there."""

    position: Position = Field(description="Where it is, RA,DEC in degrees or sexagesimal.")
    fluxes: tuple[str, ...] = Field(
        default=(),
        description="Tables of flux points, as of 'sed fit'; several are put together. Not needed "
        "where there are spectra.",
    )
    spectra: dict[str, BlazarSpectrum] = Field(
        default={},
        description="X-ray spectra that flux points are made of, without absorption, as by 'sed "
        "points': by the name of the instrument that the points will have, such as Swift/XRT.",
    )
    polarization: tuple[str, ...] = Field(
        default=(),
        description="Measured polarization by frequency: tables, or the JSON of 'polarization "
        "pcube' or 'polarization fit'; several are put together.",
    )

    @field_validator("spectra")
    @classmethod
    def _instruments(cls, value: dict[str, BlazarSpectrum]) -> dict[str, BlazarSpectrum]:
        return _checked_names(value, "instrument", _INSTRUMENT, "_ + - . /")

    @model_validator(mode="after")
    def _something_measured(self) -> _MeasuredSource:
        if not (self.fluxes or self.spectra):
            raise ValueError("has neither fluxes nor spectra; give tables of flux points, or X-ray "
                             "spectra")  # fmt: skip
        return self


class BlazarSource(SedSurroundingParameters, _MeasuredSource):
    """A source, its files, and what is before it and beside it."""


class BlazarSourcesParameters(StepParameters):
    """The sources to fit."""

    places: dict[str, BlazarSource] = Field(
        default={}, description="Sources by name, each with its position and tables. Needed."
    )

    @field_validator("places")
    @classmethod
    def _names(cls, value: dict[str, BlazarSource]) -> dict[str, BlazarSource]:
        return _checked_names(value, "source")


class ComparedModelsParameters(StepParameters):
    """The models that are fitted to each source, and compared."""

    compared: dict[str, SedModelParameters] = Field(
        default={},
        description="Models by a name of yours, such as leptonic, each with what it is. Needed.",
    )

    @field_validator("compared")
    @classmethod
    def _names(cls, value: dict[str, SedModelParameters]) -> dict[str, SedModelParameters]:
        return _checked_names(value, "model")


class SedPosteriorSection(MCMCParameters):
    """How posteriors are sampled."""

    enabled: bool = Field(
        default=True,
        description="Sample the posteriors by chains. If not, they are those that nested sampling "
        "finds with the evidences, which takes less where chains are long. Without either, "
        "intervals are by profile likelihood, and there are no bands, degeneracies and corners.",
    )


class SedEvidenceSection(NestedParameters):
    """How evidences are computed."""

    enabled: bool = Field(
        default=True,
        description="Compute the evidences. If not, models are compared by their best fits alone.",
    )


class ComparisonParameters(StepParameters):
    """How models are compared."""

    prior_widths: tuple[float, ...] = Field(
        default=(1.0, 2.0),
        description="Evidences are computed with flat priors as they are, and again with their "
        "widths changed by these factors, about their middles and within hard limits.",
    )

    @field_validator("prior_widths")
    @classmethod
    def _possible(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        for factor in value:
            if not 0.01 <= factor <= 100:
                raise ValueError(f"{factor:g} is no factor from 0.01 to 100")
        # names of tasks and files have so many digits
        if len({f"{factor:g}" for factor in value}) < len(value):
            raise ValueError("a factor is given twice, to six digits")
        if any(factor != 1 and f"{factor:g}" == "1" for factor in value):
            raise ValueError("a factor that is 1 to six digits must be 1")
        return value

    @property
    def factors(self) -> tuple[float, ...]:
        """All factors; the first is 1, of priors as they are."""
        return (1.0, *(f for f in self.prior_widths if f != 1))


class PredictionParameters(StepParameters):
    """Where, and how far, predictions of fitted models are tabulated."""

    levels: tuple[float, ...] = Field(
        default=(0.6827, 0.9545), min_length=1, max_length=5,
        description="Probabilities of the bands of the posterior about spectrum and polarization.",
    )  # fmt: skip
    points_per_decade: int = Field(
        default=12, ge=2, le=200, description="Frequencies of the bands in a decade."
    )
    draws: int = Field(
        default=400, ge=20, le=20_000, description="Draws of the posterior that bands are made of."
    )
    kept_samples: int = Field(
        default=10_000, ge=100, le=1_000_000,
        description="Most samples of the posterior that the product holds, but one of each walker "
        "at least.",
    )  # fmt: skip

    @field_validator("levels")
    @classmethod
    def _levels(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < level < 1 for level in value) or list(value) != sorted(set(value)):
            raise ValueError("levels are probabilities between 0 and 1, in rising order")
        return value


class BlazarCatalogParameters(StepParameters):
    """How the catalog is named."""

    acronym: str = Field(
        default="XSV", pattern=r"^[A-Za-z][A-Za-z0-9]{2,}$",
        description="Prefix of the IAU designations, three characters or more.",
    )  # fmt: skip


def _checked_names(
    value: dict[str, _Entry], what: str, pattern: re.Pattern[str] = _NAME, signs: str = "_ + - ."
) -> dict[str, _Entry]:
    """Return entries whose names can be those of files, and of targets of tasks."""
    for name in value:
        if not pattern.fullmatch(name):
            article = "an" if what[0] in "aeiou" else "a"
            raise ValueError(f"'{name}' is no name of {article} {what}: use letters, digits, and "
                             f"{signs} after the first, at most 40")  # fmt: skip
    lower = [name.lower() for name in value]
    if len(set(lower)) < len(lower):
        raise ValueError("two names differ in upper and lower case only")
    return value
