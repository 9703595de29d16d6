"""What column densities of hydrogen leave of a plasma's counts in a band."""

from __future__ import annotations

import numpy as np

from xsurvey.errors import InputError
from xsurvey.profiles.brightness_factors import ARCMIN2, shares_of_band
from xsurvey.profiles.folded_plasma import Absorbed
from xsurvey.profiles.region_products import RegionProducts
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand


def band_transmission(
    products: RegionProducts, band: EnergyBand, columns: np.ndarray, kt: float, abundance: float,
    redshift: float, settings: ModelSettings | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the share of a plasma's counts that is left behind column densities.

    Through the responses of all regions together, as if the plasma were everywhere.

    Parameters
    ----------
    products : RegionProducts
    band : EnergyBand
        keV.
    columns : ndarray, shape (k,)
        Of hydrogen, 1e22 / cm2.
    kt, abundance : float
        keV and solar.
    redshift : float
    settings : ModelSettings, optional

    Returns
    -------
    ndarray, shape (k,)
        1 without absorption.

    Raises
    ------
    InputError
        The plasma has no counts in the band.
    """
    models = Absorbed(settings or ModelSettings())
    every = np.append(0.0, columns)
    rows = np.array([[nh, kt, abundance, redshift, 1.0] for nh in every])
    counts = np.zeros(len(every))
    for one in products.products:
        response = build_response(products.matrices[one.group], one.arf)
        data = make_dataset(one.spectrum, response, rule="none", bands=[band])
        expected = models.folded(data, "tbabs*apec", rows) @ shares_of_band(data, band)
        counts += expected * float(one.spectrum.backscal[0]) * ARCMIN2
    if not counts[0] > 0:
        raise InputError(
            "absorption.kt", f"a plasma of {kt:g} keV has no counts at {band} keV",
            "choose another temperature or band",
        )  # fmt: skip
    return np.asarray(counts[1:] / counts[0])
