"""Quantities as the user writes them, and the pydantic types that read them.

One rule holds for YAML, the command line and Python: angles and times carry their unit
(``30arcsec``, ``100ks``), coordinates are ``RA,DEC`` in degrees or sexagesimal, energy
ranges are ``0.5-7`` in keV. Inside xsurvey they are plain floats in the unit the type
names, so that physics stays arrays.
"""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

import numpy as np
from erfa import ErfaWarning
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_NUMBER_UNIT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z'\"]+)\s*$")
_ANGLES = {
    "arcsec": 1.0, '"': 1.0, "arcmin": 60.0, "'": 60.0, "deg": 3600.0,
    "degree": 3600.0, "mas": 1e-3, "rad": math.degrees(1.0) * 3600.0,
}  # fmt: skip
_TIMES = {"s": 1.0, "ms": 1e-3, "ks": 1e3, "Ms": 1e6, "min": 60.0, "h": 3600.0, "d": 86400.0}


class EnergyBand(NamedTuple):
    """An energy range in keV, ``minimum`` inclusive and ``maximum`` exclusive."""

    minimum: float
    maximum: float

    def __str__(self) -> str:
        return f"{self.minimum:g}-{self.maximum:g}"


class SkyPosition(NamedTuple):
    """ICRS right ascension and declination in degrees."""

    ra: float
    dec: float

    def __str__(self) -> str:
        return f"{self.ra:.6f},{self.dec:+.6f}"


class Cone(NamedTuple):
    """A circle on the sky: ICRS degrees, radius in arcsec."""

    ra: float
    dec: float
    radius: float

    def __str__(self) -> str:
        return f"{self.ra:.6f},{self.dec:+.6f},{self.radius:g}arcsec"


def _parse_with_unit(value: Any, factors: dict[str, float], kind: str, example: str) -> float:
    if hasattr(value, "to_value"):  # an astropy Quantity
        base = "arcsec" if kind == "angle" else "s"
        try:
            return float(value.to_value(base))
        except Exception as error:
            raise ValueError(f"{value} is not of unit {base}") from error
    match = _NUMBER_UNIT.match(str(value))
    article = "an" if kind[0] in "aeiou" else "a"
    if not match:
        raise ValueError(f"'{value}' is not {article} {kind} with its unit, such as {example}")
    number, unit = match.groups()
    if unit not in factors:
        known = ", ".join(u for u in factors if u.isalpha())
        raise ValueError(f"unit '{unit}' of '{value}' is not one of {known}")
    return float(number) * factors[unit]


def parse_angle(value: Any) -> float:
    """Return an angle in arcsec; ``value`` is text with a unit or a Quantity.

    Examples
    --------
    >>> parse_angle("0.5arcmin")
    30.0
    """
    return _parse_with_unit(value, _ANGLES, "angle", "30arcsec")


def parse_time(value: Any) -> float:
    """Return a duration in seconds; ``value`` is text with a unit or a Quantity.

    Examples
    --------
    >>> parse_time("100ks")
    100000.0
    """
    return _parse_with_unit(value, _TIMES, "time", "100ks")


def parse_energy_band(value: Any) -> EnergyBand:
    """Return an energy range from ``'0.5-7'`` (keV) or a pair of numbers.

    Examples
    --------
    >>> parse_energy_band("0.5-7")
    EnergyBand(minimum=0.5, maximum=7.0)
    """
    if isinstance(value, (list, tuple)) and len(value) == 2:
        low, high = (float(v) for v in value)
    else:
        number = r"(\d+\.?\d*|\.\d+)"
        match = re.fullmatch(rf"\s*{number}\s*[-:]\s*{number}\s*(?:keV)?\s*", str(value))
        if not match:
            raise ValueError(f"'{value}' is not an energy range in keV, such as 0.5-7")
        low, high = (float(v) for v in match.groups())
    if not (0 <= low < high < math.inf):
        raise ValueError(f"'{value}' is not an increasing energy range in keV")
    return EnergyBand(low, high)


