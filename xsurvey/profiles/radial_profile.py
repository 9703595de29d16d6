"""A surface-brightness profile: what was counted in radial bins, and with what exposure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RadialProfile:
    """Counts in n radial bins of one sector (or of all angles) in one band.

    Sums over the exposed pixels of a bin that are not masked; a pixel belongs to the bin its
    centre falls in.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Arcmin, ascending; of an ellipse along its major axis.
    counts : ndarray, shape (n,)
    exposure_area : ndarray, shape (n,)
        Sum of exposure times solid angle, s arcmin2: vignetted, so that counts of the sky divided
        by it are a brightness on the optical axis.
    area : ndarray, shape (n,)
        Solid angle of these pixels, arcmin2.
    geometric_area : ndarray, shape (n,)
        Solid angle of all pixels of the bin, seen or not, arcmin2; of a bin that reaches over the
        edge of the image that of the geometry.
    background : ndarray, shape (n,)
        Counts of the given background maps (particles; not vignetted); zero without one.
    background_error : ndarray, shape (n,)
        One-sigma systematic error of these counts, fully correlated between bins.
    label_image : ndarray of int, shape (ny, nx)
        Bin of each pixel that was counted; -1 elsewhere.
    flags : ndarray of int, shape (n,)
        Bits of `xsurvey.profiles.bin_flags.BinFlag`.
    sector : tuple of float or None
        First and last position angle, degrees north through east; None for all.
    stamps : mapping
        In what it is approximate.
    """

    edges: np.ndarray
    counts: np.ndarray
    exposure_area: np.ndarray
    area: np.ndarray
    geometric_area: np.ndarray
    background: np.ndarray
    background_error: np.ndarray
    label_image: np.ndarray
    flags: np.ndarray
    sector: tuple[float, float] | None = None
    stamps: dict[str, Any] = field(default_factory=dict)

    @property
    def radius(self) -> np.ndarray:
        """Middles of the bins, arcmin."""
        return np.asarray(self.edges[1:] + self.edges[:-1]) / 2

    @property
    def width(self) -> np.ndarray:
        """Full widths of the bins, arcmin."""
        return np.diff(self.edges)

    @property
    def exposure(self) -> np.ndarray:
        """Mean exposure of the exposed pixels, s, shape (n,); 0 where none is."""
        return np.divide(
            self.exposure_area, self.area, out=np.zeros_like(self.area), where=self.area > 0
        )
