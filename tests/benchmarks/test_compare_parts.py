"""Parts of the comparison: what a child took, environments, and what xsurvey's scripts write."""

import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.compare import environments, inputs, measuring
from benchmarks.compare.environments import CannotRun, cause
from benchmarks.compare.tasks import SCRIPTS, TASKS, Task
from benchmarks.profiles import make_field
from xsurvey.errors import XSurveyError
from xsurvey.io.datasets import resolve

from ..mission_files import write_ixpe

Run = Callable[..., subprocess.CompletedProcess[str]]
BY_NAME = {task.name: task for task in TASKS}


def python(tmp_path: Path, code: str) -> measuring.Cost:
    return measuring.run_script([sys.executable, "-c", code], tmp_path, tmp_path / "home", {})


def test_memory_is_the_childs_and_not_ours(tmp_path: Path) -> None:
    ballast = bytearray(300 << 20)
    small = python(tmp_path, "pass").peak_mb
    large = python(tmp_path, f"x = bytearray({200 << 20})").peak_mb
    assert small < 100 < len(ballast) >> 20
    assert 190 < large - small < 230


def test_children_of_the_child_count(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(200 << 20)'])"
    )
    assert python(tmp_path, code).peak_mb > 200


def test_imports_count_wherever_they_are(tmp_path: Path) -> None:
    # modules that take a tenth of a second of CPU, one within another, one imported by its name
    busy = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\n"
    (tmp_path / "inner.py").write_text(busy)
    (tmp_path / "outer.py").write_text(f"import inner\n{busy}")
    (tmp_path / "named.py").write_text(busy)
    code = (
        "import importlib\ndef f():\n    import outer\n    import outer\n"
        f"f()\nimportlib.import_module('named')\n{busy}"
    )
    cost = python(tmp_path, code)
    assert cost.imports_s >= 0.3
    assert cost.work_s >= 0.1


def test_one_thread_and_a_home_of_its_own(tmp_path: Path) -> None:
    code = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['HOME'], os.getcwd())"
    assert python(tmp_path, code).output.split() == ["1", str(tmp_path / "home"), str(tmp_path)]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('Error: no such thing')", "it ended with 1: Error: no such thing"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed"),
        ("import os; os.kill(os.getpid(), 11)", "it ended with -11: no output"),
    ],
)
def test_failures_have_a_cause(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(CannotRun, match=message):
        python(tmp_path, code)


def test_programs_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"it ended with 127: .*No such file"):
        measuring.run_script(["no-such-program"], tmp_path, tmp_path / "home", {})


def test_scripts_that_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "LIMIT", 1)
    with pytest.raises(CannotRun, match="longer than 1 s"):
        python(tmp_path, "import time; time.sleep(60)")


def test_lines_of_code(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    code = "import json\nx = (\n    1\n)"
    text = f'"""Two lines\nof words."""\n\n# why\n{code}\n\n{measuring.MARK}\ny = 2'
    script.write_text(text)
    assert measuring.user_lines(script) == 4
    script.write_text("x = 1")
    assert measuring.user_lines(script) == 1
    script.write_text("")
    assert measuring.user_lines(script) == 0


def test_medians_of_runs() -> None:
    costs = [measuring.Cost(x, 2 * x, 3 * x, 4 * x, "") for x in (1.0, 9.0, 2.0)]
    record = measuring.typical(costs)
    assert record == {"runs": 3, "imports_s": 2, "work_s": 4, "wall_s": 6, "peak_mb": 8}


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        (("Collecting x\nERROR: no x\nerror: later", ""), "ERROR: no x"),
        (("Traceback\nValueError: a\nKeyError: b",), "KeyError: b"),
        (("", "last words\n\n"), "last words"),
        (("", ""), "no output"),
    ],
)
def test_causes(outputs: tuple[str, ...], line: str) -> None:
    assert cause(*outputs) == line


def pip(monkeypatch: pytest.MonkeyPatch, errors: dict[str, str]) -> list[list[str]]:
    """Let commands do nothing, and those with certain words fail; return what is called."""
    calls = []

    monkeypatch.setenv("PYTHONPATH", "/somewhere")

    def run(command: list[str], env: dict[str, str], **_: object) -> SimpleNamespace:
        assert "PYTHONPATH" not in env
        calls.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        if any(word.startswith("xspectrampoline") for word in command):
            pattern = "lib/python3.11/site-packages/xspectrampoline/LibXSPEC_v6"
            (Path(command[0]).parents[1] / pattern).mkdir(parents=True)
        error = next((text for word, text in errors.items() if word in " ".join(command)), "")
        return SimpleNamespace(returncode=int(bool(error)), stdout="", stderr=error)

    monkeypatch.setattr(environments.subprocess, "run", run)
    return calls


