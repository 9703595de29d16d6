"""The polarization of a nucleus in the unpolarized light of its host galaxy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.polarization.optical.series import PolarizationSeries


def without_host(
    series: PolarizationSeries, fraction: np.ndarray | float, error: np.ndarray | float = 0.0
) -> PolarizationSeries:
    r"""Return the series of the polarized component alone.

    The degree is :math:`p / (1 - f)` with f the part of the flux, in the aperture and band of each
    measurement, that is not polarized; its error
    :math:`[\sigma_p^2 / (1 - f)^2 + p^2 \sigma_f^2 / (1 - f)^4]^{1/2}`. Angles stay, and so do
    their errors. The error of one f is common to all measurements: it does not average out.

    Parameters
    ----------
    series : PolarizationSeries
    fraction, error : float or ndarray, shape (n,)
        f and its standard deviation.

    Raises
    ------
    ValueError
        A fraction that is not from 0 to below 1, a negative error, more than all of the light
        polarized by more than 5 errors.
    """
    f = np.broadcast_to(np.asarray(fraction, float), series.mjd.shape)
    s = np.broadcast_to(np.asarray(error, float), series.mjd.shape)
    if not (np.all((f >= 0) & (f < 1)) and np.all((s >= 0) & np.isfinite(s))):
        raise ValueError("a host's part of the flux is from 0 to below 1, its error not negative")
    pd = series.pd / (1 - f)
    spread = np.hypot(series.pd_error / (1 - f), series.pd * s / (1 - f) ** 2)
    if np.any(pd - 5 * spread > 1):
        raise ValueError("more than all of the light is polarized with this part of a host")
    return replace(series, pd=pd, pd_error=spread)
