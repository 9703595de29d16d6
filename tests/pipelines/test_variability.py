"""The stage ``variability``: a stack of two observations, of which one source changes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.catalogs import load_schema
from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import TaskContext
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.field_store import write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry
from xsurvey.missions import open_events
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.columns import with_columns
from xsurvey.pipelines.stack_reading import OBSERVATION
from xsurvey.pipelines.variability import (
    COLUMNS,
    VARIABILITY,
    run_variability,
)
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.units import EnergyBand

PLACES = ((150.0, 2.2), (150.05, 2.22), (149.95, 2.15))
COUNTS = {"early": (200, 200, 40), "late": (200, 40, 0)}
BAND = EnergyBand(0.5, 7)


@pytest.fixture(scope="module")
def stack(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Inputs of the stage; in the late observation the first source has all its light early."""
    folder = tmp_path_factory.mktemp("stack")
    files, fields = [], []
    for seed, (name, counts) in enumerate(COUNTS.items(), start=3):
        sources = zip(PLACES, counts, strict=True)
        path = make_events(
            seed=seed, exposure="20ks", background_rate=0.2,
            source=tuple(f"{ra},{dec},{n}" for (ra, dec), n in sources if n),
        )  # fmt: skip
        if name == "late":
            with fits.open(path, mode="update") as hdus:
                table = hdus["EVENTS"].data
                events = open_events(path)
                x, y = events.wcs.all_world2pix(*PLACES[0], 1)
                near = np.hypot(table["x"] - x, table["y"] - y) * events.pixel_size < 5
                start = table["time"].min()
                table["time"][near] = start + (table["time"][near] - start) / 10
        events = open_events(path)
        fields.append(folder / name)
        write_field(fields[-1], [field_from_events(events, [BAND], ImageParameters())])
        (fields[-1] / OBSERVATION).write_text(json.dumps(name))
        files.append(path)
    rows = [{"ra": ra, "dec": dec} for ra, dec in PLACES]
    seen = [
        {"number": i + 1, "observation": name, "psf_radius": 4.0, "psf_fraction": 0.95}
        for i in range(3) for name in COUNTS
    ]  # fmt: skip
    measured = folder / "measured.json"
    measured.write_text(json.dumps({"target": "field", "rows": rows, "observations": seen}))
    return {"events": files, "fields": fields, "measured": measured}


def context_of(
    folder: Path, inputs: Mapping[str, Any], names: tuple[str, ...] = tuple(COUNTS), **settings: Any
) -> TaskContext:
    geometry = StackGeometry(
        observations=names, files=(1,) * len(names), shared=(SharedSky(),) * len(names)
    )
    return TaskContext(
        "field", inputs,
        {
            "selection": SelectionParameters(), "stack": geometry,
            "photometry": PhotometryParameters(),
            "variability": SourceVariabilityParameters(trials=999, **settings),
        },
        folder, seed=5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    record = run_variability(context_of(folder, stack))
    assert record == {"sources": 3, "variable": 1}
    return folder


def content(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "variability.json").read_text())  # type: ignore[no-any-return]


def test_what_varies_is_found_and_what_does_not_is_not(done: Path) -> None:
    first, second, third = content(done)["rows"]
    # within the late observation, and not from one to the other
    assert first["variability_index"] >= 7
    assert first["variability_probability"] > 0.99
    assert first["kuiper_probability"] < 1e-6
    assert first["inter_variability_probability"] > 1e-3
    # from one observation to the other, and not within either
    assert second["variability_index"] < 6
    assert second["ks_probability"] > 1e-3
    assert second["inter_variability_probability"] < 1e-10
    low, high = (second[f"inter_variability_amplitude_{end}"] for end in ("lo", "hi"))
    assert 2.5 < low < second["inter_variability_amplitude"] < high < 12
    # gone in the late observation: a limit of how much brighter it was
    assert third["inter_variability_probability"] < 0.01
    assert third["inter_variability_amplitude_lo"] > 5


