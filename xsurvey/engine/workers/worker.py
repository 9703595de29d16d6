"""What happens in a worker: one task, from its order to its result in the store."""

import contextlib
import functools
import io
import json
import logging
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import FileStamp, check_unchanged
from xsurvey.engine.process import end_with_parent
from xsurvey.engine.provenance import json_value, timestamp, versions
from xsurvey.engine.stage import Stage, TaskContext
from xsurvey.engine.store import Store
from xsurvey.engine.workers.attempt import Attempt
from xsurvey.engine.workers.memory import give_memory_back
from xsurvey.engine.workers.usage import Meter, Place, Usage
from xsurvey.errors import XSurveyError, printable
from xsurvey.io.atomic import atomic_output, no_space
from xsurvey.parameters import StepParameters, naming_keys

_RECORD_LIMIT = 16 * 1024
_WARNINGS_KEPT = 20
_CAUSE_LENGTH = 200
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True)
class TaskOrder:
    """All that a worker needs to do one task; it is sent to it pickled.

    ``expected_seconds`` is how long it took when it was done last; None if nobody knows.
    """

    key: str
    stage: Stage
    target: str
    inputs: Mapping[str, Path | list[Path]]
    stamps: Mapping[Path, FileStamp]
    parameters: Mapping[str, StepParameters]
    seed: int
    missing: Mapping[str, str]
    provenance: Mapping[str, Any]
    output: Path
    run: str
    log_level: int
    elements: tuple[str, ...] = ()
    expected_seconds: float | None = None


@dataclass(frozen=True)
class TaskReport:
    """The small record that comes back from a worker.

    ``cause`` is None when the task succeeded, and one line when not; ``usage`` is None where it
    could not be measured, and ``place`` where the task was not begun.
    """

    key: str
    seconds: float
    cause: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    usage: Usage | None = None
    place: Place | None = None


def run_task(order: TaskOrder, time_limit: float | None = None, alone: bool = False) -> TaskReport:
    """Do a task and commit its result; failures are reported, not raised.

    Parameters
    ----------
    order : TaskOrder
        What to do.
    time_limit : float, optional
        Seconds; the process is ended if it takes longer. Only with ``alone``.
    alone : bool
        Whether this process has nothing else to do, so that it may be ended.
    """
    store = Store(order.output, order.run)
    done = store.manifest(order.key)
    if done is not None:  # by a worker that died, or was thought dead, before it could say so
        return _report_of(order.key, done)
    started, clock, meter = timestamp(), time.monotonic(), Meter()
    cause, record, attempt = None, {}, None
    usage: Usage | None = None
    with _captured_log(order.log_level) as log:
        try:
            attempt = store.attempt(order.key)
            with attempt.watched(time_limit) if alone else contextlib.nullcontext():
                record = _run_stage(order, attempt.outputs)
                seconds = round(time.monotonic() - clock, 3)
                took = {"started": started, "finished": timestamp(), "seconds": seconds}
                usage = meter.read()
                took |= asdict(usage)
                about = {"record": record, "warnings": log.kept}
                about["provenance"] = {"versions": dict(versions()), **took}
                store.commit(attempt, order.key, {**order.provenance, **about})
        except XSurveyError as error:
            told = naming_keys(error, order.parameters.values())
            cause = _without(attempt, str(told))
            log.text.write(f"{cause}\n")
        except (Exception, SystemExit) as error:  # one bad target must not stop the others
            cause = _short_cause(error, attempt, order.output)
            log.text.write(traceback.format_exc())
        finally:
            # the attempt ended; what is left of one tells the runner that a worker died
            if attempt is not None:
                attempt.discard()
    write_log(store.log_file(order.key), log.text.getvalue())
    seconds = time.monotonic() - clock
    if cause is not None or usage is None:  # else the report tells what the manifest does
        usage = meter.read()
    return TaskReport(order.key, seconds, cause, record, tuple(log.kept), usage)


