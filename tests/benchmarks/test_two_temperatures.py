"""The simulated clusters of the benchmark are what it says they are."""

import numpy as np
import pytest

from benchmarks import two_temperatures as benchmark
from xsurvey.profiles.annuli_fit import fit_annuli


def test_light_is_conserved() -> None:
    spread = benchmark.spread()
    sums = spread[:, :-1].sum(axis=0) + spread[:, -1]
    np.testing.assert_allclose(sums, 1.0)
    assert np.all(np.diag(spread) > 0.5)


@pytest.mark.usefixtures("atomdb")
def test_an_isothermal_cluster_is_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "POINTS", 20_000)
    cell = benchmark.Cell(gradient=False, cool=False, exposure="long")
    problem = benchmark.simulated(cell, np.random.default_rng(2))
    fit = fit_annuli(problem, intervals=False)
    names = fit.likelihood.parameters.free_names
    kt = [names.index(f"annulus_0{i}.kT") for i in range(1, 7)]
    pulls = (fit.theta[kt] - 3.0) / fit.minimum.sigma[kt]
    assert np.abs(pulls).max() < 3.5
    radius = 0.5 * (benchmark.EDGES[1:] + benchmark.EDGES[:-1])
    norm = [names.index(f"annulus_0{i}.norm") for i in range(1, 7)]
    area = np.diff(benchmark.EDGES**2)
    light = (benchmark.brightness(radius) * area).reshape(6, 2).sum(axis=1)
    truth = light / area.reshape(6, 2).sum(axis=1)
    assert np.abs((fit.theta[norm] - truth) / fit.minimum.sigma[norm]).max() < 3.5


def test_summaries_count_annuli_and_clusters() -> None:
    found = [benchmark.Trial((12.0, 5.0), (1,), 1.0), benchmark.Trial((0.0, 0.0), (), 1.0)]
    summary = benchmark._summary(found, slice(None))
    assert summary["number"] == {"annuli": 4, "clusters": 2}
    assert summary["annuli"]["4"] == [0.5, 0.25]
    assert summary["clusters"]["4"] == pytest.approx([0.5, np.sqrt(1 / 8)])
    assert summary["clusters"]["15"] == [0.0, 0.0]
    assert summary["preferred"]["annuli"][0] == 0.25
    # of the innermost annulus alone
    inner = benchmark._summary(found, slice(0, 1))
    assert inner["annuli"]["10"][0] == 0.5
    assert inner["preferred"]["clusters"][0] == 0.0


@pytest.mark.usefixtures("atomdb")
def test_a_second_temperature_is_chosen_by_the_default_margin() -> None:
    hot = benchmark.trial(benchmark.Cell(gradient=True, cool=True, exposure="long"), 987654)
    assert not hot.failure
    assert hot.gain[0] > 50
    assert 0 in hot.chosen
