"""Stokes spectra of a real observation: three units, with backgrounds, responses by their names."""

import importlib.util
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.stokes import stokes_parameter
from xsurvey.pipelines.spectropolarimetry.fit_files import PolarizationFit, fit_stokes_files
from xsurvey.pipelines.spectropolarimetry.reading import StokesFiles
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_likelihood import members_of
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.models.settings import ModelSettings

CONSTANT = "tbabs*(polconst*powerlaw)"


@pytest.fixture(scope="module")
def observation(shared_data: Path) -> Path:
    folder = shared_data / "ixpe" / "01003199"
    if not folder.is_dir():
        pytest.skip("no shared/data/ixpe")
    for package in ("ixpeobssim", "xspectrampoline"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return folder


def fitted(folder: Path, model: str, **settings: object) -> PolarizationFit:
    parameters = SpectropolarimetryParameters(
        model=model, energy=("2-8",), group="min30", ebins="2,3,4,6,8", contours=False, **settings
    )  # type: ignore[arg-type]
    files = StokesFiles(sorted(folder.glob("*_src_*.fits")))
    return fit_stokes_files(files, parameters, ModelSettings(abund="wilm"), FluxParameters())


@pytest.fixture(scope="module")
def constant(observation: Path) -> PolarizationFit:
    return fitted(observation, CONSTANT)


def test_rates_of_either_sign_are_read(observation: Path) -> None:
    for unit in (1, 2, 3):
        for end, stokes in (("pha1_grp25", "I"), ("pha1q", "Q"), ("pha1u", "U")):
            path = observation / f"ixpe01003199_det{unit}_barycorr_src_filt_{end}.fits"
            found = read_single_pha(path)
            assert stokes_parameter(found) == stokes
            raw = fits.getdata(path, "SPECTRUM")
            assert np.allclose(found.counts, raw["RATE"] * found.exposure, rtol=1e-5)
            assert found.poisson == (stokes == "I")
            assert (found.counts.min() < 0) == (stokes != "I")
            assert found.header["DETNAM"] == f"DU{unit}"


def raw_sums(folder: Path, subtract: bool) -> tuple[float, float, float, float]:
    """Q, U and their variances over channels of 2 to 8 keV of all units, from the files alone."""
    channel = np.arange(375)
    inside = (0.04 * channel + 0.02 > 2) & (0.04 * channel + 0.02 < 8)
    sums = []
    for end in ("q", "u"):
        value = variance = 0.0
        for unit in (1, 2, 3):
            part = []
            for kind in ("src", "bkg"):
                name = f"ixpe01003199_det{unit}_barycorr_{kind}_filt_pha1{end}.fits"
                part.append(fits.open(folder / name)["SPECTRUM"])
            source, back = part
            scale = source.header["BACKSCAL"] / back.header["BACKSCAL"] * subtract
            time = source.header["EXPOSURE"]
            rate = source.data["RATE"] - scale * back.data["RATE"]
            square = source.data["STAT_ERR"] ** 2 + (scale * back.data["STAT_ERR"]) ** 2
            value += float(rate[inside].sum(dtype=float)) * time
            variance += float(square[inside].sum(dtype=float)) * time**2
        sums += [value, variance]
    return sums[0], sums[2], sums[1], sums[3]


def test_raw_angle_and_significance(observation: Path, constant: PolarizationFit) -> None:
    q, u, q_var, u_var = raw_sums(observation, subtract=False)
    assert np.degrees(np.arctan2(u, q)) / 2 == pytest.approx(-62.05, abs=0.01)
    assert np.hypot(q, u) / np.sqrt((q_var + u_var) / 2) == pytest.approx(26.3, abs=0.1)
    q, u, q_var, u_var = raw_sums(observation, subtract=True)
    found = constant.summary["summed_channels"]
    assert found["pa_deg"] == pytest.approx(np.degrees(np.arctan2(u, q)) / 2, abs=1e-3)
    ratio = (found["q"] / found["q_err"], found["u"] / found["u_err"])
    assert ratio == pytest.approx((q / np.sqrt(q_var), u / np.sqrt(u_var)), rel=1e-4)
    assert found["significance"] == pytest.approx(26, abs=0.2)


def test_a_constant_polarization(constant: PolarizationFit) -> None:
    summary = constant.summary
    stokes_i = [p for p in summary["statistic"]["parts"] if p["stokes"] == "I"]
    assert sum(p["value"] for p in stokes_i) == pytest.approx(342, abs=5)
    assert sum(p["bins"] for p in stokes_i) == 350
    degree, angle = (summary["polarization"][0][k] for k in ("pd", "pa_deg"))
    assert degree["value"] == pytest.approx(0.363, abs=0.002)
    assert degree["upper"] - degree["lower"] == pytest.approx(0.0242, rel=0.05)
    assert angle["value"] == pytest.approx(-61.87, abs=0.05)
    assert angle["upper"] - angle["lower"] == pytest.approx(1.9, rel=0.05)
    assert summary["no_polarization"]["significance"] == pytest.approx(29.9, abs=0.2)
    for unit in ("DU2", "DU3"):
        assert summary["parameters"][f"unit.{unit}"]["value"] == pytest.approx(1, abs=0.02)


def test_degree_rises_with_energy(observation: Path, constant: PolarizationFit) -> None:
    bins = constant.summary["energy_bins"]
    degrees = [b["pd"] for b in bins]
    assert degrees == pytest.approx([0.249, 0.416, 0.596, 0.938], abs=0.005)
    for b in bins:
        assert b["pa_deg"] == pytest.approx(-62, abs=3 * b["pa_err_deg"])
        assert b["significance"] > 7
    line = fitted(observation, "tbabs*(pollin*powerlaw)")
    slope = line.summary["constant_polarization"]
    assert (slope["dof"], slope["delta"]) == (2, pytest.approx(136, abs=3))
    assert slope["statistic"] == pytest.approx(constant.fit.statistic, abs=0.01)
    assert line.summary["goodness"]["p_value"] > 0.1
    assert line.summary["parameters"]["pollin.Aslope"]["lower"] > 0.1
    power = fitted(observation, "tbabs*(polpow*powerlaw)")
    assert power.summary["constant_polarization"]["delta"] == pytest.approx(131, abs=3)
    assert power.summary["parameters"]["polpow.Aindex"]["upper"] < -1


def test_two_components_at_right_angles(observation: Path) -> None:
    found = fitted(
        observation, "tbabs*(polconst*bbody+polconst*powerlaw)",
        link=("polconst_2.psi=polconst.psi+90",),
    ).summary  # fmt: skip
    assert found["statistic"]["value"] == pytest.approx(1035.5, abs=1)
    assert found["goodness"]["p_value"] > 0.3
    body, law = found["polarization"]
    assert body["pa_deg"]["value"] == pytest.approx(28.4, abs=0.5)
    assert law["pa_deg"]["value"] == pytest.approx(-61.6, abs=0.5)
    assert body["pd"]["value"] > 0.9
    assert 0.6 < law["pd"]["value"] < 0.75


def test_folded_numbers_by_hand(observation: Path, constant: PolarizationFit) -> None:
    """Chi-square of unit 1 with area, modulation factor and matrix read from the files alone."""
    root = Path(next(iter(importlib.util.find_spec("ixpeobssim").submodule_search_locations)))  # type: ignore
    folder = root / "caldb/ixpe/gpd/cpf"
    area = fits.getdata(folder / "arf/ixpe_d1_obssim20220702_v013.arf", "SPECRESP")
    factor = fits.getdata(folder / "modfact/ixpe_d1_obssim20220702_mfact_v013.fits", 1)["SPECRESP"]
    matrix = fits.getdata(folder / "rmf/ixpe_d1_obssim20220702_v013.rmf", "MATRIX")["MATRIX"]
    values = {n: p["value"] for n, p in constant.summary["parameters"].items()}
    member = members_of(constant.fit.likelihood, "I")[0]
    edges = member.dataset.folding.edges
    assert np.allclose(edges[:-1], area["ENERG_LO"])
    # only what absorbs is the engine's: the power law is integrated here
    index = values["powerlaw.PhoIndex"]
    power = values["powerlaw.norm"] * np.diff(edges ** (1 - index)) / (1 - index)
    full = constant.fit.values[None]
    row = full[:, member.columns].copy()
    with_index = member.model(row)[0]
    places = [p.name for p in constant.fit.likelihood.parameters.parameters]
    row[:, places.index("tbabs.nH")] = 0.0
    transmission = with_index / member.model(row)[0]
    photons = power * transmission * area["SPECRESP"]
    twice = np.radians(2 * values["polconst.psi"])
    for stokes, size in (
        ("I", 1.0), ("Q", values["polconst.A"] * np.cos(twice)),
        ("U", values["polconst.A"] * np.sin(twice)),
    ):  # fmt: skip
        own = members_of(constant.fit.likelihood, stokes)[0]  # type: ignore[arg-type]
        seen = size * photons * (1.0 if stokes == "I" else factor)
        counts = (seen @ matrix.astype(float)) * own.dataset.exposure
        grouped = [
            counts[a:b].sum()
            for a, b in zip(own.dataset.grouping.first, own.dataset.grouping.last, strict=True)
        ]
        model = own.expected(full)[0]
        assert np.allclose(model, grouped, rtol=2e-5, atol=1e-6)
        net, error = own.net
        part = next(p for p in constant.summary["statistic"]["parts"]
                    if (p["unit"], p["stokes"]) == ("DU1", stokes))  # fmt: skip
        assert part["value"] == pytest.approx(np.sum(((net - grouped) / error) ** 2), rel=1e-3)


def test_what_the_page_shows_is_what_happens(
    observation: Path, run_command: Callable, tmp_path: Path
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/spectra/polarization.md").read_text()
    line, expected = re.findall(r"```bash\n([^`]*)```\s+```\n(.*?)```", page, re.DOTALL)[0]
    words = [w for w in shlex.split(line)[1:] if w != "*_src_*.fits"]
    files = sorted(observation.glob("*_src_*.fits"))
    done = run_command(*words[:2], *files, *words[2:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    number = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
    assert number.sub("N", done.stdout).split() == number.sub("N", expected).split()
    shown, found = ([float(n) for n in number.findall(t)] for t in (expected, done.stdout))
    assert found == pytest.approx(shown, rel=5e-3, abs=2e-4)
    assert all((tmp_path / name).is_file() for name in ("fit.json", "fit.png", "contours.png"))
