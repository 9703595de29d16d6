import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.ogip.pha import read_pha, read_single_pha, split_selection

from .conftest import PHA_HEADER, Column, pha, table, write


def warned(spectrum: object, text: str) -> bool:
    return any(text in w for w in spectrum.warnings)  # type: ignore[attr-defined]


def test_a_plain_spectrum(tmp_path: Path) -> None:
    (spectrum,) = read_pha(pha(tmp_path / "a.pha", REGAREA=0.25))
    assert spectrum.channels.tolist() == [1, 2, 3, 4]
    assert spectrum.counts.tolist() == [5, 0, 7, 2]
    assert (spectrum.exposure, spectrum.first_channel, spectrum.detector_channels) == (100, 1, 4)
    assert spectrum.poisson
    assert spectrum.statistical_error is None
    assert spectrum.backscal.tolist() == [0.5] * 4
    assert spectrum.areascal.tolist() == [1.0] * 4
    assert spectrum.region_area == 0.25
    assert spectrum.header["TELESCOP"] == "T"
    assert (spectrum.background_file, spectrum.row, spectrum.warnings) == (None, None, ())


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    gone = ("BACKSCAL", "AREASCAL", "QUALITY", "GROUPING", "BACKFILE", "TLMIN1")
    (spectrum,) = read_pha(pha(tmp_path / "a.pha", None, *gone))
    for name, value in {
        "backscal": 1, "areascal": 1, "quality": 0, "grouping": 0, "systematic_error": 0,
    }.items():  # fmt: skip
        assert getattr(spectrum, name).tolist() == [value] * 4, name
    assert np.isnan(spectrum.region_area)
    assert (spectrum.first_channel, spectrum.warnings) == (1, ())


@pytest.mark.parametrize(
    ("name", "attribute", "form", "values"),
    [
        ("BACKSCAL", "backscal", "E", [1, 2, 3, 4]), ("AREASCAL", "areascal", "D", [1, 2, 3, 4]),
        ("QUALITY", "quality", "I", [0, 1, 2, 5]), ("GROUPING", "grouping", "I", [1, -1, 1, 0]),
        ("SYS_ERR", "systematic_error", "D", [0, 0.25, 0.5, 0]),
    ],
)  # fmt: skip
def test_a_column_goes_before_a_keyword(
    name: str, attribute: str, form: str, values: list[float], tmp_path: Path
) -> None:
    path = pha(tmp_path / "a.pha", {name: (form, values)}, **{name: 0})
    assert getattr(read_single_pha(path), attribute).tolist() == values
    path = pha(tmp_path / "b.pha", None, **{name: 1})
    assert getattr(read_single_pha(path), attribute).tolist() == [1] * 4


def test_errors_may_be_a_keyword(tmp_path: Path) -> None:
    spectrum = read_single_pha(pha(tmp_path / "a.pha", None, STAT_ERR=2.5))
    assert spectrum.statistical_error is not None
    assert spectrum.statistical_error.tolist() == [2.5] * 4


def test_rates_become_counts(tmp_path: Path) -> None:
    rates = np.array([5, 0, 7, 2], dtype=np.float32) / np.float32(836692.0)
    columns: dict[str, Column] = {"RATE": ("E", rates), "STAT_ERR": ("E", np.sqrt([5, 0, 7, 2]))}
    path = pha(tmp_path / "a.pha", columns, "COUNTS", EXPOSURE=836692.0)
    spectrum = read_single_pha(path)
    assert spectrum.counts.tolist() == [5, 0, 7, 2]
    assert spectrum.statistical_error == pytest.approx(np.sqrt([5, 0, 7, 2]) * 836692, rel=1e-6)


@pytest.mark.parametrize("said", [False, None])
def test_whole_counts_are_poisson_whatever_the_header_says(
    said: bool | None, tmp_path: Path
) -> None:
    columns: dict[str, Column] = {"STAT_ERR": ("D", [3.0, 1.0, 3.0, 2.0])}
    gone = ("POISSERR",) if said is None else ()
    path = pha(tmp_path / "a.pha", columns, *gone, **({} if said is None else {"POISSERR": said}))
    spectrum = read_single_pha(path)
    assert spectrum.poisson
    assert warned(spectrum, "POISSERR is missing" if said is None else "POISSERR is false")


