"""Parameters of tests of polarization: against an assumed angle, time, pulse phase, rotation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters


class KnownAngleParameters(StepParameters):
    """An angle that the polarization is assumed to have."""

    known_angle: float | None = Field(
        default=None, ge=-360, le=360,
        description="Assumed position angle of the polarization, degrees north through east: "
        "degree, limits and significance are then also given along it. None if not given.",
    )  # fmt: skip
    known_angle_error: float = Field(
        default=0.0, ge=0,
        description="Standard deviation of the assumed angle, degrees; limits are then those of "
        "all angles, weighted with how probable they are.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _error_is_of_an_angle(self) -> Self:
        if self.known_angle_error > 0 and self.known_angle is None:
            raise ValueError("known_angle_error is given without known_angle")
        return self


class ConstancyParameters(StepParameters):
    """How constancy in time is tested."""

    time_bins: int = Field(
        default=10, ge=2, le=10_000,
        description="Time bins of the test of constancy.",
    )  # fmt: skip
    time_binning: Literal["counts", "livetime"] = Field(
        default="counts",
        description="What all time bins have the same of: counts (events of the source region) or "
        "livetime.",
    )  # fmt: skip
    constancy_trials: int = Field(
        default=999, ge=99, le=1_000_000,
        description="Permutations of events that the probability rests on where bins have few "
        "events (less than 30).",
    )  # fmt: skip


class RotationParameters(StepParameters):
    """The search for a rotation of the angle."""

    highest_rate: float | None = Field(
        default=None, gt=0, le=1e6,
        description="Highest rate of rotation that is searched for, in both directions, degrees a "
        "day. No search if not given.",
    )  # fmt: skip
    rate_oversampling: float = Field(
        default=10.0, ge=2, le=100, description="Rates of the search in an independent one."
    )
    rotation_trials: int = Field(
        default=999, ge=99, le=1_000_000,
        description="Simulated observations without rotation that probabilities rest on.",
    )  # fmt: skip


class PulsePhaseParameters(StepParameters):
    """How pulse phases are computed and binned."""

    frequency: float | None = Field(
        default=None,
        gt=0,
        description="Frequency of the pulses at the epoch, Hz. No phases if not given.",
    )
    frequency_derivatives: tuple[float, ...] = Field(
        default=(),
        description="Time derivatives of the frequency at the epoch, Hz/s, Hz/s2; repeat for "
        "several, the first one first.",
    )
    epoch: float | None = Field(
        default=None,
        description="MJD, in the time scale of the events, at which the frequency is given and "
        "the phase is zero. The reference time of the events if not given.",
    )
    phase_bins: int = Field(default=10, ge=2, le=10_000, description="Bins of pulse phase.")

    @model_validator(mode="after")
    def _derivatives_are_of_a_frequency(self) -> Self:
        if self.frequency_derivatives and self.frequency is None:
            raise ValueError("frequency_derivatives need a frequency")
        return self
