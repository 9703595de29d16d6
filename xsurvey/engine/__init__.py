"""Stages, plans and the runner that does them; results are files, keyed by what decides them."""

from xsurvey.engine.clusters.profiles import ClusterError, load_profile, profile_names
from xsurvey.engine.clusters.running import start_cluster
from xsurvey.engine.plan import OutputOf, Plan, Task, TaskId
from xsurvey.engine.result import RunResult, TaskOutcome
from xsurvey.engine.runner import run_plan
from xsurvey.engine.stage import Stage, TaskContext
from xsurvey.engine.store import Store

__all__ = [
    "ClusterError",
    "OutputOf",
    "Plan",
    "RunResult",
    "Stage",
    "Store",
    "Task",
    "TaskContext",
    "TaskId",
    "TaskOutcome",
    "load_profile",
    "profile_names",
    "run_plan",
    "start_cluster",
]
