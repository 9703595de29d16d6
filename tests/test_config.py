"""The envelope of configurations: what is read, and how mistakes are answered."""

from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from xsurvey.config import load_config
from xsurvey.config_files import find_file
from xsurvey.config_template import _scalar, write_template
from xsurvey.errors import InputError, ParameterError, XSurveyError, nearest
from xsurvey.io.yaml_file import parse_yaml
from xsurvey.parameters import StepParameters, naming_keys
from xsurvey.units import Angle, Band


class Smoothing(StepParameters):
    """How it is smoothed."""

    kernel: Literal["gauss", "no"] = Field("gauss", description="The kernel.")
    width: Angle = Field("30arcsec", gt=0, description="Its width.")


class DetectionParameters(StepParameters):
    """How sources are found."""

    threshold: float = Field(1e-5, gt=0, description="What is kept: " + "words " * 30)
    band: tuple[Band, ...] = Field(("0.5-7",), description="Energies.")
    seeing: Angle | None = Field(None, gt=0, description="Width of the PSF.")
    label: str = Field("15:13:55", description="Written into the products.")
    smoothing: Smoothing = Smoothing()


class NoParameters(StepParameters):
    """Nothing to choose."""


SECTIONS = {"detection": DetectionParameters, "merge": NoParameters}


def sections_of(name):
    if name != "toy":
        raise ParameterError("pipeline", f"no pipeline '{name}'", nearest(name, ["toy"]))
    return SECTIONS


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write a config beside two event files, and load it from another folder."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("b.fits", "a.fits", "map.img"):
        (folder / name).touch()

    def load_it(text="", *, inputs="[a.fits]", head=None, **options):
        head = (
            f"schema: 1\npipeline: toy\ninputs: {inputs}\noutput: out\n" if head is None else head
        )
        (folder / "c.yaml").write_text(head + text)
        return load_config(Path("../project/c.yaml"), sections_of, **options)

    return load_it


def test_defaults_and_values(load):
    config = load("detection: {threshold: 5, smoothing: {width: 1arcmin}}\nseed: 3\n")
    detection = config.sections["detection"]
    assert (detection.threshold, detection.smoothing.width) == (5.0, 60.0)
    assert (config.seed, config.cluster.profile, config.cluster.workers) == (3, "local", None)
    assert config.sections["merge"] == NoParameters()
    # results go where the user stands, not where the config lies
    assert config.output == Path("out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detecton: {}", "c.yaml: detecton: unknown key; did you mean 'detection'?"),
        ("detection: {treshold: 1}", "c.yaml: detection.treshold: unknown key; did you mean"),
        ("detection: {smoothing: {with: 1}}", "c.yaml: detection.smoothing.with: unknown key; did"),
        ("detection: {threshold: -1}", "c.yaml: detection.threshold: input should be greater"),
        ("detection: {smoothing: {width: 30}}", "c.yaml: detection.smoothing.width: '30' is not"),
        ("detection: 3", "c.yaml: detection: is not a section but 3"),
        ("seed: -1", "c.yaml: seed: "),
        ("seed: 1.5", "c.yaml: seed: "),
        ("seed: true", "c.yaml: seed: "),
        ("cluster: {worker: 2}", "c.yaml: cluster.worker: unknown key; did you mean 'workers'?"),
        ("cluster: {workers: -2}", "c.yaml: cluster.workers: "),
        ("seed: 1\nseed: 2", "c.yaml: line 6: key 'seed' is there twice (first on line 5)"),
        (
            "detection: {threshold: 1, threshold: 2}",
            "c.yaml: line 5: key 'threshold' is there twice",
        ),
        ("a: [1", "c.yaml: line 6: "),
        ("a:\n\t- 1", "c.yaml: line 6: found character '\\t'"),
        ("a: !!python/object/apply:os.system [ls]", "c.yaml: line 5: could not determine"),
        ("3: 4", "c.yaml: line 5: key '3' is not a name"),
    ],
)
def test_a_mistake_is_answered_in_one_line_with_its_place(load, text, message):
    with pytest.raises(XSurveyError) as caught:
        load(text + "\n")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and ";" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("", "is not a mapping"),
        ("- a\n", "is not a mapping"),
        ("pipeline: toy\n", "schema: is required; add the line `schema: 1`"),
        ("schema: 2\n", "schema: this xsurvey reads schema 1, not 2"),
        ("schema: 1\n", "pipeline: is required"),
        ("schema: 1\npipeline: toi\n", "c.yaml: pipeline: no pipeline 'toi'; did you mean 'toy'?"),
        ("schema: 1\npipeline: [toy]\n", "pipeline: is not a name"),
        ("schema: 1\npipeline: toy\ninputs: [a.fits]\n", "output: is required"),
        ("schema: 1\npipeline: toy\noutput: o\n", "inputs: is required"),
        ("schema: 1\npipeline: toy\ninputs: [a.fits]\noutput: c.yaml\n", None),
    ],
)
def test_a_wrong_envelope_is_explained(load, head, message):
    if message is None:
        Path("c.yaml").touch()
        message = "output: c.yaml is a file; name a folder"
    with pytest.raises(XSurveyError) as caught:
        load(head=head)
    assert message in str(caught.value)


