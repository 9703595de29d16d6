"""Thomson scattering done with vectors: boosts of photons and polarizations, and a dipole."""

from __future__ import annotations

import numpy as np


def boost(vector: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Boost four-vectors (..., 4) into the frame that moves with beta (..., 3)."""
    square = (beta**2).sum(-1, keepdims=True)
    gamma = 1 / np.sqrt(1 - square)
    time, space = vector[..., :1], vector[..., 1:]
    along = (beta * space).sum(-1, keepdims=True)
    return np.concatenate(
        [gamma * (time - along), space + ((gamma - 1) * along / square - gamma * time) * beta], -1
    )


def transverse(polarization: np.ndarray, photon: np.ndarray) -> np.ndarray:
    """Return polarizations in the gauge without a time part."""
    return polarization - polarization[..., :1] / photon[..., :1] * photon


def scattered(
    seed: np.ndarray, polarization: np.ndarray, beta: np.ndarray, to: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies, Stokes I and Q of photons that electrons scatter into one direction.

    Parameters
    ----------
    seed, polarization : ndarray, shape (3,)
        Direction of photons of the energy 1, and their polarization.
    beta : ndarray, shape (n, 3)
        Velocities of electrons.
    to : ndarray, shape (3,)
        Direction of scattered photons, along z.

    Returns
    -------
    energy, i, q : ndarray, shape (n,)
        I and Q by numbers of photons per electron and solid angle; Q is positive along y.
    """
    shape = (len(beta), 1)
    photon = boost(np.tile([1.0, *seed], shape), beta)
    field = transverse(boost(np.tile([0.0, *polarization], shape), beta), photon)[:, 1:]
    out = boost(np.tile([1.0, *to], shape), beta)
    direction = out[:, 1:] / out[:, :1]
    field = field - (field * direction).sum(-1, keepdims=True) * direction
    intensity = (field**2).sum(-1)
    # dipoles do not change the energy; back to the laboratory
    photon_out = photon[:, :1] * np.concatenate([np.ones(shape), direction], -1)
    back = boost(photon_out, -beta)
    at_observer = transverse(
        boost(np.concatenate([np.zeros(shape), field], -1), -beta), back
    )[:, 1:]  # fmt: skip
    size = (at_observer**2).sum(-1)
    rate = (1 - beta @ seed) * out[:, 0] ** -2 * intensity
    return back[:, 0], rate, rate * (at_observer[:, 1] ** 2 - at_observer[:, 0] ** 2) / size


def around(gamma: float, radii: np.ndarray, azimuths: int) -> np.ndarray:
    """Return velocities of electrons about the z axis, radii in 1/gamma, shape (n, 3)."""
    azimuth = 2 * np.pi * (np.arange(azimuths) + 0.5) / azimuths
    radius, azimuth = (x.ravel() for x in np.meshgrid(radii / gamma, azimuth, indexing="ij"))
    speed = np.sqrt(1 - gamma**-2.0)
    return speed * np.stack(
        [np.sin(radius) * np.cos(azimuth), np.sin(radius) * np.sin(azimuth), np.cos(radius)], -1
    )
