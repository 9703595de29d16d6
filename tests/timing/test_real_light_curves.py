"""Light curves of eROSITA: AB Doradus as srctool wrote it, fields as flaregti did."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.timing.files import read_light_curve
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import measure_variability
from xsurvey.timing.parameters import VariabilityParameters
from xsurvey.units import EnergyBand

FEW = VariabilityParameters(trials=999)


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    path = shared_data / "erosita" / "lightcurves"
    if not path.is_dir():
        pytest.skip("no light curves in shared/data")
    return path


@pytest.fixture(scope="module")
def ab_dor(folder: Path) -> LightCurve:
    return read_light_curve(folder / "em01_080156_020_LightCurve_00002_c010.fits")


def test_what_srctool_wrote(ab_dor: LightCurve, folder: Path) -> None:
    assert len(ab_dor) == 626
    assert ab_dor.bands == (EnergyBand(0.2, 0.6), EnergyBand(0.6, 2.3), EnergyBand(2.3, 5.0))
    assert ab_dor.counts.sum(axis=0).tolist() == [30437, 86341, 1659]
    assert ab_dor.background_counts.sum(axis=0).tolist() == [11011, 19856, 8282]
    assert (ab_dor.reference_mjd, ab_dor.time_scale) == (51543.875, "TT")
    assert any("3 bins with no BACKRATIO" in w for w in ab_dor.warnings)
    # its own rates and errors are those of raw background counts scaled by BACKRATIO
    table = fits.getdata(folder / "em01_080156_020_LightCurve_00002_c010.fits", "RATE")
    exposed = ab_dor.exposure > 0
    assert np.allclose(ab_dor.rate[exposed], table["RATE"][exposed], rtol=1e-6)
    told = exposed & np.isfinite(table["RATE_ERR"])
    assert told.sum() > 1000
    assert np.allclose(ab_dor.rate_error[told], table["RATE_ERR"][told], rtol=1e-6)


def test_ab_doradus_is_variable(ab_dor: LightCurve) -> None:
    visits = ab_dor.selected(ab_dor.usable(0.1)).in_visits(3600)
    assert len(visits) == 128
    assert visits.counts.sum(axis=0).tolist() == [29400, 83480, 1616]
    measures = measure_variability(visits, FEW)
    assert [m.variable for m in measures] == [True, True, True]
    assert [m.p_value for m in measures] == [pytest.approx(0.001)] * 3
    assert [m.statistic for m in measures] == pytest.approx([2836.9, 10031.6, 1243.4], abs=0.1)
    fractional = [m.fractional_variability for m in measures]
    assert fractional == pytest.approx([0.337, 0.381, 1.296], abs=1e-3)
    assert measures[1].amplitude_significance == pytest.approx(32.5, abs=0.1)
    assert visits.summed().rate[0] == pytest.approx([13.883, 39.360, 0.960], abs=1e-3)


def test_a_constant_source_seen_like_ab_doradus_is_not(ab_dor: LightCurve) -> None:
    visits = ab_dor.selected(ab_dor.usable(0.1)).in_visits(3600)
    generator = np.random.default_rng(20261125)
    expected = visits.summed().rate * visits.exposure
    expected = expected + visits.background_scale * visits.background_counts
    constant = dataclasses.replace(
        visits, counts=generator.poisson(expected).astype(float),
        background_counts=generator.poisson(visits.background_counts).astype(float),
    )  # fmt: skip
    for measure in measure_variability(constant, FEW):
        assert measure.variable is False
        assert measure.p_value > 0.02
        assert abs(measure.excess_variance) < 4 * measure.excess_variance_error


@pytest.mark.parametrize(
    ("name", "bins", "counts"),
    [
        ("eb01_083066_020_c010_s02_LightCurve_tb20.fits", 209, 9521),
        ("em01_081069_020_c010_s02_LightCurve_tb20.fits", 214, 9937),
        ("em01_084069_020_c010_s02_LightCurve_tb20.fits", 202, 9770),
        ("em01_086066_020_c010_s02_LightCurve_tb20.fits", 199, 9052),
    ],
)
def test_what_flaregti_wrote(folder: Path, name: str, bins: int, counts: int) -> None:
    curve = read_light_curve(folder / name)
    assert (len(curve), curve.counts.sum()) == (bins, counts)
    assert np.all(curve.timedel == 20)
    assert curve.stamps == {"BINWIDTH": "DERIVED"}
    table = fits.getdata(folder / name, "LIGHTCRV")
    assert np.allclose(curve.rate[:, 0], table["RATE"], rtol=1e-6)
