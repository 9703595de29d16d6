"""Spectra of a detector with an edge in its area, of which the truth is known."""

from __future__ import annotations

import numpy as np

from tests.spectra.fits.conftest import (  # noqa: F401  (fixtures of these tests too)
    ENERGIES,
    cache,
    files,
    library,
    make_arf,
    make_pha,
    make_rmf,
)
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.sed.flux_points.points import FluxPoints, flux_points, point_bins
from xsurvey.sed.flux_points.unabsorbed import UnabsorbedSpectrum, absorption_of
from xsurvey.spectra.assembly import assemble
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.fit import fit_spectra
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import Response, build_response
from xsurvey.units import EnergyBand

EXPOSURE = 1000.0
_CENTRE = 0.5 * (ENERGIES[1:] + ENERGIES[:-1])
AREA = 150 * np.exp(-0.5 * (np.log(_CENTRE / 1.5) / 0.7) ** 2) * np.where(_CENTRE > 2.1, 0.6, 1)
"""cm2, of the detector."""
BAND = EnergyBand(0.5, 7.0)


def response() -> Response:
    """A response with a resolution of 0.35 keV."""
    return build_response(make_rmf(width=0.15), make_arf(AREA))


def expectation(text: str, *values: float) -> np.ndarray:
    """Expected counts of a model in all channels."""
    flux = ModelEvaluator(parse_expression(text), ENERGIES)(np.array(values))
    return np.asarray((flux * AREA) @ make_rmf(width=0.15).matrix.toarray() * EXPOSURE)


def points_of(
    counts: np.ndarray, text: str, choice: FluxPointParameters | None = None,
    background: PhaSpectrum | None = None, **fitting: object,
) -> FluxPoints:  # fmt: skip
    """Fit a model to counts and return the points."""
    choice = choice or FluxPointParameters()
    expression, folded = parse_expression(text), response()
    spectrum = make_pha(counts, exposure=EXPOSURE)
    data = make_dataset(spectrum, folded, bands=[BAND], background=background)
    parameters = SpectrumFitParameters(model=text, **fitting)  # type: ignore[arg-type]
    assembly = assemble(expression, ModelSettings(), [data], parameters)
    fit = fit_spectra(assembly.likelihood, intervals=False, starts=1)
    member = assembly.likelihood.members[0]
    bins = point_bins(member, fit.values, folded, choice, parameters.stat == "wstat")
    unabsorbed = UnabsorbedSpectrum(
        expression, absorption_of(expression), ModelSettings(), (0.4, 8.0)
    )
    return flux_points(member, fit, assembly.columns[0], bins, unabsorbed, choice, "MADE")
