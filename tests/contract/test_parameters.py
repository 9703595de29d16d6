"""One definition, three ways in: YAML, command line and Python agree for every step."""

import inspect
import re
import typing

import click
import pytest
import yaml

from xsurvey.apertures.aperture import ApertureParameters
from xsurvey.archives.parameters import FetchParameters
from xsurvey.cli.detect import detect_command
from xsurvey.cli.fetch import fetch_command
from xsurvey.cli.image import image_command
from xsurvey.cli.lightcurve import lightcurve_command
from xsurvey.cli.options import option_name, step_options
from xsurvey.cli.polarization_fit import fit_command as polarization_fit_command
from xsurvey.cli.polarization_pcube import pcube_command
from xsurvey.cli.polarization_spectrum import spectrum_command
from xsurvey.cli.polarization_test import test_command as polarization_tests
from xsurvey.cli.profile import profile_command
from xsurvey.cli.sed_fit import fit_command as sed_fit_command
from xsurvey.cli.sed_points import points_command
from xsurvey.cli.sed_simulate import simulate_command as sed_simulate_command
from xsurvey.cli.simulate import simulate_command
from xsurvey.cli.spectrum_extract import extract_command
from xsurvey.cli.spectrum_fit import fit_command
from xsurvey.cli.upper_limit import upper_limit_command
from xsurvey.config_template import write_template
from xsurvey.detection.limit_parameters import UpperLimitParameters
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines import PIPELINE_NAMES, get_pipeline
from xsurvey.pipelines.polarization.spectra_parameters import (
    PosteriorSection,
    SpectropolarimetrySection,
    StokesSpectraSection,
)
from xsurvey.pipelines.spectra.parameters import SpectralRegion
from xsurvey.polarization.optical.parameters import CompanionParameters, OpticalSeriesParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    KnownAngleParameters,
    PulsePhaseParameters,
    RotationParameters,
)
from xsurvey.profiles.exposure_spectrum import ExposureMapParameters
from xsurvey.profiles.profile_parameters import ProfileCentre, SurfaceBrightnessParameters
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.fitting.simulated import SimulatedSedParameters
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.spectra.extraction.parameters import ExtractionParameters
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.timing.parameters import LightCurveParameters, VariabilityParameters

STEPS = {
    model.__name__: model
    for name in PIPELINE_NAMES
    for model in get_pipeline(name).sections.values()
} | {
    m.__name__: m
    for m in (
        SimulationParameters, LightCurveParameters, VariabilityParameters, ApertureParameters,
        SelectionParameters, FetchParameters, ExtractionParameters, MCMCParameters,
        NestedParameters, SpectrumFitParameters, FluxParameters, ModelSettings,
        UpperLimitParameters, ProfileCentre, SurfaceBrightnessParameters,
        ExposureMapParameters, PolarizationParameters, KnownAngleParameters, ConstancyParameters,
        RotationParameters, PulsePhaseParameters, OpticalSeriesParameters, CompanionParameters,
        SpectropolarimetryParameters, StokesSpectraParameters, StokesSpectraSection,
        SpectropolarimetrySection, PosteriorSection, SedFitParameters, FluxPointParameters,
        SimulatedSedParameters,
    )
}  # fmt: skip

COMMANDS = [
    (
        detect_command,
        (DetectionParameters, PhotometryParameters, ImageParameters, SelectionParameters),
    ),
    (image_command, (ImageParameters, SelectionParameters, ExposureMapParameters)),
    (simulate_command, (SimulationParameters,)),
    (
        lightcurve_command,
        (LightCurveParameters, VariabilityParameters, ApertureParameters, SelectionParameters),
    ),
    (upper_limit_command, (UpperLimitParameters, SelectionParameters)),
    (fetch_command, (FetchParameters,)),
    (profile_command, (ProfileCentre, SurfaceBrightnessParameters, MCMCParameters)),
    (pcube_command, (PolarizationParameters, SelectionParameters)),
    (
        polarization_tests,
        (
            PolarizationParameters,
            KnownAngleParameters,
            ConstancyParameters,
            RotationParameters,
            PulsePhaseParameters,
            OpticalSeriesParameters,
            SelectionParameters,
        ),
    ),
    (spectrum_command, (StokesSpectraParameters, SelectionParameters)),
    (extract_command, (ExtractionParameters, ApertureParameters, SelectionParameters)),
    (
        fit_command,
        (SpectrumFitParameters, ModelSettings, FluxParameters, MCMCParameters, NestedParameters),
    ),
    (sed_fit_command, (SedFitParameters, MCMCParameters, NestedParameters)),
    (points_command, (FluxPointParameters, SpectrumFitParameters, ModelSettings)),
    (sed_simulate_command, (SimulatedSedParameters,)),
    (
        polarization_fit_command,
        (SpectropolarimetryParameters, ModelSettings, FluxParameters, MCMCParameters),
    ),
]


