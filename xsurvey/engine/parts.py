"""Parts of a target, such as some of its sources: the file in which a stage lists them.

A stage that divides a target writes one line a part, a JSON list of the names of its elements.
The runner reads it line by line, so that it may be long.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from xsurvey.io.atomic import atomic_output

PARTS_FILE = "parts.jsonl"
"""What such a stage should call it."""

LEAST_SECONDS = 10.0
"""Work of a part: many times what it costs to send one."""


def write_parts(path: Path, parts: Iterable[Sequence[str]]) -> None:
    """Write the list of parts.

    Parameters
    ----------
    path : path
    parts : iterable of sequences of str
        Names of elements, in the order in which a later stage gets them; none twice.

    Raises
    ------
    ValueError
        A part is empty, or two have an element in common.
    OutputError
        The file cannot be written.
    """
    seen: set[str] = set()
    with atomic_output(path) as temporary, temporary.open("w") as stream:
        for part in parts:
            if not part:
                raise ValueError("a part has no element")
            for element in part:
                if element in seen:
                    raise ValueError(f"element '{element}' is there twice")
                seen.add(element)
            stream.write(json.dumps(list(part)) + "\n")


def read_parts(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the parts of a list, one by one."""
    with path.open() as stream:
        for line in stream:
            yield tuple(map(str, json.loads(line)))


def grouped_by_work(
    seconds: Mapping[str, float], least: float = LEAST_SECONDS
) -> Iterator[tuple[str, ...]]:
    """Yield elements in groups, as small as their work allows.

    Parameters
    ----------
    seconds : mapping of str to float
        What each element is expected to take. Only these numbers decide the groups, never the
        number of workers: a rerun finds the same.
    least : float
        Seconds of a group, which only the last one may have less of.

    Examples
    --------
    >>> list(grouped_by_work({"a": 6.0, "b": 5.0, "c": 30.0, "d": 1.0}, least=10))
    [('a', 'b'), ('c',), ('d',)]
    """
    group: list[str] = []
    work = 0.0
    for name, expected in seconds.items():
        group.append(name)
        work += expected if math.isfinite(expected) else 0.0
        if work >= least:
            yield tuple(group)
            group, work = [], 0.0
    if group:
        yield tuple(group)
