"""Parameters of surface-brightness profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from xsurvey.errors import ParameterError
from xsurvey.parameters import StepParameters
from xsurvey.profiles.bins import Binning, parse_binning
from xsurvey.profiles.brightness_models import parse_model
from xsurvey.profiles.geometry import equal_sectors, sector_width
from xsurvey.psf import parse_psf
from xsurvey.units import Angle, Band, Position, parse_angle, written

_SKY_SECTORS = 8
_SHAPES = ("gaussian", "king")
_PAIR = re.compile(r"\s*([^,]+?)\s*,\s*([^,]+?)\s*")


class ProfileCentre(StepParameters):
    """Centre of a profile."""

    center: Position | None = Field(
        default=None, description="Centre of the profile, RA,DEC. Needed."
    )


class SurfaceBrightnessParameters(StepParameters):
    """Bins and sectors."""

    titles: ClassVar[Mapping[str, str]] = {
        "background_error": "Background, median and residuals",
        "psf": "Fits",
    }

    bin_size: Angle | None = Field(
        default=None, gt=0,
        description="Width of equal bins, of the narrowest logarithmic ones, and by which bins "
        "grow that follow the counts. Needed.",
    )  # fmt: skip
    max_radius: Angle | None = Field(
        default=None, gt=0, description="Outer edge of the last bin. Needed."
    )
    bins: str = Field(
        default="equal",
        description="equal; log or log:N, growing by one factor where that is more than the "
        "bin's size, N in all; snr:N or counts:N, "
        "each with that signal-to-noise ratio or so many counts, background included.",
    )
    band: Band | None = Field(
        default=None,
        description="Energy range of the profile, in keV; what the image says if not given.",
    )
    ellipse: str | None = Field(
        default=None,
        description="Elliptical annuli, RATIO,ANGLE: ratio of the axes, and position angle of the "
        "major axis in degrees north through east. Radii are along the major axis.",
    )
    sector: str | None = Field(
        default=None,
        description="One sector, A0,A1: position angles in degrees north through east, from A0 "
        "to A1 in the sense of increasing angle, also through 360.",
    )
    sectors: int | None = Field(
        default=None, ge=2, le=360,
        description="Profiles in so many equal sectors, the first from north, besides that of all "
        "angles, and the scatter between them.",
    )  # fmt: skip
    background_error: float = Field(
        default=0.0, ge=0, le=1,
        description="Relative systematic error of the background map, the same in all bins.",
    )  # fmt: skip
    sky: str | None = Field(
        default=None,
        description="Ring that holds nothing but sky background, INNER,OUTER (20arcmin,30arcmin): "
        "its level and scatter between sectors give every bin within it a significance.",
    )
    median: bool = Field(
        default=False, description="Also the azimuthal median of the brightness of each bin."
    )
    residual_scale: Angle = Field(
        default=written("20arcsec"), gt=0,
        description="Sigma of the Gaussian that smooths maps of residuals."
    )  # fmt: skip
    psf: str | None = Field(
        default=None,
        description="PSF that models are folded with: gaussian:SIGMA, king:R90,SLOPE "
        "(gaussian:12arcsec), or a FITS image of it. Not folded without it.",
    )
    fit: tuple[str, ...] = Field(
        default=(), description="Model to fit, such as beta; repeat for several."
    )
    stat: Literal["cstat", "chi2"] = Field(
        default="cstat", description="Statistic of the fits: Poisson (Cash), or chi-square."
    )
    freeze: tuple[str, ...] = Field(
        default=(),
        description="Parameter of the models that is held, name=value, such as beta=0.667; repeat "
        "for several.",
    )

    @field_validator("bins")
    @classmethod
    def _known_bins(cls, value: str) -> str:
        parse_binning(value)
        return value

    @field_validator("ellipse")
    @classmethod
    def _whole_ellipse(cls, value: str | None) -> str | None:
        if value is not None:
            ratio, _ = _pair(value, "RATIO,ANGLE, such as 1.5,30")
            if not 0.01 <= ratio <= 100:
                raise ValueError(f"the ratio of the axes of '{value}' is not from 0.01 to 100")
        return value

    @field_validator("sector")
    @classmethod
    def _open_sector(cls, value: str | None) -> str | None:
        if value is not None:
            pair = _pair(value, "A0,A1 in degrees, such as 30,120")
            if not all(-360 <= angle <= 720 for angle in pair):
                raise ValueError(f"the angles of '{value}' are not between -360 and 720 degrees")
            if sector_width(pair) == 0:
                raise ValueError(f"the sector '{value}' is empty; all angles are 0,360")
        return value

    @field_validator("sky")
    @classmethod
    def _open_ring(cls, value: str | None) -> str | None:
        if value is not None:
            _ring(value)
        return value

    @field_validator("psf")
    @classmethod
    def _known_psf(cls, value: str | None) -> str | None:
        # what has another form is the name of a file, which is looked for when it is needed
        if value is not None and value.partition(":")[0] in _SHAPES:
            parse_psf(value)
        return value

    @field_validator("fit")
    @classmethod
    def _known_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                parse_model(name)
            except ParameterError as error:
                raise ValueError(f"{error.cause}; {error.remedy}") from None
        return value

    @field_validator("freeze")
    @classmethod
    def _named_values(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            _named(text)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> SurfaceBrightnessParameters:
        if self.sector is not None and self.sectors is not None:
            raise ValueError("sector is given as well as sectors")
        if self.bin_size and self.max_radius and self.bin_size > self.max_radius:
            raise ValueError("bin_size is larger than max_radius")
        if len(set(self.fit)) < len(self.fit):
            raise ValueError("fit names a model twice")
        return self

    @property
    def binning(self) -> Binning:
        """How bins are chosen."""
        return parse_binning(self.bins)

    @property
    def axes(self) -> tuple[float, float] | None:
        """Ratio and position angle of the ellipse."""
        return None if self.ellipse is None else _pair(self.ellipse, "")

    @property
    def one_sector(self) -> tuple[float, float] | None:
        """The sector that was asked for."""
        return None if self.sector is None else _pair(self.sector, "")

    @property
    def psf_file(self) -> Path | None:
        """The image of the PSF, if it is one."""
        shape = self.psf is None or self.psf.partition(":")[0] in _SHAPES
        return None if shape else Path(str(self.psf))

    @property
    def frozen(self) -> dict[str, float]:
        """Parameters that are held."""
        return dict(_named(text) for text in self.freeze)

    @property
    def sky_ring(self) -> tuple[float, float] | None:
        """Radii of the ring of the sky background, arcmin."""
        return None if self.sky is None else _ring(self.sky)

    @property
    def sky_sectors(self) -> list[tuple[float, float]]:
        """Sectors of that ring: those of the profiles, or eight."""
        return equal_sectors(self.sectors or _SKY_SECTORS)

    @property
    def all_sectors(self) -> list[tuple[float, float]]:
        """The equal sectors that were asked for."""
        return equal_sectors(self.sectors) if self.sectors else []


def _ring(text: str) -> tuple[float, float]:
    inner, _, outer = text.partition(",")
    radii = parse_angle(inner) / 60, parse_angle(outer) / 60
    if not 0 < radii[0] < radii[1]:
        raise ValueError(f"'{text}' is not INNER,OUTER with INNER the smaller one")
    return radii


def _named(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not name.strip() or not abs(value) < np.inf:
        raise ValueError(f"'{text}' is not name=value, such as beta=0.667")
    return name.strip(), value


def _pair(text: str, form: str) -> tuple[float, float]:
    match = _PAIR.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        first, second = (float(v.removesuffix("deg")) for v in match.groups())
        if not (abs(first) < 1e6 and abs(second) < 1e6):
            raise ValueError
    except ValueError:
        raise ValueError(f"'{text}' is not {form}") from None
    return first, second
