"""``xsurvey run``, ``check`` and ``init``: pipelines from configs."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from xsurvey.config import Config
    from xsurvey.engine import Plan, RunResult
    from xsurvey.engine.clusters.profiles import ClusterProfile

EXIT_TARGETS_FAILED = 3
_NAMED = 20

config_argument = click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG")
output_option = click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the results; the config's if not given.",
)  # fmt: skip


@click.command()
@config_argument
@click.option("--cluster", metavar="PROFILE", help="Cluster profile; the config's if not given.")
@click.option(
    "--workers", type=click.IntRange(0), metavar="N",
    help="Number of workers; 0 runs everything in this process.",
)  # fmt: skip
@output_option
@click.option(
    "--time-limit", metavar="TIME",
    help="Stop in good order after this time, such as 8h; the profile's if not given.",
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
    from xsurvey.engine import Store, run_plan
    from xsurvey.engine.interrupts import stop_signals
    from xsurvey.pipelines import get_pipeline
    from xsurvey.pipelines.known_inputs import known_inputs

    loaded = _load(config, output)
    pipeline = get_pipeline(loaded.pipeline)
    plan = pipeline.plan(loaded)
    profile = _profile(cluster or loaded.cluster.profile, time_limit)
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
def check_command(config: Path, output: Path | None) -> None:
    """Validate CONFIG and print the plan: what would be done, what is done already.

    Opens the inputs and reads their headers. Writes nothing.
    """
    from xsurvey.engine import Store

    loaded, plan = load_checked(config, output)
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


def load_checked(config: Path, output: Path | None) -> "tuple[Config, Plan]":
    """Return a config and its plan after looking at all that can be wrong before a run.

    Raises
    ------
    XSurveyError
        The first thing that is wrong; the others are its `others`.
    """
    from xsurvey.errors import Complaints
    from xsurvey.io.atomic import check_folder
    from xsurvey.pipelines import get_pipeline

    loaded = _load(config, output)
    pipeline = get_pipeline(loaded.pipeline)
    plan = pipeline.plan(loaded)
    complaints = Complaints(pipeline.check(loaded))
    complaints.attempt(lambda: check_folder(loaded.output))
    complaints.raise_any()
    return loaded, plan


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
    )
    return replace(config, output=output) if output is not None else config


def _profile(name: str, time_limit: str | None) -> "ClusterProfile":
    from xsurvey.engine import load_profile
    from xsurvey.errors import ParameterError
    from xsurvey.units import parse_time

    profile = load_profile(name)
    if time_limit is None:
        return profile
    try:
        seconds = parse_time(time_limit)
    except ValueError as error:
        raise ParameterError("--time-limit", str(error), "write 8h, or 30min") from None
    if not seconds > 0:
        raise ParameterError("--time-limit", f"'{time_limit}' is no time", "write 8h, or 30min")
    return profile.model_copy(update={"time_limit": seconds})


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