def test_inputs_are_found_from_here_first_then_beside_the_config(load):
    assert load().inputs[0].events == (Path("../project/a.fits"),)
    Path("a.fits").touch()
    assert load().inputs[0].events == (Path("a.fits"),)


def test_globs_are_sorted_and_each_file_is_one_input(load):
    inputs = load(inputs="['*.fits', a.fits]").inputs
    assert [entry.events[0].name for entry in inputs] == ["a.fits", "b.fits"]


def test_a_name_with_brackets_is_a_file_if_there_is_one(load):
    Path("x[1].fits").touch()
    assert load(inputs="['x[1].fits']").inputs[0].events == (Path("x[1].fits"),)


def test_home_is_expanded_and_the_environment_is_not(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "project"))
    assert load(inputs="[~/a.fits]").inputs[0].events[0].is_absolute()
    with pytest.raises(InputError, match=r"\$HOME/a\.fits does not exist"):
        load(inputs="[$HOME/a.fits]")


def test_an_input_may_have_several_files_and_a_name(load):
    inputs = "[{events: ['*.fits'], exposure: map.img, name: core}]"
    (entry,) = load(inputs=inputs, kinds_of=lambda pipeline: ["exposure"]).inputs
    assert entry.name == "core" and len(entry.events) == 2
    assert entry.files["exposure"] == (Path("../project/map.img"),)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("[none.fits]", "inputs.0: none.fits does not exist here, nor in the folder of the config"),
        ("['*.evt']", "inputs.0: no file matches *.evt"),
        ("[a.fits, ../project]", "inputs.1: ../project is a folder; name files"),
        ("[{exposure: map.img}]", "inputs.0.events: is required"),
        (
            "[{events: a.fits, exposre: x}]",
            "inputs.0.exposre: unknown key; did you mean 'exposure'",
        ),
        ("[{events: a.fits, exposure: x}]", "inputs.0.exposure: x does not exist"),
        ("[{events: a.fits, name: 3}]", "inputs.0.name: is not a name but 3"),
        ("[{events: a.fits, name: 'a ☃'}]", "inputs.0.name: 'a ☃' is not printable ASCII"),
        ('[{events: a.fits, name: "a\\tb"}]', "inputs.0.name: 'a b' is not printable ASCII"),
        ("[3]", "inputs.0: is not a path but 3"),
        ('["a\\0b"]', "is not a path"),
        ("[]", "inputs: is required"),
    ],
)
def test_wrong_inputs_are_named(load, inputs, message):
    with pytest.raises(XSurveyError) as caught:
        load(inputs=inputs, kinds_of=lambda pipeline: ["exposure"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("none.fits", "none.fits does not exist here, nor in the folder of the config; correct the "
         "path, or make the files: the head of"),
        ("../project", "../project is a folder; name a file"),
        ("*.fits", "*.fits does not exist"),
        ("", "'' is not a path"),
        ("a\0b", "is not a path"),
    ],
)  # fmt: skip
def test_wrong_files_of_sections_are_named(load, text, message):
    with pytest.raises(XSurveyError) as caught:
        find_file(load(), "mask.regions", text)
    assert ": mask.regions: " in str(caught.value) and message in str(caught.value)


def test_datasets_are_left_to_the_caller(load):
    assert load(inputs="data:chandra/m82").inputs[0].events == (Path("data:chandra/m82"),)
    resolved = load(inputs="data:m82", resolve_data=lambda name: [Path(f"/data/{name}.fits")])
    assert resolved.inputs[0].events == (Path("/data/m82.fits"),)


def test_files_that_are_no_configs(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "nul").write_bytes(b"a: \x00")
    for path, message in [
        ("none", "does not exist"),
        ("binary", "not text"),
        ("nul", "is no text"),
        (".", "is a folder; give the YAML file itself"),
    ]:
        with pytest.raises(InputError, match=message):
            load_config(tmp_path / path, sections_of)


