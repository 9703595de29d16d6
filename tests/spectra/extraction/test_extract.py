"""Counts against a plain selection; responses and effective areas that are applied once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.apertures.aperture import ApertureParameters, circular_aperture
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.missions import get_mission, open_events
from xsurvey.simulate.observation import SimulatedObservation
from xsurvey.spectra.extraction import (
    ExtractionParameters,
    GivenResponses,
    extract_spectrum,
)
from xsurvey.units import SkyPosition

from ...mission_files import DEC, RA, erosita_columns, write_erosita, write_ixpe
from .tools import CHANNELS, circle, flat_area, flat_responses, matrix, region, sky_circle

Pointing = tuple[SimulatedObservation, Path]
POINT = ExtractionParameters(source_type="point")
FLAT = ExtractionParameters(area_weights="flat")


def selected(events: EventList, where: object, column: str) -> np.ndarray:
    """Return a column of the events in a region, without xsurvey's counting."""
    columns = events.columns(["x", "y", column])
    return columns[column][where.contains(columns["x"], columns["y"])]  # type: ignore[attr-defined]


def test_counts_in_numbered_channels(pointing: Pointing) -> None:
    observation, path = pointing
    events = open_events(path)
    source, background = (
        region(circle(observation, -180, 72, 20)), region(circle(observation, 200, 200, 90))
    )  # fmt: skip
    found = extract_spectrum(events, source, background, responses=flat_responses())
    for spectrum, where in ((found.source, source), (found.background, background)):
        assert spectrum is not None
        number = selected(events, where, "pi").astype(int)
        assert np.array_equal(spectrum.counts, np.bincount(number, minlength=1025)[1:1025])
        assert spectrum.counts.sum() > 100
        assert np.array_equal(spectrum.channels, np.arange(1, 1025))


def test_counts_by_energy(tmp_path: Path) -> None:
    """Channels of unequal width, from a matrix; what is below all of them is told of."""
    columns = erosita_columns(2000)
    columns["PI"] = ("E", np.random.default_rng(2).uniform(100, 5000, 2000))
    events = open_events(write_erosita(tmp_path / "e.fits", columns))
    where = sky_circle(events, RA, DEC, 400)
    given = GivenResponses(rmf=matrix(), without_arf=True)
    found = extract_spectrum(events, where, responses=given)
    energy = selected(events, where, "energy").astype(float)
    edges = np.append(CHANNELS.low, CHANNELS.high[-1])
    assert np.array_equal(found.source.counts, np.histogram(energy, edges)[0])
    outside = int((energy < CHANNELS.low[0]).sum())
    assert outside > 0
    assert f"{outside} events are in no channel and left out" in found.warnings


def test_channels_from_zero(tmp_path: Path) -> None:
    files = [write_ixpe(tmp_path / f"{n}.fits", n) for n in (1, 2, 3)]
    events = open_events(files)
    where = sky_circle(events, RA, DEC, 150)
    found = extract_spectrum(
        events, where, responses=GivenResponses(flat_area(), matrix(get_mission("ixpe").channels))
    )
    number = selected(events, where, "pi").astype(int)
    assert np.array_equal(found.source.counts, np.bincount(number, minlength=375))
    assert found.source.first_channel == 0
    # counts of three units, exposure of one
    assert found.source.exposure == pytest.approx(900)


def test_exposure_of_chips_with_times_of_their_own(pointing: Pointing) -> None:
    observation, path = pointing
    events = open_events(path)
    short = {n: own for n, own in events.gti.items()}
    chips = sorted(set(selected(events, region(circle(observation, 200, 200, 60)), "detector")))
    assert len(chips) == 1
    own = events.gti.get(int(chips[0]), events.gti.get(-1))
    assert own is not None
    found = extract_spectrum(
        replace(events, gti=short, live_fraction={int(chips[0]): 0.5, -1: 0.9}),
        region(circle(observation, 200, 200, 60)), responses=flat_responses(),
    )  # fmt: skip
    assert found.source.exposure == pytest.approx(0.5 * own.total)
    assert found.source.backscal[0] == pytest.approx(found.source.region_area, rel=1e-6)


