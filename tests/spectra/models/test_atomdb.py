from pathlib import Path

import pytest

from xsurvey.errors import InputError, MissingDataError
from xsurvey.spectra.models.atomdb import atomdb_files, find_atomdb
from xsurvey.spectra.models.settings import ModelSettings


def put(folder: Path, version: str = "3.0.9", kinds: tuple[str, ...] = ("line", "coco")) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        (folder / f"apec_v{version}_{kind}.fits").touch()
    return folder / f"apec_v{version}"


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("ATOMDB", raising=False)


def test_order_of_looking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = ModelSettings()
    with pytest.raises(MissingDataError, match="run `xsurvey data install atomdb`"):
        find_atomdb(settings)
    user = put(tmp_path / "data" / "atomdb")
    assert find_atomdb(settings) == user
    heasoft = tmp_path / "heasoft"
    (heasoft / "spectral" / "manager").mkdir(parents=True)
    for name in ("model.dat", "abundances.dat", "crosssections.dat"):
        (heasoft / "spectral" / "manager" / name).write_text("angr: 1\nvern: 1\n")
    monkeypatch.setenv("HEADAS", str(heasoft / "platform"))
    assert find_atomdb(settings) == user
    in_heasoft = put(heasoft / "spectral" / "modelData")
    assert find_atomdb(settings) == in_heasoft
    named = put(tmp_path / "named")
    monkeypatch.setenv("ATOMDB", str(tmp_path / "named"))
    assert find_atomdb(settings) == named
    given = put(tmp_path / "given")
    assert find_atomdb(ModelSettings(atomdb_folder=str(tmp_path / "given"))) == given


def test_a_given_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "data" / "atomdb")
    put(tmp_path / "half", kinds=("line",))
    with pytest.raises(InputError, match=r"half: has no apec_v3\.0\.9_line\.fits and"):
        find_atomdb(ModelSettings(atomdb_folder=str(tmp_path / "half")))


def test_other_versions_are_never_swapped(tmp_path: Path) -> None:
    put(tmp_path / "data" / "atomdb")
    with pytest.raises(MissingDataError, match=r"AtomDB 3\.1\.0.*or use 3\.0\.9"):
        find_atomdb(ModelSettings(atomdb="3.1.0"))


def test_names_of_the_files(tmp_path: Path) -> None:
    line, coco = atomdb_files(tmp_path / "apec_v3.0.9")
    assert (line.name, coco.name) == ("apec_v3.0.9_line.fits", "apec_v3.0.9_coco.fits")
