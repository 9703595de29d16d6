"""Which sources have files, and in which folder: the same answer everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.source_tables import source_id
from xsurvey.pipelines.spectra.places import folder_name

FOLDER = "products"
PROFILES_FOLDER = "profiles"
_IN_A_FOLDER = 100


def chosen_sources(measured: Mapping[str, Any], parameters: ProductParameters) -> list[int]:
    """Return the numbers (from 1) of the sources of a stack that get files.

    Parameters
    ----------
    measured : mapping
        As the stage ``photometry`` writes it: ``rows``, the most significant first, ``bands``.
    parameters : ProductParameters
    """
    if not parameters.enabled:
        return []
    band = next(iter(measured["bands"]), None)
    found = [
        number
        for number, row in enumerate(measured["rows"], start=1)
        if row["detection_likelihood"] >= parameters.min_likelihood
        and _enough(row.get(f"net_counts_{band}"), parameters.min_counts)
    ]
    return found[: parameters.most]


def _enough(counts: float | None, minimum: float) -> bool:
    # what could not be measured is not below a minimum of zero
    known = counts is not None and np.isfinite(counts)
    return minimum <= 0 or (known and counts >= minimum)  # type: ignore[operator]


def stack_folder(stack: str) -> str:
    """Return the folder of a stack, relative to that of all products.

    Examples
    --------
    >>> stack_folder("acis_754")
    'd8/acis_754'
    """
    return f"{hashlib.sha256(stack.encode()).hexdigest()[:2]}/{folder_name(stack)}"


def source_folder(stack: str, number: int) -> str:
    """Return the folder of a source, relative to that of its stack: a hundred are together.

    Examples
    --------
    >>> source_folder("acis_754", 101)
    '01/acis_754_0101'
    """
    return f"{(number - 1) // _IN_A_FOLDER:02d}/{folder_name(source_id(stack, number))}"


def product_path(stack: str, number: int) -> str:
    """Return the folder of a source, relative to the output folder of the run."""
    return f"{FOLDER}/{stack_folder(stack)}/{source_folder(stack, number)}"


def file_stem(observation: str, number: int) -> str:
    """Return how the names of a source's files of one observation begin."""
    return f"{folder_name(observation)}_{number:04d}"
