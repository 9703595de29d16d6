"""Coverage and bias of measured rates, fluxes and hardness, and the bias of a detected sample.

Photons of sources from a power-law log N - log S, a third of them in pairs whose apertures
overlap, over backgrounds of .002 to .3 counts a pixel, with PSFs from .7 to 3 pixels, in two
bands; half of the fields are seen by two observations of different exposure. Sources are measured
at their true positions. Fluxes are rates times a constant: their coverage is that of the rates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from astropy.wcs import WCS

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.detection.eddington import debiased, mean_counts
from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.detection.matched_filter import detection_likelihood
from xsurvey.detection.measure import measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.profiles import light_on_pixels
from xsurvey.imaging.field import Field, Photons
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.imaging.stack import Stack
from xsurvey.missions import get_mission
from xsurvey.psf import GaussianMixture
from xsurvey.units import SkyPosition

FIELDS = 63
SIDE = 400
SOFT, HARD = "s", "h"
BACKGROUNDS = (0.002, 0.02, 0.3)  # counts a pixel and band in the longest observation
WIDTHS = (0.7, 1.5, 3.0)  # pixels
SLOPE = 1.5  # of N(> S)
FAINTEST, BRIGHTEST = 3.0, 5000.0  # soft counts
HARDEST = 0.9  # hardness ratios of stars to those of absorbed nuclei, all alike
EXPOSURES = (1000.0, 600.0)
LEVELS = (0, 10, 30, 100, 1e9)  # counts between which results are told
MISSION = get_mission("chandra")
DETECTION = DetectionParameters(threshold=10.0)


@dataclass(frozen=True)
class SimulatedField(Field):
    """A field whose photons are in memory."""

    drawn: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def binned(self) -> bool:
        """Photons have places of their own."""
        return False

    def photons(self, label: str) -> Iterator[Photons]:
        """Yield all photons of a band."""
        x, y = self.drawn[label]
        yield x, y, np.ones(len(x))


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure simulated sources at their places, and those of them that would be detected."""
    fields = trials(FIELDS, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(fields)
    found = in_parallel(measured_field, [(int(s), i) for i, s in enumerate(seeds)])
    all_of = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    return {
        "fields": fields, "sources": len(all_of["s"]),
        "rates": {kind: rates(chosen(all_of, kind)) for kind in KINDS},
        "hardness": {kind: hardness(chosen(all_of, kind)) for kind in KINDS},
        "eddington": eddington(all_of),
    }  # fmt: skip


KINDS = ("all", "single", "paired", *(f"background {b}" for b in BACKGROUNDS),
         *(f"psf {w}" for w in WIDTHS), "one observation", "two observations")  # fmt: skip


def chosen(columns: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Return the sources of a kind."""
    name, _, value = kind.partition(" ")
    if kind == "all":
        keep = np.ones(len(columns["s"]), dtype=bool)
    elif kind in ("single", "paired"):
        keep = columns["paired"] == (kind == "paired")
    elif value.startswith("observation"):
        keep = columns["observations"] == {"one": 1, "two": 2}[name]
    else:
        keep = columns[name] == float(value)
    return {key: one[keep] for key, one in columns.items()}


def measured_field(seed: int, index: int) -> dict[str, np.ndarray]:
    """Simulate one field and measure its sources; arrays of one entry a source."""
    generator = np.random.default_rng(seed)
    background, width = BACKGROUNDS[index % 3], WIDTHS[index // 3 % 3]
    exposures = EXPOSURES if index // 9 % 2 else EXPOSURES[:1]
    x, y, paired = places(generator, width)
    soft = powerlaw(generator, len(x))
    ratio = generator.uniform(-HARDEST, HARDEST, len(x))
    counts = {SOFT: soft, HARD: soft * (1 + ratio) / (1 - ratio)}
    stack = simulated_stack(generator, (x, y), counts, background, width, exposures)
    detection = DETECTION.model_copy(update={"psf": f"gaussian:{width}arcsec"})
    parameters = PhotometryParameters(measure_band=tuple(MISSION.bands[b] for b in counts))
    found = true_sources(stack, x, y)
    measured = measure_sources(found, stack, detection, parameters, seed=seed)
    total = sum(exposures) / EXPOSURES[0]
    posterior = measured.posteriors[""][SOFT]
    better = debiased(posterior, SLOPE, FAINTEST * total)
    low, high = better.shortest_interval()
    result = {band: one * total for band, one in counts.items()} | {
        "paired": paired, "background": np.full(len(x), background),
        "psf": np.full(len(x), width), "observations": np.full(len(x), len(exposures)),
        "likelihood": likelihoods(stack, x, y, background, width),
        "debiased": mean_counts(better),
        "debiased_lo": low, "debiased_hi": high,
    }  # fmt: skip
    names = [f"net_counts_{b}{end}" for b in counts for end in ("", "_lo", "_hi")]
    names += [f"rate_{b}_upper" for b in counts] + [f"exposure_{b}" for b in counts]
    names += [f"hardness_hs{end}" for end in ("", "_lo", "_hi")]
    return result | {name: np.array([row[name] for row in measured.rows]) for name in names}


def places(
    generator: np.random.Generator, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y of sources on a jittered lattice, some in pairs, and which are."""
    step = 12 * width + 24
    side = int(SIDE // step)
    grid = (np.arange(side) + 0.5) * SIDE / side
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
    generator: np.random.Generator, at: tuple[np.ndarray, np.ndarray],
    counts: Mapping[str, np.ndarray], background: float, width: float,
    exposures: tuple[float, ...],
) -> Stack:  # fmt: skip
    """Draw photons of Gaussians over a flat background, in pixels of an arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1 / 3600, 1 / 3600], [SIDE / 2, SIDE / 2]
    grid = grid_from_wcs(wcs, (SIDE, SIDE))
    edges = np.arange(SIDE + 1) - 0.5
    fields = []
    for number, seconds in enumerate(exposures):
        part = seconds / EXPOSURES[0]
        drawn, images = {}, {}
        for band, mean in counts.items():
            own = generator.poisson(mean * part)
            x, y = (np.repeat(v, own) + width * generator.standard_normal(own.sum()) for v in at)
            size = 2, generator.poisson(background * part * SIDE**2)
            noise = generator.uniform(-0.5, SIDE - 0.5, size)
            drawn[band] = np.append(x, noise[0]), np.append(y, noise[1])
            image = np.histogram2d(drawn[band][1], drawn[band][0], (edges, edges))[0]
            images[band] = SkyImage(image, grid, "count")
        maps = dict.fromkeys(images, SkyImage(np.full((SIDE, SIDE), seconds), grid, "s"))
        fields.append(
            SimulatedField(
                images, maps, {b: MISSION.bands[b] for b in counts}, None, MISSION,
                SkyPosition(150.0, 2.0), np.nan, str(number), "", "", drawn=drawn,
            )
        )  # fmt: skip
    return Stack("s", tuple("ab"[: len(fields)]), tuple(fields), grid)


def true_sources(stack: Stack, x: np.ndarray, y: np.ndarray) -> FoundSources:
    """Return sources at true places, as if they had been found there."""
    n = len(x)
    ra, dec = stack.grid.to_icrs(x, y)
    zero, one = np.zeros(n), np.ones((n, 1))
    sources = FittedSources(
        (SOFT,), ra, dec, np.tile(0.01 * np.eye(2), (n, 1, 1)), one, one, one, zero + 10, one,
        np.full(n, SOFT), zero, zero, zero, zero, np.arange(n), np.ones(n, dtype=bool), zero + 1,
    )  # fmt: skip
    # backgrounds stand in for annuli only; true ones are at hand
    backgrounds = {
        name: {
            b: SkyImage(np.full(stack.grid.shape, np.median(f.counts[b].data)), stack.grid, "count")
            for b in f.counts
        }
        for name, f in zip(stack.names, stack.fields, strict=True)
    }
    masks = {name: np.zeros(stack.grid.shape, dtype=bool) for name in stack.names}
    return FoundSources(sources, np.full(n, "TRUE"), backgrounds, masks)


def likelihoods(
    stack: Stack, x: np.ndarray, y: np.ndarray, background: float, width: float
) -> np.ndarray:
    """Return the matched filter's -ln P of each place in the soft band."""
    reach = int(np.ceil(3 * width))
    offsets = np.arange(-reach, reach + 1)
    profile = GaussianMixture(np.ones(1), np.full(1, width))
    counts, level, shape = [], [], []
    for cx, cy in zip(x, y, strict=True):
        column, row = round(cx), round(cy)
        edges = np.append(offsets - 0.5, reach + 0.5)
        light = light_on_pixels(profile, cx - column, cy - row, edges, edges).ravel()
        stamps = [
            f.counts[SOFT].data[row - reach : row + reach + 1, column - reach : column + reach + 1]
            for f in stack.fields
        ]
        parts = [f.exposure[SOFT].data[0, 0] / EXPOSURES[0] for f in stack.fields]
        counts.append(np.concatenate([s.ravel() for s in stamps]))
        shape.append(np.concatenate([light * p for p in parts]))
        level.append(np.concatenate([np.full(light.size, background * p) for p in parts]))
    return detection_likelihood(
        np.array(counts), np.array(level), np.array(shape), DETECTION.threshold
    )


def share(inside: np.ndarray) -> dict[str, float]:
    """Return a fraction with its binomial error."""
    p = float(inside.mean()) if len(inside) else float("nan")
    error = float(np.sqrt(max(p * (1 - p), 0) / max(len(inside), 1)))
    return {"n": len(inside), "part": round(p, 4), "error": round(error, 4)}


def rates(of: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return coverage and bias of the rates of both bands."""
    truth = np.concatenate([of[b] for b in (SOFT, HARD)])
    value, low, high = (
        np.concatenate([of[f"net_counts_{b}{end}"] for b in (SOFT, HARD)])
        for end in ("", "_lo", "_hi")
    )
    upper = np.concatenate([of[f"rate_{b}_upper"] * of[f"exposure_{b}"] for b in (SOFT, HARD)])
    result: dict[str, Any] = {}
    ranges = [(0.0, 1e9), (10.0, 1e9), *pairwise(LEVELS)]
    for first, last in ranges:
        at = (truth >= first) & (truth < last)
        if not at.any():
            continue
        residual = value[at] / truth[at] - 1
        result[f"{first:g} to {last:g} counts" if last < 1e9 else f"{first:g} counts and more"] = {
            "interval_68": share((low[at] <= truth[at]) & (truth[at] <= high[at])),
            "upper_95": share(truth[at] <= upper[at]),
            "mean_bias": round(float(residual.mean()), 4),
            "mean_bias_error": round(float(residual.std() / np.sqrt(at.sum())), 4),
            "total_bias": round(float(value[at].sum() / truth[at].sum() - 1), 4),
        }
    return result


def hardness(of: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the coverage of hardness ratios."""
    truth = (of[HARD] - of[SOFT]) / (of[HARD] + of[SOFT])
    inside = (of["hardness_hs_lo"] <= truth) & (truth <= of["hardness_hs_hi"])
    total = of[HARD] + of[SOFT]
    result = {"all": share(inside), "mean_bias": float((of["hardness_hs"] - truth).mean())}
    for first, last in pairwise(LEVELS):
        at = (total >= first) & (total < last)
        result[f"{first:g} to {last:g} counts"] = share(inside[at])
    return result


def eddington(of: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the bias of single sources that would be detected, and what the correction leaves."""
    found = (of["likelihood"] >= DETECTION.threshold) & ~of["paired"].astype(bool)
    truth, value, better = of[SOFT][found], of["net_counts_s"][found], of["debiased"][found]
    low, high = of["net_counts_s_lo"][found], of["net_counts_s_hi"][found]
    better_low, better_high = of["debiased_lo"][found], of["debiased_hi"][found]
    result: dict[str, Any] = {"threshold": DETECTION.threshold, "detected": int(found.sum())}
    for first, last in ((0, 10), (10, 15), (15, 25), (25, 50), (50, 1e9)):
        at = (value >= first) & (value < last)
        if not at.any():
            continue
        result[f"measured {first:g} to {last:g} counts"] = {
            "n": int(at.sum()),
            "measured_over_true": round(float(value[at].sum() / truth[at].sum()), 4),
            "corrected_over_true": round(float(better[at].sum() / truth[at].sum()), 4),
            "interval_68": share((low[at] <= truth[at]) & (truth[at] <= high[at])),
            "corrected_interval_68": share(
                (better_low[at] <= truth[at]) & (truth[at] <= better_high[at])
            ),
        }
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261125)
