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
from xsurvey.engine import TaskContext
from xsurvey.errors import InputError, MissingDataError
from xsurvey.galaxy_clusters.model import ClusterModel, read_cluster_model
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.pipelines.cluster.absorption import run_absorption
from xsurvey.pipelines.cluster.parameters import AbsorptionParameters, TargetParameters
from xsurvey.profiles.region_product_files import read_products
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.settings import ModelSettings

from ..conftest import simulate

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


def absorption(finished: Path, folder: Path, **chosen: Any) -> dict[str, Any]:
    """Run the stage on what a run has kept; return its record."""
    kept = finished / ".xsurvey"
    inputs: dict[str, Any] = {
        "mosaic": next(kept.rglob("mosaic.json")).parent,
        "regions": next(kept.rglob("layout.fits")).parent,
    }
    if "nh_map" in chosen:
        inputs["nh_map"] = Path(chosen["nh_map"])
    sections = {
        "target": TargetParameters(redshift=0.06, nh=0.05),
        "absorption": AbsorptionParameters(**chosen), "spectral_models": ModelSettings(),
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    run_absorption(TaskContext("cluster", inputs, sections, folder, 1))
    return dict(json.loads((folder / "absorption.json").read_text()))


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
        absorption(finished, tmp_path / "out", nh_map=str(tmp_path / "part.fits"))
