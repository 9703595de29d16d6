r"""Degree and angle by linear least squares, given the spectrum.

Q and U are linear in :math:`q = A \cos 2\psi` and :math:`u = A \sin 2\psi` of a constant
polarization: with the spectrum known, the least chi-square has a closed form. It gives the starts
of joint fits, and the polarization in bins of energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.spectra.stokes_likelihood import StokesMember, members_of
from xsurvey.spectra.likelihood import SpectralLikelihood


@dataclass(frozen=True)
class LinearStokes:
    """Normalised Stokes parameters in bins of energy.

    Attributes
    ----------
    energy_min, energy_max : ndarray, shape (n,)
        keV.
    q, u : ndarray, shape (n,)
        Q / I and U / I of the source.
    q_err, u_err : ndarray, shape (n,)
        Standard errors; q and u are independent, as XSPEC takes the two spectra. NaN in bins
        without data.
    """

    energy_min: np.ndarray
    energy_max: np.ndarray
    q: np.ndarray
    u: np.ndarray
    q_err: np.ndarray
    u_err: np.ndarray


def solve_terms(members: Sequence[StokesMember], templates: Sequence[np.ndarray]) -> np.ndarray:
    """Return the constant q (or u) of several polarized terms.

    Parameters
    ----------
    members : sequence of StokesMember
        Of one Stokes parameter, Q or U.
    templates : sequence of ndarray, shape (t, m)
        Of each member the counts that each term would give at q = 1.

    Returns
    -------
    ndarray, shape (t,)
        Of least chi-square; the smallest where terms cannot be told apart.
    """
    data, design = [], []
    for member, template in zip(members, templates, strict=True):
        net, error = member.net
        data.append(net / error)
        design.append(template / error)
    found = np.linalg.lstsq(np.concatenate(design, axis=1).T, np.concatenate(data), rcond=1e-8)
    return np.asarray(found[0])


def term_templates(members: Sequence[StokesMember], full: np.ndarray) -> list[np.ndarray]:
    """Return the counts of each polarized term at q = 1, (t, m) of each member.

    Parameters
    ----------
    members : sequence of StokesMember
    full : ndarray, shape (1, p)
        All parameters.
    """
    result = []
    for member in members:
        assert member.photons is not None
        fluxes = member.photons.terms(full[:, member.columns])
        result.append(np.concatenate([member.fold(full, flux) for flux in fluxes]))
    return result


def polarization_in_bins(
    likelihood: SpectralLikelihood, full: np.ndarray, edges: Sequence[float]
) -> LinearStokes:
    """Return the polarization of the whole spectrum in bins of energy, each a constant.

    A group of channels belongs to the bin that the middle of its energies is in. What the
    modulation response redistributes between bins is taken into account with the spectrum as it is
    fitted, and the polarization as that of the bin.

    Parameters
    ----------
    likelihood : SpectralLikelihood
        Of `StokesMember`.
    full : ndarray, shape (p,)
        All parameters, which say what the spectrum is.
    edges : sequence of float, shape (n + 1,)
        keV, ascending.
    """
    limits = np.asarray(edges, float)
    n = len(limits) - 1
    sums = {stokes: (np.zeros(n), np.zeros(n)) for stokes in ("Q", "U")}
    rows = full[None, :]
    for member in members_of(likelihood, "Q", "U"):
        assert member.photons is not None
        template = member.fold(rows, member.photons(rows[:, member.columns])[0])[0]
        net, error = member.net
        middle = 0.5 * (member.dataset.energy_low + member.dataset.energy_high)
        place = np.searchsorted(limits, middle, side="right") - 1
        inside = (place >= 0) & (place < n)
        product, norm = sums[member.stokes]
        weight = template[inside] / error[inside] ** 2
        product += np.bincount(place[inside], weight * net[inside], n)
        norm += np.bincount(place[inside], weight * template[inside], n)
    found = []
    for stokes in ("Q", "U"):
        product, norm = sums[stokes]
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append((product / norm, 1 / np.sqrt(norm)))
    (q, q_err), (u, u_err) = found
    seen = np.isfinite(q) & np.isfinite(u)
    q, u, q_err, u_err = (np.where(seen, v, np.nan) for v in (q, u, q_err, u_err))
    return LinearStokes(limits[:-1], limits[1:], q, u, q_err, u_err)


def summed_stokes(likelihood: SpectralLikelihood) -> LinearStokes:
    """Return sums over all channels and units: net counts of Q and U over those of I.

    Without modulation and area: the angle is that of the source, the degree is not.
    """
    members = members_of(likelihood, "I", "Q", "U")
    total = {s: [0.0, 0.0] for s in ("I", "Q", "U")}
    for member in members:
        net, error = member.net
        total[member.stokes][0] += float(net.sum())
        total[member.stokes][1] += float(np.sum(error**2))
    counts = total["I"][0] if total["I"][0] > 0 else np.nan
    low = min(float(m.dataset.energy_low.min()) for m in members)
    high = max(float(m.dataset.energy_high.max()) for m in members)
    values = {s: (v / counts, np.sqrt(variance) / counts) for s, (v, variance) in total.items()}
    (q, q_err), (u, u_err) = values["Q"], values["U"]
    return LinearStokes(*(np.array([v]) for v in (low, high, q, u, q_err, u_err)))