def test_vignetting_of_a_place(pointing: Pointing) -> None:
    """In a small region, it is that of its middle at every energy, counts or not."""
    observation, path = pointing
    mission = get_mission("chandra")
    offset = (252.0, 288.0)
    where = region(circle(observation, *offset, 3))
    for parameters in (FLAT, ExtractionParameters()):
        found = extract_spectrum(
            open_events(path), where, None, parameters, responses=flat_responses()
        )
        assert found.arf is not None
        middle = (found.arf.energy_low + found.arf.energy_high) / 2
        off_axis = np.hypot(*offset) / 60
        expected = [100 * float(mission.vignetting(np.array(off_axis), e)) for e in middle]
        assert found.arf.effective_area == pytest.approx(expected, rel=0.004)
        assert found.stamps["CORRVIGN"][0] == "APPLIED"
        assert found.stamps["CORRPSF"][0] == "NONE"


def test_counts_weigh_the_vignetting(pointing: Pointing) -> None:
    """A bright source at the edge of a region decides, unless the weights are flat."""
    observation, path = pointing
    mission = get_mission("chandra")
    where = region(circle(observation, 126, 144, 200))  # from the axis to beyond the source
    areas = {}
    for weights in ("counts", "flat"):
        found = extract_spectrum(
            open_events(path), where, None, ExtractionParameters(area_weights=weights),
            responses=flat_responses(),
        )  # fmt: skip
        assert found.arf is not None
        assert found.stamps["ARFWGHT"][0] == weights
        coverage = found.stamps["CORREXPO"][0]
        areas[weights] = found.arf.effective_area[100] / coverage / 100  # near 6 keV
    energy = (found.arf.energy_low + found.arf.energy_high)[100] / 2
    there = float(mission.vignetting(np.array(np.hypot(252, 288) / 60), energy))
    # half of the counts there are background
    assert abs(areas["counts"] - there) < 0.5 * abs(areas["flat"] - there)
    assert areas["flat"] > areas["counts"] + 0.02


def test_events_count_for_what_was_not_seen_of_them() -> None:
    from xsurvey.imaging.seen_sky import SeenPlaces
    from xsurvey.spectra.extraction.effective_area import counts_correction
    from xsurvey.spectra.extraction.region_counts import RegionCounts

    # as many photons come from a place of half the area: half as many events
    area = np.stack([np.ones(len(ENERGIES)), np.full(len(ENERGIES), 0.5)])

    class Sky:
        def at(self, x: np.ndarray, y: np.ndarray) -> SeenPlaces:
            return SeenPlaces(np.ones(len(x)), area[x.astype(int)])

    class Seen:
        coverage = 1.0

    x = np.array([0.0, 0, 1])
    counts = RegionCounts(np.zeros(1), np.zeros(1), 0, 0, x, x, np.array([1.0, 1, 1]), {}, {})
    found = counts_correction(counts, Seen(), Sky())  # type: ignore[arg-type]
    assert found is not None
    assert found.vignetting == pytest.approx(0.75)


@pytest.mark.parametrize("radius", [1.0, 3.0, 8.0])
def test_psf_of_a_point_source(pointing: Pointing, radius: float) -> None:
    _, path = pointing
    events = open_events(path)
    psf = get_mission("chandra").psf()
    position = SkyPosition(149.93, 2.28)
    where = sky_circle(events, *position, radius)
    found = extract_spectrum(events, where, None, POINT, responses=flat_responses("vignetting"))
    off_axis = np.array(np.hypot(252, 288) / 60)
    fraction = float(psf.encircled_fraction(np.array(radius), off_axis))
    assert found.arf is not None
    assert found.arf.effective_area == pytest.approx(100 * fraction, abs=0.4)
    assert found.stamps["CORRVIGN"][0] == "IN ARF"
    assert found.stamps["CORRPSF"][0] == "APPLIED"
    # a mask over half of it takes away half of the light
    shape = where.include[0]
    from regions import PixCoord, RectanglePixelRegion

    half = RectanglePixelRegion(
        PixCoord(shape.center.x + 500, shape.center.y), width=1000, height=1000
    )
    masked = extract_spectrum(
        events, where.without(region(half)), None, POINT, position=position,
        responses=flat_responses("vignetting"),
    )  # fmt: skip
    assert masked.arf is not None
    assert masked.arf.effective_area == pytest.approx(50 * fraction, abs=0.7)


def test_a_point_source_elsewhere(pointing: Pointing) -> None:
    observation, path = pointing
    where = region(circle(observation, 200, 200, 5))
    with pytest.raises(InputError, match="sees no light of the source"):
        extract_spectrum(
            open_events(path), where, None, POINT, position=SkyPosition(149.0, 3.0),
            responses=flat_responses(),
        )  # fmt: skip


