"""Where spectra are taken, and what is cut out."""

from typing import Any

import numpy as np

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.detection.photometry import SourceFlag
from xsurvey.events import EventList
from xsurvey.pipelines.spectra.parameters import SpectraParameters
from xsurvey.pipelines.spectra.targets import (
    SpectrumApertures,
    SpectrumTarget,
    spectrum_targets,
)
from xsurvey.regions import RegionSet
from xsurvey.units import SkyPosition

RA, DEC = 150.0, 2.2
SHAPE = {"position": f"{RA},{DEC}", "radius": "60arcsec", "inner_radius": "10arcsec",
         "background_inner": "90arcsec", "background_outer": "150arcsec"}  # fmt: skip


def source(east: float, north: float, radius: float = 2.0, flag: int = 0) -> dict[str, Any]:
    """Return a row at an offset in arcsec."""
    return {
        "ra": RA + east / 3600 / np.cos(np.radians(DEC)), "dec": DEC + north / 3600,
        "psf_radius": radius, "flag": flag, "net_counts_b": 500.0,
    }  # fmt: skip


def sees(events: EventList, region: RegionSet, east: float, north: float) -> bool:
    row = source(east, north)
    x, y = events.wcs.all_world2pix(row["ra"], row["dec"], 1)
    return bool(region.contains(np.array([float(x)]), np.array([float(y)]))[0])


def apertures(events: EventList, *rows: dict[str, Any], **settings: Any) -> SpectrumApertures:
    spectra = SpectraParameters.read({"regions": {"r": SHAPE}, **settings}, "spectra")
    numbered = dict(enumerate(rows, start=1))
    return SpectrumApertures(events, numbered, spectra, PhotometryParameters())


def test_an_annulus_without_point_sources(events: EventList) -> None:
    point, knot = source(30, 0), source(0, 30, 5.0, int(SourceFlag.EXTENDED))
    behind = source(0, -120)
    made = apertures(events, point, knot, behind)
    target = SpectrumTarget("r", "region", SkyPosition(RA, DEC))
    region, background = made.of(target)
    assert not sees(events, region, 5, 0)  # inside the inner radius
    assert not sees(events, region, 65, 0)
    assert sees(events, region, -30, 0)
    assert not sees(events, region, 33.5, 0)  # within two of its radii of the source
    assert sees(events, region, 34.5, 0)
    assert sees(events, region, 0, 30)  # knots are part of what is extended
    assert sees(events, background, 0, 120)
    assert not sees(events, background, 0, -121)
    assert not sees(events, background, 0, 80)


def test_a_background_elsewhere(events: EventList) -> None:
    shape = {**SHAPE, "background_position": f"{RA},{DEC - 300 / 3600}",
             "background_outer": "40arcsec"}  # fmt: skip
    del shape["background_inner"]
    made = apertures(events, source(30, 0), source(10, -300), regions={"r": shape})
    region, background = made.of(SpectrumTarget("r", "region", SkyPosition(RA, DEC)))
    assert sees(events, background, 0, -300)
    assert sees(events, background, 0, -338)
    assert not sees(events, background, 0, -342)
    assert not sees(events, background, 10, -297)
    assert not sees(events, background, 0, 120)
    assert not sees(events, region, 30, 0)
    assert sees(events, region, -30, 0)


def test_sources_can_stay(events: EventList) -> None:
    made = apertures(events, source(30, 0), exclude_sources=False)
    region, _ = made.of(SpectrumTarget("r", "region", SkyPosition(RA, DEC)))
    assert sees(events, region, 30, 0)


def test_a_source_has_its_photometry_aperture_and_annulus(events: EventList) -> None:
    mine, other = source(0, 0, 4.0), source(12, 0, 2.0)
    made = apertures(events, mine, other)
    place = SkyPosition(mine["ra"], mine["dec"])
    region, background = made.of(SpectrumTarget("source_0001", "source", place, 1, row=mine))
    assert sees(events, region, 3.8, 0)
    assert not sees(events, region, 4.2, 0)
    assert not sees(events, background, 0, 5.8)  # 1.5 radii
    assert sees(events, background, 0, 6.2)
    assert sees(events, background, 0, 19.8)  # 5 radii
    assert not sees(events, background, 0, 20.2)
    assert not sees(events, background, 12, 0)
    assert sees(events, region, 0, 0)


def test_points_are_cut_out_of_what_is_extended(events: EventList) -> None:
    extended = int(SourceFlag.EXTENDED)
    mine, point, knot = (
        source(0, 0, 20.0, extended),
        source(10, 0, 2.0),
        source(-10, 0, 5.0, extended),
    )
    place = SkyPosition(mine["ra"], mine["dec"])
    target = SpectrumTarget("source_0001", "source", place, 1, True, row=mine)
    region, _ = apertures(events, mine, point, knot).of(target)
    assert sees(events, region, 0, 0)
    assert not sees(events, region, 10, 0)
    assert not sees(events, region, 13.5, 0)  # two of its radii
    assert sees(events, region, 14.5, 0)
    assert sees(events, region, -10, 0)
    region, _ = apertures(events, mine, point, knot, exclude_sources=False).of(target)
    assert sees(events, region, 10, 0)


def test_what_is_fitted() -> None:
    faint = {**source(0, 0), "net_counts_b": 99.0}
    unknown = {**source(0, 0), "net_counts_b": float("nan")}
    piled_up = source(0, 0, flag=int(SourceFlag.PILED_UP))
    knot = source(0, 0, flag=int(SourceFlag.EXTENDED))
    rows = [faint, source(0, 0), unknown, piled_up, knot]
    measured = {"rows": rows, "bands": {"b": "0.5-7 keV", "s": ""}}
    settings = {"regions": {"r": SHAPE}, "sources": True}
    found = list(spectrum_targets(measured, SpectraParameters.read(settings, "spectra"), "o"))
    assert [(t.name, t.number) for t in found] == [
        ("r", 0), ("source_0002", 2), ("source_0004", 4), ("source_0005", 5),
    ]  # fmt: skip
    assert [t.piled_up for t in found] == [False, False, True, False]
    assert [t.extended for t in found] == [True, False, False, True]
    none = SpectraParameters()
    assert not none.wanted
    assert list(spectrum_targets(measured, none, "o")) == []
