"""Why Slurm leaves jobs pending, and what to do about it.

The names and what they mean are those of "Job Reason Codes" in Slurm's documentation
(https://slurm.schedmd.com/job_reason_codes.html, and the manual of ``squeue``).
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Advice:
    """What to do about jobs that are pending.

    Attributes
    ----------
    text : str
        For the user.
    final : bool
        Whether the request itself is the reason, so that the job never starts as it is.
    """

    text: str
    final: bool = False


_SIZE = Advice(
    "no job of that size is allowed to you: ask for less memory or fewer workers_per_job", True
)
_MINE = Advice(
    "your jobs have all that you may have at a time: wait for them, or make fewer, with more "
    "workers_per_job"
)  # fmt: skip
_SHARED = Advice(
    "those who share your account or QOS have all that it may have at a time: wait, ask for less, "
    "or name another account"
)  # fmt: skip
_SPENT = Advice("the account or QOS has next to no computing time left: see `sshare`")
_CLOSED = Advice("the partition takes no jobs now: name another as the profile's queue")
_HELD = Advice("the jobs are held: `scontrol release` them, or ask your site why")

_ADVICE: tuple[tuple[str, Advice], ...] = (
    ("PartitionTimeLimit", Advice(
        "give a walltime that the partition allows (`sinfo -o '%P %l'`), or another queue", True
    )),
    ("*MaxWallDuration*", Advice("give a shorter walltime", True)),
    ("*Max*MinutesPerJob*", Advice("give a shorter walltime, or fewer workers_per_job", True)),
    ("AssocMax*PerJob*", _SIZE), ("AssocMax*PerNode", _SIZE),
    ("QOSMax*PerJob*", _SIZE), ("QOSMax*PerNode", _SIZE), ("MaxMemPerLimit", _SIZE),
    ("QOSMin*", Advice(
        "the QOS takes larger jobs only: give more workers_per_job, or another --qos", True
    )),
    ("InvalidAccount", Advice("name an account of yours in the profile")),
    ("AccountNotAllowed", Advice("name an account or a queue that fit each other", True)),
    ("InvalidQOS", Advice("correct --qos in extra_directives")),
    ("QOSNotAllowed", Advice("name a --qos, account or queue that fit each other", True)),
    ("BadConstraints", Advice(
        "no node that is up has what extra_directives, memory and workers_per_job ask for"
    )),
    ("DependencyNeverSatisfied", Advice(
        "the job that they wait for did not end as asked: correct extra_directives", True
    )),
    ("ReservationDeleted", Advice("its reservation is gone: correct extra_directives", True)),
    # these may pass: nodes come back, other jobs end, a site opens a partition again
    ("PartitionNodeLimit", Advice(
        "the partition has no place for so many nodes, or its nodes are down: see `sinfo`"
    )),
    ("PartitionConfig", Advice(
        "they exceed a limit of the partition, or its nodes are down: compare walltime, memory and "
        "workers_per_job with `scontrol show partition`"
    )),
    ("PartitionDown", _CLOSED), ("PartitionInactive", _CLOSED),
    ("AssocMaxJobsLimit", _MINE), ("AssocMaxSubmitJobLimit", _MINE), ("QOSMax*PerUser*", _MINE),
    ("AssocGrp*Minutes*", _SPENT), ("QOSGrp*Minutes*", _SPENT),
    ("AssocGrp*", _SHARED), ("QOSGrp*", _SHARED), ("Max*PerAccount", _SHARED),
    ("JobHeldUser", _HELD), ("JobHeldAdmin", _HELD), ("JobHoldMaxRequeue", _HELD),
    ("ReqNodeNotAvail*", Advice(
        "nodes are down or reserved, as for a maintenance: a shorter walltime may fit before it"
    )),
    ("Resources", Advice(
        "wait for a better time; if that stays, a job asks for more cores or memory than a node "
        "has (`sinfo -o '%P %c %m'`)"
    )),
)  # fmt: skip
"""The first pattern counts. Of names that are not here waiting is all that can be done."""


def slurm_advice(reason: str) -> Advice | None:
    """Return what to do about a reason, None if it is to wait.

    Examples
    --------
    >>> slurm_advice("QOSMaxWallDurationPerJobLimit")
    Advice(text='give a shorter walltime', final=True)
    >>> slurm_advice("Priority")
    """
    return next((a for pattern, a in _ADVICE if fnmatchcase(reason, pattern)), None)
