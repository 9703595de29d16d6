"""The benchmark's own parts, and that a truth drawn elsewhere is noticed."""

import numpy as np
import pytest

from benchmarks import spectral_calibration as calibration
from benchmarks.simulated_spectra import CHANNELS, response, source_rate
from benchmarks.spectral_calibration import CELLS, Cell, simulate, summary, trial

POWER_LAW = Cell("tbabs*powerlaw", "modelled")


def test_response_is_a_probability_times_the_area() -> None:
    made = response()
    share = np.asarray(made.matrix.sum(axis=1)) / made.area
    middle = (made.edges[1:] > 1) & (made.edges[:-1] < 7)
    assert np.allclose(share[middle], 1, atol=1e-6)
    assert share.max() <= 1 + 1e-6
    assert share[0] < 0.01  # below the channels


@pytest.mark.usefixtures("library")
def test_rate_of_a_flat_spectrum_is_the_folded_area() -> None:
    rate = source_rate(
        "tbabs*powerlaw",
        {"tbabs.nH": 0, "powerlaw.PhoIndex": 0, "powerlaw.norm": 1e-3},
    )
    made = response()
    assert rate.sum() == pytest.approx(
        1e-3 * np.sum(np.diff(made.edges) * np.asarray(made.matrix.sum(axis=1))), rel=1e-9
    )
    assert len(rate) == len(CHANNELS) - 1


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("cell", CELLS[:2], ids=lambda c: c.background)
def test_spectra_are_within_the_limits_and_the_same_again(cell: Cell) -> None:
    first, again = (simulate(cell, np.random.default_rng(4)) for _ in range(2))
    assert first.truth == again.truth
    assert np.array_equal(first.source.counts, again.source.counts)
    assert 10 <= first.source.counts.sum() <= 10_000
    assert first.background.counts.sum() >= (40 if cell.background == "wstat" else 1)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("cell", CELLS[:2], ids=lambda c: c.background)
def test_a_trial_of_a_power_law(cell: Cell) -> None:
    found = trial(cell, 5)
    assert found.failure == ""
    assert found.converged
    assert np.all((found.ranks > 0) & (found.ranks < 1))
    assert found.covered.shape == found.profiled.shape == (2, len(cell.priors))
    # the equal-tailed intervals and the ranks are of the same samples
    for row, confidence in zip(found.covered, calibration.CONFIDENCES, strict=True):
        tail = (1 - confidence) / 2
        assert np.array_equal(row, (found.ranks > tail) & (found.ranks < 1 - tail))


@pytest.mark.usefixtures("atomdb")
def test_a_trial_of_a_plasma() -> None:
    found = trial(Cell("tbabs*apec", "wstat"), 3)
    assert found.failure == ""
    assert len(found.ranks) == 4


def test_what_goes_wrong_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from xsurvey.errors import InputError

    def fails(*_: object) -> None:
        raise InputError("here", "is broken", "mend it")

    monkeypatch.setattr(calibration, "simulate", lambda *_: _drawn())
    monkeypatch.setattr(calibration, "sampled", fails)
    found = trial(POWER_LAW, 1)
    assert "is broken" in found.failure
    assert not found.covered.any()


def _drawn() -> calibration.Simulated:
    truth = dict.fromkeys(POWER_LAW.priors, 1.0)
    counts = calibration.spectrum(np.ones(len(CHANNELS) - 1), 1.0, 1.0)
    return calibration.Simulated(truth, counts, counts)


def _trials(ranks: np.ndarray) -> list[calibration.Trial]:
    tails = (1 - np.array(calibration.CONFIDENCES)) / 2
    covered = (ranks[:, None] > tails[:, None]) & (ranks[:, None] < 1 - tails[:, None])
    return [
        calibration.Trial(100.0, r, c, c, True, 300, 1.0)
        for r, c in zip(ranks, covered, strict=True)
    ]


def test_uniform_ranks_pass_and_others_do_not() -> None:
    k = len(POWER_LAW.priors)
    uniform = np.random.default_rng(2).random((400, k))
    good = summary(POWER_LAW, _trials(uniform))
    assert good["pooled"]["0.6827"]["share"] == pytest.approx(0.68, abs=0.035)
    assert all(p["ks_p"] > 0.01 for p in good["parameters"].values())
    narrow = summary(POWER_LAW, _trials(0.5 + 0.6 * (uniform - 0.5)))
    assert narrow["pooled"]["0.6827"]["share"] > 0.9
    assert all(p["ks_p"] < 0.01 for p in narrow["parameters"].values())


def test_pooled_error_has_spectra_as_units() -> None:
    k = len(POWER_LAW.priors)
    same = np.repeat(np.random.default_rng(3).random((400, 1)), k, axis=1)
    pooled = summary(POWER_LAW, _trials(same))["pooled"]["0.6827"]
    assert pooled["error"] == pytest.approx(np.sqrt(0.68 * 0.32 / 400), rel=0.05)
