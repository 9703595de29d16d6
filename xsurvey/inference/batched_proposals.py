"""New live points for dynesty, many at a time, so that likelihoods are evaluated in batches.

dynesty asks its pool of workers for as many proposals as its queue holds. `Batches` stands in for
that pool: it makes them together, as rows of arrays. Proposals are uniform above the likelihood
at which the queue was filled; dynesty passes over those that are below it when their turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from dynesty.internal_samplers import RWalkSampler, SamplerReturn, UnitCubeSampler

_DRAWS = 256  # at once, of uniform ones


class EvaluationsSpent(Exception):
    """As many likelihoods were computed as were allowed."""


class Proposals(RWalkSampler):  # type: ignore[misc]
    """Uniform draws within the bound while they are cheaper than random walks, then these.

    Parameters
    ----------
    **settings
        Those of dynesty's random walks (`walks` steps, `ncdim` parameters); and `uniform` and
        `may_walk`, which of the two may be used.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.sampler_kwargs |= {name: settings[name] for name in ("uniform", "may_walk")}

    @property
    def update_bound_interval_ratio(self) -> int:
        """Evaluations for each live point after which the bound is made anew."""
        return 1

    def prepare_sampler(self, **settings: Any) -> list[Any]:
        """Add the bound to what dynesty tells of proposals that it asks for."""
        self.sampler_kwargs["bound"] = settings["nested_sampler"].bound
        return super().prepare_sampler(**settings)

    def tune(self, tuning_info: Any, update: bool = True) -> None:
        """Adapt the length of steps to what was accepted, of walks only."""
        if tuning_info["accept"] + tuning_info["reject"]:
            super().tune(tuning_info, update=update)

    @staticmethod
    def sample(arguments: Any) -> Any:
        """Not of use: `Batches` makes proposals."""
        raise NotImplementedError("proposals are made in batches")


class Batches:
    """What dynesty takes for a pool of workers.

    Parameters
    ----------
    target : callable
        Ln L, (b, k) to (b,), finite.
    transform : callable
        From the unit cube to parameters, (b, k) to (b, k).
    generator : Generator
    limit : int
        Evaluations after which `EvaluationsSpent` is raised.
    """

    def __init__(
        self, target: Callable[[np.ndarray], np.ndarray],
        transform: Callable[[np.ndarray], np.ndarray], generator: np.random.Generator, limit: int,
    ) -> None:  # fmt: skip
        self.target, self.transform = target, transform
        self.generator, self.limit, self.spent = generator, limit, 0
        self.walking = False

    def map(self, function: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
        """Return what the function gives for each argument, of proposals all at once."""
        self._check()
        arguments = list(arguments)
        if function is UnitCubeSampler.sample:
            k = arguments[0].kwargs["ndim"]
            return self._uniform(arguments, lambda n: self.generator.random((n, k)), patient=True)
        if function is not Proposals.sample:
            return [function(argument) for argument in arguments]
        settings = arguments[0].kwargs
        if settings["may_walk"] and (self.walking or not settings["uniform"]):
            return self._walks(arguments)
        bound = settings["bound"]
        return self._uniform(
            arguments, lambda n: np.atleast_2d(bound.samples(n, rstate=self.generator)),
            patient=not settings["may_walk"],
        )  # fmt: skip

    def _check(self) -> None:
        if self.spent >= self.limit:
            raise EvaluationsSpent

    def _evaluate(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = np.asarray(self.transform(cube), float)
        self.spent += len(cube)
        return theta, self.target(theta)

    def _uniform(
        self, arguments: list[Any], draw: Callable[[int], np.ndarray], patient: bool
    ) -> list[Any]:
        """Draw until there are enough above the threshold; walk on if that costs more."""
        wanted, threshold = len(arguments), arguments[0].loglstar
        found: list[tuple[np.ndarray, np.ndarray, float]] = []
        tried = drawn = 0
        while len(found) < wanted:
            cube = draw(_DRAWS)
            drawn += _DRAWS
            cube = cube[np.all((cube > 0) & (cube < 1), axis=1)]
            if len(cube):
                theta, value = self._evaluate(cube)
                tried += len(cube)
                good = value > threshold
                found += zip(cube[good], theta[good], value[good], strict=True)
            if not patient and drawn > arguments[0].kwargs["walks"] * max(len(found), 10):
                self.walking = True
                return self._walks(arguments)
            self._check()
        each = max(1, tried // len(found))
        idle = {"accept": 0, "reject": 0, "scale": arguments[0].scale}
        return [_proposal(*row, each, idle) for row in found[:wanted]]

    def _walks(self, arguments: list[Any]) -> list[Any]:
        """Walk from live points, all chains a step at a time."""
        first = arguments[0]
        cube = np.array([a.u for a in arguments])
        axes = first.scale * np.array([a.axes for a in arguments])
        (n, k), steps = cube.shape, first.kwargs["walks"]
        theta, value = np.empty_like(cube), np.empty(n)
        accepted = np.zeros(n, int)
        for _ in range(steps):
            ball = self.generator.standard_normal((n, k))
            ball *= (self.generator.random(n) ** (1 / k) / np.linalg.norm(ball, axis=1))[:, None]
            trial = cube + np.einsum("nij,nj->ni", axes, ball)
            inside = np.flatnonzero(np.all((trial > 0) & (trial < 1), axis=1))
            if not len(inside):
                continue
            at, found = self._evaluate(trial[inside])
            good = found > first.loglstar
            moved = inside[good]
            cube[moved], theta[moved], value[moved] = trial[moved], at[good], found[good]
            accepted[moved] += 1
        if len(still := np.flatnonzero(accepted == 0)):
            theta[still], value[still] = self._evaluate(cube[still])
        return [
            _proposal(
                cube[i], theta[i], float(value[i]), steps,
                {"accept": accepted[i], "reject": steps - accepted[i], "scale": first.scale},
            )
            for i in range(n)
        ]  # fmt: skip


def _proposal(
    cube: np.ndarray, theta: np.ndarray, value: float, evaluations: int, tuning: dict[str, Any]
) -> Any:
    return SamplerReturn(
        u=cube, v=theta, logl=float(value), ncalls=evaluations, tuning_info=tuning,
        evaluation_history=[], proposal_stats={},
    )  # fmt: skip
