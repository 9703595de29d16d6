"""Memory of workers: not given back within a task, but after it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from xsurvey.engine.clusters.dask_settings import dask_settings
from xsurvey.engine.clusters.profiles import LocalProfile
from xsurvey.engine.workers.memory import give_memory_back

_TASK = """
import resource, threading
from pathlib import Path
import numpy as np
from xsurvey.engine.workers.memory import give_memory_back

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def task():
    np.ones(400_000) + 1
    before = faults()
    for _ in range(100):
        a = np.ones(100_000) + 1  # two times .8 MB
        b = a + a
    print(faults() - before)
    del a, b
    arrays = [np.ones(100_000) for _ in range(50)]
    del arrays
    full = resident()
    give_memory_back()
    print(full - resident())

worker = threading.Thread(target=task)  # as in Dask's workers
worker.start()
worker.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_task_keeps_its_memory_and_gives_it_back_when_it_ends() -> None:
    settings = dask_settings(LocalProfile(backend="local"))["distributed.nanny.pre-spawn-environ"]
    found = subprocess.run(
        [sys.executable, "-c", _TASK], env={**os.environ, **settings}, check=True,
        capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    faults, returned = map(int, found)
    # cleared for each array anew they would be 200 pages each
    assert faults < 2000
    assert returned > 20_000_000


def test_memory_can_be_given_back_anywhere() -> None:
    give_memory_back()
