"""Sums of events drawn for the tests of polarization."""

import numpy as np

from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.modulation import Modulation

CHANNELS = 20


def toy_modulation(detectors: int = 2, seed: int = 1) -> Modulation:
    """Channels of .5 keV from 1 to 11 keV whose factors rise and whose areas fall."""
    generator = np.random.default_rng(seed)
    energy = 1.25 + 0.5 * np.arange(CHANNELS)
    scatter = generator.uniform(0.9, 1.1, (2, detectors, 1))
    return Modulation(
        np.arange(1, detectors + 1), energy, np.linspace(0.15, 0.6, CHANNELS) * scatter[0],
        np.linspace(25, 5, CHANNELS) * scatter[1], np.arange(CHANNELS), name="toy",
    )  # fmt: skip


def draw(
    number: int, modulation: Modulation, degree: float = 0.0, angle: float = 0.0, seed: int = 1,
    weighted: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw events: their place, q, u and weight."""
    generator = np.random.default_rng(seed)
    place = generator.integers(0, modulation.factor.size, number)
    phase = generator.uniform(0, 2 * np.pi, number)
    m = degree * modulation.factor.ravel()[place]
    phase += np.pi * (generator.random(number) > (1 + m * np.cos(phase)) / 2)
    phase += 2 * np.radians(angle)
    return {
        "place": place, "q": 2 * np.cos(phase), "u": 2 * np.sin(phase),
        "weight": generator.uniform(0.1, 1.5, number) if weighted else np.ones(number),
    }  # fmt: skip


def sums_of(events: dict[str, np.ndarray], modulation: Modulation) -> ChannelSums:
    """Sum events."""
    shape = modulation.factor.shape
    return ChannelSums.of_events(events["place"], events["q"], events["u"], events["weight"], shape)
