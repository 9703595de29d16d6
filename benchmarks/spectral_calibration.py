"""Simulation-based calibration of fits of spectra (Talts et al. 2018, arXiv:1804.06788).

Parameters are drawn from their priors, spectra from the parameters, and each spectrum is fitted
with the same priors by what users call. If priors, likelihood and sampler are right, intervals
hold the truth as often as they claim and ranks of the truth among the samples are uniform.

Spectra are kept by their observed counts, 10 to 10 000, background included. That is a selection
by the data, which does not touch the posterior; the exposure is drawn without regard to the truth.
"""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.simulated_spectra import channel_energies, response, source_rate, spectrum
from xsurvey.errors import XSurveyError
from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.priors import parse_prior
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.spectra.assembly import assemble
from xsurvey.spectra.background_models.analytic import AnalyticBackground
from xsurvey.spectra.background_models.shapes import PowerLaw
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

SPECTRA = 380  # of each cell
COUNTS = (10, 10_000)
EXPOSURE = (1e3, 1e5)  # s, log-uniform
REGION = (3.0, 15.0)  # area of the background region over that of the source, uniform
LEAST_BACKGROUND = 5  # counts in each bin, with W-stat
LEAST_BINS = 8  # with W-stat
CONFIDENCES = (0.6827, 0.90)
LINES = {0.6827: 0.035, 0.90: 0.025}  # how far the coverage may be from nominal
LEAST_P = 0.01  # of the ranks' uniformity
DECADES = ((10, 100), (100, 1000), (1000, 10_001))
SAMPLING = MCMCParameters(
    walkers=32, ensembles=4, min_steps=300, max_steps=6000, autocorrelation_factor=10,
    burn_factor=5, r_hat_limit=1.02, min_ess=400, check_every=100, thin=5,
)  # fmt: skip
MODELS = {
    "tbabs*powerlaw": {
        "tbabs.nH": "loguniform:0.02,2",
        "powerlaw.PhoIndex": "uniform:1,3",
        "powerlaw.norm": "loguniform:1e-5,1e-3",
    },
    "tbabs*apec": {
        "tbabs.nH": "loguniform:0.02,2",
        "apec.kT": "loguniform:0.4,8",
        "apec.Abundanc": "uniform:0.1,1.5",
        "apec.norm": "loguniform:2e-5,2e-3",
    },
}
BACKGROUND = {
    "background.powerlaw_index": "uniform:0,1.5",
    "background.powerlaw_norm": "loguniform:3e-4,3e-2",
}


class Cell(NamedTuple):
    """A model and a way to treat the background."""

    model: str
    background: str

    @property
    def name(self) -> str:
        """For the record."""
        return f"{self.model} {self.background}"

    @property
    def priors(self) -> dict[str, str]:
        """Priors of all free parameters of the fit."""
        return MODELS[self.model] | (BACKGROUND if self.background == "modelled" else {})

    def fit_parameters(self, priors: bool) -> SpectrumFitParameters:
        """Return the settings of the fit; without priors only their ends are kept, as limits."""
        ends = {name: parse_prior(text) for name, text in self.priors.items()}
        return SpectrumFitParameters(
            model=self.model,
            stat="wstat" if self.background == "wstat" else "cstat",
            group=f"bmin{LEAST_BACKGROUND}" if self.background == "wstat" else "opt",
            background_model="powerlaw" if self.background == "modelled" else None,
            thaw=("apec.Abundanc",) if "apec.Abundanc" in ends else (),
            prior=tuple(f"{n}={text}" for n, text in self.priors.items()) if priors else (),
            limits=() if priors else tuple(f"{n}={p.low!r},{p.high!r}" for n, p in ends.items()),
        )


CELLS = tuple(Cell(model, way) for model in MODELS for way in ("wstat", "modelled"))


@dataclass(frozen=True)
class Simulated:
    """A spectrum, its background and what they were drawn from."""

    truth: dict[str, float]
    source: PhaSpectrum
    background: PhaSpectrum


