r"""When the events of a constant source are expected, and where in that the observed ones fall.

Of a constant source over a background the expected share of the counts up to a time is

.. math:: F(t) = (1 - w) \frac{\int^t e}{\int e} + w \frac{B(t)}{B}, \qquad w = k B / C

with e the effective exposure of the source, C counts in its region, B those of the background
region, B(t) how many of them came until t, and k their scale. What is tested with these phases is
therefore whether the *source* varies: a flare of the background is in B(t), and so in F.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ExposureHistory:
    """Effective exposure of one place as a function of time; p pieces in order of time.

    Attributes
    ----------
    start, stop : ndarray, shape (p,)
        Mission seconds; pieces do not overlap.
    area : ndarray, shape (p,)
        Effective area in them, in any unit; pieces without any may be left out.
    """

    start: np.ndarray
    stop: np.ndarray
    area: np.ndarray

    @property
    def total(self) -> float:
        """All of the exposure: seconds times the unit of the area."""
        return float(((self.stop - self.start) * self.area).sum())

    def until(self, time: np.ndarray) -> np.ndarray:
        """Return the exposure up to some times."""
        edges = np.stack([self.start, self.stop], axis=1).ravel()
        after = np.cumsum((self.stop - self.start) * self.area)
        values = np.stack([np.concatenate(([0.0], after[:-1])), after], axis=1).ravel()
        return np.interp(time, edges, values)

    def seen(self, time: np.ndarray) -> np.ndarray:
        """Tell which times lie in a piece with exposure, ends included."""
        seen = self.area > 0
        start, stop = self.start[seen], self.stop[seen]
        if not len(start):
            return np.zeros(len(time), bool)
        at = np.searchsorted(start, time, side="right") - 1
        return (at >= 0) & (time <= stop[np.maximum(at, 0)])


@dataclass(frozen=True)
class ArrivalPhases:
    """Phases of the events of one source, in order of time.

    Attributes
    ----------
    time : ndarray, shape (events,)
        Mission seconds.
    low, middle, high : ndarray, shape (events,)
        F before, in the middle of and after the event's frame.
    weight : float
        What an event counts for, 1 / (1 + w k): the expectation is itself of kB counts' error.
    background_share : float
        w, the expected share of background counts.
    """

    time: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    weight: float
    background_share: float


NO_PHASES = ArrivalPhases(np.empty(0), np.empty(0), np.empty(0), np.empty(0), 1.0, 0.0)


def arrival_phases(
    time: np.ndarray, background_time: np.ndarray, scale: float, history: ExposureHistory,
    frame_time: float = 0.0,
) -> ArrivalPhases:  # fmt: skip
    """Return where events fall in the expected counts of a constant source.

    Parameters
    ----------
    time, background_time : ndarray
        Of the events in the source region and in the background region, mission seconds, in any
        order; those at which the source was not seen are left out.
    scale : float
        Expected background counts in the source region a count in the background region; 0
        without one: the background is then taken as constant, as the source is.
    history : ExposureHistory
    frame_time : float
        s; times are taken as the middles of frames.

    Returns
    -------
    ArrivalPhases
        Empty where there was no exposure.

    Raises
    ------
    ValueError
        Times that are not finite, a negative or infinite scale.
    """
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError("the scale of the background is finite and not negative")
    if not (np.all(np.isfinite(time)) and np.all(np.isfinite(background_time))):
        raise ValueError("arrival times are finite")
    if not history.total > 0:
        return NO_PHASES
    time = np.sort(time[history.seen(time)])
    around = np.sort(background_time[history.seen(background_time)]) if scale > 0 else np.empty(0)
    share = min(1.0, scale * len(around) / len(time)) if len(time) else 0.0
    half = frame_time / 2 if np.isfinite(frame_time) else 0.0
    low, middle, high = (
        _expected(time + shift, around, share, history) for shift in (-half, 0.0, half)
    )
    return ArrivalPhases(time, low, middle, high, 1 / (1 + share * scale), share)


def _expected(
    time: np.ndarray, around: np.ndarray, share: float, history: ExposureHistory
) -> np.ndarray:
    exposure, total = history.until(time), history.total
    expected = exposure / total
    if share > 0:
        # between the background's events its rate is as constant as the exposure lets it be
        knots = np.concatenate(([0.0], history.until(around), [total]))
        number = np.concatenate(([0.0], np.arange(len(around)) + 0.5, [float(len(around))]))
        expected = (1 - share) * expected + share * np.interp(exposure, knots, number) / len(around)
    return np.asarray(np.clip(expected, 0, 1))


def mean_history(histories: Sequence[ExposureHistory]) -> ExposureHistory:
    """Return the mean exposure of several places, as of those in a region."""
    if len(histories) == 1:
        return histories[0]
    edges = np.unique(np.concatenate([e for h in histories for e in (h.start, h.stop)]))
    middle = (edges[1:] + edges[:-1]) / 2
    area = np.zeros(len(middle))
    for history in histories:
        if len(history.start):
            at = np.maximum(np.searchsorted(history.start, middle, side="right") - 1, 0)
            inside = (middle >= history.start[at]) & (middle < history.stop[at])
            area += np.where(inside, history.area[at], 0) / len(histories)
    seen = area > 0
    return ExposureHistory(edges[:-1][seen], edges[1:][seen], area[seen])
