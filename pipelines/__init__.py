"""Pipelines: one module each, stage after stage; imported when they are asked for."""

import importlib
from typing import TYPE_CHECKING, Any

from xsurvey.errors import ParameterError, nearest

if TYPE_CHECKING:
    from xsurvey.pipelines.base import Pipeline

_WHERE = {
    "sources": ("xsurvey.pipelines.sources", "SOURCES"),
    "cluster": ("xsurvey.pipelines.cluster.plan", "CLUSTER"),
    "polarization": ("xsurvey.pipelines.polarization.plan", "POLARIZATION"),
    "blazar": ("xsurvey.pipelines.blazar.plan", "BLAZAR"),
}

PIPELINE_NAMES = tuple(_WHERE)


def get_pipeline(name: str) -> "Pipeline":
    """Return a pipeline by name.

    Raises
    ------
    ParameterError
        No pipeline has that name.
    """
    if name not in _WHERE:
        raise ParameterError("pipeline", f"no pipeline is named '{name}'", nearest(name, _WHERE))
    module, attribute = _WHERE[name]
    pipeline: Pipeline = getattr(importlib.import_module(module), attribute)
    return pipeline


def __getattr__(name: str) -> Any:
    if name == "PIPELINES":
        return {known: get_pipeline(known) for known in _WHERE}
    raise AttributeError(f"module 'xsurvey.pipelines' has no attribute '{name}'")
