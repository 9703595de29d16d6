"""How photons of sources reach the detectors: when, at what angle to the axis, and where.

What is drawn at random in simulations is summed over a fixed set of evenly spread numbers for the
expected counts: both go through the same functions.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from xsurvey.psf import PointSpreadFunction
from xsurvey.simulate.camera import Camera
from xsurvey.simulate.instrument import Vignetting
from xsurvey.simulate.shapes import POINT, PsfRadii, on_circles
from xsurvey.simulate.sources import Sources
from xsurvey.simulate.sphere import FAR

_SAMPLES, _FEWER_SAMPLES, _MANY = 2048, 512, 5000
"""Points in time, PSF and extent for the expected counts of a source, and from how many sources on
there are fewer of them."""
_AT_ONCE = 256  # sources
_WINGS = 0.999  # of the PSF: part of the light within what decides whether a source can be seen


class SourceField:
    """Sources before a camera; of wide ones (`Shapes.wide`) see `WideSources`.

    Attributes
    ----------
    sources : Sources
    seconds : ndarray, shape (s,)
        For which each is near the field; 0 for wide ones.
    reach : ndarray, shape (s,)
        Distance from the axis at which a point is just beyond the field, arcsec.
    brightest : ndarray, shape (s,)
        Bound of the flux in units of its mean over the good time.
    """

    def __init__(
        self, camera: Camera, sources: Sources, xy: np.ndarray, psf: PointSpreadFunction,
        half_field: float, scanning: bool,
    ) -> None:  # fmt: skip
        """Place sources.

        Parameters
        ----------
        camera : Camera
        sources : Sources
        xy : ndarray, shape (s, 2)
            Their places, arcsec from the field's centre.
        psf : PointSpreadFunction
            Of scans the one averaged over the field.
        half_field : float
            Beyond which events are not written, arcsec.
        scanning : bool
        """
        self.camera, self.sources = camera, sources
        self._xy = np.where(sources.shapes.wide[:, None], FAR, xy)
        self.vignetting = Vignetting(camera.mission)
        self._radii, self._half_field, self._scanning = PsfRadii(psf), half_field, scanning
        self._mean = sources.curves.mean(camera.motion.gti)
        self.brightest = sources.curves.highest() / self._mean
        edge = max(np.hypot(abs(d.x) + d.width * d.pixel / 2, abs(d.y) + d.height * d.pixel / 2)
                   if d.radius is None else d.radius for d in camera.detectors)  # fmt: skip
        away = np.where(sources.shapes.wide, edge, np.hypot(*self._xy.T))
        wings = self._radii.at(np.full(len(xy), _WINGS), away * (not scanning) / 60)
        self.reach, self._wings = edge + wings, float(wings.max(initial=0.0))
        own = np.where(sources.shapes.wide, 0.0, sources.shapes.edge)
        self._visits = camera.motion.visits(self._xy, self.reach + own)
        self.seconds = self._visits.total

    @property
    def optics(self) -> tuple[PsfRadii, float, bool]:
        """PSF, edge of what is written, and whether the PSF is that of scans."""
        return self._radii, self._half_field, self._scanning

    def times(self, source: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Return times evenly spread over those in which sources are near, shape (n,)."""
        return self._visits.at(source, fraction)

    def relative_flux(self, source: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the flux in units of its mean over the good time, shape (n,)."""
        since = time - self.camera.motion.gti.start[0]
        return self.sources.curves.relative(source, since) / self._mean[source]

    def origins(self, source: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return where photons come from: points, or anywhere in a beta model, shape (n, 2).

        Parameters
        ----------
        source : ndarray of int, shape (n,)
        numbers : ndarray, shape (2, n)
            Uniform between 0 and 1.
        """
        place = self._xy[source]
        extended = self.sources.shapes.kind[source] > POINT
        if extended.any():
            radius = self.sources.shapes.radii(source[extended], numbers[:1, extended])
            place[extended] += on_circles(radius, numbers[1, extended])
        return place

    def angles(self, place: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the angles of places to the optical axis, arcmin, shape (n,)."""
        return np.asarray(np.hypot(*(place - self.camera.motion.axis(time)).T) / 60)

    def vignetted(self, angle: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Return the area relative to the axis at angles (arcmin) and energies (keV)."""
        return self.vignetting.at(angle, energy)

    def blurred(self, place: np.ndarray, angle: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return where photons appear; ``numbers`` (2, n) are uniform between 0 and 1."""
        off_axis = np.zeros(len(angle)) if self._scanning else angle
        return place + on_circles(self._radii.at(numbers[0], off_axis), numbers[1])

    def in_field(self, place: np.ndarray) -> np.ndarray:
        """Tell which places are in the part of the sky whose events are written."""
        return np.asarray((np.abs(place) <= self._half_field).all(axis=1))

    def near_field(self, place: np.ndarray, beyond: np.ndarray | float = 0.0) -> np.ndarray:
        """Tell which places are there, or so little beyond that the PSF brings photons in.

        Parameters
        ----------
        place : ndarray, shape (n, 2)
        beyond : ndarray, shape (n,)
            How far sources reach, arcsec.
        """
        away = np.abs(place).max(axis=1)
        return np.asarray(away <= self._half_field + self._wings + beyond)

    def seen(self, with_gaps: bool = True) -> np.ndarray:
        """Return the seconds on the optical axis that are worth what each source got.

        Weighted with the source's relative flux, and less what vignetting, gaps and edges take.

        Parameters
        ----------
        with_gaps : bool
            Whether photons must fall on a detector and into the field to count.

        Returns
        -------
        ndarray, shape (s, k)
            At `xsurvey.imaging.seen_sky.ENERGIES`.
        """
        samples = _SAMPLES if len(self.sources) <= _MANY else _FEWER_SAMPLES
        numbers = qmc.Sobol(5, scramble=False).random(samples).T + 0.5 / samples
        total = np.empty((len(self.sources), self.vignetting.table.shape[1]))
        exact = self._visits.integrals(self.sources.curves, self.camera.motion.gti.start[0])
        exact = exact / self._mean
        for first in range(0, len(self.sources), _AT_ONCE):
            chosen = np.arange(first, min(first + _AT_ONCE, len(self.sources)))
            near = chosen[self.seconds[chosen] > 0]
            source, spread = np.repeat(near, samples), np.tile(numbers, len(near))
            time = self.times(source, spread[0])
            place = self.origins(source, spread[1:3])
            angle = self.angles(place, time)
            weight = self.relative_flux(source, time)
            # the integral over a flare is known better than a few points in time tell
            mean = np.repeat(weight.reshape(-1, samples).mean(axis=1), samples)
            weight *= np.where(mean > 0, exact[source] / np.maximum(mean, 1e-30), 0.0) / samples
            if with_gaps:
                landed = self.blurred(place, angle, spread[3:5])
                weight = weight * (self.camera.sees(landed, time) & self.in_field(landed))
            total[chosen] = self.vignetting.sums(source - first, angle, weight, len(chosen))
        return total