@dataclass(frozen=True)
class Trial:
    """What was found for a spectrum; arrays have an entry a parameter of the cell.

    ``covered`` and ``profiled`` are of shape (confidence, parameter).
    """

    counts: float
    ranks: np.ndarray
    covered: np.ndarray
    profiled: np.ndarray
    converged: bool
    steps: int
    seconds: float
    failure: str = ""


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure the coverage of intervals of fits to simulated spectra."""
    number = trials(SPECTRA, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(len(CELLS) * number, np.uint64)
    tasks = [(CELLS[i // number], int(s)) for i, s in enumerate(seeds)]
    found = in_parallel(trial, tasks)
    return {
        "spectra": len(found), "counts": list(COUNTS), "exposure_s": list(EXPOSURE),
        "background_region": list(REGION), "least_background_counts": LEAST_BACKGROUND,
        "least_bins": LEAST_BINS, "priors": {**MODELS, "background": BACKGROUND},
        "sampling": SAMPLING.normalised(),
        "lines": {"coverage": {f"{c:g}": LINES[c] for c in CONFIDENCES}, "ks_p": LEAST_P},
        "cells": {
            cell.name: summary(cell, found[i * number : (i + 1) * number])
            for i, cell in enumerate(CELLS)
        },
    }  # fmt: skip


def simulate(cell: Cell, generator: np.random.Generator) -> Simulated:
    """Draw parameters and spectra until the counts are within the limits."""
    priors = {n: parse_prior(text) for n, text in (MODELS[cell.model] | BACKGROUND).items()}
    while True:
        truth = {name: float(p.sample(generator, 1)[0]) for name, p in priors.items()}
        exposure = float(np.exp(generator.uniform(*np.log(EXPOSURE))))
        region = float(generator.uniform(*REGION))
        shape = AnalyticBackground([PowerLaw()], *channel_energies(), exposure)
        background = shape.evaluate(np.array([[truth[name] for name in BACKGROUND]]))[0]
        # cheap cuts by the data first
        other = generator.poisson(background)
        least = LEAST_BACKGROUND * LEAST_BINS if cell.background == "wstat" else 1
        if other.sum() < least:
            continue
        own = {n: v for n, v in truth.items() if n in MODELS[cell.model]}
        expected = exposure * source_rate(cell.model, own) + background / region
        counts = generator.poisson(expected)
        if COUNTS[0] <= counts.sum() <= COUNTS[1]:
            return Simulated(
                truth, spectrum(counts, exposure, 1.0), spectrum(other, exposure, region)
            )


def trial(cell: Cell, seed: int) -> Trial:
    """Simulate and fit one spectrum; what goes wrong is recorded and counts as a failure."""
    drawn = simulate(cell, np.random.default_rng(seed))
    started = time.perf_counter()
    k = len(cell.priors)
    truth = np.array([drawn.truth[name] for name in cell.priors])
    counts = float(drawn.source.counts.sum())
    try:
        chains = sampled(cell, drawn, seed % 2**32)
        profiled = np.array([inside(fit, truth) for fit in profiles(cell, drawn)])
    except XSurveyError as error:
        nothing = np.zeros((len(CONFIDENCES), k), bool)
        return Trial(counts, np.full(k, np.nan), nothing, nothing, False, 0,
                     time.perf_counter() - started, str(error))  # fmt: skip
    samples = chains.samples
    covered = np.empty((len(CONFIDENCES), k), bool)
    for row, confidence in zip(covered, CONFIDENCES, strict=True):
        ends = np.array([equal_tailed(column, confidence) for column in samples.T])
        row[:] = (truth >= ends[:, 0]) & (truth <= ends[:, 1])
    return Trial(counts, np.mean(samples < truth, axis=0), covered, profiled, chains.converged,
                 chains.steps, time.perf_counter() - started)  # fmt: skip


def prepared(cell: Cell, drawn: Simulated, priors: bool) -> Any:
    """Return the assembled fit, as the command makes it of files."""
    parameters = cell.fit_parameters(priors)
    dataset = make_dataset(
        drawn.source, response(), rule=parameters.group, background=drawn.background
    )
    return assemble(parse_expression(cell.model), ModelSettings(), [dataset], parameters)


def sampled(cell: Cell, drawn: Simulated, seed: int) -> Chains:
    """Return the posterior's chains, begun at the most probable place."""
    likelihood = prepared(cell, drawn, True).likelihood
    _check_names(cell, likelihood.parameters.free_names)
    fit = fit_spectra(likelihood, intervals=False)
    low, high = likelihood.parameters.bounds
    scale = fit.minimum.spread(0.1 * (high - low))
    return sample_ensembles(
        likelihood.log_probability, fit.theta, scale, likelihood.parameters.free_names, SAMPLING,
        seed,
    )  # fmt: skip


