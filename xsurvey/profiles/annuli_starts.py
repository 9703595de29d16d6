"""Where joint fits of annuli start: temperatures tried one annulus after the other."""

from __future__ import annotations

import numpy as np

from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood
from xsurvey.spectra.linear_norms import likely_norms
from xsurvey.spectra.starts import with_likely_norms

_TEMPERATURES = (1.0, 2.5, 6.0)
_TRIED = np.geomspace(0.3, 14.0, 14)
_ABUNDANCES = (0.1, 0.4, 1.2)
_SWEEPS, _ITERATIONS = 2, 15


def start_of(likelihood: AnnuliLikelihood, components: list[str]) -> np.ndarray:
    """Return start values of the free parameters, shape (k,).

    Norms are those with which the counts are most likely; then temperature, abundance and norm of
    each plasma are chosen with all else held, in two sweeps.

    Parameters
    ----------
    likelihood : AnnuliLikelihood
    components : list of str
        Of the plasmas in annuli.
    """
    parameters = likelihood.parameters
    names = parameters.free_names
    kt = [names.index(f"{c}.kT") for c in components if f"{c}.kT" in names]
    rows = np.repeat(parameters.start[None, :], 1 + len(_TEMPERATURES), axis=0)
    for row, value in zip(rows[1:], _TEMPERATURES, strict=True):
        row[kt] = value
    rows = with_likely_norms(likelihood, np.clip(rows, *parameters.bounds))
    theta = _best(likelihood, rows)
    for _ in range(_SWEEPS):
        for component in components:
            theta = _tried(likelihood, theta, component, names)
    return theta


def _tried(
    likelihood: AnnuliLikelihood, theta: np.ndarray, component: str, names: list[str]
) -> np.ndarray:
    """Return parameters with the best of some temperatures and abundances of one plasma."""
    rows = [theta]
    kt, z = f"{component}.kT", f"{component}.Z"
    for value in _TRIED if kt in names else (np.nan,):
        for abundance in _ABUNDANCES if z in names else (np.nan,):
            row = theta.copy()
            if kt in names:
                row[names.index(kt)] = value
            if z in names:
                row[names.index(z)] = abundance
            rows.append(row)
    tried = np.clip(np.array(rows), *likelihood.parameters.bounds)
    norm = f"{component}.norm"
    if norm in names:
        tried = np.concatenate((tried[:1], with_norms(likelihood, tried[1:], [names.index(norm)])))
    return _best(likelihood, tried)


def with_norms(likelihood: AnnuliLikelihood, rows: np.ndarray, norms: list[int]) -> np.ndarray:
    """Return parameters (b, k) with some norms such that the counts are likely, the rest held."""
    counts = likelihood.poisson_counts
    assert counts is not None
    bare = rows.copy()
    bare[:, norms] = 0.0
    known = likelihood.evaluate(bare)
    templates = []
    for index in norms:
        unit = bare.copy()
        unit[:, index] = 1.0
        templates.append(likelihood.evaluate(unit) - known)
    stacked = np.clip(np.stack(templates, axis=1), 0, None)
    total = stacked.sum(axis=2)
    missing = np.clip(counts.sum() - known.sum(axis=1), 1.0, None)[:, None] / len(norms)
    start = np.divide(missing, total, out=np.ones_like(total), where=total > 0)
    found = rows.copy()
    found[:, norms] = likely_norms(counts, known, stacked, start, _ITERATIONS)
    return np.clip(found, *likelihood.parameters.bounds)


def _best(likelihood: AnnuliLikelihood, rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows[int(np.argmin(likelihood.statistic(rows)))])
