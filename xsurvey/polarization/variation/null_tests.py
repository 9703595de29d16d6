"""Tests of polarization with what they assume: constancy in time, energy and pulse phase."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from xsurvey.polarization.significance import gaussian_sigma
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.constancy import constancy
from xsurvey.polarization.variation.constancy_trials import (
    TrialTest,
    permuted_constancy,
    simulated_constancy,
)
from xsurvey.polarization.variation.time_sums import TimedEvents

FEW = 30
"""Events a bin below which q and u are not Gaussian enough for chi-squared."""
_OWN = 200
"""Events a bin below which the covariance of all events is better known than the bin's own: of 100
with the weights of an acceptance correction p < 5 % is found in 7 % with these, in 5 % with that
of all."""
MOST_DRAWS = 200_000_000
"""Events times trials that are drawn; more take minutes."""

_TIME = "the polarization is the same at all times"
_ENERGY = "the polarization is the same at all energies"
_PHASE = "the polarization is the same at all pulse phases"


@dataclass(frozen=True)
class NullTest:
    """A test of a null hypothesis.

    Attributes
    ----------
    statistic : float
    dof : int or None
        Degrees of freedom of a chi-squared.
    log_probability : float
        Natural logarithm of the chance of this statistic or more if the null hypothesis holds.
    null_hypothesis : str
    method : {'chi-squared', 'gaussian', 'permutations', 'simulations'}
        What the probability rests on. Of trials it is at least 1 / (1 + trials).
    trials : int or None
    more : dict
        What else a record says.
    """

    statistic: float
    dof: int | None
    log_probability: float
    null_hypothesis: str
    method: Literal["chi-squared", "gaussian", "permutations", "simulations"]
    trials: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def probability(self) -> float:
        """Chance of this statistic or more; 0 where it is below the least number."""
        return float(np.exp(self.log_probability))

    @property
    def sigma(self) -> float:
        """The same in standard deviations of a Gaussian, to both sides; of a Gaussian one-sided."""
        if self.method == "gaussian":
            return self.statistic
        return float(gaussian_sigma(self.log_probability))

    def record(self) -> dict[str, Any]:
        """Return it for JSON; NaN is what is not known."""
        return {
            "statistic": self.statistic, "dof": self.dof, "p": self.probability,
            "log_p": self.log_probability, "sigma": self.sigma,
            "null_hypothesis": self.null_hypothesis, "method": self.method, "trials": self.trials,
            **self.more,
        }  # fmt: skip


def constancy_in_time(
    net: BinnedSums, few_events: TimedEvents | None, trials: int, seed: int
) -> tuple[NullTest | None, list[str]]:
    """Test whether the polarization is the same in time bins.

    Parameters
    ----------
    net : BinnedSums
        Background subtracted, by time.
    few_events : TimedEvents or None
        Events of the source region, where they are few: then by permutations. Without them
        chi-squared has the covariance of all bins together where one has less than 200 events.
    trials, seed : int

    Returns
    -------
    test : NullTest or None
        None where it is not possible.
    notes : list of str
        Why.
    """
    if few_events is not None:
        at = np.clip(
            np.searchsorted(net.edges, few_events.time, side="right") - 1, 0, len(net.counts) - 1
        )
        return _by_trials(few_events, at, trials, seed, _TIME)
    few = bool((net.counts < FEW).any())
    test, notes = _by_chi2(net, bool((net.counts < _OWN).any()), _TIME)
    if test is not None and few:
        notes.append(
            f"constancy in time: bins of less than {FEW} events, whose q and u are not Gaussian; "
            "their covariance is that of all events"
        )
    return test, notes


def constancy_in_energy(
    net: BinnedSums, few_events: TimedEvents | None, trials: int, seed: int
) -> tuple[NullTest | None, list[str]]:
    """Test whether the polarization is the same in energy bins, as `constancy_in_time`.

    Few events are simulated with the mean polarization, since they cannot change places.
    """
    if few_events is not None:
        return _by_trials(few_events, few_events.energy_bin, trials, seed, _ENERGY)
    test, notes = _by_chi2(net, False, _ENERGY)
    if test is not None and (net.counts < FEW).any():
        notes.append(
            f"dependence on energy: bins of less than {FEW} events, whose q and u are not Gaussian"
        )
    return test, notes


def constancy_in_phase(net: BinnedSums) -> tuple[NullTest | None, list[str]]:
    """Test whether the polarization is the same in bins of pulse phase, as `constancy_in_time`."""
    few = bool((net.counts < FEW).any())
    test, notes = _by_chi2(net, bool((net.counts < _OWN).any()), _PHASE)
    if test is not None and few:
        notes.append(
            f"pulse phases: bins of less than {FEW} events, whose q and u are not Gaussian; their "
            "covariance is that of all events"
        )
    return test, notes


def _by_chi2(
    net: BinnedSums, pooled: bool, hypothesis: str
) -> tuple[NullTest | None, list[str]]:  # fmt: skip
    q, u, covariance = net.normalised(pooled=pooled)
    # of events of one angle a covariance is singular
    determinant = np.linalg.det(covariance)
    size = np.trace(covariance, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        covariance[~(determinant > 1e-12 * size**2)] = np.nan
    found = constancy(q, u, covariance)
    bins = int(found.bins)
    lost = len(q) - bins
    if bins < 2:
        return None, [f"not tested that {hypothesis}: less than two bins with a measurement"]
    notes = [f"{lost} bins without a measurement are left out of the test that {hypothesis}"]
    more = {
        "bins": bins, "q_norm": float(found.q), "u_norm": float(found.u),
        "q_norm_variance": float(found.covariance[0, 0]),
        "u_norm_variance": float(found.covariance[1, 1]),
        "qu_norm_covariance": float(found.covariance[0, 1]),
    }  # fmt: skip
    test = NullTest(
        float(found.statistic), int(found.dof), float(found.log_probability), hypothesis,
        "chi-squared", more=more,
    )  # fmt: skip
    return test, notes if lost else []


def _by_trials(
    events: TimedEvents, at: np.ndarray, trials: int, seed: int, hypothesis: str
) -> tuple[NullTest | None, list[str]]:
    permuted = hypothesis == _TIME
    function = permuted_constancy if permuted else simulated_constancy
    # z is (q + iu) / mu; the tests divide by mu themselves
    stokes = events.z * events.modulation
    try:
        found: TrialTest = function(
            stokes.real, stokes.imag, at, events.weight, events.modulation, trials=trials, seed=seed
        )
    except ValueError as error:
        return None, [f"not tested that {hypothesis}: {error}"]
    return NullTest(
        found.statistic, None, float(np.log(found.probability)), hypothesis,
        "permutations" if permuted else "simulations", found.trials, {"bins": found.bins},
    ), []  # fmt: skip
