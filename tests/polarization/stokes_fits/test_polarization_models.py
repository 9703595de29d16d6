"""polconst, pollin and polpow: as XSPEC defines them, their Stokes parameters, angles folded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.polarization.spectra.polarization_models import (
    POLARIZATION_MODELS,
    folded_angle,
    stokes_factors,
)
from xsurvey.spectra.models.definitions import model_definitions

ENERGY = np.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize("name", POLARIZATION_MODELS)
def test_names_and_limits_are_those_of_xspec(name: str) -> None:
    own, theirs = POLARIZATION_MODELS[name].definition, model_definitions()[name]
    assert theirs.kind == own.kind == "mul"
    assert [p.name for p in own.parameters] == [p.name for p in theirs.parameters]
    for ours, xspec in zip(own.parameters, theirs.parameters, strict=True):
        assert (ours.default, ours.frozen) == (xspec.default, xspec.frozen)
        if "deg" not in ours.unit or "slope" in ours.name:
            assert (ours.hard_min, ours.hard_max) == (xspec.hard_min, xspec.hard_max)
        else:
            assert ours.hard_min <= xspec.hard_min < xspec.hard_max <= ours.hard_max


def test_laws_of_energy() -> None:
    def law(name: str, *values: float) -> tuple[np.ndarray, np.ndarray]:
        model, rows = POLARIZATION_MODELS[name], np.array([values])
        return tuple(
            np.broadcast_to(f(ENERGY, rows), (1, 3))[0] for f in (model.degree, model.angle)
        )  # type: ignore[return-value]

    degree, angle = law("polconst", 0.2, 30.0)
    assert np.allclose(degree, 0.2) and np.allclose(angle, 30)
    degree, angle = law("pollin", 0.1, 0.05, 20.0, -3.0)
    assert np.allclose(degree, [0.1, 0.15, 0.25])
    assert np.allclose(angle, [20, 17, 11])
    degree, angle = law("polpow", 0.1, -1.0, 40.0, 0.5)
    assert np.allclose(degree, [0.1, 0.2, 0.4])
    assert np.allclose(angle, 40 / np.sqrt(ENERGY))


@pytest.mark.parametrize(("angle", "q", "u"), [(0, 1, 0), (45, 0, 1), (90, -1, 0), (-45, 0, -1)])
def test_stokes_parameters_of_known_angles(angle: float, q: float, u: float) -> None:
    found = stokes_factors(POLARIZATION_MODELS["polconst"], ENERGY, np.array([[0.5, angle]]))
    assert np.allclose(found[0], 0.5 * q)
    assert np.allclose(found[1], 0.5 * u)


@given(st.floats(-1e4, 1e4))
def test_a_folded_angle_is_the_same_angle(angle: float) -> None:
    folded = folded_angle(angle)
    assert -90 < folded <= 90
    assert np.isclose(np.cos(np.radians(2 * (folded - angle))), 1)