def run_task_in_worker(order: TaskOrder, time_limit: float | None) -> TaskReport | None:
    """Do a task in a process that has nothing else to do.

    Returns
    -------
    TaskReport or None
        None where the report lies in a file (`take_report`). A report that had to be asked of
        this process could not be had once it does another task, which may keep the interpreter
        to itself for ever.
    """
    _prepare_process()
    report = run_task(order, time_limit, alone=True)
    give_memory_back()
    # what libraries print is seen while the run goes on, and not lost where workers are ended
    sys.stdout.flush()
    path = Store(order.output, order.run).report_file(report.key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(path) as temporary:
            temporary.write_text(json.dumps(asdict(report)))
    except (OSError, XSurveyError):  # a full disk: the report can still be asked for
        return report
    return None


def take_report(store: Store, key: str) -> TaskReport | None:
    """Return the report that a worker left in a file, and remove it.

    None if there is none that can be read: on a file system that is slow to show what others
    write it may come, whole or bit by bit.
    """
    path = store.report_file(key)
    try:
        values = json.loads(path.read_text())
        usage = Usage(**values["usage"]) if values["usage"] else None
        report = TaskReport(**{**values, "warnings": tuple(values["warnings"]), "usage": usage})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with contextlib.suppress(OSError):  # it goes with the others, at the end
        path.unlink()
    return report


def find_report(store: Store, key: str) -> TaskReport | None:
    """Return the report of a task that ended, from its result if the report cannot be seen."""
    report = take_report(store, key)
    if report is not None:
        return report
    done = store.manifest(key)
    return _report_of(key, done) if done is not None else None


@functools.cache
def _prepare_process() -> None:
    # what libraries print must not get into the standard output of the command
    os.dup2(2, 1)
    end_with_parent()


def _report_of(key: str, manifest: Mapping[str, Any]) -> TaskReport:
    about = manifest.get("provenance", {})
    record, kept = manifest.get("record", {}), tuple(manifest.get("warnings", ()))
    seconds = float(about.get("seconds", 0.0))
    return TaskReport(key, seconds, None, record, kept, Usage.recorded(about))


def _run_stage(order: TaskOrder, folder: Path) -> dict[str, Any]:
    context = TaskContext(
        order.target, order.inputs, order.parameters, folder, order.seed, order.missing,
        order.elements,
    )  # fmt: skip
    for path, stamp in order.stamps.items():
        check_unchanged(path, stamp)
    record = json_value(order.stage.run(context))
    for path, stamp in order.stamps.items():
        check_unchanged(path, stamp)
    absent = [name for name in order.stage.outputs if not (folder / name).exists()]
    if absent:
        raise FileNotFoundError(f"stage '{order.stage.name}' did not write {', '.join(absent)}")
    if not isinstance(record, dict):
        raise TypeError(f"stage '{order.stage.name}' returned no record")
    if len(json.dumps(record)) > _RECORD_LIMIT:
        raise ValueError(f"the record of stage '{order.stage.name}' is too big; write a file")
    return record


def _short_cause(error: BaseException, attempt: Attempt | None, output: Path) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; give the workers more of it"
    full = no_space(error, output) if isinstance(error, OSError) else None
    if full is not None:
        return f"its outputs cannot be written ({full}); make room and run again"
    text = _ADDRESS.sub("", _without(attempt, printable(error)))
    text = text if len(text) <= _CAUSE_LENGTH else f"{text[:_CAUSE_LENGTH]}..."
    return f"{type(error).__name__}: {text}"


def _without(attempt: Attempt | None, cause: str) -> str:
    # causes are part of the keys of tasks that go on without this one: nothing random in them
    return cause if attempt is None else cause.replace(f"{attempt.outputs}/", "")


@dataclass
class _Log:
    text: io.StringIO = field(default_factory=io.StringIO)
    kept: list[str] = field(default_factory=list)


class _WarningKeeper(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        message = printable(record.getMessage())
        if len(self._kept) < _WARNINGS_KEPT and message not in self._kept:
            self._kept.append(message)


@contextlib.contextmanager
def _captured_log(level: int) -> Iterator[_Log]:
    """Collect the log of one task; the runner shows its warnings, with the task's name."""
    log, logger = _Log(), logging.getLogger("xsurvey")
    to_text = logging.StreamHandler(log.text)
    to_text.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers = [to_text, _WarningKeeper(log.kept)]
    before = logger.level, logger.propagate
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(min(level, logging.WARNING))
    logger.propagate = False
    try:
        with warnings.catch_warnings(record=True) as raised:
            yield log
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        for warning in raised:
            log.text.write(f"{warning.category.__name__}: {warning.message}\n")


def write_log(path: Path, text: str) -> None:
    """Write the log of a task, or remove an old one if there is nothing to tell."""
    try:
        path.unlink(missing_ok=True)
        if text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    except OSError:
        logging.getLogger(__name__).warning("%s: cannot be written", path)
