"""How polarization is measured in energy bins."""

from __future__ import annotations

import itertools
import math

from pydantic import Field, field_validator

from xsurvey.parameters import StepParameters
from xsurvey.polarization.estimators import Estimator


class PolarizationParameters(StepParameters):
    """How polarization is measured in energy bins."""

    ebins: str = Field(
        default="2,8",
        description="Edges of the energy bins, keV, with commas: 2,4,6,8 makes three bins.",
    )
    estimator: Estimator = Field(
        default="empirical",
        description="empirical: errors and MDP99 from the events themselves; pcube: those of "
        "polarization cubes, whose MDP99 is exceeded by chance in .4 to 4 %; likelihood: "
        "unbinned, of the smallest errors where a bin has one polarization.",
    )
    psf_weights: bool = Field(
        default=False,
        description="With the likelihood: events count as the source's by their places in its PSF, "
        "of a point source in the middle of the region.",
    )
    weighted: bool = Field(
        default=False, description="Weight the events by their weights in the file."
    )
    acceptance_correction: bool = Field(
        default=True,
        description="Weight by the inverse of the effective area: the polarization of the photons "
        "that arrive, not of those that are detected.",
    )
    irf: str | None = Field(
        default=None,
        description="Set of responses, by its name or the folder it is in; if not given, what a "
        "simulated file names, else what holds at the date of the observation.",
    )
    background_scale: float | None = Field(
        default=None, gt=0,
        description="Area times exposure of the source region relative to the background region; "
        "found from the regions if not given.",
    )  # fmt: skip

    @field_validator("ebins")
    @classmethod
    def _rising(cls, value: str) -> str:
        try:
            edges = [float(part) for part in value.split(",")]
        except ValueError:
            raise ValueError(f"'{value}' is no list of energies, such as 2,4,6,8") from None
        rising = all(a < b for a, b in itertools.pairwise(edges))
        if len(edges) < 2 or not rising or not all(map(math.isfinite, edges)):
            raise ValueError(f"'{value}' is not two or more rising energies, such as 2,4,6,8")
        return value

    @property
    def edges(self) -> tuple[float, ...]:
        """Edges of the energy bins, keV."""
        return tuple(float(part) for part in self.ebins.split(","))
