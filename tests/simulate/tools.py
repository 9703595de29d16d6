"""Responses and simulations that several tests of the simulator share."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.sparse import csr_array

from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions.responses import ChannelGrid
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.result import SimulatedObservation

EDGES = np.arange(0.3, 10.001, 0.05)
POINTING = {"mission": "erosita", "exposure": "2ks", "energy": "0.2-8"}
SCANS = {"mission": "erosita", "scans": 8, "field_size": "30arcmin", "energy": "0.2-8"}


def flat_area(path: Path, area: float = 500.0, edges: np.ndarray = EDGES) -> Path:
    """Write an effective area that is the same at all energies."""
    write_arf(path, AncillaryResponse(path, edges[:-1], edges[1:], np.full(len(edges) - 1, area)))
    return path


def shifting_matrix(
    path: Path, channels: ChannelGrid, shift: float = 0.0, kept: float = 1.0
) -> Path:
    """Write a matrix that puts photons into the channel of their energy plus a shift."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2 + shift
    place = channels.place_of_energies(middle)
    rows = np.zeros((len(middle), len(channels.numbers)))
    rows[np.flatnonzero(place >= 0), place[place >= 0]] = kept
    write_rmf(path, RedistributionMatrix(
        path, EDGES[:-1], EDGES[1:], csr_array(rows), channels.numbers, channels.low,
        channels.high,
    ))  # fmt: skip
    return path


def simulated(
    base: dict, seed: int = 1, arf: Path | None = None, rmf: Path | None = None, **settings: object
) -> SimulatedObservation:
    """Simulate without background, unless the settings have one."""
    parameters = SimulationParameters(**{**base, "background_rate": 0, **settings})
    return simulate_observation(parameters, seed, arf, rmf)


def source_list(path: Path, **columns: object) -> str:
    """Write a list of sources as ECSV and return its name."""
    Table(columns).write(path, format="ascii.ecsv")
    return str(path)


def sigmas(found: float, expected: float) -> float:
    """Return how far a Poisson number is from its expectation."""
    return float((found - expected) / np.sqrt(expected))
