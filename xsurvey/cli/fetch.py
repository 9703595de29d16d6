"""``xsurvey fetch``."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xsurvey.archives import ARCHIVES
from xsurvey.archives.parameters import FetchParameters
from xsurvey.cli.options import json_option, step_options, write_json

if TYPE_CHECKING:
    from xsurvey.archives import Archive
    from xsurvey.archives.base import FoundObservation
    from xsurvey.archives.fetch import FetchedObservation
    from xsurvey.errors import ArchiveError


def _archives_help() -> str:
    lines = ["\b", "Archives and their products (* if none are asked for):"]
    for archive in ARCHIVES.values():
        names = [p.name + ("*" if p.default else "") for p in archive.products]
        lines.append(f"  {archive.name + ':' + archive.example:<21}{', '.join(names)}")
    return "\n".join(lines)


@click.command(epilog=_archives_help())
@click.argument("what", nargs=-1, required=True, metavar="WHAT...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", default=Path("."),
    show_default="here", help="Folder that gets MISSION/ID with the files.",
)  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="Only list what would be fetched.")
@step_options(FetchParameters)
@json_option
def fetch_command(
    what: tuple[str, ...],
    output: Path,
    only_list: bool,
    parameters: FetchParameters,
    json_path: Path | None,
) -> None:
    """Fetch public observations from the missions' archives.

    WHAT is MISSION:ID, several of them, or `cone RA,DEC,RADIUS`. Files are verified, an
    interrupted fetch goes on where it stopped, and what is there already is not fetched again.

    \b
    Examples:
      xsurvey fetch MISSION:ID -o data
      xsurvey fetch cone 228.48,-59.14,2arcmin --list
    """
    from xsurvey.archives.request import CONE, named_observations
    from xsurvey.io.atomic import check_outputs

    check_outputs([json_path])
    logger = logging.getLogger("xsurvey")
    if logger.level == logging.WARNING:  # progress lines are wanted unless --quiet is given
        logger.setLevel(logging.INFO)
    failed: list[ArchiveError] = []
    if what[0] == CONE:
        result = _fetch_cone(what[1:], output, only_list, parameters, failed)
    else:
        asked = named_observations(what, parameters)
        if only_list:
            result = _list_files(asked, parameters)
        else:
            result = _fetch_all(asked, output, parameters, failed)
    result["failed"] = [{"subject": e.subject, "cause": e.cause} for e in failed]
    write_json(json_path, result)
    _raise(failed)


def _fetch_cone(
    texts: Sequence[str], output: Path, only_list: bool, parameters: FetchParameters,
    failed: "list[ArchiveError]",
) -> dict[str, Any]:  # fmt: skip
    from xsurvey.archives.fetch import make_web
    from xsurvey.archives.request import check_number, read_cone, search_cone

    cone = read_cone(texts)
    found, silent = search_cone(make_web(parameters), cone, parameters)
    failed += silent
    for observation in found:
        click.echo(_found_line(observation))
    click.echo(f"{len(found)} observations near {cone}")
    listed = {"cone": str(cone), "found": [_found_as_json(f) for f in found]}
    if only_list or not found:
        return listed
    check_number(found, parameters)
    asked = [(ARCHIVES[f.archive], f.identifier) for f in found]
    return listed | _fetch_all(asked, output, parameters, failed)


def _fetch_all(
    asked: "Sequence[tuple[Archive, str]]", output: Path, parameters: FetchParameters,
    failed: "list[ArchiveError]",
) -> dict[str, Any]:  # fmt: skip
    """Fetch one after the other; one that fails does not stop the others."""
    from xsurvey.archives.fetch import fetch_observation, make_web
    from xsurvey.archives.progress import shown_progress
    from xsurvey.errors import ArchiveError

    results: list[FetchedObservation] = []
    for archive, identifier in asked:
        web = make_web(parameters)  # each its own: a failure stops what is under way on one
        try:
            with shown_progress() as progress:
                done = fetch_observation(web, archive, identifier, output, parameters, progress)
        except ArchiveError as error:
            failed.append(error)
            continue
        results.append(done)
        _tell(done)
    return {"observations": [r.as_json() for r in results]}


def _raise(failed: "Sequence[ArchiveError]") -> None:
    """End with the failure, or with the first of several after the others were told."""
    for error in failed[1:]:
        click.echo(f"xsurvey: note: {error}", err=True)
    if failed:
        raise failed[0]


def _tell(done: "FetchedObservation") -> None:
    from xsurvey.archives.progress import size_text

    for note in done.notes:
        click.echo(f"xsurvey: note: {note}", err=True)
    for name in sorted(done.files):
        click.echo(done.folder / name)
    size = size_text(sum(record.size for record in done.files.values()))
    if done.fetched:
        state = f"{len(done.fetched)} of {len(done.files)} files fetched"
    else:
        state = f"nothing to do, {len(done.files)} files verified"
    click.echo(f"{done.what}: {state}, {size} in {done.folder}")


def _list_files(
    asked: "Sequence[tuple[Archive, str]]", parameters: FetchParameters
) -> dict[str, Any]:
    from xsurvey.archives.fetch import list_observation, make_web

    web = make_web(parameters)
    listed = []
    for archive, identifier in asked:
        what = f"{archive.name}:{identifier}"
        files, notes = list_observation(web, archive, identifier, parameters)
        for note in notes:
            click.echo(f"xsurvey: note: {note}", err=True)
        for file in files:
            click.echo(f"{file.product:<12}{file.url}")
            listed.append({"observation": what, "product": file.product, "url": file.url})
    return {"files": listed}


def _found_line(found: "FoundObservation") -> str:
    from xsurvey.errors import printable

    parts = [f"{found.what:<20}"]
    if found.distance == found.distance:
        parts.append(f"{found.distance:8.2f} arcmin")
    if found.exposure == found.exposure:
        parts.append(f"{found.exposure / 1000:8.1f} ks")
    return "  ".join([*parts, printable(found.name)])


def _found_as_json(found: "FoundObservation") -> dict[str, Any]:
    return {
        "observation": found.what, "name": found.name, "ra": found.ra, "dec": found.dec,
        "distance_arcmin": found.distance, "exposure_s": found.exposure,
    }  # fmt: skip
