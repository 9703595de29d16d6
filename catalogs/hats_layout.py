"""Catalogs as HATS: Parquet files sorted and split on the sky, which LSDB reads.

The layout is the one of the IVOA note "HATS: A Standard for the Hierarchical Adaptive Tiling
Scheme in the Virtual Observatory" (2025), written partition after partition, of which one group
of rows at a time is in memory.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs.columns import to_arrow
from xsurvey.catalogs.healpix import COLUMN, ORDER, healpix_29
from xsurvey.errors import OutputError, ParameterError
from xsurvey.io.atomic import atomic_output

ROWS_PER_PARTITION = 1_000_000
ROWS_PER_GROUP = 32_768
_DEEPEST_PARTITION = 18
_INDEX = pa.field(COLUMN, pa.int64(), metadata={"description": "HEALPix index, order 29"})
_PIXELS_PER_FOLDER = 10_000


def write_hats(
    table: Table,
    path: str | os.PathLike[str],
    name: str,
    header: Mapping[str, Any] | None = None,
    *,
    position: tuple[str, str] = ("ra", "dec"),
    rows_per_partition: int = ROWS_PER_PARTITION,
) -> None:
    """Write a table as a HATS catalog.

    Parameters
    ----------
    table : astropy.table.Table
        It may be empty: the catalog then has its columns and no partition.
    path : path
        The folder to make. A HATS catalog in its place is replaced.
    name : str
        Name of the catalog.
    header : mapping, optional
        Provenance, kept in the metadata of the files and given back by `open_catalog`.
    position : (str, str)
        Names of the columns of right ascension and declination, ICRS degrees.
    rows_per_partition : int
        A HEALPix pixel with more sources is split into its four children.

    Raises
    ------
    OutputError
        The folder holds something else or cannot be written, or a position is missing.
    ParameterError
        A name that a properties file cannot hold.

    Notes
    -----
    Rows are sorted by ``_healpix_29``, and by their order in the table where that is equal;
    no file holds a date. So the same table gives the same bytes.
    """
    path = Path(path)
    plain = plain_header(header)
    table = table.copy(copy_data=False)
    table.meta.update(plain)
    for column in position:
        if column not in table.colnames:
            raise OutputError(path, f"the table has no column '{column}'", "HATS needs positions")
    ra, dec = (np.ma.filled(table[c].astype(np.float64), np.nan) for c in position)
    pixels = sky_pixels(ra, dec, path)
    order = np.argsort(pixels, kind="stable")
    rows = to_arrow(table[[c for c in table.colnames if c != COLUMN]]).take(order)
    sky = SkyRows(rows.schema, pixels[order], lambda start, end: rows.slice(start, end - start))
    write_sky_rows(sky, path, name, position=position, rows_per_partition=rows_per_partition)


def plain_header(header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of a header, without the comments of FITS."""
    return {k: v[0] if isinstance(v, tuple) else v for k, v in (header or {}).items()}


@dataclass(frozen=True)
class SkyRows:
    """Rows of a table in the order of their HEALPix index, wherever they are.

    Attributes
    ----------
    schema : pyarrow.Schema
        Without the index.
    pixels : ndarray of int64, shape (n,)
        The index, in increasing order.
    read : callable
        Returns the rows from a first to an end, as a table of that schema.
    """

    schema: pa.Schema
    pixels: np.ndarray
    read: Callable[[int, int], pa.Table]

    @property
    def full_schema(self) -> pa.Schema:
        """The schema, with the index as its first column."""
        return self.schema.insert(0, _INDEX)

    def rows(self, start: int, end: int) -> pa.Table:
        """Return rows with their index."""
        index = pa.array(self.pixels[start:end])
        return self.read(start, end).add_column(0, _INDEX, index)


