"""Simulated observations: photons through PSF, motion and detector gaps onto detectors.

The background is uniform on each detector, sources are points with a power law in detected
counts. No effective area, no redistribution: stamped ``SIMLEVEL`` in the file. In a pointing a
source's counts are what is expected where it stands; in survey scans they are what all scans
together are expected to collect, and vignetting decides when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.errors import ParameterError
from xsurvey.events import GoodTimeIntervals
from xsurvey.missions import Mission, get_mission, missions
from xsurvey.missions.base import Detector
from xsurvey.psf import PointSpreadFunction, parse_psf, random_displacements
from xsurvey.simulate.motion import Motion, Scans, motion_of, random_times, rotated
from xsurvey.simulate.parameters import PointSource, SimulationParameters, parse_source
from xsurvey.units import EnergyBand, SkyPosition

_ENERGY_GROUPS = 8


@dataclass(frozen=True)
class SimulatedObservation:
    """Events, good times and truth of a simulation.

    Attributes
    ----------
    events : dict of str to ndarray, shape (n,)
        ``time``, ``x``, ``y``, ``ra``, ``dec`` [deg], ``energy`` [keV], ``detector``,
        ``detector_x``, ``detector_y`` [detector pixels]; in order of time.
    motion : Motion
        When the telescope looked, and where.
    truth : astropy.table.Table
        One row a source: place, expected and recorded counts.
    """

    mission: Mission
    parameters: SimulationParameters
    seed: int
    wcs: WCS
    events: dict[str, np.ndarray]
    motion: Motion
    truth: Table

    @property
    def gti(self) -> GoodTimeIntervals:
        """Good times of all detectors."""
        return self.motion.gti


def simulate_observation(parameters: SimulationParameters, seed: int) -> SimulatedObservation:
    """Simulate a pointing or survey scans.

    Parameters
    ----------
    parameters : SimulationParameters
    seed : int
        The same seed gives the same events.

    Raises
    ------
    ParameterError
        A source lies so far from the pointing that it cannot be projected, or the mission does
        not survey, or is not simulated here.
    """
    generator = np.random.default_rng(seed)
    mission = get_mission(parameters.mission or min(missions()))
    wcs = sky_pixels(parameters.pointing, mission)
    camera = _Camera(mission, motion_of(parameters, mission, mission.detectors()))
    parts = [camera.background(d, parameters, generator) for d in camera.detectors]
    sources = sources_of(parameters, mission, wcs, generator)
    scanning = bool(parameters.scans)
    psf = parse_psf(parameters.psf) if parameters.psf else mission.psf(scanning)
    recorded = []
    for source in sources:
        landed = camera.source(source, parameters, psf, wcs, generator)
        recorded.append(len(landed["time"]))
        parts.append(landed)
    events = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    if scanning:
        half = parameters.field_size / 2
        inside = (np.abs(events["x"]) <= half) & (np.abs(events["y"]) <= half)
        events = {name: values[inside] for name, values in events.items()}
    order = np.argsort(events["time"], kind="stable")
    events = {name: values[order] for name, values in events.items()}
    for name, reference in zip(("x", "y"), wcs.wcs.crpix, strict=True):
        events[name] = reference + events[name] / mission.sky_pixel
    events["ra"], events["dec"] = wcs.all_pix2world(events["x"], events["y"], 1)
    return SimulatedObservation(
        mission, parameters, seed, wcs, events, camera.motion, truth_table(sources, recorded, wcs)
    )


def sky_pixels(pointing: SkyPosition, mission: Mission) -> WCS:
    """Return the WCS of a mission's sky pixels about a pointing."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{mission.projection}", f"DEC--{mission.projection}"]
    wcs.wcs.crval = list(pointing)
    wcs.wcs.crpix = [mission.reference_pixel, mission.reference_pixel]
    wcs.wcs.cdelt = [-mission.sky_pixel / 3600, mission.sky_pixel / 3600]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


