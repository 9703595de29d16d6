"""The images of a stack and the sources that are being fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.band_image import BandImage
from xsurvey.detection.pixel_model import PixelShape, beta_shape, pixel_fractions, point_shape
from xsurvey.imaging.sky_image import ImageGrid, separation_arcmin
from xsurvey.psf import GaussianMixture, PointSpreadFunction

LEAST_BACKGROUND = 1e-9
_LEAST_REACH = 0.9
_WING_COUNTS = 1.5
_LARGEST_REACH, _LARGEST_FIT = 100, 60  # pixels
_EXTENDED_FIT = 0.85  # of a beta model's counts: seven core radii
_OFF_AXIS_STEP = 0.05  # arcmin
_HALF = 0.5
_ARCSEC = 1 / 3600


@dataclass
class ScenePlane:
    """One band of one observation, with the sum of all sources' models.

    Attributes
    ----------
    counts, exposure, background, model : ndarray, shape (ny, nx)
        Exposure zero is outside; ``model`` holds the expected counts of all sources.
    band : int
        Index of the band.
    """

    counts: np.ndarray
    exposure: np.ndarray
    background: np.ndarray
    model: np.ndarray
    band: int
    grid: ImageGrid
    psf: PointSpreadFunction
    mixtures: dict[int, GaussianMixture] = field(default_factory=dict)

    def mixture(self, off_axis: float) -> GaussianMixture:
        """Return the PSF at an off-axis angle in arcmin, to a twentieth of one."""
        step = round(off_axis / _OFF_AXIS_STEP)
        if step not in self.mixtures:
            self.mixtures[step] = self.psf.mixture(step * _OFF_AXIS_STEP)
        return self.mixtures[step]


@dataclass(frozen=True)
class View:
    """How one plane sees a source: where its reference is, and the PSF there.

    Attributes
    ----------
    plane : int
    pixel : ndarray, shape (2,)
        x, y of the reference place.
    jacobian : ndarray, shape (2, 2)
        Pixels (x, y) an arcsec (east, north).
    psf : GaussianMixture
    exposure : float
        At the reference place, seconds.
    """

    plane: int
    pixel: np.ndarray
    jacobian: np.ndarray
    psf: GaussianMixture
    exposure: float

    def at(self, offset: np.ndarray) -> np.ndarray:
        """Return x, y of an offset (east, north) in arcsec."""
        return np.asarray(self.pixel + self.jacobian @ offset)


@dataclass(eq=False)
class SceneSource:
    """A source: its reference place on the sky, and what is fitted.

    Attributes
    ----------
    ra, dec : float
        Reference, degrees; the place is ``offset`` (east, north; arcsec) from it.
    views : list of View
        Of the planes that see it.
    seconds : ndarray, shape (b,)
        Exposure at the reference, all observations of a band together.
    counts : ndarray, shape (b,)
        Expected counts; the rate is ``counts / seconds``.
    core : float
        Core radius of the beta model in arcsec, 0 of a point source.
    scale : float
        Width of the candidate, arcsec.
    width : float
        Half-energy radius of the PSF (the sharpest view), arcsec.
    approximate : bool
        Whether that PSF is only approximate.
    pixel_size : float
        Of that view, arcsec.
    raised : ndarray, shape (v,)
        By view: how much brighter its surroundings are than all models say, at least 1.
    likelihood : ndarray, shape (b,)
        -ln P by band.
    extent_likelihood : float
    extent_tested : bool
    changed : bool
        Whether it, or something near it, changed since it was fitted.
    group : int
        Number of the group it was last fitted in.
    added : list
        Patches and models as they were added to the planes, by view.
    """

    ra: float
    dec: float
    views: list[View]
    seconds: np.ndarray
    counts: np.ndarray
    scale: float
    width: float
    approximate: bool
    pixel_size: float
    offset: np.ndarray = field(default_factory=lambda: np.zeros(2))
    core: float = 0.0
    raised: np.ndarray = field(default_factory=lambda: np.ones(0))
    converged: bool = True
    likelihood: np.ndarray = field(default_factory=lambda: np.zeros(0))
    extent_likelihood: float = 0.0
    extent_tested: bool = False
    changed: bool = True
    group: int = 0
    added: list[tuple[tuple[slice, slice], np.ndarray]] = field(default_factory=list)

    def place(self) -> tuple[float, float]:
        """Return right ascension and declination in degrees."""
        east, north = self.offset * _ARCSEC
        dec = self.dec + north
        return float((self.ra + east / np.cos(np.radians(dec))) % 360), float(dec)


class Scene:
    """Planes and sources, the sum of whose models each plane keeps.

    Parameters
    ----------
    images : sequence of BandImage
    """

    def __init__(self, images: Sequence[BandImage]) -> None:
        self.bands = tuple(dict.fromkeys(image.label for image in images))
        self.planes: list[ScenePlane] = []
        self.pointings = [image.pointing for image in images]
        for image in images:
            seen = image.exposure.data > 0
            self.planes.append(ScenePlane(
                np.where(seen, image.counts.data, 0.0), np.where(seen, image.exposure.data, 0.0),
                np.where(seen, np.maximum(image.background.data, LEAST_BACKGROUND), 0.0),
                np.zeros(image.counts.data.shape), self.bands.index(image.label),
                image.counts.grid, image.psf,
            ))  # fmt: skip
        self.sources: list[SceneSource] = []

    def make_sources(self, ra: np.ndarray, dec: np.ndarray, scale: np.ndarray) -> list[SceneSource]:
        """Return sources without counts at places that any plane sees; they are not yet added.

        Parameters
        ----------
        ra, dec : ndarray, shape (n,)
            Degrees.
        scale : ndarray, shape (n,)
            Arcsec.
        """
        if not len(ra):
            return []
        views: list[list[View]] = [[] for _ in ra]
        known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for index, (plane, pointing) in enumerate(zip(self.planes, self.pointings, strict=True)):
            if id(plane.grid) not in known:
                known[id(plane.grid)] = affine(plane.grid, ra, dec)
            pixel, jacobian = known[id(plane.grid)]
            off_axis = np.zeros(len(ra))
            if pointing is not None:
                off_axis = separation_arcmin(ra, dec, pointing)
            for i in range(len(ra)):
                if not np.isfinite(pixel[i]).all():
                    continue
                column, row = (int(v) for v in np.round(pixel[i]))
                ny, nx = plane.exposure.shape
                if not (0 <= row < ny and 0 <= column < nx) or plane.exposure[row, column] <= 0:
                    continue
                psf = plane.mixture(float(off_axis[i]))
                views[i].append(
                    View(index, pixel[i], jacobian[i], psf, float(plane.exposure[row, column]))
                )
        made = []
        for i, seen in enumerate(views):
            if not seen:
                continue
            seconds = np.zeros(len(self.bands))
            for view in seen:
                seconds[self.planes[view.plane].band] += view.exposure
            width, approximate, size = min(
                (_half_energy(v.psf), p.psf.approximate, p.grid.pixel_size)
                for v, p in ((v, self.planes[v.plane]) for v in seen)
            )
            made.append(SceneSource(
                float(ra[i]), float(dec[i]), seen, seconds, np.zeros(len(self.bands)),
                float(scale[i]), width, approximate, size, raised=np.ones(len(seen)),
            ))  # fmt: skip
        return made

    def shape(self, source: SceneSource, view: View) -> PixelShape:
        """Return how a source looks in a view."""
        size = self.planes[view.plane].grid.pixel_size
        if source.core > 0:
            return beta_shape(view.psf, source.core, size)
        return point_shape(view.psf, size)

    def patch(
        self, source: SceneSource, view: View, shape: PixelShape, fraction: float | None = None
    ) -> tuple[slice, slice]:
        """Return the pixels that a source's model fills: fainter wings are left out."""
        plane = self.planes[view.plane]
        reach = self._reach(shape, float(source.counts[plane.band]), fraction)
        x, y = view.at(source.offset)
        return _window((float(x), float(y)), reach, plane.counts.shape)

    def fit_patch(self, source: SceneSource, view: View, shape: PixelShape) -> tuple[slice, slice]:
        """Return the pixels that a source is fitted in: of wide wings only the inner part."""
        plane = self.planes[view.plane]
        reach = self._reach(shape, float(source.counts[plane.band]))
        if source.core > 0:
            reach = min(reach, self._reach(shape, 1.0, _EXTENDED_FIT))
        x, y = view.at(source.offset)
        return _window((float(x), float(y)), min(reach, _LARGEST_FIT), plane.counts.shape)

    @staticmethod
    def _reach(shape: PixelShape, counts: float, fraction: float | None = None) -> int:
        if fraction is None:
            fraction = float(np.clip(1 - _WING_COUNTS / max(counts, 1.0), _LEAST_REACH, 0.999))
        return min(int(np.ceil(shape.radius(fraction))) + 1, _LARGEST_REACH)

    def add(self, source: SceneSource) -> None:
        """Add a source's model to the planes."""
        assert not source.added
        added = []
        for view in source.views:
            plane = self.planes[view.plane]
            shape = self.shape(source, view)
            where = self.patch(source, view, shape)
            model = self.fractions(source, view, shape, where)
            model *= source.counts[plane.band] / source.seconds[plane.band]
            plane.model[where] += model
            added.append((where, model))
        source.added = added

    def remove(self, source: SceneSource) -> None:
        """Take a source's model off again."""
        for view, (where, model) in zip(source.views, source.added, strict=True):
            self.planes[view.plane].model[where] -= model
        source.added = []

    def fractions(
        self, source: SceneSource, view: View, shape: PixelShape, where: tuple[slice, slice]
    ) -> np.ndarray:
        """Return PSF fraction times exposure in the pixels of a patch."""
        rows, columns = (np.arange(s.start, s.stop) for s in where)
        exposure = self.planes[view.plane].exposure[where]
        if not exposure.size:
            return np.zeros(exposure.shape)
        x, y = view.at(source.offset)
        return pixel_fractions(rows, columns, x, y, shape) * exposure

    def render(
        self, source: SceneSource, view: View, grid: ImageGrid, place: tuple[float, float],
        image: np.ndarray,
    ) -> None:  # fmt: skip
        """Add what a view expects of a source to an image on another grid, at x, y of it."""
        plane = self.planes[view.plane]
        if source.core > 0:
            shape = beta_shape(view.psf, source.core, grid.pixel_size)
        else:
            shape = point_shape(view.psf, grid.pixel_size)
        counts = float(source.counts[plane.band] * view.exposure / source.seconds[plane.band])
        where = _window(place, self._reach(shape, counts), image.shape)
        rows, columns = (np.arange(s.start, s.stop) for s in where)
        if rows.size and columns.size:
            image[where] += counts * pixel_fractions(rows, columns, *place, shape)

    def expected(self, view: View, where: tuple[slice, slice]) -> np.ndarray:
        """Return background and all sources' models in a patch; never zero inside."""
        plane = self.planes[view.plane]
        return np.asarray(plane.background[where] + np.maximum(plane.model[where], 0))


