"""The pipeline ``cluster`` from a simulated pointing to a mass, and what it says of bad configs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.catalogs import open_catalog
from xsurvey.config import load_config
from xsurvey.engine import TaskContext
from xsurvey.errors import InputError, MissingDataError
from xsurvey.galaxy_clusters.model import ClusterModel, read_cluster_model
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.pipelines.cluster.absorption import run_absorption
from xsurvey.pipelines.cluster.annulus_spectra import run_annulus_spectra
from xsurvey.pipelines.cluster.deprojection import run_deprojection
from xsurvey.pipelines.cluster.plan import CLUSTER
from xsurvey.pipelines.cluster.spectral_profile import run_spectral_profile
from xsurvey.pipelines.cluster.surface_brightness import run_surface_brightness
from xsurvey.profiles.region_product_files import read_products
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.settings import ModelSettings

from ..conftest import simulate

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]

MODEL = """\
name: small cluster
redshift: 0.06
center: "192.20,-41.31"
nh: 0.05
r200: 14arcmin
concentration: 5.0
density: {model: beta, centre: 0.02, core_radius: 90.0, beta: 0.65}
abundance: {centre: 0.4, outer: 0.4}
outer_radius: 3.0
"""
PARTICLES = {"particle": "powerlaw", "particle_set": ("powerlaw.PhoIndex=0.2", "powerlaw.norm=0.3")}
SKY = {
    "diffuse": "apec+tbabs*(apec+powerlaw)",
    "diffuse_set": (
        "apec.kT=0.1", "apec.norm=1.2e-6", "tbabs.nH=0.05", "apec_2.kT=0.22", "apec_2.norm=1e-6",
        "powerlaw.PhoIndex=1.45", "powerlaw.norm=8e-7",
    ),
}  # fmt: skip
CONFIG = """\
schema: 1
pipeline: cluster
inputs: [tile.fits]
output: out
seed: 1
target:
  {name: small cluster, center: "192.20,-41.31", redshift: 0.06, nh: 0.05, r200: 14arcmin}
image: {pixel_size: 16arcsec}
mosaic: {pixel: 8arcsec}
display: {wavelet_scales: 0}
mask: {core: 20arcmin}
particles: {templates: [TM8=closed.fits]}
spectra: {groups: [TM8], energy: 0.5-7}
surface_brightness:
  {bin_size: 1arcmin, max_radius: 18arcmin, bins: "log:10", sky: "20arcmin,29arcmin", fit: beta,
   band: 0.5-2}
annuli:
  {edges: [0arcmin, 2arcmin, 4arcmin, 8arcmin], sky_inner: 20arcmin, sky_outer: 29arcmin,
   sky_sectors: ["4"]}
absorption: {nh_map: nh.fits}
spectral_profile: {two_temperatures: false}
mass: {density_draws: 12, radii: 40}
mass_sampling: {min_steps: 200, min_ess: 100}
deprojection_sampling: {warmup: 100, min_ess: 100}
"""
GEOMETRY = StackGeometry(observations=("tile",), files=(1,), shared=(SharedSky(),))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pointing to a cluster, and particles behind a closed filter wheel."""
    try:
        find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "model.yaml").write_text(MODEL)
    common = {"mission": "erosita", "detectors": "TM1", "energy": "0.2-10", **PARTICLES}
    simulate(
        folder / "tile.fits", 1, pointing="192.20,-41.31", exposure="10ks",
        cluster=str(folder / "model.yaml"), **SKY, **common,
    )  # fmt: skip
    simulate(folder / "closed.fits", 2, closed=True, exposure="30ks", **common)
    column_densities(folder / "nh.fits")
    return folder


