"""What the documents say exists: links, commands with their options, names in examples."""

import ast
import importlib
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pytest
from astropy.units import Unit

from xsurvey.catalogs import load_schema
from xsurvey.catalogs.schema import ColumnSchema
from xsurvey.cli.main import xsurvey
from xsurvey.polarization.stokes import StokesFlag

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(page.read_text()) if kind == language]


def commands() -> list[tuple[str, str]]:
    lines = [
        (page.name, line.strip())
        for page in PAGES
        for block in blocks(page, "bash")
        for line in block.splitlines()
    ]
    return [(page, line) for page, line in lines if line.startswith("xsurvey ")]


def check(line: str) -> None:
    """Parse a command line as click does, without running the command."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    command: click.Command = xsurvey
    context = click.Context(xsurvey, info_name="xsurvey")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, f"no such command: {line}"
        command = found
    command.make_context("xsurvey", words)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text())
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if place:
            assert place in {anchor(h) for h in _HEADING.findall(target.read_text())}, link


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_and_options_exist(page: str, line: str) -> None:
    check(line)


@pytest.mark.parametrize(
    "line", ["xsurvey detct a.fits", "xsurvey run", "xsurvey detect a.fits -o b.fits --treshold 3"]
)
def test_wrong_commands_would_be_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        check(line)


_ROW = re.compile(r"^\| (`[^|]+`) \| (\w+) \| ([^|]*) \|", re.MULTILINE)
_BIT = re.compile(r"^\| (\d+) \| (\w+) \|", re.MULTILINE)


def documented_columns(page: str, heading: str = "Columns") -> dict[str, tuple[str, str]]:
    """Return type and unit of the columns of the tables of a part of a page."""
    text = (ROOT / page).read_text()
    part = text[text.index(f"\n## {heading}\n") + 1 :].partition("\n## ")[0]
    found = {}
    for cell, dtype, unit in _ROW.findall(part):
        first, *others = re.findall(r"`([^`]+)`", cell)
        for name in (first, *others):
            found[first + name if name.startswith("_") else name] = (dtype, unit.strip())
    return found


def check_columns(
    columns: Sequence[ColumnSchema], documented: Mapping[str, tuple[str, str]], where: str
) -> None:
    """Compare columns of a schema with those of a page."""
    known = {c.name: (c.dtype, c.unit) for c in columns}
    assert set(documented) == set(known), where
    for name, (dtype, unit) in known.items():
        assert documented[name][0] == dtype, name
        assert Unit(documented[name][1]) == Unit(unit or ""), name


OWN_PAGES = {
    "cluster": "docs/cluster.md", "polarization": "docs/polarization_pipeline.md",
    "blazar": "docs/blazar.md",
}  # fmt: skip
"""Where columns of some parts of the table of sources are documented."""


def test_columns_of_the_catalog_are_documented() -> None:
    schema = load_schema("sources")
    common = [c for c in schema.columns if c.part not in OWN_PAGES]
    for page, columns in (
        ("docs/sources.md", common),
        *((page, [c for c in schema.columns if c.part == p]) for p, page in OWN_PAGES.items()),
    ):
        assert columns
        where = f"{page}, Columns, against schemas/sources.yaml"
        check_columns(columns, documented_columns(page), where)
    bits = dict(_BIT.findall((ROOT / "docs/sources.md").read_text()))
    assert bits == {str(bit): flag.name for bit, flag in schema.flags.items()}


def test_columns_and_flags_of_polarization_are_documented() -> None:
    schema, page = load_schema("polarization"), OWN_PAGES["polarization"]
    documented = documented_columns(page, "Columns of `polarization.fits`")
    check_columns(schema.columns, documented, f"{page}, against schemas/polarization.yaml")
    bits = {str(bit): flag.name for bit, flag in schema.flags.items()}
    assert dict(_BIT.findall((ROOT / page).read_text())) == bits
    assert bits == {str(int(flag)): str(flag.name).lower() for flag in StokesFlag}


@pytest.mark.parametrize("table", ["sed_fits", "sed_parameters"])
def test_columns_of_fitted_models_are_documented(table: str) -> None:
    schema, page = load_schema(table), OWN_PAGES["blazar"]
    documented = documented_columns(page, f"Columns of `{table}.fits`")
    check_columns(schema.columns, documented, f"{page}, against schemas/{table}.yaml")
    if schema.flags:
        bits = {str(bit): flag.name for bit, flag in schema.flags.items()}
        assert dict(_BIT.findall((ROOT / page).read_text())) == bits


def examples() -> list[str]:
    return [code for page in PAGES for code in blocks(page, "python")]


def test_examples_are_python() -> None:
    for code in examples():
        ast.parse(code)


def test_names_that_examples_import_exist() -> None:
    assert blocks(ROOT / "README.md", "python")
    # what ARCHITECTURE.md shows how to write is not there yet
    known = [c for page in PAGES if page.name != "ARCHITECTURE.md" for c in blocks(page, "python")]
    nodes = [n for code in known for n in ast.walk(ast.parse(code))]
    for node in (n for n in nodes if isinstance(n, ast.ImportFrom) and n.module):
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
