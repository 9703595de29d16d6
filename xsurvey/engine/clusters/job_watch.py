"""Watches the jobs of a run: replaces those that are lost, and tells why others do not start."""

import asyncio
import logging
import math
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from xsurvey.engine.clusters.commands import call, last_words
from xsurvey.engine.clusters.queue_systems import JobStates, QueueSystem

logger = logging.getLogger(__name__)

_FIRST_LOOK_S, _LONGEST_S = 2.0, 30.0
_QUERY_S = 30.0
# a scheduler may not list at once what it has just taken
_NEW_S = 4.0
# for a worker that died another is started in its job; if none is by then, the job is of no use
_EMPTY_S = 120.0
_BAD_ALLOWED = 3
# a scheduler tells its reason at each look that it takes itself; for so long it is to be the same
_UNFIT_S = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 300.0


@dataclass
class _Seen:
    """What the watch knows of one job."""

    since: float
    listed: bool = False
    worked: bool = False
    empty_since: float | None = None


class JobWatch:
    """Keeps the number of jobs: Dask's own adaptive clusters overlook most jobs that are lost.

    These are jobs that ended before a worker came, those with several workers, and those whose
    submission failed. Runs in the cluster's event loop. The scheduler is asked only while a job has
    no worker, and less and less often.

    Parameters
    ----------
    cluster : dask_jobqueue.JobQueueCluster
        With jobs of `make_cluster_class`.
    system : QueueSystem
        The site's scheduler.
    jobs : int
        How many there should be.
    name : str
        Of all jobs.
    one_queue : bool
        Whether the jobs can be in one queue only. Of several a scheduler tells but one reason, and
        another may have room.
    """

    def __init__(
        self, cluster: Any, system: QueueSystem, jobs: int, name: str, *, one_queue: bool = True
    ) -> None:
        self._one_queue = one_queue
        self._unfit_since: float | None = None
        self._cluster, self._system, self._wanted, self._name = cluster, system, jobs, name
        self._seen: dict[str, _Seen] = {}
        self._states: JobStates = {}
        self._bad = 0
        self._pause = _FIRST_PAUSE_S
        self._not_before = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._silence: str | None = None
        self.failure: str | None = None
        """What the scheduler said when it last refused a job."""
        self.lost = 0
        """How many jobs were lost."""
        self.unfit = False
        """Whether all jobs have long been pending for what they ask for: none will ever start."""

    async def start(self) -> None:
        """Submit the jobs, and watch them from now on."""
        await self._submit()
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Watch no more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def running(self) -> bool:
        """Whether the scheduler has taken any job that is not lost."""
        return any(job.job_id for job in self._cluster.workers.values())

    @property
    def hopeless(self) -> bool:
        """Whether jobs end again and again before any of their workers comes."""
        return self._bad >= max(_BAD_ALLOWED, self._wanted + 1) and not any(
            seen.worked for seen in self._seen.values()
        )

    def reason(self) -> str:
        """Return in one line why workers are not there."""
        waiting = self._waiting()
        parts = []
        if waiting:
            why = ", ".join(sorted({reason for reason in waiting if reason}))
            count = f"{len(waiting)} job{'s are' if len(waiting) > 1 else ' is'} pending"
            parts.append(f"{count} ({why})" if why else count)
        starting = len(self._states) - len(waiting)
        if starting and not self._connected():
            parts.append(f"workers of {starting} job{'s' * (starting > 1)} have not come yet")
        if self._bad and not self.failure:
            parts.append(f"{self._bad} job{'s' * (self._bad > 1)} ended before a worker came")
        if self.failure:
            parts.append(f"{self._system.submit} refuses jobs: {self.failure}")
        if self._silence:
            parts.append(f"{self._system.label} does not answer: {self._silence}")
        return "; ".join(parts) or f"{self._system.label} has not told of the jobs yet"

    def advice(self) -> str | None:
        """Return what to do about jobs that wait, None if that is to wait."""
        found = {self._system.advice(reason): None for reason in self._waiting()}
        return "; ".join(advice.text for advice in found if advice is not None) or None

    def _waiting(self) -> list[str]:
        """Return the reasons of the jobs that wait."""
        return [reason for state, reason in self._states.values() if state != "running"]

    def _note_unfit(self) -> None:
        advice = [self._system.advice(reason) for reason in self._waiting()]
        final = len(advice) == len(self._cluster.workers) and all(a and a.final for a in advice)
        if not (final and advice and self._one_queue):
            self._unfit_since = None
        elif self._unfit_since is None:
            self._unfit_since = time.monotonic()
        since = self._unfit_since
        self.unfit = since is not None and time.monotonic() - since >= _UNFIT_S

    async def _run(self) -> None:
        pause, told = _FIRST_LOOK_S, ""
        while not self._closed:
            await asyncio.sleep(pause)
            try:
                changed = await self._look()
            except Exception as error:  # of one look: the next may do better
                logger.debug("looking at the jobs failed", exc_info=True)
                if str(error) != told:  # until then lost jobs are not replaced
                    told = str(error)
                    logger.warning("the jobs cannot be looked at (%r)", error)
                changed = False
            pause = _FIRST_LOOK_S if changed else min(1.5 * pause, _LONGEST_S)

    async def _look(self) -> bool:
        """Look at the jobs once, and replace those that are lost; return whether any changed."""
        connected = self._connected()
        idle = []
        for name in self._cluster.workers:
            seen = self._seen.setdefault(name, _Seen(time.monotonic()))
            if connected[name]:
                seen.worked, self._bad, self._pause = True, 0, _FIRST_PAUSE_S
                seen.empty_since = None
            else:
                seen.empty_since = seen.empty_since or time.monotonic()
                idle.append(name)
        before = {name for name in idle if self._seen[name].worked}
        states = await self._ask() if idle else {}
        if states is not None:
            self._states = {
                job: states[job]
                for job in (str(self._cluster.workers[name].job_id) for name in idle)
                if job in states
            }
            self._note_unfit()
        for name in idle:
            seen = self._seen[name]
            seen.listed |= seen.worked or str(self._cluster.workers[name].job_id) in self._states
        lost = [name for name in idle if self._is_lost(name, states)]
        await self._replace(lost)
        return bool(lost or before)

    def _connected(self) -> Counter[str]:
        """Return the numbers of connected workers by the names of their jobs."""
        found: Counter[str] = Counter()
        for worker in list(self._cluster.scheduler.workers.values()):
            name = str(worker.name)
            # workers of a job of several have its name and a number
            found[name if name in self._cluster.workers else name.rpartition("-")[0]] += 1
        return found

    async def _ask(self) -> JobStates | None:
        jobs = [str(j.job_id) for j in self._cluster.workers.values() if j.job_id]
        words = self._system.query(self._name, jobs)
        loop = asyncio.get_running_loop()
        try:
            done = await loop.run_in_executor(None, lambda: call(words, _QUERY_S))
        except (OSError, subprocess.SubprocessError) as error:
            self._silence = str(error)
            return None
        states = self._system.answer(jobs, done)
        self._silence = last_words(done.stderr) if states is None else None
        return states

    def _is_lost(self, name: str, states: JobStates | None) -> bool:
        job = self._cluster.workers[name]
        if job.failure is not None:
            return True
        seen = self._seen[name]
        if states is None or (not seen.listed and time.monotonic() - seen.since < _NEW_S):
            return False
        state, _ = states.get(str(job.job_id), ("gone", ""))
        empty = seen.worked and time.monotonic() - (seen.empty_since or math.inf) > _EMPTY_S
        return empty or state in ("gone", "stuck")

    async def _replace(self, lost: list[str]) -> None:
        self._note_failures()
        for name in lost:
            job = self._cluster.workers.pop(name, None)
            self._cluster.worker_spec.pop(name, None)
            worked = self._seen.pop(name).worked
            self.lost += 1
            if not worked:
                self._bad += 1
            if job is not None and job.job_id is not None:
                logger.info("job %s is lost; another is submitted", job.job_id)
                await job.close()
        if lost and self._bad:
            # something is wrong: not as fast as a scheduler can take jobs
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        missing = len(self._cluster.worker_spec) < self._wanted
        if missing and time.monotonic() >= self._not_before and not self._closed:
            await self._submit()

    async def _submit(self) -> None:
        """Submit as many jobs as are missing."""
        self._cluster.scale(jobs=self._wanted)
        await self._cluster._correct_state()
        for name in self._cluster.workers:
            self._seen.setdefault(name, _Seen(time.monotonic()))
        self._note_failures()

    def _note_failures(self) -> None:
        jobs = list(self._cluster.workers.values())
        failures = [job.failure for job in jobs if job.failure is not None]
        if failures:
            self.failure = failures[-1]
        elif any(job.job_id for job in jobs):
            self.failure = None
