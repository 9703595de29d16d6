"""The table of the comparison, in Markdown, and the page that holds it.

Words about differences are written by hand, before and after the table; the table is between two
marks and is made of the result alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- table of benchmarks.compare -->\n", "<!-- end of the table -->\n"
HEAD = "| | simulated | xsurvey | peer | difference |\n|---|---|---|---|---|\n"
NOTABLE_SIGMA, NOTABLE_PART = 0.1, 0.005
"""Differences beyond these are bold, and explained on the page."""
COSTS = (
    ("work_s", "CPU of the work, s", "{:.2f}"),
    ("imports_s", "CPU of start-up and imports, s", "{:.2f}"),
    ("peak_mb", "peak memory, MB", "{:.0f}"),
)
Values = Sequence[float | None]


def write_page(path: Path, result: Mapping[str, Any]) -> None:
    """Put the table of a result between the marks of a page; other text stays.

    Where there is no page one is made that has the table alone.
    """
    if not path.exists():
        path.write_text(f"# Beside other packages\n\n{BEGIN}{END}")
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path}: no lines {BEGIN.strip()} and {END.strip()}")
    path.write_text(before + BEGIN + table(result) + END + after)


def table(result: Mapping[str, Any]) -> str:
    """Return the tables of what was compared, and of what was not run."""
    rows = [row for task in result["tasks"] for row in _task_rows(task)]
    absent = [f"| {name} | {reason} |\n" for name, reason in result["not_run"].items()]
    return (
        f"Run {result['date']}, seed {result['seed']}, {result['machine']}.\n\n"
        + HEAD + "".join(rows) + "\nNot run:\n\n| peer | why |\n|---|---|\n" + "".join(absent)
    )  # fmt: skip


def _task_rows(task: Mapping[str, Any]) -> list[str]:
    ours, theirs = task["sides"]["xsurvey"], task["sides"][task["peer"]]
    rows = [
        f"| **{task['title']}**: {task['data']} | | {_state('xsurvey', ours)} | "
        f"{_state(task['peer_title'], theirs)} | |\n"
    ]
    sides = (ours, theirs)
    for quantity in task["quantities"]:
        rows.append(
            _quantity_row(quantity, [s.get("values", {}).get(quantity["name"]) for s in sides])
        )
    for name, label, form in COSTS:
        shown = " | ".join(form.format(side[name]) if name in side else "-" for side in sides)
        rows.append(f"| {label} | | {shown} | |\n")
    shown = " | ".join(
        f"[{side['lines']}](../{side['script']})" if "script" in side else "-" for side in sides
    )
    rows.append(f"| lines of user's code | | {shown} | |\n")
    return rows + [row for check in task["checks"] for row in _check_rows(check, task)]


def _check_rows(check: Mapping[str, Any], task: Mapping[str, Any]) -> list[str]:
    """Return rows of a check: the values of the side that did it, and those of the other."""
    if "not_run" in check:
        return [f"| *check: {check['label']}*: not run: {check['not_run']} | | | | |\n"]
    rows = [f"| *check: [{check['label']}](../{check['script']})* | | | | |\n"]
    for quantity in (q for q in task["quantities"] if q["name"] in check["quantities"]):
        found = {
            name: side.get("values", {}).get(quantity["name"])
            for name, side in task["sides"].items()
        }
        found[check["side"]] = check["values"].get(quantity["name"])
        rows.append(_quantity_row(quantity, [found["xsurvey"], found[task["peer"]]]))
    return rows


def _quantity_row(quantity: Mapping[str, Any], values: Sequence[Values | None]) -> str:
    truth = "" if quantity["truth"] is None else f"{quantity['truth']:g}"
    shown = " | ".join(number(v) if v else "-" for v in values)
    apart = difference(values[0], values[1]) if values[0] and values[1] else ""
    return f"| {quantity['label']} | {truth} | {shown} | {apart} |\n"


def _state(title: str, side: Mapping[str, Any]) -> str:
    name = f"{title} {side.get('version', '')}".strip()
    return f"{name}: not run: {side['not_run']}" if "not_run" in side else name


def number(values: Values) -> str:
    """Return a value with its errors, to two digits of the smaller one, or four digits.

    Parameters
    ----------
    values : sequence of float or None
        The value, or value, lower and upper limit; None for a limit that was not found.
    """
    value = values[0]
    if value is None or not math.isfinite(value):
        return "none"
    if len(values) == 1 and value == round(value) and abs(value) < 1e7:
        return f"{value:.0f}"
    errors = [None if x is None else abs(x - value) for x in values[1:]]
    known = [e for e in errors if e]
    power = math.floor(math.log10(abs(value))) if value else 0
    power = power if not -3 <= power < 5 else 0
    smallest = min(known) if known else abs(value) / 100 or 1.0
    scaled = 10.0**-power
    digits = max(0, 1 - math.floor(math.log10(smallest * scaled)))
    text = f"{value * scaled:.{digits}f}"
    if errors:
        low, high = ("none" if e is None else f"{e * scaled:.{digits}f}" for e in errors)
        text += f" ± {low}" if low == high else f" +{high} -{low}"
    if not power:
        return text
    return f"({text})e{power}" if errors else f"{text}e{power}"


def difference(ours: Values, theirs: Values) -> str:
    """Return by how much two sides differ: in errors of the peer, or, without these, in per cent.

    Values of the same data differ by no chance: differences should be far below the errors.
    """
    ours_value, value, limits = ours[0], theirs[0], [x for x in theirs[1:] if x is not None]
    if ours_value is None or value is None or not math.isfinite(ours_value - value):
        return "**?**"
    away = ours_value - value
    if limits:
        sigma = sum(abs(x - value) for x in limits) / len(limits)
        part, notable, text = away / sigma if sigma else math.inf, NOTABLE_SIGMA, "{:+.2f} sigma"
    else:
        part = away / abs(value) if value else math.copysign(math.inf, away) if away else 0.0
        notable, text = NOTABLE_PART, "{:+.2%}"
    shown = text.format(part)
    if float(shown.split(" ")[0].strip("+-%")) == 0:
        return "0"
    return f"**{shown}**" if abs(part) > notable else shown
