"""Virtual environments of the peers, one each, with the versions that are pinned.

Each is made below ``.venv-compare`` by pip, from ``requirements-NAME.txt``, when it is first asked
for or when its pins have changed. Peers are never in xsurvey's own environment: their requirements
contradict one another's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".venv-compare"
PROGRAMS = HERE / "peers"
"""Programs of the peers that other benchmarks talk to."""
LIMIT = 3600.0
"""Seconds that an installation may take: Sherpa is built from source, in some minutes."""


class CannotRun(Exception):
    """Why a peer cannot be run, in one line."""


class Peer(NamedTuple):
    """A package that pip can install."""

    name: str
    title: str
    library: str | None = None
    """A package with XSPEC's model library, which is installed first and which the peer is built
    against; without it the peer has none of these models."""


PEERS = {
    peer.name: peer
    for peer in (
        Peer("sherpa", "Sherpa", library="xspectrampoline"),
        Peer("pyproffit", "pyproffit"),
        Peer("ixpeobssim", "ixpeobssim"),
        Peer("agnpy", "agnpy"),
    )
}


def requirements(name: str) -> Path:
    """Return the file of a peer's pins."""
    return HERE / f"requirements-{name}.txt"


def pinned(name: str) -> dict[str, str]:
    """Return the pinned versions of a peer and of all that it needs, by name."""
    lines = (line.partition(" ")[0] for line in requirements(name).read_text().splitlines())
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def interpreter(name: str, folder: Path = FOLDER) -> Path:
    """Return the Python of a peer's environment, whether or not it is there."""
    return folder / name / "bin" / "python"


def is_made(name: str, folder: Path = FOLDER) -> bool:
    """Return whether an environment was made of the pins of today."""
    stamp = folder / name / ".installed"
    return stamp.is_file() and stamp.read_text() == requirements(name).read_text()


def make_environment(name: str, folder: Path = FOLDER) -> Path:
    """Make the environment of a peer, unless it is there; return its Python.

    Raises
    ------
    CannotRun
        Something cannot be installed. What was half made is removed.
    """
    python = interpreter(name, folder)
    if is_made(name, folder):
        return python
    place, peer = folder / name, PEERS[name]
    shutil.rmtree(place, ignore_errors=True)
    print(f"{name}: installing into {place}", file=sys.stderr)
    try:
        _run([sys.executable, "-m", "venv", str(place)], name)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        environment = dict(os.environ)
        if peer.library:
            version = pinned(name)[peer.library]
            _run([*install, f"{peer.library}=={version}"], name)
            environment |= library_variables(name, folder)
            # a wheel that pip has kept of an earlier build would not know the library
            install.append("--no-cache-dir")
        _run([*install, "-r", str(requirements(name))], name, environment)
    except CannotRun:
        shutil.rmtree(place, ignore_errors=True)
        raise
    (place / ".installed").write_text(requirements(name).read_text())
    return python


def peer_python(name: str, option: str) -> Path:
    """Return the Python that ``--peer`` of a benchmark means: its path, or ``venv``.

    ``venv`` is the environment that is made here, and is made if it is not there.
    """
    return make_environment(name) if option == "venv" else Path(option)


def peer_variables(name: str, option: str) -> dict[str, str]:
    """Return what that Python needs in its environment besides."""
    return library_variables(name) if option == "venv" else {}


def library_variables(name: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return what a peer that is linked to XSPEC's model library needs in its environment.

    Raises
    ------
    CannotRun
        The library is not there.
    """
    if PEERS[name].library is None:
        return {}
    pattern = f"lib/python3*/site-packages/{PEERS[name].library}/LibXSPEC*"
    found = sorted((folder / name).glob(pattern))
    if not found:
        raise CannotRun(f"XSPEC's model library is not in {PEERS[name].library}")
    library = found[-1]
    return {
        "HEADAS": str(library),
        "LD_LIBRARY_PATH": f"{library}/lib",
        "CPPFLAGS": f"-I{library}/include",
        "LDFLAGS": f"-L{library}/lib",
    }


def _run(command: list[str], name: str, environment: dict[str, str] | None = None) -> None:
    """Run a step of the installation; raise `CannotRun` with its last words if it fails."""
    # what lies on the user's path would count as installed
    clean = {k: v for k, v in (environment or os.environ).items() if k != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=clean, timeout=LIMIT
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"the installation took more than {LIMIT:.0f} s") from error
    if done.returncode:
        raise CannotRun(f"pip cannot install it: {cause(done.stderr, done.stdout)}")


def cause(*outputs: str) -> str:
    """Return the line of the outputs that says best why something failed."""
    lines = [line.strip() for text in outputs for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    # pip's first line of an error, a traceback's last
    chosen = [line for line in errors if line.startswith("ERROR:")][:1] or errors[-1:] or lines[-1:]
    return chosen[0][:200] if chosen else "no output"
