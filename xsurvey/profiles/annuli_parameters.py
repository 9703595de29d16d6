"""Parameters of the joint spectral fit of annuli and of the sky behind them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.units import Band, EnergyBand


class SkyParameters(StepParameters):
    """The sky's own emission: Local Hot Bubble, halo of the Milky Way, unresolved sources."""

    flux_limit: float | None = Field(
        default=None, gt=0,
        description="Flux (0.5-2 keV, erg/s/cm2) above which sources are masked: it gives the "
        "expected brightness of the unresolved ones. Free without one.",
    )  # fmt: skip
    cxb_index: float = Field(
        default=1.45, ge=0, le=4, description="Photon index of unresolved sources."
    )
    cxb_error: float = Field(
        default=0.1, gt=0, le=1,
        description="Standard deviation of their brightness, as a part of the expected one, of "
        "its Gaussian prior where there is a flux limit.",
    )  # fmt: skip
    lhb_kt_min: float = Field(
        default=0.084, gt=0.02, lt=1, description="Least kT of the Local Hot Bubble, keV."
    )
    lhb_kt_max: float = Field(
        default=0.122, gt=0.02, lt=1, description="Greatest kT of the Local Hot Bubble, keV."
    )
    halo_kt_min: float = Field(
        default=0.13, gt=0.02, lt=2, description="Least kT of the Milky Way's halo, keV."
    )
    halo_kt_max: float = Field(
        default=0.7, gt=0.02, lt=2, description="Greatest kT of the Milky Way's halo, keV."
    )
    halo_kt_by_sector: bool = Field(
        default=False, description="Let the halo have a temperature of its own in each sky sector."
    )
    scatter: float | None = Field(
        default=None, ge=0, le=1,
        description="Standard deviation from region to region of that part of the sky which "
        "scatter_of names, as a part of it. Estimated from the regions of the sky, three or more, "
        "if not given.",
    )  # fmt: skip
    scatter_of: Literal["sources", "sky"] = Field(
        default="sources",
        description="What differs from region to region: the unresolved sources alone, with their "
        "hard spectrum, or all of the sky alike.",
    )
    scatter_area_index: float = Field(
        default=1.0, ge=0, le=2,
        description="Variance of the scatter goes with the solid angle to minus this power: 1 for "
        "unresolved sources, 0 for patches larger than regions.",
    )  # fmt: skip
    outskirts: Literal["tied", "none"] = Field(
        default="tied",
        description="The cluster in the sky's own regions: tied to its last annulus by the ratio "
        "of brightness that the first fitted model of the surface brightness gives, and taken "
        "from the ring of the sky of profiles; or none.",
    )
    outskirts_error: float = Field(
        default=0.5, ge=0, le=1,
        description="Standard deviation of the logarithm of that ratio: models are extrapolated, "
        "and the gas of clusters falls more steeply far out than models of all of it.",
    )  # fmt: skip
    outskirts_kt_slope: float = Field(
        default=0.0, ge=-1, le=3,
        description="From the last annulus to the sky, kT falls as radius to minus this power.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        for name in ("lhb", "halo"):
            low, high = getattr(self, f"{name}_kt_min"), getattr(self, f"{name}_kt_max")
            if not low < high:
                raise ValueError(f"{name}_kt_min {low:g} is not below {name}_kt_max {high:g}")
        return self


class SpectralProfileParameters(StepParameters):
    """The joint fit of the spectra of annuli: temperatures, abundances, norms."""

    deproject: bool = Field(
        default=False,
        description="Fit spherical shells seen in projection, in place of the annuli themselves.",
    )
    outer_slope: float = Field(
        default=4.0, gt=1, le=12,
        description="Emissivity beyond the outermost shell goes as radius to minus this power "
        "(deprojected fits): 4 is that of a beta model with beta 2/3.",
    )  # fmt: skip
    kt_min: float = Field(default=0.1, ge=0.02, lt=60, description="Least kT of the gas, keV.")
    kt_max: float = Field(default=25.0, gt=0.02, lt=60, description="Greatest kT of the gas, keV.")
    abundance_max: float = Field(
        default=5.0, gt=0, le=100, description="Greatest abundance of the gas, solar."
    )
    tie_abundance: tuple[str, ...] = Field(
        default=(),
        description="Annuli with one abundance, such as annulus_05,annulus_06; repeat for several "
        "groups.",
    )
    two_temperatures: bool = Field(
        default=True, description="Look for annuli in which two temperatures are preferred to one."
    )
    two_temperature_margin: float = Field(
        default=10.0, ge=0,
        description="By how much two temperatures must lower the statistic of the joint fit to be "
        "preferred.",
    )  # fmt: skip
    set: tuple[str, ...] = Field(
        default=(), description="Start values: annulus_01.kT=2, halo.kT=0.2, ..."
    )
    freeze: tuple[str, ...] = Field(
        default=(), description="Keep a parameter: annulus_06.Z=0.3, lhb.kT=0.1, ..."
    )
    limits: tuple[str, ...] = Field(
        default=(), description="Hard limits: component.parameter=low,high."
    )
    prior: tuple[str, ...] = Field(
        default=(), description="Priors: component.parameter=normal:mean,sigma, ..."
    )
    confidence: float = Field(
        default=0.6827, gt=0, lt=1, description="Confidence of the intervals."
    )
    intervals: bool = Field(default=True, description="Find the intervals by profile likelihood.")
    flux_band: Band = Field(
        default=EnergyBand(0.5, 2.0),
        description="Band of the unabsorbed flux of each annulus, keV.",
    )

    @model_validator(mode="after")
    def _temperatures_in_order(self) -> Self:
        if not self.kt_min < self.kt_max:
            raise ValueError(f"kt_min {self.kt_min:g} is not below kt_max {self.kt_max:g}")
        return self
