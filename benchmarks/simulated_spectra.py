"""A synthetic instrument and spectra drawn for it, for benchmarks that anyone can run again."""

from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import norm

from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.response import Response, build_response

ENERGIES = np.linspace(0.3, 9.0, 436)  # keV, 20 eV each
CHANNELS = np.linspace(0.4, 8.0, 305)  # keV, 25 eV each; all are fitted
_PEAK, _AREA, _WIDTH = 1.5, 500.0, 0.9  # keV, cm2, ln E
_NOISE, _FANO = 0.025, 3.6e-4  # keV, keV: sigma^2 = noise^2 + fano E, as of a CCD
_NOWHERE = Path("simulated")


@cache
def response(softer: float = 0.0) -> Response:
    """Return the response of the instrument: Gaussian resolution, a smooth effective area.

    Parameters
    ----------
    softer : float
        By which ln E of the area's peak is lower: another instrument.
    """
    low, high = ENERGIES[:-1], ENERGIES[1:]
    centre = 0.5 * (low + high)
    sigma = np.sqrt(_NOISE**2 + _FANO * centre)
    reach = (CHANNELS[None, :] - centre[:, None]) / sigma[:, None]
    share = np.diff(norm.cdf(np.clip(reach, -5, 5)), axis=1)
    rmf = RedistributionMatrix(
        path=_NOWHERE, energy_low=low, energy_high=high, matrix=csr_array(share),
        channels=np.arange(len(CHANNELS) - 1), channel_low=CHANNELS[:-1],
        channel_high=CHANNELS[1:], includes_area=False,
    )  # fmt: skip
    area = _AREA * np.exp(-0.5 * ((np.log(centre / _PEAK) + softer) / _WIDTH) ** 2)
    return build_response(rmf, AncillaryResponse(_NOWHERE, low, high, area))


def channel_energies() -> tuple[np.ndarray, np.ndarray]:
    """Return the nominal ends of the channels, keV."""
    return CHANNELS[:-1], CHANNELS[1:]


def spectrum(counts: np.ndarray, exposure: float, region: float) -> PhaSpectrum:
    """Return counts as the reader of spectra would; ``region`` is BACKSCAL."""
    n = len(counts)
    return PhaSpectrum(
        path=_NOWHERE, channels=np.arange(n), first_channel=0, detector_channels=n,
        counts=counts.astype(float), exposure=exposure, backscal=np.full(n, region),
        areascal=np.ones(n),
    )  # fmt: skip


@cache
def _model(expression: str) -> ModelEvaluator:
    # the library itself, not the tables that fits use
    return ModelEvaluator(parse_expression(expression), ENERGIES, backend="library")


def source_rate(
    expression: str, parameters: dict[str, float], area: np.ndarray | float = 1.0,
    softer: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return count/s in each channel of a model; what is not given is as XSPEC has it.

    Parameters
    ----------
    expression : str
    parameters : dict
        Values by ``component.parameter``.
    area : ndarray, shape (435,), or float
        Factor on the effective area.
    softer : float
        Of the instrument, see `response`.
    """
    parsed = parse_expression(expression)
    row = np.array([p.definition.default for p in parsed.parameters])
    for name, value in parameters.items():
        row[parsed.find(name)] = value
    flux = _model(expression)(row) * area
    return np.asarray(response(softer).matrix.T @ flux)
