"""A radiative model whose light is polarized by a field that is uniform, or so in each cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import Prior, Uniform
from xsurvey.sed.models.base import PolarizedModel, Quantity, RadiativeModel
from xsurvey.sed.polarization.cells import rms_depolarization
from xsurvey.sed.polarization.priors import Isotropic, OfRandomCells
from xsurvey.sed.polarization.stokes import (
    Component,
    StokesFluxes,
    depolarized,
    stokes_sum,
    unpolarized,
)

_LEAST_INCLINATION = 1.0
_LEAST, _MOST = 1e-4, 0.9999  # depolarization; the latter by random cells
POLARIZATION_PARAMETERS = ("field_inclination", "polarization_angle", "depolarization")
"""What polarization adds, after the parameters of the model."""
ADDED = len(POLARIZATION_PARAMETERS)
"""How many these are."""


class PolarizedSource:
    """A radiative model with Stokes parameters; itself a `RadiativeModel`.

    Parameters, after those of the model: ``field_inclination``, ``polarization_angle`` and
    ``depolarization``, by which degrees of all bands are multiplied.

    Parameters
    ----------
    model : PolarizedModel
    angle_deg : float or None
        Where the search for the angle of polarization begins, and all angles within a right angle
        of it are allowed; None: angles are no data, and it is frozen.
    cells : int or None
        Cells with fields of random directions, of which the depolarization is to be expected; 1: a
        uniform field. None: any depolarization is as probable.
    """

    def __init__(
        self, model: PolarizedModel, *, angle_deg: float | None = None, cells: int | None = None
    ) -> None:
        self.model = model
        self.cells = cells
        self.name, self.description = model.name, model.description
        self.redshift, self.distance = model.redshift, model.distance
        self.parameters = (*model.parameters, _inclination(), _angle(angle_deg), _factor(cells))
        self.quantities = (
            *model.quantities,
            Quantity(
                "equivalent_cells", "",
                "cells of random directions whose root mean square is the depolarization",
            ),
        )  # fmt: skip
        self.notes = (
            *model.notes,
            "fluxes are of a tangled field, degrees of polarization of a uniform one (of one "
            "inclination in all cells, which depolarize all bands alike) and of light that the "
            "sphere does not absorb",
        )  # fmt: skip

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of each process, as `RadiativeModel.components`."""
        return self.model.components(np.asarray(theta, float)[:, :-ADDED], frequencies)

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return `quantities` by name, shape (b,) each."""
        theta = np.asarray(theta, float)
        return self.model.derived(theta[:, :-ADDED]) | {"equivalent_cells": theta[:, -1] ** -2}

    def stokes(
        self, theta: np.ndarray, frequencies: np.ndarray,
        fluxes: Mapping[str, np.ndarray] | None = None,
    ) -> StokesFluxes:  # fmt: skip
        """Return Stokes parameters of all light, nu I_nu and so on in erg / s / cm2.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
        frequencies : ndarray, shape (f,)
            Hz, observed.
        fluxes : mapping of str to ndarray, shape (b, f), optional
            `components` at these frequencies, if they are known already.

        Returns
        -------
        StokesFluxes
            Shape (b, f) each, NaN in rows at which the model has no value.
        """
        theta = np.asarray(theta, float)
        inclination, angle, factor = theta[:, -ADDED:].T
        if fluxes is None:
            fluxes = self.components(theta, frequencies)
        degrees = self.model.degrees(theta[:, :-ADDED], frequencies, inclination)
        return stokes_sum(
            depolarized(Component(flux, degrees[name], angle), factor)
            if name in degrees
            else unpolarized(flux)
            for name, flux in fluxes.items()
        )


def polarized_source(
    model: RadiativeModel, *, angle_deg: float | None = None, cells: int | None = None
) -> PolarizedSource:
    """Return a model with its polarization, as `PolarizedSource`.

    Raises
    ------
    ParameterError
        The model does not tell how its light is polarized.
    """
    if not _tells(model):
        raise ParameterError(
            "polarization", f"{model.name} has no degrees of polarization",
            "do without polarization, or take another model",
        )  # fmt: skip
    return PolarizedSource(model, angle_deg=angle_deg, cells=cells)


def _tells(model: RadiativeModel) -> TypeGuard[PolarizedModel]:
    return hasattr(model, "degrees")


def _inclination() -> FitParameter:
    return FitParameter(
        POLARIZATION_PARAMETERS[0], 60.0, _LEAST_INCLINATION, 90.0, "deg", step=5.0,
        prior=Isotropic(_LEAST_INCLINATION, 90.0),
        description="angle of the field to the line of sight in the frame of the sphere",
    )  # fmt: skip


def _angle(start: float | None) -> FitParameter:
    middle = 0.0 if start is None else float(round(start))
    low, high = middle - 90, middle + 90
    return FitParameter(
        POLARIZATION_PARAMETERS[1], middle, low, high, "deg", frozen=start is None, step=2.0,
        prior=Uniform(low, high),
        description="angle of synchrotron light, across the field as it is seen, north through "
        "east",
    )  # fmt: skip


def _factor(cells: int | None) -> FitParameter:
    high, value = 1.0, 0.5
    prior: Prior = Uniform(_LEAST, high)
    if cells is not None and cells > 1:
        high, value = _MOST, float(rms_depolarization(np.array(cells)))
        prior = OfRandomCells(_LEAST, high, cells)
    elif cells == 1:
        value = high
    return FitParameter(
        POLARIZATION_PARAMETERS[2], value, _LEAST, high, frozen=cells == 1, step=0.1 * value,
        prior=prior, description="factor of degrees of polarization in all bands",
    )  # fmt: skip