def _window(place: tuple[float, float], reach: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    x, y = (round(v) for v in place)
    return (
        slice(min(max(y - reach, 0), shape[0]), min(max(y + reach + 1, 0), shape[0])),
        slice(min(max(x - reach, 0), shape[1]), min(max(x + reach + 1, 0), shape[1])),
    )


def _half_energy(psf: GaussianMixture) -> float:
    return point_shape(psf, 1.0).radius(_HALF)


def affine(grid: ImageGrid, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 0-based pixels x, y of places and how they change with the place.

    Parameters
    ----------
    grid : ImageGrid
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.

    Returns
    -------
    pixel : ndarray, shape (n, 2)
    jacobian : ndarray, shape (n, 2, 2)
        Pixels (x, y) an arcsec (east, north).
    """
    step = 1.0
    cosine = np.maximum(np.cos(np.radians(dec)), 1e-6)
    to_north = np.where(dec < 89.9, step, -step)
    all_ra = np.concatenate([ra, ra + step * _ARCSEC / cosine, ra])
    all_dec = np.concatenate([dec, dec, dec + to_north * _ARCSEC])
    sky = SkyCoord(all_ra, all_dec, unit="deg", frame="icrs")
    x, y = skycoord_to_pixel(sky, grid.wcs, origin=0)
    pixel, east, north = np.column_stack([x, y]).reshape(3, len(ra), 2)
    return pixel, np.stack([(east - pixel) / step, (north - pixel) / to_north[:, None]], axis=-1)
