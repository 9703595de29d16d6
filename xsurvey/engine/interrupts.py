"""Other ways to stop a run than Ctrl-C: ``kill``, batch systems, a terminal that is closed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, so that the run ends in good order.

    Signals that are ignored, as below ``nohup``, or have a handler already stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    changed = [n for n in _STOP if signal.getsignal(n) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