def test_nothing_is_applied_twice(pointing: Pointing) -> None:
    observation, path = pointing
    where = region(circle(observation, 252, 288, 3))
    found = extract_spectrum(
        open_events(path), where, None, POINT, responses=flat_responses("vignetting", "psf")
    )
    assert found.arf is not None
    assert np.all(found.arf.effective_area == 100)
    assert (found.stamps["CORRVIGN"][0], found.stamps["CORRPSF"][0]) == ("IN ARF", "IN ARF")


def test_an_extended_source_over_gaps(pointing: Pointing) -> None:
    """Fluxes are of the region: what gaps hide of it is in the effective area."""
    observation, path = pointing
    where = region(circle(observation, -40, 40, 60))
    found = extract_spectrum(open_events(path), where, None, FLAT, responses=flat_responses())
    assert found.arf is not None
    hidden = float(found.source.backscal[0] / found.source.region_area)
    assert hidden < 0.85
    assert found.stamps["CORREXPO"][0] == pytest.approx(hidden, rel=1e-3)
    assert found.arf.effective_area[20] == pytest.approx(100 * hidden, rel=0.02)  # vignetting


def test_a_spectrum_without_counts(pointing: Pointing) -> None:
    observation, path = pointing
    events = open_events(path).in_detectors((0, 1, 2, 3))
    where = region(circle(observation, 200, 200, 0.3))
    found = extract_spectrum(events, where, responses=flat_responses())
    assert found.source.counts.sum() == 0
    assert "the source region holds no counts" in found.warnings
    assert found.stamps["ARFWGHT"][0] == "flat"
    assert found.pileup_fraction == 0


def test_regions_that_overlap_are_told_of(pointing: Pointing) -> None:
    observation, path = pointing
    source, background = (
        region(circle(observation, -180, 72, 20)), region(circle(observation, -180, 72, 60))
    )  # fmt: skip
    found = extract_spectrum(open_events(path), source, background, responses=flat_responses())
    count = int(found.source.counts.sum())
    assert f"{count} events lie in the source and in the background region" in found.warnings


def test_an_area_on_other_energies(pointing: Pointing) -> None:
    observation, path = pointing
    where = region(circle(observation, 200, 200, 20))
    coarse = flat_area(bins=50)
    slope = replace(coarse, effective_area=(coarse.energy_low + coarse.energy_high) * 50)
    acis = get_mission("chandra").channels
    given = GivenResponses(slope, matrix(acis), frozenset({"vignetting"}))
    found = extract_spectrum(open_events(path), where, responses=given)
    assert found.arf is not None
    middle = (found.arf.energy_low + found.arf.energy_high) / 2
    inner = (middle > 0.5) & (middle < 11.5)
    assert found.arf.effective_area[inner] == pytest.approx(100 * middle[inner], rel=1e-9)
    assert "the effective area is interpolated to the energies of the matrix" in found.warnings


def test_responses_of_another_telescope_are_told(pointing: Pointing) -> None:
    observation, path = pointing
    where = region(circle(observation, 200, 200, 20))
    alien = replace(matrix(get_mission("chandra").channels), header={"TELESCOP": "ELSEWHERE"})
    given = GivenResponses(flat_area(), alien, frozenset({"vignetting"}))
    told = extract_spectrum(open_events(path), where, responses=given).warnings
    assert any("is of ELSEWHERE, the spectrum of " in w for w in told)
    own = GivenResponses(given.arf, replace(alien, header={}), given.includes)
    told = extract_spectrum(open_events(path), where, responses=own).warnings
    assert not any("the spectrum of " in w for w in told)


def test_a_matrix_with_an_area(pointing: Pointing) -> None:
    observation, path = pointing
    full = replace(matrix(get_mission("chandra").channels), includes_area=True)
    found = extract_spectrum(
        open_events(path), region(circle(observation, 200, 200, 20)),
        responses=GivenResponses(rmf=full),
    )  # fmt: skip
    assert found.arf is None
    assert any("the matrix includes an effective area" in w for w in found.warnings)


