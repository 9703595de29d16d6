"""A disk that is full when the products are written: an error that says so, and a rerun."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xsurvey.catalogs import open_catalog
from xsurvey.cli import main as cli


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_for(patch: pytest.MonkeyPatch, product: str) -> None:
    """Let there be no room for one of the products."""
    copy = shutil.copyfile

    def copied(source: Path, target: Path, **options: object) -> object:
        full = product == "catalog" and product in str(target)
        return (no_room if full else copy)(source, target, **options)

    patch.setattr(shutil, "copyfile", copied)
    for name in ("write_text", "write_bytes"):
        write = getattr(Path, name)

        def limited(
            path: Path, *arguments: object, write: Callable = write, **options: object
        ) -> object:
            chosen = no_room if path.name.endswith(product) else write
            return chosen(path, *arguments, **options)

        patch.setattr(Path, name, limited)
    opened = Path.open

    def limited_open(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "w" in mode and path.name.endswith(product):
            no_room()
        return opened(path, mode, *arguments, **options)

    patch.setattr(Path, "open", limited_open)


@pytest.fixture
def run_here(
    tmp_path: Path, event_file: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    """Return a function that runs a config in this process and gives status and error text."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"schema: 1\npipeline: sources\ninputs: [{event_file}]\noutput: {tmp_path / 'out'}\n"
        "image: {pixel_size: 4arcsec}\nproducts: {enabled: false, maps: false}\n"
    )

    def run() -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["run", str(config), "--workers", "0"])
        return int(ended.value.code or 0), capfd.readouterr().err

    return run


def test_each_product_is_whole_or_absent(
    tmp_path: Path, run_here: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for product in ("catalog", "report.html", "run.json", "published.json"):
        with monkeypatch.context() as patch:
            full_for(patch, product)
            status, error = run_here()
        assert status == 2, error
        last = error.rstrip().splitlines()[-1]
        assert last.startswith("xsurvey: error: ") and last.endswith(
            f"{product}: cannot be written (No space left on device); make room and try again"
        )
        if product == "catalog":
            assert not (out / product).exists()
        assert not list(out.glob(".*.*")) and not list(out.glob(".xsurvey/.*"))
    status, error = run_here()
    assert status == 0, error
    assert json.loads((out / "run.json").read_text())["counts"].keys() == {"cached"}
    assert len(open_catalog(out)) == 2
