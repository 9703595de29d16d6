"""Clusters whose masses are to be found, and how they are seen."""

import numpy as np
import pytest

from benchmarks.masses import DENSITY_ERROR, ERROR, cluster, observe, truths


def test_what_is_seen_scatters_as_said() -> None:
    generator = np.random.default_rng(2)
    model = cluster(generator)
    seen = [observe(model, True, generator) for _ in range(60)]
    temperature = np.array([points.temperature for points, _, _ in seen])
    assert temperature.std(0).mean() / temperature.mean() == pytest.approx(ERROR, rel=0.25)
    middle = np.sqrt(seen[0][0].inner[1:] * seen[0][0].outer[1:])
    # projected temperatures are not far from those of the gas there
    np.testing.assert_allclose(temperature.mean(0)[1:], model.temperature(middle), rtol=0.12)
    radius = seen[0][1]
    at = np.argmin(np.abs(radius / model.radius_in(500) - 0.3))
    centre = np.array([np.log(density[:, at]).mean() for _, _, density in seen])
    assert centre.std() == pytest.approx(DENSITY_ERROR, rel=0.3)
    own = np.log(seen[0][2][:, at]).std()
    assert own == pytest.approx(DENSITY_ERROR, rel=0.15)


def test_truths() -> None:
    model = cluster(np.random.default_rng(3))
    truth = truths(model)
    assert 1e14 <= truth["m200"] <= 1e15
    assert truth["m500"] < truth["m200"]
