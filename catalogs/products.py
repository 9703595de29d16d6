"""The files of a source, found from its row of the catalog."""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from astropy.table import Column, Row, Table

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.io.fits_file import check_readable
from xsurvey.units import parse_sky_position

PRODUCTS_NAME = "products.fits"
_NEAR = "10arcsec"


def read_products(folder: Path) -> Table:
    """Return all files of a run that a catalog's list of them names.

    Parameters
    ----------
    folder : path
        That of the catalog: ``OUTPUT/catalog``.

    Returns
    -------
    astropy.table.Table
        The columns of the schema ``obscore``, and ``path``, where the file lies here.

    Raises
    ------
    InputError
        There is no list, or it is damaged.
    """
    path = folder / PRODUCTS_NAME
    if not path.is_file():
        raise InputError(
            folder, f"has no list of products ({PRODUCTS_NAME})",
            "give the output folder of a run with products: {enabled: true}",
        )  # fmt: skip
    check_readable(path)
    try:
        table = Table.read(path, hdu=1)
        texts = {n: np.asarray(table[n]).astype(str) for n in table.colnames
                 if table[n].dtype.kind in "SU"}  # fmt: skip
        for name, values in texts.items():
            table[name] = Column(values, unit=None, description=table[name].description)
        urls = texts["access_url"]
        _ = texts["source_id"]
    except Exception as error:
        raise InputError(path, f"is no list of products ({error})", "run it again") from error
    paths = [str(_inside(folder, url, path)) for url in urls]
    table["path"] = np.array(paths, dtype=str) if paths else np.empty(0, "U1")
    return table


def _inside(folder: Path, url: str, path: Path) -> Path:
    """Return the file that a relative URL names, which must be below the output folder."""
    place = Path(unquote(url))
    output = folder.absolute().parent
    # lexically: what is a link in the output folder stays one
    found = Path(os.path.normpath(output / folder.name / place))
    if place.is_absolute() or not found.is_relative_to(output):
        raise InputError(path, f"names '{url}', outside of the run", "run it again")
    return found


def catalog_folder(opened: Path) -> Path:
    """Return the folder that holds an opened catalog's files: of ``catalog/hats`` ``catalog``."""
    return opened.absolute().parent


def chosen_id(source: str | Mapping[str, Any] | Row, query: Any) -> str:
    """Return the ``source_id`` of the source that is meant.

    Parameters
    ----------
    source : str, mapping or astropy.table.Row
        A row of the catalog, a name, a ``source_id``, or a position ``RA,DEC``: the nearest
        source within 10 arcsec.
    query : callable
        `Catalog.query`.

    Raises
    ------
    ParameterError
        No such source.
    """
    if not isinstance(source, str):
        names = source.colnames if isinstance(source, Row) else list(source)
        if "source_id" not in names:
            raise ParameterError("source", "the row has no source_id", "query that column too")
        return str(source["source_id"])
    text = source.strip()
    if "," in text:
        return _nearest_to(text, query)
    quoted = text.replace("'", "''")
    found = query(where=f"name = '{quoted}' OR source_id = '{quoted}'", columns=["source_id"])
    if len(found):
        return str(found["source_id"][0])
    known = query(columns=["name", "source_id"], limit=100_000)
    names = [*map(str, known["name"]), *map(str, known["source_id"])]
    alike = difflib.get_close_matches(text, names, n=3)
    # a catalog has too many names for a line
    hint = nearest(text, alike) if alike else "list them with xsurvey catalog query"
    raise ParameterError("source", f"the catalog has no '{text}'", hint)


def _nearest_to(text: str, query: Any) -> str:
    try:
        place = parse_sky_position(text)
    except ValueError as error:
        raise ParameterError("source", str(error), "give a name, a source_id or RA,DEC") from None
    cone = f"{place.ra},{place.dec},{_NEAR}"
    found = query(cone=cone, columns=["source_id"], limit=1)
    if not len(found):
        raise ParameterError(
            "source", f"the catalog has no source within {_NEAR} of {text}",
            "look with xsurvey catalog query --cone",
        )  # fmt: skip
    return str(found["source_id"][0])