def test_responses_that_do_not_fit(
    pointing: Pointing, survey_pointing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observation, path = pointing
    where = region(circle(observation, 200, 200, 20))
    with pytest.raises(InputError, match="channels 1 to 100, but the events' are channels 1 to"):
        extract_spectrum(open_events(path), where, responses=GivenResponses(rmf=matrix()))
    events = open_events(survey_pointing)
    at = sky_circle(events, 150.0, 2.2, 60)
    mission = get_mission("erosita")
    monkeypatch.setattr(type(mission), "channels", None)
    with pytest.raises(ParameterError, match="channels of erosita are known from"):
        extract_spectrum(events, at)
    monkeypatch.setattr(type(mission), "nominal_responses", lambda *_: None)
    with pytest.raises(ParameterError, match="no effective area of erosita is known"):
        extract_spectrum(events, at, responses=GivenResponses(rmf=matrix()))


def test_areas_that_the_mission_knows_itself(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    found = extract_spectrum(events, sky_circle(events, 150.0, 2.2, 60))
    assert found.stamps["ARFAPPR"][0] == found.stamps["RMFAPPR"][0] == "APPROX"
    assert found.arf is not None
    assert found.arf.effective_area.max() == pytest.approx(2500, rel=0.03)
    assert found.rmf.channels[-1] == 1190
    assert found.source.counts.sum() > 300


def test_channels_that_energies_cannot_tell(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    good = matrix()
    turned = replace(good, channel_low=good.channel_low[::-1], channel_high=good.channel_high[::-1])
    with pytest.raises(InputError, match="energies do not ascend"):
        extract_spectrum(
            events, sky_circle(events, 150.0, 2.2, 60),
            responses=GivenResponses(rmf=turned, without_arf=True),
        )  # fmt: skip


def test_few_events_tell_no_footprint(tmp_path: Path) -> None:
    events = open_events(write_erosita(tmp_path / "e.fits", erosita_columns(30)))
    found = extract_spectrum(
        events, sky_circle(events, RA, DEC, 300),
        responses=GivenResponses(rmf=matrix(), without_arf=True),
    )  # fmt: skip
    assert found.source.backscal[0] == pytest.approx(np.pi * (300 / 3600) ** 2, rel=1e-3)
    assert "too few events for a footprint: all was seen" in found.warnings


def test_no_good_time(pointing: Pointing) -> None:
    observation, path = pointing
    events = open_events(path)
    none = {
        n: replace(own, start=own.start[:0], stop=own.stop[:0]) for n, own in events.gti.items()
    }
    with pytest.raises(InputError, match=r"was never exposed|has no good time"):
        extract_spectrum(
            replace(events, gti=none), region(circle(observation, 200, 200, 20)),
            responses=flat_responses(),
        )  # fmt: skip


def test_an_area_of_other_modules(survey_pointing: Path) -> None:
    from xsurvey.missions import select_detectors

    events = select_detectors(open_events(survey_pointing), "TM8")
    area = replace(flat_area(), header={"INSTRUME": "TM0"})
    where = sky_circle(events, 150.0, 2.2, 60)
    found = extract_spectrum(events, where, responses=GivenResponses(area, matrix()))
    assert "the effective area is of TM0, the counts are of detectors 1, 2, 3, 4, 6" in (
        found.warnings
    )
    same = replace(area, header={"INSTRUME": "TM8"})
    found = extract_spectrum(events, where, responses=GivenResponses(same, matrix()))
    assert not any("the effective area is of" in w for w in found.warnings)


def test_piled_up_sources_are_warned_of(pointing: Pointing) -> None:
    _, path = pointing
    events = open_events(path)
    bright = extract_spectrum(
        events, sky_circle(events, 150.05, 2.22, 10), responses=flat_responses()
    )
    # a count a second, most of it in an island of 3 x 3 pixels, in frames of 3.2 s
    assert bright.pileup_fraction > 0.3
    assert any(w.startswith("pile-up: ") for w in bright.warnings)
    around = sky_circle(events, 150.05, 2.22, 60).without(sky_circle(events, 150.05, 2.22, 10))
    faint = extract_spectrum(events, around, responses=flat_responses())
    assert faint.pileup_fraction < 0.01
    assert not any("pile-up" in w for w in faint.warnings)


def test_annulus_of_a_position(pointing: Pointing) -> None:
    _, path = pointing
    events = open_events(path)
    aperture = circular_aperture(
        events, ApertureParameters(position="150.05,2.22", radius="10arcsec")
    )
    assert aperture.source is not None
    found = extract_spectrum(
        events, aperture.source, aperture.background, responses=flat_responses()
    )
    assert found.background is not None
    assert found.background.region_area == pytest.approx(
        found.source.region_area * (25 - 2.25), rel=0.01
    )
