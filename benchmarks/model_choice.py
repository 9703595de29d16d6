"""How often fits of sources of the pipeline choose the right model.

Power laws and thin thermal plasmas are simulated with given expected counts, fitted with both as
the pipeline does (W-stat, no priors, XSPEC's limits), and Akaike's criteria compared. Of plasmas
the abundance is solar, as the default has it, or free.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.simulated_spectra import channel_energies, response, source_rate, spectrum
from xsurvey.errors import XSurveyError
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters
from xsurvey.spectra.assembly import assemble
from xsurvey.spectra.background_models.analytic import AnalyticBackground
from xsurvey.spectra.background_models.shapes import PowerLaw
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.model_choice import akaike, choose_model
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.usable import why_useless
from xsurvey.units import EnergyBand

POWER_LAWS, PLASMAS = 400, 100  # spectra of each cell
COUNTS = (100, 300, 1000, 3000, 5000)  # of the source, expected
TEMPERATURES = (1.0, 2.0, 3.0)  # keV
ABUNDANCES = (1.0, 0.3)  # solar, of the plasmas: fits have it at 1
INDEX = (1.0, 3.0)  # uniform
COLUMN = (0.02, 2.0)  # 1e22 cm-2, log-uniform
REGION = 12.0  # area of the background region over that of the source
BACKGROUND = 0.1  # of the source's counts, in the source region
EXPOSURE = 2e4  # s
MARGINS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
MODELS = ("tbabs*powerlaw", "tbabs*apec")
WAYS = {"solar": (), "free": ("apec.Abundanc",)}  # what is thawed
ENERGY = EnergyBand(0.5, 7.0)
STARTS = SpectrumFitParameters.model_fields["starts"].default


class Cell(NamedTuple):
    """What is simulated; a temperature of zero stands for power laws."""

    counts: int
    temperature: float = 0.0
    abundance: float = 1.0

    @property
    def name(self) -> str:
        """For the record."""
        if not self.temperature:
            return f"powerlaw {self.counts}"
        return f"apec {self.temperature:g} keV, abundance {self.abundance:g}, {self.counts}"


class Trial(NamedTuple):
    """What came out for a spectrum.

    Attributes
    ----------
    chosen : dict of str to tuple of int or None
        For each of `WAYS` the place of the model that each of `MARGINS` leads to; None where
        neither fit is of use.
    preference : dict of str to float
        Criterion of the power law less that of the plasma.
    """

    chosen: dict[str, tuple[int | None, ...]]
    preference: dict[str, float]
    seconds: float
    failure: str = ""


CELLS = (
    *(Cell(counts) for counts in COUNTS),
    *(Cell(c, t, z) for z in ABUNDANCES for t in TEMPERATURES for c in COUNTS),
)


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how often power laws are taken for plasmas, and plasmas are recognised."""
    numbers = [trials(PLASMAS if c.temperature else POWER_LAWS, fraction) for c in CELLS]
    cells = [cell for cell, number in zip(CELLS, numbers, strict=True) for _ in range(number)]
    seeds = np.random.SeedSequence(seed).generate_state(len(cells), np.uint64)
    found = in_parallel(trial, [(c, int(s)) for c, s in zip(cells, seeds, strict=True)])
    return {
        "spectra": len(found), "models": list(MODELS), "energy": list(ENERGY), "index": list(INDEX),
        "column_1e22": list(COLUMN), "background_region": REGION, "background_counts": BACKGROUND,
        "margin": SpectralFitParameters().alternative_margin,
        "cells": {
            cell.name: summary(cell, [t for c, t in zip(cells, found, strict=True) if c == cell])
            for cell in CELLS
        },
    }  # fmt: skip


def simulate(cell: Cell, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of the source region and of the background region, in channels."""
    values = {"tbabs.nH": float(np.exp(generator.uniform(*np.log(COLUMN))))}
    if cell.temperature:
        model = MODELS[1]
        values |= {"apec.kT": cell.temperature, "apec.Abundanc": cell.abundance}
    else:
        model = MODELS[0]
        values |= {"powerlaw.PhoIndex": float(generator.uniform(*INDEX))}
    shape = source_rate(model, values)
    low, high = channel_energies()
    fitted = (high > ENERGY.minimum) & (low < ENERGY.maximum)
    background = AnalyticBackground([PowerLaw()], low, high, EXPOSURE)
    other = background.evaluate(np.array([[0.5, 1.0]]))[0]
    source = shape * cell.counts / shape[fitted].sum()
    other *= BACKGROUND * cell.counts / other[fitted].sum()
    return generator.poisson(source + other), generator.poisson(REGION * other)


def trial(cell: Cell, seed: int) -> Trial:
    """Simulate one spectrum and fit it with both models."""
    counts, others = simulate(cell, np.random.default_rng(seed))
    started = time.perf_counter()
    chosen, preference = {}, {}
    try:
        first = fitted(MODELS[0], (), counts, others)
        for way, thawed in WAYS.items():
            fits = [first, fitted(MODELS[1], thawed, counts, others)]
            criteria = [akaike(fit.statistic, len(fit.theta)) for fit in fits]
            usable = [not why_useless(fit) for fit in fits]
            choices = [choose_model(criteria, usable, margin) for margin in MARGINS]
            chosen[way] = tuple(choice.chosen for choice in choices)
            preference[way] = choices[0].preference
    except XSurveyError as error:
        return Trial({}, {}, time.perf_counter() - started, str(error))
    return Trial(chosen, preference, time.perf_counter() - started)


def fitted(model: str, thawed: tuple[str, ...], counts: np.ndarray, others: np.ndarray) -> Fit:
    """Return a fit as the pipeline makes it."""
    parameters = SpectrumFitParameters(
        model=model, thaw=thawed, stat="wstat", group="none", energy=(ENERGY,)
    )
    dataset = make_dataset(
        spectrum(counts, EXPOSURE, 1.0), response(), rule="none", bands=parameters.energy,
        background=spectrum(others, EXPOSURE, REGION),
    )  # fmt: skip
    assembly = assemble(parse_expression(model), ModelSettings(), [dataset], parameters)
    return fit_spectra(assembly.likelihood, intervals=False, starts=STARTS)


def summary(cell: Cell, found: list[Trial]) -> dict[str, Any]:
    """Return which part of a cell's spectra is taken for thermal, for each way and margin."""
    good = [t for t in found if not t.failure]
    return {
        "spectra": len(found), "failed": [t.failure for t in found if t.failure],
        **{way: _of_a_way(way, good) for way in WAYS},
        "seconds_each": float(np.mean([t.seconds for t in found])),
    }  # fmt: skip


def _of_a_way(way: str, found: list[Trial]) -> dict[str, Any]:
    preference = [t.preference[way] for t in found]
    return {
        "thermal": _shares([t.chosen[way] for t in found], 1),
        "neither": _shares([t.chosen[way] for t in found], None),
        "preference": {
            f"{p:g} %": float(np.percentile(preference, p)) for p in (2, 16, 50, 84, 98)
        },
    }  # fmt: skip


def _shares(chosen: list[tuple[int | None, ...]], place: int | None) -> dict[str, float]:
    """Return the part of spectra for which each margin leads to a model, or to none."""
    return {
        f"{margin:g}": float(np.mean([own[i] == place for own in chosen]))
        for i, margin in enumerate(MARGINS)
    }


if __name__ == "__main__":
    benchmark(run, seed=20261125, libraries=("xspectrampoline",))
