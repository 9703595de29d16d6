"""What a PSF leaves of the variation of sources in narrow regions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.profiles.psf_sampling import psf_from_image
from xsurvey.profiles.sky_level import sky_level
from xsurvey.profiles.source_blur import kept_variance
from xsurvey.psf import GaussianPsf


def closed_form(width: np.ndarray, sigma: float) -> np.ndarray:
    """Return the integral for a Gaussian line spread."""
    x = width / (2 * sigma)
    erf = np.array([math.erf(v) for v in x])
    return erf + (np.exp(-(x**2)) - 1) / (x * math.sqrt(math.pi))


def test_of_a_gaussian_psf_it_is_the_closed_form() -> None:
    width = np.array([0.05, 0.2, 0.5, 1.0, 5.0])  # arcmin
    found = kept_variance(width, GaussianPsf(12.0))
    assert found == pytest.approx(closed_form(width, 0.2), abs=5e-3)


def test_an_image_of_the_psf_gives_the_same() -> None:
    x = np.arange(-40, 41) * 2.0
    image = np.exp(-(x**2 + x[:, None] ** 2) / (2 * 12.0**2))
    width = np.array([0.2, 0.5, 1.0])
    found = kept_variance(width, psf_from_image(image, 2.0))
    assert found == pytest.approx(closed_form(width, 0.2), abs=0.01)


@given(st.floats(0.1, 100), st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=20))
def test_wider_strips_keep_more(sigma: float, widths: list[float]) -> None:
    kept = kept_variance(np.sort(widths), GaussianPsf(sigma))
    assert np.all((kept >= 0) & (kept <= 1)) and np.all(np.diff(kept) >= -1e-12)


def test_sources_behind_a_psf_vary_as_it_says() -> None:
    generator = np.random.default_rng(5)
    sigma, width, fields = 0.2, 0.5, 4000
    # sources on a line of 10 arcmin; photons of one are spread, strips of width 0.5 counted
    counts = np.zeros(fields)
    for i in range(fields):
        place = generator.uniform(-5, 5, generator.poisson(100))
        edge = np.stack((-width / 2 - place, width / 2 - place)) / (sigma * math.sqrt(2))
        low, high = (np.array([math.erf(v) for v in row]) for row in edge)
        counts[i] = ((high - low) / 2).sum()
    sharp = 100 * width / 10  # Poisson variance of sources of one count each
    kept = kept_variance(np.array([width]), GaussianPsf(60 * sigma))[0]
    assert counts.var() / sharp == pytest.approx(kept, rel=0.08)


def test_the_scatter_of_the_sky_knows_it() -> None:
    generator = np.random.default_rng(2)
    counts = generator.poisson(400, 8) + 60 * generator.standard_normal(8)
    sky = sky_level(np.maximum(counts, 0), np.full(8, 1e5), np.full(8, 100.0))
    area, width = np.full(2, 25.0), np.array([0.1, 50.0])
    assert sky.scatter_of(area, width) == pytest.approx(sky.scatter_of(area))  # no PSF is known
    blurred = type(sky)(**{**sky.__dict__, "psf": GaussianPsf(20.0)})
    narrow, wide = blurred.scatter_of(area, width)[:, -1] / sky.scatter_of(area)[:, -1]
    assert narrow < 0.4 and wide == pytest.approx(1, abs=0.01)
    assert blurred.scatter_of(area) == pytest.approx(sky.scatter_of(area))  # wide ones are meant
