r"""Posteriors with gradients sampled by Hamiltonian Monte Carlo, all chains in one batch.

Positions move by leapfrog steps in the force of the posterior's gradient (Duane et al. 1987,
Phys. Lett. B 195, 216; Neal 2011, Handbook of MCMC, chapter 5). Coordinates are first made round
with a covariance: the given one, then that of the chains during warm-up. The length of a leap is
adapted to an acceptance by dual averaging (Hoffman & Gelman 2014, JMLR 15, 1593, section 3.2); the
length of a trajectory is drawn anew for each step about a quarter of the period of a round
Gaussian, so that none of its directions comes back to where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.chains import Chains
from xsurvey.inference.diagnostics import diagnose
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters

Target = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From positions (b, k) to ln of the posterior (b,), -inf where it is zero, and gradients."""

_TRAJECTORY = np.pi / 2
_MOST_LEAPS = 64
_SHRINKAGE = 10.0  # pseudo-samples of the former covariance in the adapted one
_LOST = 10.0
# ln of the posterior below the median by this and the number of parameters is not its bulk
_DIVERGENT = 1000.0  # loss of ln probability along a trajectory that is no longer followed


def sample_hamiltonian(
    target: Target, start: np.ndarray, covariance: np.ndarray, names: Sequence[str],
    parameters: HamiltonianParameters | None = None, seed: int = 0,
    judged: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Chains:  # fmt: skip
    """Sample a posterior until its chains agree, or up to ``max_steps``.

    Parameters
    ----------
    target : callable
        Ln of the posterior up to a constant, and its gradient: (b, k) to (b,) and (b, k).
    start : ndarray, shape (k,)
        The most probable parameters, about.
    covariance : ndarray, shape (k, k)
        Of the posterior there, about.
    names : sequence of str
        Of the k parameters.
    parameters : HamiltonianParameters, optional
    seed : int
        Of all random numbers.
    judged : callable, optional
        From positions (s, c, k) to quantities (s, c, q) whose convergence is looked at besides that
        of the parameters.

    Returns
    -------
    Chains
        Chains are ensembles of one walker. ``diagnostics`` has ``r_hat``, ``ess_bulk`` and
        ``ess_tail`` of the parameters, then of what is judged; ``leap``, ``acceptance`` and
        ``divergent``, the number of trajectories that left the posterior by numerical error.
        With ``converged=False`` and a warning if the stopping conditions were not met.

    Raises
    ------
    ParameterError
        The posterior is zero at ``start``, or the covariance is not positive.
    """
    parameters = parameters or HamiltonianParameters()
    sampler = _Sampler(target, start, covariance, parameters, np.random.default_rng(seed))
    sampler.warm_up()
    chain, log_probability = np.empty((0, parameters.chains, len(start))), []
    steps, verdict = parameters.min_steps, None
    accepted, divergent = np.zeros(parameters.chains, np.int64), 0
    while True:
        parts = [chain]
        for _ in range(steps - len(chain)):
            moved, lost = sampler.step()
            accepted, divergent = accepted + moved, divergent + lost
            parts.append(sampler.position[None].copy())
            log_probability.append(sampler.log_probability.copy())
        chain = np.concatenate(parts)
        verdict = _judge(chain, judged, parameters)
        if not verdict[1] or steps >= parameters.max_steps:
            break
        steps = min(2 * steps, parameters.max_steps)
    diagnostics, failures = verdict
    diagnostics |= {
        "acceptance": float(accepted.mean() / steps),
        "leap": sampler.leap,
        "divergent": divergent,
    }
    warnings = [f"not converged after {steps} steps: {', '.join(failures)}"] if failures else []
    return Chains(
        names=tuple(names), chain=chain[:, :, None, :],
        log_probability=np.array(log_probability)[:, :, None], accepted=accepted[:, None], burn=0,
        thin=1, seed=seed, moves="hamiltonian", converged=not failures, warnings=tuple(warnings),
        diagnostics=diagnostics,
    )  # fmt: skip


class _Sampler:
    """Positions of the chains, and how they move."""

    def __init__(
        self, target: Target, start: np.ndarray, covariance: np.ndarray,
        parameters: HamiltonianParameters, generator: np.random.Generator,
    ) -> None:  # fmt: skip
        self.target, self.parameters, self.generator = target, parameters, generator
        self._shape(covariance)
        self.leap = 0.5
        chains = parameters.chains
        self.position = np.repeat(np.asarray(start, float)[None], chains, axis=0)
        self.log_probability, self.gradient = self._evaluate(self.position)
        if not np.all(np.isfinite(self.log_probability)):
            raise ParameterError("start of the chains", "has no probability", "give another start")
        self._disperse()

    def _shape(self, covariance: np.ndarray) -> None:
        self.covariance = np.asarray(covariance, float)
        try:
            self.root = np.linalg.cholesky(self.covariance)
        except np.linalg.LinAlgError:
            raise ParameterError(
                "covariance", "of the chains is not positive", "give variances"
            ) from None

    def _disperse(self) -> None:
        """Begin with draws from the Gaussian, nearer to its centre where it is far off.

        Half the number of parameters is what ln of the posterior loses on average. From where the
        posterior is much smaller, and steeper, leaps of the right length lead nowhere.
        """
        centre, k = self.position, self.position.shape[1]
        offset = self.generator.standard_normal(self.position.shape) @ self.root.T
        for _ in range(20):
            log_probability, _ = self._evaluate(centre + offset)
            far = ~(log_probability > self.log_probability - k - 5)
            if not far.any():
                break
            offset[far] /= 2
        offset[far] = 0.0
        self.position = centre + offset
        self.log_probability, self.gradient = self._evaluate(self.position)

    def _evaluate(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probability, gradient = self.target(position)
        impossible = ~(np.isfinite(log_probability) & np.all(np.isfinite(gradient), axis=1))
        return (
            np.where(impossible, -np.inf, log_probability),
            np.where(impossible[:, None], 0.0, gradient),
        )

    def warm_up(self) -> None:
        """Adapt the leap, the covariance, and the leap again."""
        steps = self.parameters.warmup
        self._adapt(steps // 4)
        for part in (steps // 4, steps // 4):
            self._relocate()
            positions = self._adapt(part).reshape(-1, self.position.shape[1])
            n = len(positions)
            found = np.cov(positions, rowvar=False).reshape(self.covariance.shape)
            self._shape((n * found + _SHRINKAGE * self.covariance) / (n + _SHRINKAGE))
        self._relocate()
        self._adapt(steps - 3 * (steps // 4))

    def _relocate(self) -> None:
        """Put chains that are stuck where nothing is probable to where another one is."""
        typical = np.median(self.log_probability)
        lost = self.log_probability < typical - self.position.shape[1] - _LOST
        if not lost.any():
            return
        chosen = self.generator.choice(np.flatnonzero(~lost), int(lost.sum()))
        for values in (self.position, self.log_probability, self.gradient):
            values[lost] = values[chosen]

    def _adapt(self, steps: int) -> np.ndarray:
        """Make steps while the leap is adapted; return the positions (steps, c, k)."""
        centre, mean_error, averaged = np.log(2 * self.leap), 0.0, 0.0
        positions = np.empty((steps, *self.position.shape))
        for t in range(1, steps + 1):
            acceptance, _ = self._move()
            positions[t - 1] = self.position
            # constants of Hoffman & Gelman: gamma .05, t0 10, kappa .75
            mean_error += (self.parameters.acceptance - acceptance.mean() - mean_error) / (t + 10)
            log_leap = centre - np.sqrt(t) / 0.05 * mean_error
            # a round Gaussian is unstable above 2
            log_leap = float(np.clip(log_leap, np.log(1e-3), np.log(1.8)))
            averaged += t**-0.75 * (log_leap - averaged)
            self.leap = float(np.exp(log_leap))
        self.leap = float(np.exp(averaged))
        return positions

    def step(self) -> tuple[np.ndarray, int]:
        """Move all chains once; return which moved and how many trajectories diverged."""
        before = self.position
        _, divergent = self._move()
        return np.any(self.position != before, axis=1), divergent

    def _move(self) -> tuple[np.ndarray, int]:
        length = _TRAJECTORY * self.generator.uniform(0.5, 1.5)
        leap = self.leap * self.generator.uniform(0.9, 1.1)
        leaps = int(np.clip(round(length / leap), 1, _MOST_LEAPS))
        momentum = self.generator.standard_normal(self.position.shape)
        energy = self.log_probability - (momentum**2).sum(axis=1) / 2
        position, gradient = self.position, self.gradient
        for i in range(leaps):
            half = 0.5 if i == 0 else 1.0
            momentum = momentum + half * leap * (gradient @ self.root)
            position = position + leap * (momentum @ self.root.T)
            log_probability, gradient = self._evaluate(position)
        momentum = momentum + 0.5 * leap * (gradient @ self.root)
        with np.errstate(invalid="ignore", over="ignore"):
            gain = log_probability - (momentum**2).sum(axis=1) / 2 - energy
        gain = np.where(np.isnan(gain), -np.inf, gain)
        acceptance = np.exp(np.minimum(gain, 0.0))
        accept = self.generator.random(len(gain)) < acceptance
        self.position = np.where(accept[:, None], position, self.position)
        self.gradient = np.where(accept[:, None], gradient, self.gradient)
        self.log_probability = np.where(accept, log_probability, self.log_probability)
        return acceptance, int(np.sum(gain < -_DIVERGENT))


def _judge(
    chain: np.ndarray, judged: Callable[[np.ndarray], np.ndarray] | None,
    parameters: HamiltonianParameters,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """Return diagnostics, and the conditions that are not met."""
    values = chain if judged is None else np.concatenate((chain, judged(chain)), axis=-1)
    found = diagnose(values[:, :, None, :])
    failures = []
    hat, bulk, tail = found["r_hat"], found["ess_bulk"], found["ess_tail"]
    if not np.all(hat <= parameters.r_hat_limit):
        failures.append(f"R-hat {np.max(hat):.4g} (limit {parameters.r_hat_limit:g})")
    for name, sizes in (("bulk", bulk), ("tails", tail)):
        if not np.all(sizes >= parameters.min_ess):
            failures.append(
                f"effective size in the {name} {np.min(sizes):.4g} (limit {parameters.min_ess:g})"
            )
    listed = {
        name: [float(v) if np.isfinite(v) else None for v in value]
        for name, value in found.items() if name != "autocorrelation_time"
    }  # fmt: skip
    return listed, failures
