"""``xsurvey submit``: a whole run as one job of a site's scheduler."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xsurvey.cli.run import config_argument, make_folder, output_option

if TYPE_CHECKING:
    from xsurvey.engine.clusters.queue_profiles import QueueProfile


@click.command()
@config_argument
@click.option(
    "--cluster", metavar="PROFILE",
    help="Cluster profile, a name or a YAML file; the config's if not given.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1), metavar="N",
    help="Number of workers, one core each; the profile's if not given.",
)  # fmt: skip
@output_option
@click.option(
    "--walltime", metavar="TIME",
    help="How long the job may take, such as 12h or 12:00:00; the profile's if not given.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the job's script; submit and write nothing.")
def submit_command(
    config: Path,
    cluster: str | None,
    workers: int | None,
    output: Path | None,
    walltime: str | None,
    dry_run: bool,
) -> None:
    """Submit the run of CONFIG as one job of a cluster, and come back at once.

    The job has the workers, and all else that the run needs: nothing works on the login node. The
    config is checked first, as by `xsurvey check`; where something is wrong nothing is submitted.

    When the time is over, what is done is kept: submit it again to go on. On Slurm the job may
    have cores of several nodes; on PBS, LSF, Grid Engine and HTCondor it has those of one.

    Queue, account, memory and modules stand in the profile: copy one of configs/cluster
    (slurm.yaml, pbs.yaml, ...), fill it in and name the file. docs/clusters.md has more.

    \b
    Examples:
      xsurvey submit configs/demo.yaml --cluster slurm --workers 16 --walltime 2h
      xsurvey submit survey.yaml --cluster ./mine.yaml --dry-run
      xsurvey status demo_output
    """
    from xsurvey.cli.run import load_checked
    from xsurvey.engine.clusters.batch import BatchJob, batch_profile
    from xsurvey.engine.clusters.profiles import load_profile
    from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS
    from xsurvey.engine.clusters.queues import require_command

    loaded, _ = load_checked(config, output)
    name = cluster or loaded.cluster.profile
    profile = batch_profile(load_profile(name), name)
    # a config's 0, for a run in its own process, says nothing of a job
    given = {"workers": workers or loaded.cluster.workers or None, "walltime": walltime}
    profile = _changed(profile, given)
    folder = _job_folder(loaded.output.absolute())
    # as it was given: the job works in this folder
    arguments = [str(config), *(() if output is None else ("--output", str(output)))]
    job = BatchJob(profile, folder, arguments)
    script = job.script()
    if dry_run:
        click.echo(script, nl=False)
        return
    require_command(QUEUE_SYSTEMS[profile.backend], profile.backend)
    make_folder(folder.parent)
    number = job.submit()
    click.echo(f"job {number} submitted to {QUEUE_SYSTEMS[profile.backend].label}")
    click.echo(f"log:   {job.log(number)}")
    click.echo(f"watch: xsurvey status {_quoted(loaded.output)}")


def _changed(profile: "QueueProfile", given: dict[str, Any]) -> "QueueProfile":
    """Return the profile with what the command line says."""
    from xsurvey.cli.options import errors_name_options

    values = {name: value for name, value in given.items() if value is not None}
    with errors_name_options():
        return type(profile).read({**profile.normalised(), **values}, "")


def _job_folder(output: Path) -> Path:
    import secrets
    from datetime import UTC, datetime

    from xsurvey.engine import Store
    from xsurvey.engine.clusters.job_folder import BATCH

    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return Store(output).root / "jobs" / f"{BATCH}{now}-{secrets.token_hex(2)}"


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
