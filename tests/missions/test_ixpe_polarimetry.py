"""IXPE's modulation factors and areas: by date, by name, by what was simulated, in folders."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.missions import get_mission
from xsurvey.missions.ixpe_polarimetry import files_in, find_modulation, response_file
from xsurvey.missions.polarimetry import Modulation, Weighting

GRID = get_mission("ixpe").channels
assert GRID is not None


def write_response(path: Path, value: float, unit: str = "cm2") -> None:
    low = 1 + 0.04 * np.arange(275)
    rows = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "E", "keV", array=low),
            fits.Column("ENERG_HI", "E", "keV", array=low + 0.04),
            fits.Column("SPECRESP", "E", unit, array=value + 0.001 * np.arange(275)),
        ],
        name="SPECRESP",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), rows]).writeto(path, overwrite=True)


@pytest.fixture
def caldb(tmp_path: Path) -> Path:
    """A folder as HEASARC's: versions, weights, two dates; the value tells which file it is."""
    place = tmp_path / "data/ixpe/gpd/cpf"
    for unit in (1, 2, 3):
        for date, version, value in (("20170101", 3, 10), ("20170101", 4, 20), ("20240101", 1, 30)):
            for flavour, extra in (("", 0), ("_alpha075", 1), ("_alpha075simple", 2)):
                name = f"ixpe_d{unit}_{date}{flavour}_{version:02d}.arf"
                write_response(place / "arf" / name, value + extra + unit / 10)
        for flavour, value in (("", 0.2), ("_alpha075", 0.3)):
            name = f"ixpe_d{unit}_20170101_mfact{flavour}_02.fits"
            write_response(place / "modfact" / name, value + unit / 100, "")
    return tmp_path


def find(irf: str | Path | None, date: str = "2022-03-07", weighting: Weighting = "none",
         simulated: str = "") -> Modulation:  # fmt: skip
    return find_modulation(
        (3, 1), date, GRID, weighting, None if irf is None else str(irf), simulated
    )


@pytest.mark.parametrize(
    ("date", "weighting", "area", "factor"),
    [
        ("2022-03-07", "none", 20, 0.2), ("2022-03-07", "neff", 21, 0.3),
        ("2022-03-07", "simple", 22, 0.3), ("2024-01-01T00:00", "none", 30, 0.2),
        ("2025-05-05", "simple", 32, 0.3), ("", "none", 20, 0.2),
    ],
)  # fmt: skip
def test_folders_by_date_and_weights(
    caldb: Path, date: str, weighting: Weighting, area: float, factor: float
) -> None:
    found = find(caldb, date, weighting)
    assert list(found.detectors) == [1, 3]
    assert found.weighting == weighting
    # channel 25 is the first energy
    assert found.effective_area[:, 25] == pytest.approx([area + 0.1, area + 0.3], rel=1e-5)
    assert found.factor[:, 25] == pytest.approx([factor + 0.01, factor + 0.03], rel=1e-5)
    assert found.effective_area[0, 299] == pytest.approx(area + 0.1 + 0.274, rel=1e-5)
    assert np.all(np.isnan(found.factor[:, :25]))
    assert np.all(np.isnan(found.factor[:, 300:]))
    assert found.range() == pytest.approx((1, 12))
    assert found.energy[25] == pytest.approx(1.02)
    assert found.reason


def test_any_level_of_the_folder_may_be_given(caldb: Path) -> None:
    for part in ("", "data", "data/ixpe/gpd", "data/ixpe/gpd/cpf"):
        assert len(files_in(caldb / part)) == 33
    flat = caldb / "flat"
    flat.mkdir()
    for path in [*caldb.rglob("*_04.arf"), *caldb.rglob("*mfact*")]:
        (flat / path.name).write_bytes(path.read_bytes())
    assert find(flat).effective_area[0, 25] == pytest.approx(20.1, rel=1e-5)


