"""``xsurvey polarization spectrum``: what it writes, against ixpeobssim, and fitted."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.stokes import STOKES, area_kind, stokes_parameter
from xsurvey.missions.ixpe_stokes import find_stokes_responses

from ...mission_files import write_ixpe
from ..conftest import needs_responses, polarized_columns
from ..drawn_observations import draw_observation

IRF = "ixpe:obssim20240101:v13"
DEGREE, ANGLE, INDEX = 0.3, 35.0, 2.0


@pytest.fixture(scope="module")
def polarized_units(weighted_units: list[Path], tmp_path_factory: pytest.TempPathFactory
                    ) -> list[Path]:  # fmt: skip
    """Files of the simulator with random weights, and angles of polarized photons.

    Weights are in double precision, since ixpeobssim sums in that of the column.
    """
    folder = tmp_path_factory.mktemp("polarized")
    found = []
    for unit, path in enumerate(weighted_units, start=1):
        with fits.open(path) as hdus:
            data = hdus["EVENTS"].data
            columns = polarized_columns(len(data), seed=unit, degree=0.5)
            data["Q"], data["U"] = columns["Q"][1], columns["U"][1]
            made = [
                fits.Column(c.name, "D" if c.name == "W_MOM" else c.format, array=data[c.name])
                for c in hdus["EVENTS"].columns
            ]
            table = fits.BinTableHDU.from_columns(made, header=hdus["EVENTS"].header)
            hdus[hdus.index_of("EVENTS")] = table
            hdus.writeto(folder / path.name)
        found.append(folder / path.name)
    return found


@pytest.fixture(scope="module")
def theirs(polarized_units: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    home = tmp_path_factory.mktemp("home")
    script = Path(__file__).parents[1] / "spectrum_peer.py"
    done = subprocess.run(
        [sys.executable, str(script), IRF, *map(str, polarized_units)], capture_output=True,
        text=True, check=False, cwd=home,
        env={**os.environ, "HOME": str(home), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


@pytest.mark.parametrize("weighted", [False, True])
def test_rates_are_those_of_ixpeobssim(
    theirs: dict, polarized_units: list[Path], tmp_path: Path, run_command: Callable, weighted: bool
) -> None:
    done = run_command(
        "polarization", "spectrum", *polarized_units, "-o", tmp_path / "made",
        "--weighted" if weighted else "--no-weighted",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for stokes in STOKES:
        for unit, their in enumerate(theirs[f"{stokes}{weighted}"], start=1):
            path = tmp_path / f"made_du{unit}_{stokes.lower()}.pha"
            with fits.open(path) as hdus:
                table, header = hdus["SPECTRUM"].data, hdus["SPECTRUM"].header
            rate, error = np.array(their["rate"]), np.array(their["error"])
            assert np.count_nonzero(rate) > 20
            assert table["RATE"] == pytest.approx(rate, rel=1e-6, abs=1e-12)
            assert table["STAT_ERR"] == pytest.approx(error, rel=1e-6, abs=1e-12)
            assert header["EXPOSURE"] == pytest.approx(their["exposure"], rel=1e-6)
            assert header["XFLT0001"] == their["xflt"]
            assert header["DETNAM"] == f"DU{unit}"
            # without a region areas are those that they name
            named = "arf" if stokes == "I" else "mrf"
            area = read_arf(path.with_name(header["ANCRFILE"]))
            package = Path(find_package()) / "caldb/ixpe/gpd/cpf" / named
            own = read_arf(package / Path(their["arf"]).name)
            assert area.effective_area == pytest.approx(own.effective_area, rel=1e-6)


def find_package() -> str:
    import importlib.util

    spec = importlib.util.find_spec("ixpeobssim")
    assert spec is not None and spec.submodule_search_locations
    return next(iter(spec.submodule_search_locations))
