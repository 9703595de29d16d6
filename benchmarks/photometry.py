"""Coverage and bias of measured rates, fluxes and hardness, and the bias of a detected sample.

Images of 400 x 400 pixels with sources from a power-law log N - log S, a third of them in pairs
whose apertures overlap, over backgrounds of .002 to .3 counts a pixel, with PSFs from .7 to 3
pixels, in two bands; some seen by two observations of different exposure. Sources are measured
at their true positions. Fluxes are rates times a constant: their coverage is that of the rates.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.wcs import WCS

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.detection.eddington import debiased
from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.detection.measure import measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.sensitivity import matched_filter_likelihood
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.imaging.stack import Stack
from xsurvey.missions import get_mission
from xsurvey.units import EnergyBand, SkyPosition

IMAGES = 96
SIDE = 400
SOFT, HARD = "500_2000", "2000_7000"
BANDS = {SOFT: EnergyBand(0.5, 2.0), HARD: EnergyBand(2.0, 7.0)}
BACKGROUNDS = (0.002, 0.02, 0.3)  # counts a pixel of the longest observation, soft
WIDTHS = (0.7, 1.5, 3.0)  # pixels
SLOPE = 1.5  # of N(> S)
FAINTEST, BRIGHTEST = 3.0, 5000.0  # counts, soft
EXPOSURES = (1000.0, 600.0)
LEVELS = ((3, 10), (10, 30), (30, 100), (100, 5000))
MAP_THRESHOLD = 8.0


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure simulated sources at their places, and those of them that would be detected."""
    images = trials(IMAGES, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(images)
    found = in_parallel(measured_image, [(int(s), i) for i, s in enumerate(seeds)])
    columns = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    return {
        "sources": len(columns["truth"]), "images": images,
        "rates": coverage(columns), "hardness": hardness_coverage(columns),
        "eddington": eddington(columns),
    }  # fmt: skip


def measured_image(seed: int, index: int) -> dict[str, np.ndarray]:
    """Simulate one image and measure its sources; arrays of one entry a source."""
    generator = np.random.default_rng(seed)
    background = BACKGROUNDS[index % 3]
    width = WIDTHS[index // 3 % 3]
    exposures = EXPOSURES if index // 9 % 2 else EXPOSURES[:1]
    x, y, paired = places(generator, width)
    soft = powerlaw(generator, len(x))
    ratio = 10 ** generator.uniform(-0.7, 0.3, len(x))
    counts = {SOFT: soft, HARD: soft * ratio}
    stack = simulated_stack(generator, x, y, counts, background, width, exposures)
    found = true_sources(stack, x, y)
    parameters = PhotometryParameters(psf=f"gaussian:{width}arcsec")
    rows = measure_sources(
        found, stack, DetectionParameters(), with_bands(parameters), seed=seed
    ).rows  # fmt: skip
    seconds = sum(exposures)
    total = background * seconds / EXPOSURES[0]
    result = {
        "truth": soft * seconds / EXPOSURES[0], "paired": paired,
        "hard_truth": counts[HARD] * seconds / EXPOSURES[0],
        "background": np.full(len(x), total), "width": np.full(len(x), width),
        "likelihood": detection(generator, soft * seconds / EXPOSURES[0], total, width),
    }  # fmt: skip
    names = [f"net_counts_{b}{end}" for b in BANDS for end in ("", "_lo", "_hi")]
    names += [f"rate_{SOFT}_upper", f"exposure_{SOFT}"]
    names += [f"hardness_{HARD}{SOFT}{end}" for end in ("", "_lo", "_hi")]
    return result | {name: np.array([row[name] for row in rows]) for name in names}


def places(
    generator: np.random.Generator, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y of sources on a jittered lattice, a third of them pairs, and which are."""
    step = 17 * width + 12
    side = int((SIDE - 2 * step) // step) + 1
    grid = (np.arange(side) + 0.5) * step + (SIDE - side * step) / 2
    x, y = (v.ravel() + generator.uniform(-2, 2, side**2) for v in np.meshgrid(grid, grid))
    doubled = generator.random(len(x)) < 0.2
    angle = generator.uniform(0, 2 * np.pi, len(x))
    distance = width * generator.uniform(1.5, 4.0, len(x))
    x2, y2 = x + distance * np.cos(angle), y + distance * np.sin(angle)
    paired = np.concatenate([doubled, np.ones(doubled.sum(), bool)])
    return np.append(x, x2[doubled]), np.append(y, y2[doubled]), paired


def powerlaw(generator: np.random.Generator, size: int) -> np.ndarray:
    """Draw counts of a log N - log S between the faintest and the brightest."""
    low, high = FAINTEST**-SLOPE, BRIGHTEST**-SLOPE
    return np.asarray((low - generator.random(size) * (low - high)) ** (-1 / SLOPE))


def simulated_stack(
    generator: np.random.Generator, x: np.ndarray, y: np.ndarray, counts: Mapping[str, np.ndarray],
    background: float, width: float, exposures: tuple[float, ...],
) -> Stack:  # fmt: skip
    """Return images of photons drawn from Gaussians over a flat background."""
    grid = grid_from_wcs(_wcs(), (SIDE, SIDE))
    fields = []
    for number, seconds in enumerate(exposures):
        part = seconds / EXPOSURES[0]
        images, maps = {}, {}
        for band, mean in counts.items():
            image = generator.poisson(background * part, (SIDE, SIDE)).astype(float)
            drawn = generator.poisson(mean * part)
            px, py = (
                np.rint(np.repeat(v, drawn) + width * generator.standard_normal(drawn.sum()))
                for v in (x, y)
            )
            inside = (px >= 0) & (py >= 0) & (px < SIDE) & (py < SIDE)
            np.add.at(image, (py[inside].astype(int), px[inside].astype(int)), 1)
            images[band] = SkyImage(image, grid, "count")
            maps[band] = SkyImage(np.full((SIDE, SIDE), seconds), grid, "s")
        fields.append(
            Field(images, maps, BANDS, None, get_mission("chandra"), SkyPosition(150.0, 2.0),
                  np.nan, str(number), "", "")
        )  # fmt: skip
    return Stack("s", tuple("ab"[: len(fields)]), tuple(fields), grid)