def column_densities(path: Path) -> Path:
    """Write a map of column densities that rise from west to east, in cm-2."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [192.20, -41.31]
    wcs.wcs.crpix, wcs.wcs.cdelt = [10.5, 10.5], [-0.08, 0.08]
    rising = np.linspace(8e20, 2e20, 20)[None, :] * np.ones((20, 1))
    fits.PrimaryHDU(rising, wcs.to_header()).writeto(path)
    return path


@pytest.fixture(scope="module")
def model(inputs: Path) -> ClusterModel:
    return read_cluster_model(inputs / "model.yaml")


@pytest.fixture(scope="module")
def finished(inputs: Path, run_command: Run) -> Path:
    """The output folder of a finished run."""
    (inputs / "config.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        # tests/report looks at figures: here they may be small, which is quick
        patch.setattr("xsurvey.report.cluster_figures.PAPER_DPI", 40)
        done = run_command("run", "config.yaml", "--workers", 0, cwd=inputs)
    assert done.returncode == 0, done.stderr
    return inputs / "out"


def record(finished: Path, name: str) -> dict[str, Any]:
    """Return a JSON file of the profiles; NaN in it is an error."""

    def refused(text: str) -> float:
        raise AssertionError(f"{name} holds {text}")

    text = (finished / "profiles" / f"{name}.json").read_text()
    return dict(json.loads(text, parse_constant=refused))


def test_temperatures_metals_and_norms_are_recovered(finished: Path, model: ClusterModel) -> None:
    edges = np.concatenate(([0.0], np.geomspace(1e-3, 3.0, 200))) * model.radius_in(200)
    shells, scale = model.shells(edges), model.kpc_per_arcmin
    rows = record(finished, "spectral_profile")["annuli"]
    assert len(rows) == 3
    for row in rows:
        ring = np.array([row["inner_arcmin"], row["outer_arcmin"]])
        volume = projected_volumes(ring * scale, edges)[0]
        measure = shells.density**2 * volume
        # what one temperature is fitted to gas of several (Mazzotta et al. 2004)
        weight = measure * shells.temperature**-0.75
        expected = {
            "kt": (weight @ shells.temperature) / weight.sum(), "abundance": 0.4,
            "norm": (shells.norm / (4 / 3 * np.pi * np.diff(edges**3))) @ volume
            / (np.pi * np.diff(ring**2)[0]),
        }  # fmt: skip
        for name, truth in expected.items():
            found = row[name]
            error = (found["upper"] - found["lower"]) / 2
            # the weights of temperatures are good to two per cent
            assert abs(found["value"] - truth) < np.hypot(3.5 * error, 0.02 * truth), (name, row)
            assert error < 0.1 * truth


def test_density_and_mass_are_recovered(finished: Path, model: ClusterModel) -> None:
    density = record(finished, "density")
    radius = np.array(density["radius_kpc"])
    # within the annuli: farther out the emissivity of the last one is taken
    used = (radius > 60) & (radius < 8 * model.kpc_per_arcmin)
    truth = model.density(radius[used])
    assert np.array(density["density"])[used] == pytest.approx(truth, rel=0.08)
    quantities = record(finished, "mass")["quantities"]
    for name, delta in (("m500", 500), ("m200", 200)):
        found = quantities[name]
        error = (found["upper"] - found["lower"]) / 2
        assert abs(found["value"] - model.mass_in(delta)) < 4 * error
        assert error < 0.3 * model.mass_in(delta)
    assert density["converged"]


def test_brightness_has_a_level_and_a_significance(finished: Path) -> None:
    brightness = record(finished, "surface_brightness")
    beta = brightness["fits"]["beta"]["parameters"]["beta"]["value"]
    assert beta == pytest.approx(0.65, abs=0.05)
    assert brightness["radii"]["whole"]["sigma"] > 5
    assert brightness["radii"]["r200"]["inner_arcmin"] == pytest.approx(0.9 * 14)
    # the sky and no particles: these are taken off
    sky = brightness["sky"]
    assert sky["level"] == pytest.approx(5e-4, rel=0.3)
    # a third of the ring's light is the cluster's: the model knows
    assert sky["level"] + sky["outskirts"] > 6.5e-4
    assert "taken for the cluster" in " ".join(brightness["notes"])
    assert 0.05 <= brightness["background_error"] < 0.06
    # exposures are for a power law behind the target's column density
    assert brightness["vignetting"]["spectrum"] == "powerlaw:2,0.05"
    assert brightness["vignetting"]["energy_kev"] == pytest.approx(1.33, abs=0.01)
    header = fits.getheader(finished / "images" / "exposure_500_2000.fits")
    assert header["VIGNSPEC"] == "powerlaw:2,0.05"
    header = fits.getheader(finished / "profiles" / "surface_brightness.fits", "PROFILE")
    assert header["VIGNSPEC"] == "powerlaw:2,0.05"


def test_files_are_standard_ones(finished: Path) -> None:
    for name, extension in (
        ("surface_brightness", "PROFILE"), ("spectral_profile", "SPECTRAL_PROFILE"),
        ("density", "DENSITY"), ("thermodynamics", "THERMODYNAMICS"),
    ):  # fmt: skip
        with fits.open(finished / "profiles" / f"{name}.fits") as hdus:
            hdus.verify("exception")
            header = hdus[extension].header
        assert (header["H0"], header["OMEGA_M"]) == (70.0, 0.3)
    header = fits.getheader(finished / "profiles" / "density.fits", "DENSITY")
    assert (header["TUNIT1"], header["TUNIT3"]) == ("arcmin", "cm-3")
    spectrum = read_single_pha(finished / "spectra" / "annulus_01_TM8.pha")
    assert (spectrum.response_file, spectrum.ancillary_file) == ("TM8.rmf", "annulus_01_TM8.arf")
    products = read_products(finished / "spectra")
    assert [r.kind for r in products.layout.regions] == ["annulus"] * 3 + ["sky"] * 4
    images = {path.name for path in (finished / "images").glob("*.fits")}
    assert {"counts_500_2000.fits", "exposure_flat.fits", "mask.fits", "residuals_beta.fits",
            "particles_500_2000.fits", "display_smoothed.fits"} <= images  # fmt: skip


def test_catalog_has_one_row(finished: Path) -> None:
    table = Table.read(finished / "catalog" / "sources.fits")
    assert len(table) == 1
    assert (table["ra"][0], table["dec"][0]) == pytest.approx((192.20, -41.31))
    assert table["name"][0].startswith("XSV J1248")
    assert table["detection_likelihood"][0] > 12
    assert len(open_catalog(finished)) == 1


def test_second_run_does_nothing_and_products_are_explained(
    finished: Path, run_command: Run
) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*") if p.is_file()}
    done = run_command("run", "config.yaml", "--workers", 0, cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    changed = {
        p.name for p, time in before.items()
        if p.stat().st_mtime_ns != time and ".xsurvey" not in p.parts
    }  # fmt: skip
    assert changed <= {"run.json"}
    explained = run_command("explain", finished / "profiles" / "thermodynamics.fits")
    assert explained.returncode == 0, explained.stderr
    for stage in ("mass", "deprojection", "spectral_profile", "mosaic", "flares"):
        assert stage in explained.stdout
    assert "closed.fits" in explained.stdout


def test_images_are_corrected_for_a_map_of_absorption(finished: Path) -> None:
    images = finished / "images"
    corrected = fits.open(images / "corrected_500_2000.fits")[0]
    header, seen = corrected.header, np.isfinite(corrected.data)
    counts, exposure, particles, column, smoothed, shown = (
        fits.getdata(images / f"{name}.fits").astype(float)
        for name in ("counts_500_2000", "exposure_500_2000", "particles_500_2000", "nh",
                     "display_smoothed", "display_corrected")
    )  # fmt: skip
    assert (seen == (exposure > 0)).all()
    gained = np.nansum(corrected.data * exposure) * (8 / 60) ** 2 / (counts - particles).sum()
    assert header["NH_MIN"] < 0.05 < header["NH_MAX"]
    # 3 keV behind 5e20 / cm2, where the cluster is
    assert gained == pytest.approx(1.175, abs=0.01)
    factor = shown / smoothed
    order = np.argsort(column[seen])
    assert (np.diff(factor[seen][order]) > -1e-4).all()
    about = json.loads(json.dumps(dict(header)))
    assert about["NH_FROM"] == "nh.fits" and about["ABSMODEL"] == "tbabs*apec"
    assert (about["ABS_KT"], about["ABS_Z"], about["NH_TO"]) == (3.0, 0.3, 0.0)
    assert about["BUNIT"] == "count / (s arcmin2)"
    assert 0.02 < about["NH_MIN"] < about["NH_MAX"] < 0.08
    page = (finished / "report.html").read_text()
    assert "corrected for it, 0.5 to 2 keV" in page and "spectra have 0.05 everywhere" in page
    assert (finished / "figures" / "corrected.png").is_file()


def one_stage(
    finished: Path, folder: Path, run: Callable[[TaskContext], Any],
    of: dict[str, Path] | None = None, **sections: Any,
) -> Path:  # fmt: skip
    """Run a stage on what a run has kept, or on other files; return the folder of its results."""
    store = finished / ".xsurvey" / "tasks"

    def place(name: str) -> Path:
        return next(store.rglob(name))

    inputs: dict[str, Any] = {
        "mosaic": place("mosaic.json").parent, "regions": place("layout.fits").parent,
        "index": place("regions.json"), "light": place("light.fits"),
        "brightness": place("surface_brightness.json"), "spectral": place("spectral_profile.json"),
        "events": [finished.parent / "tile.fits"], "fields": [place("field")],
        "good_times": [place("good_times.json")], "closed": [finished.parent / "closed.fits"],
        **(of or {}),
    }  # fmt: skip
    config = load_config(finished.parent / "config.yaml", lambda _: CLUSTER.sections)
    known = {**config.sections, "observations": GEOMETRY}
    for name, chosen in sections.items():
        known[name] = type(known[name])(**{**known[name].normalised(), **chosen})
    folder.mkdir(exist_ok=True)
    run(TaskContext("small cluster", inputs, known, folder, 1))
    return folder


def absorption(finished: Path, folder: Path, nh_map: Path | None = None, **chosen: Any) -> Any:
    """Run the stage; return its record."""
    of = {} if nh_map is None else {"nh_map": nh_map}
    one_stage(finished, folder, run_absorption, of=of, absorption=chosen)
    return json.loads((folder / "absorption.json").read_text())


def test_one_column_density_is_one_factor(finished: Path, tmp_path: Path) -> None:
    one = absorption(finished, tmp_path / "one")
    band = one["bands"]["500_2000"]
    assert band["factor_min"] == band["factor_max"] > 1.1
    assert one["map"] is None and not (tmp_path / "one" / "corrected" / "nh.fits").exists()
    same = absorption(finished, tmp_path / "same", nh_to=0.05)
    assert same["bands"]["500_2000"]["factor_max"] == pytest.approx(1.0)


def test_maps_that_end_within_the_field_are_refused(finished: Path, tmp_path: Path) -> None:
    with fits.open(finished.parent / "nh.fits") as hdus:
        part = hdus[0]
        fits.PrimaryHDU(part.data[:8], part.header).writeto(tmp_path / "part.fits")
    with pytest.raises(InputError, match="does not cover"):
        absorption(finished, tmp_path / "out", tmp_path / "part.fits")


def test_onion_peeling_finds_the_density(
    finished: Path, model: ClusterModel, tmp_path: Path
) -> None:
    made = one_stage(finished, tmp_path, run_deprojection, deprojection={"method": "onion"})
    found = json.loads((made / "density.json").read_text())
    assert found["method"] == "onion" and found["shells"] == 10
    radius = np.array(found["radius_kpc"])
    used = (radius > 60) & (radius < 8 * model.kpc_per_arcmin)
    assert used.sum() >= 3
    # shells are uniform, and near the centre nearly as wide as they are far from it: 10 % low there
    assert np.array(found["density"])[used] == pytest.approx(model.density(radius[used]), rel=0.12)


def test_ellipses_and_bins_by_signal_to_noise(finished: Path, tmp_path: Path) -> None:
    shape = {"ellipse": "1.2,30", "bins": "snr:40", "sectors": 3, "median": True, "fit": ()}
    made = one_stage(finished, tmp_path, run_surface_brightness, surface_brightness=shape)
    found = json.loads((made / "surface_brightness.json").read_text())
    assert found["ellipse"] == {"axis_ratio": 1.2, "angle_deg": 30.0}
    ratio = np.array(found["brightness"]) / np.array(found["brightness_err"])
    assert 5 < len(ratio) < 18 and (ratio[:-1] > 35).all()
    assert len(found["sectors"]) == 3 and len(found["median"]) == len(ratio)
    of = {"brightness": made / "surface_brightness.json", "light": made / "light.fits"}
    onion = {"method": "onion"}
    one_stage(finished, tmp_path / "density", run_deprojection, of=of, deprojection=onion,
              surface_brightness=shape)  # fmt: skip
    notes = json.loads((tmp_path / "density" / "density.json").read_text())["notes"]
    assert any("bins are elliptical" in note and "1.2 times" in note for note in notes)


def test_sectors_in_shells_before_two_foregrounds(
    finished: Path, model: ClusterModel, tmp_path: Path
) -> None:
    annuli = {
        "edges": ("0arcmin", "3arcmin", "8arcmin"), "sectors": ("east=45,225",),
        "separate_foregrounds": ("sector_2",),
    }  # fmt: skip
    made = one_stage(finished, tmp_path, run_annulus_spectra, annuli=annuli)
    fit = {"deproject": True, "two_temperatures": False, "intervals": False}
    of = {"regions": made / "regions", "index": made / "regions.json"}
    one_stage(finished, tmp_path / "fit", run_spectral_profile, of=of, spectral_profile=fit)
    found = json.loads((tmp_path / "fit" / "spectral_profile.json").read_text())
    assert [row["name"] for row in found["annuli"]] == [
        f"annulus_{n:02d}_{sector}" for n in (1, 2) for sector in ("east", "rest_1")
    ]
    assert {"lhb_0.norm", "lhb_1.norm"} <= set(found["background"])
    assert found["deprojected"] and found["norm_unit"] == "10**14 cm-5"
    for row in found["annuli"]:
        edges = np.linspace(row["inner_arcmin"], row["outer_arcmin"], 60) * model.kpc_per_arcmin
        shells = model.shells(edges)
        weight = shells.norm * shells.temperature**-0.75
        # shells are uniform: of steep gas the inner of two wide ones gets a tenth too much
        assert row["norm"]["value"] == pytest.approx(shells.norm.sum(), rel=0.15), row["name"]
        kt = weight @ shells.temperature / weight.sum()
        assert row["kt"]["value"] == pytest.approx(kt, rel=0.1), row["name"]
