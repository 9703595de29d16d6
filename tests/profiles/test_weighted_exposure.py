"""Exposure maps for the spectrum of a source: against photons, and against integrals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.band_vignetting import BandVignetting, has_one_energy, with_band_vignetting
from xsurvey.imaging.field import Field, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.profiles.exposure_spectrum import (
    DEFAULT,
    ExposureMapParameters,
    ExposureSpectrum,
    parse_spectrum,
)
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.weighted_exposure import band_vignetting, weighted_exposure, weighted_fields
from xsurvey.units import EnergyBand, SkyPosition

SOFT, HARD = EnergyBand(0.5, 2.0), EnergyBand(2.3, 5.0)
EROSITA = get_mission("erosita")
SPECTRUM = ExposureSpectrum(2.0, 0.03)


@pytest.fixture(scope="module")
def pointing(survey_pointing: Path) -> EventList:
    return select_detectors(open_events(survey_pointing), "TM1")


def field_of(events: EventList, band: EnergyBand) -> tuple[Field, str]:
    field = field_from_events(events, [band], ImageParameters(pixel_size="16arcsec"))
    return field, next(iter(field.exposure))


def counted(index: float, band: EnergyBand) -> tuple[np.ndarray, np.ndarray]:
    """Return energies, and the counts of a power law of norm one in steps of these on the axis."""
    arf = EROSITA.nominal_responses((1,)).arf[0]
    edges = np.linspace(*band, 4001)
    energy = (edges[1:] + edges[:-1]) / 2
    area = np.interp(energy, (arf.energy_low + arf.energy_high) / 2, arf.effective_area)
    return energy, area * energy**-index * np.diff(edges)


@pytest.mark.parametrize("band", [SOFT, HARD])
@pytest.mark.parametrize("index", [0.0, 2.0])
def test_vignetting_is_the_integral_over_the_band(
    pointing: EventList, band: EnergyBand, index: float
) -> None:
    found = band_vignetting(pointing, EROSITA, band, ExposureSpectrum(index))
    energy, weight = counted(index, band)
    angle = np.array([0.0, 8.0, 19.0, 30.0])
    parts = np.stack([EROSITA.vignetting(angle, float(e)) for e in energy], axis=1)
    # the matrix brings a few photons over the limits, which the integral leaves out
    assert found(angle) == pytest.approx(parts @ weight / weight.sum(), rel=2e-3)
    assert found.weights.sum() == pytest.approx(1)


def test_the_middle_of_the_band_is_off_by_as_much_as_known(pointing: EventList) -> None:
    """Averaged over the field: 1.6 % in a soft band, -2.3 % in a hard one, for index 2."""
    angle = np.linspace(0, 30.9, 300)
    for band, expected in ((SOFT, 1.0170), (HARD, 0.9769)):
        found = band_vignetting(pointing, EROSITA, band, SPECTRUM)
        middle = EROSITA.vignetting(angle, float(np.sqrt(band[0] * band[1])))
        assert angle @ middle / (angle @ found(angle)) == pytest.approx(expected, abs=5e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0.1, 10.0), min_size=1, max_size=5, unique=True),
    st.integers(0, 2**32 - 1),
)
def test_a_mean_lies_between_its_parts_and_one_energy_is_itself(
    energies: list[float], seed: int
) -> None:
    energy = np.sort(energies)
    weight = np.random.default_rng(seed).dirichlet(np.ones(len(energy)))
    found = BandVignetting(EROSITA, energy, weight, "")
    angle = np.linspace(0, 30, 40)
    parts = np.stack([EROSITA.vignetting(angle, float(e)) for e in energy])
    assert (found(angle) <= parts.max(axis=0) + 1e-5).all()
    assert (found(angle) >= parts.min(axis=0) - 1e-5).all()
    assert found(np.zeros(1))[0] == pytest.approx(1)
    if len(energy) == 1:
        own = EROSITA.vignetting(angle, found.effective_energy)
        assert own == pytest.approx(parts[0], abs=1e-9)


def test_the_effective_energy_stands_for_the_band_where_vignetting_is_straight(
    pointing: EventList,
) -> None:
    found = band_vignetting(pointing, EROSITA, SOFT, SPECTRUM)
    angle = np.linspace(0, 30, 50)
    own = EROSITA.vignetting(angle, found.effective_energy)
    assert 1.25 < found.effective_energy < 2.0
    assert own == pytest.approx(found(angle), rel=1e-4)


@pytest.mark.parametrize("which", ["survey_pointing", "survey_tile"])
def test_maps_are_livetime_times_the_mean(which: str, request: pytest.FixtureRequest) -> None:
    """A map is linear in the vignetting: the weighted mean of maps at all energies."""
    events = select_detectors(open_events(request.getfixturevalue(which)), "TM1")
    field, label = field_of(events, HARD)
    vignetting = BandVignetting(
        EROSITA, np.array([2.0, 3.0, 4.8]), np.array([0.5, 0.3, 0.2]), "three"
    )
    found = with_band_vignetting(field, label, vignetting)
    expected = np.zeros(found.data.shape)
    for energy, weight in zip(vignetting.energies, vignetting.weights, strict=True):
        alone = BandVignetting(EROSITA, np.array([energy]), np.ones(1), "one")
        expected += weight * with_band_vignetting(field, label, alone).data
    seen = field.exposure[label].data > 0.02 * field.exposure[label].data.max()
    assert found.data[seen] == pytest.approx(expected[seen], rel=1e-4)
    same = BandVignetting(
        EROSITA, np.array([field.exposure[label].stamps["VIGNKEV"]]), np.ones(1), "as it was"
    )
    again = with_band_vignetting(field, label, same)
    assert again.data == pytest.approx(field.exposure[label].data, rel=1e-5)


@pytest.mark.parametrize("scanning", [False, True])
def test_an_even_sky_is_evenly_and_rightly_bright(
    make_events: Callable[..., Path], scanning: bool
) -> None:
    """The photons of a steep power law, each vignetted at its own energy."""
    norm = 0.08 if scanning else 0.03
    how = {"scans": 16, "field_size": "60arcmin", "scan_distance": "4arcmin"}
    path = make_events(
        seed=8, mission="erosita", detectors="TM1", energy="2-6", background_rate=0,
        **(how if scanning else {"exposure": "2ks"}), diffuse="powerlaw",
        diffuse_set=("powerlaw.PhoIndex=4", f"powerlaw.norm={norm}"),
    )  # fmt: skip
    events = open_events(path)
    spectrum = ExposureSpectrum(4.0)
    field, label = field_of(events, HARD)
    exposure, note = weighted_exposure(field, label, spectrum)
    assert not note
    edges = np.array([0.0, 14.0, 21.0, 28.0])
    geometry = RadialGeometry(SkyPosition(150.0, 2.2))
    profile, before = (
        extract_profile(field.counts[label], image, geometry, edges)
        for image in (exposure, field.exposure[label])
    )
    true = norm * counted(4.0, HARD)[1].sum()
    counts = profile.counts
    assert counts.min() > 10_000
    error = 0.004 + 4 / np.sqrt(counts)  # the simulator's table of vignettings is true to 0.003
    assert (np.abs(counts / profile.exposure_area / true - 1) < error).all()
    # the vignetting of the band's middle is another one: the test tells them apart
    wrong = counts / before.exposure_area / true - 1
    assert wrong[-1] > 1.5 * error.max()


def test_stamps_tell_the_spectrum_and_survive_a_file(pointing: EventList, tmp_path: Path) -> None:
    field, label = field_of(pointing, SOFT)
    assert has_one_energy(field, label)
    exposure, _ = weighted_exposure(field, label, SPECTRUM)
    exposure.write(tmp_path / "e.fits")
    stamps = read_sky_image(tmp_path / "e.fits").stamps
    assert stamps["VIGNSPEC"] == "powerlaw:2,0.03" and stamps["EXPMAP"] == "APPROX"
    assert stamps["VIGNKEV"] == pytest.approx(1.325, abs=0.003)
    # a map that is for a spectrum already stays as it is
    once = replace(field, exposure={label: exposure})
    assert weighted_exposure(once, label, ExposureSpectrum(0.0))[0] is exposure


def test_given_and_relative_maps_stay_as_they_are(pointing: EventList) -> None:
    field, label = field_of(pointing, SOFT)
    made = field.exposure[label]
    for image in (
        replace(made, stamps={**made.stamps, "EXPMAP": "SUPPLIED"}), replace(made, unit=""),
    ):  # fmt: skip
        given_map = replace(field, exposure={label: image})
        assert weighted_exposure(given_map, label, SPECTRUM) == (image, "")
    assert weighted_exposure(field, label, None)[0] is made
    alone = replace(field, events=None)
    assert weighted_exposure(alone, label, SPECTRUM)[0] is made
    other, notes = weighted_fields([field], "no such band", SPECTRUM)
    assert other == [field] and notes == []


def test_without_responses_a_note_tells(
    pointing: EventList, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, label = field_of(pointing, SOFT)

    def missing(self: object, detectors: object) -> None:
        raise MissingDataError("an area", "is not installed", "install it")

    monkeypatch.setattr(type(EROSITA), "nominal_responses", missing)
    (same,), notes = weighted_fields([field, field][:1], label, SPECTRUM)
    assert same.exposure[label] is field.exposure[label]
    assert notes == [
        "vignetting is that at 1 keV, not of a spectrum over the band: an area: is not installed"
    ]


def test_a_spectrum_without_counts_in_the_band_is_an_error(pointing: EventList) -> None:
    with pytest.raises(ParameterError, match="has no counts in 20-30 keV"):
        band_vignetting(pointing, EROSITA, EnergyBand(20.0, 30.0), SPECTRUM)


def test_texts_of_spectra() -> None:
    assert parse_spectrum("none") is None
    assert parse_spectrum(" powerlaw:1.4 ") == ExposureSpectrum(1.4, 0.0)
    assert parse_spectrum(DEFAULT) == SPECTRUM
    assert parse_spectrum(str(SPECTRUM)) == SPECTRUM
    assert ExposureMapParameters().spectrum is None
    for text in ("", "apec:3", "powerlaw", "powerlaw:", "powerlaw:x", "powerlaw:2,-1",
                 "powerlaw:nan", "powerlaw:2,inf", "powerlaw:2,1,1"):  # fmt: skip
        with pytest.raises(ValueError, match="is not powerlaw:INDEX,NH"):
            parse_spectrum(text)
    with pytest.raises(ParameterError, match="exposure_spectrum"):
        ExposureMapParameters.read({"exposure_spectrum": "powerlaw:2,200"}, "mosaic")
