"""Catalogs of any origin, opened as Arrow data: HATS, Parquet, FITS, CSV and ECSV."""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
from astropy.table import Table
from astropy.table.serialize import represent_mixins_as_columns

from xsurvey.catalogs.columns import (
    ColumnInfo,
    column_infos,
    field_info,
    header_of,
    schema_header,
    simple,
    to_arrow,
)
from xsurvey.catalogs.healpix import COLUMN
from xsurvey.catalogs.position import find_position, is_number
from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.io.fits_file import check_readable, open_fits

_LOG = logging.getLogger(__name__)
TABLES = (
    "sources", "detections", "observations", "polarization", "sed_fits", "sed_parameters",
)  # fmt: skip
"""Of a run; the first is the catalog."""
_FORMATS = "FITS, CSV, ECSV, Parquet, or a HATS folder"
_OF_THE_FILE = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|XTENSION|[PG]COUNT|TFIELDS|THEAP|EXT(NAME|VER|LEVEL)"
    r"|CHECKSUM|DATASUM|CREATOR|T[A-Z]+\d+|COMMENT|HISTORY|END|DATE|DATE-HDU"
)


@dataclass(frozen=True)
class Source:
    """An opened catalog.

    Attributes
    ----------
    data : pyarrow.dataset.Dataset or pyarrow.Table
        A dataset is read from its files when it is asked for rows, a table is in memory.
    columns : tuple of ColumnInfo
        In the order of the data.
    position : (str, str) or None
        Columns of right ascension and declination, ICRS degrees.
    index : (str, int) or None
        HEALPix column and its order; rows of one file are near each other on the sky.
    header : dict
        FITS keywords, or what `write_hats` kept of them.
    """

    path: Path
    format: str
    data: pa.dataset.Dataset | pa.Table
    columns: tuple[ColumnInfo, ...]
    position: tuple[str, str] | None
    index: tuple[str, int] | None
    header: dict[str, Any]

    def needed_position(self) -> tuple[str, str]:
        """Return the columns of the position, or raise InputError where none are known."""
        if self.position is None:
            raise InputError(
                self.path,
                "has no columns that are known as positions",
                "call them ra and dec (ICRS degrees), or name them with --position",
            )
        return self.position

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.data.num_rows if isinstance(self.data, pa.Table) else self.data.count_rows()


def open_source(path: str | os.PathLike[str], table: str | None = None) -> Source:
    """Open a catalog file or folder.

    Parameters
    ----------
    path : path
    table : str, optional
        Of a run's tables that of detections, observations or polarization instead of that of
        sources.

    Raises
    ------
    InputError
        Missing, damaged, or of no format that is known.
    ParameterError
        A table of another name, or a file, which has one.
    """
    path = Path(path)
    if table is not None and table not in TABLES:
        raise ParameterError("table", f"there is no table '{table}'", nearest(table, TABLES))
    if path.is_dir():
        return _open_folder(path, table or TABLES[0])
    if table is not None:
        raise ParameterError(
            "table", f"{path} is one table", "give the output folder of a run, or the file alone"
        )
    check_readable(path)
    suffixes = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else [path.suffix])
    reader = _READERS.get(suffixes.lower().removesuffix(".gz"))
    if reader is None or (suffixes.lower().endswith(".gz") and reader is not _read_fits):
        cause = f"'{suffixes}' is not a catalog format" if suffixes else "has no suffix"
        raise InputError(path, cause, f"give {_FORMATS}")
    return reader(path)


def _open_folder(path: Path, table: str) -> Source:
    if table != TABLES[0]:
        return _open_other(path, table)
    for folder in (path / "catalog" / "hats", path / "hats", path):
        if _is_hats(folder):
            return _read_hats(folder)
    if (path / "collection.properties").is_file():
        primary = _properties(path / "collection.properties").get("hats_primary_table_url", "")
        folder = (path / primary).resolve()
        if primary and folder.is_relative_to(path.resolve()) and _is_hats(folder):
            return _read_hats(folder)
    for file in (path / "catalog" / "sources.fits", path / "sources.fits"):
        if file.is_file():
            return _read_fits(file)
    raise InputError(path, "holds no catalog", f"give the output folder of a run, {_FORMATS}")


def _open_other(path: Path, table: str) -> Source:
    for folder in (path / "catalog", path):
        if _is_hats(folder / f"hats_{table}"):
            return _read_hats(folder / f"hats_{table}")
        if (folder / f"{table}.fits").is_file():
            return _read_fits(folder / f"{table}.fits")
    raise InputError(path, f"holds no table of {table}", "give the output folder of a run")


def _is_hats(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("hats.properties", "properties"))


