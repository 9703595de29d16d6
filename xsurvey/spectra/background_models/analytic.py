"""Background of an instrument as a sum of smooth shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.spectra.background_models.base import parameter_batch
from xsurvey.spectra.background_models.shapes import Shape

LEAST_ENERGY = 1e-3
"""keV. Channels, or parts of them, below it hold nothing: power laws diverge at zero."""


class AnalyticBackground:
    """A sum of shapes over detector channels; a `BackgroundModel`.

    Parameters
    ----------
    shapes : sequence of Shape
        Of `shapes`: ``PowerLaw()``, ``BrokenPowerLaw()``, ``Exponential()``, ``GaussianLine()``.
        Parameters are named ``powerlaw.index``, of a second power law ``powerlaw_2.index``.
    energy_low, energy_high : ndarray, shape (n,)
        Nominal energies of the channels (EBOUNDS), keV; with ``fold`` those of the photons.
    exposure : float
        s.
    fold : callable, optional
        From rates in photon energies (b, n) to rates in channels (b, m), for background that passes
        the mirrors. Instrument background does not, and is not folded.

    Raises
    ------
    ParameterError
        No shapes, energies that do not make channels, or an exposure that is not positive.
    """

    def __init__(
        self, shapes: Sequence[Shape], energy_low: np.ndarray, energy_high: np.ndarray,
        exposure: float, fold: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        low, high = np.asarray(energy_low, float), np.asarray(energy_high, float)
        if not shapes:
            raise ParameterError("background model", "has no shapes", "give one or more")
        if low.ndim != 1 or low.shape != high.shape or not np.all(high > low):
            raise ParameterError(
                "background model", "has channels whose energies do not ascend",
                "give lower and upper energies of the same channels",
            )  # fmt: skip
        if not (np.isfinite(exposure) and exposure > 0):
            raise ParameterError("exposure of the background", "is not positive", "give it in s")
        self.shapes = tuple(shapes)
        self.exposure = float(exposure)
        self._low, self._high = (np.maximum(e, LEAST_ENERGY) for e in (low, high))
        self._fold = fold
        described = [
            (f"{label}.{p.name}", p)
            for label, shape in zip(_labels(self.shapes), self.shapes, strict=True)
            for p in shape.parameters
        ]
        self.names = tuple(name for name, _ in described)
        self.units = tuple(p.unit for _, p in described)
        self.defaults = np.array([p.default for _, p in described])
        self.bounds = np.array([(p.low, p.high) for _, p in described])

    def evaluate(self, parameters: np.ndarray) -> np.ndarray:
        """Return counts in each channel, shape (b, n)."""
        batch = parameter_batch(parameters, self.names)
        rate = np.zeros((len(batch), self._low.size))
        start = 0
        for shape in self.shapes:
            stop = start + len(shape.parameters)
            rate += shape.rate(batch[:, start:stop], self._low, self._high)
            start = stop
        return self.exposure * (rate if self._fold is None else self._fold(rate))


def _labels(shapes: Sequence[Shape]) -> list[str]:
    seen: dict[str, int] = {}
    labels = []
    for shape in shapes:
        seen[shape.name] = seen.get(shape.name, 0) + 1
        number = seen[shape.name]
        labels.append(shape.name if number == 1 else f"{shape.name}_{number}")
    return labels
