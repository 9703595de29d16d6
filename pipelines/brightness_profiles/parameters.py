"""What a user chooses for the brightness profiles of the pipeline ``sources``."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.profiles.exposure_spectrum import DEFAULT, SPECTRUM_FIELD, ExposureMapParameters
from xsurvey.profiles.geometry import equal_sectors
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.units import Position

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_SECTOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")


class PlaceProfile(SurfaceBrightnessParameters, ExposureMapParameters):
    """Profiles about one centre."""

    center: Position = Field(description="Centre, RA,DEC in degrees or sexagesimal.")
    named_sectors: dict[str, str] = Field(
        default={},
        description="Sectors by name, A0,A1: position angles in degrees north through east, from "
        "A0 to A1 in the sense of increasing angle, also through 360.",
    )

    exposure_spectrum: str | None = Field(default=DEFAULT, description=SPECTRUM_FIELD)

    @field_validator("named_sectors")
    @classmethod
    def _are_sectors(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _SECTOR_NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no name of a sector: use letters, digits, blanks, "
                                 "- and _, at most 40")  # fmt: skip
            SurfaceBrightnessParameters(sector=text)
        return value

    @model_validator(mode="after")
    def _is_complete(self) -> PlaceProfile:
        if self.bin_size is None or self.max_radius is None:
            raise ValueError("bin_size and max_radius are needed")
        if self.psf_file is not None:
            raise ValueError("psf is gaussian:SIGMA or king:R90,SLOPE here, or that of the "
                             "telescope if not given")  # fmt: skip
        if self.named_sectors and (self.sectors is not None or self.sector is not None):
            raise ValueError("named_sectors is given as well as sector or sectors")
        return self

    @property
    def sector_of(self) -> dict[str, tuple[float, float]]:
        """The named sectors."""
        return {
            name: SurfaceBrightnessParameters(sector=text).one_sector or (0.0, 360.0)
            for name, text in self.named_sectors.items()
        }

    @property
    def all_sectors(self) -> list[tuple[float, float]]:
        """The sectors that were asked for: those of names, or equal ones."""
        named = list(self.sector_of.values())
        return named or (equal_sectors(self.sectors) if self.sectors else [])


class ProfileParameters(StepParameters):
    """Of what brightness profiles are measured; of nothing unless asked for."""

    places: dict[str, PlaceProfile] = Field(
        default={}, description="Centres, each with its bins, sectors and models, by name."
    )

    @field_validator("places")
    @classmethod
    def _names_are_names_of_files(cls, value: dict[str, PlaceProfile]) -> dict[str, PlaceProfile]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no name of a place: use a letter, then letters, "
                                 "digits, - and _, at most 40")  # fmt: skip
        lower = [name.lower() for name in value]
        if len(set(lower)) < len(lower):
            raise ValueError("two names differ in upper and lower case only")
        return value
