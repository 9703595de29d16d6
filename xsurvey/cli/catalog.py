"""``xsurvey catalog``: query, match, export and describe catalogs; files of their sources."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.options import errors_name_options, json_option, show_result, write_json

_ROWS_PRINTED = 1000
_PATH = click.Path(path_type=Path)
_OUTPUT_HELP = (
    "The file to write: .fits, .csv, .ecsv, .parquet, or .hats for a folder that LSDB reads."
)


@click.group(
    "catalog",
    epilog="\b\n"
    "Example: what is in it, and what lies within an arcminute of a pulsar?\n"
    "  xsurvey catalog info output\n"
    "  xsurvey catalog query output --cone 228.4818,-59.1358,1arcmin",
)
def catalog_command() -> None:
    """Query, match, export and describe catalogs.

    A catalog is the output folder of a run, a HATS folder, a Parquet file, a FITS table, or a
    CSV or ECSV file, of xsurvey's or of anybody else's making.
    """


@catalog_command.command(
    "query",
    epilog="\b\n"
    "Example: the ten brightest clean sources, and all hard ones as a FITS table\n"
    '  xsurvey catalog query output --where "flag = 0" --order-by "rate_b desc" --limit 10\n'
    '  xsurvey catalog query output --where "hardness_hs > 0.5" -o hard.fits\n'
    "\n\b\nExample: what each observation has of a source\n"
    "  xsurvey catalog query output --table observations --cone 228.4818,-59.1358,2arcsec",
)
@click.argument("path", type=_PATH)
@click.option(
    "--cone",
    metavar="RA,DEC,RADIUS",
    help="Only sources in this circle, such as 228.48,-59.13,30arcsec or "
    "15:13:55.6,-59:08:09,1arcmin (ICRS). Adds the column separation (arcsec), nearest first.",
)
@click.option(
    "--where",
    metavar="EXPR",
    help="Only sources that fulfil this SQL condition on the columns. Missing numbers fulfil no "
    "comparison; ask for them with IS NULL. Texts stand in single quotes.",
)
@click.option(
    "--columns", metavar="A,B,...",
    help="Only these columns, in this order; also patterns such as 'rate_*'. Without it the most "
    "important ones are printed ('*' for all), and files, of -o and --json, have all.",
)  # fmt: skip
@click.option(
    "--order-by",
    metavar="COLUMN",
    help="Sort by this column; 'COLUMN desc' puts the greatest first.",
)
@click.option("--limit", type=int, metavar="N", help="No more than the first N rows.")
@click.option(
    "--position",
    metavar="RA,DEC",
    help="Columns of the position in degrees, where they have unusual names.",
)
@click.option(
    "--table",
    metavar="NAME",
    help="Of a run: sources (as without this option), detections, observations, which has a row "
    "for each source and observation, or polarization, of the pipeline of that name.",
)
@click.option("-o", "--output", type=_PATH, metavar="FILE", help=_OUTPUT_HELP)
@json_option
def query(
    *,
    path: Path,
    cone: str | None,
    where: str | None,
    columns: str | None,
    order_by: str | None,
    limit: int | None,
    position: str | None,
    table: str | None,
    output: Path | None,
    json_path: Path | None,
) -> None:
    """Select sources by their place and properties.

    The table goes to standard output, units below the names, or into a file with -o.
    """
    from xsurvey.catalogs.catalog import open_catalog
    from xsurvey.catalogs.write import check_format, write_table

    if output is not None:
        check_format(output)
    with errors_name_options():
        catalog = open_catalog(path, position, table)
        rows = catalog.query(cone, where, columns, limit, order_by)
    if output is not None:
        write_table(rows, output, catalog.position)
        click.echo(f"{len(rows)} rows written to {output}", err=True)
    write_json(json_path, _table_json(rows))  # first: nobody may read what is printed to its end
    if output is None:
        _print_table(rows, None if limit is not None else _ROWS_PRINTED, brief=columns is None)


@catalog_command.command(
    "crossmatch",
    epilog="\b\n"
    "Example: optical counterparts within three arcseconds\n"
    "  xsurvey catalog crossmatch output gaia.fits --radius 3arcsec -o matched.fits",
)
@click.argument("left", type=_PATH)
@click.argument("right", type=_PATH)
@click.option(
    "--radius", required=True, metavar="ANGLE", help="Largest separation, such as 3arcsec."
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every neighbour within the radius instead of the nearest alone.",
)
@click.option("-o", "--output", type=_PATH, required=True, metavar="FILE", help=_OUTPUT_HELP)
@json_option
def crossmatch(
    *, left: Path, right: Path, radius: str, every: bool, output: Path, json_path: Path | None
) -> None:
    """Join the sources of LEFT with their neighbours in RIGHT.

    The result has the columns of LEFT, those of RIGHT (with _2 added to names that LEFT has
    too), and separation in arcsec. Sources without a neighbour are left out.
    """
    from xsurvey.catalogs.catalog import crossmatch as match
    from xsurvey.catalogs.catalog import open_catalog
    from xsurvey.catalogs.write import check_format, write_table

    check_format(output)
    with errors_name_options():
        catalogs = open_catalog(left), open_catalog(right)
        table = match(*catalogs, radius, all=every)
    write_table(table, output, catalogs[0].position)
    click.echo(f"{len(table)} pairs written to {output}", err=True)
    separations = table["separation"]
    write_json(
        json_path,
        {
            "left_rows": len(catalogs[0]),
            "right_rows": len(catalogs[1]),
            "pairs": len(table),
            "median_separation_arcsec": sorted(separations)[len(table) // 2]
            if len(table)
            else None,
            "output": output,
        },
    )


@catalog_command.command(
    "export",
    epilog="\b\n"
    "Example: a run's catalog for TOPCAT, and a table of somebody else's for LSDB\n"
    "  xsurvey catalog export output -o sources.fits\n"
    "  xsurvey catalog export efeds.fits -o efeds.hats",
)
@click.argument("path", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, metavar="FILE", help=_OUTPUT_HELP)
@json_option
def export(path: Path, output: Path, json_path: Path | None) -> None:
    """Write a whole catalog in another format.

    Units, descriptions and UCDs go along, except into CSV, which has no place for them.
    """
    from xsurvey.catalogs.catalog import open_catalog

    catalog = open_catalog(path)
    catalog.export(output)
    click.echo(f"{len(catalog)} rows written to {output}", err=True)
    names = [info.name for info in catalog.columns]
    write_json(json_path, {"rows": len(catalog), "columns": names, "output": output})


@catalog_command.command("info", epilog="\b\nExample:\n  xsurvey catalog info output")
@click.argument("path", type=_PATH)
@click.option(
    "--table",
    metavar="NAME",
    help="Of a run: sources (as without this option), detections, observations, which has a row "
    "for each source and observation, or polarization, of the pipeline of that name.",
)
@json_option
def info(path: Path, table: str | None, json_path: Path | None) -> None:
    """Describe a catalog and its columns."""
    from astropy.table import Table

    from xsurvey.catalogs.catalog import open_catalog
    from xsurvey.catalogs.text import table_text

    with errors_name_options():
        found = open_catalog(path, table=table).info()
    lines = [f"{found['path']}: {found['format']}, {found['rows']} rows"]
    if found["sky"]:
        sky = "around RA {ra:.5f}, Dec {dec:+.5f} deg (ICRS), within {radius:.3g} deg"
        lines.append(sky.format(**found["sky"]))
    elif not found["position"]:
        lines.append("no columns of positions known as such; --position of `query` can name them")
    lines += [f"{key:8} {_one_line(value)}" for key, value in found["header"].items()]
    keys = ("name", "dtype", "unit", "ucd", "description")
    columns = {key: [column[key] for column in found["columns"]] for key in keys}
    text, _ = table_text(Table(columns), wrapped=_width())
    show_result([*lines, "\n" + text], json_path, found)


@catalog_command.command(
    "products",
    epilog="\b\n"
    "Example: the files of a source, by its place or by its name\n"
    "  xsurvey catalog products output 228.4818,-59.1358\n"
    "  xsurvey catalog products output 'XSV J151355.6-590809' --kind image",
)
@click.argument("path", type=_PATH)
@click.argument("source")
@click.option("--kind", metavar="KIND", help="Only files of this kind, such as 'event list', psf.")
@json_option
def products(path: Path, source: str, kind: str | None, json_path: Path | None) -> None:
    """List the files of SOURCE: events, images, PSF, spectra, light curves, fluxes.

    PATH is the output folder of a run, SOURCE a name, a source_id, or a position RA,DEC, of which
    the nearest source within 10 arcsec is taken.
    """
    from xsurvey.catalogs.catalog import open_catalog
    from xsurvey.catalogs.text import table_text
    from xsurvey.errors import ParameterError, nearest

    with errors_name_options():
        found = open_catalog(path).products(source)
    kinds = sorted(set(found["dataproduct_subtype"].tolist()))
    if kind is not None and len(found):
        if kind not in kinds:
            hint = nearest(kind, kinds)
            raise ParameterError("--kind", f"the source has no files of kind '{kind}'", hint)
        found = found[found["dataproduct_subtype"] == kind]
    write_json(json_path, _table_json(found))
    shown = found["dataproduct_subtype", "obs_id", "band", "access_estsize", "path"]
    shown.rename_columns(["dataproduct_subtype", "access_estsize"], ["kind", "size"])
    if len(shown):
        click.echo(table_text(shown)[0])
    else:
        click.echo(
            "the source has no files: it is below the limits of the section products", err=True
        )


def _print_table(table: Any, rows: int | None, brief: bool) -> None:
    """Print a table; on a terminal only the columns that fit, and say what is left out."""
    import sys

    from xsurvey.catalogs.brief import brief_columns
    from xsurvey.catalogs.text import table_text

    number = len(table.colnames)
    if brief:
        table = table[brief_columns(table)]
    number -= len(table.colnames)
    width = _width() if sys.stdout.isatty() else None
    text, left_out = table_text(table[:rows], width)
    click.echo(text)
    if rows is not None and len(table) > rows:
        click.echo(f"{rows} of {len(table)} rows printed: give --limit, or -o FILE", err=True)
    if number:
        click.echo(f"+{number} columns (--columns '*' for all)", err=True)
    if left_out:
        click.echo(
            f"{len(left_out)} more columns do not fit ({', '.join(left_out[:5])}, ...): choose "
            "with --columns, or write a file with -o",
            err=True,
        )


def _width() -> int:
    """Return the width of the terminal, a usual one where there is none."""
    import shutil

    return shutil.get_terminal_size((120, 24)).columns


def _table_json(table: Any) -> dict[str, Any]:
    from xsurvey.catalogs.columns import column_infos

    return {
        "rows": len(table),
        "columns": [column._asdict() for column in column_infos(table)],
        "data": {name: table[name].tolist() for name in table.colnames},
    }


def _one_line(value: Any) -> str:
    from xsurvey.errors import printable

    return printable(value)