def _read_hats(folder: Path) -> Source:
    file = folder / "hats.properties"
    properties = _properties(file if file.is_file() else folder / "properties")
    dataset = folder / "dataset"
    if "hats_col_ra" not in properties or not dataset.is_dir():
        raise InputError(folder, "is not a complete HATS catalog", "write it again")
    data = _reading(folder, lambda: _hats_data(dataset))
    position = (properties["hats_col_ra"], properties.get("hats_col_dec", ""))
    index = None
    if "hats_col_healpix" in properties:
        order = properties.get("hats_col_healpix_order", "29")
        index = (properties["hats_col_healpix"], int(order) if order.isdecimal() else -1)
    elif COLUMN in data.schema.names:
        index = (COLUMN, 29)
    needed = {*position, *([index[0]] if index else [])}
    fits = needed <= set(data.schema.names) and all(
        is_number(data.schema.field(name).type) for name in needed
    )
    if not fits or (index and not 0 <= index[1] <= 29):
        raise InputError(folder, "its properties do not fit its columns", "write it again")
    return _from_schema(folder, "HATS", data, index, position)


def _hats_data(dataset: Path) -> pa.dataset.Dataset | pa.Table:
    data = pa.dataset.dataset(
        dataset, format="parquet", ignore_prefixes=["_", ".", "data_thumbnail"]
    )
    if data.files:
        return data
    return pa.parquet.read_schema(dataset / "_common_metadata").empty_table()


def _properties(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and line[0] not in "#!")
    return {key.strip(): value.strip() for key, value in pairs}


def _read_parquet(path: Path) -> Source:
    data = _reading(path, lambda: pa.dataset.dataset(path, format="parquet"))
    index = (COLUMN, 29) if COLUMN in data.schema.names else None
    return _from_schema(path, "Parquet", data, index)


def _from_schema(
    path: Path,
    kind: str,
    data: pa.dataset.Dataset | pa.Table,
    index: tuple[str, int] | None,
    position: tuple[str, str] | None = None,
) -> Source:
    names = [name.lower() for name in data.schema.names]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise InputError(path, f"two columns are called '{repeated}'", "rename one of them")
    infos = tuple(field_info(field) for field in data.schema)
    position = position or find_position(infos, data.schema)
    return Source(path, kind, data, infos, position, index, schema_header(data.schema))


def _read_fits(path: Path) -> Source:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = open_fits(path)
    if not file.tables:
        raise InputError(path, "holds no table", "give a FITS file with a binary table")
    found = file.tables[0]
    header = {
        key: value for key, value in found.header.items() if key and not _OF_THE_FILE.fullmatch(key)
    }

    def read() -> Table:
        return Table.read(path, format="fits", hdu=found.index, memmap=False, mask_invalid=False)

    table = _reading(path, read)
    infos = []
    for number, name in enumerate(table.colnames, start=1):
        texts = (found.header.get(f"{key}{number}", "") for key in ("TUNIT", "TUCD", "TCOMM"))
        infos.append(ColumnInfo(name, *(str(text).strip() for text in texts)))
    table.meta = header
    return _from_table(path, "FITS", table, infos)


def _read_ecsv(path: Path) -> Source:
    table = _reading(path, lambda: Table.read(path, format="ascii.ecsv"))
    table = represent_mixins_as_columns(table)
    return _from_table(path, "ECSV", table, column_infos(table))


def _from_table(path: Path, kind: str, table: Table, infos: list[ColumnInfo]) -> Source:
    arrow = _reading(path, lambda: to_arrow(table))
    return _in_memory(path, kind, arrow, infos, header_of(table))


def _read_csv(path: Path) -> Source:
    with path.open("rb") as stream:
        first = stream.readline(100)
        if first.startswith(b"# %ECSV"):
            return _read_ecsv(path)
        comments = 0
        while first.startswith(b"#"):
            comments += first.endswith(b"\n")
            first = stream.readline(1 << 20)
    options = pyarrow.csv.ReadOptions(skip_rows=comments)
    arrow = _reading(path, lambda: pyarrow.csv.read_csv(path, options))
    return _in_memory(path, "CSV", arrow, [ColumnInfo(name) for name in arrow.column_names], {})


def _in_memory(
    path: Path, kind: str, arrow: pa.Table, infos: list[ColumnInfo], header: dict[str, Any]
) -> Source:
    names = _distinct(path, arrow.column_names)
    infos = [info._replace(name=name) for info, name in zip(infos, names, strict=True)]
    arrow = pa.table([simple(column) for column in arrow.columns], names=names)
    position = find_position(infos, arrow.schema)
    return Source(path, kind, arrow, tuple(infos), position, None, header)


def _distinct(path: Path, names: Iterable[str]) -> list[str]:
    """Return names that differ in more than their case, as queries need them."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        new = name
        while new.lower() in taken:
            new += "_2"
        if new != name:
            _LOG.warning("%s: a second column '%s' is called '%s' here", path, name, new)
        taken.add(new.lower())
        distinct.append(new)
    return distinct


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    """Run a reader of another library; all that a damaged file makes it raise is the user's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            path, f"cannot be read ({reason[:200]})", "fetch or write it again"
        ) from error


_READERS: dict[str, Callable[[Path], Source]] = {
    ".fits": _read_fits,
    ".fit": _read_fits,
    ".fts": _read_fits,
    ".parquet": _read_parquet,
    ".parq": _read_parquet,
    ".csv": _read_csv,
    ".ecsv": _read_ecsv,
}