def options_of(command: click.Command) -> dict[str, click.Option]:
    return {p.name: p for p in command.params if isinstance(p, click.Option) and p.name}


def command_for(model: type[StepParameters]) -> click.Command:
    @click.command()
    @step_options(model)
    def command(parameters: StepParameters) -> StepParameters:
        return parameters

    return command


@pytest.mark.parametrize("model", STEPS.values(), ids=STEPS.keys())
def test_every_field_is_described(model: type[StepParameters]) -> None:
    for inner in models_in(model):
        for name, field in inner.model_fields.items():
            assert field.description, f"{inner.__name__}.{name} has no description"


def models_in(model: type[StepParameters]) -> list[type[StepParameters]]:
    """Return a model and those of the entries of its mappings."""
    kinds = [a for f in model.model_fields.values() for a in typing.get_args(f.annotation)]
    inner = [k for k in kinds if isinstance(k, type) and issubclass(k, StepParameters)]
    return [model, *(found for kind in inner for found in models_in(kind))]


def test_models_of_named_entries_are_explained_in_the_template() -> None:
    sections = get_pipeline("sources").sections
    assert SpectralRegion in models_in(sections["spectra"])
    flat = " ".join(write_template("sources", sections, ["x.fits"]).replace("#", " ").split())
    for name, field in SpectralRegion.model_fields.items():
        assert f"{name}: {' '.join(str(field.description).split())}" in flat


@pytest.mark.parametrize("model", STEPS.values(), ids=STEPS.keys())
def test_name_default_and_help_agree(model: type[StepParameters]) -> None:
    command = command_for(model)
    options = options_of(command)
    template = yaml.safe_load(write_template("sources", {"step": model}, ["x.fits"]))["step"] or {}
    text = write_template("sources", {"step": model}, ["x.fits"])
    flat = " ".join(text.replace("#", " ").split())
    python = model()
    for name, field in model.model_fields.items():
        assert option_name(name) in options[name].opts
        assert (options[name].help or "").startswith(str(field.description))
        # an option is repeated, where a key of a config has a list
        written = str(field.description).replace("repeat for several", "a list for several")
        assert " ".join(written.split()) in flat
        assert "repeat for" not in flat
        assert name in template
    from_yaml = model.read({k: v for k, v in template.items() if v is not None}, "step")
    from_command = command.main([], standalone_mode=False)
    assert from_yaml == from_command == python


@pytest.mark.parametrize(("command", "models"), COMMANDS)
def test_commands_carry_the_options_of_their_models(
    command: click.Command, models: tuple[type[StepParameters], ...]
) -> None:
    options = options_of(command)
    for model in models:
        expected = options_of(command_for(model))
        for name, option in expected.items():
            assert options[name].help == option.help
            assert options[name].opts == option.opts


def test_values_mean_the_same_everywhere() -> None:
    written = {
        "threshold": 12.5,
        "band": ["0.5-2"],
        "background_scale": "2arcmin",
        "marginal": True,
    }
    from_yaml = DetectionParameters.read(written, "detection")
    arguments = ["--threshold", "12.5", "--band", "0.5-2", "--background-scale", "2arcmin",
                 "--marginal"]  # fmt: skip
    from_command = command_for(DetectionParameters).main(arguments, standalone_mode=False)
    assert from_yaml == from_command
    assert from_yaml.background_scale == 120.0
    again = DetectionParameters.read(from_yaml.normalised(), "detection")
    assert again == from_yaml


def test_options_are_written_once() -> None:
    """No command module declares by hand what a model has."""
    names = {option_name(n) for model in STEPS.values() for n in model.model_fields} - {"--band"}
    for command, _ in COMMANDS:
        source = inspect.getsource(inspect.getmodule(command.callback))  # type: ignore[arg-type]
        declared = {n for n in names if f'"{n}"' in source}
        assert declared == set()


def test_options_of_a_step_stand_below_its_title() -> None:
    help_text = fit_command.get_help(click.Context(fit_command, info_name="fit"))
    blocks = dict(re.findall(r"^(\S[^\n]*):\n((?:  [^\n]*\n?|\n)+)", help_text, re.MULTILINE))
    listed = {title: re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
              for title, text in blocks.items()}  # fmt: skip
    once = [option for options in listed.values() for option in options]
    assert sorted(once) == sorted(
        [p.opts[-1] for p in options_of(fit_command).values()] + ["--help"]
    )
    assert {"--plot", "--json", "--help"} < set(listed["Options"])
    assert listed["Model and parameters"][:2] == ["--model", "--set"]
    assert "--cross-calibration" not in listed["Model and parameters"]
    assert listed["How evidences are computed"] == [
        option_name(name) for name in NestedParameters.model_fields
    ]


@pytest.mark.parametrize("model", STEPS.values(), ids=STEPS.keys())
def test_titles_begin_at_fields(model: type[StepParameters]) -> None:
    assert set(model.titles) <= set(model.model_fields)
