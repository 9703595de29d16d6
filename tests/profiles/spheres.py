"""Profiles of spheres of gas whose emissivity is a beta model's."""

from __future__ import annotations

import numpy as np

from xsurvey.profiles.radial_profile import RadialProfile


def beta_counts(edges: np.ndarray, core: float = 2.0, norm: float = 1e-2) -> np.ndarray:
    """Return counts per second in rings of an emissivity norm (1 + r^2/core^2)^-2 (beta 2/3).

    It projects to pi/2 core norm (1 + s^2/core^2)^-1.5.
    """
    within = -((1 + (np.asarray(edges) / core) ** 2) ** -0.5)
    return np.pi**2 * core**3 * norm * np.diff(within)


def profile_of(
    edges: np.ndarray, expected: np.ndarray, exposure: float, particles: float = 0.0,
    particle_error: float = 0.0, seed: int | None = None,
) -> RadialProfile:  # fmt: skip
    """Return a profile with these counts, or with counts drawn of them."""
    edges = np.asarray(edges, float)
    area = np.pi * np.diff(edges**2)
    counts = np.asarray(expected, float)
    if seed is not None:
        counts = np.random.default_rng(seed).poisson(counts).astype(float)
    background = particles * exposure * area
    return RadialProfile(
        edges, counts, exposure * area, area, area, background, particle_error * background,
        np.zeros((1, 1), int), np.zeros(len(area), int),
    )  # fmt: skip
