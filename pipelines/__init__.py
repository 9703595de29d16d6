"""Pipelines: one module each, stage after stage."""

from xsurvey.errors import ParameterError, nearest
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.sources import SOURCES

PIPELINES: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in (SOURCES,)}

__all__ = ["PIPELINES", "Pipeline", "get_pipeline"]


def get_pipeline(name: str) -> Pipeline:
    """Return a pipeline by name.

    Raises
    ------
    ParameterError
        No pipeline has that name.
    """
    if name not in PIPELINES:
        raise ParameterError(
            "pipeline", f"no pipeline is named '{name}'", nearest(name, PIPELINES)
        )
    return PIPELINES[name]