def profiles(cell: Cell, drawn: Simulated) -> list[Fit]:
    """Return fits without priors but for their limits, with intervals of each confidence."""
    likelihood = prepared(cell, drawn, False).likelihood
    fits = [fit_spectra(likelihood, confidence=CONFIDENCES[0])]
    for confidence in CONFIDENCES[1:]:
        from_best = likelihood.parameters.with_values(fits[0].theta)
        again = SpectralLikelihood(likelihood.members, from_best)
        fits.append(fit_spectra(again, confidence=confidence, starts=1))
    return fits


def inside(fit: Fit, truth: np.ndarray) -> np.ndarray:
    """Tell which true values are in the fit's intervals."""
    pairs = [(fit.intervals[i].lower, fit.intervals[i].upper) for i in range(len(truth))]
    low, high = np.array(pairs).T
    return np.asarray((truth >= low) & (truth <= high))


def _check_names(cell: Cell, names: list[str]) -> None:
    if names != list(cell.priors):
        raise RuntimeError(f"fitted are {names}, priors are of {list(cell.priors)}")


def summary(cell: Cell, found: list[Trial]) -> dict[str, Any]:
    """Return the coverage of a cell, of each parameter and of all together."""
    good = [t for t in found if not t.failure]
    counts = np.array([t.counts for t in good])
    covered = np.array([t.covered for t in good])
    profiled = np.array([t.profiled for t in good])
    ranks = np.array([t.ranks for t in good])
    return {
        "spectra": len(found), "failed": [t.failure for t in found if t.failure],
        "unconverged": sum(not t.converged for t in good),
        "median_counts": float(np.median(counts)),
        "median_steps": float(np.median([t.steps for t in good])),
        "seconds_each": float(np.mean([t.seconds for t in good])),
        "parameters": {
            name: {
                **{f"{c:g}": _share(covered[:, i, j]) for i, c in enumerate(CONFIDENCES)},
                "ks_p": float(stats.kstest(ranks[:, j], "uniform").pvalue),
                "mean_rank": float(ranks[:, j].mean()),
                "ranks_in_tenths": np.histogram(ranks[:, j], 10, (0, 1))[0].tolist(),
                "profile": {
                    f"{c:g}": _share(profiled[:, i, j]) for i, c in enumerate(CONFIDENCES)
                },
            }
            for j, name in enumerate(cell.priors)
        },
        "pooled": _pooled(covered),
        "pooled_profile": _pooled(profiled),
        "pooled_by_counts": {
            f"{low}-{high}": _pooled(covered[(counts >= low) & (counts < high)])
            for low, high in DECADES
        },
    }  # fmt: skip


def _share(inside: np.ndarray) -> dict[str, float]:
    """Return a share of spectra and its binomial error."""
    share = float(np.mean(inside))
    return {"share": share, "error": float(np.sqrt(share * (1 - share) / len(inside)))}


def _pooled(covered: np.ndarray) -> dict[str, Any]:
    """Return the share of all parameters; its error is that of the spectra's own shares.

    Parameters of a spectrum are correlated, so that the spectra are the units.
    """
    result: dict[str, Any] = {"spectra": len(covered)}
    if len(covered) < 2:
        return result
    for i, confidence in enumerate(CONFIDENCES):
        own = covered[:, i].mean(axis=1)
        result[f"{confidence:g}"] = {
            "share": float(own.mean()), "error": float(own.std(ddof=1) / np.sqrt(len(own)))
        }  # fmt: skip
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261125, libraries=("emcee", "xspectrampoline"))
