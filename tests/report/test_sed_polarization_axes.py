"""Figures of fits of fluxes and polarization: panels, ranges, limits, names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.sed.fitting.test_joint_fit import joint, measured
from tests.sed.toy_model import drawn
from xsurvey.report.plate import png_bytes
from xsurvey.report.sed_axes import sed_figure
from xsurvey.sed.fitting.fit import fit_sed


@pytest.mark.parametrize(("angles", "panels"), [(True, 4), (False, 3)])
def test_panels_reach_all_measurements(angles: bool, panels: int) -> None:
    light = measured(angles=angles, frequency=(1e9, 1e15, 1e29))
    fit = fit_sed(joint(light), intervals=False, starts=1)
    figure = sed_figure(fit, drawn(limits=2), title="toy")
    assert len(figure.axes) == panels
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert low < 1e9
        assert high > 1e29
    degrees = figure.axes[2]
    (model,) = (line for line in degrees.lines if len(line.get_xdata()) > 100)
    inside = fit.likelihood.stokes(fit.theta[None, :], np.asarray(model.get_xdata())).degree[0]
    np.testing.assert_allclose(model.get_ydata(), 100 * inside)
    top = degrees.get_ylim()[1]
    assert top > (100 * np.nanmax(light.limit) if not angles else 100 * inside.max())
    assert [bool(axes.get_xlabel()) for axes in figure.axes] == [False] * (panels - 1) + [True]
    if angles:
        low, high = figure.axes[3].get_ylim()
        assert low < 75 < high


def test_names_of_strangers_are_no_formulas() -> None:
    light = replace(measured(), instruments=("$x_{", "_hidden", ""))
    fit = fit_sed(joint(light), intervals=False, starts=1)
    figure = sed_figure(fit, drawn(limits=2))
    names = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert names == [r" \$x_{", " _hidden", " measured"]
    assert png_bytes(figure).startswith(b"\x89PNG")
