"""Degrees, errors of angles, and files of optical series."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from xsurvey.errors import InputError
from xsurvey.polarization.measurement import within_half_turn
from xsurvey.polarization.optical.angle_error import (
    angle_density,
    angle_error,
    measured_angle_error,
)
from xsurvey.polarization.optical.debias import debiased
from xsurvey.polarization.optical.dilution import without_host
from xsurvey.polarization.optical.reading import read_polarization_series
from xsurvey.polarization.optical.series import polarization_series


def drawn(p: float, number: int = 200_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return measured degrees, in units of their error, and angles about the true one."""
    q, u = np.random.default_rng(seed).normal(0, 1, (2, number)) + np.array([[p], [0]])
    return np.hypot(q, u), 0.5 * np.degrees(np.arctan2(u, q))


def test_debiased_degrees() -> None:
    one = np.ones(3)
    p = np.array([0.0, 0.5, 3.0])
    assert debiased(p, one, "classical") == pytest.approx([0, 0, np.sqrt(8)])
    assert debiased(p, one) == pytest.approx(
        [0, 0.5 - (1 - np.exp(-0.25)), 3 - (1 - np.exp(-9)) / 6]
    )
    assert np.array_equal(debiased(p, 0 * one), p)
    assert np.array_equal(debiased(p, one, "none"), p)
    with pytest.raises(ValueError, match="not negative"):
        debiased(-p, one)
    with pytest.raises(ValueError, match="no estimator"):
        debiased(p, one, "best")  # type: ignore[arg-type]


@pytest.mark.parametrize("truth", [2.0, 3.0, 5.0])
def test_the_bias_is_nearly_gone(truth: float) -> None:
    p, _ = drawn(truth)
    raw, mas = (p - truth).mean(), (debiased(p, np.ones_like(p)) - truth).mean()
    assert abs(mas) < 0.05
    assert abs(mas) < abs(raw) / 2


@given(st.floats(0, 20), st.floats(1e-6, 5))
def test_debiased_degrees_are_between_zero_and_the_measured_one(p: float, error: float) -> None:
    for method in ("mas", "classical"):
        found = debiased(np.array([p]), np.array([error]), method)[0]
        assert 0 <= found <= p


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 3.0, 12.0])
def test_density_of_angles_is_that_of_simulations(ratio: float) -> None:
    total = integrate.quad(angle_density, -90, 90, args=(ratio,), points=[0], epsabs=1e-10)[0]
    assert total == pytest.approx(1, abs=1e-7)
    _, angle = drawn(ratio)
    for half in (3.0, 10.0, 30.0):
        held = integrate.quad(angle_density, -half, half, args=(ratio,), points=[0])[0]
        assert np.mean(np.abs(angle) < half) == pytest.approx(held, abs=5e-3)


def test_errors_of_angles() -> None:
    assert angle_error(0.0) == pytest.approx(0.6827 * 90, abs=0.01)
    # the Gaussian limit, 28.65 degrees over the ratio
    assert angle_error(30.0) == pytest.approx(np.degrees(0.5) / 30, rel=1e-3)
    assert angle_error(np.inf) == 0
    for ratio in (0.3, 1.7, 4.0):
        half = float(angle_error(ratio))
        held = integrate.quad(angle_density, -half, half, args=(ratio,), points=[0])[0]
        assert held == pytest.approx(0.6826895, abs=1e-6)
    assert np.all(np.diff(angle_error(np.linspace(0, 100, 300))) < 0)
    with pytest.raises(ValueError, match="not negative"):
        angle_error(np.array([-1.0]))
    with pytest.raises(ValueError, match="not negative"):
        angle_error(np.nan)


def test_the_table_of_errors_is_the_integral() -> None:
    ratio = np.geomspace(0.05, 200, 300)
    found = measured_angle_error(ratio, np.ones_like(ratio))
    exact = angle_error(debiased(ratio, np.ones_like(ratio)))
    assert found == pytest.approx(exact, rel=1e-3)
    assert measured_angle_error(np.array([0.1]), np.array([0.0]))[0] == 0


@given(st.floats(-1e4, 1e4))
def test_angles_are_brought_into_a_half_turn(angle: float) -> None:
    found = float(within_half_turn(angle))
    assert -90 < found <= 90
    assert np.cos(np.radians(2 * (found - angle))) == pytest.approx(1, abs=1e-9)


def test_stokes_parameters_of_a_series() -> None:
    series = polarization_series([1.0, 2.0], [0.1, 0.2], [0.01, 0.02], [30.0, 150.0], name="a")
    q, u, covariance = series.stokes
    assert q == pytest.approx([0.05, 0.1])
    assert u == pytest.approx([0.1 * np.sin(np.pi / 3), -0.2 * np.sin(np.pi / 3)])
    assert covariance[1] == pytest.approx(4e-4 * np.eye(2))
    assert series.pa_deg[1] == -30
    assert len(series.between(1.5, 9.0)) == 1
    assert series.debiased_pd()[0] < 0.1


def table(**changes: object) -> Table:
    columns = {
        "mjd": Column([60090.0, 60091.5, 60093.0], unit="d"),
        "pd": Column([12.0, 14.3, 16.0], unit="%"),
        "pd_err": Column([0.5, 0.4, 0.6], unit="%"),
        "pa": Column([80.0, -85.0, 120.0], unit="deg"),
        "pa_err": Column([1.0, 2.0, 3.0], unit="deg"),
        **changes,
    }
    return Table({k: v for k, v in columns.items() if v is not None})


