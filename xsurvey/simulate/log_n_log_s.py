"""The number of sources as a function of flux, as users write it."""

from __future__ import annotations

import numpy as np

from xsurvey.spectra.source_counts import MORETTI, LogNLogS
from xsurvey.units import EnergyBand

__all__ = ["LogNLogS", "parse_log_n_log_s"]


def parse_log_n_log_s(text: str, band: EnergyBand) -> LogNLogS:
    """Return the law that ``LIMIT`` or ``LIMIT,DENSITY,BREAK,FAINT,BRIGHT`` names.

    Parameters
    ----------
    text : str
    band : EnergyBand
        Of the fluxes: the short form has Moretti et al.'s numbers of 0.5-2 and 2-10 keV.

    Raises
    ------
    ValueError
        Another form, numbers that are not positive, a bright slope not above the faint one, or
        the short form in another band.

    Examples
    --------
    >>> parse_log_n_log_s("1e-14", EnergyBand(0.5, 2)).above(1e-14).round()
    array(126.)
    """
    try:
        values = [float(v) for v in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 5) or not all(np.isfinite(values)) or min(values) <= 0:
        raise ValueError(
            f"'{text}' is not LIMIT or LIMIT,DENSITY,BREAK,FAINT,BRIGHT, such as "
            "1e-14,80.3,1.48e-14,0.6,1.82"
        )
    if len(values) == 1:
        if band not in MORETTI:
            raise ValueError(
                f"is given by its limit alone, which is known for fluxes at 0.5-2 and 2-10 keV, "
                f"not {band} keV"
            )
        values += MORETTI[band]
    law = LogNLogS(*values)
    if law.bright <= law.faint:
        raise ValueError(f"the slope above the break of '{text}' is not above the one below")
    return law
