"""Workers of a Dask that runs already; it is left running."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, comm
from distributed.core import rpc
from distributed.security import Security

from xsurvey.engine.clusters.dask_settings import dask_settings, silent_dask
from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.queue_profiles import SchedulerFileProfile
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.clusters.waiting import Delay, wait_for_workers
from xsurvey.engine.workers.limits import TimeLimit

_CONNECT_S = 30.0
_SOCKETS = ("tcp", "tls", "ws", "wss")
_SUBJECT = "cluster 'scheduler-file'"


@contextmanager
def start_scheduler_file(
    profile: SchedulerFileProfile,
    workers: int | None,
    jobs: Path | None = None,
    limit: TimeLimit | None = None,
) -> Iterator[RunningCluster]:
    """Connect to the scheduler, and wait for a worker of its.

    While the run lasts the scheduler leaves it to the run to count deaths of workers, and thinks
    none dead that is silent, as in a library; then it is set as it was.

    Raises
    ------
    ClusterError
        The scheduler does not answer, or no worker came in time.
    OutOfTime
        No worker came before the limit.
    """
    path = Path(os.path.expanduser(profile.scheduler_file))
    patience = min(_CONNECT_S, profile.start_timeout)
    address = read_address(path)
    with ExitStack() as stack:
        stack.enter_context(silent_dask())
        stack.enter_context(dask.config.set(dask_settings(profile)))
        check_listens(path, address, patience)
        try:
            _answer(address, patience)
            client = stack.enter_context(Client(address, timeout=patience))
        except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:
            # Dask's own words are of its inner life
            cause = f"what listens at {address}, named in {path}, does not answer"
            raise ClusterError(
                _SUBJECT, f"{cause} as a Dask scheduler with your keys does",
                "is it one, of the same version, and do its keys (TLS) stand in your Dask "
                "configuration?",
            ) from error  # fmt: skip
        before = client.run_on_scheduler(_set, allowed_failures=0, worker_ttl=None)
        stack.callback(client.run_on_scheduler, _set, **before)
        delay = Delay(lambda: f"none is with the scheduler of {path}")
        wait_for_workers(client, profile, delay, limit)
        count = len(client.nthreads())
        yield RunningCluster(
            client, profile, min(count, workers or count), why_waiting=delay.reason
        )


def read_address(path: Path) -> str:
    """Return the address of the scheduler that a file names.

    Raises
    ------
    ClusterError
        The file cannot be read, or names none.
    """
    remedy = f"start a scheduler with `dask scheduler --scheduler-file {path}`, and workers"
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ClusterError(_SUBJECT, f"{path} does not exist", remedy) from None
    except IsADirectoryError:
        raise ClusterError(
            _SUBJECT, f"{path} is a folder", "give the file as the profile's scheduler_file"
        ) from None
    except OSError as error:
        raise ClusterError(
            _SUBJECT, f"{path} cannot be read ({error.strerror})", "check its permissions"
        ) from None
    except ValueError:  # not text, or not JSON
        cause = "is empty" if not path.stat().st_size else "is not a scheduler file (JSON)"
        raise ClusterError(_SUBJECT, f"{path} {cause}", remedy) from None
    address = values.get("address") if isinstance(values, dict) else None
    if not isinstance(address, str):
        raise ClusterError(_SUBJECT, f"{path} has no address of a scheduler", remedy)
    return address


def check_listens(path: Path, address: str, seconds: float) -> None:
    """Raise if nobody listens at an address, which Dask itself would go on to try.

    Raises
    ------
    ClusterError
        It is no address, or nobody does.
    """
    remedy = "start a scheduler again, and workers: it may have ended, and left the file"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in comm.registry.backends:
        cause = f"'{address}' in {path} is not an address such as tcp://HOST:8786"
        raise ClusterError(_SUBJECT, cause, remedy)
    if parts.scheme not in _SOCKETS:
        return  # who listens there is no socket's to say
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except socket.gaierror:
        cause = f"there is no host '{host}', which {path} names"
        raise ClusterError(_SUBJECT, cause, "run it where that host is known") from None
    except TimeoutError:
        cause = f"{address}, named in {path}, does not answer within {seconds:g} s"
        raise ClusterError(
            _SUBJECT, cause, "run it where that host can be reached, or start a scheduler again"
        ) from None
    except OSError:
        raise ClusterError(
            _SUBJECT, f"nobody listens at {address}, named in {path}", remedy
        ) from None


def _answer(address: str, seconds: float) -> None:
    """Have the scheduler say who it is: a client waits for ever for one that is mute.

    Raises
    ------
    OSError, ValueError, TypeError
        It does not, or not to us.
    """

    async def ask() -> None:
        keys = Security().get_connection_args("client")
        async with rpc(address, connection_args=keys) as scheduler:
            await asyncio.wait_for(scheduler.identity(), seconds)

    # a thread of its own, since a notebook has a loop that runs in this one
    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, ask()).result()


def _set(dask_scheduler: Any = None, **values: Any) -> dict[str, Any]:
    """Set attributes of the scheduler, in its process, and return what they were."""
    before = {name: getattr(dask_scheduler, name) for name in values}
    for name, value in values.items():
        setattr(dask_scheduler, name, value)
    return before
