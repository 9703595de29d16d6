"""The simulated survey field, and the timing of simulations, at a small scale."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from benchmarks.simulation import run
from benchmarks.survey_field import survey_field


def test_the_survey_field_has_its_background(tmp_path: Path) -> None:
    found = survey_field(tmp_path / "e.fits", 1, scans=28, field_size="30arcmin", energy="0.2-2.3")
    events = found.events
    seen = 30**2 * float(np.median(found.truth["exposure"]))  # arcmin2 s on the axis at 1 keV
    sky = np.sum(events["origin"] == -1) / seen
    assert sky == pytest.approx(3.5e-3, rel=0.1)
    # particles come for as long as a place is in the field
    particles = np.sum(events["origin"] == 0) / 30**2 / 800
    assert particles == pytest.approx(0.9e-3, rel=0.1)
    header = fits.getheader(tmp_path / "e.fits", "EVENTS")
    assert (header["OBS_MODE"], header["SIMLEVEL"]) == ("SURVEY", "RESPONSE")


@pytest.mark.slow
def test_what_is_timed() -> None:
    found = run(1, 0.003)
    for name in ("pointing", "survey"):
        assert found[name]["events"] > 10_000
        assert found[name]["seconds"] > 0
    assert found["pointing"]["sources"] == 1000
