"""Spectra of real event files: counts as a plain selection has them, and known exposures."""

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleAnnulusSkyRegion, CircleSkyRegion

from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.missions import get_mission, open_events
from xsurvey.regions import region_set
from xsurvey.spectra.extraction import GivenResponses, extract_spectrum
from xsurvey.spectra.extraction.responses import read_given
from xsurvey.units import SkyPosition

COUNTS_ONLY = GivenResponses(without_arf=True)
PULSAR = SkyCoord(228.4818, -59.1358, unit="deg")


def test_the_nebula_of_msh15_52() -> None:
    if not all(is_installed(get_dataset(n)) for n in ("msh15-52", "chandra-acis-i-arf")):
        pytest.skip("run `xsurvey data install` of msh15-52 and chandra-acis-i-arf")
    from astropy import units as u

    events = open_events(get_dataset("msh15-52").path)
    nebula = region_set([CircleAnnulusSkyRegion(PULSAR, 30 * u.arcsec, 120 * u.arcsec)], events.wcs)
    sky = region_set([CircleSkyRegion(SkyCoord(228.3, -59.2, unit="deg"), 60 * u.arcsec)],
                     events.wcs)  # fmt: skip
    found = extract_spectrum(events, nebula, sky)
    columns = events.columns(["x", "y", "pi"])
    x, y = events.wcs.all_world2pix([[228.4818, -59.1358]], 1)[0]
    radius = np.hypot(columns["x"] - x, columns["y"] - y) * events.pixel_size
    inside = (radius > 30) & (radius < 120)
    number = columns["pi"][inside].astype(int)
    assert np.array_equal(found.source.counts, np.bincount(number, minlength=1025)[1:])
    assert found.source.counts.sum() > 35_000
    assert found.source.exposure == pytest.approx(18_940, abs=1)
    # the gaps between the four chips cross it: 11" wide, smeared by the dither
    assert found.source.region_area == pytest.approx(np.pi * (120**2 - 30**2) / 3600**2, rel=1e-3)
    hidden = 1 - found.source.backscal[0] / found.source.region_area
    assert 0.08 < hidden < 0.13
    assert found.pileup_fraction < 0.01
    assert found.arf is not None
    assert 400 < found.arf.effective_area.max() < 500
    assert found.stamps["ARFAPPR"][0] == found.stamps["RMFAPPR"][0] == "APPROX"
    pulsar = region_set([CircleSkyRegion(PULSAR, 3 * u.arcsec)], events.wcs)
    assert extract_spectrum(events, pulsar, responses=COUNTS_ONLY).pileup_fraction > 0.1


def test_a_piece_of_cen_a(shared_data: Path) -> None:
    from astropy import units as u

    events = open_events(shared_data / "chandra" / "cena_obs18461_evt2.fits")
    pointing = SkyCoord(*events.observation.pointing, unit="deg")
    where = region_set([CircleSkyRegion(pointing, 60 * u.arcsec)], events.wcs)
    found = extract_spectrum(events, where, responses=COUNTS_ONLY)
    columns = events.columns(["x", "y", "pi"])
    inside = where.contains(columns["x"], columns["y"])
    number = columns["pi"][inside].astype(int)
    assert inside.sum() > 400
    assert np.array_equal(found.source.counts, np.bincount(number, minlength=1025)[1:])
    assert found.source.exposure == pytest.approx(5124.66, abs=1)


def test_an_excerpt_with_official_responses(shared_data: Path) -> None:
    folder = shared_data / "erosita"
    events = open_events(folder / "edr_300003_events_excerpt.fits")
    given = read_given(
        get_mission("erosita"),
        folder / "responses" / "onaxis_tm0_arf_filter_2023-01-17.fits.gz",
        folder / "responses" / "onaxis_tm0_rmf_2023-01-17.fits.gz",
    )
    assert given.includes == frozenset()
    assert given.rmf is not None
    columns = events.columns(["x", "y", "energy"])
    centre = events.wcs.all_pix2world([[np.median(columns["x"]), np.median(columns["y"])]], 1)[0]
    from astropy import units as u

    where = region_set([CircleSkyRegion(SkyCoord(*centre, unit="deg"), 300 * u.arcsec)], events.wcs)
    found = extract_spectrum(
        events, where, responses=given, position=SkyPosition(*map(float, centre))
    )
    inside = where.contains(columns["x"], columns["y"])
    edges = np.append(given.rmf.channel_low, given.rmf.channel_high[-1])
    energy = columns["energy"][inside].astype(float)
    assert np.array_equal(found.source.counts, np.histogram(energy, edges)[0])
    assert found.source.counts.sum() > 10
    assert len(found.source.counts) == 1024
    assert found.source.first_channel == 1
    # three modules have good times in the excerpt, the area is of all seven
    assert any("the effective area is of TM0" in w for w in found.warnings)


@pytest.mark.parametrize("name", ["ahead_school/exercise1_020_ARF_00001.fits",
                                  "crab/em01_crab_Spe_820_ARF_00001.fits"])  # fmt: skip
def test_areas_of_srctool_are_taken_as_they_are(shared_data: Path, name: str) -> None:
    given = read_given(get_mission("erosita"), shared_data / "erosita" / name, None)
    assert given.includes == {"vignetting", "psf"}
