"""Parameters of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from astropy.time import Time
from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.psf import parse_psf
from xsurvey.simulate.log_n_log_s import parse_log_n_log_s
from xsurvey.simulate.polarization import parse_polarization
from xsurvey.units import (
    Angle,
    Band,
    Duration,
    Position,
    SkyPosition,
    dates_of_any_time,
    parse_sky_position,
    parse_time,
    written,
)

WITH_RESPONSES = (
    "sources", "log_n_log_s", "cluster", "model", "set", "diffuse", "particle", "particle_group",
)  # fmt: skip
"""Parameters that have photons go through effective area and redistribution."""
OF_THE_SKY = (
    "source", "random_sources", "sources", "log_n_log_s", "cluster", "model", "set", "diffuse",
    "scans",
)  # fmt: skip
"""Parameters of what a telescope behind a closed filter wheel does not see."""
_EXPOSURE, _PHOTON_INDEX = "100ks", 1.7
DEFAULT_MODEL = "tbabs*powerlaw"
DEFAULT_SETTINGS = ("tbabs.nH=0.03", "powerlaw.PhoIndex=2")


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


class ParticleGroup(NamedTuple):
    """Particles on some of the detectors: a group's name, a model and its settings."""

    group: str
    model: str
    settings: tuple[str, ...]


def parse_particle_group(text: str) -> ParticleGroup:
    """Return what ``GROUP=MODEL component.parameter=value ...`` names.

    Raises
    ------
    ValueError
        Another form.
    """
    group, _, rest = text.partition("=")
    model, *settings = rest.split() or [""]
    # in "GROUP=component.parameter=value" the model is missing
    if not group.strip() or not model or "=" in model or not all("=" in s for s in settings):
        raise ValueError(
            f"'{text}' is not GROUP=MODEL component.parameter=value ..., such as "
            "NAME=powerlaw powerlaw.norm=0.02"
        )
    return ParticleGroup(group.strip(), model, tuple(settings))


def parse_good_time(text: str) -> tuple[float, float]:
    """Return the seconds after the start that ``BEGIN-END`` names.

    Raises
    ------
    ValueError
        Another form, negative seconds, or an end that is not after the beginning.
    """
    try:
        begin, end = (float(v) for v in text.split("-"))
    except ValueError:
        begin, end = 1.0, 0.0
    if not 0 <= begin < end < 1e9:
        raise ValueError(f"'{text}' is not BEGIN-END in seconds after the start, such as 0-5000")
    return begin, end


