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
        ``backscal`` is the exposed area in deg2, without masks, gaps and what lies outside of the
        field; ``exposure`` the mean livetime of that area, and ``region_area`` the area of the
        region without masks alone. So exposure times backscal is livetime integrated over area.
    background : PhaSpectrum or None
    arf : AncillaryResponse or None
        None where it was left out.
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
