"""What our writers write is what our readers read, and astropy finds nothing wrong with it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from xsurvey.errors import OutputError
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.pha import read_pha, read_single_pha
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.io.ogip.write_pha import write_pha, write_pha_two
from xsurvey.io.ogip.write_responses import write_arf, write_rmf


def assert_same(again: Any, given_: Any) -> None:
    """Compare all fields but the path, and warnings and headers, which may grow."""
    for field in dataclasses.fields(given_):
        one, other = getattr(again, field.name), getattr(given_, field.name)
        if field.name in {"path", "header", "warnings"}:
            continue
        if isinstance(other, csr_array):
            assert np.array_equal(one.toarray(), other.toarray())
        elif isinstance(other, float | np.ndarray):
            # numbers in keywords have 20 characters: the last digit may be lost
            assert np.allclose(one, other, rtol=1e-13, atol=0, equal_nan=True), field.name
            assert np.shape(one) == np.shape(other), field.name
        else:
            assert one == other, field.name
    assert again.warnings == ()


def verify(path: Path) -> None:
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        for hdu in hdus[1:]:
            assert hdu.header["HDUCLASS"] == "OGIP"
            assert hdu.verify_checksum() == hdu.verify_datasum() == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ogip")


finite = st.floats(0, 1e6, allow_subnormal=False)


@st.composite
def spectra(draw: st.DrawFn, number: int | None = None, poisson: bool | None = None) -> PhaSpectrum:
    n = draw(st.integers(1, 12)) if number is None else number
    law = draw(st.booleans()) if poisson is None else poisson

    def array(values: st.SearchStrategy) -> np.ndarray:
        if draw(st.booleans()):  # the same in all channels
            return np.full(n, draw(values))
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    counts = array(st.integers(0, 10**6) if law else st.floats(-1e6, 1e6)).astype(float)
    first = draw(st.integers(0, 1))
    # of a number of spectra in one file, the same channels
    gaps = 0 if number else draw(st.integers(0, 3))
    files = st.none() | st.sampled_from(["a.fits", "b.pha{2}"])
    return PhaSpectrum(
        path=Path("x"), channels=np.arange(n) + first + gaps, first_channel=first,
        detector_channels=n + gaps, counts=counts, exposure=draw(st.floats(1e-3, 1e8)),
        backscal=array(st.floats(1e-9, 1e9)), areascal=array(st.floats(1e-3, 1)), poisson=law,
        statistical_error=None if law else array(st.floats(1e-3, 1e5)),
        systematic_error=array(st.floats(0, 1)),
        quality=array(st.sampled_from([0, 1, 2, 5])).astype(int),
        grouping=array(st.sampled_from([-1, 0, 1])).astype(int),
        background_file=draw(files), response_file=draw(files), ancillary_file=draw(files),
        region_area=draw(st.floats(1e-6, 1) | st.just(float("nan"))),
        header={"TELESCOP": "T", "HDUCLAS2": "TOTAL" if law else "NET"},
    )  # fmt: skip


@settings(max_examples=40)
@given(spectra())
def test_spectra(folder: Path, spectrum: PhaSpectrum) -> None:
    write_pha(folder / "a.pha", spectrum)
    (again,) = read_pha(folder / "a.pha")
    missing = spectrum.detector_channels > len(spectrum.channels)
    assert len(again.warnings) == missing
    assert_same(dataclasses.replace(again, warnings=()), spectrum)
    assert again.header["HDUCLAS2"] == spectrum.header["HDUCLAS2"]
    verify(folder / "a.pha")


@settings(max_examples=40)
@given(st.integers(2, 9).flatmap(
    lambda n: st.booleans().flatmap(lambda law: st.lists(spectra(n, law), min_size=1, max_size=4))
))  # fmt: skip
def test_spectra_in_rows(folder: Path, several: list[PhaSpectrum]) -> None:
    several = [
        dataclasses.replace(s, row=i, channels=several[0].channels,
                            first_channel=several[0].first_channel)
        for i, s in enumerate(several, start=1)
    ]  # fmt: skip
    write_pha_two(folder / "a.pha", several)
    for again, spectrum in zip(read_pha(folder / "a.pha"), several, strict=True):
        assert_same(again, spectrum)
    verify(folder / "a.pha")


@st.composite
def responses(draw: st.DrawFn) -> RedistributionMatrix:
    energies, channels = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    area = draw(st.booleans())
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    dense = random.random((energies, channels)) * (random.random((energies, channels)) < 0.5)
    dense[0, 0] = 0.5
    dense /= max(dense.sum(axis=1).max(), 1)
    dense = (dense * (500 if area else 1)).astype(np.float32).astype(float)
    edges = np.cumsum(random.uniform(0.01, 1, energies + 1))
    bounds = np.cumsum(random.uniform(0.01, 1, channels + 1))
    return RedistributionMatrix(
        path=Path("x"), energy_low=edges[:-1], energy_high=edges[1:], matrix=csr_array(dense),
        channels=np.arange(channels) + draw(st.integers(0, 1)), channel_low=bounds[:-1],
        channel_high=bounds[1:], includes_area=area and dense.sum(axis=1).max() > 1.01,
    )  # fmt: skip


@settings(max_examples=40)
@given(responses())
def test_matrices(folder: Path, response: RedistributionMatrix) -> None:
    write_rmf(folder / "a.rmf", response, {"APPROX": ("RESOLUTION", "Gaussian")})
    again = read_rmf(folder / "a.rmf")
    assert_same(again, response)
    assert again.header["APPROX"] == "RESOLUTION"
    verify(folder / "a.rmf")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.01, 1), finite), min_size=1, max_size=9))
def test_areas(folder: Path, rows: list[tuple[float, float]]) -> None:
    widths, area = np.array(rows).T
    edges = np.cumsum(np.concatenate([[0.1], widths]))
    given_ = AncillaryResponse(Path("x"), edges[:-1], edges[1:], area, exposure=10.0)
    write_arf(folder / "a.arf", given_)
    again = read_arf(folder / "a.arf")
    assert_same(dataclasses.replace(again, warnings=() if not area.any() else again.warnings),
                given_)  # fmt: skip
    verify(folder / "a.arf")


@pytest.fixture
def spectrum() -> PhaSpectrum:
    return PhaSpectrum(
        path=Path("x"), channels=np.arange(3), first_channel=0, detector_channels=3,
        counts=np.array([1.0, 0, 2]), exposure=10.0, backscal=np.ones(3), areascal=np.ones(3),
    )  # fmt: skip


def test_keywords_go_before_those_that_were_read(tmp_path: Path, spectrum: PhaSpectrum) -> None:
    old = {"OBJECT": "old", "ODD": float("nan"), "TOO_LONG_NAME": 1, "OBSERVER": "Gödel"}
    spectrum = dataclasses.replace(spectrum, header=old)
    write_pha(tmp_path / "a.pha", spectrum, {"OBJECT": "new", "APPROX": ("ARF", "why")})
    with fits.open(tmp_path / "a.pha") as hdus:
        header = hdus["SPECTRUM"].header
        assert (header["OBJECT"], header["APPROX"], header["OBSERVER"]) == ("new", "ARF", "G_del")
        assert header.comments["APPROX"] == "why"
        assert "ODD" not in header
        assert (header["TLMIN1"], header["TLMAX1"], header["HDUCLAS4"]) == (0, 2, "TYPE:I")


@pytest.mark.parametrize(
    "change",
    [
        {"counts": np.array([1, -1.0, 0])}, {"counts": np.array([1, np.nan, 0])},
        {"exposure": 0.0}, {"exposure": float("nan")}, {"backscal": np.zeros(3)},
        {"poisson": False},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_written(
    change: dict[str, Any], tmp_path: Path, spectrum: PhaSpectrum
) -> None:
    wrong = dataclasses.replace(spectrum, **change)
    with pytest.raises(OutputError):
        write_pha(tmp_path / "a.pha", wrong)
    with pytest.raises(OutputError):
        write_pha_two(tmp_path / "a.pha", [spectrum, wrong])
    assert list(tmp_path.iterdir()) == []


def test_rows_need_the_same_channels(tmp_path: Path, spectrum: PhaSpectrum) -> None:
    other = dataclasses.replace(spectrum, channels=np.arange(1, 4), detector_channels=4)
    with pytest.raises(OutputError, match="other channels"):
        write_pha_two(tmp_path / "a.pha", [spectrum, other])
    with pytest.raises(OutputError, match="no spectrum"):
        write_pha_two(tmp_path / "a.pha", [])


def test_a_file_in_the_way_is_replaced(tmp_path: Path, spectrum: PhaSpectrum) -> None:
    (tmp_path / "a.pha").write_text("old")
    write_pha(tmp_path / "a.pha", spectrum)
    assert read_single_pha(tmp_path / "a.pha").counts.tolist() == [1, 0, 2]
    with pytest.raises(OutputError, match="does not exist"):
        write_pha(tmp_path / "absent" / "a.pha", spectrum)
