"""Stokes spectra made of sums over events, written and read again."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, OutputError
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.stokes import STOKES, stokes_parameter
from xsurvey.io.ogip.write_stokes import write_stokes_pha
from xsurvey.polarization.spectra.stokes_spectra import (
    StokesResponses,
    stokes_rates,
    stokes_spectra,
    write_stokes_spectra,
)

LIVETIME = np.array([1000.0, 800.0])
RESPONSES = [StokesResponses(f"d{k}.arf", f"d{k}.mrf", f"d{k}.rmf") for k in (1, 2)]


def sums_of(weight: np.ndarray, psi: np.ndarray, channel: np.ndarray, detector: np.ndarray):  # type: ignore[no-untyped-def]
    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(detector * 6 + channel, values, 12).reshape(2, 6)

    q, u = 2 * np.cos(2 * psi), 2 * np.sin(2 * psi)
    return SimpleNamespace(
        weight=total(weight), weight2=total(weight**2), q=total(weight * q), u=total(weight * u),
        qq=total((weight * q) ** 2), uu=total((weight * u) ** 2),
    )  # fmt: skip


def events(seed: int = 1, weighted: bool = True):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    weight = generator.uniform(0.1, 1.5, 500) if weighted else np.ones(500)
    psi = generator.uniform(0, np.pi, 500)
    channel, detector = generator.integers(0, 5, 500), generator.integers(0, 2, 500)
    return weight, psi, channel, detector


def test_rates_are_those_of_the_definition() -> None:
    weight, psi, channel, detector = events()
    sums = sums_of(weight, psi, channel, detector)
    for stokes, factor in (("I", np.ones(500)), ("Q", 2 * np.cos(2 * psi)),
                           ("U", 2 * np.sin(2 * psi))):  # fmt: skip
        rate, error = stokes_rates(sums, stokes, LIVETIME)  # type: ignore[arg-type]
        own = (channel == 3) & (detector == 1)
        w, f = weight[own], factor[own]
        scale = w.sum() / (w**2).sum() / 800
        assert rate[1, 3] == pytest.approx(scale * (w * f).sum())
        assert error[1, 3] == pytest.approx(scale * np.sqrt(((w * f) ** 2).sum()))
        assert rate[0, 5] == error[0, 5] == 0  # no events there


@given(st.floats(0.01, 100))
def test_a_common_factor_of_all_weights_changes_nothing(factor: float) -> None:
    weight, *others = events()
    for stokes in STOKES:
        once = stokes_rates(sums_of(weight, *others), stokes, LIVETIME)
        again = stokes_rates(sums_of(factor * weight, *others), stokes, LIVETIME)
        assert np.allclose(once, again, rtol=1e-10, atol=1e-14)


def test_written_spectra_are_read_again(tmp_path: Path) -> None:
    made = stokes_spectra(
        sums_of(*events()), LIVETIME, detectors=["DU1", "DU2"], responses=RESPONSES, backscal=2.5,
        header={"TELESCOP": "POLARIS", "OBS_ID": "7"},
    )  # fmt: skip
    back = stokes_spectra(
        sums_of(*events(2)), LIVETIME, detectors=["DU1", "DU2"], responses=RESPONSES, backscal=5.0
    )
    paths = write_stokes_spectra(tmp_path / "source.du2", made[1], back[1], {"CREATOR": "test"})
    assert [p.name for p in paths] == [f"source.du2_{s}.pha" for s in "iqu"]
    for stokes, path in zip(STOKES, paths, strict=True):
        found, own = read_single_pha(path), made[1][stokes]
        assert stokes_parameter(found) == stokes
        assert np.allclose(found.counts, own.counts, rtol=1e-12, atol=1e-12)
        assert found.statistical_error is not None
        assert np.allclose(found.statistical_error, own.statistical_error)
        assert not found.poisson
        assert (found.exposure, found.backscal[0]) == (800, 2.5)
        assert found.ancillary_file == ("d2.arf" if stokes == "I" else "d2.mrf")
        assert found.response_file == "d2.rmf"
        assert found.header["DETNAM"] == "DU2" and found.header["OBS_ID"] == "7"
        assert found.background_file is not None
        other = read_single_pha(path.with_name(found.background_file))
        assert stokes_parameter(other) == stokes and other.background_file is None
        assert np.allclose(other.counts, back[1][stokes].counts)
        with fits.open(path) as hdus:
            header = hdus["SPECTRUM"].header
            assert header["XFLT0001"] == f"Stokes:{STOKES.index(stokes)}"
            assert header["HDUCLAS3"] == "RATE" and header["POISSERR"] is False
            assert header["TUNIT2"] == "count/s"


def test_without_weights_i_is_poisson_distributed_when_read(tmp_path: Path) -> None:
    made = stokes_spectra(
        sums_of(*events(weighted=False)), LIVETIME, detectors=["DU1", "DU2"], responses=RESPONSES
    )
    path = write_stokes_spectra(tmp_path / "s", made[0])[0]
    found = read_single_pha(path)
    assert found.poisson
    assert np.array_equal(found.counts, np.round(made[0]["I"].counts))


def test_impossible_sums_and_outputs(tmp_path: Path) -> None:
    sums = sums_of(*events())
    with pytest.raises(InputError, match="livetime"):
        stokes_rates(sums, "I", np.array([1.0, 0.0]))
    sums.q[0, 0] = np.nan
    arguments = {"detectors": ["DU1", "DU2"], "responses": RESPONSES}
    with pytest.raises(InputError, match="Stokes Q that is not finite"):
        stokes_spectra(sums, LIVETIME, **arguments)  # type: ignore[arg-type]
    good = stokes_spectra(sums_of(*events()), LIVETIME, **arguments)[0]["Q"]  # type: ignore[arg-type]
    target = tmp_path / "q.pha"
    for fields in (
        {"statistical_error": None}, {"counts": np.full(6, np.nan)}, {"exposure": 0.0},
        {"backscal": np.arange(6.0)}, {"statistical_error": np.full(6, -1.0)},
    ):  # fmt: skip
        with pytest.raises(OutputError):
            write_stokes_pha(target, replace(good, **fields), "Q")  # type: ignore[arg-type]
        assert not target.exists()
