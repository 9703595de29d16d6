"""Exposure maps by attitude, against brute-force sums over time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.attitude import separations, unit_vectors
from xsurvey.events import EventList
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.missions.event_writer import write_events
from xsurvey.units import EnergyBand

from ..mission_files import (
    ALL_MODULES,
    DEC,
    RA,
    START,
    edited,
    erosita_columns,
    small_table,
    write_erosita,
)

BAND = EnergyBand(0.2, 2.3)
ENERGY = np.sqrt(0.2 * 2.3)


def exposure(events: EventList, band: EnergyBand = BAND) -> SkyImage:
    return next(iter(field_from_events(events, [band], ImageParameters()).exposure.values()))


def brute_force(
    events: EventList, image: SkyImage, rows: np.ndarray, columns: np.ndarray, step: float
) -> np.ndarray:
    """Livetime times vignetting of pixels, the mean over the modules, summed over the time."""
    mission = get_mission("erosita")
    ra, dec = image.grid.to_icrs(columns.astype(float), rows.astype(float))
    total = np.zeros(len(rows))
    for number, good in events.gti.items():
        time, length = good.samples(step)
        axis = events.attitude[number].at(time)
        live = events.live_fraction.get(number, 1.0)
        for i, place in enumerate(unit_vectors(ra, dec)):
            off_axis = separations(axis, place)
            area = np.where(
                off_axis < mission.field_radius, mission.vignetting(off_axis, ENERGY), 0
            )
            total[i] += (area * length * live).sum()
    return total / len(events.gti)


def some_pixels(image: SkyImage, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    ny, nx = image.data.shape
    return generator.integers(0, ny, count), generator.integers(0, nx, count)


def test_a_scanned_tile_has_the_exposure_of_the_sum(survey_tile: Path) -> None:
    events = select_detectors(open_events(survey_tile), "TM1,TM2")
    image = exposure(events)
    assert image.unit == "s"
    assert image.stamps["EXPMAP"] == "APPROX"
    rows, columns = some_pixels(image)
    expected = brute_force(events, image, rows, columns, 0.05)
    assert image.data[rows, columns] == pytest.approx(expected, rel=0.01)


def test_a_pointing_has_the_exposure_of_the_sum(survey_pointing: Path) -> None:
    events = select_detectors(open_events(survey_pointing), "TM1")
    image = exposure(events)
    rows, columns = some_pixels(image, 40)
    expected = brute_force(events, image, rows, columns, 1.0)
    # the edge of the field lies within a pixel of its place
    inside = expected > 0.35 * expected.max()
    assert inside.sum() > 10
    assert image.data[rows, columns][inside] == pytest.approx(expected[inside], rel=0.01)
    ny, nx = image.data.shape
    assert image.data[ny // 2, nx // 2] == pytest.approx(2000, rel=0.01)
    assert image.data[0, 0] == 0


def with_attitude(path: Path, modules: dict[int, tuple[float, float]]) -> Path:
    """Write a file whose modules look at RA, DEC for some time with some fraction alive."""
    time = START + np.arange(0, 1001, 10.0)
    others = []
    for number, (_, live) in modules.items():
        others.append(small_table(
            f"CORRATT{number}", TIME=time, RA=np.full(101, RA), DEC=np.full(101, DEC)
        ))  # fmt: skip
        others.append(small_table(f"DEADCOR{number}", TIME=time, DEADC=np.full(101, live)))
    gti = {f"GTI{n}": [(0.0, seconds)] for n, (seconds, _) in modules.items()}
    columns = erosita_columns()
    columns["TM_NR"] = ("B", np.resize(list(modules), 700))
    columns["TIME"] = ("D", np.full(700, START + 1.0))
    return write_erosita(path, columns, gti, others)


def test_coaligned_modules_have_their_mean(tmp_path: Path) -> None:
    path = with_attitude(tmp_path / "e.fits", {1: (1000.0, 1.0), 2: (500.0, 0.8), 5: (300.0, 0.9)})
    events = open_events(path)
    centre = exposure(events).data.max()
    assert centre == pytest.approx((1000 + 400 + 270) / 3, rel=0.01)
    assert exposure(select_detectors(events, "TM9")).data.max() == pytest.approx(270, rel=0.01)
    assert exposure(select_detectors(events, "TM8")).data.max() == pytest.approx(700, rel=0.01)


def plain_gti(path: Path) -> Path:
    return write_erosita(path, gti={"GTI": [(0.0, 1000.0)]})


def silent_module(path: Path) -> Path:
    columns = erosita_columns()
    columns["TM_NR"] = ("B", np.full(700, 3))
    return write_erosita(path, columns)


@pytest.mark.parametrize("make", [plain_gti, silent_module, write_erosita])
@pytest.mark.parametrize("name", [None, "TM8"])
def test_however_good_times_are_told_modules_have_their_mean(
    make: Callable[[Path], Path], name: str | None, tmp_path: Path
) -> None:
    events = select_detectors(open_events(make(tmp_path / "e.fits")), name)
    image = exposure(events)
    assert events.attitude == {}
    assert image.data.max() == pytest.approx(1000, rel=0.01)
    off_axis = image.grid.off_axis(events.observation.pointing)
    assert np.median(image.data[off_axis < 5]) == pytest.approx(1000, rel=0.06)


def test_fewer_modules_see_fewer_counts_as_long(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    some = select_detectors(events, "TM8")
    assert some.count() / events.count() == pytest.approx(5 / 7, abs=0.06)
    everything, part = (
        field_from_events(e, [BAND], ImageParameters(pixel_size="16arcsec")) for e in (events, some)
    )
    assert part.exposure["4"].data.max() == pytest.approx(
        everything.exposure["4"].data.max(), rel=0.01
    )
    assert part.counts["4"].data.sum() == some.in_energy(BAND).count()
    assert part.frame_time == pytest.approx(0.050 / 5)


def test_higher_energies_have_less_exposure_off_axis(survey_pointing: Path) -> None:
    events = select_detectors(open_events(survey_pointing), "TM1")
    soft, hard = (exposure(events, band) for band in (BAND, EnergyBand(2.3, 5)))
    off_axis = soft.grid.off_axis(events.observation.pointing)
    ring = (off_axis > 14) & (off_axis < 16)
    expected = get_mission("erosita").vignetting(np.array([15.0]), np.sqrt(2.3 * 5))[0] * 2000
    assert hard.data[ring].mean() == pytest.approx(expected, rel=0.01)
    assert np.all(hard.data[ring] < soft.data[ring])


def drop_attitude(hdus: fits.HDUList) -> None:
    for hdu in [h for h in hdus[1:] if h.name.startswith("CORRATT")]:
        hdus.remove(hdu)


def test_a_scan_without_attitude_is_relative_and_says_so(survey_tile: Path, tmp_path: Path) -> None:
    path = edited(survey_tile, tmp_path / "blind.fits", drop_attitude)
    events = open_events(path)
    assert any("without attitude" in w for w in events.observation.warnings)
    field = field_from_events(events, [BAND], ImageParameters())
    assert not field.timed
    assert field.scanning
    image = field.exposure["4"]
    assert image.unit == ""
    assert "relative" in image.stamps["COMMENT"]
    assert 0.9 < image.data.max() <= 1


def test_a_pointing_without_attitude_takes_its_footprint(
    survey_pointing: Path, tmp_path: Path
) -> None:
    path = edited(survey_pointing, tmp_path / "blind.fits", drop_attitude)
    events = select_detectors(open_events(path), "TM1")
    blind, known = exposure(events), exposure(select_detectors(open_events(survey_pointing), "TM1"))
    assert blind.unit == "s"
    off_axis = blind.grid.off_axis(events.observation.pointing)
    # within the edge, which the footprint smears by the dither
    inner = off_axis < 28
    assert np.allclose(blind.data[inner], known.data[inner], rtol=0.03)


@pytest.mark.parametrize("which", ["tile", "pointing"])
def test_a_written_selection_keeps_its_exposure(
    which: str, survey_tile: Path, survey_pointing: Path, tmp_path: Path
) -> None:
    events = open_events(survey_tile if which == "tile" else survey_pointing)
    path = tmp_path / "soft.fits"
    write_events(path, events.in_energy(BAND))
    again = open_events(path)
    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus[1:]]
    for name in ("GTI", "CORRATT", "DEADCOR"):
        assert sorted(n for n in names if n.startswith(name)) == [f"{name}{i}" for i in range(1, 8)]
    assert again.count() == events.in_energy(BAND).count()
    assert again.livetime == pytest.approx(events.livetime)
    first, second = (
        field_from_events(e.in_energy(BAND), [BAND], ImageParameters(pixel_size="32arcsec"))
        for e in (events, again)
    )
    assert np.allclose(first.exposure["4"].data, second.exposure["4"].data)
    assert np.array_equal(first.counts["4"].data, second.counts["4"].data)


def test_a_written_selection_of_times_and_modules_is_that(
    survey_pointing: Path, tmp_path: Path
) -> None:
    events = select_detectors(open_events(survey_pointing), "TM9")
    half = events.gti[5].cut(events.gti[5].start + 1000.0)
    half = type(half)(half.start[:1], half.stop[:1])
    kept = events.in_time(half)
    write_events(tmp_path / "half.fits", kept)
    again = open_events(tmp_path / "half.fits")
    assert sorted(again.gti) == [5, 7]
    assert again.livetime == pytest.approx(1000)
    assert again.count() == kept.count() < events.count()
    assert exposure(again).data.max() == pytest.approx(1000, rel=0.01)


def test_one_gti_table_for_all_is_written_as_one(tmp_path: Path) -> None:
    events = open_events(write_erosita(tmp_path / "e.fits", gti={"GTI": [(0.0, 400.0)]}))
    write_events(tmp_path / "again.fits", events)
    again = open_events(tmp_path / "again.fits")
    assert list(again.gti) == [-1]
    assert again.count() == events.count()
    numbered = open_events(write_erosita(tmp_path / "n.fits", gti=ALL_MODULES))
    write_events(tmp_path / "nagain.fits", numbered)
    assert sorted(open_events(tmp_path / "nagain.fits").gti) == list(range(1, 8))
