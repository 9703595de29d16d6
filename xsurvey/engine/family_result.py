"""The result of a whole family in the store: the list of its members."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from xsurvey.engine.families import MEMBERS_FILE, OpenFamily, read_members, write_members
from xsurvey.engine.provenance import timestamp, versions
from xsurvey.engine.store import Store
from xsurvey.errors import OutputError


def commit_family(store: Store, family: OpenFamily, provenance: Mapping[str, Any]) -> None:
    """Record the members of a family, so that the next run need not ask them if all are done.

    With ``failures`` it tells where results come from, and the family is not done.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        _forget(store.folder(family.key))  # of an earlier run, where elements had failed
        attempt = store.attempt(family.key)
        try:
            write_members(attempt.outputs / MEMBERS_FILE, family.members())
            seconds = {"finished": timestamp(), "seconds": round(family.seconds, 3)}
            about = {"record": family.record(), "warnings": []}
            about["provenance"] = {"versions": dict(versions()), **seconds}
            if family.failures:
                about["failures"] = dict(family.failures)
            store.commit(attempt, family.key, {**provenance, **about})
        finally:
            attempt.discard()
    except OSError as error:
        raise OutputError(
            store.output, f"cannot be written ({error.strerror or error})",
            "make room and run again",
        ) from error  # fmt: skip


def damaged_member(store: Store, key: str) -> str | None:
    """Return the key of a member whose result is damaged or gone, None if all are whole.

    The list of the family goes away then: it is no longer true.
    """
    folder = store.folder(key)
    try:
        members = read_members(folder)
    except OSError:
        return key
    damaged = next((one for one in members if store.manifest(one) is None), None)
    if damaged is not None:
        _forget(folder)
    return damaged


def _forget(folder: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(folder)
