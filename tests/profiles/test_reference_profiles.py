"""Reference profiles: files, and what a cosmology changes."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.profiles.reference_profiles import Target, read_reference

OURS, THEIRS = Cosmology(), Cosmology(h0=50, omega_m=1.0)
META = {"quantity": "entropy", "reference": "Someone (2000)",
        "cosmology": {"h0": 50, "omega_m": 1.0}}  # fmt: skip
TARGET = Target(0.05, OURS, r200=1800.0, r500=1200.0)


def write(folder: Path, unit: str | None = "kpc", drop: str = "", **meta: object) -> Path:
    table = Table({"radius": [300.0, 100.0, 1000.0], "value": [300.0, 100.0, 900.0],
                   "error": [30.0, 5.0, 200.0]})  # fmt: skip
    if unit:
        table["radius"].unit = u.Unit(unit)
    table["value"].unit = u.Unit("keV cm2")
    table.meta.update({k: v for k, v in (META | meta).items() if v is not None})
    if drop:
        table.remove_column(drop)
    path = folder / "someone.ecsv"
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


def test_what_is_read(tmp_path: Path) -> None:
    profile = read_reference(write(tmp_path, redshift=0.06))
    assert (profile.name, profile.quantity, profile.radius_unit) == ("someone", "entropy", "kpc")
    np.testing.assert_array_equal(profile.radius, [100, 300, 1000])
    np.testing.assert_array_equal(profile.lower, [95, 270, 700])
    assert profile.cosmology == THEIRS
    assert (profile.redshift, profile.unit) == (0.06, "cm2 keV")


def test_lengths_go_back_to_angles(tmp_path: Path) -> None:
    profile = read_reference(write(tmp_path)).rescaled(TARGET)
    ratio = OURS.kpc_per_arcmin(0.05) / THEIRS.kpc_per_arcmin(0.05)
    np.testing.assert_allclose(profile.radius * THEIRS.kpc_per_arcmin(0.05), [100, 300, 1000])
    np.testing.assert_allclose(profile.value, np.array([100, 300, 900]) * ratio ** (1 / 3))
    np.testing.assert_allclose(profile.upper, np.array([105, 330, 1100]) * ratio ** (1 / 3))
    assert profile.radius_unit == "arcmin"


@pytest.mark.parametrize(
    ("quantity", "power"),
    [("temperature", 0), ("density", -0.5), ("mass", 1), ("gas_mass", 2.5), ("luminosity", 2)],
)
def test_powers_of_the_distance(tmp_path: Path, quantity: str, power: float) -> None:
    profile = read_reference(write(tmp_path, quantity=quantity)).rescaled(TARGET)
    ratio = OURS.kpc_per_arcmin(0.05) / THEIRS.kpc_per_arcmin(0.05)
    np.testing.assert_allclose(profile.value, np.array([100, 300, 900]) * ratio**power)


def test_the_same_cosmology_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, cosmology={"h0": 70, "omega_m": 0.3})
    profile = read_reference(path).rescaled(TARGET)
    np.testing.assert_allclose(profile.value, [100, 300, 900], rtol=1e-14)
    np.testing.assert_allclose(profile.radius * TARGET.kpc_per_arcmin, [100, 300, 1000])


def test_relative_radii(tmp_path: Path) -> None:
    for name, own in (("R200", 1800.0), ("R500", 1200.0)):
        profile = read_reference(write(tmp_path, unit=None, radius_unit=name)).rescaled(TARGET)
        np.testing.assert_allclose(
            profile.radius, np.array([100, 300, 1000]) * own / TARGET.kpc_per_arcmin
        )
    path = write(tmp_path, unit=None, radius_unit="R200", scale_radius=91.0,
                 scale_radius_unit="arcmin")  # fmt: skip
    np.testing.assert_allclose(
        read_reference(path).rescaled(TARGET).radius, np.array([100, 300, 1000]) * 91
    )
    path = write(tmp_path, unit=None, radius_unit="R200", scale_radius=2500.0)
    np.testing.assert_allclose(
        read_reference(path).rescaled(TARGET).radius[0] * THEIRS.kpc_per_arcmin(0.05), 250_000
    )


def test_angles_need_no_cosmology(tmp_path: Path) -> None:
    path = write(tmp_path, unit="arcmin", quantity="temperature", cosmology=None)
    np.testing.assert_array_equal(read_reference(path).rescaled(TARGET).radius, [100, 300, 1000])


@pytest.mark.parametrize("unit", ["arcmin", "kpc"])
def test_a_cosmology_that_is_needed(tmp_path: Path, unit: str) -> None:
    profile = read_reference(write(tmp_path, unit=unit, cosmology=None))
    with pytest.raises(ParameterError, match="cosmology"):
        profile.rescaled(TARGET)


def test_a_scale_that_is_not_known(tmp_path: Path) -> None:
    profile = read_reference(write(tmp_path, unit=None, radius_unit="R500"))
    with pytest.raises(ParameterError, match="R500"):
        profile.rescaled(Target(0.05, OURS))


def test_intervals(tmp_path: Path) -> None:
    path = tmp_path / "a.ecsv"
    table = Table({"radius": [1.0, 2.0] * u.arcmin, "value": [3.0, 2.0], "lower": [2.5, 1.0],
                   "upper": [3.1, 4.0]}, meta={"quantity": "temperature"})  # fmt: skip
    table.write(path, format="ascii.ecsv")
    profile = read_reference(path)
    np.testing.assert_array_equal(profile.upper, [3.1, 4.0])
    table["lower"] = [3.5, 1.0]
    table.write(path, format="ascii.ecsv", overwrite=True)
    with pytest.raises(InputError, match="negative errors"):
        read_reference(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "value"}, "no column 'value'"),
        ({"drop": "radius"}, "no column 'radius'"),
        ({"drop": "error"}, "no errors"),
        ({"quantity": "entrpy"}, "entropy"),
        ({"quantity": None}, "does not tell its quantity"),
        ({"unit": None}, "unit of its radii"),
        ({"unit": "deg"}, "unit of its radii"),
        ({"unit": None, "radius_unit": "Rvir"}, "unit of its radii"),
        ({"cosmology": "flat"}, "cosmology"),
        ({"cosmology": {"h0": -1}}, r"cosmology\.h0"),
        ({"redshift": "far"}, "redshift"),
        ({"redshift": -0.1}, "redshift"),
        ({"scale_radius": 3.0, "scale_radius_unit": "ly"}, "scale_radius"),
    ],
)
def test_files_that_are_no_reference(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_reference(write(tmp_path, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("value", [1.0, np.nan, 2.0], "finite"),
        ("error", [1.0, np.inf, 2.0], "finite"),
        ("value", ["a", "b", "c"], "no numbers"),
        ("radius", [1.0, 1.0, 2.0], "repeated"),
        ("radius", [-1.0, 1.0, 2.0], "negative"),
    ],
)
def test_columns_that_are_no_reference(
    tmp_path: Path, column: str, values: list, message: str
) -> None:
    path = write(tmp_path)
    table = Table.read(path, format="ascii.ecsv")
    unit = table[column].unit
    table.replace_column(column, Table.Column(values, name=column, unit=unit))
    table.write(path, format="ascii.ecsv", overwrite=True)
    with pytest.raises(InputError, match=message):
        read_reference(path)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_reference(tmp_path / "none.ecsv")
    path = tmp_path / "bad.ecsv"
    for text in ("", "radius value\n1 2\n", "# %ECSV 1.0\n# ---\n# datatype: [\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="no ECSV") as caught:
            read_reference(path)
        assert "\n" not in str(caught.value)
