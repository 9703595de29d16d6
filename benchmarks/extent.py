"""Clusters that are found to be extended, and point sources that are not.

Images of four chips at 0.2 count/s/chip; clusters are beta models (beta = 2/3) of 100 counts with
a core radius of twice the PSF's sigma, point sources have 1000 counts. The wrong PSF is a
Gaussian 15 % wider than the one that is assumed, which is said to be exact.
"""

from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.fields import (
    TrueSource,
    grid_of_places,
    level_of,
    pixels_of,
    search_parameters,
    simulated_field,
)
from xsurvey.detection.detect import find_sources
from xsurvey.imaging.stack import single_stack

FIELDS = 10
SIDE = 8
RATE = 0.2
SIGMAS = (0.7, 2.0)
CLUSTER_COUNTS = 100
POINT_COUNTS = 1000
WRONG = 1.15
MATCH = 3.0


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Tell how many clusters and points are found extended."""
    number = trials(FIELDS, fraction)
    kinds = [
        (name, sigma, counts, core * sigma, wider)
        for sigma in SIGMAS
        for name, counts, core, wider in (
            ("cluster", CLUSTER_COUNTS, 2.0, 1.0), ("point", POINT_COUNTS, 0.0, 1.0),
            ("point, wrong PSF", POINT_COUNTS, 0.0, WRONG),
        )
    ]  # fmt: skip
    seeds = iter(int(s) for s in np.random.SeedSequence(seed).generate_state(number * len(kinds)))
    rows = []
    for name, sigma, counts, core, wider in kinds:
        tasks = [(sigma, counts, core, wider, next(seeds)) for _ in range(number)]
        table = np.concatenate(in_parallel(extents, tasks))
        found = np.isfinite(table)
        extended = table[found & (table > 0)]
        share = float((table > 0).mean())
        rows.append({
            "kind": name, "psf_sigma": sigma, "counts": counts, "core_radius": core,
            "sources": len(table), "found": float(found.mean()), "extended": share,
            "extended_error": float(np.sqrt(max(share * (1 - share), 1e-4) / len(table))),
            "median_extent": float(np.median(extended)) if len(extended) else None,
        })  # fmt: skip
    return {"rows": rows}


def extents(sigma: float, counts: float, core: float, wider: float, seed: int) -> np.ndarray:
    """Return the extent of each source of a field in pixels, 0 of points, NaN where not found."""
    places = grid_of_places(seed, SIDE)
    sources = [TrueSource(x, y, counts, core) for x, y in places]
    field = simulated_field(level_of(RATE), sources, wider * sigma, seed)
    found = find_sources(single_stack("field", field), search_parameters(sigma)).sources
    x, y = pixels_of(found, field)
    size = field.counts["b"].grid.pixel_size
    result = np.full(len(places), np.nan)
    for k, (px, py) in enumerate(places):
        distance = np.hypot(x - px, y - py)
        if len(x) and distance.min() <= MATCH * max(sigma + core, 1):
            result[k] = found.extent[distance.argmin()] / size
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261125)
