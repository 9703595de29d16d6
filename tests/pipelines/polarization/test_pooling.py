"""Observations together: sums are added, likelihoods multiplied, and differences tested."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.engine import TaskContext
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.pooled_stage import run_pooled
from xsurvey.pipelines.polarization.pooling import constancy_records, pooled
from xsurvey.pipelines.polarization.stokes_files import JSON, SUMS, Measured
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.stokes import StokesFlag
from xsurvey.polarization.unbinned.likelihood import fit_polarization
from xsurvey.polarization.unbinned.likelihood_bins import stokes_of_fit
from xsurvey.polarization.unbinned.polarized_points import PolarizedPoints
from xsurvey.polarization.variation.behaviour_parameters import KnownAngleParameters

from ...polarization.events import draw, sums_of, toy_modulation
from ...polarization.polarized_draws import stokes_of_events
from .test_stokes_stage import measured

EDGES = np.array([2.0, 4.0, 8.0])
MODULATION = toy_modulation()


def of_events(seed: int, number: int = 3000, degree: float = 0.2, angle: float = 20.0, **more):
    drawn = draw(number, MODULATION, degree, angle, seed)
    return sums_of(drawn, MODULATION), bin_sums(
        sums_of(drawn, MODULATION), MODULATION, EDGES, **more
    )


@pytest.mark.parametrize("estimator", ["empirical", "pcube"])
@pytest.mark.parametrize("acceptance", [False, True])
def test_both_together_are_as_one_with_all_events(estimator: str, acceptance: bool) -> None:
    both = [of_events(seed, acceptance=acceptance) for seed in (1, 2)]
    together = pooled([Measured(s, ESTIMATORS[estimator](s)) for _, s in both])
    expected = bin_sums(both[0][0] + both[1][0], MODULATION, EDGES, acceptance)
    # the effective number of events of both differs a little where weights do
    found = replace(together.sums, gross=expected.gross)
    for one in fields(expected):
        assert getattr(found, one.name) == pytest.approx(getattr(expected, one.name)), one.name
    assert together.sums.gross == pytest.approx(expected.gross, rel=0.02)
    bins = ESTIMATORS[estimator](expected)
    for name in ("pd", "pa_deg", "mdp99", "chi2", "pd_err", "i_err", "counts"):
        tolerance = 1e-4 if name == "pd_err" else 1e-10
        assert getattr(together.bins, name) == pytest.approx(getattr(bins, name), rel=tolerance)


def test_each_has_its_own_background() -> None:
    (_, first), (_, second), (_, behind) = (of_events(seed) for seed in (1, 2, 3))
    parts = [subtract_background(first, behind, 0.1), subtract_background(second, behind, 0.3)]
    sums = pooled([Measured(s, ESTIMATORS["empirical"](s)) for s in parts]).sums
    assert sums.i == pytest.approx(first.i + second.i - 0.4 * behind.i)
    assert sums.uu == pytest.approx(first.uu + second.uu + (0.01 + 0.09) * behind.uu)


def test_sums_of_other_bins_are_not_added() -> None:
    total = sums_of(draw(100, MODULATION), MODULATION)
    one, other = (bin_sums(total, MODULATION, edges) for edges in (EDGES, EDGES + 1))
    with pytest.raises(ValueError, match="different energy bins"):
        one + other


def fitted(seed: int, number: int, degree: float = 0.3) -> tuple[Measured, PolarizedPoints]:
    """Return a likelihood fit of one bin, and its events."""
    generator = np.random.default_rng(seed)
    mu = generator.uniform(0.2, 0.5, number)
    q, u = stokes_of_events(generator, mu, degree)
    points = PolarizedPoints.of_events(np.zeros(number, int), 1, q, u, mu)
    sums = of_events(seed)[1].of_bins(np.array([0]))
    sums = replace(sums, i=np.array([float(number)]), counts=np.array([float(number)]))
    return Measured(sums, stokes_of_fit(fit_polarization(points, background=False), sums)), points


def test_likelihoods_together_are_about_the_one_of_all_events() -> None:
    parts = [fitted(seed, number) for seed, number in ((1, 4000), (2, 9000), (3, 2000))]
    bins = pooled([one for one, _ in parts]).bins
    points = [p for _, p in parts]
    every = PolarizedPoints(
        np.concatenate([p.group for p in points]), 1, np.concatenate([p.number for p in points]),
        np.concatenate([p.x for p in points]),
    )  # fmt: skip
    fit = fit_polarization(every, background=False)
    error = float(np.sqrt(fit.covariance[0, 0, 0]))
    assert bins.q_norm[0] == pytest.approx(fit.stokes[0, 0], abs=0.02 * error)
    assert bins.u_norm[0] == pytest.approx(fit.stokes[0, 1], abs=0.02 * error)
    assert bins.covariance[0] == pytest.approx(fit.covariance[0], rel=0.01, abs=0.01 * error**2)
    assert bins.mdp99[0] == pytest.approx(np.sqrt(-2 * np.log(0.01)) * fit.sigma0[0], rel=1e-3)
    assert bins.chi2[0] == pytest.approx(fit.chi2[0], rel=0.03)
    assert (bins.estimator, bins.counts[0]) == ("likelihood", 15000)


def test_a_likelihood_without_a_measurement_adds_nothing() -> None:
    (one, _), (other, _) = fitted(1, 4000), fitted(2, 4000)
    faint = replace(one.sums, i=np.array([-3.0]))
    nothing = Measured(faint, replace(
        one.bins, i=faint.i, q=np.array([np.nan]), u=np.array([np.nan]),
        covariance=np.full((1, 2, 2), np.nan), mdp99=np.array([np.nan]),
        modulation=np.array([np.nan]), energy=np.array([np.nan]),
    ))  # fmt: skip
    bins = pooled([nothing, other]).bins
    assert bins.q_norm == pytest.approx(other.bins.q_norm)
    assert bins.mdp99 == pytest.approx(other.bins.mdp99)
    assert bins.i[0] == other.bins.i[0] - 3.0
    limited = replace(other, bins=replace(other.bins, flags=np.array([int(StokesFlag.AT_ONE)])))
    assert pooled([limited, one]).bins.flags[0] & StokesFlag.AT_ONE


def test_constancy_of_two_is_the_difference_over_its_error() -> None:
    found = [ESTIMATORS["empirical"](of_events(s, angle=a)[1]) for s, a in ((1, 20.0), (2, 110.0))]
    for i, record in enumerate(constancy_records(found)):
        apart = np.array([found[0].q_norm[i] - found[1].q_norm[i],
                          found[0].u_norm[i] - found[1].u_norm[i]])  # fmt: skip
        both = found[0].covariance[i] + found[1].covariance[i]
        assert record["statistic"] == pytest.approx(apart @ np.linalg.solve(both, apart))
        assert (record["dof"], record["observations"]) == (2, 2)
        assert record["log_probability"] == pytest.approx(-record["statistic"] / 2)
        assert sum(record["contribution"]) == pytest.approx(record["statistic"])


def together(folder: Path, names: dict[str, Path], missing: dict | None = None, **parameters):
    """Run the stage on results of the stage before it."""
    context = TaskContext(
        "pulsar",
        {"records": [p / JSON for p in names.values()], "sums": [p / SUMS for p in names.values()]},
        {
            "source": PolarizedSource(position="150.0,2.2"),
            "polarization": PolarizationParameters(**{"ebins": "2,4,8", **parameters}),
            "known_angle": KnownAngleParameters(known_angle=10.0),
        },
        folder, 1, missing or {},
    )  # fmt: skip
    folder.mkdir()
    run_pooled(context)
    return json.loads((folder / JSON).read_text())


def test_one_observation_is_passed_on(observations: Path, tmp_path: Path) -> None:
    one = measured(tmp_path / "02", observations, {"known_angle": 10.0})
    cause = "stokes: obs01_du1.fits: is empty"
    found = together(tmp_path / "all", {"02": tmp_path / "02"}, {"pulsar 01": cause})
    for key in ("bins", "whole", "responses", "livetime_s", "mjd_start", "files"):
        assert found[key] == one[key], key
    assert (found["observation"], found["observations"]) == ("all", ["02"])
    assert found["constancy"] is None
    assert found["missing"] == {"01": cause}
    assert f"01 is missing: {cause}" in found["notes"]


@pytest.mark.parametrize("estimator", ["empirical", "pcube", "likelihood"])
def test_two_observations(observations: Path, tmp_path: Path, estimator: str) -> None:
    known = {"known_angle": 10.0}
    each = [
        measured(tmp_path / obs, observations, known, obs=obs, estimator=estimator)
        for obs in ("01", "02")
    ]
    names = {obs: tmp_path / obs for obs in ("01", "02")}
    found = together(tmp_path / "all", names, estimator=estimator)
    for i, one in enumerate(found["bins"]):
        for name in ("counts", "background_counts", "I"):
            assert one[name] == pytest.approx(sum(r["bins"][i][name] for r in each)), name
    if estimator != "likelihood":
        for name in ("Q", "U"):
            assert found["whole"][name] == pytest.approx(sum(r["whole"][name] for r in each))
    assert found["whole"]["mdp99"] < min(r["whole"]["mdp99"] for r in each)
    assert found["whole"]["known_angle"]["angle_deg"] == 10.0
    assert found["constancy"]["observations"] == ["01", "02"]
    assert found["constancy"]["whole"]["dof"] == 2
    assert len(found["constancy"]["bins"]) == 2
    assert found["livetime_s"] == sum(r["livetime_s"] for r in each)
    assert found["obs_id"] == "01, 02"
    assert not any("less than 50 events" in note for note in found["notes"])


def test_few_events_are_told(observations: Path, tmp_path: Path) -> None:
    place = {"radius": "4arcsec", "background": None}
    for obs in ("01", "02"):
        measured(tmp_path / obs, observations, source=place, obs=obs)
    found = together(tmp_path / "all", {obs: tmp_path / obs for obs in ("01", "02")})
    few = [note for note in found["notes"] if "less than 50 events" in note]
    assert [note.split(":")[0] for note in few] == ["2-4 keV", "4-8 keV", "2-8 keV"]
