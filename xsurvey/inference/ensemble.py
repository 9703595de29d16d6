"""Posteriors sampled with independent ensembles of walkers, until they agree.

The sampler is emcee's (Foreman-Mackey et al. 2013, PASP 125, 306) with moves that advance all
ensembles together (`xsurvey.inference.ensemble_moves`): two calls of the log probability a step,
each with half of all walkers.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import emcee
import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.chain_file import (
    SamplerState,
    current_versions,
    read_checkpoint,
    write_chains,
)
from xsurvey.inference.chains import Chains
from xsurvey.inference.convergence import Verdict, check_steps, judge
from xsurvey.inference.ensemble_moves import ensembles_moves
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.starting import relocate_lost, start_walkers
from xsurvey.io.atomic import remove_leftovers

_LOG = logging.getLogger(__name__)
_START, _MOVES, _RELOCATION = range(3)
# streams of random numbers that start from one seed


def sample_ensembles(
    log_probability: Callable[[np.ndarray], np.ndarray], start: np.ndarray, scale: np.ndarray,
    names: Sequence[str], parameters: MCMCParameters | None = None, seed: int = 0,
    chain_file: str | os.PathLike[str] | None = None, resume: bool = True, problem_key: str = "",
) -> Chains:  # fmt: skip
    """Sample a posterior until it has converged, or up to ``max_steps``.

    Parameters
    ----------
    log_probability : callable
        Ln of the posterior up to a constant, (b, k) to (b,); -inf where it is zero. NaN and
        +inf are taken for -inf, counted, and reported in the warnings.
    start : ndarray, shape (k,)
        The most probable parameters, about.
    scale : ndarray, shape (k,) or (k, k)
        Standard deviations, or the covariance, to start with.
    names : sequence of str
        Of the k parameters.
    parameters : MCMCParameters, optional
    seed : int
        Of all random numbers; with the same seed the chain is the same to the last bit, also if
        it was interrupted in between and resumed.
    chain_file : path, optional
        HDF5 file to write at every check, and to go on from if it is there.
    resume : bool
        Whether to go on from a file that is there; otherwise it is replaced.
    problem_key : str
        What is sampled: a hash of data, model and priors. A file with another one is refused.

    Returns
    -------
    Chains
        With ``converged=False`` and a warning if the stopping conditions were not met.

    Raises
    ------
    InputError
        The file is damaged, or belongs to another problem.
    ParameterError
        The posterior is zero at ``start``, a scale is not positive, there are too few walkers.
    OutputError
        The file cannot be written.
    """
    parameters = parameters or MCMCParameters()
    names = tuple(names)
    try:
        walkers = parameters.walkers_of(len(names))
    except ValueError as error:
        raise ParameterError("walkers", str(error), "give more") from None
    if not names or np.shape(start) != (len(names),) or seed < 0:
        raise ValueError("start must have a value for each of the names, and seed be positive")
    run = _Run(log_probability, names, parameters, walkers, seed, problem_key)
    if chain_file is not None:
        remove_leftovers(chain_file)
    if chain_file is not None and resume and Path(chain_file).exists():
        run.take_up(chain_file)
    else:
        run.begin(start, scale)
    return run.until_converged(chain_file)


@dataclass
class _Run:
    """A chain that grows."""

    log_probability: Callable[[np.ndarray], np.ndarray]
    names: tuple[str, ...]
    parameters: MCMCParameters
    walkers: int
    seed: int
    problem_key: str
    chain: np.ndarray = field(init=False)
    log_probabilities: np.ndarray = field(init=False)
    accepted: np.ndarray = field(init=False)
    state: SamplerState = field(init=False)
    not_a_number: int = 0
    relocated: int = 0
    last_relocation: int = 0
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        return len(self.chain) * self.parameters.thin

    def target(self, theta: np.ndarray) -> np.ndarray:
        """Return ln P with -inf for what is no number, and count these."""
        value = np.array(self.log_probability(theta), float)
        if value.shape != (len(theta),):
            raise ValueError(f"log_probability gave shape {value.shape} for {len(theta)} rows")
        bad = np.isnan(value) | (value == np.inf)
        self.not_a_number += int(bad.sum())
        value[bad] = -np.inf
        return value

    def begin(self, start: np.ndarray, scale: np.ndarray) -> None:
        ensembles = self.parameters.ensembles
        generator = np.random.default_rng((self.seed, _START))
        positions, log_probability = start_walkers(
            self.target, start, scale, ensembles, self.walkers, generator
        )
        key = np.random.SeedSequence((self.seed, _MOVES)).generate_state(624)
        self.state = SamplerState(positions, log_probability, ("MT19937", key, 624, 0, 0.0))
        self.chain = np.empty((0, ensembles, self.walkers, len(self.names)))
        self.log_probabilities = np.empty((0, ensembles, self.walkers))
        self.accepted = np.zeros((ensembles, self.walkers), np.int64)

    def take_up(self, path: str | os.PathLike[str]) -> None:
        old, self.state, versions = read_checkpoint(path)
        ours = {
            "problem": self.problem_key, "parameters": self.names, "seed": self.seed,
            "ensembles": self.parameters.ensembles, "walkers": self.walkers,
            "thin": self.parameters.thin,
        }  # fmt: skip
        theirs = {
            "problem": old.problem_key, "parameters": old.names, "seed": old.seed,
            "ensembles": old.chain.shape[1], "walkers": old.chain.shape[2], "thin": old.thin,
        }  # fmt: skip
        ours["moves"], theirs["moves"] = self.parameters.moves, old.moves
        other = [name for name in ours if ours[name] != theirs[name]]
        if other:
            raise InputError(
                path, f"holds chains of something else ({', '.join(other)} differs)",
                "give another file, or do not resume",
            )  # fmt: skip
        if versions != current_versions():
            self.notes = (f"the chain was begun with {_written(versions)}",)
        self.chain, self.log_probabilities = old.chain, old.log_probability
        self.accepted, self.not_a_number = old.accepted, old.not_a_number
        self.relocated, self.last_relocation = old.relocated, old.last_relocation

    def until_converged(self, path: str | os.PathLike[str] | None) -> Chains:
        checks = list(check_steps(self.parameters))
        verdict = self.judge() if self.steps else None
        for at in checks:
            if at <= self.steps:
                continue
            if verdict is not None and verdict.converged:
                break
            self.advance(at - self.steps)
            if at in _relocating_steps(self.parameters):
                self.relocate()
            verdict = self.judge()
            _LOG.debug("%d steps: %s", at, "; ".join(verdict.failures) or "converged")
            if path is not None and at != checks[-1] and not verdict.converged:
                write_chains(path, self.result(verdict), self.state)
        if verdict is None or "r_hat" not in verdict.diagnostics:
            verdict = self.judge(complete=True)
        result = self.result(verdict)
        if path is not None:
            write_chains(path, result, self.state)
        return result

    def advance(self, steps: int) -> None:
        """Make steps and store one in ``thin``."""
        thin, ensembles = self.parameters.thin, self.parameters.ensembles
        total, k = self.state.positions.shape
        chain, log_probabilities, accepted = [], [], np.zeros(total, np.int64)
        moves = ensembles_moves(self.parameters.moves, ensembles, accepted)
        sampler = emcee.EnsembleSampler(total, k, self.target, vectorize=True, moves=moves)
        # emcee's wrapper prints all positions and a traceback when it is interrupted
        sampler.log_prob_fn = self.target
        state = emcee.State(
            self.state.positions, log_prob=self.state.log_probability,
            random_state=self.state.random_state,
        )  # fmt: skip
        for new in sampler.sample(
            state, iterations=steps // thin, thin_by=thin, store=False,
            skip_initial_state_check=True,
        ):  # fmt: skip
            chain.append(new.coords)
            log_probabilities.append(new.log_prob)
            state = new
        shape = (len(chain), ensembles, self.walkers)
        self.chain = np.concatenate([self.chain, np.reshape(chain, (*shape, k))])
        self.log_probabilities = np.concatenate(
            [self.log_probabilities, np.reshape(log_probabilities, shape)]
        )
        self.accepted = self.accepted + accepted.reshape(shape[1:])
        self.state = SamplerState(state.coords, state.log_prob, sampler.random_state)

    def relocate(self) -> None:
        """Put lost walkers back, see `relocate_lost`."""
        generator = np.random.default_rng((self.seed, _RELOCATION, self.steps))
        shape = self.chain.shape[1:]
        positions, log_probability, lost = relocate_lost(
            self.target, self.state.positions.reshape(shape),
            self.state.log_probability.reshape(shape[:2]),
            self.log_probabilities[len(self.chain) // 2 :], generator,
        )  # fmt: skip
        if lost:
            self.state = SamplerState(
                positions.reshape(-1, shape[-1]), log_probability.ravel(), self.state.random_state
            )
            self.relocated += lost
            self.last_relocation = len(self.chain)

    def judge(self, complete: bool = False) -> Verdict:
        return judge(self.chain, self.names, self.parameters, self.last_relocation, complete)

    def result(self, verdict: Verdict) -> Chains:
        warnings = list(self.notes)
        if not verdict.converged:
            warnings.append(
                f"not converged after {self.steps} steps: {', '.join(verdict.failures)}"
            )
        if self.not_a_number:
            warnings.append(
                f"{self.not_a_number} evaluations gave no number and were taken as impossible"
            )
        diagnostics: dict[str, Any] = dict(verdict.diagnostics)
        diagnostics["acceptance"] = float(self.accepted.mean() / max(self.steps, 1))
        return Chains(
            names=self.names, chain=self.chain, log_probability=self.log_probabilities,
            accepted=self.accepted, burn=verdict.burn, thin=self.parameters.thin, seed=self.seed,
            moves=self.parameters.moves, converged=verdict.converged, warnings=tuple(warnings),
            diagnostics=diagnostics, not_a_number=self.not_a_number, relocated=self.relocated,
            last_relocation=self.last_relocation, problem_key=self.problem_key,
        )  # fmt: skip


def _relocating_steps(parameters: MCMCParameters) -> tuple[int, int]:
    """Return the first two checks of a run that is long enough to have them."""
    return parameters.check_every, 2 * parameters.check_every


def _written(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
