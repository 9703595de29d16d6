r"""Light curves of simulated sources, relative to their mean flux over the good times.

With t from the start of the observation, before they are divided by their mean:

- ``constant``: 1
- ``sine``: :math:`1 + A \sin 2\pi (t / P + \phi)`
- ``flare``: 1 before the onset, :math:`1 + A e^{-(t - t_0) / \tau}` from it on
- ``step``: 1 before the onset, 1 + A from it on
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.good_times import GoodTimeIntervals

KINDS = ("constant", "sine", "flare", "step")
_CONSTANT, _SINE, _FLARE, _STEP = range(4)


@dataclass(frozen=True)
class LightCurves:
    """Light curves of s sources.

    Attributes
    ----------
    kind : ndarray of int, shape (s,)
        Place in `KINDS`.
    amplitude : ndarray, shape (s,)
        A.
    period, phase : ndarray, shape (s,)
        P in s and phi in cycles, of ``sine``.
    onset, decay : ndarray, shape (s,)
        In s, of ``flare`` and ``step``.
    """

    kind: np.ndarray
    amplitude: np.ndarray
    period: np.ndarray
    phase: np.ndarray
    onset: np.ndarray
    decay: np.ndarray

    @classmethod
    def constant(cls, number: int) -> LightCurves:
        """Return those of sources that do not vary."""
        zero, one = np.zeros(number), np.ones(number)
        return cls(np.zeros(number, dtype=int), zero, one, zero, zero, one)

    def join(self, other: LightCurves) -> LightCurves:
        """Return those of these sources and of others after them."""
        return LightCurves(*(
            np.concatenate([getattr(part, name) for part in (self, other)])
            for name in self.__dataclass_fields__
        ))  # fmt: skip

    def relative(self, source: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the flux of sources in units of that outside of what varies.

        Parameters
        ----------
        source : ndarray of int, shape (n,)
        time : ndarray, shape (n,)
            Seconds from the start of the observation.
        """
        kind, amplitude = self.kind[source], self.amplitude[source]
        since = time - self.onset[source]
        flux = np.ones(np.shape(time))
        sine, flare, step = kind == _SINE, kind == _FLARE, kind == _STEP
        cycles = (time / self.period[source] + self.phase[source])[sine]
        flux[sine] += amplitude[sine] * np.sin(2 * np.pi * cycles)
        burst = np.exp(-np.clip(since, 0, None) / self.decay[source]) * (since >= 0)
        flux[flare] += (amplitude * burst)[flare]
        flux[step] += (amplitude * (since >= 0))[step]
        return flux

    def highest(self) -> np.ndarray:
        """Return a bound of `relative`, shape (s,)."""
        return 1 + np.maximum(self.amplitude, 0)

    def mean(self, gti: GoodTimeIntervals) -> np.ndarray:
        """Return the mean of `relative` over good times, exactly, shape (s,)."""
        begin, every = gti.start[0], np.arange(len(self.kind))
        total = np.zeros(len(self.kind))
        for start, stop in zip(gti.start - begin, gti.stop - begin, strict=True):
            total += self.integral(every, np.full(len(every), stop))
            total -= self.integral(every, np.full(len(every), start))
        return np.asarray(total / gti.total)

    def integral(self, source: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the integral of `relative` up to times, but for a constant, shape (n,)."""
        kind, period, decay = self.kind[source], self.period[source], self.decay[source]
        since = np.clip(time - self.onset[source], 0, None)
        angle = 2 * np.pi * (time / period + self.phase[source])
        varying = np.select(
            [kind == _SINE, kind == _FLARE, kind == _STEP],
            [-np.cos(angle) * period / (2 * np.pi), -decay * np.expm1(-since / decay), since],
            0.0,
        )  # fmt: skip
        return np.asarray(time + self.amplitude[source] * varying)
