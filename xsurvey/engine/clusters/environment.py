"""What a job on a node must find as it is here: folder, variables, Dask's settings."""

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import dask

from xsurvey.engine.clusters.dask_settings import THREAD_VARIABLES
from xsurvey.engine.clusters.job_folder import COMPLAINT
from xsurvey.engine.clusters.profiles import ClusterProfile

_OWN = "XSURVEY_"
_OTHERS = ("PYTHONPATH", "ATOMDB", "HEADAS", "CALDB", "XDG_DATA_HOME", "XDG_CACHE_HOME")
_OF_ONE_JOB = ("XSURVEY_JOB", "XSURVEY_CONDOR_JOB", "XSURVEY_LOCK_WAIT")


def carried_variables() -> dict[str, str]:
    """Return the variables that jobs get, whatever the site's scheduler passes on by itself."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if (name.startswith(_OWN) or name in _OTHERS) and not name.startswith(_OF_ONE_JOB)
    }


def exports(variables: Mapping[str, str]) -> list[str]:
    """Return shell lines that set variables to these very values."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def one_thread() -> list[str]:
    """Return shell lines that keep libraries from starting threads."""
    return exports(dict.fromkeys(THREAD_VARIABLES, "1"))


def inherited(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the variable by which a worker's Dask gets its settings."""
    return {"DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(nested(settings))}


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with dots in their names as the tree that Dask keeps.

    Examples
    --------
    >>> nested({"a.b": 1, "a.c": 2})
    {'a': {'b': 1, 'c': 2}}
    """
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        *folders, last = name.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return tree


def memory_limit(profile: ClusterProfile) -> list[str]:
    """Return the words that give a worker its limit of memory.

    It may take what a task needs of the memory that it shares with the others of its job. Where
    it is not known yet how many these are, as in an allocation, the pool looks before a task
    begins whether they have it together.
    """
    limit = profile.limit
    if profile.together is not None:
        limit = max(profile.memory, min(limit, profile.together * profile.memory))
    return ["--memory-limit", f"{limit}B"]


NO_DASHBOARD = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
"""Words for a worker: its pages of the web, which are without keys, are for its own host alone."""


def scratch_made(scratch: str | None) -> list[str]:
    """Return shell lines that end a job whose node has no such folder, nor lets it be made.

    Dask's workers would end with a traceback, and nobody would know why.
    """
    if scratch is None:
        return []
    # a backquote, since $(...) means something else in files of HTCondor
    there, told = shlex.quote(scratch), shlex.quote(f"{COMPLAINT}scratch: {scratch}")
    return [
        f"mkdir -p -- {there} 2>/dev/null; if [ ! -d {there} ] || [ ! -w {there} ]; then "
        f'echo {told} "is no folder on `hostname` that can be written in; correct the profile" '
        ">&2; exit 1; fi"
    ]


def strictly(lines: Sequence[str]) -> list[str]:
    """Return the user's shell lines such that one that fails ends the job.

    What a wrong environment gives would pass for good results.
    """
    return ["set -e", *lines, "set +e"] if lines else []
