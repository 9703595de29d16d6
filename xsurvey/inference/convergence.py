"""When a chain is long enough, and what to say when it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.inference.diagnostics import autocorrelation_time, effective_sizes, r_hat
from xsurvey.inference.mcmc_parameters import MCMCParameters


@dataclass(frozen=True)
class Verdict:
    """What was found at a check.

    Attributes
    ----------
    burn : int
        Stored steps to leave out.
    failures : tuple of str
        Conditions that are not met; none if the chain has converged.
    diagnostics : dict
        See `Chains.diagnostics`; what was not computed is absent.
    """

    burn: int
    failures: tuple[str, ...]
    diagnostics: dict[str, Any]

    @property
    def converged(self) -> bool:
        """Whether all conditions are met."""
        return not self.failures


def check_steps(parameters: MCMCParameters) -> Iterator[int]:
    """Yield the numbers of steps after which the chain is looked at, in increasing order.

    They are the same for a run that was interrupted, which is why it stops where the other does.
    """
    every, limit = parameters.check_every, parameters.max_steps
    limit -= limit % parameters.thin
    at = every
    while at < limit:
        yield at
        at += max(every, at // 4 // every * every)
    if limit:
        yield limit


def judge(
    chain: np.ndarray, names: Sequence[str], parameters: MCMCParameters, last_relocation: int = 0,
    complete: bool = False,
) -> Verdict:  # fmt: skip
    """Choose the burn-in and see whether the rest has converged.

    The burn-in is ``burn_factor`` autocorrelation times of the second half of the chain, at most
    that half. The rest has converged when it is long enough, its ensembles agree, and its
    effective sizes suffice.

    Parameters
    ----------
    chain : ndarray, shape (step, ensemble, walker, k)
    names : sequence of str
    parameters : MCMCParameters
    last_relocation : int
        Stored step before which walkers were put elsewhere; burn-in in any case.
    complete : bool
        Compute R-hat and effective sizes even of chains that are too short.
    """
    steps, thin = len(chain), parameters.thin
    late = autocorrelation_time(chain[steps // 2 :])
    guess = parameters.burn_factor * np.max(late) if np.all(np.isfinite(late)) else np.inf
    burn = max(int(min(np.ceil(guess), steps // 2)), min(last_relocation, steps))
    kept = chain[burn:]
    times = autocorrelation_time(kept)
    diagnostics: dict[str, Any] = {"autocorrelation_time": _listed(times * thin)}
    failures = []
    if steps * thin < parameters.min_steps:
        failures.append(f"{steps * thin} of at least {parameters.min_steps} steps")
    failures += _too_short(kept, times, names, parameters)
    if not failures or complete:
        hat, (bulk, tail) = r_hat(kept), effective_sizes(kept)
        diagnostics |= {"r_hat": _listed(hat), "ess_bulk": _listed(bulk), "ess_tail": _listed(tail)}
        failures += _worst(hat, names, parameters.r_hat_limit, "R-hat", 1)
        failures += _worst(bulk, names, parameters.min_ess, "effective size in the bulk", -1)
        failures += _worst(tail, names, parameters.min_ess, "effective size in the tails", -1)
    return Verdict(burn, tuple(failures), diagnostics)


def _too_short(
    kept: np.ndarray, times: np.ndarray, names: Sequence[str], parameters: MCMCParameters
) -> list[str]:
    if not np.all(np.isfinite(times)):
        still = int(np.sum(np.all(np.ptp(kept, axis=0) == 0, axis=-1))) if len(kept) else 0
        return [f"{still} walkers never moved" if still else "too few steps to tell"]
    slowest = int(np.argmax(times))
    length = len(kept) / times[slowest]
    if length >= parameters.autocorrelation_factor:
        return []
    return [
        f"{length:.0f} of {parameters.autocorrelation_factor:g} autocorrelation times of "
        f"{names[slowest]}"
    ]


def _worst(
    values: np.ndarray, names: Sequence[str], limit: float, what: str, sign: int
) -> list[str]:
    bad = ~(sign * values <= sign * limit)
    if not bad.any():
        return []
    if np.isnan(values).any():
        return [f"{what} of {names[int(np.argmax(np.isnan(values)))]} is unknown"]
    worst = int(np.argmax(sign * values))
    return [f"{what} {values[worst]:.4g} of {names[worst]} (limit {limit:g})"]


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
