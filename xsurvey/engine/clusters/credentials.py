"""Keys for the traffic between nodes, made for one run."""

import os
from pathlib import Path
from typing import Any

from distributed.security import Security

FOLDER = "tls"


def make_credentials(folder: Path) -> tuple[Security, dict[str, Any]]:
    """Make a key and a certificate, in files that only their owner can read.

    An open Dask port runs the programs of whoever reaches it. Who has the key of this run is let
    in; workers find it in the folder, which they see as they see the outputs.

    Parameters
    ----------
    folder : path
        Of the run's jobs; a folder for the keys is made in it.

    Returns
    -------
    security : distributed.Security
        For scheduler and client.
    settings : dict
        For the Dask configuration of workers.
    """
    made = Security.temporary()
    place = folder / FOLDER
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _write(place / "key.pem", str(made.tls_worker_key))
    certificate = _write(place / "certificate.pem", str(made.tls_worker_cert))
    files = {"tls_ca_file": certificate}
    for role in ("scheduler", "client", "worker"):
        files |= {f"tls_{role}_cert": certificate, f"tls_{role}_key": key}
    settings: dict[str, Any] = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": certificate,
    }
    for role in ("worker", "client", "scheduler"):
        settings[f"distributed.comm.tls.{role}.cert"] = certificate
        settings[f"distributed.comm.tls.{role}.key"] = key
    return Security(require_encryption=True, **files), settings


def remove_credentials(folder: Path) -> None:
    """Remove the keys of a run that has ended."""
    for path in (folder / FOLDER).glob("*.pem"):
        path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> str:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    return str(path)
