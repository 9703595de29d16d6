"""Upper limits at any position: closed forms, neighbours, coverage, places that were not seen."""

from typing import Any

import numpy as np
import pytest

from xsurvey.detection.fluxes import FluxFactors
from xsurvey.detection.limits import UpperLimit, as_json, upper_limit
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.errors import ParameterError
from xsurvey.imaging.stack import Stack
from xsurvey.missions import get_mission
from xsurvey.units import SkyPosition

from .measured import drawn, found_at, photon_field, stack_of

SIDE = 200
EVEN = np.full((SIDE, SIDE), 1000.0)
DETECTION = DetectionParameters(psf="gaussian:2arcsec")
PHOTOMETRY = PhotometryParameters(measure_band=(get_mission("chandra").bands["s"],))


def stack(
    seed: int, places: Any = (), counts: Any = (), background: float = 0.02,
    exposure: np.ndarray = EVEN,
) -> Stack:  # fmt: skip
    photons = drawn(np.random.default_rng(seed), places, counts, background, 2.0)
    return stack_of(photon_field({"s": photons}, exposure))


def limits(
    of: Stack, at: list[tuple[float, float]], known: Any = (), **settings: Any
) -> list[UpperLimit]:
    ra, dec = of.grid.to_icrs(*np.array(at, float).T)
    positions = [SkyPosition(float(a), float(d)) for a, d in zip(ra, dec, strict=True)]
    return upper_limit(of, positions, found_at(of, known), DETECTION, PHOTOMETRY, **settings)


def test_without_photons_it_is_that_of_no_counts() -> None:
    (found,) = limits(stack(0, background=0.0), [(100, 100)], confidence=0.9)
    assert found.counts == 0
    assert found.counts_upper == pytest.approx(-np.log(0.1) / 0.9, rel=0.02)
    assert found.rate_upper == pytest.approx(found.counts_upper / 1000)
    assert np.isnan(found.flux_upper)
    assert "area" in found.reason


def test_limits_are_above_sources_as_often_as_they_say() -> None:
    places = [(25.5 + 25 * i, 25 + 25.2 * j) for i in range(7) for j in range(7)]
    above = []
    for seed in range(4):
        of = stack(seed, places, [6.0] * 49)
        above += [u.counts_upper > 6.0 for u in limits(of, places, confidence=0.9)]
    # 196 trials: three sigma is .064, and flat priors are on the safe side of few counts
    assert 0.9 - 0.064 < np.mean(above) < 0.995


def test_known_neighbours_are_taken_off() -> None:
    source, at = [(100.0, 100.0)], [(107.0, 100.0)]
    of = stack(2, source, [2000.0])
    (blind,), (aware,) = limits(of, at), limits(of, at, source)
    assert aware.source is None
    assert aware.counts_upper < 0.4 * blind.counts_upper
    assert aware.background > 10
    far, *_ = limits(of, [(30.0, 30.0)], source)
    assert aware.counts_upper > far.counts_upper


def test_at_a_known_source_the_limit_is_on_it() -> None:
    source = [(60.0, 60.0), (100.0, 100.0)]
    (found,) = limits(stack(2, source, [50.0, 200.0]), [(100.3, 100.0)], source)
    assert found.source == 2
    assert 200 < found.counts_upper < 260


def test_positions_do_not_disturb_each_other() -> None:
    of = stack(3, [(100.0, 100.0)], [30.0])
    near = [(100.0, 100.0), (101.0, 100.0), (140.0, 140.0), (100.0, 100.0)]
    together = limits(of, near)
    alone = [limits(of, [one])[0] for one in near]
    assert [u.counts_upper for u in together] == pytest.approx([u.counts_upper for u in alone])
    assert [u.position for u in together] == [u.position for u in alone]


def test_observations_are_taken_together() -> None:
    one, two = stack(4).fields[0], stack(5).fields[0]
    single, both = (limits(stack_of(*f), [(100, 100)])[0] for f in ((one,), (one, two)))
    assert both.exposure == pytest.approx(2000)
    assert both.rate_upper < 0.85 * single.rate_upper


def test_places_that_were_not_seen() -> None:
    exposure = EVEN.copy()
    exposure[:, :50] = 0
    of = stack(0, exposure=exposure)
    gap, off = limits(of, [(20, 100), (5000, 100)])
    far = upper_limit(of, [SkyPosition(330.0, -2.0)], found_at(of, ()), DETECTION, PHOTOMETRY)
    for found in (gap, off, *far):
        assert np.isnan(found.counts_upper)
        assert np.isnan(found.rate_upper)
        assert found.reason == "outside of the exposure"


def test_fluxes_and_json() -> None:
    factors = FluxFactors({"s": 1e-11})
    (found,) = limits(stack(1), [(100, 100)], responses=lambda _: factors)
    assert found.flux_upper == pytest.approx(1e-11 * found.rate_upper)
    assert found.reason == ""
    values = as_json(found, dict(stack(1).fields[0].bands))
    assert values["ra"] == pytest.approx(found.position.ra)
    assert values["energy"] == list(get_mission("chandra").bands["s"])
    assert values["flux_upper"] == found.flux_upper


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_confidences_are_probabilities(confidence: float) -> None:
    with pytest.raises(ParameterError, match="confidence"):
        limits(stack(0), [(100, 100)], confidence=confidence)


def test_no_position() -> None:
    of = stack(0)
    with pytest.raises(ParameterError, match="position"):
        upper_limit(of, [], found_at(of, ()), DETECTION, PHOTOMETRY)


def test_photons_of_the_aperture_are_not_the_background_s_too() -> None:
    # pixels much larger than the aperture: that of the source is no part of the annulus
    of = stack(0, background=0.0)
    ra, dec = of.grid.to_icrs(np.array([100.3]), np.array([100.4]))
    (found,) = upper_limit(
        of, [SkyPosition(float(ra[0]), float(dec[0]))], found_at(of, ()),
        DetectionParameters(psf="gaussian:0.1arcsec"), PHOTOMETRY, confidence=0.9,
    )  # fmt: skip
    assert found.counts_upper == pytest.approx(-np.log(0.1) / 0.9, rel=0.02)


def test_known_extended_sources_are_counted_from_afar() -> None:
    cluster = [(160.0, 100.0)]
    photons = drawn(np.random.default_rng(5), cluster, [3000.0], 0.02, 5.0)
    of = stack_of(photon_field({"s": photons}, EVEN))
    ra, dec = of.grid.to_icrs(np.array([100.0, 160.0]), np.array([100.0, 130.0]))
    at = [SkyPosition(float(a), float(d)) for a, d in zip(ra, dec, strict=True)]
    known, sharp = found_at(of, cluster, extent=5.0), DetectionParameters(psf="gaussian:0.5arcsec")
    (alone,) = upper_limit(of, at[:1], known, sharp, PHOTOMETRY)
    together, _ = upper_limit(of, at, known, sharp, PHOTOMETRY)
    assert alone.background == pytest.approx(together.background, rel=0.01)
