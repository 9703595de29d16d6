"""Which sources a simulation with responses has: given, at random, listed, or of log N - log S."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from astropy.wcs import WCS

from xsurvey.errors import ParameterError
from xsurvey.missions import Mission
from xsurvey.simulate.choice import chosen_detectors
from xsurvey.simulate.log_n_log_s import parse_log_n_log_s
from xsurvey.simulate.motion import rotated
from xsurvey.simulate.observation import sources_of
from xsurvey.simulate.parameters import DEFAULT_MODEL, DEFAULT_SETTINGS, SimulationParameters
from xsurvey.simulate.source_list import read_sources
from xsurvey.simulate.sources import DRAWN, GIVEN, RANDOM, Sources, constant_points, joined
from xsurvey.simulate.spectrum import Spectrum

_MARGIN = 60.0  # arcsec around the detectors, from where the PSF brings photons
_MOST = 1_000_000


def default_spectrum(parameters: SimulationParameters) -> Spectrum:
    """Return the spectrum of sources that have none of their own."""
    if parameters.model is None:
        return Spectrum(DEFAULT_MODEL, DEFAULT_SETTINGS + parameters.set)
    return Spectrum(parameters.model, parameters.set)


def sources_to_simulate(
    parameters: SimulationParameters, mission: Mission, wcs: WCS, generator: np.random.Generator
) -> Sources:
    """Return all sources, in the order given, random, listed, drawn.

    Raises
    ------
    InputError
        The list cannot be read.
    ParameterError
        The law gives too many sources.
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
    if parameters.log_n_log_s is not None:
        parts.append(_drawn(parameters, mission, wcs, spectrum, generator))
    return joined(parts)


def _drawn(
    parameters: SimulationParameters, mission: Mission, wcs: WCS, spectrum: Spectrum,
    generator: np.random.Generator,
) -> Sources:  # fmt: skip
    """Draw sources of log N - log S over the field and a little beyond."""
    law = parse_log_n_log_s(str(parameters.log_n_log_s), parameters.flux_band)
    near = [
        replace(
            d, width=d.width + round(2 * _MARGIN / d.pixel),
            height=d.height + round(2 * _MARGIN / d.pixel),
            radius=None if d.radius is None else d.radius + _MARGIN,
        )
        for d in chosen_detectors(mission, parameters.detectors)
    ]  # fmt: skip
    if parameters.scans:
        half = parameters.field_size / 2 + _MARGIN
    else:
        half = max(
            max(abs(d.x) + d.width * d.pixel / 2, abs(d.y) + d.height * d.pixel / 2) for d in near
        )
    expected = float(law.above(law.limit)) * (2 * half / 3600) ** 2
    if expected > _MOST:
        raise ParameterError(
            "log_n_log_s", f"gives {expected:.3g} sources, more than {_MOST}", "raise the limit"
        )
    count = int(generator.poisson(expected))
    place = generator.uniform(-half, half, (count, 2))
    if not parameters.scans:
        seen = np.zeros(count, dtype=bool)
        for detector in near:
            seen |= detector.sees(*place.T)
        place = rotated(place[seen], parameters.roll)
    flux = law.draw(len(place), generator)
    pixels = place / mission.sky_pixel + wcs.wcs.crpix
    ra, dec = wcs.all_pix2world(pixels, 1).T if len(pixels) else np.empty((2, 0))
    return constant_points(ra % 360, dec, flux, "flux", spectrum, DRAWN)
