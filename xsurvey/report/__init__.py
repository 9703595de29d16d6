"""The HTML report of a run, and pictures of its fields. The names load on first use."""

import importlib
from typing import Any

_LAZY = {
    "ReportData": "data",
    "TargetReport": "data",
    "field_figure": "figures",
    "png_bytes": "plate",
    "write_report": "build",
}

__all__ = ["ReportData", "TargetReport", "field_figure", "png_bytes", "write_report"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"xsurvey.report.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'xsurvey.report' has no attribute '{name}'")
