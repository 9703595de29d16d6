"""X-ray survey analysis: from event files to fitted, queryable catalogs.

The everyday names are importable from here; they load on first use, so that
``import xsurvey`` stays cheap.
"""

import importlib
import logging
from importlib.metadata import version
from typing import Any

__version__ = version("xsurvey")

logging.getLogger("xsurvey").addHandler(logging.NullHandler())

_LAZY = {
    "open_events": "xsurvey.missions",
    "open_catalog": "xsurvey.catalogs",
    "EventList": "xsurvey.events",
    "XSurveyError": "xsurvey.errors",
}

__all__ = ["EventList", "XSurveyError", "__version__", "open_catalog", "open_events"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xsurvey' has no attribute '{name}'")
