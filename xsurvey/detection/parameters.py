"""Parameters of detection and photometry."""

import numpy as np
from pydantic import Field, field_validator, model_validator

from xsurvey.detection.significance import at_one_place
from xsurvey.missions import Mission
from xsurvey.parameters import StepParameters
from xsurvey.psf import parse_psf
from xsurvey.units import Angle, Band, written

_BACKGROUND_PIXELS = 60.0
_APERTURE_FRACTION = 0.9


class DetectionParameters(StepParameters):
    """How sources are searched.

    The default threshold leaves half a false source or less in a blank image of a million pixels
    (docs/calibration.md).
    """

    band: tuple[Band, ...] = Field(
        default=(),
        description="Energy range to search, in keV; repeat for several, which are merged. "
        "The mission's own detection bands if none is given.",
    )
    threshold: float = Field(
        default=12.0, gt=0, le=1e6,
        description="Smallest detection likelihood -ln P of a TRUE source, P being the chance "
        "that the background alone does as well in a matched filter anywhere in a beam of the PSF.",
    )  # fmt: skip
    marginal: bool = Field(
        default=False,
        description="Also keep MARGINAL sources, down to the marginal threshold. They are searched "
        "and fitted in any case, so that TRUE ones are the same with and without.",
    )
    marginal_threshold: float = Field(
        default=10.7, gt=0, le=1e6, description="Smallest detection likelihood of MARGINAL sources."
    )
    scales: int = Field(
        default=4, ge=1, le=7,
        description="Number of wavelet scales, from one pixel up, each twice the last.",
    )  # fmt: skip
    background_scale: Angle | None = Field(
        default=None, gt=0,
        description="Gaussian sigma of the widest smoothing of the background map; the mission's "
        "choice if not given, of an image of no known mission 60 pixels.",
    )  # fmt: skip

    extent_threshold: float = Field(
        default=5.0, gt=0, le=1e6,
        description="Smallest half gain in the statistic C of a free core radius that makes a "
        "source extended.",
    )  # fmt: skip
    smallest_extent: float = Field(
        default=0.4, ge=0, le=100,
        description="Smallest core radius of extended sources in half-energy radii of the PSF; "
        "two and a half times as much where the PSF is only approximate.",
    )  # fmt: skip
    psf: str | None = Field(
        default=None,
        description="PSF as gaussian:SIGMA or king:R90,SLOPE (gaussian:0.7arcsec). The mission's "
        "approximate PSF if not given; of an image of no known mission the width of its sources.",
    )

    def background_pixels(self, mission: Mission | None, pixel_size: float) -> float:
        """Return the background scale in pixels of an image, whose size is in arcsec."""
        scale = self.background_scale
        if scale is None:
            scale = mission.background_scale if mission else _BACKGROUND_PIXELS * pixel_size
        return scale / pixel_size

    @property
    def lowest_threshold(self) -> float:
        """Likelihood below which nothing is fitted.

        The same whether or not MARGINAL sources are kept in the end: they take their share of the
        photons, and TRUE sources beside them must not depend on who is listed.
        """
        return min(self.threshold, self.marginal_threshold)

    @property
    def local_threshold(self) -> float:
        """The threshold as -ln P at the one place of the source."""
        return at_one_place(self.threshold)

    @property
    def lowest_local_threshold(self) -> float:
        """The lowest threshold as -ln P at the one place of the source."""
        return at_one_place(self.lowest_threshold)

    @field_validator("psf")
    @classmethod
    def _known_psf(cls, value: str | None) -> str | None:
        if value is not None:
            parse_psf(value)
        return value


class PhotometryParameters(StepParameters):
    """How sources are measured."""

    measure_band: tuple[Band, ...] = Field(
        default=(),
        description="Energy range to measure in, in keV; repeat for several. The searched "
        "bands if those were given, otherwise the mission's standard bands.",
    )
    aperture_fraction: float | None = Field(
        default=None, gt=0.1, lt=0.99,
        description="Fraction of the PSF that the aperture encircles; the mission's choice if not "
        "given, 0.9 of an unknown one.",
    )  # fmt: skip
    annulus_inner: float = Field(
        default=1.5,
        ge=1,
        le=20,
        description="Inner radius of the annulus, in aperture radii.",
    )
    annulus_outer: float = Field(
        default=5.0,
        gt=1,
        le=100,
        description="Outer radius of the annulus, in aperture radii.",
    )
    annulus_minimum: Angle = Field(
        default=written("15arcsec"),
        gt=0,
        description="Smallest outer radius of the background annulus.",
    )

    flux_index: float = Field(
        default=2.0, ge=-3, le=9,
        description="Photon index of the power law that turns rates into fluxes.",
    )  # fmt: skip
    flux_column_density: float = Field(
        default=3e20, ge=0, le=1e26,
        description="Its absorption in atoms / cm2; fluxes are the absorbed ones. The defaults of "
        "both are those of a survey of all the sky (Merloni et al. 2024, A&A 682, A34).",
    )  # fmt: skip

    def fraction(self, mission: Mission | None) -> float:
        """Return the fraction of the PSF to encircle for a mission."""
        if self.aperture_fraction is not None:
            return self.aperture_fraction
        return mission.aperture_fraction if mission else _APERTURE_FRACTION

    def annulus(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the radii of the background annulus of apertures of some radii, in arcsec."""
        inner = self.annulus_inner * radius
        outer = np.maximum(self.annulus_outer * radius, self.annulus_minimum)
        return inner, np.maximum(outer, 1.5 * inner)

    @model_validator(mode="after")
    def _annulus_has_a_width(self) -> "PhotometryParameters":
        if self.annulus_outer <= self.annulus_inner:
            raise ValueError("annulus_outer is not larger than annulus_inner")
        return self
