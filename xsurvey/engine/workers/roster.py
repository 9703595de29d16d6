"""Which workers there are, what they are at, and which of them a task may be given to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from xsurvey.engine.clusters.running import RunningCluster, WorkerFacts
from xsurvey.engine.workers.limits import TimeLimit

_GONE_AFTER_S = 0.5


@dataclass
class _Group:
    """Workers that share memory: those of one job on one host."""

    first_seen: float
    present: int = 0
    most: int = 0
    taken: int = 0


@dataclass
class _Worker:
    facts: WorkerFacts
    group: _Group
    limit: TimeLimit | None
    need: int | None = None


@dataclass
class Look:
    """What one look at the backlog found; it keeps what later tasks cannot have either."""

    refused: list[tuple[int, float]] = field(default_factory=list)
    reserved: set[int] = field(default_factory=set)


class Roster:
    """The workers of a cluster, each with at most one task.

    Workers of one job on one host share what memory these have been given together. A task that
    needs more than its worker's part of it is begun when others have left it enough; until then
    no other task begins there.

    Parameters
    ----------
    cluster : RunningCluster
        Whose workers these are.
    clock : callable
        Gives the Unix time.
    """

    def __init__(self, cluster: RunningCluster, clock: Callable[[], float] = time.time) -> None:
        self._cluster, self._clock = cluster, clock
        self._workers: dict[str, _Worker] = {}
        self._groups: dict[tuple[str, str | None], _Group] = {}
        self._idle: dict[str, None] = {}
        self._missing: dict[str, float] = {}
        self._most, self._grew = 0, clock()

    def __len__(self) -> int:
        return len(self._workers)

    def refresh(self) -> None:
        """Look which workers are there."""
        there, now = self._cluster.describe(), self._clock()
        for address in [a for a in self._workers if a not in there]:
            self._remove(address, now)
        for address, facts in there.items():
            if address not in self._workers:
                self._add(address, facts, now)
        if len(self._workers) > self._most:
            self._most, self._grew = len(self._workers), now

    def facts(self, address: str) -> WorkerFacts | None:
        """Return what is known of a worker that is there."""
        worker = self._workers.get(address)
        return worker.facts if worker else None

    def limit(self, address: str) -> TimeLimit | None:
        """Return when the job of a worker ends."""
        worker = self._workers.get(address)
        return worker.limit if worker else None

    def choose(self, need: int | None, seconds: float, look: Look) -> str | None:
        """Return an idle worker for a task, None if there is none that it may be given to.

        Parameters
        ----------
        need : int or None
            Memory of the task in bytes; None for what a worker has by default.
        seconds : float
            How long it is expected to take.
        look : Look
            What this look at the backlog found so far.
        """
        size, now = self._size(need), self._clock()
        if not self._idle or any(n <= size and s <= seconds for n, s in look.refused):
            return None
        waits_for_memory: list[_Group] = []
        for address in self._idle:
            worker = self._workers[address]
            group = worker.group
            if id(group) in look.reserved or not _allows(worker.limit, now, seconds):
                continue
            if group.taken + size <= self._budget(group):
                return address
            if size <= self._budget(group):
                waits_for_memory.append(group)
        if waits_for_memory:
            best = max(waits_for_memory, key=lambda g: self._budget(g) - g.taken)
            look.reserved.add(id(best))
        look.refused.append((size, seconds))
        return None

    def take(self, address: str, need: int | None) -> None:
        """Note that a worker was given a task."""
        worker = self._workers[address]
        worker.need = self._size(need)
        worker.group.taken += worker.need
        del self._idle[address]

    def give_back(self, address: str) -> None:
        """Note that a worker has no task any more; it may be gone."""
        self._missing.pop(address, None)
        worker = self._workers.get(address)
        if worker is not None and worker.need is not None:
            worker.group.taken -= worker.need
            worker.need = None
            self._idle[address] = None

    def is_gone(self, address: str) -> bool:
        """Return whether a worker that was given a task has been missing for a while.

        The scheduler knows first, and tells of the task; but of one that came too late for its
        worker it tells nothing.
        """
        since = self._missing.get(address)
        return since is not None and self._clock() - since >= _GONE_AFTER_S

    @property
    def has_idle(self) -> bool:
        """Whether a worker has no task."""
        return bool(self._idle)

    @property
    def misses_some(self) -> bool:
        """Whether workers that had a task are missing."""
        return bool(self._missing)

    def too_big(self, need: int | None) -> int | None:
        """Return the most memory that a host or job has, if that is too little for a task.

        None if it is enough, or if workers are still to come which may have more: that is given
        up when none came for as long as workers may take to start.
        """
        profile = self._cluster.profile
        if profile.together is not None:
            most = min(profile.together, self._cluster.workers) * profile.memory
        elif not self._groups or (not self.all_came and self._may_come):
            return None
        else:
            most = max(self._budget(group) for group in self._groups.values())
        return most if self._size(need) > most else None

    @property
    def all_came(self) -> bool:
        """Whether there have been as many workers as are meant to be."""
        return self._most >= self._cluster.workers

    @property
    def _may_come(self) -> bool:
        return self._clock() - self._grew < self._cluster.profile.start_timeout

    def _size(self, need: int | None) -> int:
        return self._cluster.profile.memory if need is None else need

    def _budget(self, group: _Group) -> int:
        # a worker that died and will come back has left its memory to its job; while its old
        # address is still known there may seem to be one too many
        return min(group.most, self._cluster.workers) * self._cluster.profile.memory

    def _add(self, address: str, facts: WorkerFacts, now: float) -> None:
        name = (facts.host, facts.job)
        group = self._groups.setdefault(name, _Group(now))
        group.present += 1
        group.most = max(group.most, group.present)
        limit = None
        if facts.ends is not None:
            margin = self._cluster.profile.walltime_margin
            limit = TimeLimit("walltime", group.first_seen, facts.ends, margin)
        self._workers[address] = _Worker(facts, group, limit)
        self._idle[address] = None
        self._missing.pop(address, None)

    def _remove(self, address: str, now: float) -> None:
        worker = self._workers.pop(address)
        self._idle.pop(address, None)
        if worker.need is not None:
            worker.group.taken -= worker.need
            self._missing[address] = now
        worker.group.present -= 1
        # workers may be on their way back, but not to a job that has ended
        if worker.limit is not None and worker.limit.is_over(now) and not worker.group.present:
            self._groups.pop((worker.facts.host, worker.facts.job), None)


def _allows(limit: TimeLimit | None, now: float, seconds: float) -> bool:
    return limit is None or limit.allows(now, seconds)
