"""``xsurvey doctor``."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.options import json_option, write_json

_REQUIRED = (
    "astropy", "numpy", "scipy", "regions", "photutils", "dask", "distributed", "duckdb",
    "pyarrow", "pydantic", "matplotlib", "h5py", "emcee", "dynesty", "corner", "arviz-stats",
)  # fmt: skip
_OPTIONAL = {
    "xspectrampoline": ("XSPEC's model library", "pip install xspectrampoline"),
    "ixpeobssim": ("polarimetry responses, the demo's events", "pip install ixpeobssim"),
    "hats": ("reading our catalogs with the HATS library", "pip install hats"),
    "bokeh": ("Dask's dashboard", "pip install bokeh"),
}


@click.command()
@click.option("--online", is_flag=True, help="Also ask the archives whether they answer.")
@json_option
def doctor_command(online: bool, json_path: Path | None) -> None:
    """Say what is installed, which data are missing, and how to get them.

    The network is used only with --online.
    """
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
    models = _models()
    sed_models = _sed_models()
    click.echo(f"\nmissions\n  {', '.join(missions())}")
    click.echo(f"\ndata in {data_directory()}")
    states = {name: is_installed(dataset) for name, dataset in DATASETS.items()}
    for name, good in states.items():
        click.echo(f"  {name:<20}{'installed' if good else f'run `xsurvey data install {name}`'}")
    archives, proxies = _archives(online)
    write_json(json_path, {
        "xsurvey": __version__, "python": platform.python_version(), "libraries": found,
        "models": models, "sed_models": sed_models, "missions": list(missions()), "data": states,
        "data_directory": str(data_directory()), "archives": archives, "proxies": proxies,
    })  # fmt: skip


def _models() -> dict[str, Any]:
    """Print which library of spectral models is used, and return the same for JSON."""
    from xsurvey.errors import MissingDataError
    from xsurvey.spectra.models.installation import installation
    from xsurvey.spectra.models.python_models import broken_models, python_models

    click.echo("\nspectral models")
    try:
        used = installation()
    except MissingDataError as error:
        click.echo(f"  none: {error}")
        return {"version": None, "folder": None, "of_packages": {}}
    version = used.version.partition("-")[0]
    click.echo(f"  XSPEC's of HEASoft {version}, in {used.headas}")
    own = {name: model.version for name, model in sorted(python_models().items())}
    if own:
        listed = ", ".join(f"{name} (version {number})" for name, number in own.items())
        click.echo(f"  of packages: {listed}")
    for name, cause in broken_models().items():
        click.echo(f"  {name} cannot be loaded: {cause}")
    return {"version": used.version, "folder": str(used.headas), "of_packages": own}


def _sed_models() -> dict[str, str]:
    """Print packages' radiative models of `sed`, and return their versions for JSON."""
    from xsurvey.sed.models.registry import broken_models, own_models

    own = {name: model.version for name, model in sorted(own_models().items())}
    broken = broken_models()
    if own or broken:
        click.echo("\nradiative models of packages")
    for name, version in own.items():
        click.echo(f"  {name} (version {version})")
    for name, cause in broken.items():
        click.echo(f"  {name} cannot be loaded: {cause}")
    return own


def _archives(online: bool) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Print which observations are public and from where, and return the same for JSON."""
    from xsurvey.archives import ARCHIVES
    from xsurvey.archives.web import answers, proxies_seen

    click.echo("\npublic observations")
    entries: list[dict[str, Any]] = []
    for archive in ARCHIVES.values():
        addresses, search = archive.addresses(None), archive.search_address(None)
        reached = answers(addresses[0]) if online else None
        click.echo(f"  {archive.title}: `xsurvey fetch {archive.name}:{archive.example}`")
        state = "" if reached is None else f" ({reached or 'answers'})"
        click.echo(f"    from {addresses[0]}{state}")
        entries.append({
            "name": archive.name, "title": archive.title, "base_urls": addresses,
            "search_url": search, "example": f"{archive.name}:{archive.example}",
            "own_address": addresses == list(archive.bases),
            "answers": None if reached is None else reached == "",
        })  # fmt: skip
    proxies = proxies_seen()
    seen = ", ".join(f"{scheme} {address}" for scheme, address in sorted(proxies.items()))
    click.echo(f"  proxies: {seen or 'none in the environment'}")
    return entries, proxies


def _version(name: str) -> str | None:
    # looked up, never imported: some of these print or make folders when imported
    if importlib.util.find_spec(name.replace("-", "_")) is None:
        return None
    return importlib.metadata.version(name)
