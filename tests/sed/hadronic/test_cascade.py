"""Cascades of pairs: energy, limits, and linearity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic import cascade
from xsurvey.sed.hadronic.cascade import SHARE, Cascade, PairCascade
from xsurvey.sed.particles.cooling import Losses, synchrotron_losses
from xsurvey.sed.radiation.synchrotron import field_energy

PAIRS, PHOTONS = LogGrid(1.0, 1e12, 10), LogGrid(1e-15, 1e12, 10)
CASCADE = PairCascade(PAIRS, PHOTONS)
NOTHING = np.zeros((1, len(PAIRS)))


def losses(b: np.ndarray, escape: float = 0.0) -> Losses:
    zero = np.zeros(len(b))
    return Losses(synchrotron_losses(field_energy(b)), zero, zero + escape)


def bump(grid: LogGrid, at: float) -> np.ndarray:
    """Return particles about one energy, with a power of one m_e c^2."""
    shape = np.exp(-0.5 * ((grid.ln - np.log(at)) / 0.5) ** 2)
    return (shape / (shape @ grid.nodes**2 * grid.step))[None]


def opaque(above: float) -> np.ndarray:
    return (1 / (1 + (PHOTONS.nodes / above) ** 2))[None]


def power_of(photons: np.ndarray) -> float:
    return float(photons[0] @ PHOTONS.nodes**2 * PHOTONS.step)


def solved(photons: np.ndarray, leaving: np.ndarray, b: float) -> Cascade:
    field = np.array([b])
    return CASCADE.solve(NOTHING, photons, leaving, losses(field), field)


@settings(max_examples=15, deadline=None)
@given(st.floats(4, 10), st.floats(-1, 2), st.floats(1, 5))
def test_what_is_injected_leaves(log10_eps: float, log10_b: float, log10_above: float) -> None:
    injected, leaving = bump(PHOTONS, 10**log10_eps), opaque(10**log10_above)
    found = solved(injected, leaving, 10**log10_b)
    all_photons = injected + found.photons
    born = CASCADE.made_by(all_photons * (1 - leaving))
    # what cools to rest keeps m_e c^2 for each particle
    at_rest = float(born[0] @ PAIRS.nodes * PAIRS.step)
    assert power_of(all_photons * leaving) + at_rest == pytest.approx(1, rel=1e-2)


def test_a_photon_makes_two_with_its_energy() -> None:
    made = CASCADE.made_by(bump(PHOTONS, 1e7))
    assert (made @ PAIRS.nodes**2)[0] * PAIRS.step == pytest.approx(1, rel=1e-3)
    number = (made @ PAIRS.nodes)[0] * PAIRS.step
    photons = (bump(PHOTONS, 1e7) @ PHOTONS.nodes)[0] * PHOTONS.step
    assert number == pytest.approx(2 * photons, rel=1e-3)
    peaks = PAIRS.nodes[1:-1][
        ((made[0] * PAIRS.nodes**2)[1:-1] > (made[0] * PAIRS.nodes**2)[:-2])
        & ((made[0] * PAIRS.nodes**2)[1:-1] > (made[0] * PAIRS.nodes**2)[2:])
    ]
    assert peaks[-1] == pytest.approx(SHARE * 1e7 * np.exp(0.5), rel=0.15)


def test_a_transparent_sphere_has_no_cascade() -> None:
    found = solved(bump(PHOTONS, 1e9), np.ones((1, len(PHOTONS))), 10.0)
    assert not found.photons.any()
    assert not found.pairs.any()
    assert found.generations == 1


def test_pairs_below_their_injection_have_the_index_of_cooling() -> None:
    # opaque only where photons are injected: one generation, whose photons leave
    found = solved(bump(PHOTONS, 1e9), opaque(1e8), 0.1)
    middle = (PAIRS.nodes > 1e2) & (PAIRS.nodes < 1e6)
    slope = np.gradient(np.log(found.pairs[0, middle]), PAIRS.ln[middle])
    assert slope == pytest.approx(-2, abs=1e-3)
    # and half a power less of photons: nu F_nu as nu^1/2
    eps = (PHOTONS.nodes > 1e-12) & (PHOTONS.nodes < 1e-5)
    slope = np.gradient(np.log(found.photons[0, eps]), PHOTONS.ln[eps])
    assert slope == pytest.approx(-1.5, abs=1e-2)


def test_generations_add_soft_photons() -> None:
    few = solved(bump(PHOTONS, 1e10), opaque(1e9), 10.0)
    many = solved(bump(PHOTONS, 1e10), opaque(1e1), 10.0)
    assert many.generations > few.generations
    hard = PHOTONS.nodes > 1e3
    leaving_few = (few.photons * opaque(1e9))[0, hard] @ PHOTONS.nodes[hard] ** 2
    leaving_many = (many.photons * opaque(1e1))[0, hard] @ PHOTONS.nodes[hard] ** 2
    assert leaving_many < 0.1 * leaving_few


def test_cascades_are_linear_and_walkers_independent() -> None:
    field = np.array([1.0, 30.0])
    photons = np.vstack([bump(PHOTONS, 1e8), 3 * bump(PHOTONS, 1e8)])
    pairs = np.vstack([bump(PAIRS, 1e9), 3 * bump(PAIRS, 1e9)])
    leaving = np.repeat(opaque(1e2), 2, axis=0)
    same = np.array([1.0, 1.0])
    together = CASCADE.solve(pairs, photons, leaving, losses(same, 1e-6), same)
    assert together.photons[1] == pytest.approx(3 * together.photons[0], rel=1e-6)
    both = CASCADE.solve(pairs, photons, leaving, losses(field, 1e-6), field)
    # the other row takes more generations in the stronger field, which this one does not see
    assert both.pairs[0] == pytest.approx(together.pairs[0], rel=1e-9)
    assert both.photons[0] == pytest.approx(together.photons[0], rel=1e-9)


@pytest.mark.parametrize("power", [1e-300, 1e-240, 1e-160])
def test_next_to_nothing_ends(power: float) -> None:
    # spectra have no zero: of less than that generations would be the same for ever
    assert solved(power * bump(PHOTONS, 1e4), opaque(1e-3), 1.0).generations < 20


def test_photons_have_no_more_energy_than_their_electrons() -> None:
    # gamma B of 1e17 G: classically photons of 1e3 times the energy of the electron
    field = np.array([1e6])
    found = CASCADE.solve(
        bump(PAIRS, 1e11), 0 * bump(PHOTONS, 1e11), opaque(1e2), losses(field), field
    )
    highest = PHOTONS.nodes[found.photons[0] > 0].max()
    assert highest == pytest.approx(4.414e13 / 1e6, rel=0.25)
    assert power_of(found.photons * opaque(1e2)) == pytest.approx(1, rel=2e-2)


def test_a_cascade_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "_MOST", 1)
    with pytest.raises(RuntimeError, match="does not end after 1"):
        solved(bump(PHOTONS, 1e10), opaque(1e1), 10.0)
