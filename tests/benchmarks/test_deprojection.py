"""The benchmark of deprojections: one profile of a case gives what it should."""

import numpy as np

from benchmarks import deprojection


def test_fields_are_what_they_say() -> None:
    field = deprojection.Field("beta", 3000.0, 40, 25.0)
    within = np.interp(deprojection.R200, field.edges[1:], np.cumsum(field.cluster))
    assert np.isclose(within, 3000.0)
    # the projection of (1 + r^2/4)^-2.1 at R200, in that of the sky
    shape = (1 + (field.edges / 2) ** 2) ** -0.6
    rings = np.diff(-shape)
    assert np.allclose(field.cluster / field.cluster.sum(), rings / rings.sum(), rtol=5e-3)


def test_a_profile_that_tells_the_sky_itself() -> None:
    probability, median, sigma, _ = deprojection.one("vikhlinin", 3000.0, "free", 5)
    assert np.all(np.abs(median) < 4 * np.array(sigma))
    assert np.all((np.array(probability) > 0.001) & (np.array(probability) < 0.999))
