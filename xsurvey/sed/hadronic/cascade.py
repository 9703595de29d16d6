r"""Pairs that gamma rays make in a sphere, and the gamma rays that these pairs make there.

Generations follow one another: photons that do not leave become pairs, pairs cool and radiate in
the field, and of their photons those that do not leave become pairs again. As in Boettcher et al.
(2013, ApJ 768, 54) it is a steady state, linear in what is injected, and approximate in this:

- photons that absorb are given; those that the cascade makes are no targets;
- a pair shares the energy of its photon in one ratio, .9 to .1, and one of less than m_e c^2 is
  left out;
- pairs lose energy by what `Losses` says, and emit synchrotron photons alone;
- synchrotron emission is classical, right while gamma B is far below 4.4e13 G. Photons of more
  than m_e c^2 times 4.4e13 G / B, which would have more energy than the electrons that emit them,
  are taken for as many about .4 of that energy as keep the power.

Other than there, the emission of an electron is the exact classical one, and the part that leaves
that of a homogeneous sphere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY, GYROFREQUENCY, PLANCK
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.cooling import Losses, SteadyStateAtNodes
from xsurvey.sed.radiation.synchrotron import SynchrotronKernel, gyrofrequency
from xsurvey.sed.spectrum_interpolation import LogSpectra

SHARE = 0.9
"""Part of the photon's energy that one of the pair has."""
_ENOUGH = 1e-4  # of the injected power: a generation that is less is the last
# m_e c^2 / s / cm3: no power, but more than `LogSpectra`, which have no zero, make of nothing
_NOTHING = 1e-150
_CRITICAL_FIELD = FREQUENCY_OF_REST_ENERGY / GYROFREQUENCY  # 4.4e13 G: h nu_B is m_e c^2
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
        Energies in m_e c^2, of all photons that are absorbed and up to the highest Lorentz factor;
        what pairs emit below is left out.
    """

    def __init__(self, pairs: LogGrid, photons: LogGrid) -> None:
        self.pairs, self.photons = pairs, photons
        top = float(pairs.nodes[-1])
        self._x = LogGrid(_LOWEST_X, _HIGHEST_X * top**2, pairs.per_decade)
        self._synchrotron = SynchrotronKernel(pairs, self._x)
        self._pairs_of = self._matrix()

    def _matrix(self) -> np.ndarray:
        """Return pairs at their nodes made of photons at theirs, both signs, (s, g)."""
        # by the logarithm, with a shape that is as smooth as the photons' energy
        energy = np.diag(self.photons.nodes**2)
        low, high = self.photons.ln[[0, -1]]
        result = np.zeros((len(self.photons), len(self.pairs)))
        for part in (SHARE, 1 - SHARE):
            # photons of gamma / part, for each of both: d eps / d gamma is 1 / part
            ln_parent = self.pairs.ln - math.log(part)
            inside = (ln_parent >= low) & (ln_parent <= high)
            place = np.broadcast_to(np.clip(ln_parent, low, high), result.shape)
            values = self.photons.interpolate(energy, place)
            result += np.where(inside, values * np.exp(-2 * ln_parent) / part, 0)
        return result

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
        RuntimeError
            Generations do not become less.
        """
        absorbed = 1 - leaving
        cooled, emission = SteadyStateAtNodes(self.pairs, losses), self._emission(b)
        density, made = np.zeros_like(pairs), np.zeros_like(photons)
        born = pairs + self.made_by(photons * absorbed)
        enough = np.maximum(_ENOUGH * self._power(born), _NOTHING)
        for generation in range(1, _MOST + 1):
            now = cooled(born)
            emitted = emission(now)
            density, made = density + now, made + emitted
            born = self.made_by(emitted * absorbed)
            ended = self._power(born) <= enough
            if ended.all():
                return Cascade(density, made, generation)
            born[ended] = 0.0  # whatever other rows still do
        raise RuntimeError(f"the cascade of pairs does not end after {_MOST} generations")

    def made_by(self, photons: np.ndarray) -> np.ndarray:
        """Return pairs of absorbed photons, both signs, (b, s) to (b, g), as `solve` has them."""
        made: np.ndarray = np.maximum(photons @ self._pairs_of, 0)
        return made

    def _emission(self, b: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return what makes synchrotron photons per cm3, s, and eps, (b, s), of pairs, (b, g)."""
        ln_nu = self.photons.ln + math.log(FREQUENCY_OF_REST_ENERGY)
        ln_x = ln_nu - np.log(gyrofrequency(b))[:, None]
        ln_most = np.log(np.minimum(_CRITICAL_FIELD / b, self.pairs.nodes[-1]))
        most = np.clip(np.searchsorted(self.photons.ln, ln_most) - 1, 0, len(self.photons) - 1)
        beyond = np.arange(len(self.photons)) > most[:, None]
        x_most = self.photons.nodes[most] * math.exp(0.5 * self.photons.step)
        x_most = x_most * FREQUENCY_OF_REST_ENERGY / gyrofrequency(b)
        above = (self._x.nodes > x_most[:, None]) * self._x.nodes * self._x.step
        # as wide as is smooth on the grid
        place = (self.photons.ln - ln_most[:, None] + 1) / 0.5
        shape = np.where(beyond, 0.0, np.exp(-0.5 * place**2))
        per_hertz = FREQUENCY_OF_REST_ENERGY * self.photons.nodes * self.photons.step
        shape /= (shape @ per_hertz)[:, None]

        def emission(density: np.ndarray) -> np.ndarray:
            by_x = self._synchrotron.emissivity(density * self.pairs.nodes * self.pairs.step, b)
            emissivity = LogSpectra(self._x, by_x)(ln_x) * (by_x.max(axis=1) > 0)[:, None]
            emissivity[beyond] = 0.0
            power = (by_x * above).sum(axis=1) * gyrofrequency(b)
            emissivity += power[:, None] * shape
            result: np.ndarray = emissivity / (PLANCK * self.photons.nodes)
            return result

        return emission

    def _power(self, pairs: np.ndarray) -> np.ndarray:
        """Return the power per volume in m_e c^2 of injected pairs, shape (b,)."""
        total: np.ndarray = pairs @ self.pairs.nodes**2 * self.pairs.step
        return total
