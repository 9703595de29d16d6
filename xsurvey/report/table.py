"""The source table of the page: which columns it has, and how its numbers are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import Angle
from astropy.table import Table

from xsurvey.catalogs.schema import load_schema
from xsurvey.report.numbers import DASH, MINUS, Value, asymmetric, en_dashes, plain, with_limit

_RUNNING_NUMBER = re.compile(r"_(\d+)$")
_BAND_COLUMN = re.compile(r"net_counts_(.+?)(?<!_lo)(?<!_hi)")
_HARDNESS_COLUMN = re.compile(r"hardness_(.+?)(?<!_lo)(?<!_hi)")


@dataclass(frozen=True)
class ReportColumn:
    """A column of the page.

    Attributes
    ----------
    key : str
        What it is called in the filter: ``likelihood > 50``.
    label, unit : str
        Its head.
    group : str
        Columns of a group are shown and hidden together.
    description : str
        From the table.
    numeric : bool
    """

    key: str
    label: str
    group: str
    unit: str = ""
    description: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class FlagBadge:
    """A bit of the flag column that is set."""

    name: str
    description: str


@dataclass(frozen=True)
class SourceRow:
    """One source: its number, whether it is marginal, the text of its cells."""

    number: int
    source_id: str
    marginal: bool
    cells: list[Value]
    flags: list[FlagBadge]


@dataclass(frozen=True)
class SourceTable:
    """The sources of one target, most significant first.

    Attributes
    ----------
    common_flags : list of FlagBadge
        Bits that are set in every row; said once.
    total : int
        Sources of the target, of which ``rows`` are the most significant.
    """

    columns: list[ReportColumn]
    rows: list[SourceRow]
    common_flags: list[FlagBadge]
    total: int


def source_column(sources: Table, name: str) -> np.ndarray:
    """Return a column as floats, NaN where it has no value or there is no such column."""
    if name not in sources.colnames:
        return np.full(len(sources), np.nan)
    return np.ma.filled(np.ma.asarray(sources[name], dtype=float), np.nan)


def text_column(sources: Table, name: str) -> list[str]:
    """Return a column as texts, empty where it has no value or there is no such column."""
    if name not in sources.colnames:
        return [""] * len(sources)
    column = sources[name]
    return ["" if np.ma.is_masked(value) else str(value) for value in column]


def is_marginal(sources: Table) -> np.ndarray:
    """Tell which sources are MARGINAL."""
    return np.array([c == "MARGINAL" for c in text_column(sources, "classification")], dtype=bool)


def numbers_of(sources: Table) -> list[int]:
    """Return the running numbers that end the source ids; 1, 2, ... where those are no use."""
    found = [_RUNNING_NUMBER.search(name) for name in text_column(sources, "source_id")]
    numbers = [int(match[1]) for match in found if match]
    if len(set(numbers)) == len(sources):
        return numbers
    return list(range(1, len(sources) + 1))


def by_significance(sources: Table) -> np.ndarray:
    """Return the row indices, most significant source first; as they come without a likelihood."""
    likelihood = np.nan_to_num(source_column(sources, "detection_likelihood"), nan=-np.inf)
    return np.argsort(-likelihood, kind="stable")


def bands_of(sources: Table) -> dict[str, str]:
    """Return the measured bands: label, as it ends column names, to what the columns say of it."""
    return _suffixes(sources, _BAND_COLUMN)


def hardness_of(sources: Table) -> dict[str, str]:
    """Return the hardness ratios: label to their energies, such as ``2-7 / 0.5-1.2 keV``."""
    bands = bands_of(sources)
    found = {}
    for label, text in _suffixes(sources, _HARDNESS_COLUMN).items():
        hard, _, soft = text.partition(" over ")
        named = [bands.get(part, part).removesuffix(" keV") for part in (hard, soft) if part]
        found[label] = " / ".join(named) + (" keV" if len(named) == 2 else "")
    return found


def _suffixes(sources: Table, pattern: re.Pattern[str]) -> dict[str, str]:
    found = {}
    for name in sources.colnames:
        if match := pattern.fullmatch(name):
            described = _description(sources, name).rpartition(", ")[2]
            found[match[1]] = described if re.search(r"keV$| over ", described) else match[1]
    return found


def source_table(sources: Table, limit: int) -> SourceTable:
    """Return the table of at most ``limit`` sources as the page shows it."""
    order = by_significance(sources)[:limit]
    numbers = numbers_of(sources)
    ids, marginal = text_column(sources, "source_id"), is_marginal(sources)
    columns, contents = [], []
    for column, values in _columns(sources):
        columns.append(column)
        contents.append(values)
    bits = np.nan_to_num(source_column(sources, "flag")).astype(np.int64)
    common = int(np.bitwise_and.reduce(bits)) if len(bits) > 1 else 0
    rows = [
        SourceRow(
            numbers[i], ids[i], bool(marginal[i]), [values[i] for values in contents],
            decode_flags(int(bits[i]) & ~common),
        )
        for i in order
    ]  # fmt: skip
    return SourceTable(columns, rows, decode_flags(common), len(sources))


def decode_flags(bits: int) -> list[FlagBadge]:
    """Return the bits that are set, by the names that the schema ``sources`` gives them.

    Examples
    --------
    >>> [flag.name for flag in decode_flags(12)]
    ['near_edge', 'blended']
    """
    known = load_schema("sources").flags
    found = []
    for position in range(max(bits, 0).bit_length()):
        bit = 1 << position
        if bits & bit:
            flag = known.get(bit)
            found.append(
                FlagBadge(flag.name, flag.description)
                if flag
                else FlagBadge(f"bit {bit}", "not described by this version's schema")
            )
    return found


def _columns(sources: Table) -> Iterator[tuple[ReportColumn, list[Value]]]:
    """Yield the columns that the table has, each with the text of all its cells."""
    yield _text(sources, "name", "Name", "name")
    yield _text(sources, "classification", "Class", "class")
    yield _coordinate(sources, "ra", "RA", "hourangle", 2)
    yield _coordinate(sources, "dec", "Dec", "deg", 1)
    for name, key, label, group, unit, decimals in (
        ("position_error", "error", "± pos", "position", "arcsec", 2),
        ("off_axis_angle", "offaxis", "Off-axis", "position", "arcmin", 2),
        ("detection_likelihood", "likelihood", f"{MINUS}ln P", "detection", "", 1),
        ("significance", "sigma", "Signif.", "detection", "sigma", 1),
    ):
        if name in sources.colnames:
            yield (
                ReportColumn(key, label, group, unit, _description(sources, name)),
                [plain(v, decimals) for v in source_column(sources, name)],
            )
    bands = [b for b in bands_of(sources).items() if _any(sources, f"net_counts_{b[0]}")]
    for label, text in bands:
        yield _interval(sources, f"net_counts_{label}", f"net_{label}", f"Net {en_dashes(text)}",
                        "counts", "count")  # fmt: skip
    for label, text in bands[:1]:
        yield _rate(sources, label, text)
    for label, text in hardness_of(sources).items():
        if _any(sources, f"hardness_{label}"):
            hard, slash, soft = en_dashes(text).partition(" / ")
            yield _interval(sources, f"hardness_{label}", f"hr_{label}", f"HR {hard}", "hardness",
                            slash.lstrip() + soft)  # fmt: skip
    if "pileup_fraction" in sources.colnames:
        yield (
            ReportColumn("pileup", "Pile-up", "quality", "%",
                         _description(sources, "pileup_fraction")),
            [plain(100 * v, 1) for v in source_column(sources, "pileup_fraction")],
        )  # fmt: skip


def _any(sources: Table, name: str) -> bool:
    # bands of other missions in the run are empty columns here
    return bool(not len(sources) or np.isfinite(source_column(sources, name)).any())


def _text(sources: Table, name: str, label: str, key: str) -> tuple[ReportColumn, list[Value]]:
    column = ReportColumn(key, label, key, "", _description(sources, name), numeric=False)
    return column, [Value(text or DASH, sort=None) for text in text_column(sources, name)]


def _coordinate(
    sources: Table, name: str, label: str, unit: str, precision: int
) -> tuple[ReportColumn, list[Value]]:
    degrees = source_column(sources, name)
    texts = np.atleast_1d(
        Angle(degrees, "deg").to_string(
            unit=unit, sep=":", precision=precision, pad=True, alwayssign=name == "dec"
        )
    )
    column = ReportColumn(name, label, "position", "", f"{_description(sources, name)}, ICRS")
    return column, [
        Value(str(text).replace("-", MINUS), sort=float(value), note=f"{value:.6f}°")
        for text, value in zip(texts, degrees, strict=True)
    ]


def _interval(
    sources: Table, name: str, key: str, label: str, group: str, unit: str = ""
) -> tuple[ReportColumn, list[Value]]:
    column = ReportColumn(key, label, group, unit, _description(sources, name))
    return column, [
        asymmetric(*v) for v in zip(*_value_low_high(sources, name), strict=True)
    ]  # fmt: skip


def _rate(sources: Table, label: str, text: str) -> tuple[ReportColumn, list[Value]]:
    name = f"rate_{label}"
    column = ReportColumn(
        "rate", f"Rate {en_dashes(text)}", "rate", "count ks⁻¹",
        f"{_description(sources, name)}; the 95% upper limit where the interval reaches zero",
    )  # fmt: skip
    values = (*_value_low_high(sources, name), source_column(sources, f"{name}_upper"))
    return column, [with_limit(*(1e3 * v for v in row)) for row in zip(*values, strict=True)]


def _value_low_high(sources: Table, name: str) -> tuple[np.ndarray, ...]:
    return tuple(source_column(sources, name + end) for end in ("", "_lo", "_hi"))


def _description(sources: Table, name: str) -> str:
    if name not in sources.colnames:
        return ""
    return str(sources[name].info.description or "")


def glossary(table: Table) -> list[Mapping[str, str]]:
    """Return name, unit and description of every column of the catalog."""
    return [
        {
            "name": name,
            "unit": str(table[name].unit or ""),
            "description": _description(table, name),
        }
        for name in table.colnames
    ]
