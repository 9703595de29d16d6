"""Samples of posteriors as FITS tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.inference.chains import Chains
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.posterior_samples import EqualSamples
from xsurvey.io.atomic import atomic_output

_SAMPLES_ALONE = ("log_probability", "ensemble")
"""Columns that are no parameters."""


@dataclass(frozen=True)
class StoredSamples:
    """What a table of samples holds, beside their names.

    Attributes
    ----------
    samples : ndarray, shape (n, k)
        Of equal weight.
    log_probability : ndarray, shape (n,)
        Ln of the posterior, up to a constant.
    ensemble : ndarray, shape (n,)
        That a sample is of; 0 of what has none.
    facts : mapping
        Keywords: ``SAMPLER``, mcmc, nested or none; of chains ``STEPS``, ``BURN``, those of them
        that are left out, and ``THIN``, the steps between samples.
    """

    samples: np.ndarray
    log_probability: np.ndarray
    ensemble: np.ndarray
    facts: Mapping[str, Any]


def samples_of_chains(chains: Chains, most: int) -> StoredSamples:
    """Return a chain after its burn-in, thinned evenly to ``most`` samples, about."""
    kept = chains.kept
    every = -(-len(kept) // max(1, most // kept[0, ..., 0].size))
    kept, probability = kept[::every], chains.log_probability[chains.burn :: every]
    steps, ensembles, walkers, k = kept.shape
    return StoredSamples(
        kept.reshape(-1, k), probability.reshape(-1),
        np.tile(np.repeat(np.arange(ensembles, dtype=np.int32), walkers), steps),
        {
            "SAMPLER": "mcmc", "STEPS": chains.steps, "BURN": chains.burn * chains.thin,
            "THIN": every * chains.thin,
        },
    )  # fmt: skip


def samples_of_nested(samples: np.ndarray, log_probability: np.ndarray) -> StoredSamples:
    """Return draws of nested sampling, (n, k) and (n,)."""
    return StoredSamples(
        samples, log_probability, np.zeros(len(samples), np.int32), {"SAMPLER": "nested"}
    )


def no_samples(number: int) -> StoredSamples:
    """Return what there is of a posterior of ``number`` parameters that was not sampled."""
    return StoredSamples(
        np.empty((0, number)), np.empty(0), np.empty(0, np.int32), {"SAMPLER": "none"}
    )


def write_samples(
    path: Path, parameters: Sequence[FitParameter], stored: StoredSamples,
    header: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write samples as a FITS table.

    Columns are the free parameters, ``log_probability`` and ``ensemble``; there are no rows where
    there is no posterior.

    Parameters
    ----------
    path : path
    parameters : sequence of FitParameter
        The k columns of the samples.
    stored : StoredSamples
    header : mapping
        More keywords.
    """
    table = Table()
    for parameter, column in zip(parameters, stored.samples.T, strict=True):
        table[parameter.name] = column
        # what has no unit of astropy, such as a logarithm, is told in the comment
        table[parameter.name].description = parameter.unit or "no unit"
    table["log_probability"], table["ensemble"] = stored.log_probability, stored.ensemble
    table.meta = {**header, **stored.facts}
    with atomic_output(path) as temporary:
        table.write(temporary, format="fits")


def read_samples(path: Path) -> tuple[EqualSamples, np.ndarray]:
    """Return the samples, and ln of their probabilities, of what `write_samples` wrote."""
    table = Table.read(path, format="fits")
    names = [n for n in table.colnames if n not in _SAMPLES_ALONE]
    columns = [np.asarray(table[name], float) for name in names]
    samples = np.column_stack(columns) if len(table) else np.empty((0, len(names)))
    seed = int(table.meta.get("SEED", 0))
    return EqualSamples(tuple(names), samples, seed), np.asarray(table["log_probability"], float)
