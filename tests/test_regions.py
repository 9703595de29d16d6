from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.regions import read_region_file


@pytest.fixture
def wcs(events: EventList) -> WCS:
    return events.wcs


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_sky_and_physical_circles_agree(tmp_path: Path, wcs: WCS) -> None:
    x0, y0 = wcs.all_world2pix([[150.02, 2.21]], 1)[0]
    sky = read_region_file(write(tmp_path / "a.reg", 'icrs\ncircle(150.02,2.21,30")\n'), wcs)
    text = f"physical\ncircle({x0},{y0},{30 / 0.492})\n"
    physical = read_region_file(write(tmp_path / "b.reg", text), wcs)
    generator = np.random.default_rng(0)
    x, y = x0 + generator.uniform(-80, 80, 500), y0 + generator.uniform(-80, 80, 500)
    inside = sky.contains(x, y)
    assert 0 < inside.sum() < 500
    assert np.mean(inside == physical.contains(x, y)) > 0.99


def test_exclusions_are_holes(tmp_path: Path, wcs: WCS) -> None:
    text = "physical\ncircle(4000,4000,50)\n-circle(4000,4000,20)\n"
    ring = read_region_file(write(tmp_path / "ring.reg", text), wcs)
    inside = ring.contains(np.array([4000.0, 4030.0, 4100.0]), np.full(3, 4000.0))
    assert inside.tolist() == [False, True, False]


def test_only_exclusions_keep_the_rest(tmp_path: Path, wcs: WCS) -> None:
    hole = read_region_file(write(tmp_path / "h.reg", "physical\n-circle(4000,4000,20)\n"), wcs)
    assert hole.contains(np.array([4000.0, 5000.0]), np.full(2, 4000.0)).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "no region"),
        ("hello\n", "frame or shape"),
        ("icrs\nblob(1,2,3)\n", "shape"),
        ("image\ncircle(10,10,5)\n", "image coordinates"),
        ("circle(10,10,5)\n", "frame"),
        ("icrs\npoint(150.0,2.2)\n", "no area"),
        ("physical\ncircle(4000,4000,nan)\n", "bad.reg"),
    ],
)
def test_no_line_is_skipped_in_silence(tmp_path: Path, wcs: WCS, text: str, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        read_region_file(write(tmp_path / "bad.reg", text), wcs)


def test_missing_and_binary_files(tmp_path: Path, wcs: WCS) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_region_file(tmp_path / "none.reg", wcs)
    binary = tmp_path / "binary.reg"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a DS9 region file"):
        read_region_file(binary, wcs)


def test_regions_on_the_other_side_of_the_sky(tmp_path: Path, wcs: WCS) -> None:
    path = tmp_path / "far.reg"
    ra, dec = wcs.wcs.crval
    path.write_text(f'icrs\ncircle({(ra + 180) % 360},{-dec},60")\n')
    with pytest.raises(InputError, match="is on the other side of the sky"):
        read_region_file(path, wcs)
