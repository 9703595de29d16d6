"""Light curves of event lists against sources of which the rate is known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.apertures.aperture import (
    WHOLE_FIELD,
    Aperture,
    ApertureParameters,
    aperture_of_regions,
    circular_aperture,
)
from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.simulate.write import truth_path
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.from_events import light_curve_from_events
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import measure_variability
from xsurvey.timing.parameters import LightCurveParameters, VariabilityParameters
from xsurvey.timing.visibility import attitude_exposure, good_time_in, pointed_exposure
from xsurvey.timing.write import write_light_curve
from xsurvey.units import EnergyBand, SkyPosition

from ..mission_files import edited

BROAD = EnergyBand(0.2, 5)
PLACE = "150.0,2.2"


def around(events: EventList, position: str = PLACE, **settings: object) -> Aperture:
    return circular_aperture(events, ApertureParameters(position=position, **settings))


def curve_of(
    events: EventList, aperture: Aperture | None = None, bin_size: str | None = None,
    bands: tuple[str, ...] = ("0.2-5",),
) -> LightCurve:  # fmt: skip
    parameters = LightCurveParameters(light_curve_band=bands, bin_size=bin_size)
    return light_curve_from_events(events, aperture or around(events), parameters)


def assert_rate(curve: LightCurve, expected: float) -> None:
    total = curve.summed()
    error = float(total.rate_error[0, 0])
    assert total.rate[0, 0] == pytest.approx(expected, abs=4 * error)
    assert error < 0.2 * expected


def recorded(path: Path) -> np.ndarray:
    return np.asarray(Table.read(truth_path(path))["counts_recorded"], float)


def test_a_constant_source_of_a_pointing(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    curve = curve_of(events)
    assert len(curve) == 50
    assert_rate(curve, recorded(survey_pointing)[0] / 2000)
    assert curve.timedel.sum() == pytest.approx(2000)
    measure = measure_variability(curve, VariabilityParameters(trials=199))[0]
    assert measure.variable is False


def test_a_source_off_axis_has_its_rate_on_the_axis(survey_pointing: Path) -> None:
    # 400 and 200 counts are recorded, the second one where vignetting takes a part
    events = open_events(survey_pointing)
    place = SkyPosition(150.1, 2.3)
    off_axis = separations(unit_vectors(150.0, 2.2), unit_vectors(*place))
    area = get_mission("erosita").vignetting(off_axis, np.sqrt(0.2 * 5))
    curve = curve_of(events, around(events, "150.1,2.3"))
    assert_rate(curve, recorded(survey_pointing)[1] / 2000 / area)


def test_a_constant_source_over_scans(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    curve = curve_of(events)
    # the counts are those of all scans together
    seen = attitude_exposure(
        events, [SkyPosition(150.0, 2.2)], [1.0], np.array([0.0]), np.array([1e10])
    )[0, 0]
    assert_rate(curve, recorded(survey_tile)[0] / seen)
    measure = measure_variability(curve, VariabilityParameters(trials=199))[0]
    assert measure.variable is False


def test_bins_of_scans_are_visits_cut_to_when_the_source_was_seen(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    curve = curve_of(events)
    mission = get_mission("erosita")
    # eight scans 10' apart: six of them see a source in the middle
    assert len(curve) == 6
    assert np.all(np.diff(curve.time) == pytest.approx(14_400))
    distance = (np.arange(6) - 2.5) * 10
    chord = 2 * np.sqrt(mission.field_radius**2 - distance**2) * 60 / 90
    assert curve.timedel == pytest.approx(chord, abs=2.1)
    assert np.all(curve.timedel >= chord - 0.1)
    assert np.all(curve.exposure[:, 0] < chord)
    photons = events.columns(["time", "x", "y"])
    near = np.hypot(photons["x"], photons["y"]) * 0.05 < 30
    inside = [(photons["time"] >= a) & (photons["time"] <= b)
              for a, b in zip(curve.start, curve.stop, strict=True)]  # fmt: skip
    assert np.any(inside, axis=0)[near].all()


def test_narrower_bins_of_scans_share_the_exposure_of_the_visits(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    visits, fine = curve_of(events), curve_of(events, bin_size="5s")
    assert len(fine) > 4 * len(visits)
    assert fine.exposure.sum() == pytest.approx(visits.exposure.sum(), rel=1e-3)
    assert fine.counts.sum() == visits.counts.sum()
    in_visit = np.searchsorted(visits.start - 10, fine.time) - 1
    shares = np.bincount(in_visit, fine.exposure[:, 0])
    assert shares == pytest.approx(visits.exposure[:, 0], rel=5e-3)


@pytest.mark.parametrize("bin_size", ["0.4s", "7s", "300s", "5ks"])
def test_bins_of_a_pointing_have_the_width_that_was_asked_for(
    survey_pointing: Path, bin_size: str
) -> None:
    events = select_detectors(open_events(survey_pointing), "TM1,TM2")
    curve = curve_of(events, bin_size=bin_size)
    width = float(bin_size.replace("ks", "e3").rstrip("s"))
    assert curve.timedel == pytest.approx(np.full(len(curve), width))
    assert len(curve) == np.ceil(2000 / width)
    assert curve.exposure.sum() == pytest.approx(curve_of(events).exposure.sum(), rel=2e-3)
    # the dither changes the vignetting a little; only the last bin is not full
    per_second = curve.exposure[:-1, 0] / width
    assert np.all(np.abs(per_second - 0.75) < 0.01)


def test_too_many_bins_are_refused(survey_pointing: Path) -> None:
    with pytest.raises(ParameterError, match="bin_size"):
        curve_of(open_events(survey_pointing), bin_size="0.0001s")


@pytest.fixture(scope="module")
def flaring(survey_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tile, of whose source nine events in ten are flagged bad but for the third visit."""

    def flare(hdus: fits.HDUList) -> None:
        data = hdus["EVENTS"].data
        near = np.hypot(data["X"], data["Y"]) * 0.05 < 60
        third = np.abs(data["TIME"] - hdus["GTI1"].data["START"][3]) < 100
        data["FLAG"][near & ~third & (np.arange(len(data)) % 10 > 0)] = -(2**31)

    return edited(survey_tile, tmp_path_factory.mktemp("flare") / "flare.fits", flare)


