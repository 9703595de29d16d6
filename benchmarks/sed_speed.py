"""Time of SSC spectra, beside agnpy's.

Synchrotron with absorption and SSC at 100 frequencies from 1e8 to 1e28 Hz, about the published fit
to Mrk 421, in one thread; times are the process' own, the least of some repeats, after kernels are
made. ``--peer PYTHON`` is an interpreter that has agnpy, or ``venv``, that of ``make compare``; its
spectra are made one by one, as it has no batches.
"""

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.command import benchmark, trials
from benchmarks.sed_zones import ZONES, peer_spectra
from xsurvey.sed.models.registry import radiative_model

FREQUENCIES = np.logspace(8, 28, 100)
BATCHES = (1, 12, 32, 256)
REPEATS = 40
PEER_REPEATS = 5
LINES = {"ms_per_spectrum_in_batches_of_32": 0.2}
ZONE = ZONES["Mrk 421"]._replace(self_absorption=True)


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Measure milliseconds of a spectrum by the size of the batch."""
    result: dict[str, Any] = {"lines": LINES, "frequencies": len(FREQUENCIES)}
    result["first_call_s"] = float(_own("--first", seed))
    model = radiative_model("ssc", electrons=ZONE.electrons, redshift=ZONE.redshift)
    result["ms_per_spectrum"] = {
        str(size): 1e3 * _least(model, walkers(size, seed), trials(REPEATS, fraction)) / size
        for size in BATCHES
    }
    if peer:
        answer = peer_spectra(
            peer, [ZONE], FREQUENCIES, repeats=max(2, trials(PEER_REPEATS, fraction))
        )
        alone = 1e3 * answer["seconds"][0]
        result["agnpy"] = {
            "version": answer["agnpy"],
            "ms_per_spectrum": alone,
            "times_as_long_as_a_batch_of": {
                size: alone / ours for size, ours in result["ms_per_spectrum"].items()
            },
        }
    return result


def walkers(size: int, seed: int) -> np.ndarray:
    """Return parameters scattered about the zone's, as those of an ensemble, shape (b, p)."""
    theta = np.repeat(ZONE.theta, size, axis=0)
    free = [0, 1, 2, 3, 6, 7]
    scale = [0.07, 0.03, 0.06, 0.02, 0.7, 0.05]
    theta[:, free] += np.random.default_rng(seed).normal(0, scale, (size, len(free)))
    return theta


def _least(model: Any, theta: np.ndarray, repeats: int) -> float:
    best = np.inf
    for _ in range(repeats + 1):
        start = time.process_time()
        model.components(theta, FREQUENCIES)
        best = min(best, time.process_time() - start)
    return best


def _own(which: str, seed: int) -> str:
    """Return the last line of this module in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sed_speed", which, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout.strip().splitlines()[-1]))


def first(seed: int) -> None:
    """Print the seconds of the first spectrum of a process, which makes the kernels."""
    model = radiative_model("ssc", electrons=ZONE.electrons, redshift=ZONE.redshift)
    start = time.process_time()
    model.components(walkers(1, seed), FREQUENCIES)
    print(json.dumps(time.process_time() - start))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--first"]:
        first(int(sys.argv[2]))
    else:
        benchmark(
            run, seed=20261126,
            options={"peer": "the Python of an environment that has agnpy, or 'venv'"},
        )  # fmt: skip
