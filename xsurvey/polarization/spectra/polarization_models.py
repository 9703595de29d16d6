r"""Polarization of spectral components: degree and angle as functions of energy.

Names, parameters and definitions are those of XSPEC (manual, sections on ``polconst``, ``pollin``
and ``polpow``), E in keV:

======== ===================================== ========================================
polconst :math:`A`                             :math:`\psi`
pollin   :math:`A_1 + A_{slope} (E - 1)`       :math:`\psi_1 + \psi_{slope} (E - 1)`
polpow   :math:`A_{norm} E^{-A_{index}}`       :math:`\psi_{norm} E^{-\psi_{index}}`
======== ===================================== ========================================

The photons of a component with spectrum S have the Stokes parameters I = S, Q = A S cos 2 psi and
U = A S sin 2 psi. A degree below zero is one above it at an angle that differs by 90 degrees; one
above 1, which the linear and power laws can give beyond the fitted energies, is not cut.

Limits are XSPEC's but for angles, which may be anything from -360 to 360 degrees here: psi and
psi + 180 degrees are the same, and a limit at 90 degrees would be one of the description alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from xsurvey.spectra.models.definitions import ModelDefinition, ParameterDefinition

_FULL_TURN = 360.0

LawOfEnergy = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PolarizationModel:
    """Degree and angle of a component.

    Attributes
    ----------
    definition : ModelDefinition
        As expressions see it.
    degree, angle : callable
        From energies (n,) in keV and parameters (b, p) to the degree, a fraction, and the angle in
        degrees: (b, n), or (b, 1) where they are the same at all energies.
    degrees : tuple of int
        Places of the parameters with which, at zero, there is no polarization.
    slopes : tuple of int
        Of those with which, at zero, nothing depends on energy.
    reference : int
        Of the angle, which is periodic where the slopes are zero.
    """

    definition: ModelDefinition
    degree: LawOfEnergy
    angle: LawOfEnergy
    degrees: tuple[int, ...]
    slopes: tuple[int, ...]
    reference: int
    linear: bool = True
    """Whether an angle more by 180 degrees is the same whatever the slopes are."""


def _parameter(
    name: str, default: float, low: float, high: float, unit: str = ""
) -> ParameterDefinition:
    return ParameterDefinition(name, unit, default, low, low, high, high, False, 0.01)


def _degree(name: str) -> ParameterDefinition:
    return _parameter(name, 1.0, 0.0, 1.0)


def _angle(name: str) -> ParameterDefinition:
    return _parameter(name, 45.0, -_FULL_TURN, _FULL_TURN, "deg")


def _bend(name: str, unit: str = "") -> ParameterDefinition:
    return _parameter(name, 0.0, -5.0, 5.0, unit)


def _first(energy: np.ndarray, rows: np.ndarray) -> np.ndarray:
    del energy
    return rows[:, :1]


def _second(energy: np.ndarray, rows: np.ndarray) -> np.ndarray:
    del energy
    return rows[:, 1:2]


def _line(place: int) -> LawOfEnergy:
    return lambda energy, rows: rows[:, place, None] + rows[:, place + 1, None] * (energy - 1)


def _power(place: int) -> LawOfEnergy:
    return lambda energy, rows: (
        rows[:, place, None] * np.exp(-rows[:, place + 1, None] * np.log(energy))
    )


def _definition(name: str, *parameters: ParameterDefinition) -> ModelDefinition:
    return ModelDefinition(name, "mul", f"polarization:{name}", parameters)


POLARIZATION_MODELS: Mapping[str, PolarizationModel] = {
    "polconst": PolarizationModel(
        _definition("polconst", _degree("A"), _angle("psi")), _first, _second, (0,), (), 1
    ),
    "pollin": PolarizationModel(
        _definition(
            "pollin", _degree("A1"), _bend("Aslope", "1 / keV"), _angle("psi1"),
            _bend("psislope", "deg / keV"),
        ),
        _line(0), _line(2), (0, 1), (1, 3), 2,
    ),
    "polpow": PolarizationModel(
        _definition(
            "polpow", _degree("Anorm"), _bend("Aindex"), _angle("psinorm"), _bend("psiindex")
        ),
        _power(0), _power(2), (0,), (1, 3), 2, linear=False,
    ),
}  # fmt: skip


def stokes_factors(
    model: PolarizationModel, energy: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Q / I and U / I of a component's photons.

    Parameters
    ----------
    model : PolarizationModel
    energy : ndarray, shape (n,)
        keV.
    rows : ndarray, shape (b, p)
        The model's parameters.

    Returns
    -------
    q, u : ndarray, shape (b, n) or (b, 1)
    """
    degree = model.degree(energy, rows)
    twice = np.radians(2 * model.angle(energy, rows))
    return degree * np.cos(twice), degree * np.sin(twice)


def folded_angle(angle: float) -> float:
    """Return the angle in (-90, 90] degrees that is the same.

    Examples
    --------
    >>> folded_angle(-90.0), folded_angle(118.0)
    (90.0, -62.0)
    """
    folded = (angle + 90.0) % 180.0 - 90.0
    return 90.0 if folded == -90.0 else folded
