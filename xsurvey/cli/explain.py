"""``xsurvey explain``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xsurvey.cli.options import json_option, show_result
from xsurvey.errors import InputError, printable

if TYPE_CHECKING:
    from xsurvey.engine.lineage import Lineage, RecordedFile

_KEY_SHOWN = 12


@click.command()
@click.argument("product", type=click.Path(path_type=Path), metavar="PRODUCT")
@click.option("--source", metavar="NAME", help="Only the tasks of this source's observation.")
@click.option(
    "--verify/--no-verify", default=True,
    help="Compare the SHA-256 of files with those recorded.  [default: verify]",
)  # fmt: skip
@json_option
def explain_command(
    product: Path, source: str | None, verify: bool, json_path: Path | None
) -> None:
    """Say where PRODUCT comes from: its tasks, their parameters, and the files they read.

    PRODUCT is a file or folder that a run wrote: the catalog, the report, run.json, or anything
    in the task store; of a run's output folder its catalog. Tells as well whether it, or what it
    was made from, was changed since.

    \b
    Example:
      xsurvey explain demo_output/catalog/sources.fits
    """
    from xsurvey.engine.lineage import read_lineage
    from xsurvey.io.atomic import check_outputs

    product = _catalog_of(product)
    check_outputs([json_path], [product])
    lineage = read_lineage(product)
    target = None if source is None else _target_of(product, source)
    wanted = set(lineage.manifests) if target is None else lineage.related(target)
    explained = _Explained(lineage, verify, wanted, _defaults())
    show_result(map(_printable, explained.lines()), json_path, explained.as_json())


def _catalog_of(product: Path) -> Path:
    """Return the catalog of an output folder, of anything else itself."""
    catalog = product / "catalog" / "sources.fits"
    return catalog if (product / ".xsurvey").is_dir() and catalog.is_file() else product


def _printable(line: str) -> str:
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + printable(text)


def _target_of(product: Path, source: str) -> str:
    """Return the target, an observation, in which a source of a catalog was found."""
    from xsurvey.catalogs import open_catalog

    table = open_catalog(product).query()
    for row in table:
        if source in (str(row["name"]), str(row["source_id"])):
            return str(row["source_id"]).rpartition("_")[0]
    raise InputError(product, f"has no source '{source}'", "give a name or source_id of its rows")


def _defaults() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the parameters' defaults by stage and section, for the stages of this version."""
    from xsurvey.pipelines import PIPELINE_NAMES, get_pipeline

    return {
        (stage.name, section): model().normalised()
        for name in PIPELINE_NAMES
        for stage in get_pipeline(name).stages
        for section, model in stage.parameters.items()
        if not any(field.is_required() for field in model.model_fields.values())
    }


