"""What happened to each task, for machines to read: a JSON object a line, as it happens."""

import json
import logging
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xsurvey.engine.store import Store

logger = logging.getLogger(__name__)

_FOLDER = "logs"
_KEPT = 20
_WRITE_EVERY_S = 1.0
_WAITING_MOST = 10_000


class TaskLog:
    """Appends events to ``OUTPUT/.xsurvey/logs/RUN.jsonl``, in a thread of its own.

    A second after an event it is in the file; a run that is killed loses no more than that. The
    file is a service: a disk on which it cannot be written does not stop the run, and every line
    in it is whole.

    Parameters
    ----------
    store : Store
        Held for writing. Of its runs, the logs of the last twenty are kept.
    """

    def __init__(self, store: Store) -> None:
        folder = store.root / _FOLDER
        self.path = folder / f"{store.run}.jsonl"
        self._lines: list[str] = []
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._complained = False
        self._dropped = 0
        _remove_old(folder)
        self._writer = threading.Thread(target=self._write_now_and_then, daemon=True)
        self._writer.start()

    def add(self, event: str, **values: Any) -> None:
        """Note an event; values that are None are left out."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = {name: value for name, value in values.items() if value is not None}
        line = json.dumps({"time": now, "event": event, **told}, allow_nan=False)
        with self._lock:
            self._lines.append(line)
            many = len(self._lines) >= _WAITING_MOST
        if many:  # the disk is slower than the run: it has to wait
            self._write()

    def stop(self) -> None:
        """Write what is left."""
        self._ended.set()
        self._writer.join()
        self._write()

    def _write_now_and_then(self) -> None:
        while not self._ended.wait(_WRITE_EVERY_S):
            self._write()

    def _write(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            if not lines:
                return
            if self._dropped:
                lines.insert(0, json.dumps({"event": "dropped", "lines": self._dropped}))
            try:
                self._append("".join(f"{line}\n" for line in lines))
            except OSError as error:
                self._dropped += len(lines) - bool(self._dropped)
                if not self._complained:
                    reason = error.strerror or error
                    logger.warning("%s: cannot be written (%s); events are lost", self.path, reason)
                self._complained = True
            else:
                self._dropped = 0

    def _append(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            size = stream.tell()
            try:
                stream.write(text.encode())
                stream.flush()
            except OSError:
                os.ftruncate(stream.fileno(), size)  # no half lines
                raise


def _remove_old(folder: Path) -> None:
    try:
        found = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        for path in found[: -_KEPT + 1]:
            path.unlink(missing_ok=True)
    except OSError:
        return
