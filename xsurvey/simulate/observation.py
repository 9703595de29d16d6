"""Simulated observations: photons through PSF, motion and detector gaps onto detectors.

The background is uniform on each detector, sources are points with a power law in detected
counts. No effective area, no redistribution: stamped ``SIMLEVEL`` in the file. In a pointing a
source's counts are what is expected where it stands; in survey scans they are what all scans
together are expected to collect, and vignetting decides when.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.errors import ParameterError
from xsurvey.missions import Mission, get_mission, missions
from xsurvey.missions.base import Detector
from xsurvey.psf import PointSpreadFunction, parse_psf, random_displacements
from xsurvey.simulate.camera import Camera, Events, events_of, in_field
from xsurvey.simulate.choice import chosen_detectors
from xsurvey.simulate.motion import Scans, motion_of, rotated
from xsurvey.simulate.parameters import PointSource, SimulationParameters, parse_source
from xsurvey.simulate.polarization import check_polarized
from xsurvey.simulate.result import SimulatedObservation, in_order, sky_pixels
from xsurvey.simulate.visits import random_times
from xsurvey.units import EnergyBand, SkyPosition

_ENERGY_GROUPS = 8


def simulate_observation(
    parameters: SimulationParameters, seed: int, arf: str | os.PathLike[str] | None = None,
    rmf: str | os.PathLike[str] | None = None,
) -> SimulatedObservation:  # fmt: skip
    """Simulate a pointing or survey scans.

    Parameters
    ----------
    parameters : SimulationParameters
    seed : int
        The same seed gives the same events.
    arf, rmf : path, optional
        Effective area and redistribution on the optical axis. They, and parameters that are about
        fluxes and spectra, have photons go through the responses (`with_responses`).

    Raises
    ------
    ParameterError
        A source lies so far from the pointing that it cannot be projected, or the mission does
        not survey, sees no polarization, or is not simulated here.
    """
    if parameters.polarization:
        check_polarized(get_mission(parameters.mission or min(missions())))
    if parameters.closed:
        _check_closed(get_mission(parameters.mission or min(missions())))
    if parameters.through_responses or arf is not None or rmf is not None:
        from xsurvey.simulate.photons import with_responses  # noqa: PLC0415  needs this module

        return with_responses(parameters, seed, arf, rmf)
    generator = np.random.default_rng(seed)
    mission = get_mission(parameters.mission or min(missions()))
    wcs = sky_pixels(parameters.pointing, mission)
    detectors = chosen_detectors(mission, parameters.detectors)
    camera = Camera(mission, motion_of(parameters, mission, detectors), detectors)
    parts = [flat_background(camera, d, parameters, generator) for d in camera.detectors]
    sources = sources_of(parameters, mission, wcs, generator)
    scanning = bool(parameters.scans)
    psf = parse_psf(parameters.psf) if parameters.psf else mission.psf(scanning)
    recorded = []
    for number, source in enumerate(sources, start=1):
        landed = _source(camera, source, parameters, psf, wcs, generator)
        landed["origin"][:] = number
        recorded.append(len(landed["time"]))
        parts.append(landed)
    if scanning:
        parts = [in_field(part, parameters.field_size / 2) for part in parts]
    events = in_order(parts, wcs, mission)
    return SimulatedObservation(
        mission, parameters, seed, wcs, events, camera.motion, truth_table(sources, recorded, wcs)
    )


def _check_closed(mission: Mission) -> None:
    """Raise where a mission has no closed exposures."""
    if not mission.can_be_closed:
        able = ", ".join(name for name, other in missions().items() if other.can_be_closed)
        raise ParameterError(
            "closed", f"{mission.name} has no filter wheel that closes",
            f"leave it out, or choose a mission that has ({able})",
        )  # fmt: skip


def flat_background(
    camera: Camera, detector: Detector, parameters: SimulationParameters,
    generator: np.random.Generator,
) -> Events:  # fmt: skip
    """Draw the background of one detector, uniform on what of it sees the sky."""
    count = int(generator.poisson(parameters.background_rate * camera.motion.gti.total))
    time = random_times(camera.motion.gti, count, generator)
    place, offset = camera.uniform(detector, count, generator)
    energy = generator.uniform(*parameters.energy, count)
    return events_of(time, camera.on_sky(offset, time), energy, detector.number, place)


def _source(
    camera: Camera, source: PointSource, parameters: SimulationParameters,
    psf: PointSpreadFunction, wcs: WCS, generator: np.random.Generator,
) -> Events:  # fmt: skip
    """Draw what the detectors record of a point source."""
    xy = (wcs.all_world2pix([source.position], 1)[0] - wcs.wcs.crpix) * camera.mission.sky_pixel
    if not np.isfinite(xy).all():
        raise ParameterError(
            "source", f"{source.position} is half a sky away from the pointing",
            "move one of them",
        )  # fmt: skip
    count = int(generator.poisson(source.counts))
    energy = power_law_energies(parameters.photon_index, parameters.energy, count, generator)
    if isinstance(camera.motion, Scans):
        time = _scan_times(camera, xy, energy, generator)
        energy = energy[: len(time)]
    else:
        time = random_times(camera.motion.gti, count, generator)
    off_axis = np.full(len(time), np.hypot(*xy) / 60)
    place = xy + np.column_stack(random_displacements(psf, off_axis, generator))
    return camera.recorded(time, place, energy, generator)


def _scan_times(
    camera: Camera, xy: np.ndarray, energy: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw when a source is seen: uniform, thinned by the field's edge and vignetting.

    Of a source that is never seen there are no times.
    """
    samples, _ = camera.motion.gti.samples(1.0)
    if not camera.sees(np.broadcast_to(xy, (len(samples), 2)), samples).any():
        return np.empty(0)
    groups = np.array_split(np.argsort(energy), _ENERGY_GROUPS)
    time = np.full(len(energy), np.nan)
    for group in (g for g in groups if len(g)):
        middle = float(np.median(energy[group]))
        waiting = group
        while len(waiting):
            drawn = random_times(camera.motion.gti, len(waiting), generator)
            offset = xy - camera.motion.axis(drawn)
            chance = camera.mission.vignetting(np.hypot(*offset.T) / 60, middle)
            chance = np.where(camera.sees(np.broadcast_to(xy, offset.shape), drawn), chance, 0)
            seen = generator.random(len(waiting)) < chance
            time[waiting[seen]] = drawn[seen]
            waiting = waiting[~seen]
    return time


