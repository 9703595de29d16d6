"""Optical depths of the background light: interpolation, what is beyond, tables good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.sed.constants import TEV
from xsurvey.sed.on_the_way.background_light import OpticalDepthTable
from xsurvey.sed.on_the_way.background_tables import (
    BACKGROUND_LIGHTS,
    background_light_file,
    read_background_light,
)

ENERGIES = np.geomspace(0.05, 50, 13)
REDSHIFTS = np.array([0.01, 0.03, 0.1, 0.3, 1.0])


def power_laws(norm: float = 0.3, power: float = 1.5) -> OpticalDepthTable:
    """Return tau = norm (E / TeV)^power z."""
    tau = norm * ENERGIES[:, None] ** power * REDSHIFTS
    return OpticalDepthTable("toy", "toy", ENERGIES * TEV, REDSHIFTS, tau)


@given(
    energy=st.floats(0.05, 50), z=st.floats(0.01, 1), norm=st.floats(1e-3, 100),
    power=st.floats(0.5, 4),
)  # fmt: skip
def test_power_laws_are_exact(energy: float, z: float, norm: float, power: float) -> None:
    """Between nodes too, where a transmission interpolated as such is far off."""
    nu = np.array([energy * TEV])
    tau = power_laws(norm, power).towards(z).optical_depth(nu)
    assert tau == pytest.approx(norm * energy**power * z, rel=1e-9)


@given(z=st.floats(0.001, 1))
def test_transmissions_are_fractions_that_fall(z: float) -> None:
    nu = np.geomspace(1e9, 40 * TEV, 300)
    left = power_laws().towards(z).transmission(nu)
    assert np.all((left >= 0) & (left <= 1) & np.isfinite(left))
    assert np.all(np.diff(left) <= 0)
    assert left[0] == pytest.approx(1, abs=1e-12)


def test_thick_tables_do_not_lose_what_is_left() -> None:
    """Optical depths whose transmission is no number in single precision are kept."""
    thick = OpticalDepthTable(
        "thick", "thick", np.array([1.0, 10.0]) * TEV, np.array([0.1]), np.array([[1.0], [400.0]])
    )
    tau = thick.towards(0.1).optical_depth(np.array([np.sqrt(10)]) * TEV)
    assert tau == pytest.approx(20, rel=1e-9)


def test_nearer_than_the_table() -> None:
    nu = np.array([TEV])
    light = power_laws().towards(0.002)
    assert light.optical_depth(nu) == pytest.approx(0.3 * 0.002)
    assert "begin at the redshift 0.01" in light.notes(nu)[1]
    assert len(power_laws().towards(0.01).notes(nu)) == 1


def test_farther_than_the_table() -> None:
    with pytest.raises(ParameterError, match=r"ends at the redshift 1, and the source is at 1\.1"):
        power_laws().towards(1.1)


def test_a_table_of_one_redshift_is_of_no_other() -> None:
    whole = power_laws()
    one = OpticalDepthTable("toy", "toy", whole.frequency, whole.redshift[2:3], whole.tau[:, 2:3])
    assert one.towards(0.1).optical_depth(np.array([TEV])) == pytest.approx(0.03)
    for z in (0.099, 0.101):
        with pytest.raises(ParameterError, match=r"is of the redshift 0\.1 alone"):
            one.towards(z)


def test_below_the_energies() -> None:
    light = power_laws(norm=100).towards(1.0)
    begin, below = np.array([0.05]) * TEV, np.array([0.02]) * TEV
    assert light.optical_depth(below) == pytest.approx(100 * 0.02**1.5)
    assert "begin at 50 GeV, and are extrapolated" in light.notes(below)[-1]
    assert len(light.notes(begin)) == 1
    faint = power_laws(norm=1e-4).towards(0.01)
    assert len(faint.notes(below)) == 1  # nothing is absorbed there


def test_flat_tables_do_not_absorb_radio_waves() -> None:
    flat = OpticalDepthTable(
        "flat", "flat", np.array([1.0, 2.0]) * TEV, np.array([0.1]), np.array([[0.5], [0.4]])
    )
    assert flat.towards(0.1).optical_depth(np.array([1e10])) < 1e-15


def test_above_the_energies() -> None:
    light = power_laws().towards(0.1)
    light.check("table", np.array([1e9, 50 * TEV]))
    with pytest.raises(InputError, match=r"a point at 60 TeV, .* end at 50 TeV; set --max-freq"):
        light.check("table", np.array([1e9, 60 * TEV]))


def write(path: Path, **columns: object) -> str:
    meta = columns.pop("meta", {})
    Table(columns, meta=meta).write(path, format="ascii.ecsv", overwrite=True)
    return str(path)


def grid() -> dict[str, object]:
    energy, z = (a.ravel() for a in np.meshgrid(ENERGIES, REDSHIFTS))
    return {"energy": energy * u.TeV, "redshift": z, "tau": 0.3 * energy**1.5 * z}


def test_own_tables(tmp_path: Path) -> None:
    columns = grid()
    table = read_background_light(write(tmp_path / "own.ecsv", **columns))
    assert table.tau == pytest.approx(power_laws().tau)
    assert table.frequency == pytest.approx(power_laws().frequency)
    assert table.name == "own.ecsv"
    one = {"e_ref": [3e3, 1e3, 2e3] * u.GeV, "opacity": [3.0, 1.0, 2.0], "meta": {"z": 0.2}}
    table = read_background_light(write(tmp_path / "one.ecsv", **one))
    assert table.redshift.tolist() == [0.2]
    assert table.tau[:, 0].tolist() == [1.0, 2.0, 3.0]


def _with(**changes: object) -> Callable[[], dict[str, object]]:
    return lambda: grid() | changes


BAD = {
    "no tau": (_with(tau=None), "no column of tau"),
    "no unit": (_with(energy=grid()["energy"].value), "energy has no unit"),
    "a unit of time": (_with(energy=grid()["energy"].value * u.s), "is in 's'"),
    "no redshift": (_with(redshift=None), "has no redshift"),
    "a word as redshift": (_with(redshift=None, meta={"z": "near"}), "has z 'near'"),
    "negative": (_with(tau=-grid()["tau"]), "no number or negative"),
    "not a number": (_with(tau=grid()["tau"] * np.nan), "no number or negative"),
    "a point twice": (_with(redshift=np.full(65, 0.1)), "65 rows of 13 energies and 1 redshifts"),
    "one energy": (
        lambda: {"energy": [1.0] * u.TeV, "redshift": [0.1], "tau": [1.0]}, "two energies"
    ),
    "at redshift 0": (
        lambda: {"energy": [1.0, 2.0] * u.TeV, "redshift": [0.0, 0.0], "tau": [0.0, 0.0]},
        "a redshift above 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(name: str, tmp_path: Path) -> None:
    columns, message = BAD[name]
    kept = {k: v for k, v in columns().items() if v is not None}
    with pytest.raises(InputError, match=message):
        read_background_light(write(tmp_path / "bad.ecsv", **kept))


def test_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'dominguez-2011'"):
        background_light_file("dominguez")
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match="run `xsurvey data install ebl`"):
        read_background_light("finke-2010")


def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str) -> None:
    """Put a file in the place of an installed one."""
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    (tmp_path / "ebl").mkdir()
    background = {"gilmore-2012": "opdep_fiducial.dat", "franceschini-2008": "tau_fran08.dat"}
    (tmp_path / "ebl" / background[name]).write_text(text)


def test_matrices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A redshift of 0 is left out; energies are in MeV."""
    published(monkeypatch, tmp_path, "gilmore-2012",
              "# heading\n0. 0. .1 .2\n1e5 0 .1 .3\n1e6 0 1 3\n")  # fmt: skip
    table = read_background_light("gilmore-2012")
    assert table.frequency / TEV == pytest.approx([0.1, 1])
    assert table.redshift.tolist() == [0.1, 0.2]
    assert table.tau.tolist() == [[0.1, 0.3], [1, 3]]


