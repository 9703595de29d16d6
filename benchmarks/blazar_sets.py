"""Simulated sets of a blazar like S4 0954+65: fluxes, and polarization of two bands.

No flux of that source is known here: redshift, fluxes and parameters are assumptions, of a
low-synchrotron-peaked blazar. Published are (arXiv:2411.16868) an optical degree of 14 %, which
the depolarization of each truth is chosen for, and that X-rays had a limit of three sigma.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.polarization.intervals import THREE_SIGMA, degree_upper_limit
from xsurvey.sed.models.polarized import PolarizedSource, polarized_source
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.polarization.table import measurements_of
from xsurvey.sed.tables.points import SedPoints

REDSHIFT = 0.3
MODELS = {"leptonic": "ssc", "hadronic": "hadronic"}
FREQUENCIES = np.concatenate(
    [np.geomspace(*r) for r in (
        (9e10, 3.4e11, 3), (1e13, 3e15, 12), (1e17, 2e18, 8), (2.4e22, 2.4e25, 8),
    )]
)  # fmt: skip
INSTRUMENTS = np.repeat(["mm", "infrared to ultraviolet", "X-rays", "gamma rays"], (3, 12, 8, 8))
FLUX_ERROR = 0.08
OPTICAL, X_RAYS = 4.7e14, 9.67e17  # Hz
DEGREE = 0.14
OPTICAL_ERROR, X_RAY_ERROR = 0.01, 0.03  # of Q/I and U/I
MDP99 = np.sqrt(-2 * np.log(0.01)) * X_RAY_ERROR
FROZEN = {"gamma_min": 100.0, "gamma_max": 1e5, "t_var": 86400.0}

_ELECTRONS = {
    "log10_k": (-7.0, 1.0), "p1": (1.0, 3.0), "p2": (3.0, 6.0), "log10_gamma_b": (2.0, 5.0),
    "delta": (5.0, 45.0),
}  # fmt: skip
BOXES = {
    "leptonic": _ELECTRONS | {"log10_B": (-2.0, 1.0)},
    "hadronic": _ELECTRONS | {
        "log10_B": (0.5, 3.0), "log10_proton_power": (40.0, 48.0), "proton_p": (1.0, 3.0),
        "log10_proton_gamma_max": (7.0, 10.5),
    },
}  # fmt: skip
"""Priors of the model comparison, flat; those of polarization are the project's own."""
# middles of truths, and how far they are spread to both sides
_LEPTONIC = {
    "log10_k": (-2.5, 0.2), "p1": (2.0, 0.1), "p2": (4.2, 0.3), "log10_gamma_b": (3.5, 0.1),
    "delta": (20.0, 3.0), "log10_B": (0.0, 0.15),
}  # fmt: skip
_HADRONIC = {
    "log10_k": (-4.0, 0.2), "p1": (2.0, 0.1), "p2": (4.8, 0.3), "log10_gamma_b": (2.7, 0.1),
    "delta": (20.0, 3.0), "log10_B": (1.5, 0.15), "log10_proton_power": (44.3, 0.2),
    "proton_p": (2.0, 0.15), "log10_proton_gamma_max": (8.8, 0.1),
}  # fmt: skip
TRUTHS = {"leptonic": _LEPTONIC, "hadronic": _HADRONIC}


class BlazarSet(NamedTuple):
    """What was drawn.

    Attributes
    ----------
    truth : dict of str to float
        All parameters, those of the polarization too.
    degrees : tuple of float
        Of the truth, optical and X-rays.
    points : SedPoints
    measurements : PolarizationMeasurements
    limit : float or None
        Of the X-ray degree at three sigma; None: Q and U were significant.
    """

    truth: dict[str, float]
    degrees: tuple[float, float]
    points: SedPoints
    measurements: PolarizationMeasurements
    limit: float | None


def source(name: str) -> PolarizedSource:
    """Return a model with its polarization, ``leptonic`` or ``hadronic``."""
    return polarized_source(radiative_model(MODELS[name], redshift=REDSHIFT), angle_deg=0.0)


def draw(name: str, seed: int) -> BlazarSet:
    """Draw parameters, fluxes and polarization of one truth."""
    generator = np.random.default_rng(seed)
    model = source(name)
    truth = {p.name: p.value for p in model.parameters} | FROZEN
    for parameter, (middle, half) in TRUTHS[name].items():
        truth[parameter] = middle + half * generator.uniform(-1, 1)
    truth["field_inclination"] = _inclination(generator)
    truth["polarization_angle"] = generator.uniform(-60, 60)
    truth["depolarization"] = 1.0
    where = np.array([OPTICAL, X_RAYS])
    truth["depolarization"] = DEGREE / float(model.stokes(_row(model, truth), where).degree[0, 0])
    theta = _row(model, truth)

    flux = np.asarray(sum(model.components(theta, FREQUENCIES).values()))[0]
    seen = flux * (1 + FLUX_ERROR * generator.standard_normal(len(flux)))
    points = SedPoints(
        name, FREQUENCIES, seen, FLUX_ERROR * flux, np.zeros(len(flux), bool),
        tuple(str(i) for i in INSTRUMENTS), dict.fromkeys(map(str, INSTRUMENTS), 0.0),
    )  # fmt: skip
    stokes = model.stokes(theta, where)
    light = np.stack(stokes.normalised, axis=-1)[0]
    errors = np.array([OPTICAL_ERROR, X_RAY_ERROR])
    light = light + errors[:, None] * generator.standard_normal((2, 2))
    limit, measurements = _measured(light, errors)
    degrees = stokes.degree[0]
    return BlazarSet(truth, (float(degrees[0]), float(degrees[1])), points, measurements, limit)


def _inclination(generator: np.random.Generator) -> float:
    """Return a random direction's angle to the line of sight, as the prior has it, in degrees."""
    return float(np.degrees(np.arccos(generator.uniform(0, np.cos(np.radians(1))))))


def _row(model: PolarizedSource, values: dict[str, float]) -> np.ndarray:
    return np.array([[values[p.name] for p in model.parameters]])


def _measured(
    light: np.ndarray, errors: np.ndarray
) -> tuple[float | None, PolarizationMeasurements]:
    """Return the limit of X-rays, None where they are significant, and what is fitted."""
    table = Table(meta={"confidence": THREE_SIGMA, "limit_kind": "limit"})
    table["frequency"] = [OPTICAL, X_RAYS] * u.Hz
    for column, values in zip(("q", "u"), light.T, strict=True):
        table[column] = values
        table[f"{column}_err"] = errors
    table["degree_ul"] = [np.nan, np.nan]
    limit = None
    if np.hypot(*light[1]) < MDP99:
        covariance = np.eye(2)[None] * X_RAY_ERROR**2
        limit = float(degree_upper_limit(light[1:, 0], light[1:, 1], covariance, THREE_SIGMA)[0])
        for column in ("q", "u", "q_err", "u_err"):
            table[column][1] = np.nan
        table["degree_ul"][1] = limit
    return limit, measurements_of(Path("simulated"), table)
