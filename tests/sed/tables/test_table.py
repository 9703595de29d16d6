"""Tables of flux points: formats, units, limits, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError
from xsurvey.sed.tables.flux_units import flux_factor, frequency_of
from xsurvey.sed.tables.table import instrument_counts, read_sed

NU = np.array([1e14, 1e18])
FLUX = np.array([3e-11, 5e-12])
ERG = u.erg / (u.cm**2 * u.s)


def write(path: Path, **columns: object) -> Path:
    meta = columns.pop("meta", {})
    table = Table(meta=meta)  # type: ignore[arg-type]
    for name, values in columns.items():
        table[name] = values
    forms = {".fits": "fits", ".csv": "ascii.csv", ".vot": "votable", ".mrt": "ascii.mrt"}
    with warnings.catch_warnings():  # VOTable does not like erg
        warnings.simplefilter("ignore")
        table.write(path, format=forms.get(path.suffix, "ascii.ecsv"), overwrite=True)
    return path


def plain(**changes: object) -> dict[str, object]:
    return {"nu": NU * u.Hz, "nufnu": FLUX * ERG, "nufnu_err": 0.1 * FLUX * ERG} | changes


def quantities() -> dict[str, tuple[u.Quantity, u.Quantity]]:
    """Return the same two points with other axes and flux densities."""
    nu = NU * u.Hz
    energy, wave = (constants.h * nu).to(u.eV), (constants.c / nu).to(u.AA)
    flux = FLUX * ERG
    return {
        "nu F_nu, W / m2": (nu, flux.to(u.W / u.m**2)),
        "F_nu, mJy": (energy.to(u.keV), (flux / nu).to(u.mJy)),
        "F_lambda": (wave, (flux / wave).to(u.erg / (u.s * u.cm**2 * u.AA))),
        "E2 dN/dE": (energy.to(u.TeV), flux.to(u.TeV / (u.cm**2 * u.s))),
        "dN/dE": (energy.to(u.GeV), (flux / energy**2).to(1 / (u.TeV * u.cm**2 * u.s))),
        "dN/dE, photons": (
            energy, (flux / energy**2 * u.ph).to(u.ph / (u.keV * u.cm**2 * u.s)),
        ),
        "photons / Hz": (nu, (flux / energy / nu).to(1 / (u.cm**2 * u.s * u.Hz))),
        "photons / A": (
            wave.to(u.um), (flux * u.ph / energy / wave).to(u.ph / (u.s * u.cm**2 * u.AA)),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("what", quantities())
def test_axes_and_units(tmp_path: Path, what: str) -> None:
    axis, flux = quantities()[what]
    name = {"Hz": "frequency", "Angstrom": "wavelength", "um": "wavelength"}.get(
        str(axis.unit), "energy"
    )
    path = write(tmp_path / "a.ecsv", **{name: axis, "flux": flux, "flux_err": 0.1 * flux})
    found = read_sed(path)
    assert found.frequency == pytest.approx(NU)
    assert found.flux == pytest.approx(FLUX)
    assert found.error_low == pytest.approx(0.1 * FLUX)
    assert found.error_high == pytest.approx(0.1 * FLUX)
    assert not found.is_limit.any()
    assert found.redshift is None
    assert found.instruments == ("a", "a")


@given(st.floats(1e8, 1e28))
def test_photons_of_an_energy_and_energy_of_photons(frequency: float) -> None:
    nu = np.array([frequency])
    energy = (nu * u.Hz).to(u.TeV, equivalencies=u.spectral())
    assert frequency_of(energy.value, u.TeV) == pytest.approx(nu)
    by_photons = flux_factor((u.TeV * u.cm**2 * u.s) ** -1, nu)
    assert by_photons == pytest.approx((energy.value**2 * u.TeV).to_value(u.erg))


@pytest.mark.parametrize("unit", [(u.cm**2 * u.s) ** -1, u.erg, u.Jy * u.s, u.mag, u.one, u.TeV])
def test_other_units_are_no_flux_density(unit: u.UnitBase) -> None:
    with pytest.raises((u.UnitConversionError, AttributeError)):
        flux_factor(unit, NU)


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".mrt"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    found = read_sed(write(tmp_path / f"a{suffix}", **plain()))
    assert found.flux == pytest.approx(FLUX)


def test_the_table_of_flux_points_among_others(tmp_path: Path) -> None:
    """As gammapy writes FITS: an empty primary, good time intervals, FLUXPOINTS."""
    points = fits.table_to_hdu(Table(plain()))
    points.name = "FLUXPOINTS"
    others = fits.BinTableHDU.from_columns([fits.Column("START", "1D", array=[0.0])], name="GTI")
    primary = fits.PrimaryHDU()
    primary.header["REDSHIFT"] = 0.2
    fits.HDUList([primary, others, points]).writeto(tmp_path / "a.fits")
    found = read_sed(tmp_path / "a.fits")
    assert found.flux == pytest.approx(FLUX)
    assert found.redshift == 0.2
    fits.HDUList([primary]).writeto(tmp_path / "b.fits")
    with pytest.raises(InputError, match="holds no table"):
        read_sed(tmp_path / "b.fits")


def test_headings_with_units(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "nu [Hz],flux [Jy],flux_err [mJy],instrument\n"
        "1e18,1e-6,1e-4,B\n1e15,2e-3,0.1,A\n"
    )  # fmt: skip
    found = read_sed(path)
    assert found.frequency.tolist() == [1e15, 1e18]
    assert found.flux == pytest.approx([2e-11, 1e-11])
    assert found.error_low == pytest.approx([1e-12, 1e-12])
    assert instrument_counts(found) == {"A": 1, "B": 1}
    commented = tmp_path / "a.dat"
    commented.write_text("# nu[Hz] nufnu[erg/(cm2.s)] nufnu_err[erg/(cm2.s)]\n1e15 2e-11 1e-12\n")
    assert read_sed(commented).flux == pytest.approx([2e-11])


def test_points_of_gammapy(tmp_path: Path) -> None:
    unit = 1 / (u.TeV * u.cm**2 * u.s)
    path = write(
        tmp_path / "a.ecsv", e_ref=[1.0, 2.0, 4.0] * u.TeV, dnde=[1e-11, 2e-12, np.nan] * unit,
        dnde_errn=[1e-12, 3e-13, np.nan] * unit, dnde_errp=[2e-12, 4e-13, np.nan] * unit,
        dnde_ul=[np.nan, 3e-12, 1e-13] * unit, is_ul=[False, False, True],
        meta={"SED_TYPE": "dnde", "UL_CONF": 0.9544997, "redshift": 0.03},
    )  # fmt: skip
    found = read_sed(path)
    erg = u.TeV.to(u.erg)
    assert found.flux == pytest.approx([1e-11 * erg, 4 * 2e-12 * erg, 16 * 1e-13 * erg])
    assert found.is_limit.tolist() == [False, False, True]
    assert found.error_high[0] == pytest.approx(2 * found.error_low[0])
    assert np.isnan(found.error_low[2])
    # of the two-sided Gaussian: 2 sigma
    assert found.limit_confidence[2] == pytest.approx(0.97725, abs=1e-5)
    assert np.isnan(found.limit_confidence[:2]).all()
    assert found.redshift == 0.03


def test_points_of_jetset(tmp_path: Path) -> None:
    values = {"x": NU * u.Hz, "y": FLUX * ERG, "dy": 0.1 * FLUX * ERG, "UL": [False, True],
              "dataset": ["VLBI", "BAT"]}  # fmt: skip
    meta = {"z": 0.0336, "data_scale": "lin-lin", "restframe": "obs", "obj_name": "M"}
    found = read_sed(write(tmp_path / "a.ecsv", **values, meta=meta))
    assert found.is_limit.tolist() == [False, True]
    assert (found.redshift, found.source) == (0.0336, "M")
    assert found.instruments == ("VLBI", "BAT")
    logs = {"x": np.log10(NU) * u.Hz, "y": np.log10(FLUX) * ERG, "dy": [0.02, 0.04] * ERG}
    log = read_sed(write(tmp_path / "b.ecsv", **logs, meta={**meta, "data_scale": "log-log"}))
    assert log.frequency == pytest.approx(NU)
    assert log.flux == pytest.approx(FLUX)
    assert log.error_low == pytest.approx(np.log(10) * np.array([0.02, 0.04]) * FLUX)


def test_a_limit_without_a_flux(tmp_path: Path) -> None:
    column = MaskedColumn(FLUX, mask=[False, True], unit=ERG)
    more = {"nufnu_ul": [np.nan, 1e-12] * ERG, "confidence": [np.nan, 0.99]}
    found = read_sed(write(tmp_path / "a.ecsv", **plain(nufnu=column, **more)))
    assert found.is_limit.tolist() == [False, True]
    assert found.flux[1] == 1e-12
    assert found.limit_confidence[1] == 0.99
    dropped = read_sed(write(tmp_path / "b.ecsv", **plain(nufnu=column)))
    assert len(dropped) == 1
    assert dropped.notes == ("1 rows have neither a flux nor a limit, and are left out",)


def test_asymmetric_errors_fill_each_other(tmp_path: Path) -> None:
    columns = plain(nufnu_errn=[1e-12, np.nan] * ERG, nufnu_errp=[2e-12, 3e-12] * ERG)
    del columns["nufnu_err"]
    found = read_sed(write(tmp_path / "a.ecsv", **columns))
    assert found.error_low.tolist() == [1e-12, 3e-12]
    assert found.error_high.tolist() == [2e-12, 3e-12]


BAD: list[tuple[dict[str, object], str]] = [
    ({"nu": NU}, "column nu has no unit"),
    ({"nufnu": FLUX}, "column nufnu has no unit"),
    ({"nufnu_err": 0.1 * FLUX}, "column nufnu_err has no unit"),
    ({"nu": NU * u.s}, "column nu is in 's'"),
    ({"nufnu": FLUX / (u.cm**2 * u.s)}, "column nufnu is in"),
    ({"nu": ["a", "b"]}, "no plain numbers"),
    ({"nu": [1e14, -1.0] * u.Hz}, "not a positive number in row 2"),
    ({"nu": [np.nan, 1e15] * u.Hz}, "not a positive number in row 1"),
    ({"nufnu": np.full(2, np.nan) * ERG}, "no flux"),
    ({"nufnu": [1e-11, np.inf] * ERG}, "infinite flux in row 2"),
    ({"nufnu_err": [1e-12, -1e-12] * ERG}, "negative in row 2"),
    ({"nufnu_err": [np.nan, 1e-12] * ERG}, "in row 1"),
    ({"ul": [False, True], "nufnu": [1e-11, -1e-12] * ERG}, "not positive in row 2"),
    ({"ul": ["yes", "no"]}, "not True or False"),
    ({"ul": [0, 3]}, "not True or False"),
    ({"ul": [True, False], "confidence": [95.0, np.nan]}, "confidence"),
    ({"meta": {"UL_CONF": 95}, "ul": [True, False]}, "UL_CONF"),
    ({"meta": {"n_sigma_ul": -2}, "ul": [True, False]}, "n_sigma_ul"),
    ({"meta": {"redshift": "unknown"}}, "redshift 'unknown'"),
    ({"meta": {"redshift": -0.1}}, "redshift of -0.1"),
    ({"meta": {"restframe": "src"}}, "source's own frame"),
    ({"meta": {"data_scale": "lin-log"}}, "data_scale"),
    ({"meta": {"SED_TYPE": "flux"}}, "no flux density"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_tables(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write(tmp_path / "bad.ecsv", **plain(**changes))
    with pytest.raises(InputError, match=message) as caught:
        read_sed(path)
    assert "bad.ecsv" in caught.value.subject
    assert caught.value.remedy


def test_missing_columns_and_rows(tmp_path: Path) -> None:
    for gone, message in (
        ("nu", "no column of the spectral axis"), ("nufnu", "no column of the flux"),
        ("nufnu_err", "no errors of nufnu"),
    ):  # fmt: skip
        columns = plain()
        del columns[gone]
        with pytest.raises(InputError, match=message):
            read_sed(write(tmp_path / "a.ecsv", **columns))
    none = {name: values[:0] for name, values in plain().items()}  # type: ignore[index]
    with pytest.raises(InputError, match="no rows"):
        read_sed(write(tmp_path / "a.ecsv", **none))
    with pytest.raises(InputError, match="no flux density"):
        read_sed(write(tmp_path / "a.ecsv", e_ref=NU * u.Hz, eflux=FLUX * ERG))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    contents = {
        "empty.ecsv": (b"", "is empty"),
        "noise.fits": (b"SIMPLE  = T" + bytes(200), "FITS|header"),
        "cut.ecsv": (b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: nu", "cannot be read as ecsv"),
        "text.dat": (
            b"a word\nand another line here\n",
            "holds no table whose columns can be told",
        ),
        "notes.md": (
            b"# Notes\n\nwords, and\nmore of them | here\n\n- and a list\n",
            "holds no table whose columns can be told; write it",
        ),
        "binary.csv": (bytes(range(256)) * 8, "cannot be read as csv"),
        "bad.vot": (b"<?xml version='1.0'?><html/>", "cannot be read as votable"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_sed(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        read_sed(tmp_path / "none.ecsv")
    with pytest.raises(InputError, match="is a folder"):
        read_sed(tmp_path)


def test_rows_of_several_numbers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", **plain(nufnu=np.outer(FLUX, [1, 2]) * ERG))
    with pytest.raises(InputError, match="no plain numbers"):
        read_sed(path)
