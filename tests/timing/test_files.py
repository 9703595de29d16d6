import dataclasses
import gzip
import logging
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.errors import InputError, OutputError
from xsurvey.timing.files import is_light_curve_file, read_light_curve
from xsurvey.timing.write import write_light_curve
from xsurvey.units import EnergyBand

from .conftest import srctool_columns, survey_light_curve, write_table

ARRAYS = ("time", "timedel", "counts", "background_counts", "background_scale", "exposure")


@pytest.mark.parametrize("rates", [(0.5,), (0.5, 2.0, 0.1)])
def test_what_is_written_is_read_back(rates: tuple[float, ...], tmp_path: Path) -> None:
    curve = survey_light_curve(rates)
    write_light_curve(tmp_path / "lc.fits", curve, {"SEED": 3}, ["input a.fits"])
    again = read_light_curve(tmp_path / "lc.fits")
    for name in ARRAYS:
        assert np.array_equal(getattr(again, name), getattr(curve, name)), name
    for name in ("bands", "reference_mjd", "time_scale", "telescope", "instrument", "target"):
        assert getattr(again, name) == getattr(curve, name), name
    assert again.warnings == ()
    assert is_light_curve_file(tmp_path / "lc.fits")


def test_labels_stamps_and_other_units_are_read_back(tmp_path: Path) -> None:
    curve = dataclasses.replace(
        survey_light_curve(), bands=("soft",), exposure_unit="s deg2", time_scale="",
        reference_mjd=float("nan"), stamps={"BINWIDTH": "DERIVED"}, warnings=("odd \u03b1",),
    )  # fmt: skip
    write_light_curve(tmp_path / "lc.fits", curve)
    again = read_light_curve(tmp_path / "lc.fits")
    assert again.bands == ("soft",)
    assert again.rate_unit == "count / (s deg2)"
    assert np.array_equal(again.exposure, curve.exposure)
    assert np.isnan(again.reference_mjd)
    header = fits.getheader(tmp_path / "lc.fits", "RATE")
    assert header["BINWIDTH"] == "DERIVED"
    assert "warning: odd ?" in str(header["COMMENT"])
    assert "FRACEXP" not in Table.read(tmp_path / "lc.fits").colnames


def test_counts_beyond_32_bits_are_kept(tmp_path: Path) -> None:
    curve = survey_light_curve()
    curve = dataclasses.replace(curve, counts=curve.counts + 2.0**33)
    write_light_curve(tmp_path / "lc.fits", curve)
    assert np.array_equal(read_light_curve(tmp_path / "lc.fits").counts, curve.counts)


def test_other_tools_find_the_standard_names(tmp_path: Path) -> None:
    curve = survey_light_curve()
    write_light_curve(tmp_path / "lc.fits", curve)
    table = Table.read(tmp_path / "lc.fits", hdu="RATE")
    assert {"TIME", "TIMEDEL", "RATE", "ERROR", "COUNTS", "FRACEXP"} <= set(table.colnames)
    assert table["RATE"].shape == (len(curve),)
    assert str(table["RATE"].unit) == "ct / s"
    assert np.allclose(table["RATE"], curve.rate[:, 0])
    assert np.allclose(table["FRACEXP"] * table["TIMEDEL"], curve.exposure[:, 0])
    assert np.all(table["RATE_LO"] <= table["RATE_UL"])
    header = table.meta
    assert (header["HDUCLASS"], header["HDUCLAS1"]) == ("OGIP", "LIGHTCURVE")
    assert (header["MJDREF"], header["TIMESYS"], header["TIMEUNIT"]) == (51543.875, "TT", "s")
    assert header["TSTART"] == curve.start[0]
    assert header["E_MIN1"] == 0.2


def test_writing_is_atomic_and_repeatable(tmp_path: Path) -> None:
    curve = survey_light_curve()
    for name in ("a.fits", "b.fits"):
        write_light_curve(tmp_path / name, curve)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    with pytest.raises(OutputError, match="does not exist"):
        write_light_curve(tmp_path / "nowhere" / "a.fits", curve)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.fits", "b.fits"]


