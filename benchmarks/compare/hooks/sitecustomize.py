"""Count the CPU time of imports: Python runs this at its start where its folder is on PYTHONPATH.

The outermost import counts, wherever it stands: commands and libraries import much of what they
need when they need it. The sum, with what the interpreter took to start, is added as a line to the
file that ``COMPARE_IMPORTS`` names when the process ends.
"""

import atexit
import builtins
import importlib
import os
import threading
import time


def count_imports(path: str) -> None:
    """Wrap the ways to import, and write what they took at the end."""
    spent = [time.process_time()]
    state = threading.local()

    def counted(function):  # type: ignore[no-untyped-def]
        def wrapper(*arguments, **named):  # type: ignore[no-untyped-def]
            if getattr(state, "inside", False):
                return function(*arguments, **named)
            state.inside, start = True, time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                spent[0] += time.process_time() - start
                state.inside = False

        return wrapper

    def write() -> None:
        with open(path, "a") as file:
            file.write(f"{spent[0]}\n")

    builtins.__import__ = counted(builtins.__import__)
    importlib.import_module = counted(importlib.import_module)
    atexit.register(write)


if os.environ.get("COMPARE_IMPORTS"):
    count_imports(os.environ["COMPARE_IMPORTS"])
