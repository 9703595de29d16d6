"""Parameters of the regions whose spectra are fitted: annuli, their sectors, and the sky."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, written

_SECTOR = re.compile(r"(?:([A-Za-z][A-Za-z0-9_-]*)=)?([-+]?[\d.]+),([-+]?[\d.]+)")
_FULL = 360.0
_ROUNDING = 1e-6  # deg


class Sector(NamedTuple):
    """Position angles from ``first`` to ``last``, degrees north through east; may wrap."""

    name: str
    first: float
    last: float

    @property
    def width(self) -> float:
        """Degrees, above 0 and at most 360."""
        return (self.last - self.first) % _FULL or _FULL

    @property
    def middle(self) -> float:
        """Degrees from 0 to 360."""
        return (self.first + self.width / 2) % _FULL


def parse_sectors(texts: Sequence[str]) -> tuple[Sector, ...]:
    """Return the sectors that ``NAME=A0,A1`` or ``A0,A1`` name, or so many equal ones.

    What lies between them becomes sectors of its own, so that together they fill the circle: light
    from there is scattered into the others.

    Raises
    ------
    ValueError
        Another form, an empty or full sector, two of one name, or sectors that overlap.

    Examples
    --------
    >>> [s.name for s in parse_sectors(["east=45,135"])]
    ['east', 'rest_1']
    >>> parse_sectors(["2"])[1]
    Sector(name='sector_2', first=180.0, last=360.0)
    """
    if len(texts) == 1 and re.fullmatch(r"\d+", texts[0].strip()):
        return _equal(int(texts[0]))
    sectors = [_parse(text, number) for number, text in enumerate(texts, start=1)]
    names = [s.name for s in sectors]
    if len(set(names)) < len(names):
        raise ValueError("two sectors have one name")
    sectors.sort(key=lambda s: s.first)
    gaps: list[Sector] = []
    for sector, following in zip(sectors, [*sectors[1:], *sectors[:1]], strict=True):
        room = (following.first - sector.first) % _FULL or _FULL
        if sector.width > room + _ROUNDING:
            raise ValueError(f"the sectors {sector.name} and {following.name} overlap")
        if sector.width < room - _ROUNDING:
            gaps.append(Sector(f"rest_{len(gaps) + 1}", sector.last, following.first))
    return (*sectors, *gaps)


def _equal(number: int) -> tuple[Sector, ...]:
    if not 1 <= number <= 360:
        raise ValueError(f"{number} is not a number of sectors from 1 to 360")
    if number == 1:
        return ()
    width = _FULL / number
    return tuple(Sector(f"sector_{i + 1}", i * width, (i + 1) * width) for i in range(number))


def _parse(text: str, number: int) -> Sector:
    found = _SECTOR.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        first, last = float(found[2]), float(found[3])
    except ValueError:
        raise ValueError(
            f"'{text}' is not NAME=A0,A1 in degrees north through east, such as east=45,135"
        ) from None
    if abs((last - first) % _FULL) < _ROUNDING or not (abs(first) <= 720 and abs(last) <= 720):
        raise ValueError(f"'{text}' has no width, or is the whole circle")
    return Sector(found[1] or f"sector_{number}", first % _FULL, last % _FULL)


class AnnuliParameters(StepParameters):
    """The annuli and sectors whose spectra are fitted, and the region of the sky background."""

    titles: ClassVar[Mapping[str, str]] = {"edges": "Annuli", "sky_inner": "Sky background"}

    edges: tuple[Angle, ...] = Field(
        default=(),
        description="Edges of the annuli, from the inside out; the first may be 0arcmin. Found "
        "from the counts if not given.",
    )
    minimum_counts: int = Field(
        default=2000, ge=1,
        description="Without edges: net counts of an annulus, at least.",
    )  # fmt: skip
    minimum_width: Angle = Field(
        default=written("1arcmin"), gt=0,
        description="Without edges: width of an annulus, at least; a PSF's half-energy width or "
        "more.",
    )  # fmt: skip
    maximum_radius: Angle | None = Field(
        default=None, gt=0,
        description="Without edges: where the last annulus ends.",
    )  # fmt: skip
    ellipse: str | None = Field(
        default=None,
        description="RATIO,ANGLE of elliptical annuli: ratio of the major to the minor axis, and "
        "position angle of the major axis, along which radii are given, in degrees.",
    )
    sectors: tuple[str, ...] = Field(
        default=(),
        description="Sector NAME=A0,A1 of all annuli, degrees north through east; repeat for "
        "several, or the number of equal ones. What lies between them is another sector.",
    )
    sky_inner: Angle | None = Field(
        default=None, gt=0, description="Inner radius of the sky background; none if not given."
    )
    sky_outer: Angle | None = Field(
        default=None, gt=0, description="Outer radius of the sky background."
    )
    sky_sectors: tuple[str, ...] = Field(
        default=(), description="Sectors of the sky background, written as those of the annuli."
    )
    separate_foregrounds: tuple[str, ...] = Field(
        default=(),
        description="Names of sectors of the sky with a foreground of their own (as where a bubble "
        "of the Milky Way lies before them); all others share one.",
    )

    @field_validator("edges")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (len(value) < 2 or value[0] < 0):
            raise ValueError("are at least two, none below 0")
        if any(b <= a for a, b in itertools.pairwise(value)):
            raise ValueError("do not ascend")
        return value

    @field_validator("sectors", "sky_sectors")
    @classmethod
    def _readable_sectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value:
            parse_sectors(value)
        return value

    @field_validator("ellipse")
    @classmethod
    def _readable_ellipse(cls, value: str | None) -> str | None:
        if value is not None:
            parse_ellipse(value)
        return value

    @model_validator(mode="after")
    def _go_together(self) -> AnnuliParameters:
        last = self.edges[-1] if self.edges else self.maximum_radius
        if (self.sky_inner is None) != (self.sky_outer is None):
            raise ValueError("sky_inner and sky_outer go together")
        if self.sky_inner is not None and self.sky_outer is not None:
            if self.sky_outer <= self.sky_inner:
                raise ValueError("sky_outer is not beyond sky_inner")
            if last is not None and self.sky_inner < last:
                raise ValueError("sky_inner lies within the annuli")
        elif self.sky_sectors:
            raise ValueError("sky_sectors are of a sky: give sky_inner and sky_outer")
        known = {s.name for s in parse_sectors(self.sky_sectors)} if self.sky_sectors else set()
        for name in self.separate_foregrounds:
            if name not in known:
                raise ValueError(f"separate_foregrounds: no sector of the sky is named {name}")
        return self


def parse_ellipse(text: str) -> tuple[float, float]:
    """Return ratio (at least 1) and position angle (degrees) of ``RATIO,ANGLE``.

    Raises
    ------
    ValueError
        Another form, or a ratio that is not positive.

    Examples
    --------
    >>> parse_ellipse("0.5,30")
    (2.0, 30.0)
    """
    try:
        ratio, angle = (float(v) for v in text.split(","))
    except ValueError:
        ratio, angle = 0.0, 0.0
    if not (0 < ratio < 1e3 and abs(angle) <= 720):
        raise ValueError(f"'{text}' is not RATIO,ANGLE, such as 1.3,45")
    return (ratio if ratio >= 1 else 1 / ratio), angle
