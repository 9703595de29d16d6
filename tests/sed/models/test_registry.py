"""Models by name."""

import pytest

from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.inference.parameter_set import ParameterSet, require_priors
from xsurvey.sed.models import registry
from xsurvey.sed.models.registry import DISTRIBUTIONS, radiative_model
from xsurvey.sed.targets.registry import TARGETS


def test_every_model_with_every_distribution() -> None:
    for name in registry._MODELS:
        for electrons in DISTRIBUTIONS:
            targets = tuple(TARGETS) if name == "external-compton" else ()
            model = radiative_model(name, electrons=electrons, redshift=0.1, targets=targets)
            parameters = ParameterSet(model.parameters)
            require_priors(parameters)
            assert len({p.name for p in model.parameters}) == len(model.parameters)
            assert all(p.description for p in model.parameters)
            assert {"gamma_min", "gamma_max", "t_var"}.isdisjoint(parameters.free_names)


def test_the_parameters_of_ssc() -> None:
    model = radiative_model("ssc", electrons="broken-power-law", redshift=0.1)
    assert [p.name for p in model.parameters] == [
        "log10_k", "p1", "p2", "log10_gamma_b", "gamma_min", "gamma_max", "delta", "log10_B",
        "t_var",
    ]  # fmt: skip


def test_distances() -> None:
    # astropy 8.0 with Planck18, which has neutrinos: 4.30936e26 cm
    model = radiative_model("ssc", redshift=0.0308)
    assert model.distance == pytest.approx(4.30936e26, rel=1e-3)
    other = radiative_model("ssc", redshift=0.0308, cosmology=Cosmology(h0=70, omega_m=0.3))
    assert other.distance < model.distance


@pytest.mark.parametrize(
    ("arguments", "subject", "hint"),
    [
        ({"name": "scc"}, "model", "'ssc'"),
        ({"electrons": "brokenpowerlaw"}, "electrons", "'broken-power-law'"),
        ({"redshift": 0.0}, "redshift", "above 0"),
        ({"redshift": -1.0}, "redshift", "above 0"),
        ({"redshift": float("nan")}, "redshift", "above 0"),
        ({"redshift": 30.0}, "redshift", "below 20"),
        ({"targets": ("torus",)}, "target", "take the model 'external-compton'"),
        ({"line": "Lyalpha"}, "line", "take the model 'external-compton'"),
        ({"name": "external-compton", "targets": ("disk",), "line": "Lyalpha"}, "line", "blr"),
        (
            {"name": "external-compton", "targets": ("blr",), "black_body": True},
            "black_body",
            "add the target torus",
        ),
    ],
)
def test_what_cannot_be(arguments: dict, subject: str, hint: str) -> None:
    with pytest.raises(ParameterError) as caught:
        radiative_model(**{"name": "ssc", "redshift": 0.1, **arguments})
    assert caught.value.subject == subject
    assert hint in caught.value.remedy
