"""Chain files: what is in them, kills in the middle of a write, damage."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from xsurvey.errors import InputError, OutputError
from xsurvey.inference.chain_file import read_chains, read_checkpoint
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters

SETTINGS = MCMCParameters(check_every=20, min_steps=20, max_steps=200)
PROGRAM = """
import os, signal, sys
import h5py, numpy as np
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters

owner, name, call = (h5py.Group, "create_dataset", 17) if sys.argv[2] == "write" else (
    os, "replace", 3)
original, calls = getattr(owner, name), []

def deadly(*arguments, **options):
    calls.append(1)
    if len(calls) == call:
        if sys.argv[2] == "write":
            arguments[0].file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)

setattr(owner, name, deadly)
sample_ensembles(
    lambda x: -0.5 * (x**2).sum(axis=1), np.zeros(2), np.ones(2), ("a", "b"),
    MCMCParameters(check_every=20, min_steps=20, max_steps=200), 3, sys.argv[1],
)
"""


def sample(path: Path | None) -> object:
    return sample_ensembles(
        lambda x: -0.5 * (x**2).sum(axis=1), np.zeros(2), np.ones(2), ("a", "b"), SETTINGS, 3, path
    )


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_kill_while_writing_loses_nothing(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "chain.h5"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), moment],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(tmp_path.iterdir())) == 2  # the checkpoint and what was being written
    before = read_chains(path)
    assert 0 < before.steps < 200
    resumed, whole = sample(path), sample(None)
    assert list(tmp_path.iterdir()) == [path]
    assert np.array_equal(resumed.chain, whole.chain)
    assert np.array_equal(resumed.chain[: len(before.chain)], before.chain)


def test_any_hdf5_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    chains = sample(path)
    with h5py.File(path) as file:
        assert file["chain"].shape == (200, 4, 16, 2)
        assert file["chain"].dtype == np.float64
        assert list(file.attrs["names"]) == ["a", "b"]
        assert file.attrs["seed"] == 3
        assert not file.attrs["converged"]
        assert "emcee" in file.attrs["versions"]
        plain = [file[n].dtype.kind for n in ("chain", "log_probability", "accepted")]
        assert plain == ["f", "f", "i"]
    again = read_chains(path)
    assert np.array_equal(again.chain, chains.chain)
    assert again.warnings == chains.warnings


def test_damaged_files_are_one_line_errors(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    sample(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"chain\.h5: is damaged"):
        read_chains(path)
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"chain\.h5: is damaged"):
        sample(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(InputError, match="holds no chains"):
        read_chains(path)
    with pytest.raises(InputError, match="no such file"):
        read_chains(tmp_path / "absent.h5")
    for damage in ("accepted", "state/random_key", "state"):
        path.write_bytes(whole)
        with h5py.File(path, "a") as file:
            del file[damage]
        with pytest.raises(InputError, match="is damaged"):
            read_chains(path)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["accepted"]
        file["accepted"] = np.zeros((2, 2), int)
    with pytest.raises(InputError, match="do not fit"):
        read_chains(path)


def test_other_versions_are_told(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    sample(path)
    with h5py.File(path, "a") as file:
        file.attrs["versions"] = '{"emcee": "0.1"}'
    assert read_checkpoint(path)[2] == {"emcee": "0.1"}
    assert "begun with emcee 0.1" in sample(path).warnings[0]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        sample(tmp_path / "none" / "chain.h5")


FULL = """
import resource, signal, sys
import numpy as np
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    sample_ensembles(
        lambda x: -0.5 * (x**2).sum(axis=1), np.zeros(2), np.ones(2), ("a", "b"),
        MCMCParameters(max_steps=400, min_steps=400), 3, sys.argv[1],
    )
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith("OutputError"), done.stdout + done.stderr
    assert "cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == [path]
    assert read_chains(path).steps == 100
