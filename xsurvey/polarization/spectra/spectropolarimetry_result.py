"""Results of joint fits of Stokes spectra as users see them: plain values for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.io.ogip.stokes import STOKES
from xsurvey.polarization.significance import significance
from xsurvey.polarization.spectra.fit_contours import Contour, degree_angle_contours
from xsurvey.polarization.spectra.linear_stokes import LinearStokes
from xsurvey.polarization.spectra.polarization_models import folded_angle
from xsurvey.polarization.spectra.spectropolarimetry import (
    Comparison,
    PolarizationPlace,
    polarization_places,
)
from xsurvey.polarization.spectra.stokes_likelihood import StokesAssembly, members_of
from xsurvey.spectra.fit import Fit

_RADIAN = float(np.degrees(1.0))
_CURVE = 13
"""Energies at which degree and angle of a fit are told."""


def comparison_record(found: Comparison | None) -> dict[str, Any] | None:
    """Return a comparison of fits: statistic, delta, dof, p_value, significance in sigma."""
    if found is None:
        return None
    return {
        "statistic": found.statistic, "delta": found.delta, "dof": found.dof,
        "p_value": float(np.exp(found.log_p)), "log10_p": found.log_p / float(np.log(10.0)),
        "significance": found.significance,
    }  # fmt: skip


def stokes_records(found: LinearStokes) -> list[dict[str, Any]]:
    """Return normalised Stokes parameters bin by bin: q, u, degree, angle, their significance.

    Errors of degree and angle are those of a small error, standard deviations; of a degree that is
    not significant they mean little. ``significance`` is that of no polarization, two degrees of
    freedom, in Gaussian sigma. A bin without data is all null.
    """
    rows = []
    for low, high, q, u, q_err, u_err in zip(
        found.energy_min, found.energy_max, found.q, found.u, found.q_err, found.u_err, strict=True
    ):
        row: dict[str, Any] = {"energy_min": float(low), "energy_max": float(high)}
        row |= {"q": q, "u": u, "q_err": q_err, "u_err": u_err} | _polar(q, u, q_err, u_err)
        rows.append({k: None if v is None or not np.isfinite(v) else float(v)
                     for k, v in row.items()})  # fmt: skip
    return rows


def _polar(q: float, u: float, q_err: float, u_err: float) -> dict[str, float | None]:
    degree = float(np.hypot(q, u))
    if not np.isfinite(degree) or not degree > 0:
        return dict.fromkeys(("pd", "pd_err", "pa_deg", "pa_err_deg", "significance"))
    along = float(np.hypot(q * q_err, u * u_err)) / degree
    across = float(np.hypot(u * q_err, q * u_err)) / degree
    value = (q / q_err) ** 2 + (u / u_err) ** 2
    return {
        "pd": degree, "pd_err": along, "pa_deg": folded_angle(0.5 * np.arctan2(u, q) * _RADIAN),
        "pa_err_deg": 0.5 * across / degree * _RADIAN,
        "significance": float(significance(np.array(value))),
    }  # fmt: skip


def polarization_records(
    assembly: StokesAssembly, fit: Fit, parameters: dict[str, dict[str, Any]], contours: bool
) -> list[dict[str, Any]]:
    """Return what polarizes each component.

    Parameters
    ----------
    assembly : StokesAssembly
    fit : Fit
    parameters : dict
        Records of all parameters by name, from which degrees and angles are taken.
    contours : bool
        Whether to find the contours of each constant polarization.

    Returns
    -------
    list of dict
        A row a factor of polarization: ``component``, ``model``; of a constant one ``pd`` and
        ``pa_deg`` as parameters are and ``contours``: level, delta, pd, pa_deg, closed.
    """
    rows = []
    names = [p.name for p in fit.likelihood.parameters.parameters]
    for place in polarization_places(assembly):
        row: dict[str, Any] = {"component": place.name, "model": place.model.definition.name}
        if not place.model.slopes:
            degree, angle = (parameters[names[int(c)]] for c in place.columns)
            row |= {"pd": degree, "pa_deg": _folded(angle), "contours": None}
            pair = free_pair(fit, place)
            if contours and pair is not None:
                row["contours"] = [contour_record(c) for c in degree_angle_contours(fit, *pair)]
        rows.append(row)
    return rows


def _folded(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an angle with its value in (-90, 90], and its interval turned along."""
    turn = folded_angle(record["value"]) - record["value"]
    turned = ("value", "lower", "upper", "best_fit")
    return record | {k: record[k] + turn for k in turned if record.get(k) is not None}


def free_pair(fit: Fit, place: PolarizationPlace) -> tuple[int, int] | None:
    """Return the places of a constant degree and its angle among the free parameters, if both are.

    None where the angle's limits leave out a part of the circle, or parameters are linked.
    """
    rows = fit.likelihood.parameters
    free = {int(column): k for k, column in enumerate(rows.free)}
    degree, angle = (free.get(int(c)) for c in place.columns)
    if degree is None or angle is None:
        return None
    low, high = rows.parameters[int(place.columns[1])].limits
    return (degree, angle) if high - low >= 180.0 else None


def contour_record(contour: Contour) -> dict[str, Any]:
    """Return a contour as plain lists."""
    return {
        "level": contour.level, "delta": contour.delta, "pd": contour.degree.tolist(),
        "pa_deg": contour.angle.tolist(), "closed": contour.closed,
    }  # fmt: skip


def polarization_curve(fit: Fit) -> dict[str, list[float]]:
    """Return degree and angle of all photons of the best fit by energy, over the fitted energies.

    Of the first unit; where components have polarizations of their own it is what they add up to.
    """
    member = members_of(fit.likelihood, "I")[0]
    assert member.photons is not None
    low = min(float(m.dataset.energy_low.min()) for m in members_of(fit.likelihood, *STOKES))
    high = max(float(m.dataset.energy_high.max()) for m in members_of(fit.likelihood, *STOKES))
    degree, angle = member.photons.degree_and_angle(fit.values[None, member.columns])
    known = np.isfinite(degree[0])
    energy = np.linspace(max(low, member.photons.energy[0]), high, _CURVE)
    own = member.photons.energy
    # the angle through its Stokes parameters: it jumps by half a turn
    twice = np.radians(2 * angle[0])
    q = np.interp(energy, own[known], (degree[0] * np.cos(twice))[known])
    u = np.interp(energy, own[known], (degree[0] * np.sin(twice))[known])
    return {
        "energy_kev": energy.tolist(), "pd": np.hypot(q, u).tolist(),
        "pa_deg": [folded_angle(0.5 * float(np.arctan2(b, a)) * _RADIAN)
                   for a, b in zip(q, u, strict=True)],
    }  # fmt: skip


def energies_of_unphysical_degree(fit: Fit) -> tuple[float, float] | None:
    """Return the fitted energies at which the best fit has a degree above 1, None for none."""
    curve = polarization_curve(fit)
    beyond = [e for e, p in zip(curve["energy_kev"], curve["pd"], strict=True) if p > 1 + 1e-9]
    return (min(beyond), max(beyond)) if beyond else None
