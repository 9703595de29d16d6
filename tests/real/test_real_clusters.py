"""Two clusters of a survey field in seven bands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.imaging.sky_image import SkyImage, read_exposure_map, read_sky_image
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.bins import equal_edges
from xsurvey.profiles.brightness import brightness
from xsurvey.profiles.extraction import extract_profile, extract_sectors
from xsurvey.profiles.geometry import RadialGeometry, equal_sectors
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.units import SkyPosition

BANDS = {"0300_0600": 3824, "0600_1100": 4154, "1100_1600": 2623, "1600_2200": 1885,
         "2200_3500": 2099, "3500_5000": 2208, "5000_7000": 2666}  # fmt: skip
SOFT = list(BANDS)[:4]
# places of the example that the images come with
FIRST, SECOND = SkyPosition(140.3384, 3.2906), SkyPosition(140.0918, 3.0185)
POINTS = ((473, 30, 9), (502, 17, 10), (488, 6, 6), (458, 10, 8))
"""Sources about the second cluster (x, y, radius in pixels): the mask has it away with them."""


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    found = shared_data / "erosita" / "efeds_clusters"
    if not found.is_dir():
        pytest.skip("shared/data has no eFEDS clusters")
    return found


@pytest.fixture(scope="module")
def maps(folder: Path) -> dict[str, tuple[SkyImage, SkyImage]]:
    return {
        band: (
            read_sky_image(folder / f"img_{band}.fits.gz"),
            read_exposure_map(folder / f"expmap_norm_{band}.fits.gz"),
        )
        for band in BANDS
    }


@pytest.fixture(scope="module")
def mask(folder: Path) -> np.ndarray:
    return read_sky_image(folder / "mask.fits.gz").data > 0


def soft(maps: dict[str, tuple[SkyImage, SkyImage]]) -> tuple[SkyImage, SkyImage]:
    """Return counts of 0.3-2.2 keV, and the mean exposure of the bands."""
    counts, exposure = maps[SOFT[0]]
    data = np.sum([maps[b][0].data for b in SOFT], axis=0)
    mean = np.mean([maps[b][1].data for b in SOFT], axis=0)
    return replace(counts, data=data.astype(float)), replace(exposure, data=mean)


def beta_of(
    counts: SkyImage, exposure: SkyImage, centre: SkyPosition, mask: np.ndarray, maximum: float,
    **frozen: float,
) -> ProfileFit:  # fmt: skip
    profile = extract_profile(
        counts, exposure, RadialGeometry(centre), equal_edges(1 / 3, maximum), mask=mask
    )
    return fit_profile(profile, "beta", frozen=frozen)


def test_the_first_cluster_in_seven_bands(
    maps: dict[str, tuple[SkyImage, SkyImage]], mask: np.ndarray
) -> None:
    geometry = RadialGeometry(FIRST)
    edges = np.r_[0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0]
    excess = []
    for band, (counts, exposure) in maps.items():
        assert counts.data.sum() == BANDS[band]
        profile = extract_profile(counts, exposure, geometry, edges, mask=mask)
        radius = counts.grid.off_axis(FIRST)
        used = mask & (exposure.data > 0) & (radius < 12)
        assert profile.counts.sum() == counts.data[used].sum()
        assert 2000 < profile.exposure.min() < profile.exposure.max() < 3000
        # pixels of this tile, 11 degrees from where its projection touches the sky, are larger
        pixels = np.array([(profile.label_image == i).sum() for i in range(6)])
        assert profile.area / pixels == pytest.approx(0.004444 / np.cos(np.radians(11)), rel=0.003)
        light = brightness(profile)
        excess.append((light.value[0] - light.value[-1]) / light.error[0])
    # the cluster is hot: all but the hardest bands show it, the soft ones at once
    assert min(excess[:4]) > 5
    assert excess[1] > 9
    assert excess[6] < 3


def test_the_beta_model_of_the_first_cluster(
    maps: dict[str, tuple[SkyImage, SkyImage]], mask: np.ndarray
) -> None:
    counts, exposure = soft(maps)
    fit = beta_of(counts, exposure, FIRST, mask, 10)
    assert fit.converged and fit.notes == ()
    assert abs(fit.value - fit.goodness["expected"]) < 3 * fit.goodness["standard_deviation"]
    assert 0.5 < fit["rc"].lower < fit["rc"].upper < 1.2
    assert 0.55 < fit["beta"].lower < fit["beta"].upper < 0.9
    # bands agree with one shape
    for band in SOFT:
        one = beta_of(*maps[band], FIRST, mask, 10, beta=fit["beta"].value)
        half = (one["rc"].upper - one["rc"].lower) / 2
        assert abs(one["rc"].value - fit["rc"].value) < 3 * half


def test_sectors_of_the_first_cluster_agree(
    maps: dict[str, tuple[SkyImage, SkyImage]], mask: np.ndarray
) -> None:
    counts, exposure = soft(maps)
    edges = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    geometry = RadialGeometry(FIRST)
    parts = extract_sectors(counts, exposure, geometry, edges, equal_sectors(4), mask=mask)
    whole = extract_profile(counts, exposure, geometry, edges, mask=mask)
    assert sum(p.counts for p in parts).tolist() == whole.counts.tolist()
    light = np.array([brightness(p).value for p in parts])
    assert (light.std(axis=0) / light.mean(axis=0) < 0.5).all()
    assert (np.diff(brightness(whole).value) < 0).all()


def test_the_second_cluster_at_the_corner(
    maps: dict[str, tuple[SkyImage, SkyImage]], mask: np.ndarray
) -> None:
    """It lies over the edge, among sources whose masks cover most of it."""
    counts, exposure = soft(maps)
    edges = equal_edges(0.5, 5.0)
    geometry = RadialGeometry(SECOND)
    masked = extract_profile(counts, exposure, geometry, edges, mask=mask)
    assert (masked.flags[1:] & BinFlag.PARTIAL).all()
    assert masked.area[2] < 0.05 * masked.geometric_area[2]
    y, x = np.indices(counts.data.shape)
    own = mask | (counts.grid.off_axis(SECOND) < 3)
    for column, row, radius in POINTS:
        own &= (x - column) ** 2 + (y - row) ** 2 >= radius**2
    profile = extract_profile(counts, exposure, geometry, edges, mask=own)
    light = brightness(profile)
    assert light.value[0] - 3 * light.error[0] > 0
    fit = fit_profile(profile, "beta", frozen={"beta": 2 / 3})
    assert fit["norm"].lower > 0.002
    assert 0.002 < fit["background"].lower < fit["background"].upper < 0.004
    assert fit["rc"].lower < 1.0
