"""Parameters of the particle background."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, Band, written


class ParticleParameters(StepParameters):
    """Where the spectrum of the particle background is from, and how it is scaled."""

    enabled: bool = Field(
        default=True,
        description="Take off a particle background; otherwise all counts are taken for the sky's.",
    )
    templates: tuple[str, ...] = Field(
        default=(),
        description="GROUP=FILE of the detectors of a group: an event file of a closed filter "
        "wheel, or a spectrum (PHA) made of it; repeat for each group, and for several files of "
        "one.",
    )
    models: tuple[str, ...] = Field(
        default=(),
        description="GROUP=MODEL in place of a file, in counts/s/keV before the redistribution, "
        "followed by its settings component.parameter=value, with blanks between.",
    )
    hard_band: Band | None = Field(
        default=None,
        description="Energies, in keV, at which the mirrors have hardly any area: templates are "
        "scaled there. The mission's if not given.",
    )
    scaling_beyond: Angle = Field(
        default=written("0arcmin"), ge=0,
        description="Only regions that begin beyond this radius tell the scale: hot gas of a core "
        "shines in the hard band too.",
    )  # fmt: skip
    scaling: Literal["observation", "common"] = Field(
        default="observation",
        description="Whether each observation has a scale of its own, or all have one.",
    )
    template_error: float = Field(
        default=0.05, ge=0, lt=1,
        description="Relative systematic error of scaled templates (one sigma).",
    )  # fmt: skip
    sky_correction: bool = Field(
        default=True,
        description="Take the cosmic X-ray background's photons off the counts of the hard band.",
    )

    @model_validator(mode="after")
    def _groups_once(self) -> ParticleParameters:
        files, models = by_group(self.templates), by_group(self.models)
        for group, texts in models.items():
            if group in files or len(texts) > 1:
                raise ValueError(f"the group {group} has two templates")
        return self


def by_group(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """Return what ``GROUP=TEXT`` entries give each group.

    Raises
    ------
    ValueError
        Another form.

    Examples
    --------
    >>> by_group(("TM8=a.fits", "TM8=b.fits"))
    {'TM8': ['a.fits', 'b.fits']}
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        group, equal, rest = text.partition("=")
        if not (equal and group.strip() and rest.strip()):
            raise ValueError(f"'{text}' is not GROUP=FILE or GROUP=MODEL")
        found.setdefault(group.strip(), []).append(rest.strip())
    return found
