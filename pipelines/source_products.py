"""The files of a catalog: three tables, as FITS and HATS, and a DS9 region file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs.fits_rows import FitsRows, writing_fits
from xsurvey.catalogs.hats_of_file import hats_of_file
from xsurvey.errors import printable
from xsurvey.pipelines.source_join import joined_tables
from xsurvey.pipelines.source_pieces import SourcePiece

CATALOG_NAME = "sources"
TABLES = ("sources", "detections", "observations")
CATALOG_FILES = (
    *(f"{name}.fits" for name in TABLES), "hats", "hats_detections", "hats_observations",
    "sources.reg",
)  # fmt: skip
"""What `write_catalog` writes."""

_HEAD = ("# Region file format: DS9", "icrs")


def write_catalog(
    folder: Path, pieces: Sequence[SourcePiece], acronym: str,
    groups: Mapping[str, str] | None = None, systematic: float = 0.5,
) -> dict[str, int]:  # fmt: skip
    """Write the tables of a catalog, some rows at a time.

    Parameters
    ----------
    folder : path
    pieces : sequence of SourcePiece
        Of all stacks.
    acronym : str
        Prefix of the IAU designations.
    groups : mapping of str to str, optional
        The name that tiles of the same observations have in common, by stack.
    systematic : float
        Error of each stack's coordinates on each axis, arcsec, for matches between stacks.

    Returns
    -------
    dict of str to int
        Rows of each table.

    Raises
    ------
    InputError
        Two missions give a letter to different bands.
    OutputError
        A file cannot be written.
    """
    tables = joined_tables(pieces, groups or {}, acronym, systematic)
    facts = [vars(piece.facts) for piece in pieces]
    header = {
        "CREATOR": f"xsurvey {__version__}", **false_keywords(facts), **flux_keywords(facts)
    }  # fmt: skip
    lengths = {}
    for name in TABLES:
        table = tables.pop(name)
        path = folder / f"{name}.fits"
        with writing_fits(path, table.empty, table.widths, table.length, header) as writer:
            for rows in table.chunks():
                writer.append(rows)
        hats = folder / ("hats" if name == CATALOG_NAME else f"hats_{name}")
        hats_of_file(path, table.empty, hats, name, header)
        lengths[name] = table.length
        if name == CATALOG_NAME:
            _write_regions(folder / "sources.reg", FitsRows(path, table.empty))
    return lengths


def _write_regions(path: Path, sources: FitsRows) -> None:
    with path.open("w") as stream:
        stream.writelines(f"{line}\n" for line in _HEAD)
        for rows in sources.chunks():
            stream.writelines(f"{line}\n" for line in _circles(sources.table(rows)))


def false_keywords(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return header keywords with the number of false sources to expect, where it is known.

    Parameters
    ----------
    measured : sequence of mapping
        With ``expected_false`` of each stack: above the threshold of TRUE sources, and above that
        of MARGINAL ones.
    """
    known = [one["expected_false"] for one in measured if one.get("expected_false") is not None]
    if len(known) < len(measured) or not known:
        return {}
    true, both = (float(v) for v in np.sum(known, axis=0))
    if not np.isfinite([true, both]).all():
        return {}
    return {
        "NFALSE": (float(f"{true:.3g}"), "TRUE sources expected of background alone"),
        "NFALSEM": (float(f"{both:.3g}"), "the same, TRUE and MARGINAL ones"),
    }


def flux_keywords(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a header keyword with the spectrum that fluxes are for, where all have one.

    Parameters
    ----------
    measured : sequence of mapping
        With ``flux_spectrum`` of each stack, in words.
    """
    known = {one.get("flux_spectrum") for one in measured}
    return {"FLUXSPEC": known.pop()} if len(known) == 1 and None not in known else {}


def _circles(table: Table) -> Iterator[str]:
    """Yield the lines of a DS9 region file with the aperture of every source."""
    columns: Iterable[tuple[Any, ...]] = zip(
        *(table[c].tolist() for c in ("classification", "name", "ra", "dec", "psf_radius")),
        strict=True,
    )
    for kind, name, ra, dec, radius in columns:
        colour = "green" if kind == "TRUE" else "yellow"
        text = printable(name).replace("{", "(").replace("}", ")")
        yield f'circle({ra:.6f},{dec:.6f},{radius:.3f}") # color={colour} text={{{text}}}'
