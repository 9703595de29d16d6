"""Temperatures of annuli as a halo's model takes them: sectors of an annulus are averaged."""

from __future__ import annotations

import numpy as np

from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.mass_model import TemperaturePoints
from xsurvey.profiles.spectral_profile import SpectralProfile
from xsurvey.profiles.spectral_temperature import PlasmaGram

_FEWEST = 3
"""Annuli that a halo needs."""


def temperature_points(
    profile: SpectralProfile, kpc_per_arcmin: float, gram: PlasmaGram | None = None
) -> tuple[TemperaturePoints, list[str]]:
    """Return the temperatures of the annuli of a spectral profile.

    Of annuli that are cut into sectors the least-squares mean of their temperatures, with the
    covariance of all. Those with two temperatures are left out where enough others are there: gas
    of two phases has no one temperature that a halo could be asked for.

    Parameters
    ----------
    profile : SpectralProfile
    kpc_per_arcmin : float
    gram : PlasmaGram, optional
        Of the same annuli.

    Returns
    -------
    points : TemperaturePoints
        The PSF is taken out by the joint fit already.
    notes : list of str
        What was left out or averaged.
    """
    notes: list[str] = []
    kt, covariance = profile.kt.value, profile.kt_covariance
    variance = np.diag(covariance)
    good = np.isfinite(kt) & (kt > 0) & np.isfinite(variance) & (variance > 0)
    if (~good).any():
        names = ", ".join(r.name for r, g in zip(profile.regions, good, strict=True) if not g)
        notes.append(f"without a temperature: {names}")
    two = (profile.flags & int(BinFlag.TWO_TEMPERATURES)) > 0
    single = {(r.inner, r.outer) for r, g in zip(profile.regions, good & ~two, strict=True) if g}
    if (good & two).any() and len(single) >= _FEWEST:
        names = ", ".join(r.name for r, g in zip(profile.regions, good & two, strict=True) if g)
        notes.append(f"left out of the mass for their two temperatures: {names}")
        good &= ~two
    rings = sorted({(r.inner, r.outer) for r in profile.regions})
    place = np.array([rings.index((r.inner, r.outer)) for r in profile.regions])
    number = len(rings)
    temperature, result = np.full(number, np.nan), np.full((number, number), np.nan)
    used = sorted(set(place[good].tolist()))
    if len(used) < int(good.sum()):
        notes.append("temperatures of the sectors of an annulus are averaged by their errors")
    if used:
        design = (place[good][:, None] == np.array(used)).astype(float)
        inverse = np.linalg.inv(covariance[np.ix_(good, good)])
        found = np.linalg.inv(design.T @ inverse @ design)
        temperature[used] = found @ (design.T @ inverse @ kt[good])
        result[np.ix_(used, used)] = (found + found.T) / 2
    inner, outer = (np.array([r[i] for r in rings]) * kpc_per_arcmin for i in (0, 1))
    rung = None if gram is None else _of_rings(gram, good, place, number)
    return TemperaturePoints(
        inner, outer, temperature, result, profile.deprojected, gram=rung
    ), notes


def _of_rings(gram: PlasmaGram, good: np.ndarray, place: np.ndarray, number: int) -> PlasmaGram:
    """Return the products of plasmas of rings: sums over the annuli that are of each."""
    member = (place == np.arange(number)[:, None]) & good
    count = member.sum(axis=1)
    return PlasmaGram(
        gram.kt, np.einsum("ra,aij->rij", member.astype(float), gram.products),
        (member @ gram.abundance) / np.maximum(count, 1),
        (member & gram.free_abundance).any(axis=1),
    )  # fmt: skip


def abundance_at(profile: SpectralProfile, kpc_per_arcmin: float, radius: np.ndarray) -> np.ndarray:
    """Return the abundances of the annuli at radii (n,) kpc, linear in ln r between them."""
    known = np.isfinite(profile.abundance.value)
    if not known.any():
        return np.full(len(radius), 0.3)
    middle = profile.radius * kpc_per_arcmin
    rings = np.unique(middle[known])
    mean = [profile.abundance.value[known & (middle == ring)].mean() for ring in rings]
    return np.asarray(np.interp(np.log(radius), np.log(rings), mean))
