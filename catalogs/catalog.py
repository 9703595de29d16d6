"""Catalogs as their users meet them: open, ask, match, export."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Row, Table

from xsurvey.catalogs.columns import ColumnInfo
from xsurvey.catalogs.export import can_be_streamed, stream_catalog
from xsurvey.catalogs.matching import match_sources, positions
from xsurvey.catalogs.position import is_number
from xsurvey.catalogs.products import catalog_folder, chosen_id, read_products
from xsurvey.catalogs.query import Query, find_column, run_query
from xsurvey.catalogs.read import Source, open_source
from xsurvey.catalogs.write import check_format, write_table
from xsurvey.errors import ParameterError
from xsurvey.units import Cone


def open_catalog(
    path: str | os.PathLike[str], position: tuple[str, str] | str | None = None,
    table: str | None = None,
) -> "Catalog":  # fmt: skip
    """Open a catalog, whatever wrote it.

    Parameters
    ----------
    path : path
        The output folder of a run, its ``catalog`` folder, a HATS folder, a Parquet file, a
        FITS file (its first table), a CSV or an ECSV file.
    position : (str, str), optional
        Columns of right ascension and declination (ICRS degrees), or both as ``"RA,DEC"``;
        found by their UCDs and usual names if not given.
    table : {'sources', 'detections', 'observations', 'polarization'}, optional
        Of a run's folder; the sources if not given.

    Raises
    ------
    InputError
        Missing, damaged, or no catalog.
    ParameterError
        ``position`` does not name two columns of numbers, or ``table`` no table of a run.

    Examples
    --------
    >>> catalog = open_catalog("output")  # doctest: +SKIP
    >>> catalog.query(cone="228.48,-59.13,1arcmin", where="significance > 5")  # doctest: +SKIP
    """
    source = open_source(path, table)
    if position is not None:
        named = _named_position(position, source)
        if named != source.position:  # the index is of the other position
            source = replace(source, position=named, index=None)
    return Catalog(source)


class Catalog:
    """An opened catalog; made by `open_catalog`.

    Nothing of a HATS or Parquet catalog is read before it is asked for, so it may be larger
    than memory; other formats are in memory.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def __repr__(self) -> str:
        return f"<Catalog {self.path}: {len(self)} rows, {len(self.columns)} columns>"

    def __len__(self) -> int:
        return self._source.rows

    @property
    def path(self) -> Path:
        """The file or folder that was opened."""
        return self._source.path

    @property
    def position(self) -> tuple[str, str] | None:
        """Columns of right ascension and declination, None where none are known."""
        return self._source.position

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Name, unit, UCD and description of every column, without the HEALPix index."""
        hidden = self._source.index[0] if self._source.index else None
        return tuple(info for info in self._source.columns if info.name != hidden)

    def query(
        self,
        cone: Cone | str | None = None,
        where: str | None = None,
        columns: Sequence[str] | str | None = None,
        limit: int | None = None,
        order_by: str | None = None,
    ) -> Table:
        """Return the rows that lie in a cone and fulfil a condition.

        Parameters
        ----------
        cone : Cone or str, optional
            ``"RA,DEC,RADIUS"`` such as ``"228.48,-59.13,30arcsec"``. The result gets a
            column ``separation`` in arcsec, and comes nearest first; a column of the catalog
            with that name is called ``separation_1`` there.
        where : str, optional
            An SQL condition on the columns: ``"significance > 5 AND flag & 4 = 0"``, ``"name
            LIKE 'XSV J15%'"``, ``"hardness_hs IS NOT NULL"``. Missing numbers (NaN) fulfil no
            comparison. Names with other signs than letters, digits and ``_`` are put in double
            quotes, texts in single ones.
        columns : sequence of str or str, optional
            The columns to return, also as one text with commas, or patterns such as ``"rate_*"``;
            all if not given.
        limit : int, optional
            Return no more rows than this.
        order_by : str, optional
            Column to sort by, ``"rate_b desc"`` for the greatest first; missing values last.

        Returns
        -------
        astropy.table.Table
            With unit, description and UCD (``column.info.meta['ucd']``) of every column.

        Raises
        ------
        ParameterError
            An unknown column, an expression that is more than a condition, a bad cone.
        InputError
            A cone but no positions, or a damaged file.
        """
        return run_query(self._source, Query(cone, where, columns, limit, order_by))

    def info(self) -> dict[str, Any]:
        """Return what the catalog is: path, format, rows, columns, region of the sky, header.

        Returns
        -------
        dict
            ``sky`` is None without positions, or else the mean position ``ra``, ``dec`` and the
            ``radius`` around it that holds all rows, in degrees. ``header`` has the
            provenance that the file carries.
        """
        return {
            "path": str(self.path),
            "format": self._source.format,
            "rows": len(self),
            "position": list(self._source.position or ()),
            "sky": self._sky(),
            "columns": [
                {**info._asdict(), "dtype": str(self._source.data.schema.field(info.name).type)}
                for info in self.columns
            ],
            "header": self._source.header,
        }

    def products(self, source: str | Mapping[str, Any] | Row | None = None) -> Table:
        """Return the files of a source: events, images, PSF, spectra, ...

        Parameters
        ----------
        source : str, mapping or astropy.table.Row, optional
            A row of this catalog, a name, a ``source_id``, or a position ``"RA,DEC"`` (the nearest
            source within 10 arcsec); the files of all sources, and the maps, if not given.

        Returns
        -------
        astropy.table.Table
            The columns of ObsCore, and ``path``; empty for a source that has no files.

        Raises
        ------
        InputError
            The catalog has no list of products beside it: it is not of a run, or of one without.
        ParameterError
            No such source.

        Examples
        --------
        >>> catalog = open_catalog("output")  # doctest: +SKIP
        >>> catalog.products("XSV J151355.6-590809")["path"]  # doctest: +SKIP
        """
        table = read_products(catalog_folder(self.path))
        if source is None:
            return table
        return table[table["source_id"] == chosen_id(source, self.query)]

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the catalog as FITS, CSV, ECSV, Parquet or HATS, as the suffix of ``path`` says.

        Of a HATS or Parquet catalog CSV and Parquet are written some rows at a time; for other
        formats all rows are in memory.

        Raises
        ------
        OutputError
            An unknown suffix, or a file that cannot be written.
        """
        check_format(path)
        if can_be_streamed(self._source, Path(path)):
            stream_catalog(self._source, Path(path))
            return
        write_table(self.query(), path, self._source.position)

    def _sky(self) -> dict[str, float] | None:
        if self._source.position is None:
            return None
        ra, dec = (np.radians(values) for values in positions(self._source))
        vectors = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
        vectors = vectors[:, np.isfinite(vectors).all(axis=0)]
        mean = vectors.sum(axis=1)
        if not np.linalg.norm(mean) > 0:
            return None
        mean /= np.linalg.norm(mean)
        chord = np.linalg.norm(vectors - mean[:, None], axis=0).max()
        return {
            "ra": float(np.degrees(np.arctan2(mean[1], mean[0])) % 360),
            "dec": float(np.degrees(np.arcsin(mean[2]))),
            "radius": float(np.degrees(2 * np.arcsin(min(chord / 2, 1)))),
        }


