"""False sources in blank fields, completeness and positions, beside the ideal matched filter.

Four chips of 512 x 512 pixels of 0.984 arcsec, 100 ks, flat backgrounds, a Gaussian PSF, searched
with the default parameters. Most fields are drawn as images; some go through event files, as a
user's would.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.fields import (
    PIXEL,
    TrueSource,
    blank_field,
    grid_of_places,
    level_of,
    pixels_of,
    search_parameters,
    simulated_field,
)
from xsurvey.detection.detect import find_sources, search_bands
from xsurvey.detection.matched_filter import detection_likelihood
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.pixel_model import pixel_fractions, point_shape
from xsurvey.detection.significance import in_a_beam
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack import single_stack
from xsurvey.missions import get_mission, open_events
from xsurvey.psf import GaussianMixture
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation

BLANK_FIELDS = 100
EVENT_FIELDS = 100
SOURCE_FIELDS = 20
SIDE = 10
BLANK_RATES = (0.1, 0.3)
SOURCE_RATE = 0.2
CASES = ((0.7, 5), (0.7, 8), (0.7, 12), (0.7, 20), (2.0, 12), (2.0, 20), (0.7, 50), (2.0, 50))
MATCH = 3.0  # PSF sigmas, or pixels where these are larger
RADIUS_68 = -2 * np.log(1 - 0.6827)


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Count false sources in blank fields and found ones among injected sources."""
    parameters = DetectionParameters()
    blank, events, filled = (
        trials(n, fraction) for n in (BLANK_FIELDS, EVENT_FIELDS, SOURCE_FIELDS)
    )
    per_rate = blank + events
    need = per_rate * len(BLANK_RATES) + filled * len(CASES)
    seeds = iter(int(s) for s in np.random.SeedSequence(seed).generate_state(need))
    result: dict[str, Any] = {
        "threshold": parameters.threshold, "marginal_threshold": parameters.marginal_threshold,
        "blank": [], "completeness": [],
    }  # fmt: skip
    for rate in BLANK_RATES:
        tasks = [(rate, next(seeds), n >= blank) for n in range(per_rate)]
        found = in_parallel(blank_likelihoods, tasks)
        result["blank"].append(_blank_row(rate, found[:blank], "images", parameters))
        result["blank"].append(_blank_row(rate, found[blank:], "event files", parameters))
    for sigma, counts in CASES:
        tasks = [(sigma, counts, next(seeds)) for _ in range(filled)]
        found = in_parallel(injected, tasks)
        result["completeness"].append(_source_row(sigma, counts, np.concatenate(found), parameters))
    return result


def _blank_row(
    rate: float, found: list[np.ndarray], through: str, parameters: DetectionParameters
) -> dict[str, Any]:
    values = np.concatenate(found)
    true = int((values >= parameters.threshold).sum())
    both = int((values >= parameters.marginal_threshold).sum())
    return {
        "rate": rate, "through": through, "fields": len(found), "true": true / len(found),
        "true_error": float(np.sqrt(max(true, 1)) / len(found)),
        "true_or_marginal": both / len(found),
        "true_or_marginal_error": float(np.sqrt(max(both, 1)) / len(found)),
    }  # fmt: skip


def _source_row(
    sigma: float, counts: float, table: np.ndarray, parameters: DetectionParameters
) -> dict[str, Any]:
    likelihood, ideal, distance = table.T
    found = likelihood > 0
    inside = distance[found] <= RADIUS_68
    number = int(found.sum())
    return {
        "psf_sigma": sigma, "counts": counts, "sources": len(table),
        "true": float((likelihood >= parameters.threshold).mean()),
        "ideal_true": float((ideal >= parameters.threshold).mean()),
        "true_or_marginal": float((likelihood >= parameters.marginal_threshold).mean()),
        "ideal_true_or_marginal": float((ideal >= parameters.marginal_threshold).mean()),
        "found": number,
        "in_68_ellipse": float(inside.mean()) if number else None,
        "in_68_ellipse_error": float(np.sqrt(0.68 * 0.32 / number)) if number else None,
    }  # fmt: skip


def blank_likelihoods(rate: float, seed: int, through_events: bool) -> np.ndarray:
    """Return the likelihoods of what is found in one blank field."""
    if not through_events:
        field = blank_field(level_of(rate), seed)
        found = find_sources(single_stack("blank", field), search_parameters(0.7))
        return found.sources.likelihood
    parameters = DetectionParameters(psf=f"gaussian:{0.7 * PIXEL}arcsec", marginal=True)
    bands = search_bands(parameters, get_mission("chandra"))
    settings: dict[str, Any] = {
        "exposure": "100ks", "background_rate": rate, "psf": f"gaussian:{0.7 * PIXEL}arcsec",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.fits"
        write_simulation(path, simulate_observation(SimulationParameters(**settings), seed))
        field = field_from_events(open_events(path), bands, ImageParameters())
        return find_sources(single_stack("blank", field), parameters).sources.likelihood


def injected(sigma: float, counts: float, seed: int) -> np.ndarray:
    """Return likelihood, ideal likelihood and normalised squared distance, (sources, 3).

    The ideal filter knows PSF, background and place; likelihood zero is a source not found.
    """
    level = level_of(SOURCE_RATE)
    places = grid_of_places(seed, SIDE)
    field = simulated_field(level, [TrueSource(x, y, counts) for x, y in places], sigma, seed)
    sources = find_sources(single_stack("field", field), search_parameters(sigma)).sources
    x, y = pixels_of(sources, field)
    image = field.counts["b"].data
    rows = []
    for px, py in places:
        ideal = ideal_likelihood(image, level, px, py, sigma)
        distance = np.hypot(x - px, y - py)
        i = int(distance.argmin()) if len(x) else -1
        if i < 0 or distance[i] > MATCH * max(sigma, 1):
            rows.append((0.0, ideal, np.inf))
            continue
        # east is to the left
        offset = PIXEL * np.array([px - x[i], y[i] - py])
        squared = float(offset @ np.linalg.solve(sources.covariance[i], offset))
        rows.append((float(sources.likelihood[i]), ideal, squared))
    return np.array(rows)


def ideal_likelihood(image: np.ndarray, level: float, x: float, y: float, sigma: float) -> float:
    """Return -ln P of a matched filter that knows everything but whether there is a source.

    It pays for the places of a beam as the search does, so that the thresholds are the same.
    """
    reach = int(np.ceil(4 * sigma)) + 1
    rows, columns = (np.arange(round(v) - reach, round(v) + reach + 1) for v in (y, x))
    shape = point_shape(GaussianMixture(np.ones(1), np.array([sigma])), 1.0)
    unit = pixel_fractions(rows, columns, x, y, shape).reshape(1, -1)
    counts = image[np.ix_(rows, columns)].reshape(1, -1)
    threshold = DetectionParameters().local_threshold
    level_of_pixels = np.full(unit.shape, level)
    return float(in_a_beam(detection_likelihood(counts, level_of_pixels, unit, threshold)[0]))


if __name__ == "__main__":
    benchmark(run, seed=20261125)
