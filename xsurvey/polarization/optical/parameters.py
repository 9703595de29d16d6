"""Parameters of optical companion series."""

from typing import Literal

from pydantic import Field

from xsurvey.parameters import StepParameters


class OpticalSeriesParameters(StepParameters):
    """How an optical series is corrected, resolved and searched for rotations."""

    debias: Literal["mas", "classical", "none"] = Field(
        default="mas",
        description="Estimator of polarization degrees without the bias of noise: mas (modified "
        "asymptotic), classical (root of p^2 - sigma^2), none.",
    )
    host_fraction: float = Field(
        default=0.0, ge=0, lt=1,
        description="Part of the optical flux that is the unpolarized light of the host galaxy.",
    )  # fmt: skip
    host_fraction_error: float = Field(
        default=0.0, ge=0, lt=1, description="Standard deviation of that part."
    )
    change_rate: float | None = Field(
        default=None, ge=0,
        description="How fast the angle wanders, degrees per square root of a day: the probability "
        "of half turns rests on it. From the series if not given.",
    )  # fmt: skip
    branch_probability: float = Field(
        default=0.95, gt=0, lt=1,
        description="Probability of a half turn below which a step of the angle is ambiguous.",
    )  # fmt: skip
    smallest_rotation: float = Field(
        default=90.0, gt=0, description="Smallest rotation that is an episode, degrees."
    )
    rotation_points: int = Field(default=4, ge=3, description="Fewest measurements of a rotation.")
    rotation_tolerance: float = Field(
        default=2.0, ge=0,
        description="Errors by which the angle comes back where a rotation ends.",
    )  # fmt: skip
    walks: int = Field(
        default=10_000, ge=1000, le=1_000_000,
        description="Simulated random walks of the Stokes parameters, of which the tenth that is "
        "most like the series is compared with it.",
    )  # fmt: skip
    cell_polarization: float = Field(
        default=0.72, gt=0, le=1,
        description="Polarization of a cell of the random walks: that of a uniform field.",
    )  # fmt: skip


class CompanionParameters(OpticalSeriesParameters):
    """The optical series beside the X-rays."""

    file: str | None = Field(
        default=None,
        description="ECSV file of the polarization of the optical companion: time, pd, pd_err, "
        "pa, pa_err. None if not given.",
    )  # fmt: skip
