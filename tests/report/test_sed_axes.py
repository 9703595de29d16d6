"""Spectral energy distributions drawn: points, limits, what is not fitted, the posterior's band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from tests.sed.toy_model import TRUTH, TwoHumps, drawn
from xsurvey.inference.chains import Chains
from xsurvey.report.plate import figure_of, png_bytes
from xsurvey.report.sed_axes import sed_figure, stacked_panels
from xsurvey.report.sed_light_axes import models_figure
from xsurvey.report.sed_style import prepare
from xsurvey.sed.fitting.fit import SedFit, fit_sed, sed_likelihood
from xsurvey.sed.fitting.predicted_light import predicted_light
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.tables.points import select_points


@pytest.fixture(scope="module")
def fit() -> SedFit:
    parameters = SedFitParameters(min_frequency=1e13, systematic_default=0.1)
    points = select_points(drawn(limits=2), parameters)
    return fit_sed(sed_likelihood(TwoHumps(), points, parameters), intervals=False, starts=1)


def labels(axes: Axes) -> list[str]:
    return list(axes.get_legend_handles_labels()[1])


def chains_of(fit: SedFit) -> Chains:
    random = np.random.default_rng(1)
    chain = fit.theta + 0.01 * random.standard_normal((50, 4, 10, len(TRUTH)))
    return Chains(
        names=tuple(fit.likelihood.parameters.free_names), chain=chain,
        log_probability=np.zeros((50, 4, 10)), accepted=np.full((4, 10), 20), burn=10, thin=1,
        seed=1,
    )  # fmt: skip


def draw(fit: SedFit, chains: Chains | None = None) -> Figure:
    return sed_figure(fit, drawn(limits=2), chains, "Toy")


def test_points_components_and_residuals(fit: SedFit) -> None:
    upper, lower = draw(fit).axes
    assert set(labels(upper)) == {
        "synchrotron", "compton", "sum", "not fitted", " Optical", " Gamma"
    }  # fmt: skip
    total = next(line for line in upper.lines if line.get_label() == "sum")
    parts = fit.likelihood.fluxes(fit.theta[None, :], np.asarray(total.get_xdata()))
    assert np.asarray(total.get_ydata()) == pytest.approx(sum(parts.values())[0])
    shown = np.concatenate([
        np.asarray(line.get_ydata()) for line in lower.lines if line.get_marker() == "o"
    ])  # fmt: skip
    residuals = fit.likelihood.residuals(fit.likelihood.evaluate(fit.theta[None, :]))[0]
    measured = ~fit.likelihood.points.is_limit
    assert np.sort(shown) == pytest.approx(np.sort(residuals[measured]))
    # limits are at least drawn within the axes
    limits = next(line for line in lower.lines if line.get_marker() == "v" and
                  len(line.get_xdata()))  # fmt: skip
    assert np.all(np.abs(limits.get_ydata()) <= 6)
    assert lower.get_xlabel() == "Frequency (Hz)"


def test_the_band_of_a_posterior_encloses_its_middle(fit: SedFit) -> None:
    without, with_band = draw(fit).axes[0], draw(fit, chains_of(fit)).axes[0]
    bands = [c for c in with_band.collections if isinstance(c, PolyCollection)]
    before = [c for c in without.collections if isinstance(c, PolyCollection)]
    assert len(bands) == len(before) + 1
    corners = bands[0].get_paths()[0].vertices
    at = np.isclose(corners[:, 0], np.asarray(with_band.lines[-1].get_xdata())[200], rtol=1e-9)
    total = np.asarray(with_band.lines[-1].get_ydata())[200]
    assert corners[at, 1].min() < total < corners[at, 1].max()


def test_odd_names_and_fluxes_can_be_drawn() -> None:
    """Names of strangers are no formulas; fluxes may all be negative."""
    names = (r"$\frac$", "_hidden", r"a$b$\foo") * 14
    sed = drawn(limits=2)
    odd = replace(sed, flux=np.where(sed.is_limit, sed.flux, -sed.flux), instruments=names)
    parameters = SedFitParameters()
    likelihood = sed_likelihood(TwoHumps(), select_points(odd, parameters), parameters)
    figure = sed_figure(fit_sed(likelihood, intervals=False, starts=1), odd, None, r"$\frac$")
    assert png_bytes(figure).startswith(b"\x89PNG")
    shown = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert {r" \$\frac\$", " _hidden", r" a\$b\$\foo"} <= set(shown)


def test_the_same_figure_has_the_same_bytes(fit: SedFit) -> None:
    first, second = (png_bytes(draw(fit, chains_of(fit))) for _ in range(2))
    assert first == second


def test_fluxes_of_less_than_two_decades_have_their_label_in_the_figure() -> None:
    """Numbers such as 2 x 10^-10 stand between it and the axes."""
    (axes,) = stacked_panels([4.4])
    prepare(axes)
    axes.plot([1e14, 1e18], [6e-10, 1.5e-9])
    axes.set_yscale("log")
    axes.set_ylim(1.5e-10, 6e-9)
    axes.set_ylabel(r"$\nu F_\nu$ (erg cm⁻² s⁻¹)")
    figure_of(axes).draw_without_rendering()
    assert any(t.get_text() for t in axes.get_yminorticklabels())
    assert axes.yaxis.label.get_window_extent().x0 > 0


def test_one_process_alone_is_the_model(fit: SedFit) -> None:
    light = predicted_light(fit, np.geomspace(1e12, 1e26, 20), (0.6827,), None)
    one = replace(light, components={"synchrotron": light.flux.best})
    for drawn_light, named in ((light, ["synchrotron", "compton"]), (one, [])):
        figure = models_figure({"toy": drawn_light}, drawn(limits=2), fit.likelihood.points)
        assert [name for name in labels(figure.axes[0]) if name in light.components] == named
