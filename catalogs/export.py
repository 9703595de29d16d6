"""Catalogs in another format, some rows at a time where the format allows."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from xsurvey.catalogs.columns import to_arrow, to_astropy
from xsurvey.catalogs.fits_rows import ROWS_AT_ONCE
from xsurvey.catalogs.query import damaged
from xsurvey.catalogs.read import Source
from xsurvey.catalogs.write import CSV_OPTIONS, csv_line
from xsurvey.io.atomic import atomic_output


def can_be_streamed(source: Source, path: Path) -> bool:
    """Tell whether a catalog need not be in memory to be written in a format.

    That is so of catalogs on disk that are HATS or Parquet, for ``.csv`` and ``.parquet``; columns
    of vectors are of one type only when all rows are known.
    """
    nested = any(pa.types.is_nested(field.type) for field in source.data.schema)
    on_disk = not isinstance(source.data, pa.Table)
    return on_disk and not nested and path.suffix.lower() in (".csv", ".parquet")


def stream_catalog(source: Source, path: Path) -> None:
    """Write all rows of a catalog for which `can_be_streamed` holds.

    Raises
    ------
    InputError
        A file of the catalog is damaged.
    OutputError
        The file cannot be written.
    """
    with atomic_output(path) as temporary:
        if path.suffix.lower() == ".csv":
            _write_csv(source, temporary)
        else:
            _write_parquet(source, temporary)


def _write_csv(source: Source, path: Path) -> None:
    with path.open("wb") as stream:
        for number, rows in enumerate(_parts(source)):
            if not number:
                stream.write((csv_line(rows.column_names) + "\n").encode())
            pyarrow.csv.write_csv(rows, stream, CSV_OPTIONS)


def _write_parquet(source: Source, path: Path) -> None:
    parts = _parts(source)
    first = next(parts)
    with pyarrow.parquet.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for rows in parts:
            writer.write_table(rows)


def _parts(source: Source) -> Iterator[pa.Table]:
    """Yield all rows as `write_table` would have them; a part without rows where there are none."""
    hidden = source.index[0] if source.index else None
    infos = [info for info in source.columns if info.name != hidden]
    names = [info.name for info in infos]
    schema = pa.schema([source.data.schema.field(name) for name in names])
    assert not isinstance(source.data, pa.Table)
    nothing = True
    batches = source.data.to_batches(columns=names, batch_size=ROWS_AT_ONCE)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise damaged(source, error) from error
        if batch is None:
            break
        if batch.num_rows:
            nothing = False
            yield to_arrow(to_astropy(pa.table(batch), infos, source.header))
    if nothing:
        yield to_arrow(to_astropy(schema.empty_table(), infos, source.header))
