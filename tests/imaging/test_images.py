from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.counts import bin_events
from xsurvey.imaging.field import (
    band_label,
    field_from_events,
    field_from_image,
    fields_by_bands,
)
from xsurvey.imaging.field_store import read_field, write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage, grid_from_events, read_sky_image, same_grid
from xsurvey.imaging.stack_window import field_window, image_window
from xsurvey.imaging.window import Window
from xsurvey.missions import get_mission, open_events
from xsurvey.units import EnergyBand, SkyPosition

BROAD = EnergyBand(0.5, 7.0)


@pytest.mark.parametrize("pixel", [0.492, 0.984, 2.0, 4.0])
def test_no_event_is_lost_in_any_binning(events: EventList, pixel: float) -> None:
    grid = grid_from_events(events, pixel)
    image = bin_events(events, grid, [BROAD])[0]
    assert image.data.sum() == events.in_energy(BROAD).count()
    assert grid.pixel_size == pytest.approx(round(pixel / 0.492) * 0.492)


def test_bands_add_up(events: EventList) -> None:
    bands = [BROAD, EnergyBand(0.5, 2), EnergyBand(2, 7)]
    broad, soft, hard = bin_events(events, grid_from_events(events, 0.984), bands)
    assert np.array_equal(broad.data, soft.data + hard.data)


def test_a_source_lies_where_the_wcs_says(events: EventList) -> None:
    grid = grid_from_events(events, 0.984)
    image = bin_events(events, grid, [BROAD])[0].data
    x, y = grid.centre_of(SkyPosition(150.05, 2.22))
    row, column = round(y), round(x)
    box = image[row - 6 : row + 7, column - 6 : column + 7]
    assert box.sum() > 250
    rows, columns = np.indices(box.shape) - 6
    assert (box * rows).sum() / box.sum() == pytest.approx(y - row, abs=0.4)
    assert (box * columns).sum() / box.sum() == pytest.approx(x - column, abs=0.4)


def test_image_file_keeps_sky_and_physical_coordinates(events: EventList, tmp_path: Path) -> None:
    image = bin_events(events, grid_from_events(events, 1.5), [BROAD])[0]
    path = tmp_path / "image.fits"
    image.write(path)
    again = read_sky_image(path)
    same_grid(image, again, path)
    assert again.grid.x_edge == pytest.approx(image.grid.x_edge, abs=1e-6)
    assert np.array_equal(again.data, image.data)
    header = fits.getheader(path)
    # DS9: physical = (image - LTV) / LTM is the event list's X
    ra, dec = 150.02, 2.2
    x_image = WCS(header).all_world2pix([[ra, dec]], 1)[0][0]
    physical = (x_image - header["LTV1"]) / header["LTM1_1"]
    assert physical == pytest.approx(events.wcs.all_world2pix([[ra, dec]], 1)[0][0], abs=1e-4)


def test_approximate_exposure_knows_chips_gaps_and_dither(make_events: Callable) -> None:
    path = make_events(seed=2, exposure="50ks", background_rate=0.5, roll=30.0)
    events = open_events(path)
    field = field_from_events(events, [BROAD], ImageParameters())
    exposure, counts = field.exposure["b"], field.counts["b"].data
    assert exposure.stamps["EXPMAP"] == "APPROX"
    off_axis = exposure.grid.off_axis(events.observation.pointing)
    livetime = exposure.data / get_mission("chandra").vignetting(off_axis, np.sqrt(3.5))
    # dither moves the chips about but loses none of their area
    assert livetime.sum() / 50_000 == pytest.approx(4 * 512**2, rel=0.002)
    # the background is flat, so counts follow livetime, smeared edges included
    relative = exposure.data / exposure.data.max()
    edge = (relative > 0.1) & (relative < 0.5)
    expected = livetime[edge].sum() * counts.sum() / livetime.sum()
    assert counts[edge].sum() == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_vignetting_lowers_the_exposure_off_axis(events: EventList) -> None:
    exposure = field_from_events(events, [BROAD], ImageParameters()).exposure["b"]
    off_axis = exposure.grid.off_axis(events.observation.pointing)
    inner = exposure.data[(off_axis < 1) & (exposure.data > 0)].max()
    outer = exposure.data[off_axis > 9].max()
    assert outer < 0.95 * inner


def test_supplied_exposure_sets_the_grid(events: EventList, tmp_path: Path) -> None:
    made = field_from_events(events, [BROAD], ImageParameters())
    path = tmp_path / "exposure.fits"
    made.exposure["b"].write(path)
    field = field_from_events(events, [BROAD], ImageParameters(), path)
    assert np.array_equal(field.counts["b"].data, made.counts["b"].data)
    # the map is our own approximation: supplying it does not make it better
    assert field.exposure_approximate
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["EXPMAP"]
    assert not field_from_events(events, [BROAD], ImageParameters(), path).exposure_approximate