def parse_sky_position(value: Any) -> SkyPosition:
    """Return ICRS degrees from ``'RA,DEC'`` (degrees or sexagesimal) or a SkyCoord.

    Examples
    --------
    >>> parse_sky_position("15:13:55.6,-59:08:09")
    SkyPosition(ra=228.481666667, dec=-59.135833333)
    """
    if hasattr(value, "icrs"):
        return SkyPosition(float(value.icrs.ra.deg), float(value.icrs.dec.deg))
    if isinstance(value, (list, tuple)) and len(value) == 2:
        ra_text, dec_text = (str(v) for v in value)
    else:
        parts = _coordinates(str(value))
        if len(parts) != 2:
            raise ValueError(f"'{value}' is not RA,DEC, such as 228.4818,-59.1358")
        ra_text, dec_text = parts
    try:
        position = SkyPosition(_degrees(ra_text, hours=True), _degrees(dec_text, hours=False))
    except ValueError as error:
        raise ValueError(f"'{value}' is not RA,DEC in degrees or sexagesimal") from error
    if not (-360 <= position.ra <= 360 and -90 <= position.dec <= 90):
        raise ValueError(f"'{value}' is not on the sky (declination runs from -90 to 90)")
    return SkyPosition(position.ra % 360, position.dec)


def _coordinates(text: str) -> list[str]:
    """Split RA and Dec: at the comma, or in the middle of two or six words."""
    if "," in text:
        return text.split(",")
    words = text.split()
    middle = len(words) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])] if len(words) in (2, 6) else [text]


def parse_cone(value: Any) -> Cone:
    """Return a cone from ``'RA,DEC,RADIUS'``, the radius with its unit.

    Examples
    --------
    >>> parse_cone("228.5,-59.1,1arcmin")
    Cone(ra=228.5, dec=-59.1, radius=60.0)
    """
    if isinstance(value, (list, tuple)) and len(value) == 3:
        ra, dec, radius = value
        text = f"{ra},{dec}"
        radius_arcsec = float(radius) if isinstance(radius, (int, float)) else parse_angle(radius)
    else:
        text, _, radius = str(value).strip().rpartition("," if "," in str(value) else " ")
        if len(_coordinates(text)) != 2:
            raise ValueError(f"'{value}' is not RA,DEC,RADIUS, such as 228.48,-59.13,30arcsec")
        radius_arcsec = parse_angle(radius)
    position = parse_sky_position(text)
    if not 0 < radius_arcsec <= 180 * 3600:
        raise ValueError(f"the radius of '{value}' is not between 0 and 180 degrees")
    return Cone(position.ra, position.dec, radius_arcsec)


def _degrees(text: str, *, hours: bool) -> float:
    text = text.strip()
    try:
        return _finite(float(text.removesuffix("deg")))
    except ValueError:
        pass
    if not re.fullmatch(r"[-+]?\d+[:h d]\s*\d+[:m' ]?\s*(\d+\.?\d*)?[s\"]?", text):
        raise ValueError(text)
    fields = [float(f) for f in re.findall(r"\d+\.?\d*", text)]
    if any(f >= 60 for f in fields[1:]):
        raise ValueError(text)
    sign = -1.0 if text.startswith("-") else 1.0
    value = sum(f / 60**i for i, f in enumerate(fields))
    return float(np.round(sign * value * (15 if hours else 1), 9))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def written(text: str) -> Any:
    """Return a default as the user would write it; the field's own type reads it."""
    return text


def _with_unit(unit: str) -> PlainSerializer:
    return PlainSerializer(lambda value: f"{value:.12g}{unit}", return_type=str, when_used="json")


_TEXT = PlainSerializer(str, return_type=str, when_used="json")
_TEXT_SCHEMA = WithJsonSchema({"type": "string"})

Angle = Annotated[float, BeforeValidator(parse_angle), _with_unit("arcsec"), _TEXT_SCHEMA]
"""An angle, in arcsec inside."""

Duration = Annotated[float, BeforeValidator(parse_time), _with_unit("s"), _TEXT_SCHEMA]
"""A time span, in seconds inside."""

Band = Annotated[EnergyBand, BeforeValidator(parse_energy_band), _TEXT, _TEXT_SCHEMA]
"""An energy range in keV."""

Position = Annotated[SkyPosition, BeforeValidator(parse_sky_position), _TEXT, _TEXT_SCHEMA]
"""A position on the sky, ICRS degrees inside."""

ConeOnSky = Annotated[Cone, BeforeValidator(parse_cone), _TEXT, _TEXT_SCHEMA]
"""A circle on the sky: ICRS degrees and arcsec inside."""


@contextmanager
def dates_of_any_time() -> Iterator[None]:
    """Silence warnings of dates for which leap seconds are not known: a second is no matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        yield
