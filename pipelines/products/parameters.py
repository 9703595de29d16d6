"""Parameters of the files of single sources and of the maps of a field."""

from __future__ import annotations

from pydantic import Field

from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, written


class ProductParameters(StepParameters):
    """Which sources get files of their own, and how much of the sky around them these hold."""

    enabled: bool = Field(
        default=True,
        description="Whether sources get files of their own: events, images, PSF, region, fluxes.",
    )
    most: int = Field(
        default=500, ge=1, le=1_000_000,
        description="No more than this many sources of a stack, the most significant ones.",
    )  # fmt: skip
    min_likelihood: float = Field(
        default=0.0, ge=0, le=1e6,
        description="Smallest detection likelihood of a source that gets files.",
    )  # fmt: skip
    min_counts: float = Field(
        default=0.0, ge=0, le=1e12,
        description="Fewest net counts, in the first measured band, of a source that gets files.",
    )  # fmt: skip
    cutout_radius: float = Field(
        default=6.0, ge=1, le=100, description="Half the side of cut-outs, in aperture radii."
    )
    cutout_minimum: Angle = Field(
        default=written("20arcsec"), gt=0, description="Smallest half side of cut-outs."
    )
    maps: bool = Field(
        default=True,
        description="Whether maps of counts, exposure, background and sensitivity are written.",
    )

    def half_side(self, radius: float) -> float:
        """Return half the side of a cut-out about an aperture; both in arcsec."""
        return max(self.cutout_radius * radius, self.cutout_minimum)