def start_as_number(text: str) -> float | None:
    """Return a start that is given in seconds, None of one that is a date."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not abs(value) < 1e11:
        raise ValueError(f"'{text}' is no time in seconds")
    return value


class SimulationParameters(StepParameters):
    """What to simulate: a pointing or survey scans, their sources and backgrounds."""

    titles: ClassVar[Mapping[str, str]] = {
        "mission": "Observation",
        "background_rate": "Background and sources by counts",
        "sources": "Sources by flux, through the responses",
        "diffuse": "Backgrounds, through the responses",
        "origin": "What is written",
    }

    mission: str | None = Field(
        default=None,
        description="Mission whose event file is written (`xsurvey doctor` lists them); the "
        "alphabet's first if none.",
    )
    detectors: str | None = Field(
        default=None,
        description="Detectors that observe, by the names that the mission gives them or groups of "
        "them, several with commas; all if not given.",
    )
    closed: bool = Field(
        default=False,
        description="Simulate an exposure with the filter wheel closed: no sky, particles alone.",
    )
    pointing: Position = Field(
        default=written("150.0,2.2"),
        description="Optical axis, or centre of the scans, RA,DEC in degrees or sexagesimal.",
    )
    roll: float = Field(default=0.0, ge=-360, le=360, description="Roll angle in degrees.")
    exposure: Duration = Field(
        default=written(_EXPOSURE), gt=0, le=1e9, description="Good time of a pointing."
    )
    scans: int = Field(
        default=0, ge=0, le=10_000,
        description="Number of survey scans over the field, instead of a pointing; speed, "
        "distance and period of the scans are the mission's.",
    )  # fmt: skip
    scan_distance: Angle | None = Field(
        default=None, gt=0, le=36_000,
        description="Distance between scans; the mission's if not given.",
    )  # fmt: skip
    field_size: Angle = Field(
        default=written("3.6deg"), gt=0, le=72_000,
        description="Side of the field that scans cover; events beyond are not written.",
    )  # fmt: skip
    intervals: int = Field(
        default=1, ge=1, le=1000,
        description="Number of good time intervals; gaps of a tenth of their length lie between.",
    )  # fmt: skip
    good_time: tuple[str, ...] = Field(
        default=(),
        description="A good time interval BEGIN-END, in seconds after the start; repeat for "
        "several. In place of exposure and intervals.",
    )
    start: str | None = Field(
        default=None,
        description="When the observation starts: an ISO date (UTC), or the mission's seconds; "
        "700000000 s if not given.",
    )
    energy: Band = Field(default=written("0.5-7"), description="Energies of the events, in keV.")
    psf: str | None = Field(
        default=None, description="PSF as gaussian:SIGMA or king:R90,SLOPE; the mission's if none."
    )
    dither: Angle = Field(
        default=written("8arcsec"),
        ge=0,
        description="Amplitude of the Lissajous dither on each axis.",
    )
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
        default=_PHOTON_INDEX, ge=-5, le=10,
        description="Index of the sources' power law in detected counts (no response applied).",
    )  # fmt: skip
    polarization: tuple[str, ...] = Field(
        default=(),
        description="Polarization PD,PA of the sources: degree (a fraction) and angle (degrees "
        "north through east) at the start; repeat for several, one of each source. Only of "
        "missions whose simulator has it.",
    )
    rotation_rate: float = Field(
        default=0.0, ge=-1e5, le=1e5,
        description="Rotation of these angles from the start on, degrees a day.",
    )  # fmt: skip
    sources: str | None = Field(
        default=None,
        description="File with sources: ra, dec, one of flux, norm and counts, and if wished "
        "model, set, core_radius and beta (clusters), shape (shell, patch), variability.",
    )
    cluster: str | None = Field(
        default=None,
        description="File (YAML) with the model of a galaxy cluster, which is cut into shells.",
    )
    log_n_log_s: str | None = Field(
        default=None,
        description="Draw point sources over the field: LIMIT (erg/s/cm2; numbers of Moretti et "
        "al. 2003), or LIMIT,DENSITY,BREAK,FAINT,BRIGHT with the number per deg2 above the break "
        "and the slopes of N(>S) below and above it.",
    )
    brightest: float | None = Field(
        default=None, gt=0, le=1,
        description="Flux (erg/s/cm2) above which log_n_log_s draws no sources, as if they were "
        "known and left out.",
    )  # fmt: skip
    sky_seed: int | None = Field(
        default=None, ge=0, lt=2**63,
        description="Seed of the sources of log_n_log_s alone: neighbouring fields with the same "
        "one share them. Without it they follow from the seed of the simulation.",
    )  # fmt: skip
    flux_band: Band = Field(
        default=written("0.5-2"),
        description="Energies of the fluxes of sources, in keV, as observed.",
    )
    model: str | None = Field(
        default=None,
        description="Spectrum of sources, in XSPEC's names; tbabs*powerlaw if not given, with nH "
        "0.03 and index 2.",
    )
    set: tuple[str, ...] = Field(
        default=(),
        description="Parameter of that spectrum: component.parameter=value; repeat for several.",
    )
    diffuse: str | None = Field(
        default=None,
        description="Model of the diffuse sky, vignetted; its norms are per arcmin2.",
    )
    diffuse_set: tuple[str, ...] = Field(
        default=(), description="Parameter of the diffuse sky: component.parameter=value."
    )
    particle: str | None = Field(
        default=None,
        description="Model of the particle background in counts/s/keV on each detector, through "
        "the redistribution but not the area. In place of background_rate.",
    )
    particle_set: tuple[str, ...] = Field(
        default=(), description="Parameter of the particle background: component.parameter=value."
    )
    particle_group: tuple[str, ...] = Field(
        default=(),
        description="Model added on some detectors: GROUP=MODEL component.parameter=value ..., "
        "such as 'NAME=powerlaw powerlaw.PhoIndex=3 powerlaw.norm=0.02', in the unit of particle; "
        "repeat for several.",
    )
    origin: bool = Field(
        default=False,
        description="Write a column SRC_ID: the number of each event's source in the truth table, "
        "0 for background on the detectors, -1 for the diffuse sky.",
    )

    @property
    def through_responses(self) -> bool:
        """Whether something was chosen that needs effective area and redistribution."""
        return any(getattr(self, name) for name in WITH_RESPONSES)

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

    @field_validator("particle_group")
    @classmethod
    def _readable_groups(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_particle_group(text)
        return value

    @field_validator("polarization")
    @classmethod
    def _readable_polarization(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_polarization(text)
        return value

    @field_validator("good_time")
    @classmethod
    def _readable_times(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_good_time(text)
        return value

    @field_validator("start")
    @classmethod
    def _readable_start(cls, value: str | None) -> str | None:
        if value is not None and start_as_number(value) is None:
            try:
                with dates_of_any_time():
                    Time(value, scale="utc")
            except ValueError:
                raise ValueError(
                    f"'{value}' is neither seconds nor a date such as 2022-03-07T17:25:30"
                ) from None
        return value

    @field_validator("model", "diffuse", "particle", "cluster", "detectors")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty")
        return value

    @model_validator(mode="after")
    def _closed_sees_no_sky(self) -> SimulationParameters:
        for name in OF_THE_SKY if self.closed else ():
            if getattr(self, name):
                raise ValueError(f"{name} is of the sky, which is not seen when closed")
        return self

    @model_validator(mode="after")
    def _law_of_drawn_sources(self) -> SimulationParameters:
        for name in ("brightest", "sky_seed"):
            if getattr(self, name) is not None and self.log_n_log_s is None:
                raise ValueError(f"{name} is of log_n_log_s, which is not given")
        if self.log_n_log_s is None:
            return self
        try:
            law = parse_log_n_log_s(self.log_n_log_s, self.flux_band)
        except ValueError as error:
            raise ValueError(f"log_n_log_s {error}") from None
        if self.brightest is not None and self.brightest <= law.limit:
            raise ValueError("brightest is not above the limit of log_n_log_s")
        return self

    @model_validator(mode="after")
    def _go_together(self) -> SimulationParameters:
        if self.good_time and (self.exposure, self.intervals) != (parse_time(_EXPOSURE), 1):
            raise ValueError("good_time is given in place of exposure and intervals")
        if self.scan_distance is not None and not self.scans:
            raise ValueError("scan_distance is of scans: give their number, or leave it out")
        if self.photon_index != _PHOTON_INDEX and self.through_responses:
            raise ValueError("photon_index is of simulations without responses: give model and set")
        if self.rotation_rate and not self.polarization:
            raise ValueError("rotation_rate is of the angle of polarization, which is not given")
        if self.flux_band.minimum <= 0:
            raise ValueError("flux_band begins at zero")
        for name in ("diffuse", "particle"):
            if getattr(self, f"{name}_set") and getattr(self, name) is None:
                raise ValueError(f"{name}_set is of the model {name}, which is not given")
        return self