def test_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One redshift is there twice, as in the table that is published."""
    blocks = "".join(
        f"# redshift sorgente = {z} fact PopIII= 0.\n# E0\n.1 1e11 {z} 1.\n1. 1e12 {10 * z} 1.\n"
        for z in (0.001, 0.002, 0.002)
    )
    published(monkeypatch, tmp_path, "franceschini-2008", blocks)
    table = read_background_light("franceschini-2008")
    assert table.redshift.tolist() == [0.001, 0.002]
    assert table.tau.tolist() == [[0.001, 0.002], [0.01, 0.02]]


@pytest.mark.parametrize("text", ["words\n", "1 2\n3\n", "# redshift sorgente\n"])
@pytest.mark.parametrize("name", ["gilmore-2012", "franceschini-2008"])
def test_damaged_files(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    published(monkeypatch, tmp_path, name, text)
    with pytest.raises(InputError, match="delete it and run `xsurvey data install ebl`"):
        read_background_light(name)


def test_published_models() -> None:
    """All six agree within their spread, and a source as near as Mrk 421 fades at some TeV."""
    if not is_installed(get_dataset("ebl")):
        pytest.skip("optical depths are not installed (xsurvey data install ebl)")
    tables = [read_background_light(name) for name in BACKGROUND_LIGHTS]
    nu = np.array([0.3, 1.0, 3.0]) * TEV
    for z in (0.03, 0.3):
        tau = np.array([table.towards(z).optical_depth(nu) for table in tables])
        assert tau == pytest.approx(np.tile(np.median(tau, axis=0), (6, 1)), rel=0.2)
    left = np.array([t.towards(0.03).transmission(np.array([5.0, 15.0]) * TEV) for t in tables])
    assert np.all(left[:, 0] > np.exp(-1))
    assert np.all(left[:, 1] < np.exp(-1))
