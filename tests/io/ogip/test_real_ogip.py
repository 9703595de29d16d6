"""Files that missions' own software made."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.companions import companion_file
from xsurvey.io.ogip.energies import match_channels, match_grids
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.spectra.grouping import fwhm_in_channels


@pytest.fixture(scope="module")
def erosita(shared_data: Path) -> Path:
    return shared_data / "erosita"


def test_a_real_matrix_and_all_areas_made_for_it(erosita: Path) -> None:
    rmf = read_rmf(erosita / "responses" / "onaxis_tm0_rmf_2023-01-17.fits.gz")
    assert rmf.matrix.shape == (1024, 1024)
    assert rmf.matrix.sum(axis=1) == pytest.approx(np.ones(1024), abs=1e-6)
    assert (rmf.includes_area, rmf.warnings, rmf.channels[0]) == (False, (), 1)
    # the response at 1.5 keV has its maximum at 1.5 keV
    row = np.searchsorted(rmf.energy_high, 1.5)
    peak = np.argmax(rmf.matrix[[row]].toarray())
    assert rmf.channel_low[peak] == pytest.approx(1.5, abs=0.03)
    areas = sorted([*erosita.rglob("*ARF*.fits"), *erosita.rglob("*arf*.fits.gz")])
    assert len(areas) == 6
    for path in areas:
        arf = read_arf(path)
        match_grids(arf, rmf)
        assert arf.warnings == ()
        assert 200 < arf.effective_area.max() < 2600
    spectra = sorted(erosita.rglob("*Spec_00001.fits"))
    assert len(spectra) == 7
    for path in spectra:
        spectrum = read_single_pha(path)
        assert spectrum.warnings == ()
        assert spectrum.region_area > 0
        assert match_channels(spectrum, rmf).tolist() == list(range(1024))


def test_a_real_resolution(erosita: Path) -> None:
    rmf = read_rmf(erosita / "responses" / "onaxis_tm0_rmf_2023-01-17.fits.gz")
    width = rmf.channel_high - rmf.channel_low
    fwhm = fwhm_in_channels(rmf.matrix, width) * width
    energy = (rmf.channel_low + rmf.channel_high) / 2
    for at in (0.5, 1.5, 5.9):
        row = rmf.matrix[[int(np.searchsorted(rmf.energy_high, at))]].toarray()[0] / width
        above = float(width[row > row.max() / 2].sum())  # to a channel
        assert np.interp(at, energy, fwhm) == pytest.approx(above, abs=1.5 * width[100])
    assert np.all(np.diff(np.interp([1, 2, 4, 6, 8], energy, fwhm)) > 0)


def test_counts_of_real_spectra(erosita: Path) -> None:
    source = read_single_pha(erosita / "ahead_school" / "exercise1_020_SourceSpec_00001.fits")
    assert (source.counts.sum(), round(source.exposure)) == (6294, 1692)
    assert (source.poisson, source.background_file) == (True, "020_BackgrSpec_00001.fits")
    assert source.backscal[0] == 0.005009309707


def test_stokes_spectra(shared_data: Path) -> None:
    folder = shared_data / "ixpe" / "01003199"
    flux = read_single_pha(folder / "ixpe01003199_det1_barycorr_src_filt_pha1_grp25.fits")
    assert (flux.poisson, flux.counts.sum(), flux.first_channel) == (True, 128167, 0)
    assert any("POISSERR is false" in w for w in flux.warnings)
    assert flux.quality is not None
    assert set(flux.quality) == {0, 2}
    background = companion_file(flux, "BACKFILE")
    assert background == folder / "ixpe01003199_det1_barycorr_bkg_filt_pha1.fits"
    for kind in "qu":
        stokes = read_single_pha(folder / f"ixpe01003199_det1_barycorr_src_filt_pha1{kind}.fits")
        assert not stokes.poisson
        assert stokes.counts.min() < 0
        assert stokes.statistical_error is not None
        assert np.all(stokes.statistical_error[50:200] > 0)
