"""The ``xsurvey`` command: its table of commands, and the one place that prints errors."""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup
from xsurvey.errors import OutOfTime, XSurveyError, printable

EXIT_BUG, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130
_BLAS_THREADS = (
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


COMMANDS = {
    "run": CommandEntry("xsurvey.cli.run", "Run the pipeline that a config file describes."),
    "submit": CommandEntry("xsurvey.cli.submit", "Submit a run as one job of a cluster."),
    "check": CommandEntry("xsurvey.cli.run", "Validate a config and print its plan."),
    "status": CommandEntry("xsurvey.cli.status", "Say how far a run is, or how it ended."),
    "explain": CommandEntry("xsurvey.cli.explain", "Say where a product of a run comes from."),
    "init": CommandEntry("xsurvey.cli.run", "Print a commented config to start from."),
    "doctor": CommandEntry("xsurvey.cli.doctor", "Say what is installed and what is missing."),
    "data": CommandEntry("xsurvey.cli.data", "List and install auxiliary data."),
    "fetch": CommandEntry("xsurvey.cli.fetch", "Fetch public observations from the archives."),
    "info": CommandEntry("xsurvey.cli.info", "Describe an event file, and what is odd in it."),
    "image": CommandEntry("xsurvey.cli.image", "Make a counts image and its exposure map."),
    "detect": CommandEntry("xsurvey.cli.detect", "Find and measure sources."),
    "profile": CommandEntry("xsurvey.cli.profile", "Measure surface-brightness profiles."),
    "upper-limit": CommandEntry("xsurvey.cli.upper_limit", "Give upper limits at any position."),
    "lightcurve": CommandEntry("xsurvey.cli.lightcurve", "Bin a light curve, test if it varies."),
    "spectrum": CommandEntry("xsurvey.cli.spectrum", "Extract and fit spectra."),
    "polarization": CommandEntry("xsurvey.cli.polarization", "Measure X-ray polarization."),
    "sed": CommandEntry("xsurvey.cli.sed", "Fit spectral energy distributions."),
    "simulate": CommandEntry("xsurvey.cli.simulate", "Write a simulated event file."),
    "catalog": CommandEntry("xsurvey.cli.catalog", "Query, match and export catalogs."),
}


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from xsurvey import __version__

        click.echo(f"xsurvey {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `xsurvey info EVENTS`, or `xsurvey init sources > my.yaml` and "
    "`xsurvey run my.yaml`. Each command explains itself: `xsurvey detect --help`.",
)
@click.option("-v", "--verbose", count=True, help="More log lines on standard error; -vv for all.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors on standard error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Print the version and stop.",
)  # fmt: skip
def xsurvey(verbose: int, quiet: bool) -> None:
    """X-ray survey analysis: from event files to catalogs, light curves and spectra.

    Results go to standard output or files, logs and progress to standard error. Exit status:
    0 good, 1 our bug, 2 bad input, 3 some targets of a run failed, 130 interrupted or out of time.
    """
    level = (
        logging.ERROR if quiet else [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    )
    logging.basicConfig(stream=sys.stderr, format="xsurvey: %(levelname)s: %(message)s")
    logging.getLogger("xsurvey").setLevel(level)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with the contract's exit status."""
    _open_streams()
    _one_thread()
    try:
        # not click's main(): it answers a closed pipe with status 1
        given = list(sys.argv[1:] if arguments is None else arguments)
        with xsurvey.make_context("xsurvey", given) as context:
            xsurvey.invoke(context)
        sys.stdout.flush()
        status = 0
    except click.exceptions.Exit as ended:
        status = ended.exit_code
    except OutOfTime as error:
        status = _report(str(error), EXIT_INTERRUPTED)
    except XSurveyError as error:
        for one in (error, *error.others):
            status = _report(str(one), EXIT_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        command = error.ctx.command_path if error.ctx else "xsurvey"
        message = f"command line: `{command}` needs a command; give one of those above"
        status = _report(message, EXIT_INPUT)
    except click.UsageError as error:
        status = _report(_usage_message(error), EXIT_INPUT)
    except click.ClickException as error:
        status = _report(f"command line: {error.format_message()}; see --help", EXIT_INPUT)
    except (KeyboardInterrupt, click.Abort):
        status = _report("interrupted: stopped as asked; run again to go on", EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        status = _unexpected(error)
    sys.exit(status)


def _one_thread() -> None:
    """Give linear algebra one thread, unless the environment says how many.

    Products are small here, and threads that wait for each other take the time of a busy machine,
    and of a job that has fewer cores than its host. No library has been loaded yet.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        for name in _BLAS_THREADS:
            os.environ.setdefault(name, "1")


def _open_streams() -> None:
    """Let go nowhere what is printed to a stream that was closed before this program began.

    Else the next file that is opened has the number of the stream.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_WRONLY)
            os.set_inheritable(descriptor, True)  # workers have the same
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))


def _unexpected(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        # standard output may be what is full, and it is flushed once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = error.filename or "standard output"
        return _report(f"{where}: {error.strerror}; make room and run again", EXIT_INPUT)
    traceback.print_exc()
    return _report(
        f"internal: {type(error).__name__}: {error}; this is a bug, please report it", EXIT_BUG
    )


def _usage_message(error: click.UsageError) -> str:
    subject = "command line"
    if isinstance(error, click.BadParameter) and error.param is not None:
        named = isinstance(error.param, click.Option)
        subject = error.param.opts[-1] if named else error.param.human_readable_name
        text = error.message or error.format_message()
        if isinstance(error, click.MissingParameter):
            text = "is required"
    else:
        text = error.format_message()
    text = text.rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name.lstrip("-")[:1].isdigit():
        text += " (a negative number after a blank); write RA,DEC with a comma and no blank"
    if ";" in text:
        return f"{subject}: {text}"
    command = error.ctx.command_path if error.ctx else "xsurvey"
    return f"{subject}: {text}; see `{command} --help`"


def _report(message: str, status: int) -> int:
    sys.stdout.flush()
    print(f"xsurvey: error: {printable(message)}", file=sys.stderr, flush=True)
    return status
