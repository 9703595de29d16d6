"""Joint fits of two instruments with wrong effective areas, with the nuisance for it and without.

An absorbed power law is seen by two simulated instruments of 5000 to 50 000 counts each. The areas
by which the counts are drawn differ from those that the fits are given: in both by factors drawn
from the fit's own priors, where intervals should hold the truth at their nominal rate; or in one of
them by 10 %, or by a smooth function of energy that rises from -5 to +5 % or from -10 to +10 %.
These are single cases of what priors allow, and coverage may be above or below the nominal one.
"""

from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.simulated_spectra import CHANNELS, ENERGIES, response, source_rate, spectrum
from xsurvey.inference.held import profile_statistic
from xsurvey.inference.profile import profile_delta, profile_interval
from xsurvey.spectra.assembly import assemble
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.effective_area_nuisance import EffectiveAreaNuisance
from xsurvey.spectra.fit import fit_spectra
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

REALISATIONS = 200  # of each error of the areas
MODEL = "tbabs*powerlaw"
RANGES = {"tbabs.nH": (0.05, 1.0), "powerlaw.PhoIndex": (1.2, 2.8)}  # uniform
NORM = 1e-3
COUNTS = (5e3, 5e4)  # expected in each spectrum, log-uniform
SOFTER = (0.0, 0.4)  # the two instruments' areas
CONFIDENCES = (0.6827, 0.90)
ERRORS = {
    "none": 0.0, "drawn from the priors": None, "constant 10 %": 0.1, "smooth +-5 %": 0.05,
    "smooth +-10 %": 0.1,
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "without": {},
    "with nuisance": {"cross_calibration": True},
    "with nuisance, smooth terms of 10 %": {"cross_calibration": True, "area_smooth_sigma": 0.1},
}
NAMES = (*RANGES, "powerlaw.norm")
_CENTRES = 0.5 * (ENERGIES[1:] + ENERGIES[:-1])


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure the coverage of joint fits of two spectra whose effective areas are wrong."""
    number = trials(REALISATIONS, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(len(ERRORS) * number, np.uint64)
    tasks = [(error, int(s)) for error, s in zip(np.repeat([*ERRORS], number), seeds, strict=True)]
    found = np.array(in_parallel(trial, tasks)).reshape(len(ERRORS), number, len(WAYS),
                                                        len(CONFIDENCES), len(NAMES))  # fmt: skip
    return {
        "realisations": number, "model": MODEL, "ranges": RANGES, "counts": COUNTS,
        "ways": {way: _settings(way).normalised() for way in WAYS},
        "coverage": {
            error: {way: _shares(part[:, i]) for i, way in enumerate(WAYS)}
            for error, part in zip(ERRORS, found, strict=True)
        },
    }  # fmt: skip


def trial(error: str, seed: int) -> np.ndarray:
    """Return whether intervals hold the truth, shape (way, confidence, parameter)."""
    generator = np.random.default_rng(seed)
    truth = {name: float(generator.uniform(*ends)) for name, ends in RANGES.items()}
    truth["powerlaw.norm"] = NORM
    datasets = _spectra(truth, wrong_areas(error, generator), generator)
    wanted = np.array([truth[name] for name in NAMES])
    return np.array([_inside(datasets, way, wanted) for way in WAYS])


def wrong_areas(error: str, generator: np.random.Generator) -> np.ndarray:
    """Return the factor of the true area over the one that the fit has, shape (2, energies)."""
    if ERRORS[error] is None:
        nuisance = EffectiveAreaNuisance((CHANNELS[0], CHANNELS[-1]))
        drawn = nuisance.sigmas * generator.standard_normal((2, len(nuisance.sigmas)))
        return nuisance.factor(drawn, _CENTRES)
    # a step of some width, which is not among the nuisance's polynomials
    step = np.tanh(np.log(_CENTRES / 2) / 0.7)
    shape = step if error.startswith("smooth") else np.ones(len(_CENTRES))
    wrong = generator.choice([-1.0, 1.0]) * ERRORS[error] * shape
    return np.exp(np.stack([np.zeros(len(_CENTRES)), wrong]))


def _spectra(
    truth: dict[str, float], areas: np.ndarray, generator: np.random.Generator
) -> list[Dataset]:
    result = []
    for softer, area in zip(SOFTER, areas, strict=True):
        rate = source_rate(MODEL, truth, area, softer)
        exposure = float(np.exp(generator.uniform(*np.log(COUNTS))) / rate.sum())
        counts = generator.poisson(exposure * rate)
        result.append(make_dataset(spectrum(counts, exposure, 1.0), response(softer), rule="opt"))
    return result


def _settings(way: str) -> SpectrumFitParameters:
    return SpectrumFitParameters(model=MODEL, stat="cstat", **WAYS[way])


def _inside(datasets: list[Dataset], way: str, truth: np.ndarray) -> np.ndarray:
    """Return whether profile intervals hold the truth, shape (confidence, parameter).

    They are those of `fit_spectra`, of the source's parameters only.
    """
    likelihood = assemble(
        parse_expression(MODEL), ModelSettings(), datasets, _settings(way), ["first", "second"]
    ).likelihood
    best = fit_spectra(likelihood, intervals=False).minimum
    bounds = likelihood.parameters.bounds
    sigma = np.sqrt(np.diag(best.spread(likelihood.parameters.steps)))  # where searches begin
    inside = np.empty((len(CONFIDENCES), len(NAMES)), bool)
    for j in range(len(NAMES)):
        profile = profile_statistic(likelihood, best, j, bounds, sigma)
        for i, confidence in enumerate(CONFIDENCES):
            found = profile_interval(
                lambda value, profile=profile: profile(value)[0], float(best.best[j]),
                best.statistic, float(sigma[j]), (float(bounds[0][j]), float(bounds[1][j])),
                profile_delta(confidence),
            )  # fmt: skip
            inside[i, j] = found.lower <= truth[j] <= found.upper
    return inside


def _shares(inside: np.ndarray) -> dict[str, Any]:
    """Return shares and binomial errors from (realisation, confidence, parameter)."""
    result: dict[str, Any] = {}
    for j, name in enumerate(NAMES):
        result[name] = {}
        for i, confidence in enumerate(CONFIDENCES):
            share = float(inside[:, i, j].mean())
            error = float(np.sqrt(share * (1 - share) / len(inside)))
            result[name][f"{confidence:g}"] = {"share": share, "error": error}
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261125, libraries=("xspectrampoline",))
