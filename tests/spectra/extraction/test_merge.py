"""Merged spectra: what is conserved, and what cannot be merged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.spectra.extraction import ExtractedSpectra, merge_spectra

from .tools import CHANNELS, flat_area, matrix

RMF = matrix()


def pha(counts: float, exposure: float, area: float) -> PhaSpectrum:
    number = len(CHANNELS.numbers)
    each = np.zeros(number)
    each[:10] = counts
    return PhaSpectrum(
        Path("a.fits"), CHANNELS.numbers, 1, number, each, exposure, np.full(number, area),
        np.ones(number), region_area=2 * area, header={"OBS_ID": f"{exposure:g}", "TSTART": 1.0},
    )  # fmt: skip


def spectra(
    exposure: float = 1000.0, area: float = 1e-3, counts: float = 5, behind: float = 7,
    behind_area: float = 1e-2, effective: float = 100.0,
) -> ExtractedSpectra:  # fmt: skip
    return ExtractedSpectra(
        pha(counts, exposure, area), pha(behind, exposure, behind_area), flat_area(effective), RMF,
        0.01, {"EXPMAP": ("APPROX", ""), "CORREXPO": (0.9, "")}, (f"exposure {exposure:g}",),
    )  # fmt: skip


def scale(one: ExtractedSpectra) -> float:
    source, background = one.source, one.background
    assert background is not None
    return float(
        source.exposure * source.backscal[0] / (background.exposure * background.backscal[0])
    )


positive = st.floats(0.1, 10)


@given(
    st.lists(st.tuples(positive, positive, positive, st.integers(0, 50)), min_size=2, max_size=4)
)
def test_what_is_conserved(parts: list[tuple[float, float, float, int]]) -> None:
    each = [
        spectra(1e3 * t, 1e-3 * a, 3, float(n), 1e-2 * b) for t, a, b, n in parts
    ]  # fmt: skip
    merged = merge_spectra(each)
    assert merged.source.exposure == pytest.approx(sum(s.source.exposure for s in each))
    assert merged.source.counts.sum() == sum(s.source.counts.sum() for s in each)
    seen = sum(s.source.exposure * s.source.backscal[0] for s in each)
    assert merged.source.exposure * merged.source.backscal[0] == pytest.approx(seen)
    assert merged.background is not None
    scaled = sum(scale(s) * s.background.counts.sum() for s in each if s.background is not None)
    assert scale(merged) * merged.background.counts.sum() == pytest.approx(scaled)
    assert scale(merged) > 0


def test_areas_are_weighted_with_exposures() -> None:
    merged = merge_spectra([spectra(1000, effective=100), spectra(3000, effective=200)])
    assert merged.arf is not None
    assert merged.arf.effective_area == pytest.approx(175)
    assert merged.arf.exposure == 4000


def test_matrices_are_weighted_with_exposure_and_area() -> None:
    wide = replace(spectra(3000, effective=200), rmf=matrix(fwhm=0.5))
    narrow = spectra(1000, effective=100)
    merged = merge_spectra([narrow, wide])
    assert merged.rmf is not None
    assert wide.rmf is not None
    expected = (1 * narrow.rmf.matrix + 6 * wide.rmf.matrix) / 7  # type: ignore[union-attr]
    assert abs(merged.rmf.matrix - expected).max() < 1e-12


def test_headers_say_of_what_they_are() -> None:
    other = replace(spectra(2000), stamps={"EXPMAP": ("SUPPLIED", ""), "CORREXPO": (0.95, "")})
    merged = merge_spectra([spectra(1000), other])
    assert merged.source.header["OBS_ID"] == "1000 2000"
    assert merged.source.header["NMERGED"] == 2
    assert "TSTART" not in merged.source.header
    assert merged.stamps["EXPMAP"][0] == "APPROX"
    assert merged.warnings == ("exposure 1000", "exposure 2000")
    assert merge_spectra([other]) is other


def test_what_cannot_be_merged() -> None:
    first = spectra()
    shifted = replace(first, source=replace(first.source, channels=first.source.channels + 1))
    with pytest.raises(InputError, match="has other channels"):
        merge_spectra([first, shifted])
    with pytest.raises(InputError, match="has no background"):
        merge_spectra([first, replace(first, background=None)])
    assert first.rmf is not None
    finer = replace(first.rmf, energy_low=first.rmf.energy_low * 1.01)
    with pytest.raises(InputError, match="matrix on other energies"):
        merge_spectra([first, replace(first, rmf=finer)])
