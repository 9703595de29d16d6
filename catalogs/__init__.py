"""Catalogs: table schemas, their builder and writers, queries and cross-matches.

`open_catalog` reads any catalog and answers queries; `build_table`, `write_fits` and
`write_hats` make one. The names load on first use.
"""

import importlib
from typing import Any

_LAZY = {
    "Catalog": "catalog",
    "assign_names": "names",
    "build_table": "build",
    "crossmatch": "catalog",
    "load_schema": "schema",
    "open_catalog": "catalog",
    "write_fits": "write",
    "write_hats": "write",
}

__all__ = [
    "Catalog",
    "assign_names",
    "build_table",
    "crossmatch",
    "load_schema",
    "open_catalog",
    "write_fits",
    "write_hats",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"xsurvey.catalogs.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'xsurvey.catalogs' has no attribute '{name}'")
