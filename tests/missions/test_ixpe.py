"""IXPE level 2 files: three detector units, one observation."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.summary import summarise
from xsurvey.missions import get_mission, open_events, select_detectors

from ..mission_files import DEC, RA, WHOLE, Edit, ixpe_columns, write_erosita, write_ixpe


def three(folder: Path, **header: object) -> list[Path]:
    return [write_ixpe(folder / f"du{unit}.fits", unit, **header) for unit in (1, 2, 3)]


def warned(events: EventList, words: str) -> bool:
    return any(words in w for w in events.observation.warnings)


def set_keyword(key: str, value: object) -> Edit:
    def edit(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].header[key] = value

    return edit


def test_three_units_are_one_observation(tmp_path: Path) -> None:
    paths = three(tmp_path)
    joined = open_events(paths)
    assert joined.observation.instrument == "GPD DU1+DU2+DU3"
    assert joined.rows == joined.count() == 900
    assert sorted(joined.gti) == [1, 2, 3]
    for unit, path in enumerate(paths, start=1):
        alone = open_events(path)
        mine = select_detectors(joined, f"DU{unit}")
        for name in ("time", "x", "y", "energy", "q", "u"):
            assert np.array_equal(mine.columns([name])[name], alone.columns([name])[name])
    # they look the same way at the same time: the exposure is no sum
    assert joined.livetime == pytest.approx(900)


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    paths = three(tmp_path)
    first, second = open_events(paths), open_events(paths[::-1])
    assert first.observation == second.observation
    assert list(first.gti) == list(second.gti)
    assert np.array_equal(first.columns(["x"])["x"], second.columns(["x"])["x"])


def test_two_units_are_enough(tmp_path: Path) -> None:
    joined = open_events(three(tmp_path)[1:])
    assert joined.observation.instrument == "GPD DU2+DU3"
    with pytest.raises(InputError, match="DU1"):
        select_detectors(joined, "DU1")
    with pytest.raises(ParameterError, match="DU4"):
        select_detectors(joined, "DU4")


def test_units_with_other_good_times_and_dead_times(tmp_path: Path) -> None:
    paths = [
        write_ixpe(tmp_path / "1.fits", 1, LIVETIME=900.0),
        write_ixpe(tmp_path / "2.fits", 2, gti={"GTI": [(0, 500)]}, ONTIME=500.0, LIVETIME=400.0),
    ]
    joined = open_events(paths)
    assert joined.detector_livetime(1) == pytest.approx(900)
    assert joined.detector_livetime(2) == pytest.approx(400)
    assert joined.livetime == pytest.approx(650)
    assert joined.in_detectors([2]).livetime == pytest.approx(400)
    assert joined.count() == pytest.approx(450, abs=2)


def test_files_that_do_not_belong_together(tmp_path: Path, event_file: Path) -> None:
    first, second, _ = three(tmp_path)
    other = write_ixpe(tmp_path / "other.fits", 2, OBS_ID="02009001")
    shifted = write_ixpe(tmp_path / "shifted.fits", 2, edit=set_keyword("TCRVL4", RA + 1))
    survey = write_erosita(tmp_path / "erosita.fits")
    for paths, words in (
        ((first, other), "02009001.*01003199"),
        ((first, first), "detector unit 1 as well as"),
        ((first, second, shifted), "other.*sky pixels|unit 2 as well"),
        ((first, shifted), "other sky pixels"),
        ((first, survey), "is of eROSITA"),
        ((survey, first), "second event file"),
        ((event_file, first), "second event file"),
    ):
        with pytest.raises(InputError, match=words):
            open_events(paths)


def test_units_of_the_simulator_are_told_apart_by_target_and_date(tmp_path: Path) -> None:
    # it writes OBS_ID = -1 into all
    paths = three(tmp_path, OBS_ID="-1")
    assert open_events(paths).observation.obs_id == "pulsar_2022-03-07"
    other = write_ixpe(tmp_path / "o.fits", 2, OBS_ID="-1", OBJECT="quasar")
    with pytest.raises(InputError, match="quasar_2022-03-07"):
        open_events([paths[0], other])


def test_energies_are_those_of_the_channels(tmp_path: Path) -> None:
    columns = ixpe_columns()
    energy = open_events(write_ixpe(tmp_path / "e.fits", columns=columns)).columns(["energy"])
    assert energy["energy"] == pytest.approx(0.04 * columns["PI"][1] + 0.02)


def test_events_without_stokes_parameters_are_dropped_and_counted(tmp_path: Path) -> None:
    columns = ixpe_columns()
    columns["Q"][1][:5] = np.nan
    columns["U"][1][3:8] = np.nan
    summary = summarise(open_events(write_ixpe(tmp_path / "e.fits", columns=columns)))
    assert (summary.rows, summary.events) == (300, 292)
    assert any("8 events" in w and "Q or U" in w for w in summary.warnings)


@pytest.mark.parametrize("unit_of_x", ["pixels", None])
@pytest.mark.parametrize("keys", [("RA_OBJ", "DEC_OBJ"), ("RA_PNT", "DEC_PNT")])
def test_files_without_sky_coordinates(
    tmp_path: Path, unit_of_x: str | None, keys: tuple[str, str]
) -> None:
    def drop(hdus: fits.HDUList) -> None:
        header = hdus["EVENTS"].header
        for key in list(header):
            if key.startswith(("TCTYP", "TCRVL", "TCRPX", "TCDLT", "TCUNI")):
                del header[key]
        for key in {"RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT"} - set(keys):
            del header[key]
        if unit_of_x is not None:
            header["TCUNI4"] = header["TCUNI5"] = unit_of_x

    events = open_events(write_ixpe(tmp_path / "e.fits", edit=drop))
    assert warned(events, "no sky coordinates")
    assert events.pixel_size == pytest.approx(2.6)
    assert events.wcs.all_world2pix([[RA, DEC]], 1)[0] == pytest.approx([300.5, 300.5])
    assert events.wcs.wcs.cdelt[0] < 0 < events.wcs.wcs.cdelt[1]

    def drop_all(hdus: fits.HDUList) -> None:
        drop(hdus)
        for key in keys:
            del hdus["EVENTS"].header[key]

    with pytest.raises(InputError, match="no sky coordinates"):
        open_events(write_ixpe(tmp_path / "n.fits", edit=drop_all))


def test_keywords_in_pixels_are_no_sky_coordinates(tmp_path: Path) -> None:
    def in_pixels(hdus: fits.HDUList) -> None:
        header = hdus["EVENTS"].header
        for number in (4, 5):
            header[f"TCUNI{number}"] = "pixels"
            header[f"TCTYP{number}"] = "LINEAR"

    events = open_events(write_ixpe(tmp_path / "e.fits", edit=in_pixels))
    assert warned(events, "no sky coordinates")


@pytest.mark.parametrize(
    ("header", "livetime", "warning"),
    [
        ({}, 900, None),
        ({"LIVETIME": None, "DEADC": 0.8}, 800, None),
        ({"LIVETIME": None}, 1000, "no LIVETIME, DEADC"),
        ({"ONTIME": None}, 900, None),
        ({"ONTIME": 2000.0, "LIVETIME": 1800.0}, 900, "header ONTIME is 2000.0 s"),
        ({"LIVETIME": 1500.0}, 1000, "dead-time correction 1.5"),
        ({"EXPOSURE": 900.0}, 900, None),
        ({"EXPOSURE": 5000.0}, 900, "header EXPOSURE is 5000.0 s"),
    ],
)
def test_livetimes(tmp_path: Path, header: dict, livetime: float, warning: str | None) -> None:
    events = open_events(write_ixpe(tmp_path / "e.fits", **header))
    assert events.livetime == pytest.approx(livetime)
    if warning is None:
        assert events.observation.warnings == ()
    else:
        assert warned(events, warning)


def test_the_unit_must_be_named(tmp_path: Path) -> None:
    for name in (None, "DU4", "GPD"):
        with pytest.raises(InputError, match="DETNAM"):
            open_events(write_ixpe(tmp_path / "e.fits", DETNAM=name))


def test_columns_for_polarization_may_be_absent(tmp_path: Path) -> None:
    full = ixpe_columns()
    plain = {k: v for k, v in full.items() if k != "W_MOM"}
    assert open_events(write_ixpe(tmp_path / "w.fits", columns=plain)).observation.warnings == ()
    poor = {k: v for k, v in full.items() if k not in ("Q", "U")}
    events = open_events(write_ixpe(tmp_path / "q.fits", columns=poor))
    assert warned(events, "no columns Q, U")
    assert events.count() == 300
    with pytest.raises(InputError, match="no column PI"):
        open_events(
            write_ixpe(tmp_path / "p.fits", columns={k: v for k, v in full.items() if k != "PI"})
        )


def test_good_times(tmp_path: Path) -> None:
    spanned = open_events(write_ixpe(tmp_path / "s.fits", gti={}, TSTART=7e8, TSTOP=7e8 + 1000))
    assert warned(spanned, "no GTI table")
    assert spanned.ontime == pytest.approx(1000)
    with pytest.raises(InputError, match="GTI table is empty"):
        open_events(write_ixpe(tmp_path / "e.fits", gti={"GTI": []}))
    with pytest.raises(InputError, match="no GTI table"):
        open_events(write_ixpe(tmp_path / "n.fits", gti={}))
    twice = open_events(write_ixpe(tmp_path / "t.fits", gti={"GTI": [*WHOLE, (200, 300)]}))
    assert twice.ontime == pytest.approx(1000)


def test_files_of_the_simulator(ixpe_units: list[Path]) -> None:
    joined = open_events(ixpe_units)
    assert joined.livetime == pytest.approx(2000, rel=0.2)
    assert joined.observation.pointing == pytest.approx((RA, DEC), abs=0.01)
    data = joined.columns(["x", "y", "energy"])
    ra, dec = joined.wcs.all_pix2world(np.median(data["x"]), np.median(data["y"]), 1)
    assert (ra - RA) * 3600 == pytest.approx(0, abs=10)
    assert (dec - DEC) * 3600 == pytest.approx(0, abs=10)


def test_vignetting_and_psf() -> None:
    mission = get_mission("ixpe")
    assert mission.vignetting(np.array([0.0, 4.0, 8.0]), 2.0) == pytest.approx([1, 0.866, 0.646])
    assert mission.vignetting(np.array([4.0]), 7.0) == pytest.approx([(0.847 + 0.652) / 2])
    falling = mission.vignetting(np.linspace(0, 12, 50), 4.0)
    assert np.all(np.diff(falling) <= 0)
    radius = mission.psf().radius
    assert [float(radius(f, 0.0)) for f in (0.5, 0.9)] == pytest.approx([13.6, 30.4], rel=0.02)
