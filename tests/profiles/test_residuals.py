"""Maps of residuals: noise of unit variance, and excesses where they are."""

import numpy as np
import pytest

from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles
from xsurvey.profiles.residuals import model_counts, residual_map

from .images import CENTRE, flat, image, poisson

GEOMETRY = RadialGeometry(CENTRE)


def beta(radius: np.ndarray) -> np.ndarray:
    return 0.2 * (1 + radius**2) ** -1.5 + 0.005


def test_a_model_image_has_the_models_counts() -> None:
    exposure = flat(10_000.0)
    exposure.data[:10] = 0
    model = model_counts(exposure, GEOMETRY, beta, flat(0.3))
    radius = exposure.grid.off_axis(CENTRE)
    expected = beta(radius) * 1e4 * pixel_solid_angles(exposure.grid) + 0.3
    assert model[10:] == pytest.approx(expected[10:], rel=1e-4)
    assert (model[:10] == 0).all()


def test_noise_has_unit_variance() -> None:
    exposure = flat(10_000.0)
    exposure.data[:, 60:] = 4000.0
    model = model_counts(exposure, GEOMETRY, beta)
    for sigma in (0.1, 0.3):
        maps = [
            residual_map(image(np.random.default_rng(s).poisson(model)), model, sigma)
            for s in range(12)
        ]
        values = np.array([m.significance for m in maps])
        assert values.mean() == pytest.approx(0, abs=0.05)
        assert values.std() == pytest.approx(1, abs=0.05)
        assert np.nanmean([m.ratio for m in maps]) == pytest.approx(1, abs=0.02)


def test_an_excess_stands_out_where_it_is() -> None:
    exposure = flat(10_000.0)
    model = model_counts(exposure, GEOMETRY, beta)
    data = poisson(beta, exposure, 4).data
    data[70:75, 20:25] += 10
    mask = np.ones(data.shape, dtype=bool)
    mask[:5] = False
    exposure.data[:, 95:] = 0
    found = residual_map(image(data), np.where(exposure.data > 0, model, 0), 0.2, mask)
    at = np.unravel_index(np.nanargmax(found.significance), data.shape)
    assert abs(at[0] - 72) <= 2 and abs(at[1] - 22) <= 2
    assert np.nanmax(found.significance) > 10
    assert np.isnan(found.significance[:5]).all() and np.isnan(found.ratio[:, 95:]).all()
