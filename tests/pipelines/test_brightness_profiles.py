"""Profiles of named places: found sources are masked, sectors have names, bad ones are told."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from xsurvey.detection.found_store import nothing_found
from xsurvey.errors import ParameterError
from xsurvey.imaging.field import Field, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.imaging.source_mask import MaskParameters
from xsurvey.imaging.stack import single_stack
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.pipelines.brightness_profiles.measuring import (
    band_images,
    is_on,
    measure_place,
    stack_mask,
)
from xsurvey.pipelines.brightness_profiles.parameters import PlaceProfile, ProfileParameters
from xsurvey.profiles.profile_tables import read_profiles
from xsurvey.units import EnergyBand, SkyPosition

SIDE, PIXEL = 120, 8.0
CENTRE = SkyPosition(150.0, 2.0)
BAND = EnergyBand(0.5, 2.0)
PLACE = {
    "center": "150.0,2.0", "bin_size": "30arcsec", "max_radius": "6arcmin",
    "named_sectors": {"north": "315,45", "south": "135,225"},
}  # fmt: skip


def _image(data, unit="count"):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = list(CENTRE), [(SIDE + 1) / 2] * 2
    wcs.wcs.cdelt, wcs.wcs.cunit = [-PIXEL / 3600, PIXEL / 3600], ["deg", "deg"]
    return SkyImage(np.asarray(data, float), grid_from_wcs(wcs, (SIDE, SIDE)), unit, {}, "x.fits")


def _stack(data, **more):
    exposure = _image(np.full((SIDE, SIDE), 1e4), "s")
    field = Field(
        **{
            "counts": {"b": _image(data)}, "exposure": {"b": exposure}, "bands": {"b": BAND},
            "events": None, "mission": get_mission("erosita"), "pointing": None, "frame_time": 0.05,
            "obs_id": "1", "target": "field", "instrument": "x", "scanning": True, **more,
        }
    )  # fmt: skip
    return single_stack("field", field)


@pytest.fixture
def scene():
    """A nebula twice as bright in the north, and a point source in the south."""
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    nebula = 3 * np.exp(-np.hypot(x, y) / 20) * np.where(y > 0, 2, 1) + 0.1
    psf = np.exp(-(x**2 + (y + 25) ** 2) / (2 * 1.5**2)) / (2 * np.pi * 1.5**2)
    return np.random.default_rng(4).poisson(nebula + 2000 * psf)


def _found(x, y):
    ra, dec = _image(np.zeros((SIDE, SIDE))).grid.to_icrs(np.array([x]), np.array([y]))
    nothing = nothing_found().sources
    parts = {"ra": ra, "dec": dec, "extent": np.zeros(1), "likelihood": np.array([500.0])}
    return type(nothing)(**{**nothing.__dict__, **parts})


def test_sources_are_masked_and_sectors_named(scene, tmp_path):
    stack = _stack(scene)
    images = band_images(stack, None)
    place = PlaceProfile(**PLACE, fit=["beta"])
    mask = stack_mask(stack, images, _found(59.5, 34.5), MaskParameters())
    assert mask.radius[0] > 20 and not mask.counted[34, 59]
    record = measure_place("nebula", place, stack, images, mask, tmp_path, 1)
    assert record["masked"]["sources"] == 1 and record["psf"] == "mission"
    north, south = record["sectors"]
    assert (north["name"], south["name"]) == ("north", "south")
    bright, faint = (np.array(s["brightness"], float)[1:5] for s in (north, south))
    assert bright / faint == pytest.approx(np.full(4, 2.0), rel=0.35)
    assert "azimuthal_scatter" not in record
    written = json.loads((tmp_path / "nebula.json").read_text())
    assert written["fits"]["beta"]["parameters"]["rc"]["value"] > 0
    profiles, header = read_profiles(tmp_path / "nebula.fits")
    assert len(profiles) == 3 and header["NMASKED"] == 1
    assert "sector 1: north" in str(header["HISTORY"])
    for name in ("nebula.png", "nebula_image.png"):
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"
    fits.open(tmp_path / "nebula.fits").verify("exception")


def test_without_a_mask_the_source_is_in_its_sector(scene, tmp_path):
    stack = _stack(scene)
    images = band_images(stack, None)
    place = PlaceProfile(**PLACE)
    none = stack_mask(stack, images, nothing_found().sources, MaskParameters())
    assert none.counted.all()
    cut = stack_mask(stack, images, _found(59.5, 34.5), MaskParameters())
    with_it, without = (
        measure_place("n", place, stack, images, m, tmp_path, 1)["sectors"][1]["counts"]
        for m in (none, cut)
    )
    assert np.sum(with_it) - np.sum(without) > 1800


def test_relative_exposure_gives_no_fit_but_counts(scene, tmp_path):
    stack = _stack(scene, timed=False)
    images = band_images(stack, None)
    mask = stack_mask(stack, images, nothing_found().sources, MaskParameters())
    place = PlaceProfile(**PLACE, fit=["beta"])
    record = measure_place("n", place, stack, images, mask, tmp_path, 1)
    assert record["fits"] == {} and np.sum(record["counts"]) > 0
    assert any("not known in seconds" in note for note in record["notes"])


def test_bands_and_places_that_are_not_there():
    stack = _stack(np.ones((SIDE, SIDE)))
    with pytest.raises(ParameterError, match=r"no images of 2-7 keV"):
        band_images(stack, EnergyBand(2, 7))
    assert band_images(stack, BAND).label == "b"
    assert is_on(CENTRE, stack.grid) and not is_on(SkyPosition(151, 2), stack.grid)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bin_size": None}, "bin_size and max_radius are needed"),
        ({"center": None}, "center"),
        ({"sectors": 4}, "named_sectors is given as well as"),
        ({"named_sectors": {"a/b": "0,10"}}, "no name of a sector"),
        ({"named_sectors": {"a": "10,10"}}, "empty"),
        ({"psf": "psf.fits"}, "psf is"),
        ({"fit": ["bta"]}, "did you mean 'beta'"),
    ],
)
def test_bad_places_are_one_line(change, message):
    with pytest.raises(ParameterError, match=message) as caught:
        ProfileParameters.read({"places": {"nebula": {**PLACE, **change}}}, "profiles")
    assert "profiles.places.nebula" in str(caught.value) and "\n" not in str(caught.value)


def test_names_of_places_are_names_of_files():
    for names in (["../x"], ["a b"], ["A", "a"]):
        with pytest.raises(ParameterError, match="name"):
            ProfileParameters.read({"places": dict.fromkeys(names, PLACE)}, "profiles")


def test_a_run_publishes_profiles_and_shows_them(make_events, run_command, tmp_path):
    events = make_events(exposure="3ks", background_rate=0.2, source=("150.05,2.22,300",))
    config = f"""\
