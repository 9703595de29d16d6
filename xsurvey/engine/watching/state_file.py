"""How far a run is, for others to read while it works: ``OUTPUT/.xsurvey/progress.json``."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xsurvey.engine.process import this_process
from xsurvey.engine.provenance import timestamp
from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output

logger = logging.getLogger(__name__)

SCHEMA = 1
_WRITE_EVERY_S = 1.0


class StateFile:
    """Writes the newest state, at most once a second, in a thread of its own.

    The file is a service: a disk on which it cannot be written does not stop the run.

    Parameters
    ----------
    path : path
        The file.
    may_write : callable
        Whether the folder is still ours.
    state : callable
        Gives the state when it is written; called from that thread.
    """

    def __init__(
        self, path: Path, may_write: Callable[[], bool], state: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._path = path
        self._may_write = may_write
        self._state = state
        self._process = this_process()
        self._news, self._ended = threading.Event(), threading.Event()
        self._complained = False
        self._writer = threading.Thread(target=self._write_news, daemon=True)
        self._writer.start()

    def tell(self) -> None:
        """Say that there is news, to be written soon."""
        self._news.set()

    def stop(self) -> None:
        """Write the last state, and no more."""
        self._ended.set()
        self._news.set()
        self._writer.join()
        self._write()

    def _write_news(self) -> None:
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            if not self._ended.is_set():
                self._write()
                self._ended.wait(_WRITE_EVERY_S)

    def _write(self) -> None:
        if not self._may_write():
            return
        head = {"schema": SCHEMA, "process": self._process, "updated": timestamp()}
        try:
            with atomic_output(self._path) as temporary:
                temporary.write_text(json.dumps({**head, **self._state()}, allow_nan=False))
        except OutputError as error:
            if not self._complained:
                logger.warning("%s; until then `xsurvey status` is behind", error)
            self._complained = True