def test_what_names_say() -> None:
    for name, expected in (
        ("ixpe_d1_obssim20230101_alpha075_mfact_v013.fits",
         ("mfact", 1, "obssim", "20230101", "alpha075", 13)),
        ("ixpe_d2_20170101_mfact_alpha075_01.fits", ("mfact", 2, "", "20170101", "alpha075", 1)),
        ("ixpe_d3_20170101_alpha075simple_05.arf", ("arf", 3, "", "20170101", "alpha075simple", 5)),
        ("ixpe_d1_20170101_alpha075_02.rmf", ("rmf", 1, "", "20170101", "alpha075", 2)),
        ("ixpe_d1_obssim_v012.arf.gz", ("arf", 1, "obssim", "", "", 12)),
    ):  # fmt: skip
        found = response_file(Path(name))
        assert found is not None
        assert (
            found.kind, found.unit, found.family, found.start, found.weights, found.version
        ) == expected  # fmt: skip
    for name in (
        "ixpe_d1_20170101_01.mrf", "ixpe_d1_obssim20230101_gray_v013.arf", "readme.txt",
        "ixpe_d4_20170101_01.arf", "ixpe_d1_obssim20230101_psf_v013.fits", "ixpe.arf",
    ):  # fmt: skip
        assert response_file(Path(name)) is None, name


def test_bad_folders(caldb: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no effective areas"):
        find(empty)
    first = next(caldb.rglob("ixpe_d1_*mfact_02.fits"))
    write_response(first, 3.0, "")
    with pytest.raises(InputError, match="not between 0 and 1"):
        find(caldb)
    first.write_bytes(b"not FITS")
    with pytest.raises(InputError, match="not a FITS file"):
        find(caldb)
    first.unlink()
    with pytest.raises(ParameterError, match="no modulation factor of DU1"):
        find(caldb)


@pytest.fixture
def shipped() -> None:
    """Skip where ixpeobssim is not installed."""
    import importlib.util

    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which ships the responses, is not installed")


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("date", "start"),
    [("2021-12-09", "20211209"), ("2022-07-01", "20211209"), ("2022-07-02T01:00", "20220702"),
     ("2023-05-25", "20230101"), ("2024-06-30", "20240101"), ("2024-07-01", "20240701")],
)  # fmt: skip
def test_the_pseudo_caldb_by_date(date: str, start: str) -> None:
    found = find(None, date)
    assert found.name == f"ixpe:obssim{start}:v13"
    assert all(start in name for name in found.files)
    assert found.warnings == ()
    assert date[:10] in found.reason


@pytest.mark.usefixtures("shipped")
def test_published_modulation_factors() -> None:
    """At 2, 4, 6 and 8 keV .132, .378, .462, .517, and more with weights."""
    channels = [50, 100, 150, 200]  # of 40 eV: those above these energies
    for weighting, expected in (
        ("none", [0.132, 0.378, 0.462, 0.517]), ("simple", [0.151, 0.448, 0.530, 0.572])
    ):  # fmt: skip
        found = find("ixpe:obssim20230101:v13", "2023-05-25", weighting)
        assert found.factor[0, channels] == pytest.approx(expected, abs=0.0015)


@pytest.mark.usefixtures("shipped")
def test_what_was_simulated_goes_before_the_date() -> None:
    found = find(None, simulated="ixpe:obssim20240101:v13")
    assert found.name == "ixpe:obssim20240101:v13"
    assert "simulated with" in found.reason
    assert found.warnings == ()
    odd = find(None, simulated="something else")
    assert odd.name == "ixpe:obssim20211209:v13"
    assert any("no name of responses" in w for w in odd.warnings)


@pytest.mark.usefixtures("shipped")
def test_what_is_asked_for_goes_before_all_and_is_warned_of() -> None:
    found = find("ixpe:obssim20240101:v13", simulated="ixpe:obssim20230101:v13")
    assert found.name == "ixpe:obssim20240101:v13"
    assert any("those of 20211209 hold" in w for w in found.warnings)
    assert any("was simulated with" in w for w in found.warnings)
    early = find(None, "2019-01-01")
    assert early.name == "ixpe:obssim20211209:v13"
    assert any("earlier than all responses" in w for w in early.warnings)
    for name in ("ixpe:obssim20230102:v13", "ixpe:obssim20230101:v99", "chandra:x:v1", ""):
        with pytest.raises(ParameterError, match="irf"):
            find(name)
