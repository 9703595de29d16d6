"""What an error of the command line is about is named as the user wrote it."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from pydantic import Field, model_validator

from xsurvey.cli.options import step_options
from xsurvey.errors import ParameterError
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters

from .test_bad_input import assert_one_line_error

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        (["info"], "EVENTS..."), (["fetch"], "WHAT..."), (["init"], "PIPELINE"),
        (["detect", "-o", "o.fits"], "EVENTS...|IMAGE"), (["image", "e.fits"], "--output"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_as_in_the_help(
    arguments: list[str], subject: str, call: Call
) -> None:
    status, _, error = call(*arguments)
    assert status == 2
    assert error == (
        f"xsurvey: error: {subject}: is required; see `xsurvey {arguments[0]} --help`\n"
    )


BAND_TWICE = "is given more than once; make one image at a time"


@pytest.mark.parametrize(
    ("arguments", "subject", "cause"),
    [
        # seen while the options are read
        ("lightcurve --radius 3arcsec", "--radius", "is given without a position"),
        ("detect --annulus-inner 9 --annulus-outer 2", "--annulus-outer", "is not larger"),
        ("lightcurve --trials 99 --significance 0.001", "--trials", "trials (99) are too few"),
        ("image --band foo", "--band", "'foo' is not an energy range"),
        ("image --image-band foo", "--image-band", "'foo' is not an energy range"),
        ("image --band 2-7 --band 0.5-2", "--band", BAND_TWICE),
        ("image --band 2-7 --image-band 0.5-2", "--band", BAND_TWICE),
        # seen by a step
        ("image --detectors TM8", "--detectors", "has no 'TM8'"),
        ("lightcurve --bin-size 0.0001s", "--bin-size", "bins; give wider bins"),
        ("lightcurve --position 1,2 --region r.reg", "--region", "as well as a position"),
        ("lightcurve --background-region r.reg", "--background-region", "without a source"),
    ],
)
def test_errors_name_the_option(
    arguments: str, subject: str, cause: str, event_file: Path, tmp_path: Path,
    call: Call,
) -> None:  # fmt: skip
    command, *options = arguments.split()
    status, out, error = call(command, event_file, "-o", tmp_path / "o.fits", *options)
    assert status == 2
    assert out == ""
    assert error.startswith(f"xsurvey: error: {subject}: ")
    assert_one_line_error(error, cause)
    assert not (tmp_path / "o.fits").exists()


def test_contradictions_without_an_option_to_blame() -> None:
    class Pair(StepParameters):
        """Two numbers."""

        low: int = Field(default=0, description="One.")

        @model_validator(mode="after")
        def _fit(self) -> "Pair":
            raise ValueError("these do not fit together")

    @click.command()
    @step_options(Pair)
    def command(parameters: Pair) -> None:
        """Do nothing."""

    with pytest.raises(ParameterError) as caught:
        command.main([], standalone_mode=False)
    assert str(caught.value) == "command line: these do not fit together; correct the value"


def test_other_subjects_stay() -> None:
    @click.command()
    @step_options(SelectionParameters)
    def command(parameters: SelectionParameters) -> None:
        """Complain of a config."""
        raise ParameterError("c.yaml: selection.detectors", "is wrong", "correct it")

    with pytest.raises(ParameterError) as caught:
        command.main([], standalone_mode=False)
    assert str(caught.value) == "c.yaml: selection.detectors: is wrong; correct it"
