"""Table schemas: YAML files that say what every column of a catalog is."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from astropy.io.votable.ucd import check_ucd
from astropy.units import Unit
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from xsurvey.errors import ParameterError, nearest
from xsurvey.parameters import parameter_error

_FOLDER = Path(__file__).parent / "schemas"
_USE = "use"
_BAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnSchema(_Frozen):
    """One column: its name, type, unit (astropy), UCD1+ and meaning.

    Columns of a ``part`` are in tables that have this part. ``missing`` is the whole number that
    stands for one that is not given; without it such a row is refused. Columns ``per_band`` that
    are ``searched`` are there for the bands of the search, the others for those measured.
    """

    name: str
    dtype: Literal["str", "bool", "int32", "int64", "float32", "float64"]
    unit: str | None = None
    ucd: str | None = None
    description: str
    required: bool = False
    per_band: bool = False
    per_hardness: bool = False
    flags: bool = False
    part: str | None = None
    searched: bool = False
    missing: int | None = None

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str | None) -> str | None:
        if unit is not None:
            Unit(unit)
        return unit

    @field_validator("ucd")
    @classmethod
    def _known_ucd(cls, ucd: str | None) -> str | None:
        if ucd is not None and not check_ucd(ucd, check_controlled_vocabulary=True):
            raise ValueError(f"'{ucd}' is not a UCD1+ of the controlled vocabulary")
        return ucd

    @model_validator(mode="after")
    def _placeholders_fit(self) -> Self:
        if self.per_band and self.per_hardness:
            raise ValueError(f"{self.name} cannot be both per_band and per_hardness")
        for wanted, key in ((self.per_band, "{band}"), (self.per_hardness, "{hardness}")):
            if wanted != (key in self.name):
                raise ValueError(f"{key} in the name of {self.name} and its per_ key disagree")
        return self

    def filled(self, placeholder: str, name: str, description: str) -> "ColumnSchema":
        """Return the column for one band or hardness ratio."""
        return self.model_copy(
            update={
                "name": self.name.replace(placeholder, name),
                "description": self.description.replace(placeholder, description),
                "per_band": False,
                "per_hardness": False,
            }
        )


class FlagBit(_Frozen):
    """One bit of the flag column."""

    name: str
    description: str


class TableSchema(_Frozen):
    """The columns of a table, before its bands are known.

    Attributes
    ----------
    columns : tuple of ColumnSchema
        In the order of the table.
    flags : dict
        Bit value (1, 2, 4, ...) to its name and meaning.
    """

    name: str
    version: str
    description: str
    columns: tuple[ColumnSchema, ...]
    flags: dict[int, FlagBit] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError("two columns have the same name")
        for bit in self.flags:
            if bit <= 0 or bit & (bit - 1):
                raise ValueError(f"flag {bit} is not a power of two")
        return self

    @property
    def flag_bits(self) -> dict[str, int]:
        """Flag name to bit value: ``flag |= bits["near_edge"]``."""
        return {flag.name: bit for bit, flag in self.flags.items()}

    def expand(
        self, bands: Mapping[str, str], hardness: Mapping[str, str] | None = None,
        parts: Collection[str] = (), searched: Mapping[str, str] | None = None,
    ) -> tuple[ColumnSchema, ...]:  # fmt: skip
        """Return the columns of a table with these bands.

        Parameters
        ----------
        bands : mapping
            Band name, as it ends column names (``b``), to its description (``0.5-7 keV``).
            The columns of one band stay together, bands follow in the given order.
        hardness : mapping, optional
            Name of a hardness ratio (``hs``) to its description (``2-7 over 0.5-1.2 keV``).
        parts : collection of str, optional
            Of the columns that not every table has, those that this one does.
        searched : mapping, optional
            Bands of the search, as ``bands``; the same if not given.

        Raises
        ------
        ParameterError
            A name that cannot be part of a column name.
        """
        searched = bands if searched is None else searched
        for name in (*bands, *searched, *(hardness or {})):
            if not _BAND_NAME.fullmatch(name):
                raise ParameterError(
                    "bands", f"'{name}' cannot be part of a column name", "use letters and digits"
                )
        expanded: list[ColumnSchema] = []
        there = [c for c in self.columns if c.part is None or c.part in parts]
        for group in _runs(there):
            if group[0].per_band:
                repeats = searched if group[0].searched else bands
                placeholder = "{band}"
            elif group[0].per_hardness:
                repeats, placeholder = hardness or {}, "{hardness}"
            else:
                expanded += [self._with_flags(column) for column in group]
                continue
            for name, text in repeats.items():
                expanded += [column.filled(placeholder, name, text) for column in group]
        return tuple(expanded)

    def _with_flags(self, column: ColumnSchema) -> ColumnSchema:
        if not column.flags:
            return column
        bits = ", ".join(f"{bit} {flag.name}" for bit, flag in self.flags.items())
        return column.model_copy(update={"description": f"{column.description}: {bits}"})


def _runs(columns: Sequence[ColumnSchema]) -> list[list[ColumnSchema]]:
    """Split into runs of neighbours that are repeated in the same way."""
    runs: list[list[ColumnSchema]] = []
    for column in columns:
        last = runs[-1][0] if runs else None
        if last and _repeated(last) == _repeated(column):
            runs[-1].append(column)
        else:
            runs.append([column])
    return runs


def _repeated(column: ColumnSchema) -> tuple[bool, bool, bool]:
    return column.per_band, column.per_hardness, column.searched


@cache
def load_schema(name: str | Path = "sources") -> TableSchema:
    """Return a table schema by its name, or from a YAML file of your own.

    Raises
    ------
    ParameterError
        No such schema, or its file breaks the rules of `TableSchema`.
    """
    path = name if isinstance(name, Path) else _FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in _FOLDER.glob("*.yaml"))
        raise ParameterError("schema", f"no schema '{name}'", nearest(str(name), known))
    try:
        return TableSchema.model_validate(_resolved(_content(path), path))
    except ValidationError as error:
        raise parameter_error(error, TableSchema, str(path), {}) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(path, f"is not YAML ({error})", "correct the file") from error


@cache
def schemas_hash() -> str:
    """Return what tells the schemas of this version apart, for the keys of results."""
    files = sorted(_FOLDER.glob("*.yaml"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _content(path: Path) -> Any:
    """Return what a file says: by libyaml, ten times as fast, where PyYAML has it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - either is safe


def _resolved(content: Any, path: Path) -> Any:
    """Return the content of a schema whose columns may be those of the table of sources.

    A column is ``use: NAME`` with what is changed beside it, flags are ``flags: sources``: so
    that what two tables have in common is described once.
    """
    if not isinstance(content, dict) or not isinstance(content.get("columns"), list):
        return content
    used = [c for c in content["columns"] if isinstance(c, dict) and _USE in c]
    if not used and not isinstance(content.get("flags"), str):
        return content
    common = _content(_FOLDER / "sources.yaml")
    known = {column["name"]: column for column in common["columns"]}
    for column in used:
        if column[_USE] not in known:
            raise ParameterError(
                path, f"uses a column '{column[_USE]}' that sources has not",
                nearest(str(column[_USE]), known),
            )  # fmt: skip
    columns = [
        {**known[c[_USE]], **{k: v for k, v in c.items() if k != _USE}} if c in used else c
        for c in content["columns"]
    ]
    flags = content.get("flags", {})
    return {
        **content, "columns": columns,
        "flags": common["flags"] if isinstance(flags, str) else flags,
    }  # fmt: skip
