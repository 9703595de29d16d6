"""Detectors that move over the sky; places are offsets in arcsec from the field's centre."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xsurvey.missions import Mission
from xsurvey.missions.base import Detector
from xsurvey.simulate.motion import Motion, rotated

Events = dict[str, np.ndarray]


class Camera:
    """Detectors of a mission, all if not told which, behind a moving telescope."""

    def __init__(
        self, mission: Mission, motion: Motion, detectors: Sequence[Detector] | None = None
    ) -> None:
        self.mission = mission
        self.motion = motion
        self.detectors = mission.detectors() if detectors is None else detectors

    def offsets(self, place: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return places relative to the optical axis before the roll, shape (n, 2)."""
        return rotated(place - self.motion.axis(time), -self.motion.roll)

    def sees(self, place: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Tell which places, shape (n, 2), are on a detector at some times."""
        offset = self.offsets(place, time)
        seen = np.zeros(len(time), dtype=bool)
        for detector in self.detectors:
            seen |= detector.sees(*offset.T)
            if self.mission.coaligned:  # the others see the same
                break
        return seen

    def uniform(
        self, detector: Detector, count: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw places on what of a detector sees the sky.

        Returns
        -------
        place : ndarray, shape (count, 2)
            Detector pixels.
        offset : ndarray, shape (count, 2)
            Arcsec from the optical axis before the roll.
        """
        size = np.array([detector.width, detector.height])
        place = generator.random((count, 2)) * size
        offset = on_detector(detector, place)
        # the corners of a square do not see the sky through a round field
        while not (seen := detector.sees(*offset.T)).all():
            place[~seen] = generator.random((np.count_nonzero(~seen), 2)) * size
            offset = on_detector(detector, place)
        return place, offset

    def on_sky(self, offset: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the places on the sky of offsets from the optical axis, shape (n, 2)."""
        return rotated(offset, self.motion.roll) + self.motion.axis(time)

    def recorded(
        self, time: np.ndarray, place: np.ndarray, energy: np.ndarray,
        generator: np.random.Generator,
    ) -> Events:  # fmt: skip
        """Return the photons that fall on a detector; of coaligned ones each takes its share."""
        number, pixel = self.land(time, place, generator)
        hit = number >= 0
        return events_of(time[hit], place[hit], energy[hit], number[hit], pixel[hit])

    def land(
        self, time: np.ndarray, place: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the detector, -1 for none, and the place on it, shape (n, 2) in its pixels."""
        offset = self.offsets(place, time)
        number = np.full(len(time), -1)
        pixel = np.zeros((len(time), 2))
        if self.mission.coaligned:
            chosen = generator.integers(0, len(self.detectors), len(time))
        for index, detector in enumerate(self.detectors):
            inside = detector.sees(*offset.T)
            if self.mission.coaligned:
                inside &= chosen == index
            number[inside] = detector.number
            local = (offset[inside] - [detector.x, detector.y]) / detector.pixel
            pixel[inside] = local + np.array([detector.width, detector.height]) / 2
        return number, pixel


def on_detector(detector: Detector, place: np.ndarray) -> np.ndarray:
    """Return the offsets from the optical axis, arcsec, of pixels of a detector, shape (n, 2)."""
    size = np.array([detector.width, detector.height])
    return np.asarray((place - size / 2) * detector.pixel + np.array([detector.x, detector.y]))


def events_of(
    time: np.ndarray, sky: np.ndarray, energy: np.ndarray, detector: int | np.ndarray,
    place: np.ndarray, origin: int | np.ndarray = 0,
) -> Events:  # fmt: skip
    """Return events by column; x and y are still offsets in arcsec."""
    return {
        "time": time, "x": sky[:, 0], "y": sky[:, 1], "energy": energy,
        "detector": np.broadcast_to(detector, time.shape).astype(np.int16),
        "detector_x": place[:, 0], "detector_y": place[:, 1],
        "origin": np.broadcast_to(origin, time.shape).astype(np.int32),
    }  # fmt: skip


def in_field(events: Events, half: float) -> Events:
    """Return the events within half a side of the field, in arcsec."""
    inside = (np.abs(events["x"]) <= half) & (np.abs(events["y"]) <= half)
    return {name: values[inside] for name, values in events.items()}
