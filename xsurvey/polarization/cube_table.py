"""Polarization of energy bins as a FITS table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import plain_ascii
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.polarization.records import columns_of_bins
from xsurvey.polarization.stokes import StokesBins, StokesFlag

EXTENSION = "POLARIZATION"
_UNITS = {
    "energy_min": "keV", "energy_max": "keV", "energy": "keV", "counts": "count",
    "pa_deg": "deg", "pa_err_deg": "deg", "pa_half_width_deg": "deg",
}  # fmt: skip
_SUMS = ("I", "Q", "U", "I_err", "Q_err", "U_err")
_COMMENTS = {
    "energy": "mean of the events", "pd": "fraction, not debiased", "pd_err": "1 sigma",
    "pd_lower": "68.3 % interval", "pd_upper": "68.3 % interval", "pd_upper_99": "99 % limit",
    "pd_upper_9973": "99.73 % limit", "pa_deg": "north through east", "pa_err_deg": "1 sigma",
    "pa_half_width_deg": "68.3 % interval about pa_deg", "modulation": "effective factor",
    "mdp99": "exceeded with 1 % if unpolarized", "significance": "sigma, against none",
    "chi2": "against none, 2 dof", "q_norm": "Q/I", "u_norm": "U/I",
}  # fmt: skip


def write_cube(
    path: str | os.PathLike[str], bins: StokesBins, acceptance: bool,
    header: Mapping[str, Any] | None = None, history: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the polarization of energy bins, a row each.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    bins : StokesBins
        Arrays (n,).
    acceptance : bool
        Whether I, Q and U are per cm2.
    header : mapping of str to object, optional
        Provenance: keyword to value, or to (value, comment).
    history : sequence of str
        Lines of provenance.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    unit = dict.fromkeys(_SUMS, "count cm-2" if acceptance else "count")
    columns = [
        fits.Column(
            name, "K" if values.dtype.kind == "i" else "D", array=values,
            unit=(_UNITS | unit).get(name),
        )
        for name, values in columns_of_bins(bins).items()
    ]  # fmt: skip
    hdu = fits.BinTableHDU.from_columns(columns, name=EXTENSION)
    for number, column in enumerate(columns, start=1):
        if column.name in _COMMENTS:
            hdu.header.comments[f"TTYPE{number}"] = _COMMENTS[column.name]
    hdu.header["CREATOR"] = f"xsurvey {__version__}"
    hdu.header["ESTIMAT"] = (bins.estimator, "of errors and MDP99")
    for key, value in (header or {}).items():
        one, *comment = value if isinstance(value, tuple) else (value,)
        if isinstance(one, str):
            one = plain_ascii(one)
        if isinstance(one, float) and not np.isfinite(one):
            continue
        hdu.header[key] = (one, *comment)
    for flag in StokesFlag:
        hdu.header["COMMENT"] = f"flags: {int(flag)} {str(flag.name).lower()}"
    for line in history:
        hdu.header["HISTORY"] = plain_ascii(line)
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), hdu])