def test_field_survives_its_folder(events: EventList, tmp_path: Path) -> None:
    field = field_from_events(events, [BROAD, EnergyBand(1, 3)], ImageParameters())
    write_field(tmp_path / "field", [field])
    again = read_field(tmp_path / "field", events)
    assert list(again.counts) == ["b", "1000_3000"]
    assert again.bands == field.bands
    assert again.pointing == field.pointing
    assert np.array_equal(again.counts["b"].data, field.counts["b"].data)


def test_bands_one_after_the_other_make_the_same_files(
    events: EventList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bands = [BROAD, EnergyBand(1, 3), EnergyBand(30, 40)]  # the last has no events
    together = list(fields_by_bands(events, bands, ImageParameters()))
    monkeypatch.setattr("xsurvey.imaging.field._PIXELS_AT_ONCE", 1)
    singly = list(fields_by_bands(events, bands, ImageParameters()))
    assert [len(parts) for parts in (together, singly)] == [1, 3]
    write_field(tmp_path / "together", together)
    write_field(tmp_path / "singly", singly)
    names = sorted(path.name for path in (tmp_path / "together").iterdir())
    assert len(names) == 7
    assert names == sorted(path.name for path in (tmp_path / "singly").iterdir())
    for name in names:
        assert (tmp_path / "together" / name).read_bytes() == (
            tmp_path / "singly" / name
        ).read_bytes()
    with pytest.raises(InputError, match="none of 16559 events"):
        list(fields_by_bands(events, bands[2:], ImageParameters()))


def test_image_without_exposure_is_stamped(events: EventList, tmp_path: Path) -> None:
    made = field_from_events(events, [BROAD], ImageParameters())
    path = tmp_path / "counts.fits"
    made.counts["b"].write(path)
    field = field_from_image(path, [])
    assert field.exposure_approximate
    assert field.mission is not None
    assert field.timed
    real = made.exposure["b"].data > 0.5 * made.exposure["b"].data.max()
    guessed = field.exposure["b"].data > 0
    assert np.mean(guessed[real]) > 0.99
    assert np.mean(guessed[made.exposure["b"].data == 0]) < 0.3


@pytest.mark.parametrize(
    ("data", "cause"),
    [(np.full((20, 20), 0.3), "counts"), (np.full((20, 20), -1.0), "counts"),
     (np.zeros((20, 20)), "no counts")],
)  # fmt: skip
def test_images_that_are_not_counts(
    events: EventList, tmp_path: Path, data: np.ndarray, cause: str
) -> None:
    grid = grid_from_events(events, 60)
    SkyImage(data, grid, "").write(tmp_path / "x.fits")
    with pytest.raises(InputError, match=cause):
        field_from_image(tmp_path / "x.fits", [])


def test_maps_on_other_pixels_are_refused(events: EventList, tmp_path: Path) -> None:
    image = bin_events(events, grid_from_events(events, 2.0), [BROAD])[0]
    other = bin_events(events, grid_from_events(events, 4.0), [BROAD])[0]
    image.write(tmp_path / "counts.fits")
    other.write(tmp_path / "other.fits")
    with pytest.raises(InputError, match="shape"):
        field_from_image(tmp_path / "counts.fits", [], tmp_path / "other.fits")


def test_image_without_sky_is_refused(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.ones((5, 5))).writeto(tmp_path / "plain.fits")
    with pytest.raises(InputError, match="celestial"):
        read_sky_image(tmp_path / "plain.fits")


def test_labels_are_letters_or_energies() -> None:
    mission = get_mission("chandra")
    assert band_label(EnergyBand(2, 7), mission) == "h"
    assert band_label(EnergyBand(0.4, 2.25), mission) == "400_2250"
    assert band_label(EnergyBand(2, 7), None) == "2000_7000"


def test_a_window_of_a_stored_field_is_that_of_the_whole(events: EventList, tmp_path: Path) -> None:
    write_field(tmp_path / "field", [field_from_events(events, [BROAD], ImageParameters())])
    whole, window = read_field(tmp_path / "field", events), Window(30, 20, 50, 40)
    part = field_window(read_field(tmp_path / "field", events), window)
    inner = field_window(part, Window(5, 6, 10, 12))
    for cut, at in ((part, window), (inner, Window(35, 26, 10, 12))):
        for images, all_of in ((cut.counts, whole.counts), (cut.exposure, whole.exposure)):
            expected = image_window(all_of["b"], at)
            assert np.array_equal(images["b"].data, expected.data)
            assert images["b"].grid.x_edge == expected.grid.x_edge == cut.grid.x_edge
            assert images["b"].grid.shape == cut.grid.shape == (at.rows, at.columns)
            assert np.array_equal(images["b"].grid.wcs.wcs.crpix, expected.grid.wcs.wcs.crpix)
            # nothing of the rest is kept in memory
            assert images["b"].data.base is None
