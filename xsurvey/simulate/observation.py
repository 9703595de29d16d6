"""Simulated observations: photons through PSF, dither and chip gaps onto detectors.

First slice: the background is uniform on each detector, sources are points with a power
law in detected counts. No effective area, no redistribution, no vignetting of the sources
(their counts are what is expected where they stand): stamped ``SIMLEVEL`` in the file.
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
from xsurvey.simulate.parameters import PointSource, SimulationParameters, parse_source
from xsurvey.units import EnergyBand, SkyPosition

REFERENCE_PIXEL = 4096.5
START_TIME = 700_000_000.0
DITHER_PERIODS = (1000.0, 707.0)
"""Seconds; incommensurate, so that the pattern fills."""
_GAP_FRACTION = 0.1


@dataclass(frozen=True)
class SimulatedObservation:
    """Events, good times and truth of a simulation.

    Attributes
    ----------
    events : dict of str to ndarray, shape (n,)
        ``time``, ``x``, ``y``, ``energy`` [keV], ``detector``, ``detector_x``,
        ``detector_y``; in order of time.
    gti : GoodTimeIntervals
    truth : astropy.table.Table
        One row a source: place, expected and recorded counts.
    """

    mission: Mission
    parameters: SimulationParameters
    seed: int
    wcs: WCS
    events: dict[str, np.ndarray]
    gti: GoodTimeIntervals
    truth: Table


def simulate_observation(parameters: SimulationParameters, seed: int) -> SimulatedObservation:
    """Simulate a pointing.

    Parameters
    ----------
    parameters : SimulationParameters
    seed : int
        The same seed gives the same events.

    Raises
    ------
    ParameterError
        A source lies so far from the pointing that it cannot be projected.
    """
    generator = np.random.default_rng(seed)
    mission = get_mission(parameters.mission or min(missions()))
    wcs = _pointing_wcs(parameters.pointing, mission.sky_pixel)
    gti = _good_times(parameters)
    detectors = mission.detectors()
    sky = _SkyPlane(parameters, mission, gti)
    parts = [_background(d, parameters, sky, generator) for d in detectors]
    sources = [parse_source(text) for text in parameters.source]
    sources += _random_sources(parameters, detectors, sky, wcs, generator)
    psf = parse_psf(parameters.psf) if parameters.psf else mission.psf()
    recorded = []
    for source in sources:
        photons = _photons(source, parameters, psf, sky, wcs, generator)
        landed = _on_detectors(photons, detectors, sky)
        recorded.append(len(landed["time"]))
        parts.append(landed)
    events = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    order = np.argsort(events["time"], kind="stable")
    events = {name: values[order] for name, values in events.items()}
    return SimulatedObservation(
        mission, parameters, seed, wcs, events, gti, _truth(sources, recorded, wcs)
    )


def _pointing_wcs(pointing: SkyPosition, pixel: float) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = list(pointing)
    wcs.wcs.crpix = [REFERENCE_PIXEL, REFERENCE_PIXEL]
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def _good_times(parameters: SimulationParameters) -> GoodTimeIntervals:
    length = parameters.exposure / parameters.intervals
    start = START_TIME + np.arange(parameters.intervals) * length * (1 + _GAP_FRACTION)
    return GoodTimeIntervals.from_edges(start, start + length)


class _SkyPlane:
    """Offsets from the optical axis in sky pixels, and how detectors lie in them."""

    def __init__(
        self, parameters: SimulationParameters, mission: Mission, gti: GoodTimeIntervals
    ) -> None:
        angle = np.radians(parameters.roll)
        self.rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self.amplitude = parameters.dither / mission.sky_pixel
        self.gti = gti
        self.pixel = mission.sky_pixel

    def times(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw times uniform over the good intervals, shape (count,)."""
        lengths = self.gti.stop - self.gti.start
        edges = np.concatenate(([0.0], np.cumsum(lengths)))
        good = generator.uniform(0, edges[-1], count)
        interval = np.clip(np.searchsorted(edges, good, side="right") - 1, 0, len(lengths) - 1)
        return np.asarray(self.gti.start[interval] + good - edges[interval])

    def dither(self, time: np.ndarray) -> np.ndarray:
        """Return the displacement of the detectors on the sky, shape (n, 2)."""
        phases = [2 * np.pi * (time - START_TIME) / period for period in DITHER_PERIODS]
        return self.amplitude * np.column_stack([np.sin(p) for p in phases])

    def to_sky(self, detector: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Turn focal-plane offsets into sky offsets, shape (n, 2)."""
        return detector @ self.rotation.T + self.dither(time)

    def to_detector(self, sky: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Turn sky offsets into focal-plane offsets, shape (n, 2)."""
        return (sky - self.dither(time)) @ self.rotation


def _background(
    detector: Detector, parameters: SimulationParameters, sky: _SkyPlane,
    generator: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    count = int(generator.poisson(parameters.background_rate * parameters.exposure))
    time = sky.times(count, generator)
    size = np.array([detector.width, detector.height])
    place = generator.random((count, 2)) * size
    offset = place - size / 2 + [detector.x, detector.y]
    energy = generator.uniform(*parameters.energy, count)
    return _events(time, sky.to_sky(offset, time), energy, detector.number, place)


def _events(
    time: np.ndarray, sky: np.ndarray, energy: np.ndarray, detector: int | np.ndarray,
    place: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    return {
        "time": time, "x": REFERENCE_PIXEL + sky[:, 0], "y": REFERENCE_PIXEL + sky[:, 1],
        "energy": energy, "detector": np.broadcast_to(detector, time.shape).astype(np.int16),
        "detector_x": np.floor(place[:, 0]) + 1, "detector_y": np.floor(place[:, 1]) + 1,
    }  # fmt: skip


def _random_sources(
    parameters: SimulationParameters, detectors: Sequence[Detector], sky: _SkyPlane, wcs: WCS,
    generator: np.random.Generator,
) -> list[PointSource]:  # fmt: skip
    """Place sources uniformly on the detectors, away from edges by the dither."""
    count = parameters.random_sources
    chosen = generator.integers(0, len(detectors), count)
    result = []
    for index, place in zip(chosen, generator.random((count, 2)), strict=True):
        d = detectors[index]
        size = np.array([d.width, d.height])
        margin = np.minimum(2 * sky.amplitude, size / 4)
        offset = margin + place * (size - 2 * margin) - size / 2 + [d.x, d.y]
        x, y = REFERENCE_PIXEL + offset @ sky.rotation.T
        ra, dec = wcs.all_pix2world([[x, y]], 1)[0]
        result.append(PointSource(SkyPosition(float(ra), float(dec)), parameters.random_counts))
    return result


def _photons(
    source: PointSource, parameters: SimulationParameters, psf: PointSpreadFunction,
    sky: _SkyPlane, wcs: WCS, generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    xy = wcs.all_world2pix([source.position], 1)[0] - REFERENCE_PIXEL
    if not np.isfinite(xy).all():
        raise ParameterError(
            "source", f"{source.position} is half a sky away from the pointing", "move one of them"
        )
    count = int(generator.poisson(source.counts))
    time = sky.times(count, generator)
    off_axis = np.full(count, np.hypot(*xy) * sky.pixel / 60)
    dx, dy = random_displacements(psf, off_axis, generator)
    place = xy + np.column_stack([dx, dy]) / sky.pixel
    energy = power_law_energies(parameters.photon_index, parameters.energy, count, generator)
    return time, place, energy


def _on_detectors(
    photons: tuple[np.ndarray, np.ndarray, np.ndarray], detectors: Sequence[Detector],
    sky: _SkyPlane,
) -> dict[str, np.ndarray]:  # fmt: skip
    time, place, energy = photons
    offset = sky.to_detector(place, time)
    number = np.full(len(time), -1)
    pixel = np.zeros((len(time), 2))
    for detector in detectors:
        size = np.array([detector.width, detector.height])
        local = offset - [detector.x, detector.y] + size / 2
        inside = np.all((local >= 0) & (local < size), axis=1)
        number[inside] = detector.number
        pixel[inside] = local[inside]
    hit = number >= 0
    return _events(time[hit], place[hit], energy[hit], number[hit], pixel[hit])


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


def _truth(sources: list[PointSource], recorded: list[int], wcs: WCS) -> Table:
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
