r"""Cluster emission in regions of the sky, tied to that of the last annulus.

Clusters do not end where the sky's regions begin. A model of the surface brightness tells how much
fainter they are there: a region i of the sky has

.. math:: \bar b_i = e^{\epsilon} \, \frac{\bar L_i}{\bar L_l} \, \bar b_l

with the mean brightness :math:`\bar b_l` and light :math:`\bar L_l` of the last annulus l of its
sector of the sky, the model's light :math:`\bar L_i` there, and :math:`\epsilon` Gaussian about
zero: models are extrapolated. The plasma is that of the last annulus, its temperature lowered as a
power of radius if asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import Normal
from xsurvey.profiles.annuli_parameters import SkyParameters
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.region_layout import RegionLayout, SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra

OUTSKIRTS = "outskirts"
_LOG_RATIO = f"{OUTSKIRTS}.log_ratio"
_WIDEST = 3.0
"""Of the logarithm of the ratio."""


@dataclass(frozen=True)
class Outskirts:
    """What last annuli contribute to regions by what lies beyond them.

    Attributes
    ----------
    mixing : ndarray, shape (r, n)
        arcmin2, of the brightness of each annulus (or the part of each shell), in each region.
    kt_factor : ndarray, shape (n,)
        Temperature beyond over that of the annulus.
    ratio : ndarray, shape (r,)
        Brightness of each region of the sky over that of its last annuli; zero of annuli.
    error : float
        Standard deviation of the logarithm of all ratios together.
    """

    mixing: np.ndarray
    kt_factor: np.ndarray
    ratio: np.ndarray
    error: float

    def parameter(self) -> FitParameter:
        """Return the parameter by whose exponential all ratios are off."""
        held = self.error == 0
        return FitParameter(
            name=_LOG_RATIO, value=0.0, minimum=-_WIDEST, maximum=_WIDEST,
            step=max(self.error, 1e-3), frozen=held,
            prior=None if held else Normal(0.0, self.error, -_WIDEST, _WIDEST),
        )  # fmt: skip

    def kinks(self, annulus: int, kt: np.ndarray) -> np.ndarray:
        """Return where the plasma of an annulus bends, or what it has beyond, keV."""
        factor = float(self.kt_factor[annulus])
        if factor == 1 or not self.mixing[:, annulus].any():
            return kt
        both = np.union1d(kt, kt / factor)
        # bends of both that are one but for rounding
        return both[np.append(True, np.diff(np.log(both)) > 1e-9)]


def region_light(layout: RegionLayout, light: np.ndarray) -> np.ndarray:
    """Return the mean of a map of the cluster's light over each region, masked or not, shape (r,).

    Raises
    ------
    InputError
        It has another shape than the layout, or is negative or no number in a region.
    """
    if light.shape != layout.emitted.shape:
        raise InputError(
            "map of the cluster's light", f"has {light.shape} pixels, regions "
            f"{layout.emitted.shape}", "make both on one grid",
        )  # fmt: skip
    chosen = layout.emitted >= 0
    label, weight = layout.emitted[chosen], pixel_solid_angles(layout.grid)[chosen]
    size = len(layout.regions)
    total = np.bincount(label, weight * light[chosen], minlength=size)
    area = np.bincount(label, weight, minlength=size)
    mean = np.divide(total, area, out=np.zeros(size), where=area > 0)
    _check_light(mean)
    return mean


def outskirts_of(
    spectra: RegionSpectra, annuli: list[int], light: np.ndarray | None, sky: SkyParameters
) -> Outskirts | None:
    """Return the outskirts in the regions of the sky; None where nothing tells them.

    Parameters
    ----------
    spectra : RegionSpectra
    annuli : list of int
        Their places among the regions.
    light : ndarray, shape (r,), or None
        Mean light of a model of the brightness in each region, without its background. One that
        does not fall outward (even light stands for no model) tells nothing.
    sky : SkyParameters

    Raises
    ------
    InputError
        Light is negative or no number, or not of these regions.
    """
    if sky.outskirts == "none" or light is None:
        return None
    regions = spectra.layout.regions
    if np.shape(light) != (len(regions),):
        raise InputError("cluster's light", "is not that of the regions", "give one for each")
    _check_light(light)
    mixing = np.zeros((len(regions), len(annuli)))
    factor, ratio = np.ones(len(annuli)), np.zeros(len(regions))
    area = spectra.geometric_area
    for sector in {r.sky_sector for r in regions}:
        beyond = [i for i, r in enumerate(regions) if r.kind == "sky" and r.sky_sector == sector]
        last = _last_annuli(regions, annuli, sector)
        if not beyond or not last:
            continue
        places = [annuli[i] for i in last]
        share = area[places] / area[places].sum()
        ratio[beyond] = light[beyond] / max(float(share @ light[places]), 1e-300)
        if not np.all(ratio[beyond] < 1):
            return None
        # sectors of one annulus have all of the sky behind them in common
        mixing[:, last] += (spectra.mixing[:, beyond] @ ratio[beyond])[:, None] * share
        radius = float(np.average([_middle(regions[i]) for i in beyond], weights=area[beyond]))
        factor[last] = (radius / _middle(regions[places[0]])) ** -sky.outskirts_kt_slope
    return Outskirts(mixing, factor, ratio, sky.outskirts_error) if mixing.any() else None


def _last_annuli(regions: Sequence[SpectralRegion], annuli: list[int], sector: int) -> list[int]:
    """Return the outermost annulus of a sector of the sky, or its parts, by place among annuli."""
    own = [i for i, place in enumerate(annuli) if regions[place].sky_sector == sector]
    end = max((regions[annuli[i]].outer for i in own), default=0.0)
    return [i for i in own if np.isclose(regions[annuli[i]].outer, end)]


def _middle(region: SpectralRegion) -> float:
    return 0.5 * (region.inner + region.outer)


def _check_light(light: np.ndarray) -> None:
    if not np.all(np.isfinite(light) & (np.asarray(light) >= 0)):
        raise InputError(
            "map of the cluster's light", "is negative or no number in a region",
            "give a model of the brightness without its background",
        )  # fmt: skip
