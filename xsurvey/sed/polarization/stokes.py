r"""Stokes parameters of several processes that are seen together.

Fluxes add up, and so do :math:`Q = \Pi F \cos 2\psi` and :math:`U = \Pi F \sin 2\psi`; the degree
is :math:`\sqrt{Q^2 + U^2} / I`, in which I has light without polarization, too: of the host galaxy,
of a disk, of external photons that electrons scatter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Component(NamedTuple):
    """Light of one process.

    Attributes
    ----------
    flux : ndarray, shape (b, f)
        nu F_nu, or any other flux of all components; not negative.
    degree : ndarray, shape (b, f)
        Of polarization, a fraction; below zero it is at right angles to `angle_deg`. Where there is
        no flux it may be NaN.
    angle_deg : ndarray, shape (b,) or (b, f)
        North through east.
    """

    flux: np.ndarray
    degree: np.ndarray
    angle_deg: np.ndarray


class StokesFluxes(NamedTuple):
    """Stokes parameters, shape (b, f) each, in the unit of fluxes.

    Attributes
    ----------
    i, q, u : ndarray
    """

    i: np.ndarray
    q: np.ndarray
    u: np.ndarray

    @property
    def normalised(self) -> tuple[np.ndarray, np.ndarray]:
        """Q/I and U/I, NaN where there is no light."""
        with np.errstate(divide="ignore", invalid="ignore"):
            light = np.where(self.i > 0, self.i, np.nan)
            return self.q / light, self.u / light

    @property
    def degree(self) -> np.ndarray:
        """Fraction of light that is polarized."""
        return np.hypot(*self.normalised)

    @property
    def angle_deg(self) -> np.ndarray:
        """Degrees in (-90, 90], north through east; of no polarization it is zero."""
        angle = 0.5 * np.degrees(np.arctan2(self.u, self.q))
        return np.where(angle <= -90, angle + 180, angle) + 0.0


def unpolarized(flux: np.ndarray) -> Component:
    """Return a component without polarization."""
    return Component(flux, np.zeros_like(flux), np.zeros(len(flux)))


def stokes_sum(components: Iterable[Component]) -> StokesFluxes:
    """Return the Stokes parameters of components together.

    Raises
    ------
    ValueError
        There is no component.
    """
    terms = [_stokes(component) for component in components]
    if not terms:
        raise ValueError("no component to add up")
    i, q, u = (np.sum(parts, axis=0) for parts in zip(*terms, strict=True))
    return StokesFluxes(i, q, u)


def depolarized(component: Component, factor: np.ndarray) -> Component:
    """Return a component whose degree is a factor (b,) of what it was.

    As of `xsurvey.sed.polarization.cells`: one factor for all bands.
    """
    return component._replace(degree=component.degree * np.asarray(factor)[:, None])


def angle_across_field(field_deg: np.ndarray) -> np.ndarray:
    """Return the angle of synchrotron light, across the field as it is seen, degrees."""
    return np.asarray(field_deg, float) + 90.0


def _stokes(component: Component) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flux = np.asarray(component.flux, float)
    angle = 2 * np.radians(np.asarray(component.angle_deg, float))
    if angle.ndim == 1:
        angle = angle[:, None]
    # what has no flux may have no degree
    polarized = np.where(flux == 0, 0.0, flux * component.degree)
    return flux, polarized * np.cos(angle), polarized * np.sin(angle)
