"""Parameters of the simulator."""

from typing import NamedTuple

from pydantic import Field, field_validator

from xsurvey.parameters import StepParameters
from xsurvey.psf import parse_psf
from xsurvey.units import Angle, Band, Duration, Position, SkyPosition, parse_sky_position, written


class PointSource(NamedTuple):
    """A source to simulate: where, and how many counts are expected of it."""

    position: SkyPosition
    counts: float


def parse_source(text: str) -> PointSource:
    """Return the source that ``RA,DEC,COUNTS`` names.

    Raises
    ------
    ValueError
        Another form, or negative counts.
    """
    place, _, counts = text.rpartition(",")
    try:
        value = float(counts)
        if "," not in place:
            raise ValueError("a place is two numbers")
    except ValueError as error:
        raise ValueError(f"'{text}' is not RA,DEC,COUNTS, such as 150.1,2.2,12") from error
    if not 0 <= value < 1e9:
        raise ValueError(f"the counts of '{text}' are not between 0 and 1e9")
    return PointSource(parse_sky_position(place), value)


class SimulationParameters(StepParameters):
    """What to simulate: a pointing or survey scans, with a uniform background and point sources."""

    mission: str | None = Field(
        default=None,
        description="Mission whose event file is written (`xsurvey doctor` lists them); the "
        "alphabet's first if none.",
    )
    pointing: Position = Field(
        default=written("150.0,2.2"),
        description="Optical axis, or centre of the scans, RA,DEC in degrees or sexagesimal.",
    )
    roll: float = Field(default=0.0, ge=-360, le=360, description="Roll angle in degrees.")
    exposure: Duration = Field(
        default=written("100ks"), gt=0, le=1e9, description="Good time of a pointing."
    )
    scans: int = Field(
        default=0, ge=0, le=10_000,
        description="Number of survey scans over the field, instead of a pointing; speed, "
        "distance and period of the scans are the mission's.",
    )  # fmt: skip
    field_size: Angle = Field(
        default=written("3.6deg"), gt=0, le=72_000,
        description="Side of the field that scans cover; events beyond are not written.",
    )  # fmt: skip
    intervals: int = Field(
        default=1, ge=1, le=1000,
        description="Number of good time intervals; gaps of a tenth of their length lie between.",
    )  # fmt: skip
    energy: Band = Field(default=written("0.5-7"), description="Energies of the events, in keV.")
    background_rate: float = Field(
        default=0.1, ge=0, le=1e4,
        description="Background in counts/s on each detector, uniform on it, flat in energy.",
    )  # fmt: skip
    source: tuple[str, ...] = Field(
        default=(),
        description="A point source RA,DEC,COUNTS with its expected counts, of all scans together "
        "if there are scans; repeat for several.",
    )
    random_sources: int = Field(
        default=0, ge=0, le=1_000_000, description="Number of sources at random places."
    )
    random_counts: float = Field(
        default=12.0, ge=0, le=1e8, description="Expected counts of each random source."
    )
    photon_index: float = Field(
        default=1.7, ge=-5, le=10,
        description="Index of the sources' power law in detected counts (no response applied).",
    )  # fmt: skip
    psf: str | None = Field(
        default=None, description="PSF as gaussian:SIGMA or king:R90,SLOPE; the mission's if none."
    )
    dither: Angle = Field(
        default=written("8arcsec"),
        ge=0,
        description="Amplitude of the Lissajous dither on each axis.",
    )

    @field_validator("psf")
    @classmethod
    def _known_psf(cls, value: str | None) -> str | None:
        if value is not None:
            parse_psf(value)
        return value

    @field_validator("source")
    @classmethod
    def _readable_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_source(text)
        return value
