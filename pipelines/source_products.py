"""The catalog of the sources pipeline, and its files."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, write_fits, write_hats
from xsurvey.errors import InputError, plain_ascii, printable

CATALOG_NAME = "sources"


def source_table(
    measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = ()
) -> Table:
    """Join the rows of several observations into one table.

    Parameters
    ----------
    measured : sequence of mapping
        Each with ``rows``, ``bands`` and ``hardness``, as `measure_sources` returns them, and
        the name of its ``target``, in ASCII, of which no two are alike: source identifiers begin
        with it.
    acronym : str
        Prefix of the IAU designations.
    parts : collection of str
        Of the schema, beside what all catalogs have.
    """
    rows = [
        {**_plain(row), "source_id": source_id(one["target"], number)}
        for one in measured
        for number, row in enumerate(one["rows"], start=1)
    ]
    names = assign_names([r["ra"] for r in rows], [r["dec"] for r in rows], acronym)
    for row, name in zip(rows, names, strict=True):
        row["name"] = name
    bands: dict[str, str] = {}
    hardness: dict[str, str] = {}
    for one in measured:
        _check_meanings(bands, one["bands"], one["target"])
        bands |= one["bands"]
        hardness |= one["hardness"]
    return build_table(rows, "sources", bands, hardness, parts)


def _check_meanings(known: Mapping[str, str], new: Mapping[str, str], target: str) -> None:
    """Raise where a column would hold one thing for some targets and another for the others.

    Raises
    ------
    InputError
        Two missions give a letter to different bands.
    """
    for label, meaning in new.items():
        if known.get(label, meaning) != meaning:
            raise InputError(
                target, f"its band {label} is {meaning}, that of another target {known[label]}: "
                "one catalog cannot hold both", "name the bands in photometry: measure_band",
            )  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose texts, which may be those of strangers' headers, fit into FITS."""
    return {k: plain_ascii(v) if isinstance(v, str) else v for k, v in row.items()}


def source_id(target: str, number: int) -> str:
    """Return the identifier of a source: its target and its rank there."""
    return f"{target}_{number:04d}"


def write_catalog(
    folder: Path, measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = ()
) -> int:
    """Write the catalog as FITS, HATS and a DS9 region file; return the number of sources."""
    table = source_table(measured, acronym, parts)
    header = {"CREATOR": f"xsurvey {__version__}"}
    write_fits(table, folder / "sources.fits", header)
    write_hats(table, folder / "hats", CATALOG_NAME, header)
    (folder / "sources.reg").write_text(region_text(table))
    return len(table)


def region_text(table: Table) -> str:
    """Return a DS9 region file with the aperture of every source."""
    lines = ["# Region file format: DS9", "icrs"]
    for row in table:
        colour = "green" if row["classification"] == "TRUE" else "yellow"
        name = printable(row["name"]).replace("{", "(").replace("}", ")")
        lines.append(
            f'circle({row["ra"]:.6f},{row["dec"]:.6f},{row["psf_radius"]:.3f}") '
            f"# color={colour} text={{{name}}}"
        )
    return "\n".join(lines) + "\n"
