"""Where in an event list the counts of a source are taken: its region and a background region."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from pydantic import Field, model_validator
from regions import CircleAnnulusSkyRegion, CircleSkyRegion

from xsurvey.apertures.region_samples import RegionSamples, sample_region
from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.parameters import StepParameters
from xsurvey.psf import PointSpreadFunction
from xsurvey.regions import RegionSet, region_set
from xsurvey.units import Angle, Position, SkyPosition

_INNER, _OUTER = 1.5, 5.0
"""Of the annulus, in radii of the circle."""
_PLACES = 24
_FARTHEST = 60.0  # deg from the field's centre; projections end at 90


class ApertureParameters(StepParameters):
    """Where the counts of a source are taken, unless region files say so."""

    position: Position | None = Field(
        default=None, description="Centre of the source, RA,DEC in degrees or sexagesimal."
    )
    radius: Angle | None = Field(
        default=None, gt=0,
        description="Radius of the source circle; that of the mission's usual fraction of the PSF "
        "if not given.",
    )  # fmt: skip
    background_inner: Angle | None = Field(
        default=None, gt=0,
        description="Inner radius of the background annulus; 1.5 source radii if not given.",
    )  # fmt: skip
    background_outer: Angle | None = Field(
        default=None, gt=0,
        description="Outer radius of the background annulus; 5 source radii if not given.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _only_with_a_position(self) -> ApertureParameters:
        if self.position is None:
            for name in ("radius", "background_inner", "background_outer"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is given without a position")
        return self


@dataclass(frozen=True)
class Aperture:
    """The regions of a source and its background, in the event list's sky pixels.

    Attributes
    ----------
    source, background : RegionSet or None
        A source of None is the whole field, which has no background.
    places : tuple of SkyPosition
        Where the source's exposure is taken, in the mean: the position, or places in its region.
    fraction : float
        Of the source's counts that count, less what of them falls into the background region
        and is subtracted; 1 where it is not known.
    """

    source: RegionSet | None
    background: RegionSet | None
    places: tuple[SkyPosition, ...]
    fraction: float


WHOLE_FIELD = Aperture(None, None, (), 1.0)


def circular_aperture(
    events: EventList, parameters: ApertureParameters, background: RegionSet | None = None
) -> Aperture:
    """Return a circle with an annulus around it, or with another background region.

    Of the source's light in another region nothing is known: it is taken as none.

    Raises
    ------
    InputError
        The position is far from the field, or the annulus has no width outside of the circle.
    """
    position = parameters.position
    assert position is not None
    _check_near(events, position)
    psf, off_axis = _psf_at(events, position)
    mission = get_mission(events.observation.mission)
    radius = parameters.radius or float(psf.radius(mission.aperture_fraction, off_axis))
    inner = parameters.background_inner or max(_INNER * radius, radius)
    outer = parameters.background_outer or max(_OUTER * radius, 1.5 * inner)
    if not radius <= inner < outer:
        raise InputError(
            "background_inner", f"the annulus from {inner:g} to {outer:g} arcsec does not lie "
            f"around the circle of {radius:g} arcsec", "give other radii",
        )  # fmt: skip
    centre = SkyCoord(position.ra, position.dec, unit="deg", frame="icrs")
    circle = region_set([CircleSkyRegion(centre, radius * u.arcsec)], events.wcs, "source circle")
    if background is not None:
        inside = float(psf.encircled_fraction(np.array(radius), off_axis))
        return Aperture(circle, background, (position,), inside)
    ring = CircleAnnulusSkyRegion(centre, inner * u.arcsec, outer * u.arcsec)
    inside, at_inner, at_outer = psf.encircled_fraction(np.array([radius, inner, outer]), off_axis)
    leaked = float(at_outer - at_inner)
    fraction = float(inside) - leaked * radius**2 / (outer**2 - inner**2)
    return Aperture(
        circle, region_set([ring], events.wcs, "background annulus"), (position,), fraction
    )  # fmt: skip


def aperture_of_regions(
    events: EventList, source: RegionSet, background: RegionSet | None
) -> Aperture:
    """Return the aperture that regions make.

    Raises
    ------
    InputError
        A region that only excludes, or is empty.
    """
    return Aperture(source, background, sky_places(events, sample_region(source)), 1.0)


def sky_places(events: EventList, samples: RegionSamples) -> tuple[SkyPosition, ...]:
    """Return places in a region that stand for the same area each."""
    ra, dec = events.wcs.all_pix2world(*samples.places(_PLACES), 1)
    return tuple(SkyPosition(float(a) % 360, float(b)) for a, b in zip(ra, dec, strict=True))


def _check_near(events: EventList, position: SkyPosition) -> None:
    reference = unit_vectors(*events.wcs.wcs.crval)
    distance = float(separations(reference, unit_vectors(*position))) / 60
    if distance > _FARTHEST:
        raise InputError(
            events.observation.path, f"never saw the position: {position} is {distance:.0f} deg "
            "from its field", "give a position in the field",
        )  # fmt: skip


def _psf_at(events: EventList, position: SkyPosition) -> tuple[PointSpreadFunction, np.ndarray]:
    observation = events.observation
    psf = get_mission(observation.mission).psf(observation.scanning)
    if observation.scanning:
        return psf, np.zeros(())
    return psf, separations(unit_vectors(*observation.pointing), unit_vectors(*position))
