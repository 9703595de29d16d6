"""False sources in blank fields and completeness, through the whole of detection.

Four ACIS-I chips, pixels of 0.984 arcsec, 0.1 count/s/chip for 100 ks, Gaussian PSF of
sigma 0.7 pixel everywhere. Each field is simulated as an event file, read back and searched
with the default parameters.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.detection.measure import detect_sources, measured_bands, search_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.missions import get_mission, open_events
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import truth_path, write_simulation
from xsurvey.units import EnergyBand

PIXEL = 0.984
BLANK_FIELDS = 100
SOURCE_FIELDS = 20
GRID_SIDE = 5
SOURCES_PER_FIELD = GRID_SIDE**2
COUNTS = 12
MATCH_PIXELS = 3.0


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Count false sources in blank fields and found ones among injected sources."""
    blank = trials(BLANK_FIELDS, fraction)
    filled = trials(SOURCE_FIELDS, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(blank + filled)
    false = in_parallel(false_sources, [(int(s),) for s in seeds[:blank]])
    found = in_parallel(found_sources, [(int(s),) for s in seeds[blank:]])
    injected = filled * SOURCES_PER_FIELD
    completeness = sum(found) / injected
    return {
        "threshold": DetectionParameters().threshold,
        "blank_fields": blank,
        "false_sources_per_field": sum(false) / blank,
        "false_sources_per_field_error": float(np.sqrt(max(sum(false), 1)) / blank),
        "injected_sources": injected,
        "expected_counts": COUNTS,
        "completeness": completeness,
        "completeness_error": float(np.sqrt(completeness * (1 - completeness) / injected)),
    }


def false_sources(seed: int) -> int:
    """Return the number of sources found in one blank field."""
    return len(search(SimulationParameters(**settings()), seed)[0])


def found_sources(seed: int) -> int:
    """Return how many injected sources of one field have a detection within three pixels."""
    detected, truth = search(SimulationParameters(**settings(), source=random_grid(seed)), seed)
    if not len(detected):
        return 0
    distance = np.hypot(*(detected[:, None, :] - truth[None, :, :]).transpose(2, 0, 1))
    return int((distance.min(axis=0) * 0.5 <= MATCH_PIXELS).sum())  # two sky pixels a pixel


def settings() -> dict[str, Any]:
    """Return the field's settings, as a user would write them."""
    return {"exposure": "100ks", "background_rate": 0.1, "psf": f"gaussian:{0.7 * PIXEL}arcsec"}


def random_grid(seed: int) -> tuple[str, ...]:
    """Place sources at random subpixel positions around the cells of a grid, off the gaps."""
    generator = np.random.default_rng(seed)
    cells = [(i, j) for i in range(GRID_SIDE) for j in range(GRID_SIDE)]
    mission = get_mission("chandra")
    reach = 1900 * mission.sky_pixel / 3600  # degrees covered by the grid
    aim = 40 / 3600
    sources = []
    for i, j in cells:
        jitter = generator.uniform(-0.2, 0.2, 2)
        dx, dy = ((np.array([i, j]) + 0.5 + jitter) / GRID_SIDE - 0.5) * reach
        gap = 60 / 3600  # stay a minute off the chip gaps, which cross in the middle
        dx, dy = (v if abs(v) > gap else np.copysign(gap, v) + v for v in (dx, dy))
        ra = 150.0 - (dx - aim) / np.cos(np.radians(2.2))
        sources.append(f"{ra:.7f},{2.2 + dy + aim:.7f},{COUNTS}")
    return tuple(sources)


def search(parameters: SimulationParameters, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate a field, search it, and return found and true sky pixels, shape (n, 2)."""
    detection, photometry = DetectionParameters(), PhotometryParameters()
    mission = get_mission("chandra")
    bands: list[EnergyBand] = search_bands(detection, mission)
    photometry = photometry.model_copy(update={"measure_band": tuple(bands)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.fits"
        observation = simulate_observation(parameters, seed)
        write_simulation(path, observation)
        events = open_events(path)
        wanted = list(dict.fromkeys(bands + measured_bands(photometry, detection, mission)))
        field = field_from_events(events, wanted, ImageParameters())
        rows = detect_sources(field, detection, photometry).rows
        assert truth_path(path).exists()
    detected = np.array([[r["x"], r["y"]] for r in rows]).reshape(-1, 2)
    truth = np.column_stack([observation.truth["x"], observation.truth["y"]])
    return detected, truth


if __name__ == "__main__":
    benchmark(run, seed=20261124)
