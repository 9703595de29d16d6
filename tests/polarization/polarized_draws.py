"""Simulated vectors of events for tests of likelihoods."""

import numpy as np

from xsurvey.polarization.unbinned.polarized_points import PolarizedPoints


def stokes_of_events(
    generator: np.random.Generator, modulation: np.ndarray, degree: float, angle: float = 30.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return q, u of events with modulation factors, polarized by a degree at an angle (deg)."""
    phase = generator.uniform(0, 2 * np.pi, len(modulation))
    stays = (1 + modulation * degree * np.cos(phase)) / 2
    phase += np.pi * (generator.random(len(modulation)) > stays) + 2 * np.radians(angle)
    return 2 * np.cos(phase), 2 * np.sin(phase)


def simulated(
    seed: int, sets: int, events: int, degree: float, angle: float = 30.0,
    low: float = 0.13, high: float = 0.55,
) -> PolarizedPoints:  # fmt: skip
    """Return sets of events of uniformly distributed modulation factors."""
    generator = np.random.default_rng(seed)
    mu = generator.uniform(low, high, sets * events)
    q, u = stokes_of_events(generator, mu, degree, angle)
    return PolarizedPoints.of_events(np.repeat(np.arange(sets), events), sets, q, u, mu)
