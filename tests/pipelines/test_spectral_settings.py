"""With what each model is fitted, and where results lie."""

from typing import Any

import pytest

from xsurvey.errors import ParameterError
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.places import (
    extraction_target,
    observation_of,
    spectrum_folder,
    spectrum_stem,
)
from xsurvey.pipelines.spectra.settings_of import alternatives_for, parameters_for

NONE = SpectraParameters(sources=True)


def fitting(**settings: Any) -> SpectralFitParameters:
    return SpectralFitParameters.read(settings, "spectral_fits")


def test_models_have_the_settings_of_their_own_parameters() -> None:
    chosen = fitting(
        model="tbabs*powerlaw", alternatives=["tbabs*apec", "phabs*bbody"],
        set=["tbabs.nH=0.5", "powerlaw.PhoIndex=2"], thaw=["apec.Abundanc"],
        freeze=["phabs.nH=0.3"], limits=["apec.kT=0.1,20"],
    )  # fmt: skip
    first = parameters_for("source_0001", NONE, chosen)
    assert first.set == ("tbabs.nH=0.5", "powerlaw.PhoIndex=2")
    assert (first.thaw, first.freeze, first.limits) == ((), (), ())
    apec, bbody = alternatives_for(chosen)
    assert (apec.model, bbody.model) == ("tbabs*apec", "phabs*bbody")
    assert apec.set == ("tbabs.nH=0.5",)
    assert (apec.thaw, apec.limits) == (("apec.Abundanc",), ("apec.kT=0.1,20",))
    assert bbody.freeze == ("phabs.nH=0.3",)
    assert bbody.set == ()


def test_what_no_model_has_stays_with_the_first_to_be_told() -> None:
    chosen = fitting(alternatives=["tbabs*bbody"], freeze=["tbabs.nh", "apec.kT=1"])
    assert parameters_for("", NONE, chosen).freeze == ("tbabs.nh", "apec.kT=1")
    assert alternatives_for(chosen)[0].freeze == ("tbabs.nh",)


def test_links_hold_where_all_their_parameters_are() -> None:
    link = ("apec_2.kT=2*apec.kT", "tbabs.nH=0.1*powerlaw.PhoIndex")
    chosen = fitting(alternatives=["tbabs*(apec+apec)", "tbabs*bbody"], link=link)
    assert parameters_for("", NONE, chosen).link == link[1:]
    assert [one.link for one in alternatives_for(chosen)] == [link[:1], ()]
    unknown = fitting(alternatives=["tbabs*bbody"], link=["tbabs.nH=2*apec.kT"])
    assert parameters_for("", NONE, unknown).link == ("tbabs.nH=2*apec.kT",)


def test_a_region_with_a_model_has_its_own_settings() -> None:
    region = {"position": "10,20", "radius": "5arcsec", "model": "bbody", "freeze": ["bbody.kT=1"]}
    spectra = SpectraParameters.read({"regions": {"a": region}}, "spectra")
    found = parameters_for("a", spectra, fitting(freeze=["tbabs.nH=1"]))
    assert (found.model, found.freeze) == ("bbody", ("bbody.kT=1",))


def test_an_empty_alternative_is_refused() -> None:
    with pytest.raises(ParameterError, match="one of the models is empty"):
        fitting(alternatives=["tbabs*apec", " "])


@pytest.mark.parametrize(
    ("stack", "observation"), [("a", "a"), ("field", "a"), ("a", "b/c"), ("a/b", "a/b/c")]
)
def test_targets_lead_back_to_observations(stack: str, observation: str) -> None:
    assert observation_of(extraction_target(stack, observation), stack) == observation


def test_places_of_files() -> None:
    folders = {spectrum_folder(f"source_{n:04d}", n).parent for n in range(1, 100_001)}
    assert len(folders) <= 1001
    assert str(spectrum_folder("source_0099", 99)) == "sources_0000/source_0099"
    assert str(spectrum_folder("source_12345", 12345)) == "sources_12300/source_12345"
    assert spectrum_stem("source_0001", "s", "a b") != spectrum_stem("source_0001", "s", "a_b")