def test_net_and_negative_spectra_are_not_poisson(tmp_path: Path) -> None:
    errors: Column = ("D", [1.0] * 4)
    net = pha(tmp_path / "a.pha", {"STAT_ERR": errors}, POISSERR=False, HDUCLAS2="NET")
    assert not read_single_pha(net).poisson
    negative = pha(
        tmp_path / "b.pha", {"RATE": ("E", [-0.5, 1.25, 0, 1]), "STAT_ERR": errors},
        "COUNTS", "POISSERR",
    )  # fmt: skip
    spectrum = read_single_pha(negative)
    assert not spectrum.poisson
    assert spectrum.counts.tolist() == [-50, 125, 0, 100]


def test_small_rates_are_not_rounded_to_no_counts(tmp_path: Path) -> None:
    columns: dict[str, Column] = {"RATE": ("E", [1e-5, 2e-5, 0, 0]), "STAT_ERR": ("E", [1e-5] * 4)}
    spectrum = read_single_pha(pha(tmp_path / "a.pha", columns, "COUNTS", POISSERR=False))
    assert not spectrum.poisson
    assert spectrum.counts == pytest.approx([1e-3, 2e-3, 0, 0])


def test_fractions_called_poisson_are_warned_of(tmp_path: Path) -> None:
    spectrum = read_single_pha(pha(tmp_path / "a.pha", {"COUNTS": ("D", [0.5, 1, 2, 3])}))
    assert spectrum.poisson
    assert warned(spectrum, "not whole numbers")
    assert spectrum.counts[0] == 0.5


def test_channels_in_any_order_and_incomplete(tmp_path: Path) -> None:
    path = pha(
        tmp_path / "a.pha",
        {"CHANNEL": ("J", [7, 3, 5]), "COUNTS": ("J", [70, 30, 50]), "QUALITY": ("I", [7, 3, 5]),
         "BACKSCAL": ("D", [7, 3, 5])},
        TLMIN1=0, DETCHANS=10,
    )  # fmt: skip
    spectrum = read_single_pha(path)
    assert spectrum.channels.tolist() == [3, 5, 7]
    assert spectrum.counts.tolist() == [30, 50, 70]
    assert spectrum.quality is not None
    assert spectrum.quality.tolist() == spectrum.backscal.tolist() == [3, 5, 7]
    assert (spectrum.first_channel, spectrum.detector_channels) == (0, 10)
    assert warned(spectrum, "sorted")
    assert warned(spectrum, "3 of 10 channels")


@pytest.mark.parametrize(
    ("channels", "limit", "first"),
    [([0, 1, 2, 3], None, 0), ([1, 2, 3, 4], None, 1), ([1, 2, 3, 4], 0, 0), ([0, 1, 2, 3], 1, 0),
     ([2, 3, 4, 5], None, 1)],
)  # fmt: skip
def test_the_first_channel(
    channels: list[int], limit: int | None, first: int, tmp_path: Path
) -> None:
    header = {} if limit is None else {"TLMIN1": limit}
    gone = ("TLMIN1",) if limit is None else ()
    path = pha(tmp_path / "a.pha", {"CHANNEL": ("I", channels)}, *gone, DETCHANS=5, **header)
    spectrum = read_single_pha(path)
    assert spectrum.first_channel == first
    assert warned(spectrum, "TLMIN") == ((channels[0], limit) in {(0, 1), (2, None)})


def test_detchans_that_is_too_small(tmp_path: Path) -> None:
    spectrum = read_single_pha(pha(tmp_path / "a.pha", DETCHANS=2))
    assert spectrum.detector_channels == 4
    assert warned(spectrum, "DETCHANS = 2")


def test_channels_without_area_are_bad(tmp_path: Path) -> None:
    spectrum = read_single_pha(pha(tmp_path / "a.pha", {"AREASCAL": ("E", [0, 1, 1, 0])}))
    assert spectrum.quality is not None
    assert spectrum.quality.tolist() == [1, 0, 0, 1]
    assert warned(spectrum, "AREASCAL is 0 in 2 channels")


