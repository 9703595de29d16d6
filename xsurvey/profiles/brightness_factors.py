r"""What surface brightness a plasma of unit norm has, by the responses of spectra of regions.

Of region i, with the folding A of its spectra and the solid angle :math:`\Omega` they are of, a
plasma of norm one per arcmin2 gives :math:`\sum_g \Omega_{ig} A_{ig} f` counts in a band. Divided
by the integral of the exposure map of that band over the region, this is the brightness that such a
plasma has in the profiles of that map, whatever its normalisation and approximations are.
"""

from __future__ import annotations

import numpy as np

from xsurvey.profiles.region_products import RegionProducts
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

ARCMIN2 = 3600.0
"""In a square degree."""
_MODEL = "tbabs*apec"


def brightness_per_norm(
    products: RegionProducts, band: EnergyBand, exposure_area: np.ndarray, kt: np.ndarray,
    abundance: np.ndarray, redshift: float, nh: float, settings: ModelSettings | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the brightness of plasmas of norm one per arcmin2.

    Parameters
    ----------
    products : RegionProducts
    band : EnergyBand
        keV, of the exposure map.
    exposure_area : ndarray, shape (r,)
        Integral of that map over the counted pixels of each region, s arcmin2.
    kt, abundance : ndarray, shape (..., r)
        keV and solar; NaN where they are not known.
    redshift, nh : float
        The latter 1e22 cm-2.
    settings : ModelSettings, optional

    Returns
    -------
    ndarray, shape (..., r)
        Count / s of an absorbed apec of norm 1; NaN where it is not known.
    """
    expression = parse_expression(_MODEL)
    shape = np.broadcast_shapes(np.shape(kt), np.shape(abundance))
    plasmas = [np.broadcast_to(v, shape).reshape(-1, shape[-1]) for v in (kt, abundance)]
    known = np.isfinite(plasmas[0]) & np.isfinite(plasmas[1]) & (exposure_area > 0)
    counts = np.zeros(known.shape)
    evaluators: dict[bytes, ModelEvaluator] = {}
    for one in products.products:
        i = one.region
        good = known[:, i]
        if not good.any():
            continue
        response = build_response(products.matrices[one.group], one.arf)
        data = make_dataset(one.spectrum, response, rule="none", bands=[band])
        key = data.folding.edges.tobytes()
        if key not in evaluators:
            evaluators[key] = ModelEvaluator(
                expression, data.folding.edges, settings or ModelSettings()
            )
        rows = np.tile([nh, 0.0, 0.0, redshift, 1.0], (int(good.sum()), 1))
        rows[:, 1], rows[:, 2] = (v[good, i] for v in plasmas)
        expected = data.folding.fold(evaluators[key](rows))
        inside = expected @ shares_of_band(data, band)
        counts[good, i] += inside * float(one.spectrum.backscal[0]) * ARCMIN2
    found = np.divide(counts, exposure_area, out=np.full(counts.shape, np.nan), where=known)
    return found.reshape(shape)


def shares_of_band(data: Dataset, band: EnergyBand) -> np.ndarray:
    """Return which part of each channel lies in a band, shape (m,)."""
    low, high = data.energy_low, data.energy_high
    shared = np.minimum(high, band.maximum) - np.maximum(low, band.minimum)
    return np.asarray(np.clip(shared / (high - low), 0, 1))
