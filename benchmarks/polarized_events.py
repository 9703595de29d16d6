"""Simulated events of a polarimeter as arrays: many observations at once, as sums by channel."""

from functools import cache
from typing import NamedTuple

import numpy as np

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.missions import get_mission
from xsurvey.missions.ixpe_polarimetry import find_modulation
from xsurvey.missions.ixpe_responses import response_files
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.modulation import Modulation
from xsurvey.spectra.response import build_response

UNITS = (1, 2, 3)
DATE = "2023-05-25"
BAND = (2.0, 8.0)
EVENTS_AT_A_TIME = 2_000_000
WEIGHTS = (0.1, 1.5)


class Sky(NamedTuple):
    """What is observed; counts are expected ones of all units in 2-8 keV.

    Degree and angle may be arrays, of each observation.
    """

    counts: float
    degree: float | np.ndarray = 0.0
    angle_deg: float | np.ndarray = 0.0
    photon_index: float = 2.0


@cache
def modulation(weighted: bool) -> Modulation:
    """Return the responses that hold at the date."""
    mission = get_mission("ixpe")
    assert mission.channels is not None
    return find_modulation(UNITS, DATE, mission.channels, "simple" if weighted else "none")


@cache
def channel_shares(photon_index: float) -> np.ndarray:
    """Return how the events of a power law in 2-8 keV fall into units and channels, sum 1.

    The index is not 1.
    """
    files = response_files(UNITS, DATE)
    middle = 0.02 + 0.04 * np.arange(375)
    inside = (middle > BAND[0]) & (middle <= BAND[1])
    shares = []
    for unit in UNITS:
        response = build_response(read_rmf(files.rmf), read_arf(files.arf[unit - 1]))
        edges = response.edges
        photons = np.abs(np.diff(edges ** (1 - photon_index)))
        shares.append((response.matrix.T @ photons) * inside)
    found = np.array(shares)
    return found / found.sum()


def simulate(
    sky: Sky, shares: np.ndarray, responses: Modulation, weighted: bool, number: int,
    generator: np.random.Generator,
) -> ChannelSums:  # fmt: skip
    """Return the sums of ``number`` observations, arrays (number, d, c).

    Numbers of events are Poissonian, phases 2 psi have the density 1 + mu P cos(2 psi - 2 psi0).
    """
    cells = shares.size
    events = generator.multinomial(generator.poisson(sky.counts, number), shares.ravel())
    place = np.repeat(np.arange(number * cells), events.ravel())
    total = len(place)
    phase = generator.uniform(0, 2 * np.pi, total)
    if np.any(sky.degree):
        degree, angle = (np.broadcast_to(a, number) for a in (sky.degree, sky.angle_deg))
        m = degree[place // cells] * np.nan_to_num(responses.factor.ravel())[place % cells]
        # a phase stays with probability (1 + m cos)/2, else goes to the other side: exact
        phase += np.pi * (generator.random(total) > (1 + m * np.cos(phase)) / 2)
        phase += 2 * np.radians(angle)[place // cells]
    weight = generator.uniform(*WEIGHTS, total) if weighted else None
    shape = (number * shares.shape[0], shares.shape[1])
    sums = ChannelSums.of_events(place, 2 * np.cos(phase), 2 * np.sin(phase), weight, shape)
    return sums.reshaped((number, *shares.shape))


def batches(number: int, counts: float) -> list[int]:
    """Return how many observations to simulate at a time."""
    most = max(1, int(EVENTS_AT_A_TIME / max(counts, 1)))
    return [min(most, number - start) for start in range(0, number, most)]