schema: 1
pipeline: sources
inputs: ["{events}"]
output: out
seed: 3
image: {{pixel_size: 4arcsec}}
detection: {{band: 0.5-7, psf: "gaussian:2arcsec"}}
photometry: {{measure_band: 0.5-7}}
products: {{enabled: false, maps: false}}
profiles:
  places:
    bright: {{center: "150.05,2.22", bin_size: 20arcsec, max_radius: 2arcmin, sectors: 2}}
    off: {{center: "150.05,2.22", bin_size: 20arcsec, max_radius: 2arcmin, sky: "1arcsec,2arcsec"}}
    elsewhere: {{center: "10,10", bin_size: 20arcsec, max_radius: 2arcmin}}
"""
    (tmp_path / "config.yaml").write_text(config)
    done = run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "out" / "profiles").iterdir()
    # one that cannot be measured leaves no files, and another place of the sky no trace
    assert sorted(p.name for p in folder.iterdir()) == [
        "bright.fits", "bright.json", "bright.png", "bright_image.png", "bright_mask.fits",
    ]  # fmt: skip
    record = json.loads((folder / "bright.json").read_text())
    # the source in the middle was found, so that it is masked
    assert record["masked"]["sources"] >= 1 and record["counts"][0] < 30
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'id="t1-profiles"' in page and "Not measured" in page and "elsewhere</h4>" not in page
    # without them the run is the same, but what it had published of them goes away
    (tmp_path / "config.yaml").write_text(config[: config.index("profiles:")])
    again = run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "out" / "profiles").exists()


def test_exposure_maps_that_are_made_are_for_the_place_s_spectrum(survey_pointing, tmp_path):
    events = select_detectors(open_events(survey_pointing), "TM1")
    field = field_from_events(events, [BAND], ImageParameters(pixel_size="16arcsec"))
    stack = single_stack("field", field)
    place = PlaceProfile(**{**PLACE, "center": "150.0,2.2", "bin_size": "2arcmin"})
    records = []
    for spectrum in (place.spectrum, None):
        images = band_images(stack, BAND, spectrum)
        mask = stack_mask(stack, images, nothing_found().sources, MaskParameters())
        records.append(measure_place("n", place, stack, images, mask, tmp_path, 1))
    assert records[0]["vignetting"]["spectrum"] == "powerlaw:2,0.03"
    assert records[1]["vignetting"] == {"spectrum": None, "energy_kev": 1.0}
    ratio = np.array(records[1]["exposure_s"], float) / np.array(records[0]["exposure_s"], float)
    assert 1 < ratio[0] < ratio[-1] < 1.01  # at 6 arcmin
    assert np.array_equal(records[0]["counts"], records[1]["counts"])


def test_maps_that_were_given_stay_as_they_are(scene):
    images = band_images(_stack(scene), None, PlaceProfile(**PLACE).spectrum)
    assert "VIGNSPEC" not in images.exposure.stamps and images.notes == []
    assert (images.exposure.data == 1e4).all()


def test_a_spectrum_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="powerlaw:INDEX,NH"):
        ProfileParameters.read({"places": {"n": {**PLACE, "exposure_spectrum": "x"}}}, "profiles")
