"""The files of a catalog: three tables, as FITS and HATS, and a DS9 region file."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import write_fits, write_hats
from xsurvey.errors import printable
from xsurvey.pipelines.source_tables import SourceTables, source_tables

CATALOG_NAME = "sources"
TABLES = ("sources", "detections", "observations")
CATALOG_FILES = (
    *(f"{name}.fits" for name in TABLES), "hats", "hats_detections", "hats_observations",
    "sources.reg",
)  # fmt: skip
"""What `write_catalog` writes."""


def write_catalog(
    folder: Path, measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = (),
    systematic: float = 0.5,
) -> SourceTables:  # fmt: skip
    """Write the tables of a catalog; arguments are those of `source_tables`."""
    tables = source_tables(measured, acronym, parts, systematic)
    header = {
        "CREATOR": f"xsurvey {__version__}", **false_keywords(measured), **flux_keywords(measured)
    }  # fmt: skip
    for name in TABLES:
        table = getattr(tables, name)
        write_fits(table, folder / f"{name}.fits", header)
        hats = folder / ("hats" if name == CATALOG_NAME else f"hats_{name}")
        write_hats(table, hats, name, header)
    (folder / "sources.reg").write_text(region_text(tables.sources))
    return tables


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
