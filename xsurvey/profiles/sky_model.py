r"""What the sky emits where there is no cluster, and how far it may differ from place to place.

Three components: the Local Hot Bubble, a plasma in front of all absorption; the Milky Way's halo,
an absorbed plasma; and unresolved sources, an absorbed power law. Their photon index of 1.45 and
their norm, all sources together, of 10.91 photon / keV / s / cm2 / sr at 1 keV are those of
Cappelluti et al. (2017, ApJ 837, 19). Sources that are masked are not among the unresolved ones:
their light follows from Moretti et al.'s (2003) numbers of sources. A region has few of those that
make most of the light, so that it differs from region to region. It is harder than foregrounds
are: if all of the sky were let differ alike, hard photons, which tell temperatures, would differ
too little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import Normal, Prior
from xsurvey.profiles.annuli_parameters import SkyParameters
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.spectra.flux import ERG_PER_KEV
from xsurvey.spectra.source_counts import moretti
from xsurvey.units import EnergyBand

CXB_INDEX = 1.45
CXB_NORM = 10.91
"""photon / keV / s / cm2 / sr at 1 keV, of all sources."""
_SOFT = EnergyBand(0.5, 2.0)
_FAINTEST = 2.4e-17  # erg / s / cm2, of Moretti et al.'s sources
_ARCMIN2 = (np.pi / 180 / 60) ** 2  # sr
_ARCMIN2_OF_DEG2 = 3600.0
_WIDEST = 0.3
"""Prior of the scatter of regions while it is being estimated."""
_LARGEST_SCATTER, _GRID = 1.0, 2001


def cxb_norm(flux_limit: float | None = None, index: float = CXB_INDEX) -> float:
    """Return the norm of unresolved sources.

    Parameters
    ----------
    flux_limit : float, optional
        0.5-2 keV flux above which sources are masked, erg / s / cm2; none are if not given.
    index : float
        Photon index of the unresolved ones: the light that is left is that of 0.5-2 keV.

    Returns
    -------
    float
        photon / keV / s / cm2 / arcmin2 at 1 keV.

    Raises
    ------
    ParameterError
        The limit is fainter than the sources that were counted.
    """
    total = CXB_NORM * _ARCMIN2 * _energy_of_power_law(CXB_INDEX)
    if flux_limit is not None:
        if not _FAINTEST <= flux_limit < np.inf:
            raise ParameterError(
                "sky.flux_limit", f"{flux_limit:g} erg/s/cm2 is beyond the sources that were "
                f"counted, from {_FAINTEST:g} on", "give the flux above which sources are masked",
            )  # fmt: skip
        resolved = moretti(flux_limit, _SOFT).brightness(flux_limit)
        total -= resolved / _ARCMIN2_OF_DEG2 / ERG_PER_KEV
    return float(total / _energy_of_power_law(index))


def _energy_of_power_law(index: float) -> float:
    """Return keV of a power law of norm one at 0.5-2 keV."""
    power = 2 - index
    low, high = _SOFT
    if abs(power) < 1e-9:
        return float(np.log(high / low))
    return float((high**power - low**power) / power)


@dataclass(frozen=True)
class SkyColumns:
    """Names of the sky's parameters, as a region sees them.

    Attributes
    ----------
    lhb_kt, lhb_norm, halo_kt, halo_norm, cxb_norm, scatter : list of str
        One a region.
    """

    lhb_kt: list[str]
    lhb_norm: list[str]
    halo_kt: list[str]
    halo_norm: list[str]
    cxb_norm: list[str]
    scatter: list[str]


def sky_parameters(
    regions: list[SpectralRegion], names: list[str], area: np.ndarray, parameters: SkyParameters,
) -> tuple[list[FitParameter], SkyColumns]:  # fmt: skip
    """Return the parameters of the sky, and which of them each region has.

    Parameters
    ----------
    regions : list of SpectralRegion
    names : list of str
        Of the regions, as parameters are named.
    area : ndarray, shape (r,)
        Solid angles, arcmin2.
    parameters : SkyParameters
        Without a scatter, one that is wide enough to estimate it.

    Raises
    ------
    InputError
        There is no region of the sky in the sector of the sky that an annulus lies in.
    """
    sectors = sorted({region.sky_sector for region in regions})
    for sector in sectors:
        if not any(r.kind == "sky" and r.sky_sector == sector for r in regions):
            raise InputError(
                f"sky sector {sector}", "has annuli but no region of the sky",
                "give it one, or put its annuli into another sector of the sky",
            )  # fmt: skip
    suffix = {s: f"_{s}" if len(sectors) > 1 else "" for s in sectors}
    kt_suffix = suffix if parameters.halo_kt_by_sector else dict.fromkeys(sectors, "")
    rows = [_kt("lhb.kT", 0.1, parameters.lhb_kt_min, parameters.lhb_kt_max)]
    rows += [
        _kt(f"halo{ending}.kT", 0.25, parameters.halo_kt_min, parameters.halo_kt_max)
        for ending in dict.fromkeys(kt_suffix.values())
    ]
    for sector in sectors:
        rows += [_norm(f"{name}{suffix[sector]}.norm", 1e-6) for name in ("lhb", "halo")]
    rows.append(_cxb(parameters))
    rows += [
        _scatter(f"sky_scatter.{name}", float(sigma))
        for name, sigma in zip(names, scatter_of_regions(area, regions, parameters), strict=True)
    ]
    return rows, SkyColumns(
        lhb_kt=["lhb.kT" for _ in regions],
        lhb_norm=[f"lhb{suffix[r.sky_sector]}.norm" for r in regions],
        halo_kt=[f"halo{kt_suffix[r.sky_sector]}.kT" for r in regions],
        halo_norm=[f"halo{suffix[r.sky_sector]}.norm" for r in regions],
        cxb_norm=["cxb.norm" for _ in regions],
        scatter=[f"sky_scatter.{name}" for name in names],
    )


def scatter_of_regions(
    area: np.ndarray, regions: list[SpectralRegion], parameters: SkyParameters
) -> np.ndarray:
    """Return the standard deviation of what scatters in each region, as a part of it, (r,)."""
    sigma = _WIDEST if parameters.scatter is None else parameters.scatter
    of_sky = float(np.mean([a for a, r in zip(area, regions, strict=True) if r.kind == "sky"]))
    return np.asarray(sigma * (area / of_sky) ** (-parameters.scatter_area_index / 2))


def estimated_scatter(deviation: np.ndarray, error: np.ndarray) -> float:
    r"""Return the scatter of the sky from the deviations of some of its regions.

    Deviations are Gaussian about an unknown mean with variances :math:`\sigma^2 + e_i^2`; the mean
    is integrated out, and of sigma, with a flat prior, the median of the posterior is returned.
    With few regions it is larger than the most likely value, so that intervals that rest on it are
    not too narrow.

    Parameters
    ----------
    deviation, error : ndarray, shape (n,)
        Relative to the mean of what scatters, n of three or more.

    Raises
    ------
    InputError
        There are less than three.
    """
    if len(deviation) < 3:
        raise InputError(
            "sky", f"has {len(deviation)} regions, too few to tell how it varies",
            "give sky.scatter, or more regions of the sky",
        )  # fmt: skip
    sigma = np.linspace(0, _LARGEST_SCATTER, _GRID)[:, None]
    weight = 1 / (sigma**2 + np.asarray(error) ** 2)
    mean = (weight * deviation).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    log_likelihood = 0.5 * (
        np.log(weight).sum(axis=1) - np.log(weight.sum(axis=1))
        - (weight * (deviation - mean) ** 2).sum(axis=1)
    )  # fmt: skip
    posterior = np.exp(log_likelihood - log_likelihood.max())
    below = np.cumsum(posterior) - 0.5 * posterior[0]
    return float(np.interp(0.5 * posterior.sum(), below, sigma[:, 0]))


def _cxb(parameters: SkyParameters) -> FitParameter:
    value = cxb_norm(parameters.flux_limit, parameters.cxb_index)
    prior: Prior | None = None
    if parameters.flux_limit is not None:
        prior = Normal(value, parameters.cxb_error * value, 0.0)
    return FitParameter(
        name="cxb.norm", value=value, minimum=0.0, maximum=1e6, step=0.1 * value,
        unit="ph keV-1 s-1 cm-2 arcmin-2", prior=prior, is_norm=True,
    )  # fmt: skip


def _kt(name: str, start: float, low: float, high: float) -> FitParameter:
    value = start if low < start < high else 0.5 * (low + high)
    return FitParameter(name=name, value=value, minimum=low, maximum=high, unit="keV", step=0.01)


def _norm(name: str, value: float) -> FitParameter:
    return FitParameter(
        name=name, value=value, minimum=0.0, maximum=1e6, step=value, unit="10**14 arcmin-2 cm-5",
        is_norm=True,
    )  # fmt: skip


def _scatter(name: str, sigma: float) -> FitParameter:
    if sigma == 0:
        return FitParameter(name=name, value=0.0, minimum=-0.9, maximum=10.0, frozen=True)
    return FitParameter(
        name=name, value=0.0, minimum=-0.9, maximum=10.0, step=sigma,
        prior=Normal(0.0, sigma, -0.9, 10.0),
    )  # fmt: skip
