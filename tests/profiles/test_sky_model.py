"""The sky's components: what is known of them, and how they differ from place to place."""

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.sky_model import (
    cxb_norm,
    estimated_scatter,
    scatter_of_regions,
    sky_parameters,
)

REGIONS = [
    SpectralRegion("a", "annulus", 0, 5),
    SpectralRegion("b", "annulus", 5, 10, sky_sector=1),
    SpectralRegion("s", "sky", 20, 30),
    SpectralRegion("t", "sky", 20, 30, sky_sector=1),
]
AREA = np.array([100.0, 200.0, 400.0, 400.0])
NAMES = [r.name for r in REGIONS]


def test_all_sources_have_the_published_norm() -> None:
    # 10.91 photon / keV / s / cm2 / sr of Cappelluti et al. 2017
    assert cxb_norm() == pytest.approx(10.91 * (np.pi / 180 / 60) ** 2)


def test_masking_takes_away_the_light_of_sources() -> None:
    limits = [1e-12, 1e-13, 1e-14, 1e-15]
    left = np.array([cxb_norm(limit) for limit in limits]) / cxb_norm()
    assert np.all(np.diff(left) < 0)
    # N(>S) = 2 x 80.3 / (x^.6 + x^1.82), x = S / 1.48e-14: by another sum than the house's
    flux = 1e-14 * np.geomspace(1, 1e7, 200_001)
    x = flux / 1.48e-14
    number = 160.6 / (x**0.6 + x**1.82)
    light = np.sum(0.5 * (flux[1:] + flux[:-1]) * -np.diff(number))  # erg / s / cm2 / deg2
    of_sky = 10.91 * (2**0.55 - 0.5**0.55) / 0.55 * 1.602176634e-9  # erg / s / cm2 / sr
    share = 1 - light / (of_sky * (np.pi / 180) ** 2)
    assert left[2] == pytest.approx(share, rel=1e-3)
    assert 0.4 < left[2] < 0.6


def test_the_norm_keeps_the_light_whatever_the_index() -> None:
    flat, steep = cxb_norm(1e-14, 1.45), cxb_norm(1e-14, 2.0)
    of_flat = flat * (2**0.55 - 0.5**0.55) / 0.55
    assert steep * np.log(4) == pytest.approx(of_flat)


def test_fluxes_below_all_counted_sources_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"sky\.flux_limit"):
        cxb_norm(1e-22)


def test_sectors_have_foregrounds_of_their_own_and_one_background() -> None:
    rows, columns = sky_parameters(REGIONS, NAMES, AREA, SkyParameters(scatter=0.1))
    names = {p.name for p in rows}
    assert {"lhb_0.norm", "lhb_1.norm", "halo_0.norm", "halo_1.norm", "halo.kT"} < names
    assert columns.lhb_norm == ["lhb_0.norm", "lhb_1.norm"] * 2
    assert set(columns.cxb_norm) == {"cxb.norm"}
    rows, columns = sky_parameters(
        REGIONS, NAMES, AREA, SkyParameters(scatter=0.1, halo_kt_by_sector=True)
    )
    assert columns.halo_kt == ["halo_0.kT", "halo_1.kT"] * 2
    kt = next(p for p in rows if p.name == "lhb.kT")
    assert (kt.minimum, kt.maximum) == (0.084, 0.122)


def test_one_sector_has_plain_names() -> None:
    regions = [REGIONS[0], REGIONS[2]]
    rows, _ = sky_parameters(regions, ["a", "s"], AREA[[0, 2]], SkyParameters(scatter=0.1))
    assert {"lhb.norm", "halo.norm", "cxb.norm"} < {p.name for p in rows}


def test_an_annulus_without_its_sky_is_refused() -> None:
    with pytest.raises(InputError, match="sky sector 1"):
        sky_parameters(REGIONS[:3], NAMES[:3], AREA[:3], SkyParameters(scatter=0.1))


def test_the_mask_gives_the_background_a_prior() -> None:
    rows, _ = sky_parameters(REGIONS, NAMES, AREA, SkyParameters(scatter=0.1, flux_limit=1e-14))
    cxb = next(p for p in rows if p.name == "cxb.norm")
    assert cxb.value == pytest.approx(cxb_norm(1e-14))
    assert str(cxb.prior).startswith("normal:")
    rows, _ = sky_parameters(REGIONS, NAMES, AREA, SkyParameters(scatter=0.1))
    assert next(p for p in rows if p.name == "cxb.norm").prior is None


def test_scatter_follows_the_solid_angle_as_told() -> None:
    same = scatter_of_regions(AREA, REGIONS, SkyParameters(scatter=0.1, scatter_area_index=0))
    np.testing.assert_allclose(same, 0.1)
    poisson = scatter_of_regions(AREA, REGIONS, SkyParameters(scatter=0.1))
    np.testing.assert_allclose(poisson, 0.1 * np.sqrt(400 / AREA))


def test_no_scatter_freezes_the_deviations() -> None:
    rows, _ = sky_parameters(REGIONS, NAMES, AREA, SkyParameters(scatter=0.0))
    assert all(p.frozen for p in rows if p.component == "sky_scatter")


def test_scatter_is_recovered_from_many_regions_and_not_underestimated_from_few() -> None:
    generator = np.random.default_rng(3)
    error = np.full(200, 0.02)
    deviation = generator.normal(0.3, np.hypot(0.05, 0.02), 200)
    assert estimated_scatter(deviation, error) == pytest.approx(0.05, abs=0.006)
    few = [estimated_scatter(generator.normal(0, 0.05, 4), np.full(4, 0.005)) for _ in range(200)]
    assert 0.05 < np.median(few) < 0.15
    assert estimated_scatter(np.full(50, 0.1), np.full(50, 0.02)) < 0.01


def test_two_regions_do_not_tell_a_scatter() -> None:
    with pytest.raises(InputError, match=r"give sky\.scatter"):
        estimated_scatter(np.zeros(2), np.ones(2))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (SkyParameters, {"lhb_kt_min": 0.2}),
        (SkyParameters, {"halo_kt_max": 0.1}),
        (SkyParameters, {"scatter": -0.1}),
        (SkyParameters, {"flux_limit": 0}),
        (SpectralProfileParameters, {"kt_min": 5, "kt_max": 3}),
        (SpectralProfileParameters, {"two_temperature_margin": -1}),
        (SpectralProfileParameters, {"unknown": 1}),
    ],
)
def test_impossible_parameters_are_refused(model: type, values: dict) -> None:
    with pytest.raises(ParameterError, match="section"):
        model.read(values, "section")
