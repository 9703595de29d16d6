"""How observations are fetched."""

from pydantic import Field, field_validator

from xsurvey.archives.web import check_address
from xsurvey.errors import ParameterError
from xsurvey.parameters import StepParameters
from xsurvey.units import Duration, written


class FetchParameters(StepParameters):
    """Which products of an observation are fetched, from where, and with how much patience."""

    product: tuple[str, ...] = Field(
        default=(),
        description="Kind of files to fetch, may be repeated, 'all' for every kind; the events "
        "and what their analysis needs if not given.",
    )
    mission: tuple[str, ...] = Field(
        default=(), description="Only this mission's observations in a cone; may be repeated."
    )
    base_url: str | None = Field(
        default=None,
        description="Address of a mirror in place of the archive's own; it has the same folders.",
    )
    search_url: str | None = Field(
        default=None, description="Address of the service that finds observations in a cone."
    )
    max_observations: int = Field(
        default=20, ge=1, description="Most observations that a cone may fetch."
    )
    parallel: int = Field(default=2, ge=1, le=2, description="Files fetched at the same time.")
    retries: int = Field(
        default=5, ge=0, le=20, description="How often a request that failed is repeated."
    )
    timeout: Duration = Field(
        default=written("60s"),
        gt=0,
        description="How long a server may send nothing, or next to nothing.",
    )

    @field_validator("base_url", "search_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        try:
            return value if value is None else check_address(value)
        except ParameterError as error:
            raise ValueError(error.cause) from None
