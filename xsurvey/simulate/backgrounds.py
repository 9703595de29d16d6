"""Backgrounds of simulations with responses: the diffuse sky, and particles on the detectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xsurvey.missions.base import Detector
from xsurvey.simulate.camera import Camera, Events, events_of, in_field, on_detector
from xsurvey.simulate.choice import chosen_detectors, numbers_of
from xsurvey.simulate.instrument import Instrument, Vignetting
from xsurvey.simulate.observation import flat_background
from xsurvey.simulate.parameters import SimulationParameters, parse_particle_group
from xsurvey.simulate.spectrum import EnergyBins, Spectrum, evaluate
from xsurvey.simulate.visits import random_times

DIFFUSE = -1
"""Origin of events of the diffuse sky; those on the detectors have 0."""
_AT_ONCE = 2_000_000  # photons
_ARCMIN2 = 3600.0  # arcsec2


def backgrounds(
    camera: Camera, instrument: Instrument, parameters: SimulationParameters,
    generator: np.random.Generator,
) -> Iterator[Events]:  # fmt: skip
    """Draw the events of all backgrounds, in portions."""
    half = parameters.field_size / 2 if parameters.scans else np.inf
    for events in _all(camera, instrument, parameters, generator):
        yield in_field(events, half) if parameters.scans else events


def _all(
    camera: Camera, instrument: Instrument, parameters: SimulationParameters,
    generator: np.random.Generator,
) -> Iterator[Events]:  # fmt: skip
    populations = particle_populations(camera, parameters)
    if not populations:
        for detector in camera.detectors:
            yield flat_background(camera, detector, parameters, generator)
    for spectrum, detectors in populations:
        yield from particles(camera, instrument, spectrum, detectors, parameters, generator)
    if parameters.diffuse is not None:
        spectrum = Spectrum(parameters.diffuse, parameters.diffuse_set)
        yield from diffuse_sky(camera, instrument, spectrum, parameters, generator)


def particle_populations(
    camera: Camera, parameters: SimulationParameters
) -> list[tuple[Spectrum, list[Detector]]]:
    """Return the spectra of particles, and on which detectors each is.

    Raises
    ------
    ParameterError
        A group that the mission does not have.
    """
    found = []
    if parameters.particle is not None:
        spectrum = Spectrum(parameters.particle, parameters.particle_set)
        found.append((spectrum, list(camera.detectors)))
    for group, model, settings in map(parse_particle_group, parameters.particle_group):
        members = numbers_of(chosen_detectors(camera.mission, group, "particle_group"))
        theirs = [d for d in camera.detectors if d.number in members]
        found.append((Spectrum(model, settings), theirs))
    return found


def particles(
    camera: Camera, instrument: Instrument, spectrum: Spectrum, detectors: Sequence[Detector],
    parameters: SimulationParameters, generator: np.random.Generator,
) -> Iterator[Events]:  # fmt: skip
    """Draw particles: uniform on each detector, not vignetted, without area.

    Parameters
    ----------
    spectrum : Spectrum
        In counts / s / keV of a detector, before redistribution.
    detectors : sequence of Detector
        On which they are.
    """
    found = evaluate([spectrum], instrument.edges, parameters.flux_band)
    rates = found.photons * instrument.recorded
    bins = EnergyBins(rates)
    gti = camera.motion.gti
    for detector in detectors:
        for count in _portions(rates.sum() * gti.total, generator):
            time = random_times(gti, count, generator)
            place, offset = camera.uniform(detector, count, generator)
            energy = instrument.draw_events(bins.draw_in_order(count, generator), generator)
            yield events_of(time, camera.on_sky(offset, time), energy, detector.number, place)


def diffuse_sky(
    camera: Camera, instrument: Instrument, spectrum: Spectrum, parameters: SimulationParameters,
    generator: np.random.Generator,
) -> Iterator[Events]:  # fmt: skip
    """Draw photons of a sky of even brightness, vignetted.

    The PSF changes nothing in such a sky, except at the edges of the detectors, where it is left
    out. Coaligned detectors share the photons.

    Parameters
    ----------
    spectrum : Spectrum
        In photons / cm2 / s / keV / arcmin2.
    """
    found = evaluate([spectrum], instrument.edges, parameters.flux_band)
    rates = found.photons * instrument.area * instrument.recorded
    bins, vignetting = EnergyBins(rates), Vignetting(camera.mission)
    shared = len(camera.detectors) if camera.mission.coaligned else 1
    gti = camera.motion.gti
    for detector in camera.detectors:
        expected = rates.sum() * _area(detector) * gti.total / shared
        for count in _portions(expected, generator):
            place = generator.random((count, 2)) * [detector.width, detector.height]
            offset = on_detector(detector, place)
            photons = bins.draw_in_order(count, generator)
            chance = vignetting.at(
                np.hypot(*offset.T) / 60, instrument.draw_photons(photons, generator)
            )
            kept = (generator.random(count) < chance) & detector.sees(*offset.T)
            place, offset = place[kept], offset[kept]
            time = random_times(gti, len(place), generator)
            energy = instrument.draw_events(photons[kept], generator)
            sky = camera.on_sky(offset, time)
            yield events_of(time, sky, energy, detector.number, place, DIFFUSE)


def _area(detector: Detector) -> float:
    """Return the area of a detector in arcmin2, with what does not see the sky."""
    return detector.width * detector.height * detector.pixel**2 / _ARCMIN2


def _portions(expected: float, generator: np.random.Generator) -> Iterator[int]:
    """Yield a Poisson number in portions, so that memory stays bounded."""
    count = int(generator.poisson(expected))
    while count > 0:
        yield min(count, _AT_ONCE)
        count -= _AT_ONCE