@dataclass
class _Explained:
    """The tree of a lineage, as lines and as JSON."""

    lineage: "Lineage"
    verify: bool
    wanted: set[str]
    defaults: Mapping[tuple[str, str], Mapping[str, Any]]
    _shown: set[str] = field(default_factory=set)
    _states: dict[tuple[Path, str | None], str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield the lines to print."""
        yield f"{self.lineage.product}: {self._product_text()}"
        for recorded in self.lineage.files:
            if len(self.lineage.files) > 1 and self._state(recorded) in ("changed", "missing"):
                yield f"  {recorded.path}: {self._state(recorded)}"
        versions = self._common_versions()
        for key in self._roots():
            yield from self._task_lines(key, "", 0, versions)
        for key in self.lineage.gone:
            yield f"task {key[:_KEY_SHOWN]}: its results and their manifest are gone from the store"
        if versions:
            yield f"made with {', '.join(f'{name} {v}' for name, v in versions.items())}"

    def as_json(self) -> dict[str, Any]:
        """Return all that is known as JSON values."""
        lineage = self.lineage
        return {
            "product": str(lineage.product),
            "state": self._product_state(),
            "published": lineage.published,
            "files": [self._file_json(f) for f in lineage.files],
            "roots": self._roots(),
            "tasks": [self._task_json(k) for k in lineage.manifests if k in self.wanted],
            "gone": lineage.gone,
        }

    def _roots(self) -> list[str]:
        return [key for key in self.lineage.roots() if key in self.wanted]

    def _product_state(self) -> str:
        states = {self._state(recorded) for recorded in self.lineage.files}
        order = ("changed", "missing", "not verified", "unchanged")
        return next((state for state in order if state in states), "not verified")

    def _product_text(self) -> str:
        since = f"was published {self.lineage.published}" if self.lineage.published else "was made"
        return {
            "unchanged": f"unchanged since it {since}",
            "changed": f"CHANGED since it {since}",
            "missing": f"files are MISSING that were there when it {since}",
            "not verified": f"not verified; it {since}",
        }[self._product_state()]

    def _task_lines(
        self, key: str, name: str, depth: int, versions: Mapping[str, str]
    ) -> Iterator[str]:
        pad, manifest = "  " * depth, self.lineage.manifests[key]
        label = f"{name}: " if name else ""
        title = f"{pad}{label}{manifest['stage']} {manifest['target']}"
        if key in self._shown:
            yield f"{title} (above)"
            return
        self._shown.add(key)
        yield title
        for line in self._facts(key, manifest, versions):
            yield f"{pad}  {line}"
        yield from self._input_lines(manifest, depth + 1, versions)

    def _facts(self, key: str, manifest: Mapping[str, Any], versions: Any) -> Iterator[str]:
        about = manifest.get("provenance", {})
        yield f"version {manifest['version']}, seed {manifest['seed']}, key {key[:_KEY_SHOWN]}"
        if manifest.get("elements"):
            yield f"elements: {', '.join(manifest['elements'])}"
        yield f"done {about.get('finished', '?')} in {about.get('seconds', 0.0):g} s"
        for data, version in manifest.get("uses", {}).items():
            if version:  # of a mission without responses of its own there is none
                yield f"uses {data}: {version}"
        for missing, cause in manifest.get("missing", {}).items():
            yield f"without {missing}: {cause}"
        own = about.get("versions", {})
        other = [f"{n} {own.get(n)}" for n in {**versions, **own} if own.get(n) != versions.get(n)]
        if other:
            yield f"made with other versions: {', '.join(other)}"
        for recorded in self.lineage.outputs(key):
            if self._state(recorded) in ("changed", "missing"):
                yield f"its output {recorded.path.name}: {self._state(recorded)} since"
        same = []
        for p in self._parameters(manifest):
            if p["changed"]:
                default = f" (default {p['default']})" if p["has_default"] else ""
                yield f"{p['name']} = {p['value']}{default}"
            else:
                same.append(f"{p['name']} = {p['value']}")
        if same:
            yield f"at their defaults: {', '.join(same)}"

    def _input_lines(
        self, manifest: Mapping[str, Any], depth: int, versions: Mapping[str, str]
    ) -> Iterator[str]:
        from xsurvey.engine.lineage import input_entries

        for name, entry in input_entries(manifest):
            if "path" in entry:
                yield f"{'  ' * depth}{name}: {entry['path']}"
                yield f"{'  ' * depth}  sha256 {entry['sha256']}, {self._state(_input(entry))}"
            elif entry["task"] in self.wanted:
                yield from self._task_lines(entry["task"], name, depth, versions)

    def _parameters(self, manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for section, values in manifest.get("parameters", {}).items():
            # a stage of another version may have had other parameters
            known = self.defaults.get((manifest["stage"], section), {})
            given = not known  # a section with what has no default
            for name, value in values.items():
                yield {
                    "name": f"{section}.{name}", "value": value, "default": known.get(name),
                    "has_default": name in known,
                    "changed": given or (name in known and value != known[name]),
                }  # fmt: skip

    def _common_versions(self) -> Mapping[str, str]:
        for key in self._roots():
            found = self.lineage.manifests[key].get("provenance", {}).get("versions", {})
            return dict(found)
        return {}

    def _task_json(self, key: str) -> dict[str, Any]:
        from xsurvey.engine.lineage import input_entries

        manifest = self.lineage.manifests[key]
        names = ("stage", "version", "target", "seed", "uses", "missing", "record", "warnings")
        return {
            "key": key,
            **{name: manifest.get(name) for name in names},
            **manifest.get("provenance", {}),
            "parameters": list(self._parameters(manifest)),
            "inputs": [
                {"name": name, **entry}
                | ({"state": self._state(_input(entry))} if "path" in entry else {})
                for name, entry in input_entries(manifest)
            ],
            "outputs": [self._file_json(f) for f in self.lineage.outputs(key)],
        }

    def _file_json(self, recorded: "RecordedFile") -> dict[str, Any]:
        return {
            "path": str(recorded.path), "sha256": recorded.sha256, "size": recorded.size,
            "state": self._state(recorded),
        }  # fmt: skip

    def _state(self, recorded: "RecordedFile") -> str:
        known = (recorded.path, recorded.sha256)
        if known not in self._states:
            self._states[known] = recorded.state(self.verify)
        return self._states[known]


def _input(entry: Mapping[str, str]) -> "RecordedFile":
    from xsurvey.engine.lineage import RecordedFile

    return RecordedFile(Path(entry["path"]), entry["sha256"])
