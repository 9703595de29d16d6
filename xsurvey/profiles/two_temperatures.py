"""In which annuli two temperatures are preferred to one.

Light that the PSF brings from other annuli is in the model, so that a gradient of temperature is
not taken for a second one. The statistic falls by chance when a plasma is added, by how much no
theorem tells (a norm of zero is a bound, where its temperature means nothing): the margin that is
asked for is from simulations, `benchmarks/two_temperatures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.profiles.annuli_fit import fit_annuli
from xsurvey.profiles.annuli_likelihood import AnnuliProblem
from xsurvey.profiles.annuli_starts import with_norms
from xsurvey.spectra.fit import Fit

_HOT, _COOL, _METALS = (1.0, 1.3, 1.8), (0.3, 0.5, 0.7), (1.0, 1.6)
"""Temperatures and abundances that are tried, in parts of those of the fit with one."""
_SEARCHED = 2


@dataclass(frozen=True)
class TemperatureChoice:
    """Which annuli have two temperatures.

    Attributes
    ----------
    annuli : tuple of int
        By place among the annuli.
    gain : ndarray, shape (n,)
        By how much a second temperature lowers the statistic of the joint fit, each annulus in
        the company that the choice ended with.
    fit : Fit
        With the chosen ones, without intervals.
    """

    annuli: tuple[int, ...]
    gain: np.ndarray
    fit: Fit


def choose_temperatures(problem: AnnuliProblem, fit: Fit) -> TemperatureChoice:
    """Give annuli a second temperature, the one that gains most first, while the margin is met.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        With one temperature everywhere.
    """
    chosen: list[int] = []
    gain = np.zeros(len(problem.annuli))
    open_annuli = list(range(len(problem.annuli)))
    while open_annuli:
        trials = {i: two_temperature_fit(problem, fit, chosen, i) for i in open_annuli}
        for i, trial in trials.items():
            gain[i] = max(fit.minimum.statistic - trial.minimum.statistic, 0.0)
        usable = [i for i, trial in trials.items() if both_known(problem, trial, i)]
        best = max(usable, key=lambda i: gain[i], default=None)
        if best is None or gain[best] < problem.parameters.two_temperature_margin:
            break
        two = [*chosen, best]
        better = fit_annuli(problem, two, start=trials[best].theta, intervals=False)
        # what gains too little alone seldom gains enough beside another
        margin = problem.parameters.two_temperature_margin
        open_annuli = [i for i in open_annuli if i != best and gain[i] >= 0.5 * margin]
        # a closer search may end at a limit where a rough one did not
        if all(both_known(problem, better, i) for i in two):
            fit, chosen = better, two
    return TemperatureChoice(tuple(sorted(chosen)), gain, fit)


def two_temperature_fit(problem: AnnuliProblem, fit: Fit, already: list[int], annulus: int) -> Fit:
    """Return the fit with a second plasma in one more annulus; the cooler one is the second.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        With two plasmas in the annuli ``already``.
    already : list of int
    annulus : int
        By place among the annuli.
    """
    two = [*already, annulus]
    likelihood = problem.likelihood(sorted(two))
    names = likelihood.parameters.free_names
    known = dict(zip(fit.likelihood.parameters.free_names, fit.theta, strict=True))
    base = np.array([known.get(name, np.nan) for name in names])
    base = np.where(np.isnan(base), likelihood.parameters.start, base)
    hot, cool = problem.component(annulus), problem.component(annulus, cool=True)
    rows = []
    for factor in _HOT:
        for cooler in _COOL:
            for metals in _METALS:
                row = base.copy()
                for name, value in (
                    (f"{hot}.kT", factor * known.get(f"{hot}.kT", np.nan)),
                    (f"{cool}.kT", cooler * known.get(f"{hot}.kT", np.nan)),
                    (f"{hot}.Z", metals * known.get(f"{hot}.Z", np.nan)),
                ):
                    if name in names and np.isfinite(value):
                        row[names.index(name)] = value
                rows.append(row)
    tried = np.clip(np.array(rows), *likelihood.parameters.bounds)
    norms = [names.index(f"{c}.norm") for c in (hot, cool) if f"{c}.norm" in names]
    tried = with_norms(likelihood, tried, norms)
    order = np.argsort(likelihood.statistic(tried), kind="stable")[:_SEARCHED]
    fits = [fit_annuli(problem, two, start=tried[i], rough=True) for i in order]
    best = min(fits, key=lambda f: f.minimum.statistic)
    return _cooler_second(problem, best, two, annulus)


def _cooler_second(problem: AnnuliProblem, fit: Fit, two: list[int], annulus: int) -> Fit:
    """Return the fit with the plasmas of an annulus in order."""
    names = fit.likelihood.parameters.free_names
    hot, cool = problem.component(annulus), problem.component(annulus, cool=True)
    pairs = [(f"{hot}.{what}", f"{cool}.{what}") for what in ("kT", "norm")]
    if not all(name in names for pair in pairs for name in pair):
        return fit  # one is held or follows another: nothing to exchange
    places = [(names.index(a), names.index(b)) for a, b in pairs]
    if fit.theta[places[0][0]] >= fit.theta[places[0][1]]:
        return fit
    start = fit.theta.copy()
    for a, b in places:
        start[[a, b]] = start[[b, a]]
    return fit_annuli(problem, two, start=start, rough=True)


def without(
    problem: AnnuliProblem, fit: Fit, single: Fit, two: Sequence[int], lost: Sequence[int]
) -> Fit:  # fmt: skip
    """Return a fit without the second plasmas of some annuli, with intervals.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        With them.
    single : Fit
        With one temperature everywhere, from which these annuli begin.
    two, lost : sequence of int
        Annuli that keep two plasmas, and that lose one, by place among the annuli.
    """
    gone = {problem.component(i, cool) for i in lost for cool in (False, True)}
    values = dict(zip(single.likelihood.parameters.free_names, single.theta, strict=True))
    values |= {
        name: value
        for name, value in zip(fit.likelihood.parameters.free_names, fit.theta, strict=True)
        if name.partition(".")[0] not in gone
    }
    parameters = problem.likelihood(two).parameters
    start = [
        values.get(name, first)
        for name, first in zip(parameters.free_names, parameters.start, strict=True)
    ]
    return fit_annuli(problem, two, start=np.array(start))


def both_known(problem: AnnuliProblem, fit: Fit, annulus: int) -> bool:
    """Tell whether both plasmas of an annulus are away from their limits."""
    names = np.array(fit.likelihood.parameters.free_names)
    own = [
        f"{component}.{what}"
        for component in (problem.component(annulus), problem.component(annulus, cool=True))
        for what in ("kT", "norm")
    ]
    return bool(fit.minimum.converged and not np.isin(names[fit.minimum.at_bounds], own).any())
