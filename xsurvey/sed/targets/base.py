r"""What a source of photons outside of the jet is.

The jet begins at a black hole, along the axis of a disk. The sphere is at the distance r on the
axis, and the observer sees it at the angle arccos(mu_s) to the axis. Everything here is in the
frame of the black hole, before the redshift.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from xsurvey.inference.parameter_set import FitParameter


class Rays(NamedTuple):
    """Photons at the sphere, as samples of where they come from and of their energies.

    Attributes
    ----------
    chi : ndarray, shape (b, n)
        eps (1 - cos psi), with psi between the photons and the line of sight, and eps in m_e c^2.
    energy : ndarray, shape (b, n)
        What each stands for, erg / cm3; the sum is the energy density.
    eps : ndarray, shape (b, n)
        In m_e c^2.
    """

    chi: np.ndarray
    energy: np.ndarray
    eps: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """Energy over eps^2, as the kernel takes it."""
        return self.energy / self.eps**2


class Target(Protocol):
    """A source of photons.

    Attributes
    ----------
    name, description : str
    parameters : tuple of FitParameter
        By name; targets with a parameter in common share it.
    note : str
        What is approximate; empty if nothing is.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def description(self) -> str: ...  # noqa: D102
    @property
    def parameters(self) -> tuple[FitParameter, ...]: ...  # noqa: D102
    @property
    def note(self) -> str: ...  # noqa: D102

    def rays(self, values: dict[str, np.ndarray]) -> Rays:
        """Return photons at the sphere, of parameters by name, shape (b,) each.

        ``values`` has r in cm and mu_s, too.
        """
        ...


def deflection(angle: np.ndarray, viewing: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    """Return 1 - cos psi of photons and the line of sight, without loss where both are near.

    Parameters
    ----------
    angle, viewing : ndarray
        Between photons and the axis, and the line of sight and the axis.
    azimuth : ndarray
        Of photons about the axis, from the line of sight.
    """
    apart = 2 * np.sin((angle - viewing) / 2) ** 2
    return apart + 2 * np.sin(angle) * np.sin(viewing) * np.sin(azimuth / 2) ** 2


def azimuths(number: int) -> np.ndarray:
    """Return angles of equal weights, by which smooth functions of the cosine are averaged."""
    return (np.arange(number) + 0.5) * math.pi / number


def about_the_axis(
    angle: np.ndarray, energy: np.ndarray, eps: np.ndarray, mu_s: np.ndarray, number: int
) -> Rays:
    """Return rays of sources that are the same all about the axis.

    Parameters
    ----------
    angle, energy, eps : ndarray, shape (b, n)
        Angle to the axis, erg/cm3 and energy of rings.
    mu_s : ndarray, shape (b,)
    number : int
        Of azimuths for each ring.
    """
    viewing = np.arccos(mu_s)[:, None, None]
    away = deflection(angle[:, :, None], viewing, azimuths(number))
    shape = (len(angle), -1)
    everywhere = np.ones(number)
    return Rays(
        (eps[:, :, None] * away).reshape(shape),
        (energy[:, :, None] / number * everywhere).reshape(shape),
        (eps[:, :, None] * everywhere).reshape(shape),
    )
