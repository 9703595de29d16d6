"""Parameters of stacks: what the user chooses, and what a plan tells each of its tasks."""

from pydantic import Field

from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, written


class StackParameters(StepParameters):
    """Which observations are searched together."""

    combine: bool = Field(
        default=True,
        description="Search observations of one mission that overlap together; otherwise each "
        "alone, and sources are matched in the catalog.",
    )
    max_size: int = Field(
        default=2500, ge=200, le=20_000,
        description="Largest side of an image, in pixels. Mosaics and scans that are larger are "
        "cut into tiles.",
    )  # fmt: skip
    margin: Angle = Field(
        default=written("4arcmin"), gt=0, le=7200,
        description="By how much tiles reach beyond the part of the sky whose sources are theirs; "
        "it should hold the wings of the PSF and the widest wavelet.",
    )  # fmt: skip
    match_systematic: Angle = Field(
        default=written("0.5arcsec"), ge=0, le=60,
        description="Error of the pointing on each axis (one sigma), added to the error ellipses "
        "where sources of different stacks are matched.",
    )  # fmt: skip


class SharedSky(StepParameters):
    """Files that hold photons of this one too; each place belongs to the nearest centre.

    Centres are RA, Dec in degrees (ICRS).
    """

    centre: tuple[float, float] = (0.0, 0.0)
    others: tuple[tuple[float, float], ...] = ()


class Tile(StepParameters):
    """A rectangle on the sky, and the part of it whose sources belong to it.

    ``ra``, ``dec`` (degrees) are the place where its image touches the sky; ``width`` and
    ``height`` (arcsec) the sides of the image. The core lies between two declinations and between
    two differences of right ascension from ``origin``, lower ends included (degrees).
    """

    ra: float
    dec: float
    width: float
    height: float
    origin: float = 0.0
    core_ra: tuple[float, float] = (-180.0, 180.0)
    core_dec: tuple[float, float] = (-90.0, 90.1)
    strip: float = 0.0
    """Arcsec by which sources beyond the core are kept until the catalog compares tiles."""


class StackGeometry(StepParameters):
    """What a plan says of a stack.

    ``files`` is how many event files each observation has, ``shared`` what it shares with files
    of other observations; ``backgrounds``, ``regions``, ``arfs`` and ``rmfs`` name the observations
    for which such are given. ``tile`` is None for one observation on its own pixels.
    """

    observations: tuple[str, ...] = ()
    files: tuple[int, ...] = ()
    shared: tuple[SharedSky, ...] = ()
    backgrounds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    arfs: tuple[str, ...] = ()
    rmfs: tuple[str, ...] = ()
    area_includes: str = "auto"
    tile: Tile | None = None
    several: bool = False
    """Whether observations are combined: their images are brought to one grid."""
