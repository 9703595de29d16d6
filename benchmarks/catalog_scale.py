"""Catalogs of many sources: time and memory of the join, files, and queries of the result."""

import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.catalog_pieces import PER_STACK, write_pieces
from benchmarks.command import benchmark

SEED = 20261126
SIZES = (10_000, 100_000, 1_000_000)
CONE = "3.0,-0.5,5arcmin"
_SYSTEMATIC = 0.5
_REPEATS = 5


def join(folder: Path, paths: list[Path]) -> dict[str, Any]:
    """Write the catalog of pieces; return the numbers of rows."""
    from xsurvey.pipelines.source_pieces import open_piece
    from xsurvey.pipelines.source_products import write_catalog

    pieces = [open_piece(path) for path in paths]
    return dict(write_catalog(folder, pieces, "XSV", {}, _SYSTEMATIC))


def read_for_report(folder: Path, paths: list[Path]) -> dict[str, Any]:
    """Read what the report of a run shows of a few stacks."""
    from xsurvey.pipelines.catalog_rows import StackRows

    rows = StackRows(folder / "sources.fits")
    return {"rows_shown": sum(len(rows.of(path.name)) for path in paths[:10])}


def query(folder: Path, paths: list[Path]) -> dict[str, Any]:
    """Ask for a cone, and count what fulfils a condition."""
    from xsurvey.catalogs import open_catalog

    catalog = open_catalog(folder, table="sources")
    timed: dict[str, Any] = {}
    for name, asked in (
        ("cone", {"cone": CONE}),
        ("condition", {"where": "detection_likelihood > 1000", "columns": "name,ra,dec"}),
    ):
        took = []
        for _ in range(_REPEATS):
            begin = time.perf_counter()
            found = catalog.query(**asked)
            took.append(time.perf_counter() - begin)
        timed[f"{name}_first_s"], timed[f"{name}_s"] = took[0], min(took)
        timed[f"{name}_rows"] = len(found)
    return timed


def _child(
    work: Callable[..., dict[str, Any]], folder: Path, paths: list[Path], out: Connection
) -> None:
    begin, cpu = time.perf_counter(), time.process_time()
    found = work(folder, paths)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.send({
        **found, "seconds": round(time.perf_counter() - begin, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2), "peak_mb": round(peak),
    })  # fmt: skip


def in_own_process(
    work: Callable[..., dict[str, Any]], folder: Path, paths: list[Path]
) -> dict[str, Any]:
    """Return what a function says, with its time and the greatest memory of its process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_child, args=(work, folder, paths, there))
    process.start()
    there.close()
    found: dict[str, Any] = here.recv()
    process.join()
    return found


def files_of(folder: Path) -> dict[str, Any]:
    """Return how many files the fullest folder has, and the size of all, MB."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    fullest = max(
        sum(1 for _ in one.iterdir()) for one in (folder, *folder.rglob("*")) if one.is_dir()
    )
    size = sum(path.stat().st_size for path in files) / 1e6
    return {"files": len(files), "files_in_fullest_folder": fullest, "mb": round(size, 1)}


def measured(sources: int, seed: int) -> dict[str, Any]:
    """Return what a catalog of about so many sources takes."""
    folder = Path(tempfile.mkdtemp(prefix="catalog_scale_"))
    try:
        begin = time.perf_counter()
        paths = write_pieces(folder / "pieces", sources, seed)
        made = round(time.perf_counter() - begin, 1)
        (folder / "catalog").mkdir()
        joined = in_own_process(join, folder / "catalog", paths)
        result = {
            "stacks": len(paths), "making_pieces_s": made, "pieces": files_of(folder / "pieces"),
            "join": joined, "catalog": files_of(folder / "catalog"),
            "report": in_own_process(read_for_report, folder / "catalog", paths),
            "query": in_own_process(query, folder / "catalog", paths),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Join catalogs of 1e4, 1e5 and 1e6 detections and query them."""
    sizes = [max(PER_STACK, round(size * fraction)) for size in SIZES]
    found = {str(size): measured(size, seed) for size in sizes}
    last, before = (found[str(size)]["join"] for size in (sizes[-1], sizes[-2]))
    more = last["detections"] - before["detections"]
    growth = (last["peak_mb"] - before["peak_mb"]) * 1024**2 / max(more, 1)
    return {"catalogs": found, "growth_bytes_per_detection": round(growth)}


if __name__ == "__main__":
    benchmark(run, SEED, libraries=("pyarrow", "duckdb"))
