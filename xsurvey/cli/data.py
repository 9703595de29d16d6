"""``xsurvey data``."""

from pathlib import Path

import click

from xsurvey.cli.options import json_option, write_json


@click.group()
def data_command() -> None:
    """List and install auxiliary data.

    They are kept in the user's data directory ($XSURVEY_DATA, or xsurvey below
    $XDG_DATA_HOME), once for all environments.
    """


@data_command.command("list")
@json_option
def list_command(json_path: Path | None) -> None:
    """List the known data sets and whether they are installed."""
    from xsurvey.io.datasets import DATASETS, is_installed

    entries = []
    for dataset in DATASETS.values():
        installed = is_installed(dataset)
        state = (
            f"installed: {dataset.path}"
            if installed
            else f"not installed ({_megabytes(dataset.size)} MB)"
        )
        click.echo(f"{dataset.name}\n    {dataset.description}\n    {state}\n    {dataset.terms}")
        entries.append({"name": dataset.name, "installed": installed, "path": str(dataset.path)})
    write_json(json_path, {"datasets": entries})


@data_command.command("install")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def install_command(names: tuple[str, ...]) -> None:
    """Install data sets and print where they are.

    Checksums are verified, and a good copy is not fetched again.

    \b
    Examples:
      xsurvey data install msh15-52
      xsurvey data install atomdb 3c273
    """
    from xsurvey.io.datasets import get_dataset, install, is_installed

    for dataset in [get_dataset(name) for name in names]:
        known = is_installed(dataset)
        path = install(dataset)
        click.echo(f"{path}: {'already installed' if known else 'installed'}, checksum verified")


def _megabytes(size: int) -> str:
    value = size / 1e6
    return f"{value:.0f}" if value >= 1 else f"{value:.1g}"
