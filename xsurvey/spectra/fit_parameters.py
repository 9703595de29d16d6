"""What a user chooses for a fit of spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.units import Band


class SpectrumFitParameters(StepParameters):
    """How spectra are fitted."""

    titles: ClassVar[Mapping[str, str]] = {
        "model": "Model and parameters",
        "stat": "Statistic, energies and background",
        "confidence": "Fit and intervals",
        "cross_calibration": "Cross-calibration",
    }

    model: str | None = Field(
        default=None,
        description="Model, in XSPEC's names: 'tbabs*(apec+powerlaw)'. One for all spectra.",
    )
    set: tuple[str, ...] = Field(
        default=(),
        description="Start value, of a frozen parameter its value: component.parameter=value. "
        "Repeat for several.",
    )
    freeze: tuple[str, ...] = Field(
        default=(),
        description="Freeze a parameter: component.parameter, or component.parameter=value.",
    )
    thaw: tuple[str, ...] = Field(
        default=(), description="Fit a parameter that XSPEC freezes: component.parameter."
    )
    limits: tuple[str, ...] = Field(
        default=(), description="Hard limits: component.parameter=low,high."
    )
    link: tuple[str, ...] = Field(
        default=(),
        description="Let a parameter follow others: component.parameter=arithmetic of parameters, "
        "such as apec_2.kT=2*apec.kT.",
    )
    untie: tuple[str, ...] = Field(
        default=(),
        description="Parameter that each spectrum has for itself; of the second it is called "
        "2:component.parameter. Other parameters are the same in all.",
    )
    prior: tuple[str, ...] = Field(
        default=(),
        description="Prior: component.parameter=normal:mean,sigma, uniform:low,high, "
        "loguniform:low,high or lognormal:median,sigma. Flat between the limits if not given.",
    )
    stat: Literal["cstat", "wstat", "chi2"] = Field(
        default="cstat",
        description="Statistic. cstat: Poisson, the source file alone; wstat: Poisson, with the "
        "background's counts profiled out (what XSPEC's cstat does where there is a background); "
        "chi2: Gaussian.",
    )
    chi2_variance: Literal["data", "gehrels", "model", "file"] = Field(
        default="data",
        description="What the variances of chi2 are taken from: the counts, Gehrels' limits, the "
        "model, or the errors in the file (STAT_ERR), which spectra of rates need anyway.",
    )
    subtract: bool = Field(
        default=False, description="Subtract the background's counts; chi2 only."
    )
    energy: tuple[Band, ...] = Field(
        default=(),
        description="Energies to fit, in keV; repeat for several ranges. Groups of channels that "
        "overlap them are kept; all if not given.",
    )
    group: str = Field(
        default="none",
        description="How channels are grouped: none, file (the file's own), opt (optimal for the "
        "resolution and the counts), minN (N source counts) or bminN (N background counts).",
    )
    background_model: str | None = Field(
        default=None,
        description="Model the background's counts too, in detector channels, fitted jointly: "
        "shapes (powerlaw, brokenpowerlaw, exponential, gaussian) joined by +, or pca:FILE for "
        "trained principal components. cstat only.",
    )
    confidence: float = Field(
        default=0.6827, gt=0, lt=1,
        description="Confidence of the intervals of parameters and fluxes: 0.6827 (statistic + 1) "
        "or 0.9 (statistic + 2.706), for example.",
    )  # fmt: skip
    intervals: bool = Field(
        default=True, description="Find the parameters' intervals by profile likelihood."
    )
    goodness_trials: int = Field(
        default=0, ge=0, le=100_000,
        description="Spectra to simulate from the best fit and to fit again, for the goodness; "
        "none to take what is known of the statistic.",
    )  # fmt: skip
    starts: int = Field(
        default=6, ge=1, le=1000,
        description="From how many places the fit starts: the start values and the best of many "
        "others spread around them.",
    )  # fmt: skip
    cross_calibration: bool = Field(
        default=False,
        description="Let the effective area of each instrument be wrong by a constant and a smooth "
        "function of energy, with Gaussian priors.",
    )
    area_sigma: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Standard deviation of the constant, in ln of the area.",
    )
    area_smooth_sigma: float = Field(
        default=0.05, gt=0, le=1,
        description="Standard deviation of each smooth term, in ln of the area.",
    )  # fmt: skip
    area_order: int = Field(
        default=2, ge=0, le=6, description="Number of smooth terms: Legendre polynomials of ln E."
    )

    @field_validator("model")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("model is empty")
        return value

    @model_validator(mode="after")
    def _subtract_only_with_chi2(self) -> SpectrumFitParameters:
        if self.subtract and self.stat != "chi2":
            raise ValueError(
                f"subtract makes counts that are not Poisson distributed; {self.stat} needs them so"
            )
        if self.background_model is not None and self.stat != "cstat":
            raise ValueError(f"background_model is for cstat, not for {self.stat}")
        return self


class FluxParameters(StepParameters):
    """Which fluxes of a fitted model are reported."""

    flux_band: tuple[Band, ...] = Field(
        default=(),
        description="Energies of a flux, in keV; repeat for several. Those of the fit if not "
        "given.",
    )
    luminosity_redshift: float | None = Field(
        default=None, gt=0, lt=20,
        description="Redshift for luminosities, of bands in the source's frame; that of the model "
        "if it has one above 0.",
    )  # fmt: skip
    distance: float | None = Field(
        default=None, gt=0,
        description="Distance in Mpc for luminosities, in place of that of the redshift.",
    )  # fmt: skip
