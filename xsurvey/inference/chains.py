"""What a sampler leaves: positions of walkers, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xsurvey.inference.posterior_samples import drawn_of


@dataclass(frozen=True)
class Chains:
    """Posterior samples of independent ensembles of walkers.

    Attributes
    ----------
    names : tuple of str
        The k parameters.
    chain : ndarray, shape (step, ensemble, walker, parameter)
        Positions, one in ``thin`` steps.
    log_probability : ndarray, shape (step, ensemble, walker)
        Ln of the posterior, up to a constant.
    accepted : ndarray, shape (ensemble, walker)
        Number of accepted proposals of each walker.
    burn : int
        Stored steps at the beginning that are not used.
    thin : int
        Steps between stored ones.
    seed : int
        Of the random numbers.
    moves : str
        How the walkers moved, see `MCMCParameters`.
    converged : bool
        All of the stopping conditions were met.
    warnings : tuple of str
        What a reader of the result must know.
    diagnostics : dict
        ``r_hat``, ``ess_bulk``, ``ess_tail``, ``autocorrelation_time`` (in steps), lists with an
        entry a parameter; and ``acceptance``.
    not_a_number : int
        Evaluations that gave NaN or +inf, and were taken as impossible.
    relocated : int
        Walkers lost in improbable places that were put back to their ensemble, before ``burn``.
    last_relocation : int
        The stored step of the last of these.
    problem_key : str
        What was sampled, as the caller names it.
    """

    names: tuple[str, ...]
    chain: np.ndarray
    log_probability: np.ndarray
    accepted: np.ndarray
    burn: int
    thin: int
    seed: int
    moves: str = "mixed"
    converged: bool = False
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = field(default_factory=dict)
    not_a_number: int = 0
    relocated: int = 0
    last_relocation: int = 0
    problem_key: str = ""

    @property
    def steps(self) -> int:
        """Steps that were made, the burn-in included."""
        return len(self.chain) * self.thin

    @property
    def kept(self) -> np.ndarray:
        """Positions after burn-in, shape (step, ensemble, walker, parameter)."""
        return self.chain[self.burn :]

    @property
    def samples(self) -> np.ndarray:
        """Positions after burn-in as a list, shape (n, k)."""
        return self.kept.reshape(-1, len(self.names))

    @property
    def best(self) -> np.ndarray:
        """The most probable position that was met, shape (k,)."""
        at = np.unravel_index(np.argmax(self.log_probability), self.log_probability.shape)
        return self.chain[at]

    @property
    def acceptance(self) -> np.ndarray:
        """Fraction of accepted proposals of each walker, shape (ensemble, walker)."""
        return self.accepted / max(self.steps, 1)

    def draws(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``n`` samples drawn at random without replacement where there are so many."""
        return drawn_of(self.samples, n, generator)
