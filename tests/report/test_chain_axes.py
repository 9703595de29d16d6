"""Chains drawn: traces and corners, of one parameter and of ones that do not vary."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.inference.chains import Chains
from xsurvey.report.chain_axes import corner_figure, draw_trace, trace_figure
from xsurvey.report.plate import new_figure, png_bytes


def make_chains(*names: str, constant: bool = False) -> Chains:
    rng = np.random.default_rng(1)
    chain = rng.normal(3, 1, (60, 4, 8, len(names)))
    if constant:
        chain[..., -1] = 2.0
    return Chains(names, chain, np.zeros(chain.shape[:3]), np.zeros((4, 8)), 20, 5, 0)


def test_trace() -> None:
    chains = make_chains("a", "b")
    axes = new_figure(6, 3).add_subplot()
    assert draw_trace(axes, chains, 1) is axes
    assert axes.get_ylabel() == "b"
    assert len(axes.collections) == 4  # an ensemble each
    medians = axes.lines[0]
    assert medians.get_xdata()[-1] == 300
    assert np.allclose(medians.get_ydata(), np.median(chains.chain[:, 0, :, 1], axis=1))
    assert axes.lines[-1].get_xdata()[0] == 100  # the end of the burn-in
    figure = trace_figure(chains)
    assert [a.get_ylabel() for a in figure.axes] == ["a", "b"]
    assert [a.get_xlabel() for a in figure.axes] == ["", "Step"]


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
@pytest.mark.parametrize("constant", [False, True])
def test_corner(names: tuple[str, ...], constant: bool) -> None:
    chains = make_chains(*names, constant=constant)
    figure = corner_figure(chains, np.full(len(names), 3.0))
    assert len(figure.axes) == len(names) ** 2
    assert figure.axes[-1].get_xlabel() == names[-1]
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_corner_draws_small_and_large_numbers_in_powers_of_ten() -> None:
    chains = make_chains("index", "norm", "nH")
    scaled = replace(chains, chain=chains.chain * np.array([1.0, 1e-4, 1e7]))
    figure = corner_figure(scaled, scaled.samples.mean(axis=0))
    names = [axes.get_xlabel() for axes in figure.axes[-3:]]
    middle = np.median(scaled.samples, axis=0)
    powers = [0, *(int(np.floor(np.log10(abs(m)))) for m in middle[1:])]
    assert names == [
        "index", f"norm ($10^{{{powers[1]}}}$)", f"nH ($10^{{{powers[2]}}}$)"
    ]  # fmt: skip
    for axes, power, value in zip(figure.axes[-3:], powers, middle, strict=True):
        low, high = axes.get_xlim()
        assert low < value / 10.0**power < high
