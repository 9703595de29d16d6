"""Data sets from packages, with pip and a folder of archives made here: no network."""

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from xsurvey.errors import MissingDataError, OutputError, ParameterError
from xsurvey.io import datasets
from xsurvey.io.datasets import DATASETS, DataFile, Dataset, install, is_installed, resolve

CONTENT = {"toydata_pkg/files/a.dat": b"first" * 100, "toydata_pkg/files/b.dat": b"second" * 50}


def dataset(archive: str, **contents: bytes) -> Dataset:
    files = tuple(
        DataFile(name, hashlib.sha256(data).hexdigest(), len(data))
        for name, data in (contents or CONTENT).items()
    )
    return Dataset("toy", "a toy", "toydata_pkg", "1.0", files, "free", archive)  # type: ignore[arg-type]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip looks into, and into nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "data"))
    return folder


@pytest.fixture
def source_archive(index: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a source archive; running its code leaves a mark."""

    def make(contents: dict[str, bytes] = CONTENT) -> Path:
        mark = f"open({str(tmp_path / 'was_run')!r}, 'w').close()\n".encode()
        members = {
            **contents, "setup.py": mark, "PKG-INFO": b"Name: toydata_pkg\nVersion: 1.0\n",
            "pyproject.toml": b'[build-system]\nrequires = ["setuptools"]\n'
                              b'build-backend = "setuptools.build_meta"\n',
        }  # fmt: skip
        path = index / "toydata_pkg-1.0.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(f"toydata_pkg-1.0/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return make


def make_wheel(index: Path, contents: dict[str, bytes] = CONTENT) -> None:
    info = "toydata_pkg-1.0.dist-info"
    members = {
        **contents, f"{info}/METADATA": b"Metadata-Version: 2.1\nName: toydata_pkg\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\nRoot-Is-Purelib: true\n",
        f"{info}/RECORD": b"",
    }  # fmt: skip
    with zipfile.ZipFile(index / "toydata_pkg-1.0-py3-none-any.whl", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_files_of_a_source_archive_without_running_it(
    source_archive: Callable[..., Path], tmp_path: Path
) -> None:
    source_archive()
    toy = dataset("source")
    assert not is_installed(toy)
    assert install(toy) == toy.path == tmp_path / "data" / "toy"
    assert sorted(p.name for p in toy.path.iterdir()) == ["a.dat", "b.dat"]
    assert is_installed(toy)
    assert not (tmp_path / "was_run").exists()


def test_good_copies_are_not_fetched_again(
    source_archive: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source_archive()
    toy = dataset("source")
    install(toy)

    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("pip was run")

    monkeypatch.setattr(subprocess, "run", refuse)
    install(toy)


@pytest.mark.parametrize("damage", ["absent", "changed", "shorter"])
def test_a_data_set_is_whole_or_not_installed(
    source_archive: Callable[..., Path], damage: str
) -> None:
    source_archive()
    toy = dataset("source")
    install(toy)
    second = toy.folder / "b.dat"
    if damage == "absent":
        second.unlink()
    else:
        second.write_bytes(b"x" * (300 if damage == "changed" else 10))
    assert not is_installed(toy)
    install(toy)
    assert is_installed(toy)


@pytest.mark.parametrize("archive", ["wheel", "source"])
def test_another_content_is_refused(
    index: Path, source_archive: Callable[..., Path], archive: str
) -> None:
    other = {**CONTENT, "toydata_pkg/files/b.dat": b"SECOND" * 50}
    make_wheel(index, other) if archive == "wheel" else source_archive(other)
    toy = dataset(archive)
    with pytest.raises(OutputError, match=r"b\.dat.*another checksum.*toydata_pkg==1\.0"):
        install(toy)
    assert not (toy.folder / "b.dat").exists()
    assert not is_installed(toy)


@pytest.mark.parametrize("archive", ["wheel", "source"])
def test_an_archive_without_the_files(
    index: Path, source_archive: Callable[..., Path], archive: str
) -> None:
    fewer = {"toydata_pkg/files/a.dat": CONTENT["toydata_pkg/files/a.dat"]}
    make_wheel(index, fewer) if archive == "wheel" else source_archive(fewer)
    with pytest.raises(OutputError, match=r"toydata_pkg==1\.0 has no toydata_pkg/files/b\.dat"):
        install(dataset(archive))


@pytest.mark.parametrize("archive", ["wheel", "source"])
def test_pip_finding_nothing(index: Path, archive: str) -> None:
    with pytest.raises(MissingDataError, match=r"toy: pip cannot download toydata_pkg==1\.0") as e:
        install(dataset(archive))
    assert "\n" not in str(e.value)


def test_files_of_a_wheel(index: Path) -> None:
    make_wheel(index)
    toy = dataset("wheel")
    install(toy)
    assert is_installed(toy)


def test_an_installed_package_is_taken(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    for name, data in CONTENT.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    (site / "toydata_pkg" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(site))
    toy = dataset("source")
    install(toy)
    assert is_installed(toy)


def test_data_directory_that_cannot_be_made(
    source_archive: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="set XSURVEY_DATA"):
        install(dataset("source"))


def test_one_file_is_a_path_and_several_are_a_folder() -> None:
    single = dataset("wheel", **{"p/x.fits": b"1"})
    assert single.path.name == "x.fits"
    assert dataset("wheel").path.name == "toy"
    assert dataset("wheel").size == 800


def test_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    assert {"msh15-52", "atomdb"} <= set(DATASETS)
    assert resolve("a.fits") == Path("a.fits")
    with pytest.raises(MissingDataError, match="run `xsurvey data install atomdb`"):
        resolve("data:atomdb")
    with pytest.raises(ParameterError, match="'atomdb'"):
        resolve("data:atomb")


def test_atomdb_is_listed(
    call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    status, out, _ = call("data", "list", "--json", tmp_path / "l.json")
    assert status == 0
    assert "not installed (104 MB)" in out
    assert "non-profit" in out
    names = [d["name"] for d in json.loads((tmp_path / "l.json").read_text())["datasets"]]
    assert {"msh15-52", "atomdb"} <= set(names)
    status, out, _ = call("doctor")
    assert "run `xsurvey data install atomdb`" in out


def test_install_command(
    call: Callable[..., tuple[int, str, str]], source_archive: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source_archive()
    monkeypatch.setitem(datasets.DATASETS, "toy", dataset("source"))
    status, out, _ = call("data", "install", "toy")
    assert (status, "installed, checksum verified" in out) == (0, True)
    status, out, _ = call("data", "install", "toy")
    assert "already installed" in out
