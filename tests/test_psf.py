import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.missions import missions
from xsurvey.psf import GaussianPsf, KingPsf, parse_psf, random_displacements


@given(st.floats(0.01, 0.99), st.floats(0, 15))
def test_radius_inverts_encircled_fraction(fraction: float, off_axis: float) -> None:
    for psf in (
        GaussianPsf(2.0),
        KingPsf(3.0, 1.0, 0.5, 1.3),
        *(m.psf() for m in missions().values()),
    ):
        radius = psf.radius(fraction, np.array(off_axis))
        assert psf.encircled_fraction(radius, np.array(off_axis)) == pytest.approx(fraction)


def test_random_photons_follow_the_encircled_fraction() -> None:
    psf = KingPsf(slope=4.0, on_axis_r90=1.0, growth=0.5)
    off_axis = np.full(40_000, 4.0)
    dx, dy = random_displacements(psf, off_axis, np.random.default_rng(3))
    for fraction in (0.1, 0.5, 0.9):
        inside = np.mean(np.hypot(dx, dy) < psf.radius(fraction, np.array(4.0)))
        assert inside == pytest.approx(
            fraction, abs=4 * np.sqrt(fraction * (1 - fraction) / 40_000)
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gaussian",
        "gaussian:0.7",
        "gaussian:-1arcsec",
        "king:1arcsec",
        "king:1arcsec,1",
        "x:1arcsec",
        "king:1arcsec,1.0001",
        "king:1arcsec,1e9",
        "king:1arcsec,steep",
        "gaussian:10deg",
        "king:10deg,2",
    ],
)
def test_bad_psf_texts(text: str) -> None:
    with pytest.raises(ValueError, match=r"PSF|unit"):
        parse_psf(text)
