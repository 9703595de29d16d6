"""Moves of several independent ensembles, all proposed and evaluated together.

emcee advances one ensemble. Here the walkers of E ensembles are the rows of one array, ensemble
after ensemble, and a walker is moved along lines through walkers of its own ensemble only: E
independent chains whose proposals are one batch for the likelihood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from emcee.moves import Move
from emcee.state import State


class _EnsemblesMove(Move, ABC):  # type: ignore[misc]  # emcee has no types
    """Propose for one half of each ensemble from the other half (Foreman-Mackey et al. 2013)."""

    def __init__(self, ensembles: int, counts: np.ndarray) -> None:
        self.ensembles = ensembles
        self.counts = counts

    def propose(self, model: Any, state: State) -> tuple[State, np.ndarray]:
        """Return the state after one step and which walkers have moved.

        Parameters
        ----------
        model : emcee.model.Model
            The log probability and the random generator.
        state : emcee.State
            Coordinates of shape (E * W, k).
        """
        coords, log_prob = state.coords.copy(), state.log_prob.copy()
        total, k = coords.shape
        walkers = total // self.ensembles
        order = np.argsort(model.random.random_sample((self.ensembles, walkers)), axis=1)
        order += walkers * np.arange(self.ensembles)[:, None]
        halves = order[:, : walkers // 2], order[:, walkers // 2 :]
        accepted = np.zeros(total, bool)
        for moving, fixed in (halves, halves[::-1]):
            proposed, log_factor = self.proposal(coords[moving], coords[fixed], model.random)
            rows = moving.ravel()
            new, _ = model.compute_log_prob_fn(proposed.reshape(-1, k))
            with np.errstate(divide="ignore"):
                threshold = np.log(model.random.random_sample(len(rows)))
            good = log_factor.ravel() + new - log_prob[rows] > threshold
            coords[rows[good]] = proposed.reshape(-1, k)[good]
            log_prob[rows[good]] = new[good]
            accepted[rows[good]] = True
        self.counts += accepted
        return State(coords, log_prob=log_prob), accepted

    @abstractmethod
    def proposal(
        self, moving: np.ndarray, fixed: np.ndarray, random: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return new places (E, n, k) of walkers and ln of the proposals' weight (E, n)."""


class EnsemblesStretch(_EnsemblesMove):
    """The stretch move of Goodman & Weare (2010), with their a = 2."""

    def proposal(
        self, moving: np.ndarray, fixed: np.ndarray, random: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stretch the line to another walker."""
        ensembles, n, k = moving.shape
        z = (random.random_sample((ensembles, n)) + 1) ** 2 / 2
        chosen = random.randint(fixed.shape[1], size=(ensembles, n))
        partner = np.take_along_axis(fixed, chosen[..., None], axis=1)
        return partner + z[..., None] * (moving - partner), (k - 1) * np.log(z)


class EnsemblesDifferential(_EnsemblesMove):
    """Differential evolution (ter Braak 2006): the difference of two others is added."""

    def proposal(
        self, moving: np.ndarray, fixed: np.ndarray, random: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Move along the difference of two walkers of the other half."""
        ensembles, n, k = moving.shape
        others = fixed.shape[1]
        first = random.randint(others, size=(ensembles, n))
        second = (first + 1 + random.randint(others - 1, size=(ensembles, n))) % others
        difference = np.take_along_axis(fixed, first[..., None], axis=1) - np.take_along_axis(
            fixed, second[..., None], axis=1
        )
        # the optimal step for a Gaussian, with the scatter that keeps the chain irreducible
        gamma = 2.38 / np.sqrt(2 * k) * (1 + 1e-3 * random.standard_normal((ensembles, n)))
        return moving + gamma[..., None] * difference, np.zeros((ensembles, n))


def ensembles_moves(kind: str, ensembles: int, counts: np.ndarray) -> list[tuple[Move, float]]:
    """Return emcee's list of moves and their weights.

    Parameters
    ----------
    kind : str
        ``stretch``, ``differential`` or ``mixed``.
    ensembles : int
    counts : ndarray of int, shape (E * W,)
        Accepted proposals of each walker are added here.
    """
    weights = {"stretch": (1.0, 0.0), "differential": (0.0, 1.0), "mixed": (0.25, 0.75)}[kind]
    moves = EnsemblesStretch(ensembles, counts), EnsemblesDifferential(ensembles, counts)
    return [(m, w) for m, w in zip(moves, weights, strict=True) if w]
