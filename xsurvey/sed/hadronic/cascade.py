r"""Pairs that gamma rays make in a sphere, and the gamma rays that these pairs make there.

Generations follow one another: photons that do not leave become pairs, pairs cool and radiate in
the field, and of their photons those that do not leave become pairs again. As in Boettcher et al.
(2013, ApJ 768, 54) it is a steady state, linear in what is injected, and approximate in this:

- photons that absorb are given; those that the cascade makes are no targets;
- a pair shares the energy of its photon in one ratio, .9 to .1, and one of less than m_e c^2 is
  left out;
- pairs lose energy by what `Losses` says, and emit synchrotron photons alone;
- synchrotron emission is classical, right while gamma B is far below 4.4e13 G.

Other than there, the emission of an electron is the exact classical one, and the part that leaves
that of a homogeneous sphere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY, PLANCK
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.cooling import Losses, source_at_nodes, steady_state
from xsurvey.sed.radiation.synchrotron import SynchrotronKernel, gyrofrequency
from xsurvey.sed.spectrum_interpolation import LogSpectra

SHARE = 0.9
"""Part of the photon's energy that one of the pair has."""
_ENOUGH = 1e-4  # of the injected power: a generation that is less is the last
_KEPT = 0.98  # of the emitted power is within the grid of photons
_MOST = 60  # generations
_LOWEST_X, _HIGHEST_X = 1e-2, 100.0  # nu / nu_B, and that over the square of the largest gamma


@dataclass(frozen=True)
class Cascade:
    """What a cascade is made of in the steady state.

    Attributes
    ----------
    pairs : ndarray, shape (b, g)
        Electrons and positrons per cm3 and unit of gamma.
    photons : ndarray, shape (b, s)
        Photons that pairs make, per cm3, s, and unit of eps, before any is absorbed.
    generations : int
        Of pairs.
    """

    pairs: np.ndarray
    photons: np.ndarray
    generations: int


class PairCascade:
    """Cascades on two grids.

    Parameters
    ----------
    pairs : LogGrid
        Lorentz factors.
    photons : LogGrid
        Energies in m_e c^2.
    """

    def __init__(self, pairs: LogGrid, photons: LogGrid) -> None:
        self.pairs, self.photons = pairs, photons
        top = float(pairs.nodes[-1])
        self._x = LogGrid(_LOWEST_X, _HIGHEST_X * top**2, pairs.per_decade)
        self._synchrotron = SynchrotronKernel(pairs, self._x)
        # photons of gamma / share, for each of both: d eps / d gamma is 1 / share
        self._parents = [(pairs.ln - math.log(part), 1 / part) for part in (SHARE, 1 - SHARE)]

    def solve(
        self, pairs: np.ndarray, photons: np.ndarray, leaving: np.ndarray, losses: Losses,
        b: np.ndarray,
    ) -> Cascade:  # fmt: skip
        """Return the steady state.

        Parameters
        ----------
        pairs : ndarray, shape (b, g)
            Electrons and positrons that are injected, per cm3, s, and unit of gamma.
        photons : ndarray, shape (b, s)
            Photons that are injected, per cm3, s, and unit of eps.
        leaving : ndarray, shape (b, s)
            What part of photons leaves the sphere, as `opacity.attenuation`.
        losses : Losses
            Of pairs, with those by the synchrotron emission in the field.
        b : ndarray, shape (b,)
            Field in G.

        Raises
        ------
        ValueError
            Pairs emit beyond the grid of photons.
        RuntimeError
            Generations do not become less.
        """
        absorbed = 1 - leaving
        injected = self._power(pairs, photons)
        density, made = np.zeros_like(pairs), np.zeros_like(photons)
        born = pairs + self.made_by(photons * absorbed)
        for generation in range(1, _MOST + 1):
            now = steady_state(
                [source_at_nodes(self.pairs, born)], losses,
                np.broadcast_to(self.pairs.ln, born.shape),
            )  # fmt: skip
            emitted = self._emission(now, b)
            density, made = density + now, made + emitted
            born = self.made_by(emitted * absorbed)
            if (self._power(born, 0 * photons) <= _ENOUGH * injected).all():
                return Cascade(density, made, generation)
        raise RuntimeError(f"the cascade of pairs does not end after {_MOST} generations")

    def made_by(self, photons: np.ndarray) -> np.ndarray:
        """Return pairs of absorbed photons, both signs, (b, s) to (b, g), as `solve` has them."""
        # by the logarithm, with a shape that is as smooth as the photons' energy
        per_ln = photons * self.photons.nodes**2
        result = np.zeros((len(photons), len(self.pairs)))
        low, high = self.photons.ln[[0, -1]]
        for ln_parent, slope in self._parents:
            inside = (ln_parent >= low) & (ln_parent <= high)
            place = np.broadcast_to(np.clip(ln_parent, low, high), result.shape)
            energy = np.maximum(self.photons.interpolate(per_ln, place), 0)
            result += np.where(inside, energy * np.exp(-2 * ln_parent) * slope, 0)
        return result

    def _emission(self, density: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return synchrotron photons of pairs, per cm3, s, and eps, (b, s)."""
        numbers = density * self.pairs.nodes * self.pairs.step
        by_x = self._synchrotron.emissivity(numbers, b)
        ln_nu = self.photons.ln + math.log(FREQUENCY_OF_REST_ENERGY)
        ln_x = ln_nu - np.log(gyrofrequency(b))[:, None]
        emissivity = LogSpectra(self._x, by_x)(ln_x) * (by_x.max(axis=1) > 0)[:, None]
        kept = (emissivity * np.exp(ln_x)).sum(axis=1) * self.photons.step
        if (kept < _KEPT * (by_x @ self._x.nodes) * self._x.step).any():
            raise ValueError("pairs emit beyond the grid of photons")
        result: np.ndarray = emissivity / (PLANCK * self.photons.nodes)
        return result

    def _power(self, pairs: np.ndarray, photons: np.ndarray) -> np.ndarray:
        """Return the power per volume in m_e c^2, shape (b,)."""
        by_pairs = pairs @ self.pairs.nodes**2 * self.pairs.step
        total: np.ndarray = by_pairs + photons @ self.photons.nodes**2 * self.photons.step
        return total
