"""What a run of the cluster pipeline leaves for people."""

from __future__ import annotations

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the products of a run below its output folder."""
