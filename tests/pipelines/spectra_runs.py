"""Runs of the pipeline with spectra of power laws in counts."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xsurvey.cli import main as cli
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

INDEX = 2.3
AREA = 100.0
POINT, PILED_UP, FAINT = (150.05, 2.22), (150.005, 2.203), (150.02, 2.13)
SPECTRA = """
image: {pixel_size: 2arcsec}
spectra:
  sources: true
  min_counts: 100
  area_includes: all
  exclude_sources: false
  regions:
    blob:
      position: "150.05,2.22"
      radius: 30arcsec
      background_inner: 60arcsec
      background_outer: 120arcsec
      model: MODEL
spectral_fits: {model: powerlaw, alternatives: [], mcmc_counts: 300, goodness_trials: 20}
"""


def with_model(model: str, text: str = SPECTRA) -> str:
    """Return the sections with a model of the region."""
    return text.replace("MODEL", model)


def power_laws(make_events: Callable[..., Path], folder: Path) -> dict[str, Path]:
    """Return events of three power laws in counts, and responses that change nothing."""
    events = make_events(
        seed=8, exposure="20ks", background_rate=0.1, photon_index=INDEX, energy="0.5-7",
        source=tuple(f"{ra},{dec},{n}" for (ra, dec), n in (
            (POINT, 500), (PILED_UP, 3000), (FAINT, 50),
        )),
    )  # fmt: skip
    edges = np.linspace(0.3, 9, 600)
    low, high = edges[:-1], edges[1:]
    channels = get_mission("chandra").channels
    assert channels is not None
    write_arf(folder / "flat.arf", AncillaryResponse(Path(), low, high, np.full(len(low), AREA)))
    write_rmf(folder / "sharp.rmf", gaussian_matrix(low, high, channels, np.full(len(low), 1e-3)))
    return {"events": events, "arf": folder / "flat.arf", "rmf": folder / "sharp.rmf"}


def write_config(folder: Path, inputs: dict[str, Path], extra: str) -> None:
    entry = [f"{'    ' if i else '  - '}{k}: {v}" for i, (k, v) in enumerate(inputs.items())]
    lines = ["schema: 1", "pipeline: sources", "inputs:", *entry, "output: out", "seed: 3"]
    (folder / "config.yaml").write_text("\n".join([*lines, extra]) + "\n")


def run(folder: Path, command: str = "run", *arguments: object) -> int:
    """Run the config of a folder in this process; return the exit status."""
    options = ("--workers", "0") if command == "run" and not arguments else arguments
    with contextlib.chdir(folder), pytest.raises(SystemExit) as ended:
        cli.main([command, "config.yaml", *(str(a) for a in options)])
    return int(ended.value.code or 0)
