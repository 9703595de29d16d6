import numpy as np
import pytest

from xsurvey.polarization.variation.constancy import constancy
from xsurvey.polarization.variation.constancy_trials import modulated_angles
from xsurvey.polarization.variation.phases import phase_sums, pulse_phase

FREQUENCY, FIRST, SECOND = 6.6, -6.7e-11, 2e-21


def test_phases_are_those_of_the_closed_form() -> None:
    time = np.array([0.0, 1.0, 1e5, -3.3e6, 1e8])
    exact = [
        (FREQUENCY * t + FIRST * t**2 / 2 + SECOND * t**3 / 6) % 1 for t in map(np.longdouble, time)
    ]
    found = pulse_phase(time + 7.0, FREQUENCY, 7.0, (FIRST, SECOND))
    away = (found - np.array(exact, float) + 0.5) % 1 - 0.5
    assert np.abs(away).max() < 1e-6
    assert np.all((found >= 0) & (found < 1))


def test_a_cycle_is_one_turn() -> None:
    time = np.arange(20) / FREQUENCY
    phase = pulse_phase(time, FREQUENCY, 0.0)
    assert np.minimum(phase, 1 - phase) == pytest.approx(np.zeros(20), abs=1e-12)
    assert pulse_phase(np.array([-1e-20]), 1.0, 0.0)[0] == 0.0


def pulsar(swing: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return phases, q, u and modulation factors; the angle swings with phase by so much."""
    generator = np.random.default_rng(seed)
    phase = pulse_phase(generator.uniform(0, 5e4, 60_000), FREQUENCY, 0.0, (FIRST,))
    mu = generator.uniform(0.2, 0.5, len(phase))
    angle = np.radians(2 * swing * np.sin(2 * np.pi * phase))
    phi = modulated_angles(mu * 0.4, phase.shape, generator) + angle
    return phase, 2 * np.cos(phi), 2 * np.sin(phi), mu


def test_polarization_by_phase_is_found_and_tested() -> None:
    found = []
    for swing in (0.0, 40.0):
        phase, q, u, mu = pulsar(swing, 3)
        sums = phase_sums(phase, q, u, 8, modulation=mu)
        assert sums.counts.sum() == 60_000
        x, y, covariance = sums.normalised()
        found.append(constancy(x, y, covariance))
        middle = np.radians(2 * swing * np.sin(2 * np.pi * sums.centre))
        # within a bin the angle moves: less than a tenth of the polarization is lost
        away = np.stack([x - 0.4 * np.cos(middle), y - 0.4 * np.sin(middle)], axis=-1)
        chi2 = np.einsum("ni,nij,nj->n", away, np.linalg.inv(covariance), away)
        assert chi2.sum() < (40 if swing == 0 else 150)
    assert np.exp(found[0].log_probability) > 1e-3
    assert found[1].significance > 8


def test_part_of_a_cycle_and_bad_input() -> None:
    phase, q, u, mu = pulsar(0.0, 1)
    part = phase_sums(phase, q, u, np.array([0.2, 0.5]), modulation=mu)
    assert part.counts[0] == np.sum((phase >= 0.2) & (phase < 0.5))
    with pytest.raises(ValueError, match="0 to 1"):
        phase_sums(phase, q, u, np.array([0.0, 1.5]))
    for bad in ((0.0, 0.0), (-1.0, 0.0), (np.nan, 0.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="finite"):
            pulse_phase(phase, *bad)