def test_a_source_that_varies_is_called_so(flaring: Path) -> None:
    curve = curve_of(open_events(flaring))
    measure = measure_variability(curve, VariabilityParameters(trials=999))[0]
    assert measure.variable is True
    assert measure.p_value <= 0.002
    assert np.argmax(curve.rate[:, 0]) == 2


def test_the_whole_field_keeps_every_count(survey_tile: Path, survey_pointing: Path) -> None:
    for path in (survey_tile, survey_pointing):
        events = open_events(path)
        curve = curve_of(events, WHOLE_FIELD)
        assert curve.counts.sum() == events.in_energy(BROAD).count()
        assert 0 < curve.exposure.sum() < 1.0001 * events.livetime
        assert not curve.background_counts.any()
        assert curve.stamps["APERTURE"].startswith("whole field")
    # every scan is a bin
    assert len(curve_of(open_events(survey_tile), WHOLE_FIELD)) == 8


def test_bands_add_up(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    curve = curve_of(events, around(events, "150.1,2.3"), bands=("0.2-5", "0.2-1", "1-5"))
    assert np.array_equal(curve.counts[:, 0], curve.counts[:, 1] + curve.counts[:, 2])
    # more vignetting at higher energies
    assert np.all(curve.exposure[:, 2] < curve.exposure[:, 1])


def test_the_background_scale_is_the_ratio_of_the_exposed_areas(survey_pointing: Path) -> None:
    events = select_detectors(open_events(survey_pointing), "TM1")
    aperture = around(events, radius="20arcsec", background_inner="40arcsec",
                      background_outer="100arcsec")  # fmt: skip
    curve = curve_of(events, aperture)
    assert curve.background_scale[:, 0] == pytest.approx(20**2 / (100**2 - 40**2), rel=0.03)
    # an annulus that the edge of the field cuts is smaller than it looks
    edge = around(events, f"150.0,{2.2 + 30.2 / 60}", radius="20arcsec",
                  background_inner="40arcsec", background_outer="200arcsec")  # fmt: skip
    cut = light_curve_from_events(events, edge, LightCurveParameters())
    assert np.median(cut.background_scale) > 1.2 * 20**2 / (200**2 - 40**2)


def test_more_of_the_psf_makes_no_other_rate(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    small, large = (
        around(events, radius=r, background_inner="100arcsec", background_outer="200arcsec")
        for r in ("12arcsec", "60arcsec")
    )
    assert small.fraction < 0.8
    assert 0.95 < large.fraction < 1
    for aperture in (small, large):
        assert_rate(curve_of(events, aperture), recorded(survey_pointing)[0] / 2000)


def test_annuli_must_lie_around_the_circle(survey_pointing: Path) -> None:
    events = open_events(survey_pointing)
    with pytest.raises(InputError, match="does not lie around"):
        around(events, radius="50arcsec", background_inner="20arcsec")
    with pytest.raises(InputError, match="does not lie around"):
        around(events, background_inner="50arcsec", background_outer="40arcsec")
    with pytest.raises(ValueError, match="without a position"):
        ApertureParameters(radius="5arcsec")


@pytest.mark.parametrize("place", ["152.0,2.2", "150.0,3.5", "330.0,-2.2"])
@pytest.mark.parametrize("which", ["tile", "pointing", "chandra"])
def test_places_off_the_field_are_errors(
    place: str, which: str, survey_tile: Path, survey_pointing: Path, event_file: Path
) -> None:
    path = {"tile": survey_tile, "pointing": survey_pointing, "chandra": event_file}[which]
    events = open_events(path)
    with pytest.raises(InputError) as caught:
        light_curve_from_events(events, around(events, place), LightCurveParameters())
    assert any(w in str(caught.value) for w in ("never saw the position", "no events at"))


def test_a_scan_without_attitude_has_no_light_curve(survey_tile: Path, tmp_path: Path) -> None:
    def drop(hdus: fits.HDUList) -> None:
        for hdu in [h for h in hdus[1:] if h.name.startswith("CORRATT")]:
            hdus.remove(hdu)

    events = open_events(edited(survey_tile, tmp_path / "blind.fits", drop))
    with pytest.raises(InputError, match="does not tell where the telescope looked"):
        curve_of(events)


def test_a_source_on_a_chip_with_good_times_of_its_own(event_file: Path, tmp_path: Path) -> None:
    # the bright source of the field lies on chip 1
    events = open_events(event_file)
    place = "150.05,2.22"
    x, y = events.wcs.all_world2pix([[150.05, 2.22]], 1)[0]
    data = events.columns(["x", "y", "detector"])
    near = np.hypot(data["x"] - x, data["y"] - y) * 0.492 < 5
    chips = set(data["detector"][near])
    assert len(chips) == 1
    chip = int(chips.pop())

    def shorten(hdus: fits.HDUList) -> None:
        table = next(h for h in hdus[2:] if h.header["CCD_ID"] == chip)
        table.data["STOP"] = table.data["START"] + 5000

    short = open_events(edited(event_file, tmp_path / "short.fits", shorten))
    both = [
        light_curve_from_events(
            e, around(e, place), LightCurveParameters(light_curve_band=("0.5-7",), bin_size="1ks")
        )
        for e in (events, short)
    ]
    whole, part = both
    assert len(whole) == 20
    assert len(part) == 5
    assert np.array_equal(part.counts, whole.counts[:5])
    assert part.exposure == pytest.approx(whole.exposure[:5])
    assert_rate(whole, recorded(event_file)[0] / 20_000 / get_mission("chandra").vignetting(
        separations(unit_vectors(150.0, 2.2), unit_vectors(150.05, 2.22)), np.sqrt(3.5)
    ))  # fmt: skip


def test_joined_units_see_a_source_as_long_as_each(ixpe_units: list[Path]) -> None:
    joined, one = open_events(ixpe_units), open_events(ixpe_units[0])
    curves = [curve_of(e, bands=("2-8",), bin_size="200s") for e in (joined, one)]
    assert curves[0].exposure == pytest.approx(curves[1].exposure, rel=0.03)
    counts = Table.read(ixpe_units[0].with_name("pulsar_truth.fits"))["counts_recorded"][0]
    assert_rate(curves[0], counts / joined.livetime)
    assert 0.2 < curves[1].counts.sum() / curves[0].counts.sum() < 0.47


def test_what_is_written_is_read_back(survey_tile: Path, tmp_path: Path) -> None:
    events = open_events(survey_tile)
    curve = curve_of(events, bands=("0.2-2.3", "2.3-5"))
    write_light_curve(tmp_path / "lc.fits", curve)
    again = read_light_curve(tmp_path / "lc.fits")
    assert again.bands == curve.bands
    for name in ("counts", "background_counts", "background_scale", "exposure", "time", "timedel"):
        assert np.allclose(getattr(again, name), getattr(curve, name), rtol=1e-6), name
    assert (again.reference_mjd, again.telescope) == (curve.reference_mjd, "eROSITA")
    assert again.stamps == curve.stamps == {"EXPMAP": "APPROX"}


def test_good_time_of_bins_is_that_of_the_intervals() -> None:
    good = GoodTimeIntervals.from_edges(np.array([10.0, 50.0]), np.array([20.0, 55.0]))
    start = np.arange(0.0, 60.0, 4.0)
    found = good_time_in(good, start, start + 4)
    expected = [
        good.intersection(GoodTimeIntervals(np.array([a]), np.array([a + 4]))).total for a in start
    ]
    assert found == pytest.approx(expected)
    assert found.sum() == pytest.approx(15)
    assert good_time_in(good, np.array([30.0]), np.array([40.0])) == pytest.approx([0])


def test_shares_of_detectors_weigh_their_good_times(event_file: Path) -> None:
    events = open_events(event_file)
    start = float(events.gti[0].start[0])
    short = replace(events, gti={**events.gti, 1: events.gti[1].cut(np.array([start + 4000.0]))})
    bins = np.array([start]), np.array([start + 20_000])
    assert pointed_exposure(short, *bins, {0: 0.5, 1: 0.5}) == pytest.approx([20_000])
    assert pointed_exposure(short, *bins, {0: 0.25}) == pytest.approx([5_000])
    assert pointed_exposure(short, *bins, {}) == pytest.approx([0])


Call = Callable[..., tuple[int, str, str]]


def region_file(path: Path, *shapes: str) -> Path:
    path.write_text("\n".join(["# Region file format: DS9", "fk5", *shapes]) + "\n")
    return path


def test_regions_and_positions_agree(survey_pointing: Path, tmp_path: Path, call: Call) -> None:
    source = region_file(tmp_path / "s.reg", 'circle(150.0,2.2,40")')
    ring = region_file(tmp_path / "b.reg", 'annulus(150.0,2.2,60",200")')
    outputs = [tmp_path / f"{n}.fits" for n in "abc"]
    common = ["--light-curve-band", "0.2-5", "--bin-size", "100s"]
    by_region = ["--region", source, "--background-region", ring]
    by_place = ["--position", PLACE, "--radius", "40arcsec", "--background-inner", "60arcsec",
                "--background-outer", "200arcsec"]  # fmt: skip
    mixed = ["--position", PLACE, "--radius", "40arcsec", "--background-region", ring]
    for output, where in zip(outputs, (by_region, by_place, mixed), strict=True):
        status, _, error = call("lightcurve", survey_pointing, "-o", output, *common, *where)
        assert status == 0, error
    region, place, both = (read_light_curve(o) for o in outputs)
    assert np.array_equal(region.counts, place.counts)
    assert np.array_equal(region.background_counts, place.background_counts)
    assert np.allclose(region.background_scale, place.background_scale, rtol=0.02)
    assert np.array_equal(place.counts, both.counts)
    # of a region the fraction of the PSF is not known, which the file says
    assert fits.getheader(outputs[0], "RATE")["PSFCORR"] == "NONE"
    assert "PSFCORR" not in fits.getheader(outputs[1], "RATE")
    assert place.exposure[0, 0] < region.exposure[0, 0] == pytest.approx(100, rel=0.01)


def test_places_that_contradict_each_other(
    survey_pointing: Path, survey_tile: Path, tmp_path: Path, call: Call
) -> None:
    region = region_file(tmp_path / "s.reg", 'circle(150.0,2.2,40")')
    output = tmp_path / "lc.fits"
    for path, options, words in (
        (survey_pointing, ["--position", PLACE, "--region", region], "as well as a position"),
        (survey_pointing, ["--background-region", region], "without a source"),
        (survey_pointing, ["--radius", "20arcsec"], "without a position"),
        (survey_pointing, ["--position", PLACE, "--detectors", "DU1"], "no 'DU1'"),
        (survey_tile, ["--position", "10,10"], "never saw the position"),
    ):
        status, out, error = call("lightcurve", path, "-o", output, *options)
        assert status == 2, options
        assert out == ""
        last = error.rstrip("\n").splitlines()[-1]
        assert last.startswith("xsurvey: error: ")
        assert words in last
        assert not output.exists()


def test_events_of_no_source_give_an_upper_limit(tmp_path: Path, make_events: Callable) -> None:
    path = make_events(seed=9, exposure="2ks", background_rate=0.01)
    events = open_events(path)
    x, y = events.wcs.all_world2pix([[150.02, 2.25]], 1)[0]
    data = events.columns(["x", "y"])
    assert np.hypot(data["x"] - x, data["y"] - y).min() * 0.492 > 2
    aperture = around(events, "150.02,2.25", radius="1.5arcsec", background_inner="10arcsec",
                      background_outer="150arcsec")  # fmt: skip
    curve = light_curve_from_events(
        events, aperture, LightCurveParameters(light_curve_band=("0.5-7",), bin_size="500s")
    )
    assert curve.counts.sum() == 0
    assert curve.exposure.sum() == pytest.approx(2000 * aperture.fraction, rel=0.1)
    assert np.all(curve.upper_limit()[:, 0] > 0)


def test_regions_of_events_are_those_of_their_pixels(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    circle = around(events, radius="30arcsec")
    assert circle.source is not None
    again = aperture_of_regions(events, circle.source, None)
    assert np.mean(again.places, axis=0) == pytest.approx((150.0, 2.2), abs=1e-3)
    curve = curve_of(events, again)
    assert not curve.background_counts.any()
    assert np.array_equal(curve.counts, curve_of(events, circle).counts)
