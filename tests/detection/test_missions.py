"""Detection in survey scans, pointings and joined units: places, rates, flags."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Row, Table

from xsurvey.attitude import separations, unit_vectors
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.photometry import SourceFlag
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.detection_table import detect_in_file
from xsurvey.simulate.write import truth_path

from ..mission_files import edited

APPROXIMATE = SourceFlag.EXPOSURE_APPROXIMATE | SourceFlag.PSF_APPROXIMATE


def detect(
    paths: list[Path], folder: Path, detectors: str | None = None
) -> tuple[Table, dict[str, Any]]:
    """Detect in the mission's own bands."""
    return detect_in_file(
        paths, ImageParameters(), DetectionParameters(), PhotometryParameters(),
        SelectionParameters(detectors=detectors), output=folder / "sources.fits",
    )  # fmt: skip


@pytest.fixture(scope="module")
def of_pointing(survey_pointing: Path, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """What is found in the pointing."""
    return detect([survey_pointing], tmp_path_factory.mktemp("pointing"))[0]


def nearest(table: Table, ra: float, dec: float) -> tuple[Row, float]:
    """Return the row nearest to a place, and its distance in arcsec."""
    distance = separations(unit_vectors(table["ra"], table["dec"]), unit_vectors(ra, dec)) * 60
    return table[int(np.argmin(distance))], float(distance.min())


def counts_in(path: Path, low: float, high: float, index: float = 1.7) -> np.ndarray:
    """Return the expected counts of the true sources between two energies; all are 0.2-5 keV."""
    part = np.diff(np.array([low, high]) ** (1 - index)) / np.diff(
        [0.2 ** (1 - index), 5 ** (1 - index)]
    )
    return np.asarray(Table.read(truth_path(path))["counts_recorded"] * part)


def assert_found(table: Table, path: Path, seconds: np.ndarray) -> None:
    """Check places and rates in 0.2-2.3 keV against what was put in."""
    truth = Table.read(truth_path(path))
    expected = counts_in(path, 0.2, 2.3)
    for source, counts, exposure in zip(truth, expected, seconds, strict=True):
        row, distance = nearest(table, source["ra"], source["dec"])
        assert distance < 5
        assert distance < 4 * row["position_error"]
        assert row["exposure_4"] == pytest.approx(exposure, rel=0.02)
        error = (row["rate_4_hi"] - row["rate_4_lo"]) / 2
        assert row["rate_4"] == pytest.approx(counts / exposure, abs=4 * error)
        assert row["rate_4_lo"] < row["rate_4"] < row["rate_4_hi"] < row["rate_4_upper"] * 1.2
        # split where no events lie, the bands add up
        assert row["counts_1"] + row["counts_2"] == row["counts_4"]


def scanned_seconds(path: Path) -> np.ndarray:
    """Return how long the true sources were seen, times relative effective area."""
    mission = get_mission("erosita")
    truth = Table.read(truth_path(path))
    with fits.open(path) as hdus:
        gti, attitude = hdus["GTI1"].data, hdus["CORRATT1"].data
    step = 0.05
    time = np.concatenate([
        np.arange(a + step / 2, b, step) for a, b in zip(gti["START"], gti["STOP"], strict=True)
    ])  # fmt: skip
    axis = np.column_stack([
        np.interp(time, attitude["TIME"], c)
        for c in unit_vectors(attitude["RA"], attitude["DEC"]).T
    ])  # fmt: skip
    off_axis = separations(axis[:, None], unit_vectors(truth["ra"], truth["dec"])[None])
    seen = off_axis < mission.field_radius
    area = mission.vignetting(off_axis, np.sqrt(0.2 * 2.3))
    return np.asarray((seen * area * step).sum(axis=0))


def test_a_scanned_tile(survey_tile: Path, tmp_path: Path) -> None:
    table, summary = detect([survey_tile], tmp_path)
    assert_found(table, survey_tile, scanned_seconds(survey_tile))
    assert len(table) == 2
    assert np.ma.masked_invalid(np.ma.asarray(table["off_axis_angle"])).mask.all()
    radius = get_mission("erosita").psf(scanning=True).radius(0.75, np.zeros(1))[0]
    assert np.asarray(table["psf_radius"]) == pytest.approx([radius] * 2, rel=1e-3)
    assert np.asarray(table["psf_fraction"]) == pytest.approx([0.75] * 2, rel=1e-3)
    assert all(int(f) & APPROXIMATE == APPROXIMATE for f in table["flag"])
    assert set(table["mission"]) == {"erosita"}
    assert summary["exposure_map"] == "APPROX"


def test_a_pointing(survey_pointing: Path, of_pointing: Table) -> None:
    mission, table = get_mission("erosita"), of_pointing
    truth = Table.read(truth_path(survey_pointing))
    off_axis = separations(unit_vectors(truth["ra"], truth["dec"]), unit_vectors(150.0, 2.2))
    area = mission.vignetting(off_axis, np.sqrt(0.2 * 2.3))
    assert_found(table, survey_pointing, 2000 * area)
    for source, angle in zip(truth, off_axis, strict=True):
        row, _ = nearest(table, source["ra"], source["dec"])
        assert row["off_axis_angle"] == pytest.approx(angle, abs=0.1)
        radius = mission.psf().radius(0.75, np.array([row["off_axis_angle"]]))[0]
        assert row["psf_radius"] == pytest.approx(radius, rel=1e-3)
        assert 0 < row["pileup_fraction"] < 0.01
    # what lies at the edge of the field is told to
    for row in table:
        if row["off_axis_angle"] > 29.5:
            assert int(row["flag"]) & SourceFlag.NEAR_EDGE


def test_fewer_modules_see_a_lower_rate(
    survey_pointing: Path, of_pointing: Table, tmp_path: Path
) -> None:
    some, _ = detect([survey_pointing], tmp_path, "TM9")
    whole, part = (nearest(t, 150.0, 2.2)[0] for t in (of_pointing, some))
    assert part["exposure_4"] == pytest.approx(whole["exposure_4"], rel=0.01)
    assert part["rate_4"] / whole["rate_4"] == pytest.approx(2 / 7, abs=0.09)


def test_scans_without_attitude_give_no_rates(survey_tile: Path, tmp_path: Path) -> None:
    def drop(hdus: fits.HDUList) -> None:
        for hdu in [h for h in hdus[1:] if h.name.startswith("CORRATT")]:
            hdus.remove(hdu)

    table, summary = detect([edited(survey_tile, tmp_path / "blind.fits", drop)], tmp_path)
    assert nearest(table, 150.0, 2.2)[1] < 5
    assert np.ma.masked_invalid(np.ma.asarray(table["rate_4"])).mask.all()
    assert np.all(np.asarray(table["net_counts_4"]) > 10)
    assert any("not known in seconds" in note for note in summary["notes"])
    assert any("without attitude" in note for note in summary["notes"])


def test_three_units(ixpe_units: list[Path], tmp_path: Path) -> None:
    table, summary = detect(ixpe_units, tmp_path)
    assert len(table) == 1
    row, distance = nearest(table, 150.0, 2.2)
    assert distance < 5
    recorded = Table.read(ixpe_units[0].with_name("pulsar_truth.fits"))["counts_recorded"][0]
    error = (row["rate_2000_8000_hi"] - row["rate_2000_8000_lo"]) / 2
    expected = recorded / row["exposure_2000_8000"]
    assert row["rate_2000_8000"] == pytest.approx(expected, abs=4 * error)
    assert row["exposure_2000_8000"] == pytest.approx(2000, rel=0.15)
    assert row["instrument"] == "GPD DU1+DU2+DU3"
    assert row["obs_id"] == "SIMULATED_2022-04-21"
    assert int(row["flag"]) & APPROXIMATE == APPROXIMATE
    assert list(summary["bands"]) == ["2000_8000", "2000_4000", "4000_8000"]
    one, _ = detect(ixpe_units[:1], tmp_path)
    assert one[0]["rate_2000_8000"] / row["rate_2000_8000"] == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize("place", ["0.0,2.0", "10.0,89.5"])
def test_tiles_over_right_ascension_zero_and_by_the_pole(
    place: str, make_events: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_events(
        seed=1, mission="erosita", pointing=place, scans=8, field_size="30arcmin",
        energy="0.2-5", background_rate=1, source=(f"{place},300",),
    )  # fmt: skip
    table, _ = detect([path], tmp_path)
    assert len(table) == 1
    assert_found(table, path, scanned_seconds(path))
