import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import InputError
from xsurvey.io.fits_file import open_fits
from xsurvey.io.fits_image import image_shape, read_image, read_image_header


def bad_files(folder: Path, good: Path) -> dict[str, Path]:
    """Write one file of each way to be bad; values are their paths."""
    data = good.read_bytes()
    packed = gzip.compress(data, 1)
    contents = {
        "empty": b"", "text": b"hello, I am text\n" * 50,
        "noise": np.random.default_rng(0).bytes(9000),
        "truncated": data[: len(data) // 2], "header_only": data[:1000],
        "truncated_gzip": packed[: len(packed) // 2],
        "broken_gzip": packed[:200] + b"x" * 300 + packed[500:],
        "gzip_of_truncated": gzip.compress(data[: len(data) // 2], 1),
    }  # fmt: skip
    paths = {}
    for name, content in contents.items():
        suffix = ".fits.gz" if "gzip" in name else ".fits"
        paths[name] = folder / f"{name}{suffix}"
        paths[name].write_bytes(content)
    paths["missing"] = folder / "missing.fits"
    paths["folder"] = folder / "folder.fits"
    paths["folder"].mkdir()
    return paths


def test_every_bad_file_is_named_with_a_cause(event_file: Path, tmp_path: Path) -> None:
    for name, path in bad_files(tmp_path, event_file).items():
        with pytest.raises(InputError) as caught:
            open_fits(path)
        assert caught.value.subject == str(path), name
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "cause"),
    [("missing", "does not exist"), ("empty", "is empty"), ("truncated", "truncated"),
     ("truncated_gzip", "gzip"), ("gzip_of_truncated", "truncated"), ("text", "not a FITS file"),
     ("folder", "is a folder")],
)  # fmt: skip
def test_causes_are_told_apart(event_file: Path, tmp_path: Path, name: str, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        open_fits(bad_files(tmp_path, event_file)[name])


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 40_000), value=st.integers(0, 255))
def test_a_damaged_byte_never_escapes_as_another_error(
    event_file: Path, tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    data = bytearray(event_file.read_bytes())
    data[place % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / "events.fits"
    path.write_bytes(bytes(data))
    try:
        for table in open_fits(path).tables:
            for _ in table.chunks():
                pass
    except InputError:
        pass


def test_scaled_columns_are_scaled(tmp_path: Path) -> None:
    stored = np.array([10, 20, -30], dtype=np.int32)
    unsigned = np.array([1, 2, 2**31 + 5], "u4")
    columns = [
        fits.Column(name="FLAG", format="J", bzero=2**31, array=unsigned),
        fits.Column(name="RA", format="J", array=stored),
    ]
    path = tmp_path / "scaled.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    with fits.open(path, mode="update") as hdus:  # as a mission's own software leaves it
        hdus[1].header["TSCAL2"], hdus[1].header["TZERO2"] = 1e-3, 5.0
    table = open_fits(path).tables[0]
    raw = table.read()
    assert table.values(raw, "ra") == pytest.approx([5.01, 5.02, 4.97])
    assert table.values(raw, "flag").tolist() == [1, 2, 2**31 + 5]


def test_parts_and_headers_are_those_of_the_image_that_is_read(tmp_path: Path) -> None:
    path, data = tmp_path / "image.fits", np.arange(20.0).reshape(4, 5)
    line = fits.PrimaryHDU(np.zeros((1, 5)))  # no image: one of its axes has one pixel
    fits.HDUList([line, fits.ImageHDU(data[None])]).writeto(path)
    part = (slice(1, 3), slice(2, 4))
    for chosen in (None, part):
        image, header = read_image(path, chosen)
        assert np.array_equal(image, data[chosen or ...])
        assert image_shape(header) == image_shape(read_image_header(path)) == (4, 5)
    packed = tmp_path / "packed.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data)]).writeto(packed)
    assert np.array_equal(read_image(packed, part)[0], data[part])
    with pytest.raises(InputError, match="no two-dimensional image"):
        read_image_header(packed)


def test_image_reading_needs_an_image(event_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no two-dimensional image"):
        read_image(event_file)
    path = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 4), ">i2"))]).writeto(path)
    assert read_image(path)[0].tolist() == np.ones((3, 4)).tolist()
