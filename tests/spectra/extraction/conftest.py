"""Simulated observations in which areas and fluxes are known."""

from pathlib import Path

import pytest

from xsurvey.simulate.observation import SimulatedObservation, simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation

SOURCES = ("150.05,2.22,20000", "149.93,2.28,6000")


@pytest.fixture(scope="session")
def pointing(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedObservation, Path]:
    """Four chips with gaps between them, dithered, and two point sources far from the gaps."""
    parameters = SimulationParameters(
        mission="chandra", exposure="20ks", background_rate=0.5, energy="0.5-7", source=SOURCES
    )
    observation = simulate_observation(parameters, 3)
    path = tmp_path_factory.mktemp("pointing") / "events.fits"
    write_simulation(path, observation)
    return observation, path
