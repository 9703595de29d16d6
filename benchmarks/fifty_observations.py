"""Fifty small observations, quickly simulated and quickly analysed: a survey for tests of clusters.

Survey scans of fields of 12 arcmin; forty are alone and five pairs overlap, so that there are 45
stacks. Each has three sources; every fifth has one bright enough for a spectrum and a chain. None
of them fails, and none needs data from elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation

OBSERVATIONS = 50
PAIRS = 5
"""Of the last observations with the first: what both see is searched together."""
CONFIG = "survey.yaml"
_TEXT = """schema: 1
pipeline: sources
inputs: ["observations/pointing??.fits"]
output: out
seed: 50
photometry: {measure_band: [0.2-2.3]}
spectra: {sources: true, min_counts: 200}
spectral_fits: {model: powerlaw, alternatives: [], goodness_trials: 10, mcmc_counts: 200}
products: {enabled: false, maps: false}
catalog: {acronym: FIFTY}
"""


def fifty_observations(folder: Path, seed: int = 50) -> Path:
    """Simulate the observations, and write the config that analyses them.

    Parameters
    ----------
    folder : path
        Gets ``observations/pointingNN.fits``, truth tables, and the config; its output is ``out``
        beside it.
    seed : int

    Returns
    -------
    path
        The config.
    """
    place = folder / "observations"
    place.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    alone = OBSERVATIONS - PAIRS
    for number in range(OBSERVATIONS):
        # the last ones look at the places of the first, a little beside
        field, second = number % alone, number >= alone
        ra, dec = 150.0 + field % 9, 2.0 + field // 9
        sources = [f"{ra + 0.02},{dec + 0.01},{120 if field % 5 else 400}"]
        sources += [
            f"{ra + generator.uniform(-0.08, 0.08)},{dec + generator.uniform(-0.08, 0.08)},30"
            for _ in range(2)
        ]
        parameters = SimulationParameters.model_validate({
            "mission": "erosita", "pointing": f"{ra + 0.05 * second},{dec}", "scans": 4,
            "scan_distance": "15arcmin", "field_size": "12arcmin", "energy": "0.2-5",
            "background_rate": 1.0, "source": tuple(sources), "start": str(7e8 + 1e5 * number),
        })  # fmt: skip
        observation = simulate_observation(parameters, seed * 1000 + number)
        write_simulation(place / f"pointing{number:02}.fits", observation)
    config = folder / CONFIG
    config.write_text(_TEXT)
    return config


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=fifty_observations.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=50)
    arguments = parser.parse_args()
    print(fifty_observations(arguments.folder, arguments.seed))
