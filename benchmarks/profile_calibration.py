"""Are intervals of fitted profiles, and significances of empty fields, what they say.

Beta models with a sky and with particles whose template is off by a Gaussian of its error are drawn
and fitted. Empty fields have a sky that varies between regions, and templates that are right or off
by 5 %; the significance of a region is judged by the sky of 4 or 8 sectors.
"""

from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.profiles.brightness_models import parse_model
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.significance import significance
from xsurvey.profiles.sky_level import sky_level

EDGES = np.linspace(0, 15, 31)
PARTICLES, TEMPLATE_ERROR = 1e-3, 0.05
CASES = {
    "beta": ((2e-2, 1.3, 0.6, 1e-3), 2e4),
    "beta, few counts": ((2e-2, 1.3, 0.6, 1e-3), 1e3),
    "power_law": ((2e-2, 1.4, 1e-3), 2e4),
    "broken_power_law": ((2e-2, 0.4, 1.3, 4.0, 1.8, 1e-3), 2e4),
}
PROFILES, FIELDS = 1000, 2000
SKY, SCATTER = 3e-3, 0.1  # count/s/arcmin2; of it, between sectors
EXPOSURE, SECTOR, REGION = 200.0, 2000.0, 500.0  # s; arcmin2
VIGNETTING = {"sector": 0.8, "region": 0.9}
LINES = {"coverage": [0.64, 0.72], "false_3_sigma": 0.01}


def draw(
    name: str, theta: tuple[float, ...], exposure: float, seed: int | tuple[int, ...]
) -> RadialProfile:
    """Return a profile of a model with particles that are not quite those of the template."""
    generator = np.random.default_rng(seed)
    area = np.pi * np.diff(EDGES**2)
    exposure_area = exposure * area
    background = PARTICLES * exposure_area
    error = TEMPLATE_ERROR * background
    expected = parse_model(name).averages(np.array([theta]), EDGES)[0] * exposure_area
    expected = expected + background + error * generator.standard_normal()
    counts = generator.poisson(expected).astype(float)
    none = np.zeros(len(area), int)
    return RadialProfile(EDGES, counts, exposure_area, area, area, background, error,
                         np.full((1, 1), -1), none)  # fmt: skip


def covered(case: str, seed: int) -> list[bool]:
    """Return whether the intervals of one fit hold the truth."""
    theta, exposure = CASES[case]
    name = case.partition(",")[0]
    # cases that share random numbers would err together
    fit = fit_profile(draw(name, theta, exposure, (seed, list(CASES).index(case))), name)
    return [p.lower <= t <= p.upper for p, t in zip(fit.parameters, theta, strict=True)]


def empty_field(sectors: int, off: float, seed: int | tuple[int, ...]) -> float:
    """Return the significance of a region of an empty field, its templates wrong by ``off``."""
    generator = np.random.default_rng(seed)

    def observe(number: int, area: float, vignetting: float) -> tuple[np.ndarray, ...]:
        spread = SCATTER * np.sqrt(SECTOR / area)
        sky = SKY * np.maximum(1 + spread * generator.standard_normal(number), 0)
        exposure_area = np.full(number, EXPOSURE * area * vignetting)
        template = np.full(number, SKY * EXPOSURE * area)
        counts = generator.poisson(sky * exposure_area + (1 + off) * template).astype(float)
        return counts, exposure_area, np.full(number, area), template, TEMPLATE_ERROR * template

    sky = sky_level(*observe(sectors, SECTOR, VIGNETTING["sector"]))
    return float(significance(*observe(1, REGION, VIGNETTING["region"]), sky).sigma[0])


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure the coverage of 68.3 % intervals and the rate of false significances."""
    profiles, fields = trials(PROFILES, fraction), trials(FIELDS, fraction)
    result: dict[str, Any] = {"lines": LINES, "coverage": {}, "empty_fields": {}}
    for case in CASES:
        inside = np.array(in_parallel(covered, [(case, seed + i) for i in range(profiles)]))
        names = [p.name for p in parse_model(case.partition(",")[0]).parameters]
        # parameters of one profile err together
        error = float(inside.mean(axis=1).std() / np.sqrt(profiles))
        result["coverage"][case] = {
            "profiles": profiles, "pooled": float(inside.mean()), "pooled_error": error,
            **{name: float(inside[:, i].mean()) for i, name in enumerate(names)},
            "errors": {name: binomial_error(inside[:, i]) for i, name in enumerate(names)},
        }  # fmt: skip
    for sectors in (4, 8):
        for place, off in enumerate((0.0, 0.05, -0.05)):
            tasks = [(sectors, off, (seed + i, sectors, place)) for i in range(fields)]
            sigma = np.array(in_parallel(empty_field, tasks))
            result["empty_fields"][f"{sectors} sectors, templates off by {off:+.0%}"] = {
                "fields": fields, "above_3_sigma": float((sigma > 3).mean()),
                "above_3_sigma_error": binomial_error(sigma > 3),
                "above_2_sigma": float((sigma > 2).mean()),
                "above_2_sigma_error": binomial_error(sigma > 2),
                "mean": float(sigma.mean()), "deviation": float(sigma.std()),
            }  # fmt: skip
    return result


def binomial_error(true: np.ndarray) -> float:
    """Return the standard error of the part that is true."""
    part = float(np.mean(true))
    return float(np.sqrt(part * (1 - part) / len(true)))


if __name__ == "__main__":
    benchmark(run, 20261126)
