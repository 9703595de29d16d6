"""What a user chooses for the spectra of the pipeline ``sources``."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.spectra.extraction.parameters import ExtractionParameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.units import Angle, Band, Position

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_OF_SOURCES = re.compile(r"sources?_\d+", re.IGNORECASE)


def _as_in_fits(name: str) -> Any:
    """Return a field of `SpectrumFitParameters`: what it is, its default and its limits."""
    return SpectrumFitParameters.model_fields[name]


class SpectralRegion(StepParameters):
    """A circle or an annulus on the sky, with an annulus, or a circle elsewhere, of background."""

    position: Position = Field(description="Centre, RA,DEC in degrees or sexagesimal.")
    radius: Angle = Field(gt=0, description="Radius, the outer one of an annulus.")
    inner_radius: Angle | None = Field(
        default=None, gt=0, description="What is nearer to the centre is left out."
    )
    background_position: Position | None = Field(
        default=None,
        description="Centre of a background elsewhere, a circle of background_outer; around the "
        "region if not given.",
    )
    background_inner: Angle | None = Field(
        default=None, gt=0,
        description="Inner radius of the background annulus; 1.5 radii if not given.",
    )  # fmt: skip
    background_outer: Angle | None = Field(
        default=None, gt=0,
        description="Outer radius of the background; 5 radii if not given.",
    )  # fmt: skip
    model: str | None = Field(
        default=None,
        description="Model, in XSPEC's names; that of spectral_fits, with its set, freeze, thaw "
        "and link, if not given.",
    )
    set: tuple[str, ...] = _as_in_fits("set")
    freeze: tuple[str, ...] = _as_in_fits("freeze")
    thaw: tuple[str, ...] = _as_in_fits("thaw")
    link: tuple[str, ...] = _as_in_fits("link")

    @model_validator(mode="after")
    def _has_an_area(self) -> SpectralRegion:
        if self.inner_radius is not None and self.inner_radius >= self.radius:
            raise ValueError("inner_radius is not smaller than radius")
        if self.background_position is not None:
            if self.background_outer is None or self.background_inner is not None:
                raise ValueError("background_position needs background_outer, the radius of a "
                                 "circle, and no background_inner")  # fmt: skip
        else:
            self._check_annulus()
        for name in ("set", "freeze", "thaw"):
            if getattr(self, name) and self.model is None:
                raise ValueError(f"{name} is given without a model")
        return self

    def _check_annulus(self) -> None:
        if self.background_inner is not None and self.background_inner < self.radius:
            raise ValueError("background_inner is smaller than radius")
        inner = self.background_inner or self.radius
        if self.background_outer is not None and self.background_outer <= inner:
            raise ValueError(f"background_outer is not larger than {inner:g} arcsec")

    def shape_alone(self) -> SpectralRegion:
        """Return it without its model, as the extraction sees it."""
        none = {"model": None, "set": (), "freeze": (), "thaw": (), "link": ()}
        return self.model_copy(update=none)


class SpectraParameters(StepParameters):
    """Of what spectra are extracted and fitted; of nothing unless asked for."""

    sources: bool = Field(default=False, description="Fit the spectra of detected sources.")
    min_counts: float = Field(
        default=100.0, gt=0, le=1e9,
        description="Net counts in the first measured band that a source needs to be fitted. "
        "Piled-up sources never are.",
    )  # fmt: skip
    regions: dict[str, SpectralRegion] = Field(
        default={}, description="Regions to fit in every observation, by name."
    )
    exclude_sources: bool = Field(
        default=True,
        description="Cut detected point sources out of the regions and of their backgrounds.",
    )
    exclude_radius: float = Field(
        default=2.0, ge=0.5, le=20,
        description="How large a hole is cut, in radii of the source's aperture.",
    )  # fmt: skip
    area_includes: Literal["auto", "nothing", "vignetting", "all"] = (
        ExtractionParameters.model_fields["area_includes"]  # type: ignore[assignment]
    )

    @property
    def wanted(self) -> bool:
        """Whether anything is to be extracted."""
        return self.sources or bool(self.regions)

    @field_validator("regions")
    @classmethod
    def _names_are_names_of_folders(
        cls, value: dict[str, SpectralRegion]
    ) -> dict[str, SpectralRegion]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no name of a region: use a letter, then letters, "
                                 "digits, - and _, at most 40")  # fmt: skip
            if _OF_SOURCES.fullmatch(name):
                raise ValueError(f"'{name}' is the name of a source: use another one")
        lower = [name.lower() for name in value]
        if len(set(lower)) < len(lower):
            raise ValueError("two names differ in upper and lower case only")
        return value

    def without_models(self) -> SpectraParameters:
        """Return what decides the extraction: a change of models leaves the spectra as they are."""
        shapes = {name: region.shape_alone() for name, region in self.regions.items()}
        return self.model_copy(update={"regions": shapes})


class SpectralFitParameters(StepParameters):
    """How the spectra are fitted."""

    model: str = Field(
        default="tbabs*powerlaw", min_length=1,
        description="Model of sources, and of regions that name none, in XSPEC's names.",
    )  # fmt: skip
    alternatives: tuple[str, ...] = Field(
        default=("tbabs*apec",),
        description="Other models of sources, in XSPEC's names, of which the best one is taken "
        "where it describes the spectrum better by alternative_margin; none with [].",
    )
    alternative_margin: float = Field(
        default=4.0, ge=0, le=1e6,
        description="By how much the statistic of an alternative must be smaller than that of "
        "model, and 2 more for each free parameter that it has more (Akaike's criterion).",
    )  # fmt: skip
    mcmc_counts: float | None = Field(
        default=500.0, ge=0, le=1e9,
        description="Net counts in the fit from which the posterior of a source is sampled: its "
        "medians and intervals are then in the catalog. Never if null.",
    )  # fmt: skip
    mcmc_steps: int = Field(
        default=6000, ge=300, le=1_000_000,
        description="Largest number of steps of a chain; one that has not converged by then is "
        "kept, but the catalog has the profile's intervals.",
    )  # fmt: skip
    stat: Literal["wstat", "cstat"] = Field(
        default="wstat",
        description="Statistic. wstat: Poisson, with the background's counts profiled out; cstat: "
        "Poisson, the counts of the region alone.",
    )
    energy: Band | None = Field(
        default=None,
        description="Energies to fit; the mission's first detection band if not given.",
    )
    group: str = Field(
        default="auto", pattern=r"^(auto|none|opt|b?min[1-9]\d*)$",
        description="How channels are grouped: none, opt (optimal for the resolution and the "
        "counts), minN (N source counts), bminN (N background counts), or auto: bmin5 for wstat "
        "where the background's area is less than 10 times the source's, else none.",
    )  # fmt: skip
    flux_band: Band | None = Field(
        default=None, description="Energies of the fluxes; those of the fit if not given."
    )
    confidence: float = _as_in_fits("confidence")
    set: tuple[str, ...] = _as_in_fits("set")
    freeze: tuple[str, ...] = _as_in_fits("freeze")
    thaw: tuple[str, ...] = _as_in_fits("thaw")
    limits: tuple[str, ...] = _as_in_fits("limits")
    link: tuple[str, ...] = _as_in_fits("link")
    starts: int = _as_in_fits("starts")
    goodness_trials: int = Field(
        default=100, ge=0, le=100_000,
        description="Spectra to simulate from each best fit and to fit again, which tells whether "
        "the model can have given the data; 0 for none.",
    )  # fmt: skip

    @field_validator("alternatives")
    @classmethod
    def _are_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not text.strip() for text in value):
            raise ValueError("one of the models is empty")
        return value

    @field_validator("flux_band")
    @classmethod
    def _begins_above_zero(cls, value: Any) -> Any:
        if value is not None and value.minimum <= 0:
            raise ValueError(f"{value} keV begins at zero")
        return value