def test_columns_of_srctool(tmp_path: Path) -> None:
    columns = srctool_columns()
    path = write_table(
        tmp_path / "s.fits", columns, MJDREF=51543.875, TIMESYS="TT", E_MIN1=0.2, E_MAX1=2.3,
        E_MIN2=2.3, E_MAX2=5.0,
    )  # fmt: skip
    curve = read_light_curve(path)
    assert curve.bands == (EnergyBand(0.2, 2.3), EnergyBand(2.3, 5.0))
    counts, background = columns["COUNTS"][1], columns["BACK_COUNTS"][1]
    exposure = columns["FRACEXP"][1] * 10
    assert np.allclose(curve.rate, (counts - 0.02 * background) / exposure, rtol=1e-6)
    assert np.array_equal(curve.background_counts, background)
    assert np.allclose(curve.background_scale, 0.02)
    packed = tmp_path / "s.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read_light_curve(packed).counts, counts)


def test_bands_from_the_history(tmp_path: Path) -> None:
    history = 'TASK:srctool lcemin="0.2 0.59999999999999998" lcemax="0.6 2.3" lcgamma=1.7'
    curve = read_light_curve(write_table(tmp_path / "s.fits", srctool_columns(), SASSHIST=history))
    assert curve.bands == (EnergyBand(0.2, 0.6), EnergyBand(0.6, 2.3))
    curve = read_light_curve(
        write_table(tmp_path / "s.fits", srctool_columns(), SASSHIST="lcemin=1")
    )
    assert curve.bands == ("band 1", "band 2")
    assert any("energies" in w for w in curve.warnings)


def test_bins_without_a_background_ratio_are_not_exposed(tmp_path: Path) -> None:
    columns = srctool_columns()
    columns["BACKRATIO"][1][2] = np.nan
    curve = read_light_curve(write_table(tmp_path / "s.fits", columns))
    assert np.all(curve.exposure[2] == 0)
    assert np.all(np.delete(curve.exposure, 2, axis=0) > 0)
    assert any("1 bins with no BACKRATIO" in w for w in curve.warnings)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    columns = srctool_columns()
    for name in ("TIMEDEL", "FRACEXP", "BACK_COUNTS"):
        del columns[name]
    curve = read_light_curve(write_table(tmp_path / "s.fits", columns))
    assert curve.stamps == {"BINWIDTH": "DERIVED", "EXPFRAC": "ASSUMED", "BACKGND": "NONE"}
    assert np.all(curve.timedel == 10)
    assert np.all(curve.exposure == 10)
    assert len(curve.warnings) == 5


def test_times_in_days_from_the_begin_of_bins(tmp_path: Path) -> None:
    columns = srctool_columns()
    columns["TIME"] = ("D", 3.0 - np.arange(6))
    columns["TIMEDEL"] = ("D", np.full(6, 0.5))
    path = write_table(
        tmp_path / "s.fits", columns, TIMEUNIT="d", TIMEPIXR=0.0, TIMEZERO=10.0, MJDREFI=50000,
        MJDREFF=0.25,
    )  # fmt: skip
    curve = read_light_curve(path)
    assert np.allclose(curve.timedel, 43200)
    assert np.allclose(curve.start, 86400 * (8.0 + np.arange(6)))
    assert np.array_equal(curve.counts, columns["COUNTS"][1][::-1])
    assert curve.reference_mjd == 50000.25


def test_light_curves_of_fields(tmp_path: Path) -> None:
    counts = np.array([3.0, 0, 12, 40])
    columns = {
        "TIME": ("D", 20.0 * np.arange(4)), "COUNTS": ("E", counts),
        "EXPOSURE": ("E", np.full(4, 139.0)), "AREA": ("E", np.array([0.01, 0.02, 0.1, 0.3])),
    }  # fmt: skip
    path = write_table(tmp_path / "f.fits", columns, "LIGHTCRV", TUNIT4="deg^2")
    curve = read_light_curve(path)
    assert np.allclose(curve.rate[:, 0], counts / 139 / columns["AREA"][1])
    assert curve.rate_unit == "count / (s deg2)"
    assert np.all(curve.timedel == 20)
    with pytest.raises(InputError, match="areas in"):
        read_light_curve(write_table(tmp_path / "f.fits", columns, "LIGHTCRV", TUNIT4="arcmin2"))


def replaced(name: str, form: str, values: object) -> dict[str, tuple[str, np.ndarray]]:
    return {**srctool_columns(), name: (form, np.asarray(values))}


def without(name: str) -> dict[str, tuple[str, np.ndarray]]:
    return {n: v for n, v in srctool_columns().items() if n != name}


