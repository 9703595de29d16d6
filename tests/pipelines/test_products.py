"""Files of single sources of a simulated stack of two observations, against what was put in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from regions import Regions

from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.posterior_store import (
    StoredPosteriors,
    read_posteriors,
    write_posteriors,
)
from xsurvey.imaging.cutout import box_around, cut_image
from xsurvey.imaging.field import Field, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.inference.poisson_rate import CountsPosterior, counts_posterior
from xsurvey.missions import open_events
from xsurvey.pipelines.products.entries import ProductEntry
from xsurvey.pipelines.products.event_files import EventCutOut, write_event_files
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.places import (
    chosen_sources,
    product_path,
    source_folder,
    stack_folder,
)
from xsurvey.pipelines.products.writing import StackProducts
from xsurvey.psf import GaussianPsf
from xsurvey.units import EnergyBand, SkyPosition

BRIGHT, FAINT = (150.05, 2.22), (149.95, 2.15)
SOURCES = tuple(f"{ra},{dec},{n}" for (ra, dec), n in ((BRIGHT, 400), (FAINT, 60)))
BAND = EnergyBand(0.5, 7)
RADIUS = 3.0
PHOTOMETRY = PhotometryParameters()
DETECTION = DetectionParameters(psf="gaussian:1.2arcsec")
PARAMETERS = ProductParameters(cutout_minimum="12arcsec", min_likelihood=20)


def field_of(path: Path) -> Field:
    events = open_events(path)
    return field_from_events(events, [BAND], ImageParameters(pixel_size="1arcsec"))


def aperture_counts(path: Path, place: tuple[float, float]) -> int:
    """Count the events of a band in a circle, from the file's own columns."""
    events = open_events(path)
    columns = events.in_energy(BAND).columns(["x", "y"])
    x, y = events.wcs.all_world2pix(*place, 1)
    distance = np.hypot(columns["x"] - x, columns["y"] - y) * events.pixel_size
    return int((distance <= RADIUS).sum())


def measured_row(place: tuple[float, float], likelihood: float) -> dict[str, Any]:
    return {
        "ra": place[0], "dec": place[1], "detection_likelihood": likelihood, "psf_radius": RADIUS,
        "psf_fraction": 0.95, "error_major_95": 0.4, "error_minor_95": 0.3, "error_major_68": 0.2,
        "error_minor_68": 0.15, "error_angle": 30.0, "position_error": 0.18, "counts_b": 380.0,
        "background_b": 4.0, "exposure_b": 2e4, "net_counts_b": 400.0, "rate_b": 0.02,
        "flux_b": 2e-13, "rate_b_hi": 0.021, "flux_b_hi": 2.1e-13,
    }  # fmt: skip


@pytest.fixture(scope="module")
def observations(make_events: Callable[..., Path]) -> dict[str, Path]:
    """Two pointings half an arcminute apart that see the same two sources."""
    return {
        "first": make_events(
            seed=11, exposure="20ks", background_rate=0.2, pointing="150.0,2.2", source=SOURCES
        ),
        "obs/2 b": make_events(
            seed=12, exposure="10ks", background_rate=0.2, pointing="150.005,2.206", source=SOURCES
        ),
    }


@pytest.fixture(scope="module")
def stack(observations: dict[str, Path]) -> Stack:
    fields = tuple(field_of(path) for path in observations.values())
    grid = fields[0].counts["b"].grid
    return Stack("a stack", tuple(observations), fields, grid)


@pytest.fixture(scope="module")
def measured(observations: dict[str, Path]) -> dict[str, Any]:
    rows = [measured_row(BRIGHT, 900.0), measured_row(FAINT, 30.0), measured_row(FAINT, 10.0)]
    each = [
        {**row, "number": number, "observation": name}
        for number, row in enumerate(rows, start=1) for name in observations
    ]  # fmt: skip
    return {"rows": rows, "observations": each, "bands": {"b": "0.5-7 keV"}, "hardness": {}}


