"""Stages whose source changed must have a new version."""

import itertools
import json
import textwrap
from pathlib import Path

import pytest

from xsurvey.engine import Stage
from xsurvey.engine.fingerprint import (
    DEFAULT_FILE,
    complaints,
    fingerprints,
    helper_modules,
    main,
    read,
    registered_plugins,
    registered_stages,
    stage_fingerprint,
    undeclared_helpers,
    update,
)
from xsurvey.errors import InputError
from xsurvey.missions import missions

NUMBERS = itertools.count()
RECORDED = Path(__file__).with_name("fingerprints.json")

SOURCE = '''
"""A module."""
import math
LIMIT = 3.0
UNUSED = 1

def run(context):
    """Do it."""
    # a remark
    return {"x": helper(LIMIT)}

def helper(value):
    return math.sqrt(value)

def other(value):
    return value
'''


def test_no_stage_changed_without_a_new_version():
    stages = registered_stages()
    if not stages:
        pytest.skip("there are no pipelines yet")
    found = complaints(fingerprints(stages, registered_plugins()), read(RECORDED))
    assert not found, "\n".join(["", *found])


@pytest.fixture
def stage_of(tmp_path, monkeypatch):
    """Make a stage of a module with a given source."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(source, version="1", helpers=()):
        name = f"fingerprinted_{next(NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        return Stage("toy", version, __import__(name).run, ("x",), helpers=helpers)

    return make


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # a remark\n", ""),
        ('"""Do it."""', '"""Do it well."""'),
        ('{"x": helper(LIMIT)}', '{\n        "x": helper(LIMIT),\n    }'),
        ("UNUSED = 1", "UNUSED = 2"),
        ("    return value\n", "    return -value\n"),
    ],
)
def test_what_cannot_matter_does_not_count(stage_of, old, new):
    assert old in SOURCE
    before = stage_fingerprint(stage_of(SOURCE))
    assert stage_fingerprint(stage_of(SOURCE.replace(old, new))) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 3.0", "LIMIT = 4.0"), ("math.sqrt(value)", "math.exp(value)"), ('"x"', '"y"')],
)
def test_what_can_matter_counts(stage_of, old, new):
    before = stage_fingerprint(stage_of(SOURCE))
    assert stage_fingerprint(stage_of(SOURCE.replace(old, new))) != before


def test_helper_modules_and_packages_count(stage_of, tmp_path):
    package = tmp_path / "helping"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("x = 1\n")
    stage = stage_of(SOURCE, helpers=("helping",))
    before = stage_fingerprint(stage)
    (package / "part.py").write_text("x = 1  # one\n")
    assert stage_fingerprint(stage) == before
    (package / "part.py").write_text("x = 2\n")
    assert stage_fingerprint(stage) != before
    with pytest.raises(InputError, match="helper module no_such_module: does not exist"):
        stage_fingerprint(stage_of(SOURCE, helpers=("no_such_module",)))


def test_a_change_without_a_version_is_told_and_not_recorded(stage_of, tmp_path):
    file = tmp_path / "fingerprints.json"
    changed = SOURCE.replace("3.0", "4.0")
    update(fingerprints([stage_of(SOURCE)]), file)
    assert complaints(fingerprints([stage_of(SOURCE)]), read(file)) == []

    now = fingerprints([stage_of(changed)])
    line, command = complaints(now, read(file))
    assert "its version is still 1" in line
    assert "python -m xsurvey.engine.fingerprint --update --same-results toy" in command
    with pytest.raises(InputError, match="raise it, or give --same-results toy"):
        update(now, file)
    assert json.loads(file.read_text()) != now
    update(now, file, same_results=["toy"])
    assert complaints(now, read(file)) == []

    newer = fingerprints([stage_of(SOURCE, version="2")])
    assert "has a new version" in complaints(newer, read(file))[0]
    update(newer, file)
    assert "is gone" in complaints({}, read(file))[0]


def test_what_a_stage_uses_is_among_its_helpers():
    for stage in registered_stages():
        missing = undeclared_helpers(stage)
        assert not missing, f"stage '{stage.name}' uses {', '.join(missing)}: name it in helpers"


def test_helpers_that_are_not_named_are_noticed(stage_of):
    source = """
        from xsurvey.errors import InputError
        from xsurvey.pipelines.products.stage import INDEX
        from xsurvey.units import EnergyBand, parse_time

        def run(context):
            raise InputError("", "", INDEX)
            return band(context)

        def band(context):
            return EnergyBand(0, 1)

        def other(context):
            return parse_time(context)
        """
    assert undeclared_helpers(stage_of(source)) == ["xsurvey.units"]
    assert undeclared_helpers(stage_of(source, helpers=("xsurvey.units",))) == []


def test_missions_have_fingerprints_of_their_own():
    plugins = {plugin.name: plugin for plugin in registered_plugins()}
    found = fingerprints([], plugins.values())
    versions = {f"mission:{name}": mission.version for name, mission in missions().items()}
    assert len(found) >= 3  # those of other packages are not the house's
    assert {name: one["version"] for name, one in found.items()}.items() <= versions.items()
    for stage in registered_stages():
        own = helper_modules(stage)
        assert not own & {m for plugin in plugins.values() for m in plugin.modules}
    with_helpers = next(s for s in registered_stages() if "xsurvey.missions" in s.helpers)
    assert {"xsurvey.missions", "xsurvey.missions.base"} <= helper_modules(with_helpers)


def test_all_that_is_refused_is_told_with_one_command(stage_of, tmp_path):
    file = tmp_path / "fingerprints.json"
    two = [stage_of(SOURCE), stage_of(SOURCE)]
    before = {name: one for name, stage in zip("ab", two, strict=True)
              for one in fingerprints([stage]).values()}  # fmt: skip
    file.write_text(json.dumps(before))
    changed = fingerprints([stage_of(SOURCE.replace("3.0", "4.0"))])["toy"]
    now = {"a": changed, "b": changed, "mission:c": changed}
    *lines, command = complaints(now, read(file))
    assert [line.split(" ch")[0] for line in lines] == [
        "stage 'a'",
        "stage 'b'",
        "mission 'c' is new",
    ]
    assert command.endswith("--update --same-results a b")
    with pytest.raises(InputError, match=r"stage 'a', stage 'b': changed.*--same-results a b if"):
        update(now, file)
    with pytest.raises(InputError, match="'d': is no stage or plug-in"):
        update(now, file, ["d"])
    update(now, file, ["a", "b"])
    assert complaints(now, read(file)) == []


def test_the_record_is_found_from_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert DEFAULT_FILE == RECORDED
    assert main([]) == 0, capsys.readouterr().out
    assert main(["--file", str(tmp_path / "nowhere" / "f.json")]) == 2
    assert "is not there to compare with" in capsys.readouterr().err