ONES = np.ones((6, 2))
BAD = {
    "no TIME": (without("TIME"), "no column TIME"),
    "no COUNTS": (without("COUNTS"), "no column COUNTS"),
    "no BACKRATIO": (without("BACKRATIO"), "no BACKRATIO"),
    "rates only": ({**without("COUNTS"), "RATE": ("2E", ONES)}, "rates but no column COUNTS"),
    "text": (replaced("COUNTS", "4A", ["a"] * 6), "COUNTS that does not hold numbers"),
    "logical": (replaced("FRACEXP", "L", [True] * 6), "FRACEXP that does not hold numbers"),
    "complex": (replaced("FRACEXP", "C", np.ones(6, complex)), "does not hold numbers"),
    "NaN counts": (replaced("COUNTS", "2E", np.where(ONES > 0, np.nan, 0)), "not finite"),
    "negative counts": (replaced("COUNTS", "2J", -ONES), "negative"),
    "fractions": (replaced("COUNTS", "2E", 0.5 * ONES), "not whole numbers"),
    "three bands of exposure": (replaced("FRACEXP", "3E", np.ones((6, 3))), "3 values a bin"),
    "negative exposure": (replaced("FRACEXP", "2E", -ONES), "negative exposures"),
    "NaN times": (replaced("TIME", "D", np.full(6, np.nan)), "times that are not finite"),
    "two times": (replaced("TIME", "2D", ONES), "several a bin"),
    "no width": (replaced("TIMEDEL", "D", np.zeros(6)), "TIMEDEL is not positive"),
    "negative background": (replaced("BACK_COUNTS", "2E", -ONES), "BACK_COUNTS that are negative"),
    "negative ratio": (replaced("BACKRATIO", "D", -np.ones(6)), "negative BACKRATIO"),
    "endless counts": (replaced("COUNTS", "2D", 1e200 * ONES), "negative or not finite"),
    "endless time": (replaced("TIME", "D", 1e200 * np.ones(6)), "times that are not finite"),
    "no bins": ({n: (f, v[:0]) for n, (f, v) in srctool_columns().items()}, "has no bins"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables(kind: str, tmp_path: Path) -> None:
    columns, cause = BAD[kind]
    path = write_table(tmp_path / "bad.fits", columns)
    with pytest.raises(InputError, match="light curve") as caught:
        read_light_curve(path)
    assert caught.value.subject == str(path)
    assert cause in caught.value.cause
    assert "\n" not in str(caught.value)


def test_columns_of_variable_length(tmp_path: Path) -> None:
    lists = np.array([np.arange(i + 1) for i in range(6)], dtype=object)
    path = write_table(tmp_path / "bad.fits", replaced("COUNTS", "PJ()", lists))
    with pytest.raises(InputError, match="does not hold numbers"):
        read_light_curve(path)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "image", "other"])
def test_files_that_are_no_light_curves(damage: str, tmp_path: Path) -> None:
    path = write_table(tmp_path / "lc.fits", srctool_columns(400))
    data = path.read_bytes()
    if damage == "image":
        fits.PrimaryHDU(np.ones((4, 4))).writeto(path, overwrite=True)
    elif damage == "other":
        write_table(path, srctool_columns(), name="CATALOG")
    else:
        path.write_bytes({"truncated": data[:9000], "text": b"no " * 3000, "empty": b""}[damage])
    with pytest.raises(InputError) as caught:
        read_light_curve(path)
    assert caught.value.subject == str(path)


def test_every_cut_is_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    path = write_table(tmp_path / "lc.fits", srctool_columns())
    data = path.read_bytes()
    for size in range(100, len(data) - 2880, 401):
        path.write_bytes(data[:size])
        with pytest.raises(InputError):
            read_light_curve(path)


def test_damaged_bytes_of_the_header_are_errors_or_harmless(tmp_path: Path) -> None:
    path = write_table(tmp_path / "lc.fits", srctool_columns(), MJDREF=51543.875, E_MIN1=0.2)
    data = path.read_bytes()
    generator = np.random.default_rng(1)
    for place in generator.integers(2880, 5760, 150):
        broken = bytearray(data)
        broken[place] = generator.integers(32, 127)
        path.write_bytes(bytes(broken))
        try:
            curve = read_light_curve(path)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(curve.time).all()
