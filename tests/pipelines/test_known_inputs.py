"""Looks at event files: remembered between runs, renewed when a file changes."""

import os
from pathlib import Path

import numpy as np
import pytest

from xsurvey.pipelines import known_inputs as module
from xsurvey.pipelines.known_inputs import INPUTS_NAME, KnownInputs
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files count as settled as soon as they are written."""
    monkeypatch.setattr(module, "_SETTLED_AFTER_NS", 0)


def make(path: Path, mission: str, ra: float = 10.0, seed: int = 1) -> Path:
    values = SimulationParameters(
        mission=mission, exposure="1ks", pointing=f"{ra},-30", energy="2-5",
        source=(f"{ra},-30,80",), background_rate=0.3,
    )  # fmt: skip
    write_simulation(path, simulate_observation(values, seed))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, ixpe_units: list[Path]) -> list[Path]:
    folder = tmp_path_factory.mktemp("inputs")
    made = [make(folder / f"{m}.fits", m) for m in ("chandra", "erosita")]
    (folder / "text.fits").write_text("no events\n")
    return [*made, ixpe_units[0], folder / "text.fits", folder / "absent.fits"]


def same(a, b) -> bool:
    """Tell whether two looks are the same, to the last bit."""
    if (a.mission, a.units_of, a.outline is None) != (b.mission, b.units_of, b.outline is None):
        return False
    if a.outline is None:
        return True
    one, other = a.outline, b.outline
    plain = ("centre", "scanning", "timed", "pixel_size")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and all(
            np.array_equal(x, y)
            for x, y in (
                (one.corners, other.corners), (one.sketch, other.sketch),
                (one.gti.start, other.gti.start), (one.gti.stop, other.gti.stop),
                *zip(one.outline, other.outline, strict=True),
            )
        )
    )  # fmt: skip


def test_looks_are_remembered_to_the_last_bit(files, tmp_path, monkeypatch):
    known = KnownInputs(tmp_path)
    first = known.looks(files)
    assert [look.mission.name if look.mission else None for look in first] == [
        "chandra", "erosita", "ixpe", None, None,
    ]  # fmt: skip
    assert [look.outline is not None for look in first] == [True, True, True, False, False]
    assert first[2].units_of and not first[0].units_of
    assert not (tmp_path / ".xsurvey").exists()  # nothing is written before it is asked for
    known.save()
    asked = []
    monkeypatch.setattr(module, "look_at", lambda path: asked.append(path) or module._NOTHING)
    again = KnownInputs(tmp_path).looks(files)
    assert all(map(same, first, again))
    assert asked == files[3:]  # what could not be read is looked at again


def test_a_file_that_changed_is_looked_at_again(files, tmp_path):
    path = make(tmp_path / "one.fits", "chandra")
    known = KnownInputs(tmp_path / "out")
    before = known.look(path)
    known.save()
    os.utime(make(path, "chandra", ra=20.0), (1e9, 1e9))
    for renewed in (known, KnownInputs(tmp_path / "out")):
        assert renewed.look(path).outline.centre.ra == pytest.approx(20, abs=0.1)
    assert before.outline.centre.ra == pytest.approx(10, abs=0.1)


def test_another_version_of_a_mission_looks_again(files, tmp_path, monkeypatch):
    known = KnownInputs(tmp_path)
    known.looks(files[:1])
    known.save()
    monkeypatch.setattr(module, "_versions", lambda mission: "another")
    asked = []
    monkeypatch.setattr(module, "look_at", lambda path: asked.append(path) or module._NOTHING)
    KnownInputs(tmp_path).look(files[0])
    assert asked == files[:1]


@pytest.mark.parametrize("content", [b"", b"no parquet", None])
def test_a_damaged_memory_only_costs_time(files, tmp_path, content):
    known = KnownInputs(tmp_path)
    first = known.look(files[0])
    known.save()
    path = tmp_path / ".xsurvey" / INPUTS_NAME
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    assert same(KnownInputs(tmp_path).look(files[0]), first)


def test_many_files_are_looked_at_by_several_processes(files, tmp_path, monkeypatch):
    alone = KnownInputs(tmp_path).looks(files)
    monkeypatch.setattr(module, "_FOR_EACH", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(module, "look_at", lambda path: pytest.fail("looked at here"))
    assert all(map(same, alone, KnownInputs(tmp_path).looks(files)))


def test_units_of_an_observation_have_one_outline(files, tmp_path):
    known = KnownInputs(tmp_path)
    outline = known.outline([files[2]], exposure_given=False)
    assert outline is not None
    assert known.outline([files[0]], exposure_given=True).timed
    assert known.outline([files[3]], exposure_given=True) is None
    # of two that do not belong together there is none
    assert known.outline(files[:2], exposure_given=False) is None
    known.save()
    assert KnownInputs(tmp_path).outline(files[:2], exposure_given=False) is None


def test_a_young_file_is_looked_at_again_by_the_next_run(tmp_path, monkeypatch):
    path = make(tmp_path / "one.fits", "chandra")
    monkeypatch.setattr(module, "_SETTLED_AFTER_NS", 3600 * 10**9)
    known = KnownInputs(tmp_path / "out")
    known.look(path)
    known.save()
    asked = []
    monkeypatch.setattr(module, "look_at", lambda path: asked.append(path) or module._NOTHING)
    KnownInputs(tmp_path / "out").look(path)
    assert asked == [path]


def test_a_file_that_is_being_written_does_no_harm(tmp_path, monkeypatch):
    path = make(tmp_path / "one.fits", "chandra")
    look_at = module.look_at

    def grows(path: Path) -> module.FileLook:
        found = look_at(path)
        with path.open("ab") as stream:
            stream.write(bytes(2880))
        return found

    monkeypatch.setattr(module, "look_at", grows)
    assert KnownInputs(tmp_path / "out").look(path).mission.name == "chandra"