def test_rows_of_observations_tell_in_which_it_varied(done: Path) -> None:
    rows = {(r["number"], r["observation"]): r for r in content(done)["observations"]}
    assert len(rows) == 6
    assert rows[1, "late"]["variability_index"] >= 7
    assert rows[1, "early"]["variability_index"] < 6
    assert rows[3, "late"]["variability_index"] == -1
    assert rows[3, "late"]["variability_odds"] is None
    # of two observations the odds are the mean
    both = np.log10(np.mean([10 ** rows[1, n]["variability_odds"] for n in COUNTS]))
    assert content(done)["rows"][0]["variability_odds"] == pytest.approx(both)


def test_columns_are_those_of_the_schemas(done: Path, stack: dict[str, Any]) -> None:
    measured = json.loads(stack["measured"].read_text())
    joined = with_columns(measured, [done / "variability.json"])
    assert set(joined["rows"][0]) == {"ra", "dec", *COLUMNS}
    known = [c.name for c in load_schema("sources").expand({})]
    assert set(COLUMNS) <= set(known)
    extra = set(joined["observations"][0]) - set(measured["observations"][0])
    assert extra == {c for c in COLUMNS if not c.startswith("inter_")}
    assert extra <= {c.name for c in load_schema("observations").expand({})}


def test_light_curves_of_bright_sources_are_written(done: Path) -> None:
    folder = done / "light_curves"
    assert sorted(p.name for p in folder.iterdir()) == [
        "0001_early.fits", "0001_late.fits", "0002_early.fits",
    ]  # fmt: skip
    curve = read_light_curve(folder / "0001_late.fits")
    assert 150 < curve.counts.sum() < 220
    assert curve.exposure.sum() == pytest.approx(20e3 * 0.95, rel=0.05)


def test_the_same_seed_gives_the_same_bytes(
    done: Path, stack: dict[str, Any], tmp_path: Path
) -> None:
    run_variability(context_of(tmp_path, stack))
    name = "variability.json"
    assert (tmp_path / name).read_bytes() == (done / name).read_bytes()


def test_an_observation_without_images_is_left_out(stack: dict[str, Any], tmp_path: Path) -> None:
    inputs = {**stack, "fields": stack["fields"][:1]}
    run_variability(context_of(tmp_path, inputs))
    rows = content(tmp_path)["rows"]
    assert {r["observation"] for r in content(tmp_path)["observations"]} == {"early"}
    assert rows[0]["inter_variability_probability"] is None
    assert rows[0]["variability_index"] < 6


def test_an_observation_that_cannot_be_tested_is_noted(
    make_events: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_events(
        seed=4, mission="erosita", scans=2, field_size="10arcmin", energy="0.2-5",
        background_rate=1, source=("150.0,2.2,100",),
    )  # fmt: skip
    field = tmp_path / "scan"
    write_field(field, [field_from_events(open_events(path), [BAND], ImageParameters())])
    (field / OBSERVATION).write_text(json.dumps("scan"))
    with fits.open(path, mode="update") as hdus:
        for number in reversed(range(len(hdus))):
            if hdus[number].name.startswith("CORRATT"):
                del hdus[number]
    row = {"number": 1, "observation": "scan", "psf_radius": 30.0, "psf_fraction": 0.75}
    measured = tmp_path / "measured.json"
    measured.write_text(json.dumps({"rows": [{"ra": 150.0, "dec": 2.2}], "observations": [row]}))
    inputs = {"events": [path], "fields": [field], "measured": measured}
    folder = tmp_path / "out"
    folder.mkdir()
    run_variability(context_of(folder, inputs, ("scan",)))
    result = content(folder)
    assert result["rows"][0]["variability_index"] == -1
    assert "how long a place was seen is unknown" in result["notes"][0]


def test_no_sources(stack: dict[str, Any], tmp_path: Path) -> None:
    measured = tmp_path / "measured.json"
    measured.write_text(json.dumps({"rows": [], "observations": []}))
    folder = tmp_path / "out"
    folder.mkdir()
    record = run_variability(context_of(folder, {**stack, "measured": measured}))
    assert record == {"sources": 0, "variable": 0}
    assert content(folder)["rows"] == []


def test_the_stage_declares_what_it_writes() -> None:
    assert set(VARIABILITY.outputs) == {"variability.json", "light_curves"}
