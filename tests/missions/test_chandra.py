from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.chandra import GOOD_GRADES

Edit = Callable[[fits.HDUList], None]


def edited(source: Path, target: Path, edit: Edit) -> Path:
    """Copy an event file with a change."""
    with fits.open(source) as hdus:
        edit(hdus)
        hdus.writeto(target)
    return target


def without(*names: str) -> Edit:
    def edit(hdus: fits.HDUList) -> None:
        kept = [c for c in hdus["EVENTS"].columns if c.name not in names]
        header = hdus["EVENTS"].header
        new = fits.BinTableHDU.from_columns(kept, name="EVENTS")
        for number, column in enumerate(kept, start=1):
            old = hdus["EVENTS"].columns.names.index(column.name) + 1
            for key in ("TCTYP", "TCRVL", "TCRPX", "TCDLT"):
                if f"{key}{old}" in header:
                    new.header[f"{key}{number}"] = header[f"{key}{old}"]
        for key in ("TELESCOP", "INSTRUME", "RA_PNT", "DEC_PNT", "DTCOR", "TSTART", "TSTOP"):
            new.header[key] = header[key]
        hdus[1] = new

    return edit


def test_standard_filter_is_never_assumed_done(event_file: Path, tmp_path: Path) -> None:
    def spoil(hdus: fits.HDUList) -> None:
        data = hdus["EVENTS"].data
        data["grade"][:8] = np.arange(8)
        data["status"][8:20] = True

    path = edited(event_file, tmp_path / "spoiled.fits", spoil)
    expected = open_events(event_file).rows - (8 - len(GOOD_GRADES)) - 12
    assert open_events(path).count() == expected


@pytest.mark.parametrize("names", [("x",), ("y",), ("time",), ("energy", "pi")])
def test_columns_that_nothing_replaces_are_required(
    event_file: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = edited(event_file, tmp_path / "poor.fits", without(*names))
    with pytest.raises(InputError, match=names[0].upper()):
        open_events(path)


def test_energy_from_pi_when_there_is_no_energy(event_file: Path, tmp_path: Path) -> None:
    path = edited(event_file, tmp_path / "pi.fits", without("energy"))
    poor, full = open_events(path), open_events(event_file)
    difference = poor.columns(["energy"])["energy"] - full.columns(["energy"])["energy"]
    assert np.abs(difference).max() <= 0.0146
    assert any("ENERGY" in w for w in poor.observation.warnings)


def test_gtis_are_told_apart_by_chip(event_file: Path, tmp_path: Path) -> None:
    def shorten_chip_2(hdus: fits.HDUList) -> None:
        table = next(h for h in hdus[2:] if h.header["CCD_ID"] == 2)
        table.data["STOP"] = table.data["START"] + 5000

    path = edited(event_file, tmp_path / "gti.fits", shorten_chip_2)
    events = open_events(path)
    assert events.detector_livetime(2) == pytest.approx(5000)
    assert events.livetime == pytest.approx(20_000)
    data = events.columns(["time", "detector"])
    assert data["time"][data["detector"] == 2].max() <= events.gti[2].stop[-1]


def test_wrong_exposure_keyword_is_warned_of(event_file: Path, tmp_path: Path) -> None:
    def lie(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].header["EXPOSURE"] = 99_999.0

    events = open_events(edited(event_file, tmp_path / "lie.fits", lie))
    assert events.livetime == pytest.approx(20_000)
    assert any("99999.0 s" in w and "GTIs are used" in w for w in events.observation.warnings)


def test_no_gti_table_falls_back_to_the_header_with_a_warning(
    event_file: Path, tmp_path: Path
) -> None:
    def drop(hdus: fits.HDUList) -> None:
        del hdus[2:]

    events = open_events(edited(event_file, tmp_path / "nogti.fits", drop))
    assert events.livetime == pytest.approx(20_000)
    assert any("no GTI table" in w for w in events.observation.warnings)


def test_without_wcs_keywords_there_is_an_error(event_file: Path, tmp_path: Path) -> None:
    def drop(hdus: fits.HDUList) -> None:
        for key in list(hdus["EVENTS"].header):
            if key.startswith("TCTYP"):
                del hdus["EVENTS"].header[key]

    with pytest.raises(InputError, match="TCTYP"):
        open_events(edited(event_file, tmp_path / "nowcs.fits", drop))


def test_other_telescopes_are_refused_by_name(event_file: Path, tmp_path: Path) -> None:
    def rename(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].header["TELESCOP"] = "HUBBLE"

    with pytest.raises(InputError, match="HUBBLE"):
        open_events(edited(event_file, tmp_path / "hubble.fits", rename))


def test_psf_radii_are_those_of_the_tables() -> None:
    psf = get_mission("chandra").psf()
    assert psf.radius(0.9, np.array([0.0, 4.0, 12.0])) == pytest.approx([0.8, 4.4, 17.0], rel=0.01)
    assert psf.approximate


def test_vignetting_is_that_of_the_table_and_falls() -> None:
    mission = get_mission("chandra")
    assert mission.vignetting(np.array([0, 5, 10, 15]), 1.5) == pytest.approx(
        [1, 0.944, 0.854, 0.765]
    )
    assert mission.vignetting(np.array([10.0]), 6.4) == pytest.approx([0.616])
    falling = mission.vignetting(np.linspace(0, 40, 50), 3.0)
    assert np.all(np.diff(falling) <= 0)
    assert falling.min() >= 0.1
