"""Spectra of annuli of real event files."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.imaging.sky_image import grid_from_events
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.missions import open_events
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.observed_regions import RegionObservation, detector_groups, observe_regions
from xsurvey.spectra.extraction.responses import GivenResponses


def test_an_erosita_pointing_in_the_channels_of_the_official_matrix(shared_data: Path) -> None:
    """Counts of both groups of modules, of unequal channels; what is approximate is told."""
    events = open_events(shared_data / "erosita/edr_300003_events_excerpt.fits")
    rmf = read_rmf(shared_data / "erosita/responses/onaxis_tm0_rmf_2023-01-17.fits.gz")
    centre = events.observation.pointing
    layout = make_layout(
        grid_from_events(events, 16.0), centre,
        AnnuliParameters(edges=("0arcmin", "1arcmin", "3arcmin")),
    )  # fmt: skip
    groups = detector_groups(events)
    given = {name: GivenResponses(rmf=rmf) for name in groups}
    found = observe_regions(RegionObservation(events), layout, groups, given)
    columns = events.columns(["x", "y", "energy", "detector"])
    j, i = (np.floor(v + 0.5).astype(int) for v in
            layout.grid.from_sky_pixels(columns["x"], columns["y"]))  # fmt: skip
    label = layout.detected[i, j]
    assert len(found.channels.numbers) == 1024
    for name, group in found.groups.items():
        mine = np.isin(columns["detector"], groups[name])
        for region in range(2):
            energy = columns["energy"][mine & (label == region)]
            expected = np.histogram(energy, np.append(rmf.channel_low, rmf.channel_high[-1]))[0]
            assert np.array_equal(group.counts[region], expected)
    assert found.groups["TM9"].counts.sum() > 100
    assert found.groups["TM8"].detectors == (6,)
    assert any("no GTI tables" in note for note in found.notes)
    # of one module of five that has events: the area is a seventh of that of all
    peak = found.groups["TM8"].areas()[0].max() / found.groups["TM9"].areas()[0].max()
    assert peak == pytest.approx(1 / 2, rel=0.01)
