"""Workers that run: what is known of them, and how they are started and stopped."""

import importlib.util
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from xsurvey.engine.clusters.profiles import BACKENDS, ClusterProfile, imported, load_profile
from xsurvey.engine.workers.limits import TimeLimit

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

FACTS_NAME = "xsurvey"
"""Under which name the scheduler keeps what workers tell of themselves."""


@dataclass(frozen=True)
class WorkerFacts:
    """What is known of one worker.

    Attributes
    ----------
    host : str
        Where it runs, as the host calls itself.
    job : str or None
        The number of its job, if it has one.
    ends : float or None
        Unix time at which its job ends; None if never.
    log : path or None
        What its job writes.
    """

    host: str
    job: str | None = None
    ends: float | None = None
    log: Path | None = None


@dataclass(frozen=True)
class RunningCluster:
    """Workers that can be given tasks, one core each.

    Attributes
    ----------
    client : distributed.Client
        The connection to the scheduler.
    profile : ClusterProfile
        What was asked for.
    workers : int
        How many workers there are, or are meant to be.
    ends : float or None
        Unix time at which all workers end, as those of one allocation do; None if there is none,
        or if each has its own.
    why_waiting : callable
        Tells in one line why workers are not there; for `waiting`.
    """

    client: "Client"
    profile: ClusterProfile
    workers: int
    ends: float | None = None
    why_waiting: Callable[[], str] = lambda: "workers have not started"
    _known: dict[str, WorkerFacts] = field(default_factory=dict, repr=False)

    def describe(self) -> Mapping[str, WorkerFacts]:
        """Return the workers that are connected now, by address.

        Asks the scheduler only, so that no busy worker can keep it waiting; and of a worker only
        once, since an address is never given twice.
        """
        here = self.client.nthreads()
        if any(address not in self._known for address in here):
            told = self.client.scheduler_info(n_workers=-1)["workers"]
            self._known.update({a: _facts(a, w) for a, w in told.items() if a not in self._known})
        # one that came and went between the two questions is not there
        return {a: self._known[a] for a in here if a in self._known}

    def waiting(self) -> str:
        """Return in one line why workers are not there."""
        return self.why_waiting()


def _dashboard(cluster: RunningCluster) -> str:
    """Return where Dask's dashboard is: what we start ourselves listens on its own host alone."""
    link = cluster.client.dashboard_link
    if cluster.profile.backend in ("local", "scheduler-file"):
        return str(link)
    return f"http://127.0.0.1:{urlparse(link).port}/status on {socket.gethostname()}"


def _facts(address: str, told: Mapping[str, Any]) -> WorkerFacts:
    """Return what a worker told of itself when it registered (`in_job`)."""
    about = told.get(FACTS_NAME) or {}
    log = about.get("log")
    host = about.get("host") or told.get("host") or address
    return WorkerFacts(host, about.get("job"), about.get("ends"), Path(log) if log else None)


Backend = Callable[
    [Any, int | None, Path | None, TimeLimit | None], AbstractContextManager[RunningCluster]
]


@contextmanager
def start_cluster(
    profile: str | ClusterProfile = "local",
    workers: int | None = None,
    jobs: Path | None = None,
    limit: TimeLimit | None = None,
) -> Iterator[RunningCluster]:
    """Start workers, and stop them when the block ends.

    Parameters
    ----------
    profile : str or ClusterProfile
        As for :func:`load_profile`. Only this one is tried, never another in its stead.
    workers : int, optional
        Number of workers, instead of the profile's.
    jobs : path, optional
        Folder for the scripts and logs of jobs, of this run alone; it must be seen from all
        nodes. Below ``xsurvey_jobs`` in the working directory if not given.
    limit : TimeLimit, optional
        When the run is to stop, whether workers came or not.

    Raises
    ------
    ParameterError
        No such profile.
    ClusterError
        No worker came in the profile's time.
    OutOfTime
        No worker came before the limit, or before the end of the job that this process is in.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    # imported when used: Dask alone takes half a second
    start: Backend = imported(BACKENDS[chosen.backend][1])
    if jobs is not None and jobs.parent.is_dir():
        from xsurvey.engine.clusters.job_folder import clear_left_jobs  # noqa: PLC0415

        clear_left_jobs(jobs.parent)
    with start(chosen, workers or chosen.workers, jobs, limit) as cluster:
        number = "1 worker" if cluster.workers == 1 else f"{cluster.workers} workers"
        logger.info("cluster '%s': %s", chosen.backend, number)
        if importlib.util.find_spec("bokeh"):
            logger.info("dashboard: %s", _dashboard(cluster))
        else:
            logger.info("for a dashboard: pip install 'xsurvey[hpc]'")
        yield cluster
