"""What an extraction gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix


@dataclass(frozen=True)
class ExtractedSpectra:
    """A spectrum, its background and its responses.

    Attributes
    ----------
    source : PhaSpectrum
        ``exposure`` is the livetime of the detectors that see the region (of a scan, the mean
        time for which it was in the field), ``backscal`` the exposed area in deg2, such that their
        product is livetime integrated over the region without masks, gaps and what lies beyond
        the field. ``region_area`` is without masks alone.
    background : PhaSpectrum or None
    arf : AncillaryResponse or None
        Of all detectors together, whose counts add up: with vignetting, PSF fraction of a point
        source, and the part of the exposure for which gaps and edges did not hide it. None where it
        was left out.
    rmf : RedistributionMatrix or None
    pileup_fraction : float
        Estimate for the brightest place of the region, of frames with an event those in which
        photons fell together; NaN for detectors without frames.
    stamps : mapping of str to (value, comment)
        Header keywords that say what was applied and approximated.
    warnings : tuple of str
    """

    source: PhaSpectrum
    background: PhaSpectrum | None
    arf: AncillaryResponse | None
    rmf: RedistributionMatrix | None
    pileup_fraction: float
    stamps: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