def written(path: Path, content: Table) -> Path:
    content.write(path / "series.ecsv", format="ascii.ecsv", overwrite=True)
    return path / "series.ecsv"


def test_a_file_is_read_with_its_units(tmp_path: Path) -> None:
    series = read_polarization_series(written(tmp_path, table()))
    assert series.mjd == pytest.approx([60090, 60091.5, 60093])
    assert series.pd == pytest.approx([0.12, 0.143, 0.16])
    assert series.pd_error == pytest.approx([0.005, 0.004, 0.006])
    assert series.pa_deg == pytest.approx([80, -85, -60])
    assert series.pa_error == pytest.approx([1, 2, 3])
    assert series.name == "series"


TIMES = Time([60090.0, 60091.5, 60093.0], format="mjd", scale="utc")


@pytest.mark.parametrize(
    "time",
    [{"time": TIMES}, {"time": TIMES.tt}, {"jd": TIMES.jd}, {"date": TIMES.isot},
     {"TIME": TIMES.mjd}, {"time": TIMES.jd}, {"mjd": Column(TIMES.mjd * 24, unit="h")}],
)  # fmt: skip
def test_times_as_people_write_them(tmp_path: Path, time: dict[str, object]) -> None:
    series = read_polarization_series(written(tmp_path, table(**{"mjd": None, **time})))
    assert series.mjd == pytest.approx(TIMES.mjd, abs=1e-8)


def test_fractions_quantities_radians_and_missing_errors(tmp_path: Path) -> None:
    quantities = QTable(
        {
            "time": TIMES,
            "p": [0.12, 0.143, 0.16] * units.dimensionless_unscaled,
            "e_p": [0.5, 0.4, 0.6] * units.percent,
            "evpa": np.radians([80.0, -85.0, 120.0]) * units.rad,
        }
    )
    series = read_polarization_series(written(tmp_path, quantities))
    assert series.pd == pytest.approx([0.12, 0.143, 0.16])
    assert series.pd_error == pytest.approx([0.005, 0.004, 0.006])
    assert series.pa_deg == pytest.approx([80, -85, -60])
    exact = measured_angle_error(series.pd, series.pd_error)
    assert series.pa_error == pytest.approx(exact)
    part = table(pa_err=MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False], unit="deg"))
    series = read_polarization_series(written(tmp_path, part))
    assert series.pa_error == pytest.approx([1, exact[1], 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pd_err": None}, "no column pd_err"),
        ({"pa": None, "pd": None}, "no column pd and no column pa"),
        ({"pd": [12.0, 14.3, 16.0]}, r"16, more than all of the light; write unit: '%'"),
        ({"pd": Column([12.0, np.nan, 16.0], unit="%")}, r"degree is not a finite number \(row 2"),
        ({"pa": MaskedColumn([1.0, 2.0, 3.0], mask=[True, False, False])}, r"angle.*\(row 1\)"),
        ({"mjd": [60090.0, 60093.0, 60091.5]}, r"earlier than the one before \(row 3\)"),
        ({"mjd": [60090.0, 60091.5, 60091.5]}, r"occurs twice \(row 3\)"),
        ({"mjd": ["2023-05-25", "yesterday", "2023-05-27"]}, "not a date"),
        ({"pd_err": Column([0.5, 0.0, 0.6], unit="%")}, "not above zero"),
        ({"pd": Column([12.0, -1.0, 16.0], unit="%")}, "negative"),
        ({"pa_err": Column([1.0, -2.0, 3.0], unit="deg")}, "error of an angle"),
        ({"pa": Column([80.0, -85.0, 120.0], unit="s")}, "column pa is in s; its unit is deg"),
        ({"pd": Column([12.0, 14.3, 16.0], unit="mag")}, "is in mag; its unit is % or none"),
        ({"pd": ["a", "b", "c"]}, "no plain numbers"),
        ({"pa": np.ones((3, 2))}, "no plain numbers"),
    ],
)
def test_bad_columns_are_told(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as found:
        read_polarization_series(written(tmp_path, table(**changes)))
    assert "\n" not in str(found.value)


def test_bad_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        read_polarization_series(tmp_path / "none.ecsv")
    with pytest.raises(InputError, match="no rows"):
        read_polarization_series(written(tmp_path, table()[:0]))
    for text in ("", "mjd,pd\n1,2\n", "# %ECSV 1.0\n# ---\n# datatype: !!python/name:os.system\n"):
        path = tmp_path / "bad.ecsv"
        path.write_text(text)
        with pytest.raises(InputError, match="cannot be read as ECSV"):
            read_polarization_series(path)
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="cannot be read as ECSV"):
        read_polarization_series(path)


def test_the_host_is_taken_away() -> None:
    series = polarization_series([1.0, 2.0], [0.1, 0.2], [0.01, 0.02], [30.0, 50.0])
    nucleus = without_host(series, 0.5, 0.1)
    assert nucleus.pd == pytest.approx([0.2, 0.4])
    # simulated: p and f Gaussian
    generator = np.random.default_rng(1)
    ratio = generator.normal(0.1, 0.01, 100_000) / (1 - generator.normal(0.5, 0.03, 100_000))
    assert without_host(series, 0.5, 0.03).pd_error[0] == pytest.approx(ratio.std(), rel=0.02)
    assert np.array_equal(nucleus.pa_error, series.pa_error)
    assert without_host(series, np.array([0.0, 0.2])).pd == pytest.approx([0.1, 0.25])
    for fraction, error in ((1.0, 0), (-0.1, 0), (np.nan, 0), (0.1, -1), (0.95, 1e-4)):
        with pytest.raises(ValueError, match="host"):
            without_host(series, fraction, error)
