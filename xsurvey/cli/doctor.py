"""``xsurvey doctor``."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

import click

from xsurvey.cli.options import json_option, write_json

_REQUIRED = (
    "astropy", "numpy", "scipy", "regions", "photutils", "dask", "distributed", "duckdb",
    "pyarrow", "pydantic", "matplotlib",
)  # fmt: skip
_OPTIONAL = {
    "xspectrampoline": ("XSPEC's model library", "pip install xspectrampoline"),
    "ixpeobssim": ("polarimetry responses, the demo's events", "pip install ixpeobssim"),
    "hats": ("reading our catalogs with the HATS library", "pip install hats"),
    "bokeh": ("Dask's dashboard", "pip install bokeh"),
}


@click.command()
@json_option
def doctor_command(json_path: Path | None) -> None:
    """Say what is installed, which data are missing, and how to get them."""
    from xsurvey import __version__
    from xsurvey.io.datasets import DATASETS, data_directory, is_installed
    from xsurvey.missions import missions

    click.echo(f"xsurvey {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs")
    found = {name: _version(name) for name in (*_REQUIRED, *_OPTIONAL)}
    click.echo("\nlibraries")
    for name in _REQUIRED:
        click.echo(f"  {name:<16}{found[name] or 'MISSING: reinstall xsurvey'}")
    click.echo("\noptional libraries")
    for name, (purpose, remedy) in _OPTIONAL.items():
        click.echo(f"  {name:<16}{found[name] or f'not installed ({purpose}): {remedy}'}")
    click.echo(f"\nmissions\n  {', '.join(missions())}")
    click.echo(f"\ndata in {data_directory()}")
    states = {name: is_installed(dataset) for name, dataset in DATASETS.items()}
    for name, good in states.items():
        click.echo(f"  {name:<16}{'installed' if good else f'run `xsurvey data install {name}`'}")
    write_json(json_path, {
        "xsurvey": __version__, "python": platform.python_version(), "libraries": found,
        "missions": list(missions()), "data": states, "data_directory": str(data_directory()),
    })  # fmt: skip


def _version(name: str) -> str | None:
    # looked up, never imported: some of these print or make folders when imported
    if importlib.util.find_spec(name) is None:
        return None
    return importlib.metadata.version(name)
