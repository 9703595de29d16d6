"""The spectrum for which exposure maps of profiles average the vignetting over their band.

By default that is the spectrum of the catalog's fluxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from pydantic import Field, field_validator

from xsurvey.parameters import StepParameters
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

NONE = "none"
PHOTON_INDEX = 2.0
DEFAULT = f"powerlaw:{PHOTON_INDEX:g},0.03"
"""As the catalog's fluxes assume it."""
SPECTRUM_FIELD = (
    "Spectrum for which exposure maps that are made here average the vignetting over the band: "
    "powerlaw:INDEX,NH (powerlaw:2,0.03; NH in 1e22 / cm2), or none for that at its middle."
)
_TEXT = re.compile(r"powerlaw:([^,]+)(?:,([^,]+))?")
_STEEPEST, _THICKEST = 10.0, 100.0


@dataclass(frozen=True)
class ExposureSpectrum:
    """A power law behind hydrogen.

    Attributes
    ----------
    index : float
        Photon index.
    nh : float
        1e22 / cm2.
    """

    index: float
    nh: float = 0.0

    def __str__(self) -> str:
        """Return the text that `parse_spectrum` reads."""
        return f"powerlaw:{self.index:g},{self.nh:g}"

    def photons(self, edges: np.ndarray) -> np.ndarray:
        """Return photons in bins of energy, to a factor, shape (n,).

        Parameters
        ----------
        edges : ndarray, shape (n + 1,)
            keV.

        Raises
        ------
        MissingDataError
            XSPEC's models are not installed.
        """
        name, row = "powerlaw", [self.index, 1.0]
        if self.nh > 0:
            name, row = "tbabs*powerlaw", [self.nh, *row]
        evaluator = ModelEvaluator(parse_expression(name), edges, ModelSettings())
        return np.asarray(evaluator(np.array(row)))


def parse_spectrum(text: str) -> ExposureSpectrum | None:
    """Return the spectrum that a text names, None for ``none``.

    Raises
    ------
    ValueError
        It has another form.

    Examples
    --------
    >>> parse_spectrum("powerlaw:1.7,0.03")
    ExposureSpectrum(index=1.7, nh=0.03)
    """
    if text.strip() == NONE:
        return None
    match = _TEXT.fullmatch(text.replace(" ", ""))
    try:
        index, nh = (float(v) for v in (match[1], match[2] or 0)) if match else (np.nan, np.nan)
    except ValueError:
        index, nh = np.nan, np.nan
    if not (abs(index) <= _STEEPEST and 0 <= nh <= _THICKEST):
        raise ValueError(
            f"'{text}' is not powerlaw:INDEX,NH (powerlaw:2,0.03: photon index, and 1e22 / cm2 of "
            f"absorption, up to {_STEEPEST:g} and {_THICKEST:g}) or none"
        )
    return ExposureSpectrum(index, nh)


class ExposureMapParameters(StepParameters):
    """Exposure maps that are not given."""

    exposure_spectrum: str | None = Field(
        default=None,
        description=f"{SPECTRUM_FIELD} That at the middle of the band if not given.",
    )

    @field_validator("exposure_spectrum")
    @classmethod
    def _known_spectrum(cls, value: str | None) -> str | None:
        if value is not None:
            parse_spectrum(value)
        return value

    @property
    def spectrum(self) -> ExposureSpectrum | None:
        """The spectrum that is given, None for none."""
        return None if self.exposure_spectrum is None else parse_spectrum(self.exposure_spectrum)