def write_sky_rows(
    sky: SkyRows, path: Path, name: str, *, position: tuple[str, str] = ("ra", "dec"),
    rows_per_partition: int = ROWS_PER_PARTITION,
) -> None:  # fmt: skip
    """Write rows as a HATS catalog; arguments and errors are those of `write_hats`."""
    _check_replaceable(path)
    if not name.isprintable() or not name.strip() or "\\" in name:
        raise ParameterError("name", f"{name!r} cannot name a catalog", "use letters and digits")
    partitions = list(_partitions(sky.pixels, rows_per_partition))
    schema = sky.full_schema
    with atomic_output(path) as temporary:
        dataset = temporary / "dataset"
        dataset.mkdir(parents=True)
        footers = []
        for partition in partitions:
            footers += _write_partition(sky, dataset, *partition)
        pyarrow.parquet.write_metadata(schema, dataset / "_metadata", footers)
        pyarrow.parquet.write_metadata(schema, dataset / "_common_metadata")
        lines = ["Norder,Npix", *(f"{order},{pixel}" for order, pixel, _, _ in partitions)]
        (temporary / "partition_info.csv").write_text("\n".join(lines) + "\n")
        properties = _properties(name, position, len(sky.pixels), partitions, rows_per_partition)
        for file in ("hats.properties", "properties"):
            (temporary / file).write_text(properties, encoding="utf-8")


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a folder of the user's by a catalog."""
    if path.is_file():
        raise OutputError(path, "is a file", "give the name of a new folder")
    ours = all((path / name).is_file() for name in ("properties", "partition_info.csv"))
    if path.is_dir() and any(path.iterdir()) and not ours:
        raise OutputError(path, "is a folder that holds other files", "give a new folder")


def sky_pixels(ra: np.ndarray, dec: np.ndarray, path: Path, first: int = 0) -> np.ndarray:
    """Return the HEALPix index of positions, of which the first is that of the row ``first``.

    Raises
    ------
    OutputError
        A position is missing or not on the sky.
    """
    bad = ~(np.isfinite(ra) & (np.abs(dec) <= 90))
    if np.any(bad):
        row = first + int(np.argmax(bad))
        cause = f"the position of row {row} is missing or not on the sky"
        raise OutputError(path, cause, "leave the row out, or write .parquet")
    return healpix_29(ra, dec)


def _partitions(pixels: np.ndarray, limit: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield order, pixel, first row and end row of the partitions of sorted pixels."""

    def split(order: int, pixel: int, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        if start == end:
            return
        if end - start <= limit or order == _DEEPEST_PARTITION:
            yield order, pixel, start, end
            return
        yield from children(order + 1, 4 * pixel, 4, start, end)

    def children(
        order: int, first: int, count: int, start: int, end: int
    ) -> Iterator[tuple[int, int, int, int]]:
        bounds = np.arange(first, first + count + 1, dtype=np.int64) << 2 * (ORDER - order)
        rows = start + np.searchsorted(pixels[start:end], bounds)
        for number in range(count):
            yield from split(order, first + number, int(rows[number]), int(rows[number + 1]))

    yield from children(0, 0, 12, 0, len(pixels))


def _write_partition(
    sky: SkyRows, dataset: Path, order: int, pixel: int, start: int, end: int
) -> list[pyarrow.parquet.FileMetaData]:
    folder = pixel // _PIXELS_PER_FOLDER * _PIXELS_PER_FOLDER
    file = dataset / f"Norder={order}" / f"Dir={folder}" / f"Npix={pixel}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    footers: list[pyarrow.parquet.FileMetaData] = []
    with pyarrow.parquet.ParquetWriter(
        file, sky.full_schema, compression="zstd", metadata_collector=footers
    ) as writer:
        for first in range(start, end, ROWS_PER_GROUP):
            rows = sky.rows(first, min(first + ROWS_PER_GROUP, end))
            writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
    for footer in footers:
        footer.set_file_path(file.relative_to(dataset).as_posix())
    return footers


def _properties(
    name: str,
    position: tuple[str, str],
    rows: int,
    partitions: list[tuple[int, int, int, int]],
    limit: int,
) -> str:
    area = sum(1 / (12 << (2 * order)) for order, *_ in partitions)
    values = {
        "obs_collection": name.strip(),
        "dataproduct_type": "object",
        "hats_nrows": rows,
        "hats_col_ra": position[0],
        "hats_col_dec": position[1],
        "hats_col_healpix": COLUMN,
        "hats_col_healpix_order": ORDER,
        "hats_npix_suffix": ".parquet",
        "hats_max_rows": limit,
        "moc_sky_fraction": f"{area:.10g}",
        "hats_builder": f"xsurvey {__version__}",
        "hats_version": "v1.0",
        "obs_regime": "X-ray",
    }
    return "#HATS catalog\n" + "".join(f"{key}={value}\n" for key, value in values.items())
