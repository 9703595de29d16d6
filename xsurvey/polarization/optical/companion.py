"""An optical series with all that is found in it: half turns, rotations, random walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.polarization.measurement import angle_of
from xsurvey.polarization.optical.ambiguity import ResolvedAngles, resolve_half_turns
from xsurvey.polarization.optical.dilution import without_host
from xsurvey.polarization.optical.episodes import RotationEpisode, rotation_episodes
from xsurvey.polarization.optical.parameters import OpticalSeriesParameters
from xsurvey.polarization.optical.series import PolarizationSeries
from xsurvey.polarization.optical.walk_test import WalkTest, compare_with_walks, library_of_walks
from xsurvey.polarization.variation.constancy import constancy

_WALKS = "a random walk of q and u, with the series' mean polarization"


@dataclass(frozen=True)
class Companion:
    """An optical companion.

    Attributes
    ----------
    resolved : ResolvedAngles
        Of the series, the host's light taken out.
    episodes : list of RotationEpisode
    walks : WalkTest or None
        None where the series is too short, or within its noise.
    debias : str
        Estimator of debiased degrees.
    notes : tuple of str
    """

    resolved: ResolvedAngles
    episodes: list[RotationEpisode]
    walks: WalkTest | None
    debias: str
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        resolved, series = self.resolved, self.resolved.series
        debiased = series.debiased_pd(self.debias)  # type: ignore[arg-type]
        steps = np.append(np.nan, resolved.step_probability)
        return {
            "name": series.name,
            "points": [
                {
                    "mjd": series.mjd[i], "pd": series.pd[i], "pd_err": series.pd_error[i],
                    "pd_debiased": debiased[i], "pa_deg": series.pa_deg[i],
                    "pa_err_deg": series.pa_error[i], "pa_resolved_deg": resolved.angle_deg[i],
                    # that the half turns from the measurement before it are the right ones
                    "branch_probability": steps[i],
                }
                for i in range(len(series))
            ],
            "mean": _mean(series, debiased),
            "episodes": [_episode(one) for one in self.episodes],
            "walks": None if self.walks is None else _walks(self.walks),
            "change_rate": resolved.change_rate, "path_probability": resolved.path_probability,
            "ambiguous_steps": int(resolved.ambiguous.sum()), "debias": self.debias,
            "notes": list(self.notes),
        }  # fmt: skip


def measure_companion(
    series: PolarizationSeries, parameters: OpticalSeriesParameters, seed: int = 0
) -> Companion:
    """Resolve the angles of a series, and look for rotations.

    Parameters
    ----------
    series : PolarizationSeries
    parameters : OpticalSeriesParameters
    seed : int
        Of the random walks.

    Raises
    ------
    ParameterError
        The host's light is more than the polarization leaves room for.
    """
    p = parameters
    try:
        series = without_host(series, p.host_fraction, p.host_fraction_error)
    except ValueError as error:
        raise ParameterError("host_fraction", str(error), "give a smaller part") from None
    resolved = resolve_half_turns(series, p.change_rate, p.branch_probability)
    notes = []
    if resolved.ambiguous.any():
        notes.append(
            f"{int(resolved.ambiguous.sum())} of {len(series) - 1} changes of the angle may be by "
            "half a turn more or less: the angle between those measurements is not known"
        )
    episodes = rotation_episodes(
        resolved, p.smallest_rotation, p.rotation_tolerance, p.rotation_points
    )
    walks = None
    if len(series) < max(p.rotation_points, 4):
        notes.append(f"{len(series)} measurements are too few for a comparison with random walks")
    else:
        try:
            library = library_of_walks(series, p.walks, seed, p.cell_polarization)
            walks = compare_with_walks(
                series, library, seed + 1, p.rotation_tolerance, p.rotation_points
            )
        except ValueError as error:
            notes.append(f"no comparison with random walks: {error}")
    return Companion(resolved, episodes, walks, p.debias, tuple(notes))


def _mean(series: PolarizationSeries, debiased: np.ndarray) -> dict[str, Any]:
    q, u, covariance = series.stokes
    found = constancy(q, u, covariance)
    mean_q, mean_u = np.array([found.q]), np.array([found.u])
    return {
        "pd": float(np.hypot(found.q, found.u)),
        "pd_err": float(np.sqrt(np.trace(found.covariance) / 2)),
        "pa_deg": float(angle_of(mean_q, mean_u)[0]), "q_norm": float(found.q),
        "u_norm": float(found.u), "mean_pd_debiased": float(debiased.mean()),
        "scatter_pd": float(debiased.std(ddof=1)) if len(series) > 1 else float("nan"),
        "constancy": {
            "statistic": float(found.statistic), "dof": int(found.dof),
            "log_p": float(found.log_probability), "p": float(np.exp(found.log_probability)),
            "sigma": float(found.significance),
            "null_hypothesis": "the optical polarization is the same at all times",
            "method": "chi-squared",
        },
    }  # fmt: skip


def _episode(one: RotationEpisode) -> dict[str, Any]:
    return {
        "first": one.first, "last": one.last, "mjd_start": one.first_mjd,
        "mjd_stop": one.last_mjd, "amplitude_deg": one.amplitude,
        "amplitude_err_deg": one.amplitude_error, "rate_deg_per_day": float(one.line.rate[0]),
        "rate_err": float(one.line.rate_error[0]), "scatter_deg": float(one.line.scatter[0]),
        "pa_deg": float(one.line.angle_deg[0]), "pa_err_deg": float(one.line.angle_error[0]),
        "reference_mjd": float(one.line.reference_mjd[0]),
        "branch_probability": one.branch_probability, "ambiguous": one.is_ambiguous,
    }  # fmt: skip


def _walks(walks: WalkTest) -> dict[str, Any]:
    return {
        "swing_deg": walks.swing, "p_swing": walks.swing_probability,
        "rate_ratio": walks.rate_ratio, "p_rate": walks.rate_probability, "walks": walks.walks,
        "scatter": walks.scatter, "roughness": walks.roughness,
        "walk_scatter": list(walks.walk_scatter), "walk_roughness": list(walks.walk_roughness),
        "lifetime_days": list(walks.lifetime), "null_hypothesis": _WALKS, "method": "simulations",
    }  # fmt: skip
