"""Parameters of the extraction of spectra."""

from typing import Literal

from pydantic import Field

from xsurvey.parameters import StepParameters


class ExtractionParameters(StepParameters):
    """What the effective area of an extracted spectrum takes account of."""

    source_type: Literal["extended", "point"] = Field(
        default="extended",
        description="extended: fluxes are of what the region holds. point: the effective area is "
        "multiplied by the part of the PSF that the region holds, so that fluxes are of the whole "
        "source.",
    )
    area_weights: Literal["counts", "flat"] = Field(
        default="counts",
        description="How vignetting is averaged over the region of an extended source: where its "
        "counts are, or evenly.",
    )
    area_includes: Literal["auto", "nothing", "vignetting", "all"] = Field(
        default="auto",
        description="What a given effective area already includes and is not applied again; auto "
        "takes it from the header and columns of the file. all: vignetting and PSF.",
    )
