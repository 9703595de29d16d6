"""Sectors of a cluster that are brighter than the others."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.sector_excess import sector_excesses
from xsurvey.profiles.geometry import polar_coordinates
from xsurvey.profiles.measure import ProfileImages, measure_profiles
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.units import EnergyBand

from ..profiles.images import CENTRE, image, wcs_of

SIDE, PIXEL, EXPOSURE = 241, 12.0, 2e4
TARGET = TargetParameters.read(
    {"name": "x", "center": "150.0,2.2", "redshift": 0.05, "r500": "10arcmin", "r200": "15arcmin"},
    "target",
)
BAND = EnergyBand(0.5, 2.0)
SETTINGS = {"bin_size": "1arcmin", "max_radius": "18arcmin", "band": "0.5-2"}


def measured(seed: int, factor: float = 1.0, **settings: object):
    """Images of a cluster with a sky, brighter from 60 to 120 degrees at 5 to 10', and profiles."""
    exposure = image(np.full((SIDE, SIDE), EXPOSURE), wcs_of(SIDE, PIXEL), "s")
    radius, angle = polar_coordinates(exposure.grid, CENTRE)
    light = 0.02 * (1 + (radius / 2) ** 2) ** -1.2
    light *= np.where((angle >= 60) & (angle < 120) & (radius > 5) & (radius < 10), factor, 1.0)
    expected = (light + 0.004) * EXPOSURE * (PIXEL / 60) ** 2
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    images = ProfileImages(
        SkyImage(counts, exposure.grid, "count"), exposure, None, None, True, BAND
    )
    parameters = SurfaceBrightnessParameters.read(SETTINGS | settings, "surface_brightness")
    return images, measure_profiles(images, CENTRE, parameters), parameters


def test_an_excess_is_found_where_it_is() -> None:
    images, found, parameters = measured(3, 3.0, sectors=6, sky="19arcmin,23arcmin")
    records, notes = sector_excesses(images, found, TARGET, parameters)
    assert notes == []
    ranges = [(r["inner_arcmin"], r["outer_arcmin"]) for r in records]
    assert ranges == [(2, 2.5), (2.5, 5), (5, 10), (10, 15), (15, 18)]
    own = next(i for i, s in enumerate(records[0]["sectors"]) if s["sector"] == (60.0, 120.0))
    at = records[2]["sectors"]
    assert at[own]["sigma"] > 5
    assert at[own]["ratio"] == pytest.approx(3.0, abs=0.6)
    assert at[own]["counts"] > 1.3 * at[own]["expected"]
    others = [s["sigma"] for r in records for i, s in enumerate(r["sectors"]) if i != own]
    assert max(others) < 3.5
    # there is hardly any light that far out, to which there could be a ratio
    assert np.isnan(records[4]["sectors"][0]["ratio"])


def test_round_clusters_have_none() -> None:
    images, found, parameters = measured(4, sectors=6, sky="19arcmin,23arcmin")
    records, _ = sector_excesses(images, found, TARGET, parameters)
    assert max(abs(s["sigma"]) for r in records for s in r["sectors"]) < 3.5
    assert records[0]["sectors"][0]["ratio"] == pytest.approx(1.0, abs=0.15)


def test_masks_where_it_is_bright_make_no_excess() -> None:
    images, _, parameters = measured(8, sectors=6, sky="19arcmin,23arcmin")
    radius, angle = polar_coordinates(images.exposure.grid, CENTRE)
    # half of the light of one sector is hidden, all near the inner end
    hidden = (angle < 60) & (radius > 2) & (radius < 5)
    masked = replace(images, mask=~hidden)
    found = measure_profiles(masked, CENTRE, parameters)
    bare = TARGET.model_copy(update={"r500": None, "r200": None})
    records, _ = sector_excesses(masked, found, bare, parameters)
    assert max(abs(s["sigma"]) for s in records[0]["sectors"]) < 3.5
    assert records[0]["sectors"][0]["ratio"] == pytest.approx(1.0, abs=0.25)


def test_without_radii_there_is_one_range() -> None:
    images, found, parameters = measured(5, sectors=4, sky="19arcmin,23arcmin")
    bare = TARGET.model_copy(update={"r500": None, "r200": None})
    records, _ = sector_excesses(images, found, bare, parameters)
    assert [(r["inner_arcmin"], r["outer_arcmin"]) for r in records] == [(1, 18)]


def test_without_sectors_or_sky_there_is_nothing() -> None:
    for settings in ({"sky": "19arcmin,23arcmin"}, {"sectors": 4}):
        images, found, parameters = measured(6, **settings)
        assert sector_excesses(images, found, TARGET, parameters) == ([], [])


def test_what_cannot_be_compared_is_said() -> None:
    images, found, parameters = measured(7, sectors=6, sky="19arcmin,23arcmin")
    radius, angle = polar_coordinates(images.exposure.grid, CENTRE)
    # only one sector was exposed
    seen = np.where((angle >= 60) & (angle < 120) | (radius > 19), images.exposure.data, 0.0)
    dark = replace(images, exposure=SkyImage(seen, images.exposure.grid, "s"))
    found = measure_profiles(dark, CENTRE, parameters)
    records, notes = sector_excesses(dark, found, TARGET, parameters)
    assert records == []
    assert "cannot be compared" in notes[0]
