"""False variability of constant sources in simulated survey scans, from events to p-values.

Whole sky tiles of constant sources on a grid are simulated with their scans, written as event
files, read again, and each source's visits are extracted and tested. Nothing is shared with the
simulation but the file: exposures come from its good times and attitude.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.apertures.aperture import ApertureParameters, circular_aperture
from xsurvey.missions import get_mission, open_events
from xsurvey.simulate.observation import simulate_observation, sky_pixels
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import truth_path, write_simulation
from xsurvey.timing.constancy import constancy_test
from xsurvey.timing.from_events import light_curve_from_events
from xsurvey.timing.parameters import LightCurveParameters
from xsurvey.units import SkyPosition

SIGNIFICANCES = (0.10, 0.05, 0.01)
TILES = 60
TRIALS = 999
MISSION = "erosita"
CENTRE = SkyPosition(79.6, -66.0)
SIDE = 14  # sources on each axis of the grid
SPACING = 14.0  # arcmin
COUNTS = (15.0, 300.0)
BAND = "0.2-5"


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how often constant sources of simulated survey scans are called variable."""
    seeds = np.random.SeedSequence(seed).generate_state(trials(TILES, fraction))
    parts = in_parallel(tile, [(int(s),) for s in seeds])
    p_values, counts, visits = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return {
        "tiles": len(parts), "sources_a_tile": SIDE**2, "trials": TRIALS, "band": BAND,
        "source_counts": list(COUNTS), "light_curves": len(p_values),
        "median_counts_in_aperture": float(np.median(counts)),
        "visits": {"smallest": int(visits.min()), "median": float(np.median(visits)),
                   "largest": int(visits.max())},
        "false_variability": {f"at_{s:g}": _share(p_values, s) for s in SIGNIFICANCES},
        "few_counts": _halves(p_values, counts, low=True),
        "many_counts": _halves(p_values, counts, low=False),
    }  # fmt: skip


def tile(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p-value, counts and visits of every source of one tile."""
    generator = np.random.default_rng(seed)
    wcs = sky_pixels(CENTRE, get_mission(MISSION))
    steps = (np.arange(SIDE) - (SIDE - 1) / 2) * SPACING * 60
    offsets = np.array([(x, y) for x in steps for y in steps])
    offsets += generator.uniform(-60, 60, offsets.shape)  # nowhere in particular in the scans
    places = wcs.all_pix2world(offsets / get_mission(MISSION).sky_pixel, 1)
    wanted = np.exp(generator.uniform(*np.log(COUNTS), len(places)))
    parameters = SimulationParameters(
        mission=MISSION, pointing=f"{CENTRE.ra},{CENTRE.dec}", scans=28, energy=BAND,
        background_rate=5.0,
        source=tuple(f"{ra},{dec},{n}" for (ra, dec), n in zip(places, wanted, strict=True)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.fits"
        write_simulation(path, simulate_observation(parameters, seed))
        truth = Table.read(truth_path(path), hdu=1)
        events = open_events(path)
        binning = LightCurveParameters(light_curve_band=(BAND,))
        curves = [
            light_curve_from_events(
                events, circular_aperture(events, ApertureParameters(position=f"{ra},{dec}")),
                binning,
            )
            for ra, dec in zip(truth["ra"], truth["dec"], strict=True)
        ]  # fmt: skip
    curves = [c.selected(c.usable(binning.minimum_exposure_fraction)) for c in curves]
    longest = max(len(c) for c in curves)
    columns = [
        np.array([np.pad(getattr(c, name)[:, 0], (0, longest - len(c))) for c in curves])
        for name in ("counts", "background_counts", "background_scale", "exposure")
    ]
    test = constancy_test(*columns, trials=TRIALS, seed=seed)
    return test.p_value, columns[0].sum(axis=1), np.array([len(c) for c in curves])


def _share(p_values: np.ndarray, significance: float) -> dict[str, float]:
    share = float(np.mean(p_values <= significance))
    error = float(np.sqrt(max(share, 1 / len(p_values)) * (1 - share) / len(p_values)))
    return {"share": share, "error": error}


def _halves(p_values: np.ndarray, counts: np.ndarray, low: bool) -> dict[str, Any]:
    """Return the shares of the sources below or above the median of the counts."""
    chosen = counts <= np.median(counts) if low else counts > np.median(counts)
    return {f"at_{s:g}": _share(p_values[chosen], s) for s in SIGNIFICANCES}


if __name__ == "__main__":
    benchmark(run, seed=20261126)
