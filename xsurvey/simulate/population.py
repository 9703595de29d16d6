"""Which sources a simulation with responses has: given, at random, listed, or of log N - log S."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from xsurvey.galaxy_clusters.model import ClusterModel
from xsurvey.missions import Mission
from xsurvey.simulate.cluster import cluster_sources
from xsurvey.simulate.drawn_sources import drawn_sources
from xsurvey.simulate.observation import sources_of
from xsurvey.simulate.parameters import DEFAULT_MODEL, DEFAULT_SETTINGS, SimulationParameters
from xsurvey.simulate.source_list import read_sources
from xsurvey.simulate.sources import GIVEN, RANDOM, Sources, constant_points, joined
from xsurvey.simulate.spectrum import Spectrum


def default_spectrum(parameters: SimulationParameters) -> Spectrum:
    """Return the spectrum of sources that have none of their own."""
    if parameters.model is None:
        return Spectrum(DEFAULT_MODEL, DEFAULT_SETTINGS + parameters.set)
    return Spectrum(parameters.model, parameters.set)


def sources_to_simulate(
    parameters: SimulationParameters, mission: Mission, wcs: WCS, generator: np.random.Generator,
    cluster: ClusterModel | None = None,
) -> Sources:  # fmt: skip
    """Return all sources, in the order given, random, listed, of a cluster, drawn.

    Raises
    ------
    InputError
        The list cannot be read.
    ParameterError
        The law gives too many sources, or a cluster has gas that no model knows.
    """
    spectrum = default_spectrum(parameters)
    points = sources_of(parameters, mission, wcs, generator)
    positions = np.array([p.position for p in points], dtype=float).reshape(-1, 2)
    counts = np.array([p.counts for p in points], dtype=float)
    ra, dec = positions.T
    given = constant_points(ra, dec, counts, "counts", spectrum, GIVEN)
    given.origin[len(parameters.source) :] = RANDOM
    parts = [given]
    if parameters.sources is not None:
        parts.append(read_sources(parameters.sources, spectrum))
    if cluster is not None:
        parts.append(cluster_sources(cluster))
    if parameters.log_n_log_s is not None:
        parts.append(drawn_sources(parameters, mission, wcs, spectrum, generator))
    return joined(parts)
