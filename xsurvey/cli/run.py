"""``xsurvey run``, ``check`` and ``init``: pipelines from configs."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xsurvey.cli.options import WholeNumber

if TYPE_CHECKING:
    from xsurvey.config import Config
    from xsurvey.engine import Plan, RunResult
    from xsurvey.engine.clusters.profiles import ClusterProfile
    from xsurvey.pipelines.base import Pipeline

_Profile = TypeVar("_Profile", bound="ClusterProfile")

EXIT_TARGETS_FAILED = 3
_NAMED = 20

config_argument = click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG")
output_option = click.option(
    "--output", metavar="DIR", callback=lambda _, __, text: _folder(text),
    help="Folder of the results; the config's if not given.",
)  # fmt: skip
cluster_option = click.option(
    "--cluster", metavar="PROFILE", help="Cluster profile; the config's if not given."
)


@click.command()
@config_argument
@cluster_option
@click.option(
    "--workers", type=WholeNumber(0), metavar="N",
    help="Number of workers; 0 runs everything in this process.",
)  # fmt: skip
@output_option
@click.option(
    "--time-limit", metavar="TIME",
    help="Stop in good order after this time, such as 8h or 08:00:00; the profile's if not given.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Forget earlier results of this output folder.")
def run_command(
    config: Path, cluster: str | None, workers: int | None, output: Path | None,
    time_limit: str | None, fresh: bool,
) -> None:  # fmt: skip
    """Run the pipeline that CONFIG describes.

    Writes OUTPUT/catalog/sources.fits and the same as HATS (OUTPUT/catalog/hats),
    OUTPUT/report.html and OUTPUT/run.json. A second run only does what changed.

    \b
    Example:
      xsurvey run configs/demo.yaml --workers 2
    """
    from xsurvey.engine import Store, load_profile, run_plan
    from xsurvey.engine.interrupts import stop_signals
    from xsurvey.pipelines import get_pipeline
    from xsurvey.pipelines.known_inputs import known_inputs

    loaded = _load(config, output)
    pipeline = get_pipeline(loaded.pipeline)
    plan = _planned(pipeline, loaded)
    profile = load_profile(loaded.cluster.profile if cluster is None else cluster)
    profile = changed_profile(profile, {"time_limit": time_limit})
    make_folder(loaded.output)
    logger = logging.getLogger("xsurvey")
    if logger.level == logging.WARNING:  # progress lines are wanted unless --quiet is given
        logger.setLevel(logging.INFO)
    store = Store(loaded.output)
    with stop_signals(), store.writing():
        known_inputs(loaded.output).save()
        if fresh:
            store.clear()
        result = run_plan(
            plan, store, cluster=profile,
            workers=loaded.cluster.workers if workers is None else workers,
            summary=loaded.output / "run.json", config=loaded.as_json(),
        )  # fmt: skip
        pipeline.publish(loaded, plan, result)
    _say_result(loaded, result)


@click.command()
@config_argument
@output_option
@cluster_option
def check_command(config: Path, output: Path | None, cluster: str | None) -> None:
    """Validate CONFIG and print the plan: what would be done, what is done already.

    Opens the inputs and reads their headers, and the cluster profile. Starts and writes nothing.
    """
    from xsurvey.engine import Store

    loaded, plan, _ = load_checked(config, output, cluster)
    click.echo(f"{config}: good; pipeline {loaded.pipeline}, output in {loaded.output}")
    for line in plan.describe(Store(loaded.output)):
        click.echo(line)


@click.command()
@click.argument("pipeline")
def init_command(pipeline: str) -> None:
    """Print a commented config of PIPELINE, every parameter at its default.

    \b
    Example:
      xsurvey init sources > my.yaml
    """
    from xsurvey.config_template import write_template
    from xsurvey.pipelines import get_pipeline

    chosen = get_pipeline(pipeline)
    click.echo(write_template(chosen.name, chosen.sections, chosen.example_inputs), nl=False)


def load_checked(
    config: Path, output: Path | None, cluster: str | None = None
) -> "tuple[Config, Plan, ClusterProfile]":
    """Return a config, its plan and profile after looking at all that can be wrong before a run.

    Parameters
    ----------
    config : path
    output : path, optional
        Instead of the config's.
    cluster : str, optional
        A profile instead of the config's.

    Raises
    ------
    XSurveyError
        The first thing that is wrong; the others are its `others`.
    """
    from xsurvey.engine import load_profile
    from xsurvey.errors import Complaints
    from xsurvey.io.atomic import check_folder
    from xsurvey.parameters import naming_keys
    from xsurvey.pipelines import get_pipeline

    loaded = _load(config, output)
    pipeline = get_pipeline(loaded.pipeline)
    plan = _planned(pipeline, loaded)
    complaints = Complaints(
        naming_keys(error, loaded.sections.values()) for error in pipeline.check(loaded)
    )
    complaints.attempt(lambda: check_folder(loaded.output))
    name = loaded.cluster.profile if cluster is None else cluster
    profile = complaints.attempt(lambda: load_profile(name))
    complaints.raise_any()
    assert profile is not None
    return loaded, plan, profile


def _planned(pipeline: "Pipeline", config: "Config") -> "Plan":
    from xsurvey.errors import XSurveyError
    from xsurvey.parameters import naming_keys

    try:
        return pipeline.plan(config)
    except XSurveyError as error:
        raise naming_keys(error, config.sections.values()) from None


def _load(path: Path, output: Path | None) -> "Config":
    from dataclasses import replace

    from xsurvey.config import load_config
    from xsurvey.io.datasets import resolve
    from xsurvey.pipelines import get_pipeline

    config = load_config(
        path,
        lambda name: get_pipeline(name).sections,
        kinds_of=lambda name: get_pipeline(name).kinds,
        resolve_data=lambda name: [resolve(f"data:{name}")],
        takes_inputs=lambda name: get_pipeline(name).takes_inputs,
    )
    return replace(config, output=output) if output is not None else config


def changed_profile(profile: _Profile, given: dict[str, Any]) -> _Profile:
    """Return a profile with what options of the command say instead; None says nothing.

    Raises
    ------
    ParameterError
        An option is wrong.
    """
    from xsurvey.cli.options import errors_name_options

    values = {name: value for name, value in given.items() if value is not None}
    if not values:
        return profile
    with errors_name_options():
        return type(profile).read({**profile.normalised(), **values}, "")


def _folder(text: str | None) -> Path | None:
    """Return what ``--output`` names: nothing is not the folder that one is in."""
    from xsurvey.errors import ParameterError

    if text is not None and not text.strip():
        raise ParameterError("--output", f"'{text}' is not a path", "give the path of a folder")
    return None if text is None else Path(text)


def make_folder(output: Path) -> None:
    """Make a folder for results, and those above it.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    from xsurvey.errors import OutputError

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            output, f"cannot be made ({error.strerror})", "choose another --output"
        ) from error


def _say_result(config: "Config", result: "RunResult") -> None:
    output = config.output
    if (output / "catalog").is_dir():
        click.echo(f"catalog: {output / 'catalog' / 'sources.fits'}")
    click.echo(f"report:  {output / 'report.html'}")
    if result.ok:
        return
    first = result.failed[0]
    targets = sorted({o.id.target for o in result.failed})
    named = targets if len(targets) <= _NAMED else [*targets[:_NAMED], "..."]
    click.echo(
        f"xsurvey: error: {', '.join(named)}: {first.cause} (failed: {len(targets)}); "
        f"see {output / 'run.json'}", err=True,
    )  # fmt: skip
    raise click.exceptions.Exit(EXIT_TARGETS_FAILED)
