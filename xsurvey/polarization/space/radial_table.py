"""Polarization profiles as records, and as a FITS table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.polarization.records import columns_of_bins, records_of_bins
from xsurvey.polarization.space.map_images import MASKED, add_provenance, add_trials
from xsurvey.polarization.space.radial import PolarizationProfile
from xsurvey.polarization.stokes import StokesBins, StokesFlag

EXTENSION = "POLARIZATION_PROFILE"
_SUMS = ("I", "Q", "U", "I_err", "Q_err", "U_err")
_KEPT_WITHOUT_EVENTS = ("energy_min", "energy_max", "counts", "I", "effective_counts", "flags")


def flat(bins: StokesBins) -> StokesBins:
    """Return results (p, n) as (p n,), all energy bins of a cell together."""
    cells = len(bins.i)
    changed: dict[str, Any] = {
        name: values.reshape(cells * values.shape[1], *values.shape[2:])
        for name, values in vars(bins).items()
        if isinstance(values, np.ndarray) and values.ndim > 1
    }
    changed |= {n: np.tile(getattr(bins, n), cells) for n in ("energy_min", "energy_max")}
    return replace(bins, **changed)


def columns_of_profile(profile: PolarizationProfile) -> dict[str, np.ndarray]:
    """Return what was measured, one entry an energy bin of a cell.

    Returns
    -------
    dict of str to ndarray, shape (p n,)
        ``radius_min``, ``radius_max`` (arcsec), ``angle_min``, ``angle_max`` (deg), what
        `columns_of_bins` has, with north as reference, and relative to the model's directions
        ``aligned_q_norm``, ``aligned_u_norm``, their covariance, ``aligned_pd``,
        ``aligned_pd_err``, ``aligned_pa_deg``, ``aligned_pa_err_deg``, ``aligned_chi2``,
        ``aligned_significance``, and ``alignment_sigma``, Q' in sigma. NaN where there are too
        few events.
    """
    bins, aligned, energies = profile.bins, profile.aligned, profile.bins.i.shape[1]
    used = profile.used.ravel()
    own = columns_of_bins(flat(bins))
    own["flags"] = own["flags"] + MASKED * ~used
    along = columns_of_bins(flat(aligned))
    for name in (
        "q_norm", "u_norm", "q_norm_variance", "u_norm_variance", "qu_norm_covariance", "pd",
        "pd_err", "pa_deg", "pa_err_deg", "chi2", "significance",
    ):  # fmt: skip
        own[f"aligned_{name}"] = along[name]
    own["alignment_sigma"] = profile.alignment[:-1].ravel()
    masked = {
        name: values if name in _KEPT_WITHOUT_EVENTS else np.where(used, values, np.nan)
        for name, values in own.items()
    }
    bounds = profile.annuli.bounds()
    return {name: np.repeat(values, energies) for name, values in bounds.items()} | masked


def records_of_profile(profile: PolarizationProfile) -> list[dict[str, Any]]:
    """Return one record an energy bin of a cell: what `columns_of_profile` has, flags by name."""
    columns = columns_of_profile(profile)
    number = len(columns["flags"])
    records = []
    for i in range(number):
        record = {name: values[i] for name, values in columns.items() if name != "flags"}
        flags = int(columns["flags"][i])
        names = StokesFlag.names(flags) + (["masked"] if flags & MASKED else [])
        records.append(record | {"flags": names})
    return records


def records_of_total(profile: PolarizationProfile) -> list[dict[str, Any]]:
    """Return one record an energy bin of all cells together, aligned, as `records_of_bins`.

    With ``alignment_sigma``; what was measured is NaN where there are too few events.
    """
    records = records_of_bins(flat(profile.total))
    kept = (*_KEPT_WITHOUT_EVENTS, "confidence")
    for record, sigma, used in zip(
        records, profile.alignment[-1], profile.total_used, strict=True
    ):  # fmt: skip
        record["alignment_sigma"] = float(sigma)
        if not used:
            record.update(dict.fromkeys([n for n in record if n not in kept], float("nan")))
            record["flags"] = [*record["flags"], "masked"]
    return records


def write_profile(
    path: str | os.PathLike[str], profile: PolarizationProfile, acceptance: bool,
    header: Mapping[str, Any] | None = None, history: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write a profile as a table.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    profile : PolarizationProfile
    acceptance : bool
        Whether I, Q and U are per cm2.
    header : mapping of str to object, optional
    history : sequence of str

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    unit = dict.fromkeys(_SUMS, "count cm-2" if acceptance else "count") | {
        "radius_min": "arcsec", "radius_max": "arcsec", "counts": "count",
        "effective_counts": "count",
    }  # fmt: skip

    def unit_of(name: str) -> str | None:
        if name in unit:
            return unit[name]
        degrees = name.startswith("angle_") or "pa_" in name
        return "deg" if degrees else "keV" if name.startswith("energy") else None

    hdu = fits.BinTableHDU.from_columns([
        fits.Column(n, "K" if v.dtype.kind == "i" else "D", array=v, unit=unit_of(n))
        for n, v in columns_of_profile(profile).items()
    ], name=EXTENSION)  # fmt: skip
    hdu.header["CREATOR"] = f"xsurvey {__version__}"
    hdu.header["ESTIMAT"] = (profile.bins.estimator, "of errors and MDP99")
    hdu.header["POLCCONV"] = ("IAU", "angles and U are north through east")
    hdu.header["RA_CEN"] = (profile.annuli.center.ra, "[deg] centre")
    hdu.header["DEC_CEN"] = (profile.annuli.center.dec, "[deg] centre")
    add_trials(hdu.header, profile.trials)
    add_provenance(hdu.header, header or {}, history)
    for flag in StokesFlag:
        hdu.header["COMMENT"] = f"flags: {int(flag)} {str(flag.name).lower()}"
    hdu.header["COMMENT"] = f"flags: {MASKED} too few events, not a number in other columns"
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), hdu])