def test_scaled_columns_and_the_primary_header(tmp_path: Path) -> None:
    # unsigned 16-bit counts are stored with TZERO = 32768
    column = fits.Column("COUNTS", "I", bzero=32768, array=np.array([65535, 0, 1, 2], np.uint16))
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column("CHANNEL", "I", array=[1, 2, 3, 4]), column], name="SPECTRUM"
    )
    hdu.header.update({"POISSERR": True, "DETCHANS": 4})
    primary = fits.PrimaryHDU()
    primary.header["EXPOSURE"] = 7.0
    fits.HDUList([primary, hdu]).writeto(tmp_path / "a.pha")
    spectrum = read_single_pha(tmp_path / "a.pha")
    assert spectrum.counts.tolist() == [65535, 0, 1, 2]
    assert spectrum.exposure == 7


@pytest.mark.parametrize(
    ("columns", "gone", "header", "text"),
    [
        ({}, ("EXPOSURE",), {}, "has no EXPOSURE"),
        ({}, (), {"EXPOSURE": 0.0}, "EXPOSURE of 0 s"),
        ({}, (), {"EXPOSURE": -3.0}, "EXPOSURE of -3 s"),
        ({}, (), {"EXPOSURE": "long"}, "not a number"),
        ({"COUNTS": ("J", [1, -1, 0, 0])}, (), {}, "negative COUNTS though"),
        ({"COUNTS": ("J", [1, -1, 0, 0])}, ("POISSERR",), {}, "negative COUNTS and no STAT_ERR"),
        ({"COUNTS": ("D", [1, np.nan, 0, 0])}, (), {}, "COUNTS that are not finite"),
        ({"COUNTS": ("D", [1.5, 1, 0, 0])}, (), {"POISSERR": False}, "neither Poisson counts"),
        ({"COUNTS": ("4A", ["a"] * 4)}, (), {}, "does not hold numbers"),
        ({"CHANNEL": ("J", [1, 1, 2, 3])}, (), {}, "there twice"),
        ({"CHANNEL": ("J", [-1, 1, 2, 3])}, (), {}, "negative or there twice"),
        ({"CHANNEL": ("E", [1.5, 1, 2, 3])}, (), {}, "not whole"),
        ({"CHANNEL": ("E", [np.nan, 1, 2, 3])}, (), {}, "not whole"),
        ({}, ("CHANNEL", "TLMIN1"), {}, "no column CHANNEL"),
        ({"STAT_ERR": ("D", [1, -1, 1, 1])}, (), {}, "STAT_ERR that are negative"),
        ({"SYS_ERR": ("D", [0, np.inf, 0, 0])}, (), {}, "SYS_ERR that are negative or not"),
        ({}, (), {"BACKSCAL": 0.0}, "BACKSCAL of 0"),
        ({}, (), {"AREASCAL": -1.0}, "AREASCAL that is negative"),
        ({"BACKSCAL": ("E", [1, np.nan, 1, 1])}, (), {}, "BACKSCAL that is negative or not"),
        ({"QUALITY": ("E", [0, 0.5, 1, 1])}, (), {}, "QUALITY that are not whole"),
        ({}, (), {"TLMIN1": 0.5}, "not a number of a channel"),
        ({}, ("COUNTS",), {}, "holds no spectrum"),
    ],
)  # fmt: skip
def test_impossible_spectra_are_refused(
    columns: dict[str, Column], gone: tuple[str, ...], header: dict, text: str, tmp_path: Path
) -> None:
    path = pha(tmp_path / "a.pha", columns, *gone, **header)
    with pytest.raises(InputError, match=text) as caught:
        read_pha(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_spectra(tmp_path: Path) -> None:
    empty = write(tmp_path / "e.pha", table("SPECTRUM", {
        "CHANNEL": ("J", np.array([], int)), "COUNTS": ("J", np.array([], int)),
    }, PHA_HEADER))  # fmt: skip
    with pytest.raises(InputError, match="no rows"):
        read_pha(empty)
    with pytest.raises(InputError, match="does not exist"):
        read_pha(tmp_path / "absent.pha")
    whole = pha(tmp_path / "a.pha").read_bytes()
    (tmp_path / "cut.pha").write_bytes(whole[:-2880])
    with pytest.raises(InputError, match="truncated"):
        read_pha(tmp_path / "cut.pha")
    (tmp_path / "text.pha").write_text("energy counts\n1 2\n")
    with pytest.raises(InputError, match="not a FITS file"):
        read_pha(tmp_path / "text.pha")


def test_more_rows_than_there_are(tmp_path: Path) -> None:
    data = pha(tmp_path / "a.pha").read_bytes()
    lie = data.replace(b"NAXIS2  =                    4", b"NAXIS2  =         900000000000")
    assert lie != data
    (tmp_path / "a.pha").write_bytes(lie)
    with pytest.raises(InputError, match="truncated"):
        read_pha(tmp_path / "a.pha")


def test_a_gzipped_file(tmp_path: Path) -> None:
    (tmp_path / "a.pha.gz").write_bytes(gzip.compress(pha(tmp_path / "a.pha").read_bytes()))
    assert read_single_pha(tmp_path / "a.pha.gz").counts.sum() == 14


def two(path: Path, *gone: str, variable: bool = False) -> Path:
    counts = [[5, 0, 7], [1, 2, 3]]
    columns: dict[str, Column] = {
        "SPEC_NUM": ("I", [4, 9]), "CHANNEL": ("3I", [[0, 1, 2], [0, 1, 2]]),
        "COUNTS": ("PJ()" if variable else "3J", counts), "EXPOSURE": ("D", [10.0, 20.0]),
        "BACKSCAL": ("D", [0.5, 0.25]), "QUALITY": ("3I", [[0, 0, 1], [0, 2, 0]]),
        "BACKFILE": ("8A", ["b.pha{2}", "none"]),
    }  # fmt: skip
    kept = {k: v for k, v in columns.items() if k not in gone}
    return write(path, table("SPECTRUM", kept, {"POISSERR": True, "DETCHANS": 3}))


@pytest.mark.parametrize("variable", [False, True])
def test_spectra_in_rows(variable: bool, tmp_path: Path) -> None:
    first, second = read_pha(two(tmp_path / "a.pha", variable=variable))
    assert (first.counts.tolist(), second.counts.tolist()) == ([5, 0, 7], [1, 2, 3])
    assert (first.exposure, second.exposure, first.row, second.row) == (10, 20, 4, 9)
    assert second.backscal.tolist() == [0.25] * 3
    assert second.quality is not None
    assert second.quality.tolist() == [0, 2, 0]
    assert (first.background_file, second.background_file) == ("b.pha{2}", None)
    assert (first.first_channel, first.warnings) == (0, ())


def test_rows_without_channel_numbers(tmp_path: Path) -> None:
    spectrum = read_pha(two(tmp_path / "a.pha", "CHANNEL"))[0]
    assert spectrum.channels.tolist() == [1, 2, 3]
    assert warned(spectrum, "counted from 1")


def test_a_row_is_selected(tmp_path: Path) -> None:
    path = two(tmp_path / "a.pha")
    assert [s.row for s in read_pha(f"{path}{{2}}")] == [9]
    assert read_single_pha(path, 1).row == 4
    assert read_single_pha(f"{path}{{1}}").row == 4
    with pytest.raises(ParameterError, match=r"holds 2 spectra; choose one, as in a.pha\{1\}"):
        read_single_pha(path)
    for row in (0, 3):
        with pytest.raises(ParameterError, match=f"no spectrum {row}"):
            read_single_pha(path, row)
    with pytest.raises(ParameterError, match="one spectrum only"):
        read_pha(f"{pha(tmp_path / 'b.pha')}{{2}}")


def test_a_file_may_be_called_like_a_selection(tmp_path: Path) -> None:
    path = pha(tmp_path / "a{3}")
    assert split_selection(path) == (path, None)
    assert split_selection(tmp_path / "b{3}") == (tmp_path / "b", 3)
