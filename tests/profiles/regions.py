"""What tests of spectra of annuli share: a simulated survey tile with particles and sky."""

from pathlib import Path

from xsurvey.events import EventList
from xsurvey.imaging.sky_image import grid_from_events
from xsurvey.missions import open_events
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.units import SkyPosition

from ..conftest import simulate

CENTRE = SkyPosition(150.0, 2.2)
PARTICLES = {
    "particle": "powerlaw", "particle_set": ("powerlaw.PhoIndex=0.2", "powerlaw.norm=0.3"),
    "particle_group": ("TM9=powerlaw powerlaw.PhoIndex=4 powerlaw.norm=0.02",),
}  # fmt: skip
SKY = {"diffuse": "powerlaw", "diffuse_set": ("powerlaw.PhoIndex=1.41", "powerlaw.norm=9.8e-7")}
RINGS = AnnuliParameters(
    edges=("0arcmin", "5arcmin", "10arcmin", "20arcmin"), sky_inner="25arcmin",
    sky_outer="45arcmin",
)  # fmt: skip


def tile(path: Path, seed: int = 3) -> EventList:
    """Return a small survey tile of particles and diffuse sky."""
    simulate(
        path, seed, mission="erosita", scans=12, field_size="1.6deg", energy="0.2-10", **SKY,
        **PARTICLES,
    )  # fmt: skip
    return open_events(path)


def closed(path: Path, seed: int = 4) -> Path:
    """Return an exposure with the filter wheel closed."""
    return simulate(
        path, seed, mission="erosita", closed=True, exposure="5ks", energy="0.2-10", **PARTICLES
    )


def rings(events: EventList, pixel: float = 16.0) -> RegionLayout:
    """Return three annuli and the sky."""
    return make_layout(grid_from_events(events, pixel), CENTRE, RINGS)
