"""Calls of a scheduler's commands."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_PREFIX = re.compile(r"^\w+: (error|fatal): ")


def last_words(text: str) -> str:
    r"""Return the end of what a command said, in one line.

    Examples
    --------
    >>> last_words("sbatch: error: no such partition: x\nsbatch: error: not submitted\n")
    'no such partition: x, not submitted'
    """
    lines = [_PREFIX.sub("", line).strip() for line in text.splitlines()]
    return ", ".join([line for line in lines if line][-2:]) or "it says nothing"


def call(
    words: Sequence[str],
    seconds: float,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end.

    It is not reached by a Ctrl-C: jobs must be cancelled just then, and no submission be cut short.

    Parameters
    ----------
    words : sequence of str
        The command.
    seconds : float
        How long it may take.
    folder : path, optional
        Where it runs.
    environment : mapping, optional
        Its variables.
    given : str
        What it reads.

    Raises
    ------
    OSError
        There is no such command.
    subprocess.TimeoutExpired
        It took too long.
    """
    return subprocess.run(  # noqa: S603 - our own words, and those of the user's own profile
        words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
        start_new_session=True, input=given, cwd=folder,
        env=None if environment is None else dict(environment),
    )  # fmt: skip
