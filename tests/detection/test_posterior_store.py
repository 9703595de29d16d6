"""Densities kept on disk."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.detection.posterior_store import read_posteriors, write_posteriors
from xsurvey.inference.poisson_mixture import mixture_posterior
from xsurvey.inference.poisson_rate import CountsPosterior, counts_posterior


def posterior(*counts: float) -> CountsPosterior:
    c = np.array(counts)
    return counts_posterior(
        c, np.full_like(c, 30.0), *(np.full_like(c, v) for v in (1, 10, 0.9, 0))
    )


def test_densities_come_back(tmp_path: Path) -> None:
    exact = posterior(0.0, 12.0, 3000.0)
    path = tmp_path / "p.fits"
    write_posteriors(path, {"": {"b": exact, "h": posterior(1.0, 2.0, 3.0)}, "one": {"b": exact}})
    stored = read_posteriors(path)
    for number in (1, 2, 3):
        for observation in ("", "one"):
            found = stored.of(number, observation, "b")
            assert found is not None
            counts, density = found
            assert counts == pytest.approx(exact.counts[number - 1], rel=1e-9, abs=1e-9)
            assert density == pytest.approx(exact.density[number - 1], rel=1e-5, abs=1e-7)
            assert np.trapezoid(density, counts) == pytest.approx(1)
    assert stored.of(4, "", "b") is None
    assert stored.of(1, "", "s") is None
    assert stored.of(1, "two", "b") is None


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    nothing = CountsPosterior(*(np.full((2, 401), np.nan) for _ in range(3)))
    write_posteriors(tmp_path / "p.fits", {"": {"b": nothing}})
    stored = read_posteriors(tmp_path / "p.fits")
    assert stored.of(1, "", "b") is None


@pytest.mark.parametrize("posteriors", [{}, {"": {}}, {"": {"b": posterior()}}])
def test_no_sources_are_no_problem(tmp_path: Path, posteriors: dict) -> None:
    write_posteriors(tmp_path / "p.fits", posteriors)
    assert read_posteriors(tmp_path / "p.fits").of(1, "", "b") is None


def test_all_grids_have_equal_steps() -> None:
    """What is stored are the ends of the grids alone."""
    matrix = np.array([[[0.9, 0.1], [0.1, 0.9]]])
    for one in (posterior(0.0, 12.0), *mixture_posterior(np.array([[30, 5]]), matrix, 2, 1)):
        steps = np.diff(one.counts, axis=1)
        assert steps == pytest.approx(np.repeat(steps[:, :1], steps.shape[1], axis=1), rel=1e-6)


def test_the_same_densities_are_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        write_posteriors(tmp_path / name, {"": {"b": posterior(5.0)}})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
