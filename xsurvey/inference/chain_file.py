"""Chains in HDF5 files: whole or absent, without pickles, readable by any HDF5 library.

Datasets ``chain`` (step, ensemble, walker, parameter), ``log_probability`` (step, ensemble,
walker) and ``accepted`` (ensemble, walker); attributes ``names``, ``seed``, ``burn``, ``thin``,
``moves``,
``converged``, ``warnings``, ``problem_key``, ``versions`` and ``diagnostics`` (the last two in
JSON). The group ``state`` is where the sampler goes on: positions, their log probability, and
the state of the random generator.

A file is written anew beside the old one at each checkpoint and renamed over it, so that a kill
at any moment leaves the last complete checkpoint.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.chains import Chains
from xsurvey.io.atomic import atomic_output

FORMAT = "xsurvey chains"
FORMAT_VERSION = 1
_COUNTS = ("burn", "thin", "seed", "not_a_number", "relocated", "last_relocation")


@dataclass(frozen=True)
class SamplerState:
    """Where a sampler goes on.

    Attributes
    ----------
    positions : ndarray, shape (ensemble * walker, parameter)
    log_probability : ndarray, shape (ensemble * walker,)
    random_state : tuple
        Of numpy's Mersenne Twister, as ``RandomState.get_state`` gives it.
    """

    positions: np.ndarray
    log_probability: np.ndarray
    random_state: tuple[Any, ...]


def current_versions() -> dict[str, str]:
    """Return the versions of what decides the numbers of a chain."""
    return {name: version(name) for name in ("xsurvey", "emcee", "numpy")}


def write_chains(path: str | os.PathLike[str], chains: Chains, state: SamplerState) -> None:
    """Write chains and the sampler's state, in place of what was there.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with (
        atomic_output(path) as temporary,
        _system_errors(),
        h5py.File(temporary, "w", locking=False) as file,
    ):
        for name in ("chain", "log_probability", "accepted"):
            file.create_dataset(name, data=getattr(chains, name))
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        for name in _COUNTS:
            file.attrs[name] = getattr(chains, name)
        file.attrs["converged"] = chains.converged
        file.attrs["problem_key"], file.attrs["moves"] = chains.problem_key, chains.moves
        for name in ("names", "warnings"):
            texts = list(getattr(chains, name))
            file.attrs.create(name, texts, shape=(len(texts),), dtype=h5py.string_dtype())
        file.attrs["versions"] = json.dumps(current_versions())
        file.attrs["diagnostics"] = json.dumps(chains.diagnostics)
        group = file.create_group("state")
        group.create_dataset("positions", data=state.positions)
        group.create_dataset("log_probability", data=state.log_probability)
        _, key, position, has_gauss, gauss = state.random_state
        group.create_dataset("random_key", data=np.asarray(key, np.uint32))
        group.attrs["random_position"], group.attrs["random_has_gauss"] = position, has_gauss
        group.attrs["random_gauss"] = gauss


@contextmanager
def _system_errors() -> Iterator[None]:
    """Give errors of the system their number and kind; HDF5 has it in the text only."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        number = re.search(r"errno = (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def read_chains(path: str | os.PathLike[str]) -> Chains:
    """Return the chains of a file.

    Raises
    ------
    InputError
        The file is missing, damaged, or of another kind.
    """
    return read_checkpoint(path)[0]


def read_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[Chains, SamplerState, dict[str, str]]:
    """Return chains, the state to go on from, and the versions that made them.

    Raises
    ------
    InputError
        As `read_chains`.
    """
    if not Path(path).is_file():
        raise InputError(path, "there is no such file", "give the file of a chain")
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(path, "holds no chains", "give a file that the sampler has made")
            if file.attrs["format_version"] != FORMAT_VERSION:
                raise InputError(
                    path, f"is of format {file.attrs['format_version']}", "sample anew"
                )
            chains, state = _chains(file), _state(file)
            versions = dict(json.loads(file.attrs["versions"]))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(path, f"is damaged ({error})", "remove it and sample anew") from error
    _check_shapes(path, chains, state)
    return chains, state, versions


def _chains(file: h5py.File) -> Chains:
    values: dict[str, Any] = {n: file[n][()] for n in ("chain", "log_probability", "accepted")}
    values |= {n: int(file.attrs[n]) for n in _COUNTS}
    return Chains(
        names=tuple(str(n) for n in file.attrs["names"]),
        warnings=tuple(str(w) for w in file.attrs["warnings"]),
        converged=bool(file.attrs["converged"]),
        problem_key=str(file.attrs["problem_key"]),
        moves=str(file.attrs["moves"]),
        diagnostics=json.loads(file.attrs["diagnostics"]),
        **values,
    )  # fmt: skip


def _state(file: h5py.File) -> SamplerState:
    group = file["state"]
    random_state = (
        "MT19937", group["random_key"][()], int(group.attrs["random_position"]),
        int(group.attrs["random_has_gauss"]), float(group.attrs["random_gauss"]),
    )  # fmt: skip
    return SamplerState(group["positions"][()], group["log_probability"][()], random_state)


def _check_shapes(path: str | os.PathLike[str], chains: Chains, state: SamplerState) -> None:
    steps, ensembles, walkers, k = chains.chain.shape if chains.chain.ndim == 4 else (0, 0, 0, 0)
    fits = (
        k == len(chains.names) > 0
        and chains.log_probability.shape == (steps, ensembles, walkers)
        and chains.accepted.shape == (ensembles, walkers)
        and state.positions.shape == (ensembles * walkers, k)
        and state.log_probability.shape == (ensembles * walkers,)
        and state.random_state[1].shape == (624,)
        and 0 <= chains.burn <= steps
        and chains.thin >= 1
    )
    if not fits:
        raise InputError(path, "has arrays that do not fit together", "remove it and sample anew")
