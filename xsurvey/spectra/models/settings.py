"""What models depend on beside their parameters: abundances, cross-sections, atomic data."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pydantic import Field, field_validator

from xsurvey.parameters import StepParameters
from xsurvey.spectra.models.installation import installation

_ENTRY = re.compile(r"^([a-z0-9]+):", re.MULTILINE)
_ELEMENTS = "elts"  # the line of element names in the file of abundances


class ModelSettings(StepParameters):
    """Settings that all models of a fit share."""

    abund: str = Field(
        default="angr",
        description="Abundance table, by XSPEC's name: angr, wilm, aspl, lodd, grsa, lpgp, ...",
    )
    xsect: str = Field(
        default="vern", description="Photoelectric cross-sections: vern, bcmc or obcm."
    )
    atomdb: str = Field(
        default="3.0.9", pattern=r"^\d+(\.\d+)+$",
        description="Version of AtomDB, which thermal plasmas are made from.",
    )  # fmt: skip
    atomdb_folder: str | None = Field(
        default=None,
        description="Folder of AtomDB's apec_v*_line.fits and apec_v*_coco.fits. Looked for if "
        "not given: $ATOMDB, HEASoft, the installed data set.",
    )
    smooth_phabs: bool = Field(
        default=False,
        description="Evaluate phabs and zphabs from tables, hundreds of times faster. XSPEC rounds "
        "them to single precision, from which the tables differ by 1e-6 where they transmit.",
    )
    hubble_constant: float = Field(
        default=70.0, gt=0, le=1000, description="H0, in km/s/Mpc, of models with distances."
    )
    deceleration: float = Field(default=0.0, ge=-10, le=10, description="q0 of those models.")
    dark_energy: float = Field(
        default=0.73, ge=0, le=10, description="Omega_Lambda of those models."
    )

    @field_validator("abund", "xsect")
    @classmethod
    def _known_name(cls, value: str, info: object) -> str:
        kind = str(getattr(info, "field_name", ""))
        if value == cls.model_fields[kind].default:  # which needs no installed XSPEC to be known
            return value
        known = abundance_tables() if kind == "abund" else cross_section_tables()
        if value not in known:
            raise ValueError(f"XSPEC has no table {value!r}; "
                             f"use one of {', '.join(known)}")  # fmt: skip
        return value

    @property
    def key(self) -> str:
        """A text that differs where results may: for caches."""
        return "|".join(f"{name}={value}" for name, value in self.normalised().items())


def abundance_tables() -> tuple[str, ...]:
    """Return the names of the abundance tables of the installed XSPEC."""
    return _names(installation().manager / "abundances.dat")


def cross_section_tables() -> tuple[str, ...]:
    """Return the names of the photoelectric cross-sections of the installed XSPEC."""
    return _names(installation().manager / "crosssections.dat")


@cache
def _names(path: Path) -> tuple[str, ...]:
    names = dict.fromkeys(_ENTRY.findall(path.read_text(encoding="utf-8")))
    return tuple(name for name in names if name != _ELEMENTS)
