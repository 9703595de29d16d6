"""Where the spectra of one observation are taken: named regions and bright sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleAnnulusPixelRegion, CirclePixelRegion, CircleSkyRegion, PixCoord

from xsurvey.apertures.aperture import ApertureParameters, circular_aperture
from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.detection.photometry import SourceFlag
from xsurvey.events import EventList
from xsurvey.pipelines.spectra.parameters import SpectralRegion, SpectraParameters
from xsurvey.pipelines.spectra.places import source_name
from xsurvey.regions import RegionSet, region_set
from xsurvey.units import SkyPosition

REGION, SOURCE = "region", "source"
PILED_UP = "piled_up"


@dataclass(frozen=True)
class SpectrumTarget:
    """A region or a source of which a spectrum is wanted.

    Attributes
    ----------
    name : str
        That of the region, or ``source_0001`` with the number in the stack.
    kind : {'region', 'source'}
    position : SkyPosition
    number : int
        Of a source, as in its ``source_id``; 0 for regions.
    extended : bool
        Whether no point-spread function is taken account of.
    piled_up : bool
    """

    name: str
    kind: str
    position: SkyPosition
    number: int = 0
    extended: bool = True
    piled_up: bool = False
    row: Mapping[str, Any] = field(default_factory=dict)


def rows_of(measured: Mapping[str, Any], observation: str) -> dict[int, Mapping[str, Any]]:
    """Return the sources that an observation sees, by their number in the stack.

    Parameters
    ----------
    measured : mapping
        As the stage ``photometry`` writes it: ``rows`` of the sources, and where there are
        several observations ``observations`` with rows of what each of them sees, in which
        ``number`` and ``observation`` say of what. What such a row has goes before the source's,
        but that it is extended is of the source.
    observation : str
    """
    masters = dict(enumerate(measured["rows"], start=1))
    if "observations" not in measured:
        return masters
    rows: dict[int, Mapping[str, Any]] = {}
    for row in measured["observations"]:
        if row["observation"] == observation:
            master = masters[int(row["number"])]
            flag = int(row["flag"]) | (int(master["flag"]) & SourceFlag.EXTENDED)
            rows[int(row["number"])] = {**master, **row, "flag": flag}
    return rows


def spectrum_targets(
    measured: Mapping[str, Any], parameters: SpectraParameters, observation: str
) -> Iterator[SpectrumTarget]:
    """Yield the regions of a config, then the sources that have counts enough.

    Counts are those of all observations together.

    Parameters
    ----------
    measured : mapping
        As the stage ``photometry`` writes it.
    parameters : SpectraParameters
    observation : str
        Of which the spectra are wanted.
    """
    for name, region in parameters.regions.items():
        yield SpectrumTarget(name, REGION, region.position)
    if not parameters.sources:
        return
    for number, row in rows_of(measured, observation).items():
        if has_counts(measured["rows"][number - 1], measured, parameters.min_counts):
            yield SpectrumTarget(
                source_name(number), SOURCE, SkyPosition(row["ra"], row["dec"]), number,
                bool(row["flag"] & SourceFlag.EXTENDED), bool(row["flag"] & SourceFlag.PILED_UP),
                row,
            )  # fmt: skip


def has_counts(row: Mapping[str, Any], measured: Mapping[str, Any], minimum: float) -> bool:
    """Tell whether a source has so many net counts in the first measured band."""
    return bool(row[f"net_counts_{next(iter(measured['bands']))}"] >= minimum)


@dataclass(frozen=True)
class SpectrumApertures:
    """Makes the regions of targets, with other sources cut out.

    Attributes
    ----------
    events : EventList
    rows : mapping of int to mapping
        All sources of the observation, see `rows_of`.
    spectra : SpectraParameters
    photometry : PhotometryParameters
        The annuli of sources are those of their photometry.
    """

    events: EventList
    rows: Mapping[int, Mapping[str, Any]]
    spectra: SpectraParameters
    photometry: PhotometryParameters

    def of(self, target: SpectrumTarget) -> tuple[RegionSet, RegionSet]:
        """Return source and background region.

        Raises
        ------
        InputError
            The position is far from the field.
        """
        if target.kind == REGION:
            return self._of_region(target.name)
        return self._of_source(target)

    def _of_region(self, name: str) -> tuple[RegionSet, RegionSet]:
        shape = self.spectra.regions[name]
        elsewhere = shape.background_position
        where = _aperture_parameters(
            shape.position, shape.radius, shape.background_inner,
            None if elsewhere else shape.background_outer,
        )  # fmt: skip
        aperture = circular_aperture(self.events, where)
        source, background = aperture.source, aperture.background
        assert source is not None
        assert background is not None
        scale = own_scale = float(source.include[0].radius) / shape.radius
        if elsewhere is not None and shape.background_outer is not None:
            background = _circle_set(
                self.events, [(elsewhere, shape.background_outer)], "background circle"
            )
            scale = float(background.include[0].radius) / shape.background_outer
        background = self._without_points(background, scale)
        source = self._without_points(source, own_scale)
        return source.without(self._inner(shape)), background

    def _without_points(self, region: RegionSet, scale: float, but: int = 0) -> RegionSet:
        """Cut out the point sources, all but the one of some number."""
        if not self.spectra.exclude_sources:
            return region
        points = [
            number != but and not row["flag"] & SourceFlag.EXTENDED
            for number, row in self.rows.items()
        ]
        return region.without(self._circles(points, self.spectra.exclude_radius, region, scale))

    def _inner(self, shape: SpectralRegion) -> RegionSet | None:
        if shape.inner_radius is None:
            return None
        return _circle_set(self.events, [(shape.position, shape.inner_radius)])

    def _of_source(self, target: SpectrumTarget) -> tuple[RegionSet, RegionSet]:
        radius = float(target.row["psf_radius"])
        inner, outer = (float(r) for r in self.photometry.annulus(np.array(radius)))
        where = _aperture_parameters(
            position=target.position, radius=radius, background_inner=inner,
            background_outer=outer,
        )  # fmt: skip
        aperture = circular_aperture(self.events, where)
        assert aperture.source is not None
        assert aperture.background is not None
        others = [number != target.number for number in self.rows]
        # as wide as photometry cuts them out of its annuli
        scale = float(aperture.source.include[0].radius) / radius
        mask = self._circles(others, self.photometry.annulus_inner, aperture.background, scale)
        source = aperture.source
        if target.extended:  # points that lie on it are not it
            source = self._without_points(source, scale, but=target.number)
        return source, aperture.background.without(mask)

    def _circles(
        self, wanted: Sequence[bool], radii: float, around: RegionSet, scale: float
    ) -> RegionSet | None:
        """Return circles about sources, of those that may reach into a circle or an annulus.

        Parameters
        ----------
        wanted : sequence of bool
            Which sources.
        radii : float
            Of the circles, in radii of the sources' apertures.
        around : RegionSet
            The circle or annulus.
        scale : float
            Sky pixels an arcsec there.
        """
        if not self.rows:
            return None
        shape = around.include[0]
        annulus = isinstance(shape, CircleAnnulusPixelRegion)
        reach = float(shape.outer_radius if annulus else shape.radius)
        x, y, psf_radius = self._pixels
        radius = radii * psf_radius * scale
        distance = np.hypot(x - shape.center.x, y - shape.center.y)
        near = np.flatnonzero((distance < 1.1 * (reach + radius)) & np.array(wanted))
        circles = [CirclePixelRegion(PixCoord(x[i], y[i]), radius[i]) for i in near]
        return RegionSet(tuple(circles), (), "sources") if circles else None

    @cached_property
    def _pixels(self) -> np.ndarray:
        """0-based sky pixels of all sources and the radii of their apertures, shape (3, n)."""
        rows = self.rows.values()
        places = np.array([[row["ra"], row["dec"]] for row in rows], float)
        x, y = self.events.wcs.all_world2pix(places, 0).T
        return np.array([x, y, [float(row["psf_radius"]) for row in rows]])


def _circle_set(
    events: EventList, circles: Sequence[tuple[SkyPosition, float]], name: str = "sources"
) -> RegionSet:
    shapes = [
        CircleSkyRegion(SkyCoord(p.ra, p.dec, unit="deg", frame="icrs"), r * u.arcsec)
        for p, r in circles
    ]
    return region_set(shapes, events.wcs, name)


def _aperture_parameters(
    position: SkyPosition, radius: float, background_inner: float | None,
    background_outer: float | None,
) -> ApertureParameters:  # fmt: skip
    radii = {
        "radius": radius, "background_inner": background_inner,
        "background_outer": background_outer,
    }  # fmt: skip
    # angles are read with their units
    written = {name: f"{value!r}arcsec" for name, value in radii.items() if value is not None}
    return ApertureParameters.model_validate({"position": position, **written})


def count_states(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how many entries have each status, for the record of a task."""
    states = [entry["status"] for entry in entries]
    return {state: states.count(state) for state in sorted(set(states))}
