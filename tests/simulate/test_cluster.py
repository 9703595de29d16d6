"""Clusters of a model: shells, excesses, what the truth file says, and what is seen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.galaxy_clusters.model import ClusterModel, read_cluster_model
from xsurvey.missions import open_events
from xsurvey.simulate.cluster import cluster_sources, cluster_table, parts_of, shell_edges
from xsurvey.simulate.shapes import volume_within
from xsurvey.simulate.write import truth_path, write_truth
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.settings import ModelSettings

from .tools import sigmas

Call = Callable[..., tuple[int, str, str]]
YAML = """
redshift: 0.05
center: "150.0,2.2"
nh: 0.03
m200: 3.0e14
density: {model: beta, centre: 0.01, core_radius: 100.0, beta: 0.6}
"""
EXCESS = """
excess:
  - {sector: [300, 30], inner_radius: 3arcmin, outer_radius: 9arcmin, factor: 1.5}
"""
DEFICIT = """
excess:
  - {sector: [60, 120], inner_radius: 3arcmin, outer_radius: 9arcmin, factor: 0.25}
  - {sector: [90, 150], inner_radius: 6arcmin, outer_radius: 20arcmin, factor: 2.0}
"""


def model_of(tmp_path: Path, text: str = YAML) -> ClusterModel:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return read_cluster_model(path)


def brightness(model: ClusterModel, inner: float, outer: float, angle: float) -> float:
    """Return the norm per arcmin2 between radii (arcmin) at a position angle, from the shells."""
    sources = cluster_sources(model)
    shapes = sources.shapes
    seen = (angle - shapes.angle) % 360 < shapes.width
    area = np.pi * (outer**2 - inner**2) * shapes.width / 360
    limits = [np.clip(60 * r, shapes.nearest, np.minimum(shapes.farthest, shapes.outer))
              for r in (inner, outer)]  # fmt: skip
    whole = [shapes.nearest, np.minimum(shapes.farthest, shapes.outer)]
    between, all_of = (
        volume_within(b, shapes.inner, shapes.outer) - volume_within(a, shapes.inner, shapes.outer)
        for a, b in (limits, whole)
    )
    return float(np.sum((sources.amount * between / all_of / area)[seen]))


def test_shells_make_up_the_cluster(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    for inner, outer in ((1.0, 1.05), (4.0, 4.2), (12.0, 12.6), (30.0, 31.5)):
        middle = np.sqrt((inner**2 + outer**2) / 2) * model.kpc_per_arcmin
        expected = float(model.projected_norm(np.array([middle]))[0])
        assert brightness(model, inner, outer, 10.0) == pytest.approx(expected, rel=0.02)
    total = model.shells(shell_edges(model)).norm.sum()
    assert cluster_sources(model).amount.sum() == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(("text", "angle", "radius", "factor"), [
    (EXCESS, 340, 5, 1.5), (EXCESS, 10, 8, 1.5), (EXCESS, 100, 5, 1), (EXCESS, 10, 10, 1),
    (EXCESS, 10, 2, 1), (DEFICIT, 70, 4, 0.25), (DEFICIT, 100, 7, 0.5), (DEFICIT, 100, 12, 2),
    (DEFICIT, 140, 7, 2), (DEFICIT, 140, 4, 1), (DEFICIT, 10, 7, 1), (DEFICIT, 70, 25, 1),
])  # fmt: skip
def test_excess_multiplies_the_brightness(
    text: str, angle: float, radius: float, factor: float, tmp_path: Path
) -> None:
    plain, other = model_of(tmp_path), model_of(tmp_path, YAML + text)
    ratio = brightness(other, radius, radius + 0.5, angle) / brightness(
        plain, radius, radius + 0.5, angle
    )
    assert ratio == pytest.approx(factor, rel=1e-6)
    assert all(part.factor > 0 for part in parts_of(other.excess))


def test_cool_gas_has_its_own_spectrum(tmp_path: Path) -> None:
    text = "cool_gas: {radius: 50.0, temperature: 1.0, abundance: 1.6, share: 0.3}\n"
    model = model_of(tmp_path, YAML + text)
    sources = cluster_sources(model)
    cool = np.char.find(sources.name, "cool gas") >= 0
    inner = sources.shapes.outer / 60 * model.kpc_per_arcmin <= 50
    assert cool.any()
    assert sources.amount[cool & inner].sum() == pytest.approx(
        0.3 * sources.amount[inner].sum(), rel=1e-6
    )
    spectra = {sources.spectra[i] for i in sources.spectrum[cool]}
    assert [s.settings[-2:] for s in spectra] == [("apec.kT=1", "apec.Abundanc=1.6")]


def test_gas_that_apec_does_not_know(tmp_path: Path) -> None:
    model = model_of(tmp_path, YAML.replace("3.0e14", "2.0e11"))
    with pytest.raises(ParameterError, match="apec"):
        cluster_sources(model)


def test_the_truth_file_has_the_profiles(tmp_path: Path) -> None:
    model = model_of(tmp_path, YAML + EXCESS)
    write_truth(tmp_path / "t.fits", Table({"a": [1]}), 3, [cluster_table(model)])
    with fits.open(tmp_path / "t.fits") as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "TRUTH", "CLUSTER"]
        header = file["CLUSTER"].header
    for key, value in (
        ("M500", model.mass_in(500)), ("R500", model.radius_in(500)), ("M200", 3e14),
        ("R200MIN", model.radius_in(200) / model.kpc_per_arcmin), ("REDSHIFT", 0.05), ("H0", 70.0),
    ):  # fmt: skip
        assert header[key] == pytest.approx(value)
    assert header["EXCESS1"] == "300,30 deg 3-9 arcmin x 1.5"
    assert header.comments["M500"] == "solar masses"
    table = Table.read(tmp_path / "t.fits", hdu="CLUSTER")
    assert str(table["temperature"].unit) == "keV"
    middle = np.array(table["middle_arcmin"]) * model.kpc_per_arcmin
    assert table["projected_norm"] == pytest.approx(model.projected_norm(middle))
    near = np.array(table["outer_kpc"]) < model.radius_in(200)
    expected = model.temperature(middle[near])
    assert np.array(table["temperature"])[near] == pytest.approx(expected, rel=0.02)


def test_a_cluster_is_seen_as_it_is(tmp_path: Path, call: Call) -> None:
    try:
        find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")
    model_of(tmp_path, YAML + EXCESS)
    output = tmp_path / "events.fits"
    status, _, error = call(
        "simulate", "-o", output, "--mission", "erosita", "--exposure", "4ks", "--energy", "0.3-2",
        "--cluster", tmp_path / "cluster.yaml", "--background-rate", "0", "--origin",
    )  # fmt: skip
    assert status == 0, error
    truth = Table.read(truth_path(output), hdu="TRUTH")
    expected, recorded = np.array(truth["counts_expected"]), np.array(truth["counts_recorded"])
    assert set(truth["origin"]) == {"cluster"}
    assert recorded.sum() > 10_000
    assert abs(sigmas(recorded.sum(), expected.sum())) < 4
    many = expected > 10
    chi2 = np.sum((recorded - expected)[many] ** 2 / expected[many])
    assert chi2 < many.sum() + 5 * np.sqrt(2 * many.sum())
    assert fits.getheader(output, "EVENTS")["SIMCLUST"] == "cluster.yaml"
    assert open_events(output).count() == recorded.sum()


@pytest.mark.parametrize(("text", "words"), [
    ("redshift: [", "YAML"), ("redshift: 0.1\n", "center"), (YAML + "typo: 1\n", "typo"),
])  # fmt: skip
def test_models_that_cannot_be_read(text: str, words: str, tmp_path: Path, call: Call) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    status, _, error = call(
        "simulate", "-o", tmp_path / "e.fits", "--mission", "erosita", "--cluster",
        tmp_path / "bad.yaml",
    )  # fmt: skip
    assert status != 0
    assert words in error
    assert "bad.yaml" in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "e.fits").exists()


def test_the_model_is_not_overwritten(tmp_path: Path, call: Call) -> None:
    model_of(tmp_path)
    path = tmp_path / "cluster.yaml"
    status, _, error = call("simulate", "-o", path, "--mission", "erosita", "--cluster", path)
    assert status != 0
    assert path.read_text() == YAML, error