def crossmatch(left: Catalog, right: Catalog, radius: str | float, *, all: bool = False) -> Table:
    """Return pairs of sources of two catalogs that are neighbours on the sky.

    Parameters
    ----------
    left, right : Catalog
        Each source of ``left`` gets its nearest neighbour in ``right``; a source of ``right``
        may be the neighbour of several. Sources without a neighbour are left out.
    radius : str or float
        Largest separation, ``"3arcsec"``, or a number of arcsec; up to 10 degrees.
    all : bool
        Every neighbour within the radius instead, nearest first.

    Returns
    -------
    astropy.table.Table
        The columns of ``left``, then those of ``right``, with ``_2`` added to names that
        ``left`` has too, then ``separation`` in arcsec; in the order of ``left``.

    Raises
    ------
    ParameterError
        A radius that is no angle.
    InputError
        A catalog without positions, or damaged.
    """
    return match_sources(left._source, right._source, radius, every=all)


def _named_position(position: tuple[str, str] | str, source: Source) -> tuple[str, str]:
    names = position.split(",") if isinstance(position, str) else list(position)
    known = [info.name for info in source.columns]
    if len(names) != 2:
        raise ParameterError("position", f"'{position}' is not two columns", "write RA,DEC")
    ra, dec = (find_column(name.strip(), known, "position") for name in names)
    for name in (ra, dec):
        kind = source.data.schema.field(name).type
        if not is_number(kind):
            raise ParameterError("position", f"column '{name}' is not of numbers", "use degrees")
    return ra, dec
