"""What a user chooses for the pipeline ``polarization`` beside the parameters of its steps."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.timing.flares import FlareParameters
from xsurvey.units import Angle, Position, parse_angle, written

_TAKEN = ("companion",)  # folders beside those of the sources
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}")


class PolarizedSource(StepParameters):
    """A source whose polarization is measured, and where its background is."""

    position: Position = Field(description="Where it is, RA,DEC in degrees or sexagesimal.")
    radius: Angle = Field(
        default=written("60arcsec"), gt=0, description="Radius of the circle of its events."
    )
    background: str | None = Field(
        default=None,
        description="Inner and outer radius of an annulus about it, such as 150arcsec,300arcsec, "
        "whose events are the background; not subtracted if not given.",
    )  # fmt: skip
    region: str | None = Field(
        default=None, description="DS9 file with the region of its events, instead of the circle."
    )
    background_region: str | None = Field(
        default=None, description="DS9 file with the background's region, instead of the annulus."
    )

    @field_validator("background")
    @classmethod
    def _is_an_annulus(cls, value: str | None) -> str | None:
        if value is not None:
            _radii(value)
        return value

    @model_validator(mode="after")
    def _one_of_each(self) -> PolarizedSource:
        if self.background is not None and self.background_region is not None:
            raise ValueError("background and background_region are both given")
        if self.region is not None and "radius" in self.model_fields_set:
            raise ValueError("radius and region are both given")
        annulus = self.annulus
        if annulus is not None and self.region is None and annulus[0] < self.radius:
            raise ValueError("the background's annulus begins inside of the radius of the source")
        return self

    @property
    def has_background(self) -> bool:
        """Whether a background is given."""
        return self.background is not None or self.background_region is not None

    @property
    def annulus(self) -> tuple[float, float] | None:
        """Radii of the background, arcsec."""
        return None if self.background is None else _radii(self.background)


class SourcesParameters(StepParameters):
    """The sources to measure, each in all observations that have it in the field."""

    places: dict[str, PolarizedSource] = Field(
        default={}, description="Sources by name, each with its position and regions. Needed."
    )

    @field_validator("places")
    @classmethod
    def _names_are_names_of_files(
        cls, value: dict[str, PolarizedSource]
    ) -> dict[str, PolarizedSource]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no name of a source: use letters, digits, and "
                                 "_ + - . after the first, at most 40")  # fmt: skip
            if name.lower() in _TAKEN:
                raise ValueError(f"'{name}' is no name of a source: products of the run have it")
        lower = [name.lower() for name in value]
        if len(set(lower)) < len(lower):
            raise ValueError("two names differ in upper and lower case only")
        return value


class PolarizationFlareParameters(FlareParameters):
    """How times of high background are found and cut out: not at all, if nothing is asked for.

    The rate of the field is mostly that of the source, whose own flares would be cut out.
    """

    flare_threshold: float = Field(
        default=0.0, ge=0, le=20,
        description="How many sigma (of one tail of a Gaussian) the counts of a bin of the whole "
        "field, the source included, may be above a constant rate. 0: no filtering.",
    )  # fmt: skip

    def as_step(self) -> FlareParameters:
        """Return the parameters of the stage that finds flares."""
        return FlareParameters.model_construct(**dict(self))


class PolarizationCatalogParameters(StepParameters):
    """How the catalog is named."""

    acronym: str = Field(
        default="XSV", pattern=r"^[A-Za-z][A-Za-z0-9]{2,}$",
        description="Prefix of the IAU designations, three characters or more.",
    )  # fmt: skip


def _radii(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise ValueError(f"'{text}' is not an inner and an outer radius: 150arcsec,300arcsec")
    inner, outer = (parse_angle(part.strip()) for part in parts)
    if not 0 < inner < outer:
        raise ValueError(f"'{text}' is no inner radius above 0 and a larger outer one")
    return inner, outer
