"""Smoothing of maps by their sums, never by polarization degrees.

A degree is positive whatever the noise: the mean of degrees is biased, and pixels whose angles
differ do not cancel in it as the photons in a beam do. Sums add up, and with them their variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import oaconvolve

from xsurvey.errors import ParameterError
from xsurvey.polarization.bin_sums import POWERS, BinSums
from xsurvey.polarization.space.cell_sums import effective_number

KernelShape = Literal["tophat", "gaussian"]

_REACH = 4.0  # sigma, beyond which a Gaussian is cut off


@dataclass(frozen=True)
class Kernel:
    """Weights of neighbouring pixels, 1 in the middle.

    Attributes
    ----------
    weight : ndarray, shape (2 h + 1, 2 h + 1)
    shape : str
    size : float
        Pixels: radius of a top-hat, sigma of a Gaussian.
    """

    weight: np.ndarray
    shape: KernelShape
    size: float

    @property
    def beam(self) -> float:
        """Pixels of an independent beam, (sum k)^2 / sum k^2."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    def apply(self, images: np.ndarray, power: int = 1) -> np.ndarray:
        """Return images (..., ny, nx) convolved with the weights to some power.

        There is nothing beyond the edges of the map.
        """
        weight = self.weight**power
        if weight.size == 1:
            return np.array(images, float)
        flat = images.reshape(-1, *images.shape[-2:])
        return np.asarray(
            oaconvolve(flat, weight[None], mode="same", axes=(1, 2)).reshape(images.shape)
        )


def kernel(shape: KernelShape, size: float) -> Kernel:
    """Return a kernel.

    Parameters
    ----------
    shape : {'tophat', 'gaussian'}
        Pixels whose centres are within a circle, or a Gaussian cut off at 4 sigma.
    size : float
        Pixels: radius, or sigma.

    Raises
    ------
    ParameterError
        The size is not positive.
    """
    if not (np.isfinite(size) and size > 0):
        raise ParameterError("smoothing_size", f"is {size:g} pixels", "give a positive angle")
    half = int(np.floor(size if shape == "tophat" else _REACH * size))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    r2 = x * x + y * y
    if shape == "tophat":
        weight = (r2 <= size**2).astype(float)
    else:
        weight = np.exp(-r2 / (2 * size**2)) * (r2 <= (_REACH * size) ** 2)
    return Kernel(weight, shape, size)


def smoothed(sums: BinSums, image: tuple[int, int], by: Kernel) -> BinSums:
    """Smooth the sums of a map: those of weights with k, those of their squares with k^2.

    An event in pixel j has then the weight k_j w a, and the variance of Q/I is that of any weighted
    events, sum k^2 (w a)^2 (q/mu - Q/I)^2 / (sum k w a)^2. Smoothed pixels are not independent.

    Parameters
    ----------
    sums : BinSums
        Arrays (p, n), of p = ny nx pixels.
    image : (int, int)
        (ny, nx).
    by : Kernel

    Returns
    -------
    BinSums
        ``counts`` are sums of k.
    """

    def convolved(values: np.ndarray, power: int, of: Kernel = by) -> np.ndarray:
        planes = np.moveaxis(values.reshape(*image, -1), -1, 0)
        return np.moveaxis(of.apply(planes, power), 0, -1).reshape(values.shape)

    # where no event is near, transforms leave rounding errors in place of zeros
    cover = Kernel((by.weight > 0).astype(float), by.shape, by.size)
    near = convolved((sums.counts > 0).astype(float), 1, cover) > 0.5
    arrays = {
        name: np.where(near, convolved(getattr(sums, name), power), 0.0)
        for name, power in {"counts": 1, **POWERS}.items()
    }
    return BinSums(
        energy_min=sums.energy_min, energy_max=sums.energy_max,
        gross=effective_number(arrays["i"], arrays["weight2"]), **arrays,
    )  # fmt: skip
