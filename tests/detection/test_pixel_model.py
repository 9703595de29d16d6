import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.detection.pixel_model import beta_shape, pixel_fractions, pixel_image, point_shape
from xsurvey.psf import GaussianPsf, KingPsf

LINE = np.arange(-30, 31)


def test_a_gaussian_in_its_pixel_is_the_error_function() -> None:
    image = pixel_fractions(LINE, LINE, 0.0, 0.0, point_shape(GaussianPsf(1.0).mixture(0), 1.0))
    assert image[30, 30] == pytest.approx(0.38292492254802624**2)  # erf(.5 / sqrt 2)
    assert image.sum() == pytest.approx(1)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.2, 4))
def test_fractions_add_up_and_have_their_centre(x: float, y: float, sigma: float) -> None:
    image = pixel_fractions(LINE, LINE, x, y, point_shape(GaussianPsf(sigma).mixture(0), 1.0))
    assert image.sum() == pytest.approx(1)
    if sigma > 1:  # pixels then hardly blur the first moment
        assert (image.sum(axis=0) * LINE).sum() == pytest.approx(x, abs=1e-3)
        assert (image.sum(axis=1) * LINE).sum() == pytest.approx(y, abs=1e-3)


def test_encircled_fraction_of_a_king_profile_in_pixels() -> None:
    psf = KingPsf(2.0, 6.0)
    line = np.arange(-400, 401)
    image = pixel_fractions(line, line, 0.0, 0.0, point_shape(psf.mixture(0), 0.25))
    distance = np.hypot(line[:, None], line[None, :]) * 0.25
    for radius in (2.0, 6.0, 20.0):
        assert image[distance <= radius].sum() == pytest.approx(
            float(psf.encircled_fraction(np.array(radius), np.array(0.0))), abs=0.01
        )


@pytest.mark.parametrize("core", [0.0, 0.7, 4.0])
def test_derivatives_are_those_of_the_model(core: float) -> None:
    psf = KingPsf(2.5, 4.0).mixture(0)

    def model(x: float, y: float, log_core: float) -> np.ndarray:
        shape = beta_shape(psf, np.exp(log_core), 1.0) if core else point_shape(psf, 1.0)
        return pixel_image(LINE, LINE, x, y, shape)

    at = np.array([0.3, -0.7, np.log(core) if core else 0.0])
    slopes = model(*at)[1:]
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-5
        numerical = (model(*(at + step))[0] - model(*(at - step))[0]) / 2e-5
        assert slopes[axis] == pytest.approx(numerical, abs=1e-8)


@pytest.mark.parametrize("core", [1.0, 5.0, 20.0])
def test_beta_model_without_blur_has_its_closed_form(core: float) -> None:
    shape = beta_shape(GaussianPsf(1e-3 * core).mixture(0), core, 1.0)
    for ratio in (0.5, 1.0, 2.0, 5.0):
        radius = ratio * core
        inside = -np.expm1(-((radius / shape.sigma) ** 2) / 2) @ shape.weights
        # the sum of Gaussians ends some twenty core radii out, where 5 % are missing
        assert inside == pytest.approx(1 - (1 + ratio**2) ** -0.5, abs=0.03)


def test_folding_adds_variances() -> None:
    # far out a beta model folded with a narrow PSF is the beta model, in the core it is wider
    psf = GaussianPsf(2.0).mixture(0)
    narrow, wide = point_shape(psf, 1.0), beta_shape(psf, 3.0, 1.0)
    assert wide.weights.sum() == pytest.approx(1)
    assert wide.radius(0.5) > np.hypot(narrow.radius(0.5), 3.0 * 0.9)
    tiny = beta_shape(psf, 1e-3, 1.0)
    assert tiny.radius(0.5) == pytest.approx(narrow.radius(0.5), rel=0.01)
