"""Rules of the house that a tool can check."""

import re
import subprocess
import sys
from pathlib import Path

from xsurvey.cli.main import COMMANDS, xsurvey
from xsurvey.missions import missions

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("xsurvey", "pipelines", "catalogs", "configs")


def sources() -> list[Path]:
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    return sorted({p.resolve() for p in files})


def test_only_plugins_name_a_mission() -> None:
    words = re.compile(rf"\b({'|'.join(missions())}|erosita|ixpe|acis)\b", re.IGNORECASE)
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        if not {"missions", "archives"} & set(path.parts)  # an archive is its mission's habit
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if words.search(line)
    ]
    assert guilty == []


def test_top_level_rooms_are_imported_through_xsurvey() -> None:
    bad = re.compile(r"^\s*(import|from)\s+(pipelines|catalogs|configs)\b", re.MULTILINE)
    files = [*sources(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert [p.name for p in files if bad.search(p.read_text())] == []


def test_links_are_relative() -> None:
    for name in ROOMS[1:]:
        link = ROOT / "xsurvey" / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{name}"


def test_layers() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_files_hold_one_idea() -> None:
    lengths = {p.name: len(p.read_text().splitlines()) for p in sources()}
    assert {name: n for name, n in lengths.items() if n > 400} == {}


def test_help_lines_are_those_of_the_commands() -> None:
    group = xsurvey
    for name in COMMANDS:
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.help


def test_constraints_are_plain_pins() -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+( ?; ?.+)?")
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [line for line in pins if not pin.fullmatch(line)] == []