def test_environments_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pip(monkeypatch, {})
    found = environments.make_environment("sherpa", tmp_path)
    assert found == tmp_path / "sherpa" / "bin" / "python"
    assert [words[-1] for words in calls] == [
        str(tmp_path / "sherpa"),
        f"xspectrampoline=={environments.pinned('sherpa')['xspectrampoline']}",
        str(environments.requirements("sherpa")),
    ]
    assert environments.library_variables("sherpa", tmp_path)["HEADAS"].endswith("LibXSPEC_v6")
    environments.make_environment("sherpa", tmp_path)
    assert len(calls) == 3
    (tmp_path / "sherpa" / ".installed").write_text("other pins")
    environments.make_environment("sherpa", tmp_path)
    assert len(calls) == 6


def test_half_made_environments_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip(monkeypatch, {"-r ": "ERROR: no matching distribution"})
    with pytest.raises(CannotRun, match="pip cannot install it: ERROR: no matching"):
        environments.make_environment("agnpy", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert environments.library_variables("agnpy", tmp_path) == {}
    with pytest.raises(CannotRun, match="library is not in xspectrampoline"):
        environments.library_variables("sherpa", tmp_path)


def run_ours(script: str, folder: Path, run_command: Run, *more: str) -> None:
    """Run the commands of a script of xsurvey's here, as a shell would, with more options."""
    text = (SCRIPTS / script).read_text().replace("\\\n", " ")
    for words in (shlex.split(line, comments=True) for line in text.splitlines()):
        if words:
            given = [
                path for word in words[1:]
                for path in (sorted(p.name for p in folder.glob(word)) if "?" in word else [word])
            ]  # fmt: skip
            done = run_command(*given, *more, cwd=folder)
            assert done.returncode == 0, done.stderr


def quantities(task: Task, folder: Path) -> dict[str, list[float | None]]:
    assert task.read is not None
    record = task.read(folder)
    assert set(record) >= {q.name for q in task.quantities}
    json.dumps(record, allow_nan=False)
    return record


@pytest.mark.parametrize(("stat", "value"), [("wstat", 35.8741), ("chi2", 35.3560)])
@pytest.mark.usefixtures("library")
def test_spectra_are_read(stat: str, value: float, tmp_path: Path, run_command: Run) -> None:
    try:
        resolve("data:3c273")
    except XSurveyError:
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    inputs.spectrum(tmp_path, 1, 1.0)
    run_ours(f"spectrum_{stat}_xsurvey.sh", tmp_path, run_command)
    record = quantities(BY_NAME[f"spectrum_{stat}"], tmp_path)
    # Sherpa's
    assert record["statistic"] == pytest.approx([value], abs=1e-3)
    assert all(len(record[name]) == 3 for name in ("nh", "index", "norm", "flux"))


def test_profiles_are_read(tmp_path: Path, run_command: Run) -> None:
    counts, exposure = make_field(1)
    counts.write(tmp_path / "image.fits")
    exposure.write(tmp_path / "exposure.fits")
    run_ours("profile_xsurvey.sh", tmp_path, run_command)
    record = quantities(BY_NAME["profile"], tmp_path)
    assert record["rc"][1] < 1.5 < record["rc"][2] or abs(record["rc"][0] - 1.5) < 0.2


@pytest.mark.parametrize("script", ["cube_xsurvey.sh", "cube_xsurvey_pcube.sh"])
def test_cubes_are_read(script: str, tmp_path: Path, run_command: Run) -> None:
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, whose responses are used, is not installed")
    for unit in (1, 2, 3):
        # the reference is such that the events, at 7e8 s, are of March 2022
        write_ixpe(tmp_path / f"source_du{unit}.fits", unit, MJDREFI=51544)
    run_ours(script, tmp_path, run_command)
    record = quantities(BY_NAME["cube"], tmp_path)
    assert 0 < record["mdp99 2-4"][0] < 1


def test_energy_distributions_are_read(tmp_path: Path, run_command: Run) -> None:
    try:
        resolve("data:mrk421")
    except XSurveyError:
        pytest.skip("Mrk 421 is not installed (xsurvey data install mrk421)")
    inputs.flux_points(tmp_path, 1, 1.0)
    run_ours("sed_fit_xsurvey.sh", tmp_path, run_command, "--starts", "1", "--no-intervals")
    record = quantities(BY_NAME["sed_fit"], tmp_path)
    # agnpy's on fine grids
    assert record["statistic"] == pytest.approx([271.69], abs=0.05)
    assert all(len(values) == 3 for name, values in record.items() if name != "statistic")


def test_inputs_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "none"))
    with pytest.raises(CannotRun, match="xsurvey data install 3c273"):
        inputs.spectrum(tmp_path, 1, 1.0)
    with pytest.raises(CannotRun, match="xsurvey data install mrk421"):
        inputs.flux_points(tmp_path, 1, 1.0)
    with pytest.raises(CannotRun, match=r"xsurvey image: .*none"):
        inputs.xsurvey(tmp_path, "image", "none.fits", "-o", "image.fits")
