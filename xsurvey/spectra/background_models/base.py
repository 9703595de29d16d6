"""What every background model offers to a joint fit."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class BackgroundModel(Protocol):
    """Expected counts of a background spectrum, channel by channel.

    Instrument background does not pass the mirrors: models are in detector channels and are not
    folded with a response unless they say so.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p parameters."""
        ...

    @property
    def defaults(self) -> np.ndarray:
        """Values to start from, shape (p,)."""
        ...

    @property
    def bounds(self) -> np.ndarray:
        """Least and greatest values, shape (p, 2)."""
        ...

    def evaluate(self, parameters: np.ndarray) -> np.ndarray:
        """Return counts in the background region, shape (b, n), of parameters (b, p)."""
        ...


def parameter_batch(parameters: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return ``parameters`` as floats of shape (b, p); one set makes a batch of one.

    Raises
    ------
    ValueError
        There are not as many as ``names``.
    """
    batch = np.atleast_2d(np.asarray(parameters, float))
    if batch.ndim != 2 or batch.shape[1] != len(names):
        raise ValueError(f"parameters of shape {batch.shape} for {', '.join(names)}")
    return batch
