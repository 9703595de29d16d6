"""Search for a rotation of the angle of a source's events, with what its maximum is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.polarization.intervals import ONE_SIGMA
from xsurvey.polarization.variation.behaviour_parameters import RotationParameters
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.null_tests import NullTest
from xsurvey.polarization.variation.rotation import RotationScan, rotation_scan, scan_rates
from xsurvey.polarization.variation.rotation_trials import RotationTrials, rotation_trials

_MOST_CELLS = 10_000_000  # time bins times rates: 160 MB
_MOST_WORK = 2e11  # times trials: minutes
_MOST_SHOWN = 2000

_ROTATING = "the polarization has a constant angle"
_POLARIZED = "no polarization"


@dataclass(frozen=True)
class RotationSearch:
    """A rotation scan, and simulations of it.

    Attributes
    ----------
    scan : RotationScan
    trials : RotationTrials
    reference_mjd : float
        MJD (UTC) at which angles are given.
    """

    scan: RotationScan
    trials: RotationTrials
    reference_mjd: float

    @property
    def rotating(self) -> NullTest:
        """Whether the angle rotates: by simulations of a constant one, all rates of the scan."""
        return NullTest(
            max(self.scan.gain, 0.0), None, float(np.log(self.trials.rotating)), _ROTATING,
            "simulations", self.trials.trials,
        )  # fmt: skip

    @property
    def polarized(self) -> NullTest:
        """Whether there is polarization at any rate of the scan: analytic, all rates counted."""
        return NullTest(
            float(self.scan.best.chi2[0]), 2, self.scan.log_probability, _POLARIZED, "chi-squared",
            more={"p_simulated": self.trials.polarized, "simulations": self.trials.trials},
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return it for JSON; ``p`` and ``sigma`` are of the rotation, not of polarization."""
        scan = self.scan
        every = max(1, -(-len(scan.rate) // _MOST_SHOWN))
        a, b, c = (scan.best.covariance[0][i] for i in ((0, 0), (0, 1), (1, 1)))
        q, u, pd = float(scan.best.q[0]), float(scan.best.u[0]), float(scan.best.pd[0])
        pd_err = float(np.sqrt(a * q * q + 2 * b * q * u + c * u * u)) / pd
        pa_err = float(np.degrees(0.5 * np.sqrt(a * u * u - 2 * b * q * u + c * q * q) / pd**2))
        return {
            "rate_deg_per_day": scan.best_rate, "rate_err": scan.best_rate_error,
            "rate_lower": scan.rate_low, "rate_upper": scan.rate_high, "confidence": ONE_SIGMA,
            "at_edge": scan.at_edge, "reference_mjd": self.reference_mjd,
            "pd": pd, "pd_err": pd_err, "pa_deg": float(scan.best.pa_deg[0]), "pa_err_deg": pa_err,
            "pd_at_rest": float(scan.at_rest.pd[0]), "chi2": float(scan.best.chi2[0]),
            "chi2_at_rest": float(scan.at_rest.chi2[0]), "highest_rate": float(scan.rate[-1]),
            "rates": len(scan.rate), "independent_rates": scan.independent_rates,
            **self.rotating.record(), "polarized": self.polarized.record(),
            "scan": {
                "rate_deg_per_day": scan.rate[::every].tolist(),
                "chi2": scan.derotated.chi2[::every].tolist(),
            },
        }  # fmt: skip


def search_rotation(
    sums: BinnedSums, parameters: RotationParameters, seed: int = 0
) -> tuple[RotationScan, RotationTrials] | None:
    """Search for a rotation at a constant rate.

    Parameters
    ----------
    sums : BinnedSums
        By time, background subtracted, in bins fine enough for the highest rate.
    parameters : RotationParameters
    seed : int

    Returns
    -------
    (RotationScan, RotationTrials) or None
        None with events in less than three time bins.

    Raises
    ------
    ParameterError
        So many rates, bins and trials that they do not fit into memory, or last hours.
    """
    if parameters.highest_rate is None or sums.used.sum() < 3:
        return None
    at = np.flatnonzero(sums.used)
    duration = float(sums.edges[at[-1] + 1] - sums.edges[at[0]])
    rates = scan_rates(duration, parameters.highest_rate, None, parameters.rate_oversampling)
    cells = len(at) * len(rates)
    if cells > _MOST_CELLS or cells * parameters.rotation_trials > _MOST_WORK:
        raise ParameterError(
            "highest_rate", f"asks for {len(rates)} rates in {len(at)} time bins, and "
            f"{parameters.rotation_trials} simulations",
            "lower it, or rate_oversampling or rotation_trials",
        )  # fmt: skip
    scan = rotation_scan(sums, rates)
    return scan, rotation_trials(sums, scan, parameters.rotation_trials, seed)
