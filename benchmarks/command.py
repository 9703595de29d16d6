"""The command line that all benchmarks share, and the record that they leave."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

_LIBRARIES = ("xsurvey", "numpy", "scipy", "astropy", "boost-histogram")


def benchmark(
    run: Callable[..., dict[str, Any]], seed: int, libraries: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Run a benchmark from the command line.

    Parameters
    ----------
    run : callable
        ``run(seed, fraction)`` returns what was measured; with options as further arguments, None
        where they are not given.
    seed : int
        The seed of the committed result, fixed before it was run.
    libraries : sequence of str
        Further ones whose versions are recorded.
    options : mapping of str to str
        Further options of the command, and what they are.
    """
    _use_one_thread()
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--fraction", type=float, default=1.0, help="of the full number of trials")
    parser.add_argument("--json", type=Path, help="write the result there")
    for name, meaning in (options or {}).items():
        parser.add_argument(f"--{name}", help=meaning)
    arguments = parser.parse_args()
    further = [getattr(arguments, name) for name in options or {}]
    result = {
        "date": datetime.date.today().isoformat(),
        "seed": arguments.seed,
        "fraction": arguments.fraction,
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in (*_LIBRARIES, *libraries)},
        **run(arguments.seed, arguments.fraction, *further),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


def _use_one_thread() -> None:
    """Begin anew with one thread of linear algebra a process: figures are those of a core."""
    module = sys.modules["__main__"].__spec__
    if os.environ.get("OMP_NUM_THREADS") != "1" and module is not None:
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", module.name, *sys.argv[1:]])


def in_parallel(function: Callable[..., Any], tasks: list[tuple[Any, ...]]) -> list[Any]:
    """Apply a module-level function to argument tuples on all cores, results in order."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, *zip(*tasks, strict=True), chunksize=1))


def trials(full: int, fraction: float) -> int:
    """Return the number of trials of a fraction, at least one."""
    return max(1, round(full * fraction))
