"""Stokes parameters of models with a uniform field or cells, and of SSC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sed.toy_model import TRUTH, PolarizedHumps, TwoHumps
from xsurvey.errors import ParameterError
from xsurvey.sed.models import ssc_polarization
from xsurvey.sed.models.polarized import PolarizedSource, polarized_source
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.polarization.synchrotron import power_law_degree

FULL = np.append(TRUTH, 1.0)
FREQUENCIES = np.array([1e12, 1e17, 1e21, 1e26])


def ssc(p: float, inclination: float, angle: float, factor: float) -> np.ndarray:
    """Parameters of a power law of electrons."""
    return np.array([-2.0, p, 100.0, 1e5, 20.0, -1.0, 86400.0, inclination, angle, factor])


def test_degrees_of_a_power_law() -> None:
    """Westfold's degree of synchrotron light, and of scattered light the published part of it."""
    source = polarized_source(radiative_model("ssc", electrons="power-law", redshift=0.1))
    rows = np.array([ssc(2.0, 90, 30, 1), ssc(2.0, 60, -50, 0.2), ssc(2.0, 30, -50, 1)])
    light = source.stokes(rows, np.array([1e12, 1e13, 1e20]))
    degree = power_law_degree(np.array(2.0))
    np.testing.assert_allclose(light.degree[:, 0], degree * np.array([1, 0.2, 1]), rtol=3e-3)
    np.testing.assert_allclose(light.angle_deg, [[30] * 3, [-50] * 3, [-50] * 3], atol=1e-9)
    ratio = light.degree[:, 2] / degree / rows[:, -1]
    np.testing.assert_allclose(ratio, [0.518, 0.395, 0.136], rtol=0.1)
    sum_of_parts = sum(source.components(rows, np.array([1e13])).values())
    np.testing.assert_allclose(light.i[:, 1:2], sum_of_parts, rtol=2e-5)


def test_sums_in_closed_form() -> None:
    source = polarized_source(PolarizedHumps())
    row = np.append(FULL, [30.0, 20.0, 0.5])[None, :]
    first, second = TwoHumps().components(FULL[None, :], FREQUENCIES).values()
    expected = 0.5 * 0.7 * (first + 0.25 * second) / (first + second)
    light = source.stokes(row, FREQUENCIES)
    np.testing.assert_allclose(light.degree, expected, rtol=1e-12)
    assert source.derived(row)["equivalent_cells"] == pytest.approx(4)


def test_what_is_not_possible_has_no_value() -> None:
    source = polarized_source(radiative_model("ssc", electrons="power-law", redshift=0.1))
    rows = np.array([ssc(2, 60, 0, 1), ssc(2, 60, 0, 1)])
    rows[1, 2] = 1e6  # gamma_min above gamma_max
    light = source.stokes(rows, np.array([1e13, 1e20]))
    assert np.isfinite(light.q[0]).all()
    assert np.isnan(light.q[1]).all()
    alone = source.stokes(rows[:1], np.array([1e13, 1e20]))
    np.testing.assert_allclose(light.q[:1], alone.q, rtol=2e-5)


@settings(max_examples=30, deadline=None)
@given(
    angle=st.floats(-180, 180), turn=st.floats(-90, 90), factor=st.floats(1e-3, 1),
    inclination=st.floats(1, 90),
)  # fmt: skip
def test_turning_the_source_turns_its_light(
    angle: float, turn: float, factor: float, inclination: float
) -> None:
    """Fluxes stay, Q + iU turns by twice the angle, and degrees follow the depolarization."""
    source = polarized_source(PolarizedHumps())
    rows = np.array([
        np.append(FULL, [inclination, angle, 1.0]),
        np.append(FULL, [inclination, angle + turn, factor]),
    ])  # fmt: skip
    light = source.stokes(rows, FREQUENCIES)
    assert np.array_equal(light.i[0], light.i[1])
    one, other = light.q + 1j * light.u
    np.testing.assert_allclose(
        other, factor * one * np.exp(2j * np.radians(turn)), rtol=1e-9, atol=1e-12 * light.i.max()
    )


def test_parameters_that_are_added() -> None:
    plain = TwoHumps.parameters
    free = polarized_source(PolarizedHumps(), angle_deg=80.4)
    assert free.parameters[: len(plain)] == plain
    inclination, angle, factor = free.parameters[len(plain) :]
    assert (inclination.minimum, inclination.maximum) == (1, 90)
    assert (angle.minimum, angle.value, angle.maximum, angle.free) == (-10, 80, 170, True)
    assert (factor.maximum, factor.free) == (1, True)
    uniform = PolarizedSource(PolarizedHumps(), cells=1)
    assert (uniform.parameters[-1].value, uniform.parameters[-1].frozen) == (1, True)
    assert uniform.parameters[-2].frozen  # angles are no data
    cells = PolarizedSource(PolarizedHumps(), cells=25)
    assert cells.parameters[-1].value == pytest.approx(0.2)
    assert str(cells.parameters[-1].prior).startswith("random-cells:25")


def test_a_model_without_polarization_is_refused() -> None:
    with pytest.raises(ParameterError, match="two-humps has no degrees of polarization"):
        polarized_source(TwoHumps())


def test_light_from_outside_has_no_polarization() -> None:
    """External Compton emission and the torus add to fluxes alone."""
    model = radiative_model("external-compton", redshift=0.1, targets=("torus",))
    plain = radiative_model("ssc", redshift=0.1)
    added = [60.0, 10.0, 0.5]
    row = np.append([p.value for p in model.parameters], added)[None, :]
    jet = np.append([p.value for p in plain.parameters], added)[None, :]
    frequencies = np.array([1e12, 1e14, 1e17, 1e20])
    light = polarized_source(model).stokes(row, frequencies)
    alone = polarized_source(plain).stokes(jet, frequencies)
    np.testing.assert_allclose(light.q, alone.q, rtol=1e-4)
    np.testing.assert_allclose(light.u, alone.u, rtol=1e-4)
    assert np.all(light.i > alone.i)
    assert np.all(light.degree < alone.degree)


def test_degrees_on_a_finer_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    source = polarized_source(radiative_model("ssc", redshift=0.1))
    low = np.array([-3, 1.5, 3, 3, 10, 1e5, 10, -2, 86400, 10, 0, 1])
    high = np.array([-2, 2.5, 4.5, 4.5, 300, 1e6, 30, 0, 86400, 90, 0, 1])
    rows = np.random.default_rng(4).uniform(low, high, (12, 12))
    frequencies = np.geomspace(1e12, 1e22, 41)
    usual = source.stokes(rows, frequencies).normalised[0]
    monkeypatch.setattr(ssc_polarization, "_PER_DECADE", 20)
    ssc_polarization._kernels.cache_clear()
    finer = source.stokes(rows, frequencies).normalised[0]
    ssc_polarization._kernels.cache_clear()
    assert 0 < np.quantile(np.abs(usual - finer), 0.99) < 1e-3
