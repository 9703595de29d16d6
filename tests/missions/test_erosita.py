"""eROSITA event files: which rows are kept, what they mean, when each module looked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.summary import summarise
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.missions.erosita import BAD_FLAGS, tile_name
from xsurvey.units import SkyPosition

from ..mission_files import (
    DEC,
    RA,
    START,
    WHOLE,
    erosita_columns,
    small_table,
    write_erosita,
)


def warned(events, words: str) -> bool:  # type: ignore[no-untyped-def]
    return any(words in w for w in events.observation.warnings)


def without(*names: str) -> dict:
    return {k: v for k, v in erosita_columns().items() if k not in names}


def test_bad_flags_are_excluded_bit_by_bit(tmp_path: Path) -> None:
    columns = erosita_columns(count=64)
    flags = np.zeros(64, dtype=np.uint32)
    flags[:32] = np.uint32(1) << np.arange(32, dtype=np.uint32)
    columns["FLAG"] = ("J", flags.view(np.int32))  # bit 31 makes the signed column negative
    assert columns["FLAG"][1].min() < 0
    kept = open_events(write_erosita(tmp_path / "e.fits", columns)).columns(["flag"])["flag"]
    good = [bit for bit in range(32) if not BAD_FLAGS >> bit & 1]
    assert sorted(kept[kept != 0]) == sorted(1 << bit for bit in good)
    assert np.count_nonzero(kept == 0) == 32
    assert BAD_FLAGS == 0xC00FFF30


def test_only_valid_patterns_are_kept(tmp_path: Path) -> None:
    columns = erosita_columns(count=70)
    columns["PAT_TYP"] = ("I", np.arange(70) % 7 - 1)
    events = open_events(write_erosita(tmp_path / "e.fits", columns))
    assert sorted(set(events.columns(["pat_typ"])["pat_typ"])) == [1, 2, 3, 4]
    assert events.count() == 40


@pytest.mark.parametrize("unit", ["eV", "deg", "keV"])
def test_energies_are_ev_whatever_the_unit_says(tmp_path: Path, unit: str) -> None:
    number = list(erosita_columns()).index("PI") + 1
    path = write_erosita(tmp_path / "e.fits", **{f"TUNIT{number}": unit})
    energy = open_events(path).columns(["energy"])["energy"]
    assert energy == pytest.approx(erosita_columns()["PI"][1] / 1e3)


def test_a_file_of_one_module_without_its_column(tmp_path: Path) -> None:
    path = write_erosita(tmp_path / "e.fits", without("TM_NR"), {"GTI3": WHOLE}, INSTRUME="TM3")
    events = open_events(path)
    assert set(events.columns(["detector"])["detector"]) == {3}
    assert list(events.gti) == [3]
    assert not warned(events, "TM_NR")
    merged = open_events(write_erosita(tmp_path / "m.fits", without("TM_NR"), {"GTI": WHOLE}))
    assert warned(merged, "TM_NR")
    assert merged.count() == 700


def test_modules_have_good_times_of_their_own(tmp_path: Path) -> None:
    gti = {f"GTI{n}": [(0.0, 100.0 * n)] for n in range(1, 8)}
    events = open_events(write_erosita(tmp_path / "e.fits", gti=gti))
    assert [events.detector_livetime(n) for n in range(1, 8)] == pytest.approx(
        [100.0 * n for n in range(1, 8)]
    )
    assert events.livetime == pytest.approx(400)  # the mean of modules that look the same way
    assert events.ontime == pytest.approx(700)
    data = events.columns(["time", "detector"])
    latest = [data["time"][data["detector"] == n].max() - START for n in range(1, 8)]
    assert all(100 * n - 11 < time <= 100 * n for n, time in enumerate(latest, start=1))


def test_one_gti_table_is_for_all_modules(tmp_path: Path) -> None:
    events = open_events(write_erosita(tmp_path / "e.fits", gti={"GTI": [(0, 200), (500, 600)]}))
    assert list(events.gti) == [-1]
    assert events.livetime == pytest.approx(300)
    assert events.count() == pytest.approx(210, abs=2)
    assert set(events.columns(["detector"])["detector"]) == set(range(1, 8))


def test_numbered_gtis_go_before_a_common_one(tmp_path: Path) -> None:
    gti = {"GTI": WHOLE, "GTI1": [(0, 10)], "GTI2": []}
    events = open_events(write_erosita(tmp_path / "e.fits", gti=gti))
    assert list(events.gti) == [1]
    assert set(events.columns(["detector"])["detector"]) == {1}


def test_without_gtis_good_time_is_where_events_are(tmp_path: Path) -> None:
    columns = erosita_columns()
    time = columns["TIME"][1].copy()
    time[350:] += 5000
    events = open_events(write_erosita(tmp_path / "e.fits", {**columns, "TIME": ("D", time)}, {}))
    assert warned(events, "no GTI tables")
    assert warned(events, "approximate")
    assert sorted(events.gti) == list(range(1, 8))
    assert [len(g.start) for g in events.gti.values()] == [2] * 7
    assert events.livetime == pytest.approx(1000, rel=0.05)
    assert events.count() == 700


@pytest.mark.parametrize(
    ("columns", "gti", "cause"),
    [
        (erosita_columns(), {"GTI1": [], "GTI2": []}, "all its GTI tables are empty"),
        (erosita_columns(count=0), {}, "neither GTI tables nor events"),
        (without("X"), {"GTI": WHOLE}, "no column X"),
        (without("PI"), {"GTI": WHOLE}, "no column PI"),
        (without("TIME"), {"GTI": WHOLE}, "no column TIME"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, columns: dict, gti: dict, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        open_events(write_erosita(tmp_path / "e.fits", columns, gti))


def test_missing_sky_coordinates_are_an_error(tmp_path: Path) -> None:
    path = write_erosita(tmp_path / "e.fits", TCTYP2="LINEAR")
    with pytest.raises(InputError, match="TCTYP"):
        open_events(path)


def test_dead_time_is_averaged_over_the_good_time(tmp_path: Path) -> None:
    # 0.5 before the good time begins, 0.9 and 0.8 in its halves
    correction = small_table(
        "DEADCOR1", TIME=START + np.array([0, 499, 500, 749, 750, 1000]),
        DEADC=[0.5, 0.5, 0.9, 0.9, 0.8, 0.8],
    )  # fmt: skip
    path = write_erosita(
        tmp_path / "e.fits", gti={"GTI1": [(500, 1000)], "GTI2": WHOLE}, others=[correction]
    )
    events = open_events(path)
    assert events.live_fraction[1] == pytest.approx(0.85, abs=1e-3)
    assert events.detector_livetime(1) == pytest.approx(425, abs=1)
    assert events.detector_livetime(2) == pytest.approx(1000)
    assert warned(events, "no DEADCOR table of modules 2")
    assert warned(open_events(write_erosita(tmp_path / "n.fits")), "no DEADCOR")


def attitude(number: int) -> fits.BinTableHDU:
    time = START + np.arange(0, 1001, 10.0)
    return small_table(
        f"CORRATT{number}", TIME=time, RA=np.full(len(time), RA), DEC=np.full(len(time), DEC)
    )


def test_attitudes_count_only_if_every_module_has_one(tmp_path: Path) -> None:
    gti = {"GTI1": WHOLE, "GTI2": WHOLE}
    both = open_events(
        write_erosita(tmp_path / "b.fits", gti=gti, others=[attitude(1), attitude(2), attitude(5)])
    )
    assert sorted(both.attitude) == [1, 2]
    assert len(both.attitude[1].time) == 101
    one = open_events(write_erosita(tmp_path / "o.fits", gti=gti, others=[attitude(1)]))
    assert one.attitude == {}


def test_an_attitude_of_no_numbers_is_none(tmp_path: Path) -> None:
    broken = small_table("CORRATT1", TIME=START + np.arange(3.0), RA=np.full(3, np.nan),
                         DEC=np.zeros(3))  # fmt: skip
    events = open_events(write_erosita(tmp_path / "e.fits", gti={"GTI1": WHOLE}, others=[broken]))
    assert events.attitude == {}


@pytest.mark.parametrize(
    ("name", "modules"),
    [("TM0", {1, 2, 3, 4, 5, 6, 7}), ("TM8", {1, 2, 3, 4, 6}), ("tm9", {5, 7}), ("TM1", {1}),
     ("TM1, TM5", {1, 5})],
)  # fmt: skip
def test_groups_of_modules(tmp_path: Path, name: str, modules: set) -> None:
    gti = {f"GTI{n}": [(0.0, 100.0 * n)] for n in range(1, 8)}
    events = select_detectors(open_events(write_erosita(tmp_path / "e.fits", gti=gti)), name)
    assert set(events.columns(["detector"])["detector"]) == modules
    assert events.livetime == pytest.approx(np.mean([100 * n for n in modules]))


def test_wrong_groups_are_named(tmp_path: Path) -> None:
    events = open_events(write_erosita(tmp_path / "e.fits", gti={"GTI1": WHOLE}))
    for name in ("TM10", "ccd0", ""):
        with pytest.raises(ParameterError, match="detectors"):
            select_detectors(events, name)
    with pytest.raises(InputError, match="TM9"):
        select_detectors(events, "TM9")


@pytest.mark.parametrize(
    ("mode", "scanning"),
    [("SURVEY", True), ("SCAN", True), ("survey", True), ("POINTING", False), ("", False)],
)
def test_surveys_and_scans_sweep_the_sky(tmp_path: Path, mode: str, scanning: bool) -> None:
    path = write_erosita(
        tmp_path / "e.fits", OBS_MODE=mode, RA_CEN=150.5, DEC_CEN=2.0, RA_PNT=0.0, DEC_PNT=0.0
    )
    observation = open_events(path).observation
    assert observation.scanning is scanning
    # RA_PNT = DEC_PNT = 0 stands for "not set": the reference of the sky pixels serves
    expected = (150.5, 2.0) if scanning else (RA, DEC)
    assert observation.pointing == pytest.approx(expected)
    assert any("RA_PNT" in w for w in observation.warnings) is not scanning
    assert any("without attitude" in w for w in observation.warnings) is scanning


def test_a_tile_without_centre_lies_at_its_reference(tmp_path: Path) -> None:
    path = write_erosita(tmp_path / "e.fits", OBS_MODE="SURVEY", RA_CEN=0.0, DEC_CEN=0.0)
    assert open_events(path).observation.pointing == pytest.approx((RA, DEC))


@pytest.mark.parametrize(
    ("name", "header", "expected"),
    [
        ("em01_080156_020_EventList_c010.fits", {"OBS_ID": ""}, "em01_080156"),
        ("em01_080156_020_EventList_c010.fits", {"OBS_ID": "300003"}, "300003"),
        ("tile.fits", {"OBS_ID": None, "SKYFIELD": "080156"}, "080156"),
        ("tile.fits", {"OBS_ID": None}, "tile"),
    ],
)
def test_observations_have_a_name(tmp_path: Path, name: str, header: dict, expected: str) -> None:
    assert open_events(write_erosita(tmp_path / name, **header)).observation.obs_id == expected


@pytest.mark.parametrize(
    ("centre", "expected"),
    [((79.6, -66.0), "080156"), ((359.7, 0.0), "000090"), ((0.2, 90.0), "000000"),
     ((12.0, -90.0), "012180")],
)  # fmt: skip
def test_tiles_are_named_after_their_centre(centre: tuple, expected: str) -> None:
    assert tile_name(SkyPosition(*centre)) == expected


def test_events_that_are_no_numbers_are_dropped_and_counted(tmp_path: Path) -> None:
    columns = erosita_columns()
    for number, name in enumerate(("TIME", "X", "Y", "PI")):
        columns[name][1][number * 10 : number * 10 + 3] = np.nan
    summary = summarise(open_events(write_erosita(tmp_path / "e.fits", columns)))
    assert (summary.rows, summary.events) == (700, 688)
    assert any("12 events" in w for w in summary.warnings)


@pytest.mark.parametrize(
    ("key", "value"),
    [("RA_PNT", "10:00:00"), ("DEC_PNT", -95.0), ("MJDREF", "x"), ("FRAMETIM", "fast"),
     ("PA_PNT", "north"), ("EXPOSURE", "long")],
)  # fmt: skip
def test_keywords_of_the_wrong_type_are_named(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        open_events(write_erosita(tmp_path / "e.fits", **{key: value}))


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "../../etc/passwd", "'; DROP", 7])
def test_strange_names_are_taken_as_they_are(tmp_path: Path, value: object) -> None:
    names = {key: value for key in ("OBJECT", "OBS_ID", "INSTRUME", "SKYFIELD")}
    observation = open_events(write_erosita(tmp_path / "e.fits", **names)).observation
    assert (observation.target, observation.obs_id) == (str(value), str(value))


def test_columns_of_another_telescope_are_refused(tmp_path: Path, event_file: Path) -> None:
    with fits.open(event_file) as hdus:
        hdus["EVENTS"].header["TELESCOP"] = "eROSITA"
        hdus.writeto(tmp_path / "lie.fits")
    with pytest.raises(InputError, match="TM_NR"):
        open_events(tmp_path / "lie.fits")
    for name, cause in (("CHANDRA", "CCD_ID"), ("IXPE", "DETNAM")):
        with pytest.raises(InputError, match=cause):
            open_events(write_erosita(tmp_path / "e.fits", TELESCOP=name))


@pytest.mark.parametrize(
    ("energy", "theta0", "beta", "alpha"),
    [(1.25, 0.44966, -1.02111, 1.71288), (4.0, 0.22575, -0.83151, 1.97408),
     (7.5, 0.10547, -0.50753, 2.52732)],
)  # fmt: skip
def test_vignetting_is_the_closed_form(
    energy: float, theta0: float, beta: float, alpha: float
) -> None:
    off_axis = np.array([0.0, 5.0, 13.0, 30.0])
    expected = (1 + (off_axis / 60 / theta0) ** alpha) ** beta
    assert get_mission("erosita").vignetting(off_axis, energy) == pytest.approx(expected)


def test_vignetting_falls_with_angle_and_energy() -> None:
    mission = get_mission("erosita")
    off_axis, energies = np.linspace(0, 31, 40), np.geomspace(0.2, 10, 15)
    area = np.array([mission.vignetting(off_axis, e) for e in energies])
    assert np.all(area[:, 0] == 1)
    assert np.all(np.diff(area, axis=1) < 0)
    # the forms of 4 and 7.5 keV cross near the axis, where both are nearly one
    assert np.all(np.diff(area[:, off_axis > 5], axis=0) <= 0)
    assert area.min() > 0


def test_psf_radii() -> None:
    mission = get_mission("erosita")
    survey, pointing = mission.psf(scanning=True), mission.psf()
    off_axis = np.array([0.0, 10.0, 25.0])
    # half-energy widths: 28" (26 to 30") of the survey, 16" on axis
    assert 2 * survey.radius(0.5, off_axis) == pytest.approx([28.0] * 3, abs=2)
    assert 2 * pointing.radius(0.5, off_axis)[0] == pytest.approx(16, abs=1)
    assert np.all(np.diff(pointing.radius(0.5, off_axis)) > 0)
    assert survey.approximate
    assert pointing.approximate


def attitude_tables(time: np.ndarray, modules: range = range(1, 8)) -> list:
    ones = np.ones(len(time))
    return [
        small_table(f"CORRATT{n}", TIME=START + time, RA=150 * ones, DEC=2.2 * ones)
        for n in modules
    ]


def test_good_times_end_where_the_attitude_is_not_known(tmp_path: Path) -> None:
    known = np.concatenate((np.arange(0.0, 301.0), np.arange(500.0, 801.0)))
    path = write_erosita(tmp_path / "e.fits", others=attitude_tables(known))
    events = open_events(path)
    assert events.livetime == pytest.approx(603, abs=1)  # a second beyond each end inside
    assert warned(events, "397 s of good time are left out, of which CORRATT1 tells nothing")
    time = events.columns(["time"])["time"] - START
    assert not ((time > 302) & (time < 499)).any()
    complete = open_events(
        write_erosita(tmp_path / "c.fits", others=attitude_tables(np.arange(0.0, 1001.0)))
    )
    assert not warned(complete, "left out")


def test_attitude_of_other_times_is_an_error(tmp_path: Path) -> None:
    tables = attitude_tables(np.arange(5000.0, 5100.0))
    with pytest.raises(InputError, match="of other times than its good times"):
        open_events(write_erosita(tmp_path / "e.fits", others=tables))


def test_one_gti_holds_for_all_modules_that_have_tables(tmp_path: Path) -> None:
    dead = [small_table(f"DEADCOR{n}", TIME=[START], DEADC=[0.9]) for n in range(1, 8)]
    path = write_erosita(
        tmp_path / "e.fits", gti={"GTI": WHOLE},
        others=[*attitude_tables(np.arange(0.0, 1001.0)), *dead],
    )  # fmt: skip
    events = open_events(path)
    assert set(events.gti) == set(events.attitude) == set(range(1, 8))
    assert events.livetime == pytest.approx(900)
    assert not warned(events, "DEADCOR")


def test_a_missing_attitude_is_told(tmp_path: Path) -> None:
    tables = attitude_tables(np.arange(0.0, 1001.0), range(1, 7))
    events = open_events(write_erosita(tmp_path / "e.fits", others=tables))
    assert events.attitude == {}
    assert warned(events, "no CORRATT table of modules 7: no attitude is used")


def test_a_mean_over_modules_is_told_also_of_common_good_times(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    common = replace(events, gti={-1: next(iter(events.gti.values()))})
    for one in (events, common):
        assert "; mean of 7 detectors)" in dict(summarise(one).lines())["livetime"]
