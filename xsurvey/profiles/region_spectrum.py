"""Spectra of the regions of a layout, ready for a joint fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.profiles.light_between_annuli import LightRadii
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.spectra.dataset import Dataset


@dataclass(frozen=True)
class RegionSpectrum:
    """The spectrum of one region by one group of detectors, of all observations together.

    Attributes
    ----------
    region : int
        Place in the layout.
    group : str
        Of detectors: those with the same particle background and band.
    dataset : Dataset
        Counts, and a folding with the livetime and the effective area on the optical axis times
        the vignetting averaged over the region (by livetime and solid angle).
    area : float
        Livetime integrated over the counted pixels, divided by the dataset's exposure: arcmin2.
    particle : ndarray, shape (m,)
        Expected counts of particles in the groups of channels, of the template scaled in the hard
        band.
    particle_variance : ndarray, shape (m,)
        Of these by the template's own counts.
    scale_error : float
        Relative error of the scale of ``particle`` by the counts of the hard band (one sigma),
        common to all regions of a group; without the template's systematic error.
    """

    region: int
    group: str
    dataset: Dataset
    area: float
    particle: np.ndarray
    particle_variance: np.ndarray
    scale_error: float = 0.0


@dataclass(frozen=True)
class RegionSpectra:
    """All that a joint fit of annuli is of.

    Attributes
    ----------
    layout : RegionLayout
    spectra : sequence of RegionSpectrum
    mixing : ndarray, shape (r, r)
        arcmin2: solid angle of region j (second index) whose light is counted in region i, by the
        PSF, weighted with the livetime relative to that of region i. Without PSF its diagonal is
        ``area``.
    geometric_area : ndarray, shape (r,)
        arcmin2, masks and gaps included.
    light_radii : LightRadii, optional
        Where the light comes from that is counted; each region has one spectrum without it.
    """

    layout: RegionLayout
    spectra: Sequence[RegionSpectrum]
    mixing: np.ndarray
    geometric_area: np.ndarray
    light_radii: LightRadii | None = None
