"""Profiles of known models, without images."""

from collections.abc import Sequence

import numpy as np

from xsurvey.profiles.brightness_models import parse_model
from xsurvey.profiles.radial_profile import RadialProfile

EDGES = np.linspace(0, 15, 31)


def profile_of(
    model: str, theta: Sequence[float], *, exposure: float = 2e4, particles: float = 0.0,
    error: float = 0.0, shift: float = 0.0, seed: int | None = None,
    edges: np.ndarray = EDGES, matrix: np.ndarray | None = None,
    matrix_edges: np.ndarray | None = None,
) -> RadialProfile:  # fmt: skip
    """Return a profile with the expected counts of a model, or Poisson ones with a seed.

    ``particles`` are count/s/arcmin2 that are given as background, with a relative ``error`` of
    which they are off by ``shift``.
    """
    area = np.pi * np.diff(edges**2)
    exposure_area = exposure * area
    background = particles * exposure_area
    response = np.diag(exposure_area) if matrix is None else matrix
    seen = edges if matrix_edges is None else matrix_edges
    expected = response @ parse_model(model).averages(np.array([theta], float), seen)[0]
    expected = expected + background * (1 + shift * error)
    counts = expected if seed is None else np.random.default_rng(seed).poisson(expected)
    bins = len(area)
    return RadialProfile(
        edges, counts.astype(float), exposure_area, area, area, background, error * background,
        np.full((1, 1), -1), np.zeros(bins, int),
    )  # fmt: skip
