"""Parameters of imaging."""

from pydantic import Field

from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, Band


class ImageParameters(StepParameters):
    """How events become images."""

    pixel_size: Angle | None = Field(
        default=None, gt=0,
        description="Pixel size, rounded to a whole number of sky pixels; the mission's choice "
        "if not given.",
    )  # fmt: skip
    image_band: tuple[Band, ...] = Field(
        default=(),
        description="Energy range of an image, in keV; repeat for several. The mission's "
        "standard bands if none is given.",
    )
