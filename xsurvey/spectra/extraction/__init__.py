"""Spectra of regions in event files, with their responses."""

from xsurvey.spectra.extraction.extract import (
    SpectrumRequest,
    extract_spectra,
    extract_spectrum,
)
from xsurvey.spectra.extraction.merge import merge_spectra
from xsurvey.spectra.extraction.parameters import ExtractionParameters
from xsurvey.spectra.extraction.responses import GivenResponses
from xsurvey.spectra.extraction.spectra import ExtractedSpectra

__all__ = [
    "ExtractedSpectra", "ExtractionParameters", "GivenResponses", "SpectrumRequest",
    "extract_spectra", "extract_spectrum", "merge_spectra",
]  # fmt: skip
