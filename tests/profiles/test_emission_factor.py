"""Emission factors of radii from those of annuli: closed forms of power laws, and errors."""

from typing import Any

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.composition import composition
from xsurvey.galaxy_clusters.emission import emission_measure_factor
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.profiles.emission_factor import EmissionFactor, FactorPrior

SHELLS = np.concatenate(([0.0], np.geomspace(0.05, 60, 300)))
MIDDLE = np.sqrt(SHELLS[1:] * np.maximum(SHELLS[:-1], 0.25 * SHELLS[1:]))
EMISSIVITY = (1 + (MIDDLE / 2) ** 2) ** -2.0
RINGS = np.array([0.0, 1.5, 3.0, 5.5, 9.0, 14.0, 20.0])


def reciprocal(radius: np.ndarray) -> np.ndarray:
    """Return the emission measure of a count of gas that has fewer metals farther out."""
    return np.asarray(0.7 * radius**0.15)


def seen(u: np.ndarray, shells: bool = False) -> np.ndarray:
    """Return the emission measure of each annulus, or shell, over its counts."""
    if shells:
        edges = np.clip(SHELLS, RINGS[:-1, None], RINGS[1:, None])
        volume = np.diff(edges**3, axis=1)
    else:
        volume = projected_volumes(RINGS, SHELLS)
    return np.asarray(volume @ (EMISSIVITY * u) / (volume @ EMISSIVITY))


def factor(u: np.ndarray, error: float | np.ndarray = 0.0, shells: bool = False) -> EmissionFactor:
    covariance = np.diag(np.broadcast_to(np.square(error), u.shape))
    return EmissionFactor(RINGS[:-1], RINGS[1:], 1 / u, covariance, shells)


@pytest.mark.parametrize("shells", [False, True])
def test_what_is_seen_behind_annuli_is_taken_apart(shells: bool) -> None:
    radius = np.geomspace(0.9, 18, 30)
    found = factor(seen(reciprocal(MIDDLE), shells), shells=shells)
    likely, drawn = found.samples(radius, SHELLS, EMISSIVITY, 400)
    away = np.log(likely * reciprocal(radius))
    assert np.abs(away).max() < 0.02
    assert drawn.shape == (400, 30)
    # draws agree with what the annuli are known to
    assert np.abs(np.log(drawn * reciprocal(radius)).mean(axis=0)).max() < 0.02


def test_taking_annuli_for_shells_at_their_middles_would_be_wrong() -> None:
    middles = 0.5 * (RINGS[1:] + RINGS[:-1])
    assert seen(reciprocal(MIDDLE))[0] / reciprocal(middles)[0] > 1.08
    assert np.all(seen(reciprocal(MIDDLE)) > 1.01 * reciprocal(middles))


def test_a_constant_stays_one_and_a_common_error_is_its_error() -> None:
    u = np.full(6, 0.5)
    found = EmissionFactor(RINGS[:-1], RINGS[1:], 1 / u, np.full((6, 6), 0.1**2))
    radius = np.array([1.5, 3.0, 6.0, 15.0])
    likely, drawn = found.samples(radius, SHELLS, EMISSIVITY, 20_000, seed=3)
    assert likely == pytest.approx(2.0, rel=1e-6)
    relative = 1 / drawn / 0.5
    assert relative.mean(axis=0) == pytest.approx(1.0, abs=0.005)
    # a little more: differences of annuli are known to half a per cent
    assert np.all((relative.std(axis=0) > 0.098) & (relative.std(axis=0) < 0.105))
    assert np.corrcoef(relative.T).min() > 0.9


def test_annuli_that_say_little_follow_their_neighbours() -> None:
    u = seen(reciprocal(MIDDLE))
    error = np.array([0.02, 0.02, 0.02, 0.02, 0.02, 0.5])
    off = u.copy()
    off[-1] *= 0.4
    radius = np.array([2.0, 17.0])
    likely, drawn = factor(off, error).samples(radius, SHELLS, EMISSIVITY, 4000, seed=1)
    assert abs(np.log(likely[0] * reciprocal(radius)[0])) < 0.03
    assert abs(np.log(likely[1] * reciprocal(radius)[1])) < 0.1 < abs(np.log(off[-1] / u[-1]))
    spread = np.log(drawn).std(axis=0)
    assert spread[1] > 1.05 * spread[0] > 0.01
    # and less where the profile is known to be smoother
    stiff = factor(off, error).samples(
        radius, SHELLS, EMISSIVITY, 4000, 1, FactorPrior(spread=0.1, length=6.0)
    )[1]
    assert np.log(stiff).std(axis=0)[1] < 0.8 * spread[1]


def test_intervals_hold_profiles_of_the_prior() -> None:
    generator, prior = np.random.default_rng(8), FactorPrior()
    distance = (np.log(MIDDLE)[:, None] - np.log(MIDDLE)) / prior.length
    covariance = prior.spread**2 * np.exp(-(distance**2) / 2)
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(MIDDLE)))
    at = [120, 200, 250]
    inside = []
    for trial in range(150):
        u = np.maximum(1 + root @ generator.standard_normal(len(MIDDLE)), 0.2)
        measured = seen(u) * (1 + 0.05 * generator.standard_normal(6))
        drawn = factor(measured, 0.05).samples(MIDDLE[at], SHELLS, EMISSIVITY, 400, trial)[1]
        share = (1 / drawn < u[at]).mean(axis=0)
        inside.append(np.abs(share - 0.5) < 0.3415)
    assert np.mean(inside) == pytest.approx(0.683, abs=0.08)


def test_no_gas_emits_nothing_or_less() -> None:
    u = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.01])
    _, drawn = factor(u, 1.0).samples(np.array([1.0, 18.0]), SHELLS, EMISSIVITY, 5000)
    assert np.all(np.isfinite(drawn) & (drawn > 0))
    dark = factor(np.ones(6)).samples(np.array([1.0]), SHELLS, -EMISSIVITY, 5)[0]
    assert dark == pytest.approx(1.0)


def spectral(values: list[float | None]) -> dict[str, Any]:
    covariance = [[0.01 if i == j and v is not None else None if v is None else 0.0
                   for j in range(len(values))] for i, v in enumerate(values)]  # fmt: skip
    return {
        "annuli": [{"inner_arcmin": float(i), "outer_arcmin": i + 1.0} for i in range(len(values))],
        "brightness_per_norm": {"value": values, "relative_covariance": covariance},
        "deprojected": False,
    }  # fmt: skip


def test_of_a_record() -> None:
    gas = composition()
    found = EmissionFactor.read(spectral([3.0, None, 2.0]), 0.1, gas)
    assert found.inner.tolist() == [0.0, 2.0] and found.outer.tolist() == [1.0, 3.0]
    exact = emission_measure_factor(np.array([3.0, 2.0]), 0.1, gas.electrons_per_hydrogen)
    assert np.allclose(found.value, exact)
    assert np.allclose(found.covariance, 0.01 * np.eye(2)) and not found.shells
    with pytest.raises(InputError, match="temperature"):
        EmissionFactor.read(spectral([None, None]), 0.1, gas)
