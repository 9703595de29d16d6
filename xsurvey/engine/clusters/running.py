"""Workers that run: what is known of them, and how they are started and stopped."""

import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xsurvey.engine.clusters.profiles import BACKENDS, ClusterProfile, load_profile

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)


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
    """

    client: "Client"
    profile: ClusterProfile
    workers: int


Backend = Callable[[Any, int | None], AbstractContextManager[RunningCluster]]


@contextmanager
def start_cluster(
    profile: str | ClusterProfile = "local", workers: int | None = None
) -> Iterator[RunningCluster]:
    """Start workers, and stop them when the block ends.

    Parameters
    ----------
    profile : str or ClusterProfile
        As for :func:`load_profile`. Only this one is tried, never another in its stead.
    workers : int, optional
        Number of workers, instead of the profile's.

    Raises
    ------
    ParameterError
        No such profile.
    ClusterError
        No worker came in the profile's time.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    module, _, name = BACKENDS[chosen.backend][1].partition(":")
    # imported when used: Dask alone takes half a second
    start: Backend = getattr(importlib.import_module(module), name)
    with start(chosen, workers or chosen.workers) as cluster:
        logger.info("cluster '%s': %d workers", chosen.backend, cluster.workers)
        if importlib.util.find_spec("bokeh"):
            logger.info("dashboard: %s", cluster.client.dashboard_link)
        yield cluster
