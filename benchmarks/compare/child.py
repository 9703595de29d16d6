"""Run a command and write down what it took: ``python -I -S child.py REPORT SECONDS COMMAND...``.

A process of its own, since the kernel counts the memory of whoever starts a command as that
command's peak: a bare interpreter is smaller than all that is compared. What the command's own
children took is added to its CPU time, and the largest of them counts for memory.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run the command, in a group of its own, for as long as it may."""
    report, limit, *command = sys.argv[1:]
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        try:
            os.execvp(command[0], command)
        except OSError as error:
            print(error, file=sys.stderr)
        os._exit(127)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
    signal.alarm(int(limit))
    _, status, usage = os.wait4(pid, 0)
    signal.alarm(0)
    with open(report, "w") as file:
        record = {
            "exit": os.waitstatus_to_exitcode(status),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": usage.ru_maxrss / 1024,
            "wall_s": time.perf_counter() - start,
        }
        json.dump(record, file)


if __name__ == "__main__":
    main()
