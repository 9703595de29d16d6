"""Waits for the first worker of a cluster, and tells why there is none."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from distributed import Client

from xsurvey.engine.clusters.profiles import ClusterError, ClusterProfile
from xsurvey.engine.workers.limits import TimeLimit
from xsurvey.errors import OutOfTime

logger = logging.getLogger(__name__)

_LOOK_S = 0.2
_TELL_S = 60.0
_REMEDY = "wait for a better time, ask for less in the profile, or raise its start_timeout"


def _nothing() -> None:
    """Know nothing: workers may come at any time."""


@dataclass(frozen=True)
class Delay:
    """What a back end knows of workers that have not come.

    Attributes
    ----------
    reason : callable
        Gives in one line why there are none.
    check : callable
        Raises ClusterError if none will come.
    advice : callable
        Gives what to do about the reason, None if that is not known.
    """

    reason: Callable[[], str]
    check: Callable[[], None] = _nothing
    advice: Callable[[], str | None] = _nothing


def wait_for_workers(
    client: Client, profile: ClusterProfile, delay: Delay, limit: TimeLimit | None = None
) -> None:
    """Wait until there is a worker, and tell now and then why there is none.

    Parameters
    ----------
    client : distributed.Client
    profile : ClusterProfile
    delay : Delay
        Knows why.
    limit : TimeLimit, optional
        When the run, or the job that it is in, is to stop.

    Raises
    ------
    ClusterError
        None came within the profile's `start_timeout`, or it is known that none will.
    OutOfTime
        None came before the limit.
    """
    began = told = time.monotonic()
    while not client.nthreads():
        delay.check()
        now = time.monotonic()
        if limit is not None and limit.is_over(time.time()):
            cause = f"no worker came ({delay.reason()})"
            raise OutOfTime(limit.name, cause, "submit or run it again to go on")
        if now - began > profile.start_timeout:
            raise ClusterError(
                f"cluster '{profile.backend}'",
                f"no worker came within {profile.start_timeout:g} s: {delay.reason()}",
                delay.advice() or _REMEDY,
            )
        if now - told > _TELL_S:
            told = now
            advice = delay.advice()
            logger.info(
                "waiting for workers: %s%s", delay.reason(), f"; {advice}" if advice else ""
            )
        time.sleep(_LOOK_S)
