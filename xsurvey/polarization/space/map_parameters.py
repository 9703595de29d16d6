"""How polarization maps and profiles are made."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.polarization.space.smoothing import KernelShape
from xsurvey.units import Angle, Position, SkyPosition, parse_angle, written

ModelDirection = Literal["radial", "tangential", "constant", "map"]


class MapParameters(StepParameters):
    """Pixels of the map, and what is looked at."""

    pixel_size: Angle = Field(
        default=written("30arcsec"), gt=0,
        description="Pixel, rounded to a whole number of sky pixels.",
    )  # fmt: skip
    center: Position | None = Field(
        default=None, description="Centre of the map, RA,DEC; all events if not given."
    )
    map_radius: Angle | None = Field(
        default=None, gt=0, description="Half the side of the map about its centre."
    )
    smoothing: KernelShape | None = Field(
        default=None,
        description="Smooth sums of Stokes parameters: tophat, a circle, or gaussian.",
    )
    smoothing_size: Angle | None = Field(
        default=None, gt=0, description="Radius of the circle, or sigma of the Gaussian."
    )
    adaptive: int | None = Field(
        default=None, ge=1,
        description="Square blocks of pixels instead, divided as long as each quarter has so many "
        "effective events in every energy bin.",
    )  # fmt: skip
    minimum_events: float = Field(
        default=50.0, ge=20,
        description="Effective events below which a pixel has no polarization: Q/I and U/I are "
        "not Gaussian.",
    )  # fmt: skip
    simulations: int = Field(
        default=0, ge=0, le=100_000,
        description="Maps of the same events with random phases, for the probability of the most "
        "significant pixel; all events are held in memory.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.smoothing is None) != (self.smoothing_size is None):
            raise ValueError("smoothing needs both its shape and its size (smoothing_size)")
        if (self.center is None) != (self.map_radius is None):
            raise ValueError("a map has both center and map_radius, or neither")
        if self.smoothing is not None and self.adaptive is not None:
            raise ValueError("adaptive blocks are not smoothed: give one of both")
        return self


class PolarizationAnnuli(StepParameters):
    """Annuli about a place, sectors, and the directions that polarization is compared with."""

    edges: str = Field(
        description="Radii between which annuli are, with commas; the last one's unit is that of "
        "all without: 0,30,60,90arcsec. Needed.",
    )
    sectors: int = Field(
        default=1, ge=1, le=360, description="Equal sectors of each annulus."
    )  # fmt: skip
    sector_start: Angle = Field(
        default=written("0deg"),
        description="Position angle at which the first sector begins, north through east.",
    )
    model: ModelDirection = Field(
        default="radial",
        description="Directions along which polarization is summed: radial, tangential, constant "
        "(--model-angle) or map (--model-map).",
    )
    model_angle: Angle | None = Field(
        default=None, description="Position angle of a constant direction, north through east."
    )
    model_map: Path | None = Field(
        default=None,
        description="FITS image of angles, degrees north through east; events where it is not a "
        "number are in no annulus.",
    )
    minimum_events: float = Field(
        default=50.0, ge=20, description="Effective events below which a cell has no polarization."
    )
    simulations: int = Field(
        default=0, ge=0, le=100_000,
        description="Profiles of the same events with random phases, for the probability of the "
        "most significant cell; all events are held in memory.",
    )  # fmt: skip

    @field_validator("edges")
    @classmethod
    def _rising(cls, value: str) -> str:
        edges = _radii(value)
        if len(edges) < 2 or edges[0] < 0 or not np.all(np.diff(edges) > 0):
            raise ValueError(f"'{value}' is not two or more rising radii, such as 0,30,60arcsec")
        if edges[-1] > 180 * 3600:
            raise ValueError(f"'{value}' reaches beyond the sky")
        return value

    @model_validator(mode="after")
    def _has_directions(self) -> Self:
        if (self.model == "constant") != (self.model_angle is not None):
            raise ValueError("the model constant needs model_angle, which others have not")
        if (self.model == "map") != (self.model_map is not None):
            raise ValueError("the model map needs model_map, which others have not")
        return self

    @property
    def radii(self) -> np.ndarray:
        """Edges of the annuli, arcsec."""
        return _radii(self.edges)


class RadialParameters(PolarizationAnnuli):
    """Annuli, sectors, and the directions that polarization is compared with."""

    center: Position = Field(description="Centre of the annuli, RA,DEC. Needed.")


class MapSection(MapParameters):
    """Pixels of the map of each observation, and what is looked at."""

    enabled: bool = Field(default=False, description="Whether to map the polarization.")
    vectors: float = Field(
        default=3.0, ge=0, description="Sigma of a pixel above which the figure has a vector."
    )


class RadialSection(PolarizationAnnuli):
    """Annuli about the position of each source, and directions to compare with."""

    enabled: bool = Field(
        default=False, description="Whether to measure polarization in annuli about each source."
    )
    edges: str = Field(
        default="0,30,60,90,120arcsec",
        description="Radii between which annuli are, with commas; the last one's unit is that of "
        "all without.",
    )

    def about(self, position: SkyPosition) -> RadialParameters:
        """Return the parameters of a profile about a place."""
        own = {name: value for name, value in self.normalised().items() if name != "enabled"}
        return RadialParameters.model_validate({"center": position, **own})


def _radii(text: str) -> np.ndarray:
    parts = [part.strip() for part in text.split(",")]
    unit = parts[-1].lstrip("+-.0123456789eE").strip()

    def angle(part: str) -> float:
        return parse_angle(part if part[-1:].isalpha() or part[-1:] in "'\"" else part + unit)

    return np.array([angle(part) for part in parts])
