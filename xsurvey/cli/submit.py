"""``xsurvey submit``: a whole run as one job of a site's scheduler."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsurvey.cli.options import WholeNumber
from xsurvey.cli.run import changed_profile, config_argument, make_folder, output_option

if TYPE_CHECKING:
    from xsurvey.engine.clusters.batch import BatchJob


@click.command()
@config_argument
@click.option(
    "--cluster", metavar="PROFILE",
    help="Cluster profile, a name or a YAML file; the config's if not given.",
)  # fmt: skip
@click.option(
    "--workers", type=WholeNumber(1), metavar="N",
    help="Number of workers, one core each; the profile's if not given.",
)  # fmt: skip
@output_option
@click.option(
    "--walltime", metavar="TIME",
    help="How long the job may take, such as 12h or 12:00:00; the profile's if not given.",
)  # fmt: skip
@click.option(
    "--dry-run", is_flag=True,
    help="Print the files of the job and how it would be submitted; submit and write nothing.",
)  # fmt: skip
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
    config is checked first, as by `xsurvey check`; where something is wrong nothing is submitted,
    nor where a job that was submitted before still waits or works for the same folder.

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
    from xsurvey.engine.clusters.batch import BatchJob, batch_profile, waits_for_others
    from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS
    from xsurvey.engine.clusters.queues import require_command
    from xsurvey.engine.clusters.submitted_before import require_no_job

    loaded, _, found = load_checked(config, output, cluster)
    name = loaded.cluster.profile if cluster is None else cluster
    profile = batch_profile(found, name)
    # a config's 0, for a run in its own process, says nothing of a job
    given = {"workers": workers or loaded.cluster.workers or None, "walltime": walltime}
    profile = changed_profile(profile, given)
    folder = _job_folder(loaded.output.absolute())
    # as it was given: the job works in this folder
    arguments = [str(config), *(() if output is None else ("--output", str(output)))]
    job = BatchJob(profile, folder, arguments)
    files = _files(job, name)
    if dry_run:
        _show(job, files)
        return
    require_command(QUEUE_SYSTEMS[profile.backend], profile.backend)
    if not waits_for_others(profile):
        require_no_job(loaded.output, folder.parent)
    make_folder(folder.parent)
    number = job.submit()
    click.echo(f"job {number} submitted to {QUEUE_SYSTEMS[profile.backend].label}")
    click.echo(f"log:   {job.log(number)}")
    click.echo(f"watch: xsurvey status {_quoted(loaded.output)}")


def _files(job: "BatchJob", profile: str) -> dict[str, str]:
    """Return the files of a job; what its profile lacks is told with the profile's name."""
    from xsurvey.errors import ParameterError

    try:
        return job.files()
    except ParameterError as error:
        subject = f"cluster profile '{profile}': {error.subject}"
        raise ParameterError(subject, error.cause, error.remedy) from None


def _show(job: "BatchJob", files: dict[str, str]) -> None:
    for name, text in files.items():
        click.echo(f"# {job.folder / name}:\n{text}")
    click.echo(f"# submitted in {job.folder} by: {job.command()}")


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