def sources_of(
    parameters: SimulationParameters, mission: Mission, wcs: WCS, generator: np.random.Generator
) -> list[PointSource]:
    """Return the sources that were given, and random ones.

    These are uniform on the detectors of a pointing, or over the field of a scan.
    """
    count = parameters.random_sources
    if not count:
        offset = np.empty((0, 2))
    elif parameters.scans:
        offset = (generator.random((count, 2)) - 0.5) * parameters.field_size
    else:
        detectors = chosen_detectors(mission, parameters.detectors)
        offset = _on_random_detectors(parameters, detectors, count, generator)
        offset = rotated(offset, parameters.roll)
    pixels = offset / mission.sky_pixel + wcs.wcs.crpix
    given = [parse_source(text) for text in parameters.source]
    return given + [
        PointSource(SkyPosition(float(ra), float(dec)), parameters.random_counts)
        for ra, dec in wcs.all_pix2world(pixels, 1)
    ]


def _on_random_detectors(
    parameters: SimulationParameters, detectors: Sequence[Detector], count: int,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return places on the detectors, away from edges by the dither, shape (count, 2)."""
    chosen = generator.integers(0, len(detectors), count)
    places = generator.random((count, 2))
    offset = np.empty((count, 2))
    for i, (index, place) in enumerate(zip(chosen, places, strict=True)):
        d = detectors[index]
        size = np.array([d.width, d.height]) * d.pixel
        margin = np.minimum(2 * parameters.dither, size / 4)
        offset[i] = margin + place * (size - 2 * margin) - size / 2
        if d.radius is not None:  # the same two numbers, on the disk
            distance = (d.radius - 2 * parameters.dither) * np.sqrt(place[0])
            angle = 2 * np.pi * place[1]
            offset[i] = distance * np.cos(angle), distance * np.sin(angle)
        offset[i] += [d.x, d.y]
    return offset


def power_law_energies(
    index: float, band: EnergyBand, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Draw energies from ``E**-index`` between the band's limits, shape (count,), keV."""
    uniform = generator.random(count)
    low = max(band.minimum, 1e-3)
    if abs(index - 1) < 1e-9:
        return np.asarray(low * (band.maximum / low) ** uniform)
    power = 1 - index
    ends = low**power, band.maximum**power
    return np.asarray((ends[0] + uniform * (ends[1] - ends[0])) ** (1 / power))


def truth_table(sources: list[PointSource], recorded: list[int], wcs: WCS) -> Table:
    """Return the table of what was put in: one row a source."""
    positions = np.array([s.position for s in sources], dtype=float).reshape(-1, 2)
    pixels = wcs.all_world2pix(positions, 1) if len(positions) else positions
    table = Table()
    table["source_number"] = np.arange(1, len(sources) + 1, dtype=np.int32)
    table["ra"], table["dec"] = positions[:, 0] % 360, positions[:, 1]
    table["x"], table["y"] = pixels[:, 0], pixels[:, 1]
    table["counts_expected"] = np.array([s.counts for s in sources], dtype=float)
    table["counts_recorded"] = np.array(recorded, dtype=np.int64)
    for name, unit in (("ra", "deg"), ("dec", "deg"), ("x", "pix"), ("y", "pix"),
                       ("counts_expected", "ct"), ("counts_recorded", "ct")):  # fmt: skip
        table[name].unit = unit
    return table
