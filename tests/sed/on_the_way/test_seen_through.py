"""Models behind screens and beside a host galaxy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sed.toy_model import TRUTH, TwoHumps
from xsurvey.errors import InputError
from xsurvey.sed.on_the_way.seen_through import SeenThrough, WithHost
from xsurvey.sed.tables.table import read_template

THETA = np.vstack([np.append(TRUTH, 1.0), np.append(TRUTH + 0.1, 1.0)])
NU = np.geomspace(1e10, 1e27, 40)
TEMPLATE = np.array([1e14, 1e15]), np.array([1e-11, 1e-10])


class Fraction:
    """A screen that leaves a fraction, above a frequency."""

    def __init__(self, left: float, above: float) -> None:
        self.left, self.above = left, above

    def transmission(self, frequencies: np.ndarray) -> np.ndarray:
        return np.where(frequencies > self.above, self.left, 1.0)


@given(left=st.floats(0, 1), other=st.floats(0, 1), above=st.floats(1e10, 1e27))
def test_screens_multiply(left: float, other: float, above: float) -> None:
    bare = TwoHumps().components(THETA, NU)
    seen = SeenThrough(TwoHumps(), [Fraction(left, above), Fraction(other, 1e9)])
    for name, flux in seen.components(THETA, NU).items():
        assert flux == pytest.approx(bare[name] * other * np.where(above < NU, left, 1), rel=1e-12)


def test_what_is_kept_is_of_its_frequencies() -> None:
    """Also where the caller changes an array that it gave before."""
    seen, nu = SeenThrough(TwoHumps(), [Fraction(0.5, 1e20)]), NU.copy()
    for frequencies in (nu, nu[::2], nu):
        expected = SeenThrough(TwoHumps(), [Fraction(0.5, 1e20)]).components(THETA, frequencies)
        for name, flux in seen.components(THETA, frequencies).items():
            assert np.array_equal(flux, expected[name])
    nu *= 1e4
    changed = seen.components(THETA, nu)["compton"]
    assert changed == pytest.approx(
        TwoHumps().components(THETA, nu)["compton"] * np.where(nu > 1e20, 0.5, 1)
    )


def test_what_stays_the_same() -> None:
    model = TwoHumps()
    seen = SeenThrough(model, [Fraction(0.5, 1e9)])
    assert seen.parameters == model.parameters
    assert (seen.notes, seen.redshift, seen.distance) == (model.notes, 0.1, model.distance)
    assert seen.derived(THETA)["second_peak"].tolist() == model.derived(THETA)[
        "second_peak"].tolist()  # fmt: skip


def test_a_host_is_a_component_with_a_norm() -> None:
    model = WithHost(TwoHumps(), *TEMPLATE)
    assert [p.name for p in model.parameters][-2:] == ["width", "log10_host"]
    theta = np.column_stack([THETA, [0.0, np.log10(2)]])
    nu = np.array([9e13, 1e14, 10**14.5, 1e15, 2e15])
    parts = model.components(theta, nu)
    expected = np.array([0, 1e-11, 10**-10.5, 1e-10, 0])
    assert parts["host"] == pytest.approx(np.array([expected, 2 * expected]), rel=1e-9)
    bare = TwoHumps().components(THETA, nu)
    assert all(np.array_equal(parts[name], bare[name]) for name in bare)
    assert model.derived(theta)["second_peak"] == pytest.approx(10 ** (THETA[:, 1] + THETA[:, 4]))


class Polarized(TwoHumps):
    """Degrees that tell which parameters came."""

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        assert theta.shape[1] == len(self.parameters)
        return {"synchrotron": np.outer(inclination_deg / 90 * theta[:, -1], frequencies / 1e27)}


def test_degrees_of_polarization_are_those_of_the_model() -> None:
    model = SeenThrough(WithHost(Polarized(), *TEMPLATE), [Fraction(0.5, 1e9)])
    theta = np.column_stack([THETA, [0.0, 1.0]])
    inclination = np.array([30.0, 60.0])
    degrees = model.degrees(theta, NU, inclination)
    assert list(degrees) == ["synchrotron"]
    expected = Polarized().degrees(THETA, NU, inclination)
    assert np.array_equal(degrees["synchrotron"], expected["synchrotron"])
    assert not hasattr(SeenThrough(WithHost(TwoHumps(), *TEMPLATE), []), "degrees")


@pytest.mark.parametrize("norm", [np.nan, 7.0, -7.0, 1e4])
def test_no_value_outside_the_limits(norm: float) -> None:
    theta = np.column_stack([THETA, [norm, 0.0]])
    host = WithHost(TwoHumps(), *TEMPLATE).components(theta, NU)["host"]
    assert np.isnan(host[0]).all()
    assert np.isfinite(host[1]).all()


def test_templates_are_tables_without_errors(tmp_path: Path) -> None:
    file = tmp_path / "host.csv"
    file.write_text("wavelength [um],flux [mJy]\n1,2\n3,1\n2,4\n")
    frequency, flux = read_template(file)
    assert frequency == pytest.approx(2.99792458e14 / np.array([3, 2, 1]))
    assert flux == pytest.approx(frequency * np.array([1, 4, 2]) * 1e-26)


@pytest.mark.parametrize(("rows", "message"), [
    ("1,2\n", "two frequencies"), ("1,2\n1,3\n", "each of them once"),
    ("1,2\n2,0\n", r"not a positive number in row 2"), ("1,2\n2,\n", "not a positive number"),
    ("-1,2\n2,3\n", "spectral axis"), ("", "has no rows"),
])  # fmt: skip
def test_bad_templates(rows: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "host.csv"
    file.write_text("wavelength [um],flux [mJy]\n" + rows)
    with pytest.raises(InputError, match=message):
        read_template(file)


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_template(tmp_path / "host.csv")
