"""Observations of one field of the sky: combined for detection, kept apart for measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid


@dataclass(frozen=True)
class Stack:
    """Observations by one mission of one field.

    Attributes
    ----------
    name : str
        Key of the stack in tables and of its tasks.
    names : tuple of str
        Of the observations, in order.
    fields : tuple of Field
        The observations; each has its own grid, exposure, PSF and background.
    grid : ImageGrid
        Of the combined images; of a single observation its own.
    owns : callable or None
        Tells which ICRS positions (ra, dec arrays, degrees) belong to this stack and not to one
        beside it that overlaps; None where there is none. Where tiles are compared in the catalog
        it holds a strip of the neighbours' too.
    core : callable or None
        The same without the strip: no place belongs to two stacks.
    """

    name: str
    names: tuple[str, ...]
    fields: tuple[Field, ...]
    grid: ImageGrid
    owns: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    core: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def single_stack(name: str, field: Field) -> Stack:
    """Return the stack of one observation, on its own grid."""
    return Stack(name, (name,), (field,), field.grid)