def test_what_the_template_says_is_the_default(load, tmp_path):
    text = write_template("toy", SECTIONS, ["a.fits"])
    config = load(head=text)
    assert config.sections == {"detection": DetectionParameters(), "merge": NoParameters()}
    assert (config.seed, config.cluster.workers) == (0, None)
    assert "  # The kernel. [one of gauss, no]" in text.replace("    #", "  #")
    assert "    width: 30arcsec\n" in text and "  band: [0.5-7]\n" in text
    assert max(len(line) for line in text.splitlines()) <= 100


class Needy(StepParameters):
    """What cannot be guessed."""

    redshift: float = Field(ge=0, description="Of the source.")


def test_what_has_no_default_is_left_to_fill_in(tmp_path):
    (tmp_path / "a.fits").touch()
    path = tmp_path / "c.yaml"
    text = write_template("needy", {"fit": Needy}, ["a.fits"])
    path.write_text(text)
    with pytest.raises(ParameterError, match=r"fit\.redshift: is required"):
        load_config(path, lambda name: {"fit": Needy})
    filled = text.replace("fit: {}", "fit:").replace("# redshift:    (required)", "redshift: 0.5")
    path.write_text(filled)
    assert load_config(path, lambda name: {"fit": Needy}).sections["fit"].redshift == 0.5


def test_the_record_of_a_config_has_all_values(load):
    values = load().as_json()
    assert values["detection"]["smoothing"] == {"kernel": "gauss", "width": "30arcsec"}
    assert values["inputs"] == [{"events": ["../project/a.fits"]}]


@given(st.text())
def test_text_is_quoted_where_it_would_read_as_something_else(text):
    assert parse_yaml(f"key: {_scalar(text)}\n") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15:13:55", "15:13:55"), ("0123", 123), ("2020-01-01", "2020-01-01"), ("yes", "yes"),
        ("1e5", 1e5), ("-3", -3), (".5", 0.5), ("0.5-7", "0.5-7"), ("true", True), ("~", None),
        ("1_000", "1_000"),
    ],
)  # fmt: skip
def test_values_are_what_they_look_like(text, value):
    found = parse_yaml(f"key: {text}")["key"]
    assert found == value and type(found) is type(value)


def nest(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, levels):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [nest(9), "a: &a [*a]", "a: " + "[" * 1500, "a: " + "9" * 5000, "? [x]\n: 1", "a: *b"]
)
def test_bombs_and_traps_are_refused(text):
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


def test_honest_aliases_work():
    text = "base: &b {x: 1}\none:\n  <<: *b\n  y: 2\ntwo: *b\n"
    assert parse_yaml(text) == {"base": {"x": 1}, "one": {"x": 1, "y": 2}, "two": {"x": 1}}


def test_all_mistakes_are_told_at_once(load):
    text = "detecton: {}\ndetection: {treshold: 1, seeing: -5arcmin}\nseed: -1\n"
    with pytest.raises(XSurveyError) as caught:
        load(text, inputs="[gone.fits]")
    told = [str(one) for one in (caught.value, *caught.value.others)]
    subjects = [one.split(": ")[1] for one in told]
    assert sorted(subjects) == [
        "detection.seeing", "detection.treshold", "detecton", "inputs.0", "seed",
    ]  # fmt: skip
    assert all(";" in one and "\n" not in one for one in told)
    # as it was written, not what it means
    assert any("not '-5arcmin'" in one for one in told)


def test_a_list_in_a_config_is_called_one():
    class Bands(StepParameters):
        """Bands."""

        band: tuple[Band, ...] = Field((), description="Energies; repeat for several, merged.")

    text = write_template("toy", {"bands": Bands}, ("a.fits",))
    assert "a list for several" in text
    assert "repeat" not in text


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("give another (--width), or --band 2-7", "give another (`width`), or `band` 2-7"),
        ("leave --threshold out", "leave `threshold` out"),
        ("give --threshold-map", "give --threshold-map"),
        ("give one with --rmf", "give one with --rmf"),
        ("run `xsurvey detect --band 2-7`", "run `xsurvey detect --band 2-7`"),
        ("5 -- or --", "5 -- or --"),
    ],
)
def test_errors_of_steps_name_keys(told, named):
    error = InputError("a.fits", told, told)
    error.others = (ParameterError("band", "is --wrong", told),)
    changed = naming_keys(error, [DetectionParameters(), NoParameters()])
    assert type(changed) is InputError
    assert str(changed) == f"a.fits: {named}; {named}"
    assert [str(other) for other in changed.others] == [f"band: is --wrong; {named}"]
    assert str(naming_keys(error, [NoParameters()])) == str(error)