class _Camera:
    """Detectors that move over the sky; places are offsets in arcsec from the field's centre."""

    def __init__(self, mission: Mission, motion: Motion) -> None:
        self.mission = mission
        self.motion = motion
        self.detectors = mission.detectors()

    def background(
        self, detector: Detector, parameters: SimulationParameters, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Draw the background of one detector, uniform on what of it sees the sky."""
        count = int(generator.poisson(parameters.background_rate * self.motion.gti.total))
        time = random_times(self.motion.gti, count, generator)
        size = np.array([detector.width, detector.height])
        place = generator.random((count, 2)) * size
        centre = np.array([detector.x, detector.y])
        offset = (place - size / 2) * detector.pixel + centre
        # the corners of a square do not see the sky through a round field
        while not (seen := detector.sees(*offset.T)).all():
            place[~seen] = generator.random((np.count_nonzero(~seen), 2)) * size
            offset = (place - size / 2) * detector.pixel + centre
        energy = generator.uniform(*parameters.energy, count)
        sky = rotated(offset, self.motion.roll) + self.motion.axis(time)
        return _events(time, sky, energy, detector.number, place)

    def source(
        self, source: PointSource, parameters: SimulationParameters, psf: PointSpreadFunction,
        wcs: WCS, generator: np.random.Generator,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Draw what the detectors record of a point source."""
        xy = (wcs.all_world2pix([source.position], 1)[0] - wcs.wcs.crpix) * self.mission.sky_pixel
        if not np.isfinite(xy).all():
            raise ParameterError(
                "source", f"{source.position} is half a sky away from the pointing",
                "move one of them",
            )  # fmt: skip
        count = int(generator.poisson(source.counts))
        energy = power_law_energies(parameters.photon_index, parameters.energy, count, generator)
        if isinstance(self.motion, Scans):
            time = self._scan_times(xy, energy, generator)
            energy = energy[: len(time)]
        else:
            time = random_times(self.motion.gti, count, generator)
        off_axis = np.full(len(time), np.hypot(*xy) / 60)
        place = xy + np.column_stack(random_displacements(psf, off_axis, generator))
        return self._recorded(time, place, energy, generator)

    def _scan_times(
        self, xy: np.ndarray, energy: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Draw when a source is seen: uniform, thinned by the field's edge and vignetting.

        Of a source that is never seen there are no times.
        """
        samples, _ = self.motion.gti.samples(1.0)
        if not self._sees(np.broadcast_to(xy, (len(samples), 2)), samples).any():
            return np.empty(0)
        groups = np.array_split(np.argsort(energy), _ENERGY_GROUPS)
        time = np.full(len(energy), np.nan)
        for group in (g for g in groups if len(g)):
            middle = float(np.median(energy[group]))
            waiting = group
            while len(waiting):
                drawn = random_times(self.motion.gti, len(waiting), generator)
                offset = xy - self.motion.axis(drawn)
                chance = self.mission.vignetting(np.hypot(*offset.T) / 60, middle)
                chance = np.where(self._sees(np.broadcast_to(xy, offset.shape), drawn), chance, 0)
                seen = generator.random(len(waiting)) < chance
                time[waiting[seen]] = drawn[seen]
                waiting = waiting[~seen]
        return time

    def _sees(self, place: np.ndarray, time: np.ndarray) -> np.ndarray:
        offset = rotated(place - self.motion.axis(time), -self.motion.roll)
        seen = np.zeros(len(time), dtype=bool)
        for detector in self.detectors:
            seen |= detector.sees(*offset.T)
        return seen

    def _recorded(
        self, time: np.ndarray, place: np.ndarray, energy: np.ndarray,
        generator: np.random.Generator,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Return the photons that fall on a detector; of coaligned ones each takes its share."""
        offset = rotated(place - self.motion.axis(time), -self.motion.roll)
        number = np.full(len(time), -1)
        pixel = np.zeros((len(time), 2))
        if self.mission.coaligned:
            chosen = generator.integers(0, len(self.detectors), len(time))
        for index, detector in enumerate(self.detectors):
            inside = detector.sees(*offset.T)
            if self.mission.coaligned:
                inside &= chosen == index
            number[inside] = detector.number
            local = (offset - [detector.x, detector.y]) / detector.pixel
            pixel[inside] = local[inside] + np.array([detector.width, detector.height]) / 2
        hit = number >= 0
        return _events(time[hit], place[hit], energy[hit], number[hit], pixel[hit])


def _events(
    time: np.ndarray, sky: np.ndarray, energy: np.ndarray, detector: int | np.ndarray,
    place: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    return {
        "time": time, "x": sky[:, 0], "y": sky[:, 1], "energy": energy,
        "detector": np.broadcast_to(detector, time.shape).astype(np.int16),
        "detector_x": place[:, 0], "detector_y": place[:, 1],
    }  # fmt: skip


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
        offset = _on_random_detectors(parameters, mission.detectors(), count, generator)
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