@pytest.fixture(scope="module")
def posteriors(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> StoredPosteriors:
    """Of three sources alike in one band: all together, and half the counts in each observation."""

    def found(counts: float, background: float) -> CountsPosterior:
        each = [np.full(3, v) for v in (counts, 25 * background, 1.0, 25.0, 0.95, 0.0)]
        return counts_posterior(*each)

    path = tmp_path_factory.mktemp("posteriors") / "p.fits"
    write_posteriors(
        path, {"": {"b": found(380, 4)}, **{n: {"b": found(190, 2)} for n in stack.names}}
    )
    return read_posteriors(path)


def background_of(field: Field) -> SkyImage:
    counts = field.counts["b"]
    return SkyImage(np.full(counts.data.shape, 0.01), counts.grid, "count / pixel")


@pytest.fixture(scope="module")
def written(
    stack: Stack,
    measured: dict[str, Any],
    posteriors: StoredPosteriors,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[ProductEntry]]:
    folder = tmp_path_factory.mktemp("products")
    backgrounds = {
        name: {"b": background_of(f)} for name, f in zip(stack.names, stack.fields, strict=True)
    }
    products = StackProducts(
        folder, stack, backgrounds, measured, posteriors, PARAMETERS, PHOTOMETRY, DETECTION
    )
    return folder, products.write()


def write(
    folder: Path, stack: Stack, measured: dict[str, Any], posteriors: StoredPosteriors,
    parameters: ProductParameters = PARAMETERS,
) -> list[ProductEntry]:  # fmt: skip
    """Write files without background maps and light curves."""
    products = StackProducts(
        folder, stack, {}, measured, posteriors, parameters, PHOTOMETRY, DETECTION
    )
    return products.write()


def file_of(
    written: tuple[Path, list[ProductEntry]], number: int, kind: str, observation: str = ""
) -> Path:
    folder, entries = written
    found = [
        e for e in entries
        if (e.number, e.kind, e.observation) == (number, kind, observation)
    ]  # fmt: skip
    assert len(found) == 1, entries
    return folder / found[0].path


def test_every_source_has_its_files_and_no_other(
    written: tuple[Path, list[ProductEntry]], observations: dict[str, Path]
) -> None:
    folder, entries = written
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == {entry.path for entry in entries}
    assert {entry.number for entry in entries} == {1, 2}, "the third is below the threshold"
    for number in (1, 2):
        kinds = [e.kind for e in entries if e.number == number]
        assert sorted(kinds) == sorted(
            ["region", "flux posterior", *2 * ["event list", "image", "psf"]]
        )
    assert all(entry.size == (folder / entry.path).stat().st_size for entry in entries)
    assert all(entry.as_json() == json.loads(json.dumps(entry.as_json())) for entry in entries)


@pytest.mark.parametrize(("number", "place"), [(1, BRIGHT), (2, FAINT)])
@pytest.mark.parametrize("name", ["first", "obs/2 b"])
def test_the_event_file_has_the_events_of_the_aperture(
    written: tuple[Path, list[ProductEntry]], observations: dict[str, Path], name: str,
    number: int, place: tuple[float, float],
) -> None:  # fmt: skip
    path = file_of(written, number, "event list", name)
    original = observations[name]
    assert aperture_counts(path, place) == aperture_counts(original, place) > 5
    own, whole = open_events(path), open_events(original)
    assert own.livetime == pytest.approx(whole.livetime)
    assert own.gti.keys() == whole.gti.keys()
    times = own.columns(["time"])["time"]
    assert (np.diff(times) >= 0).all()
    assert len(times) < whole.rows / 4


def test_events_of_scans_are_small_and_can_be_opened(survey_tile: Path, tmp_path: Path) -> None:
    field = field_from_events(open_events(survey_tile), [EnergyBand(0.2, 2.3)], ImageParameters())
    grid = next(iter(field.counts.values())).grid
    x, y = grid.centre_of(SkyPosition(150.0, 2.2))
    box = box_around(grid, x, y, 60)
    assert box is not None
    events = field.events
    assert events is not None
    cut_outs = [EventCutOut(1, box, tmp_path / "s", "a source")]
    ((path, number),) = write_event_files(events, grid, cut_outs)[1]
    own = open_events(path)
    assert own.count() == number
    image = cut_image(next(iter(field.counts.values())), box)
    assert own.in_energy(EnergyBand(0.2, 2.3)).count() == image.data.sum() > 100
    assert not own.attitude
    assert own.gti.keys() == events.gti.keys()
    assert own.livetime == pytest.approx(events.livetime)
    assert path.stat().st_size < survey_tile.stat().st_size / 2
    assert [p.name for p in tmp_path.iterdir()] == ["s_evt.fits"]


def test_units_with_files_of_their_own_have_an_event_file_each(
    ixpe_units: list[Path], tmp_path: Path
) -> None:
    events = open_events(ixpe_units)
    field = field_from_events(events, [EnergyBand(2, 8)], ImageParameters())
    image = next(iter(field.counts.values()))
    x, y = image.grid.centre_of(SkyPosition(150.0, 2.2))
    box = box_around(image.grid, x, y, 60)
    assert box is not None
    written = write_event_files(events, image.grid, [EventCutOut(7, box, tmp_path / "s", "")])[7]
    assert [path.name for path, _ in written] == ["s_evt1.fits", "s_evt2.fits", "s_evt3.fits"]
    joined = open_events([path for path, _ in written])
    assert joined.in_energy(EnergyBand(2, 8)).count() == cut_image(image, box).data.sum() > 100


def test_info_opens_the_event_file(
    written: tuple[Path, list[ProductEntry]], call: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, _ = call("info", file_of(written, 1, "event list", "obs/2 b"))
    assert status == 0
    assert "10" in out


@pytest.mark.parametrize(("number", "place"), [(1, BRIGHT), (2, FAINT)])
def test_the_cut_out_is_the_events_of_its_file_at_its_place(
    written: tuple[Path, list[ProductEntry]], number: int, place: tuple[float, float]
) -> None:
    path = file_of(written, number, "image", "obs/2 b")
    with fits.open(path) as hdus:
        counts, header = hdus[0].data, hdus[0].header
        assert [h.name for h in hdus[1:]] == ["EXPOSURE", "BACKGROUND"]
        assert hdus["BACKGROUND"].data == pytest.approx(0.01)
        assert hdus["EXPOSURE"].data.shape == counts.shape == (39, 39)
    events = open_events(file_of(written, number, "event list", "obs/2 b")).in_energy(BAND)
    assert counts.sum() == events.count()
    x, y = WCS(header).world_to_pixel(SkyCoord(*place, unit="deg"))
    rows, columns = np.indices(counts.shape)
    near = np.hypot(columns - x, rows - y) <= 6
    weight = counts[near] - np.median(counts)
    centre = [np.average(v[near], weights=weight) for v in (columns, rows)]
    # the mean of n photons of this PSF
    error = 3 * 1.2 / np.sqrt(weight.sum())
    assert np.hypot(centre[0] - x, centre[1] - y) < max(error, 0.1) * 2
    assert abs(x - 19) <= 0.5
    assert abs(y - 19) <= 0.5


def test_cut_out_coordinates_are_those_of_the_image(
    written: tuple[Path, list[ProductEntry]], stack: Stack
) -> None:
    header = fits.getheader(file_of(written, 1, "image", "first"))
    grid = stack.fields[0].counts["b"].grid
    place = SkyCoord(*BRIGHT, unit="deg")
    whole = np.array(grid.wcs.world_to_pixel(place))
    part = np.array(WCS(header).world_to_pixel(place))
    assert whole - part == pytest.approx(np.round(whole - part), abs=1e-6)
    # DS9's physical coordinates are still the events'
    x = (part[0] + 1 - header["LTV1"]) / header["LTM1_1"]
    events = open_events(file_of(written, 1, "event list", "first"))
    assert x == pytest.approx(float(events.wcs.all_world2pix(*BRIGHT, 1)[0]), abs=0.01)


def test_the_psf_sums_to_the_fraction_in_its_square(
    written: tuple[Path, list[ProductEntry]],
) -> None:
    path = file_of(written, 1, "psf", "first")
    with fits.open(path) as hdus:
        psf, header = hdus[0].data, hdus[0].header
    assert psf.sum() == pytest.approx(header["PSFFRAC"], rel=1e-5)
    assert psf.sum() == pytest.approx(1, abs=1e-6), "10 sigma wide"
    x, y = WCS(header).world_to_pixel(SkyCoord(*BRIGHT, unit="deg"))
    assert (x + 1, y + 1) == pytest.approx((header["PSFX"], header["PSFY"]), abs=0.01)
    rows, columns = np.indices(psf.shape)
    assert np.average(columns, weights=psf) == pytest.approx(x, abs=0.01)
    assert np.average(rows, weights=psf) == pytest.approx(y, abs=0.01)
    within = np.hypot(columns - x, rows - y) <= 3
    expected = GaussianPsf(1.2).encircled_fraction(np.array(3.0), np.array(0.0))
    assert psf[within].sum() == pytest.approx(float(expected), abs=0.05)


def test_the_region_file_is_read_by_others(written: tuple[Path, list[ProductEntry]]) -> None:
    path = file_of(written, 1, "region")
    found = Regions.read(path, format="ds9")
    kinds = [type(r).__name__ for r in found]
    assert kinds == [
        "CircleSkyRegion", "CircleAnnulusSkyRegion", "CircleSkyRegion", "CircleAnnulusSkyRegion",
        "EllipseSkyRegion", "EllipseSkyRegion",
    ]  # fmt: skip
    assert found[0].radius.to_value("arcsec") == pytest.approx(RADIUS)
    assert found[0].center.separation(SkyCoord(*BRIGHT, unit="deg")).arcsec < 1e-3
    inner, outer = PHOTOMETRY.annulus(np.array(RADIUS))
    assert found[1].inner_radius.to_value("arcsec") == pytest.approx(float(inner))
    assert found[1].outer_radius.to_value("arcsec") == pytest.approx(float(outer))
    ellipse = found[4]
    # the end of the major axis lies 30 degrees from north to east
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-1e-5, 1e-5]
    wcs.wcs.crval, wcs.wcs.crpix = list(BRIGHT), [1, 1]
    angle = np.radians(30)
    end = [v * 0.39 / 3600 / 1e-5 for v in (-np.sin(angle), np.cos(angle))]
    assert ellipse.contains(wcs.pixel_to_world(*end), wcs)
    assert not ellipse.contains(wcs.pixel_to_world(-end[0], end[1]), wcs)


def test_posteriors_are_those_of_their_counts(written: tuple[Path, list[ProductEntry]]) -> None:
    path = file_of(written, 1, "flux posterior")
    with fits.open(path) as hdus:
        assert [(h.name, h.ver) for h in hdus[1:]] == [("BAND_B", n) for n in (1, 2, 3)]
        assert [h.header["OBSERVAT"] for h in hdus[1:]] == ["all", "first", "obs/2 b"]
    table = Table.read(path, hdu=1)
    rate, density = np.asarray(table["RATE"]), np.asarray(table["RATE_DENSITY"])
    assert np.trapezoid(density, rate) == pytest.approx(1, rel=1e-6)
    # the background is well known: (C - b) / f
    assert rate[np.argmax(density)] == pytest.approx((380 - 4) / 0.95 / 2e4, rel=2e-3)
    assert np.asarray(table["FLUX"]) == pytest.approx(rate * 1e-11)
    assert np.trapezoid(table["FLUX_DENSITY"], table["FLUX"]) == pytest.approx(1, rel=1e-6)
    assert table["CUMULATIVE"][-1] == pytest.approx(1, rel=1e-6)


def test_facts_of_files(written: tuple[Path, list[ProductEntry]]) -> None:
    _, entries = written
    image = next(e for e in entries if e.kind == "image")
    # 7 keV is 1.77 Angstrom
    assert image.em_min * 1e10 == pytest.approx(12.39842 / 7, rel=1e-4)
    assert image.em_max * 1e10 == pytest.approx(12.39842 / 0.5, rel=1e-4)
    assert image.s_resolution == pytest.approx(2 * 1.2 * 1.1774, rel=1e-3)
    assert image.t_max - image.t_min == pytest.approx(20e3 / 86400, rel=0.01)
    corners = np.array(image.s_region.split()[2:], float).reshape(-1, 2)
    assert (corners[:, 0].min() < BRIGHT[0] < corners[:, 0].max()) and len(corners) == 4


def test_a_source_that_one_observation_did_not_see(
    stack: Stack, measured: dict[str, Any], posteriors: StoredPosteriors, tmp_path: Path
) -> None:
    away = {**measured_row((150.05, 2.22), 50), "ra": 160.0}
    content = {**measured, "rows": [away], "observations": []}
    entries = write(tmp_path, stack, content, posteriors)
    assert [e.kind for e in entries] == ["region", "flux posterior"]


def test_nothing_is_written_without_sources(
    stack: Stack, measured: dict[str, Any], posteriors: StoredPosteriors, tmp_path: Path
) -> None:
    empty = {**measured, "rows": [], "observations": []}
    assert write(tmp_path, stack, empty, posteriors) == []
    off = ProductParameters(enabled=False)
    assert write(tmp_path, stack, measured, posteriors, off) == []
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 2, 3]), ({"enabled": False}, []), ({"most": 2}, [1, 2]),
        ({"min_likelihood": 30}, [1, 2]), ({"min_counts": 401}, []),
    ],
)  # fmt: skip
def test_choice_of_sources(
    measured: dict[str, Any], settings: dict[str, Any], expected: list[int]
) -> None:
    assert chosen_sources(measured, ProductParameters(**settings)) == expected


def test_a_source_that_was_not_measured_has_no_counts(measured: dict[str, Any]) -> None:
    row = {**measured["rows"][0], "net_counts_b": float("nan")}
    content = {**measured, "rows": [row]}
    assert chosen_sources(content, ProductParameters()) == [1]
    assert chosen_sources(content, ProductParameters(min_counts=1)) == []


def test_folders_are_of_a_hundred_and_safe() -> None:
    assert source_folder("s", 100).startswith("00/")
    assert source_folder("s", 101).startswith("01/")
    assert ".." not in product_path("../../etc", 1).split("/")
    assert stack_folder("a/b") != stack_folder("a_b")
