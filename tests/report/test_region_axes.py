"""Annuli and sectors on the sky: curves lie where the profiles' bins have their edges."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.report.brightness_profiles import fit_rows, profile_cards
from xsurvey.report.data import ProfileReport
from xsurvey.report.region_axes import regions_figure, sector_names, view_around
from xsurvey.units import SkyPosition

from . import cluster_records as records
from .conftest import DEC, RA, small_wcs

CENTRE = SkyPosition(RA, DEC)


def _image():
    data = np.random.default_rng(2).poisson(1.0, (60, 60))
    return SkyImage(data, grid_from_wcs(small_wcs(), (60, 60)), "count")


def _lines(geometry, sectors=None):
    image = _image()
    counted = np.ones((60, 60), dtype=bool)
    counted[5:15, 30:40] = False
    figure = regions_figure(
        image, counted, geometry, np.array([0.0, 0.3, 0.6]), sectors, 5.0, {"R500": 0.8}
    )
    axes = next(a for a in figure.axes if len(a.lines) > 2)
    places = []
    for line in axes.lines:
        sky = SkyCoord(*image.grid.to_icrs(*map(np.asarray, line.get_data())), unit="deg")
        centre = SkyCoord(*CENTRE, unit="deg")
        places.append((centre.separation(sky).arcmin, centre.position_angle(sky).deg))
    return figure, places


def test_circles_have_their_radii():
    _, places = _lines(RadialGeometry(CENTRE))
    radii = [np.mean(distance) for distance, _ in places if np.ptp(distance) < 1e-4]
    assert sorted(radii)[:3] == pytest.approx([0.3, 0.6, 0.8], rel=1e-4)


def test_ellipses_are_as_long_along_their_position_angle():
    _, places = _lines(RadialGeometry(CENTRE, (2.0, 30.0)))
    distance, angle = next(p for p in places if p[0].max() == pytest.approx(0.6, rel=1e-3))
    assert distance.min() == pytest.approx(0.3, rel=1e-3)
    assert angle[distance.argmax()] % 180 == pytest.approx(30, abs=2.1)


def test_sectors_span_their_angles_through_north():
    _, places = _lines(RadialGeometry(CENTRE), {"jet": (350.0, 20.0)})
    arc = next(p for p in places if len(p[0]) == 183)
    outer = arc[1][arc[0] > 0.59]
    turned = (outer + 90) % 360
    assert (turned.min(), turned.max()) == pytest.approx((80, 110), abs=0.1)
    assert sector_names([(350, 380)]) == {"350° to 20°": (350, 380)}


def test_the_view_stays_on_the_image():
    grid = _image().grid
    view = view_around(grid, CENTRE, 0.2, 500)
    assert (view.x0, view.x1, view.y0, view.y1) == (23, 36, 23, 36)
    whole = view_around(grid, CENTRE, 100.0, 20)
    assert (whole.x0, whole.x1, whole.block) == (0, 60, 3)


def test_cards_of_profiles(tmp_path):
    picture = tmp_path / "n.png"
    picture.write_bytes(b"\x89PNG")
    record = {**records.brightness(), "masked": {"sources": 2}}
    cards = profile_cards([
        ProfileReport("n", record, figure=picture, files=[("table", "n.fits")]),
        ProfileReport("m", problem="nothing there"),
    ], True)  # fmt: skip
    assert cards[0].figure.startswith("data:image/png") and cards[0].image == ""
    assert "2 sources masked" in cards[0].caption and cards[1].problem == "nothing there"
    assert profile_cards([ProfileReport("n", record, figure=picture)], False)[0].figure == ""
    rows = list(fit_rows(record))
    assert [row.of for row in rows] == ["all angles", "0° to 180°"]
    frozen = {**record, "sectors": []}
    frozen["fits"]["beta"]["parameters"]["beta"]["frozen"] = True
    frozen["fits"]["beta"]["parameters"]["background"] |= {
        "value": 4.5e-4, "lower": 4.3e-4, "upper": 4.7e-4,
    }  # fmt: skip
    shown = {name: value for name, value, _ in next(iter(fit_rows(frozen))).parameters}
    assert shown["beta"].text == "0.6667 (frozen)"
    assert (shown["background"].text, shown["background"].upper) == ("4.50e-4", "+0.20e-4")
