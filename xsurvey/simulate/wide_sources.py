"""Wide sources: clusters over a whole field or several, shells, patches, wide beta models.

Of a source wider than the field most photons never come near it. Here the place on the sky is drawn
first, on the sphere, and then a time among those in which this place is near: nothing is spent on
what is not seen, and neighbouring fields see the same sky.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from scipy.stats import qmc

from xsurvey.errors import ParameterError
from xsurvey.simulate.arrival import SourceField
from xsurvey.simulate.camera import Events, events_of
from xsurvey.simulate.instrument import Instrument
from xsurvey.simulate.spectrum import EnergyBins
from xsurvey.simulate.sphere import Plane, axes_at, displaced
from xsurvey.units import SkyPosition

_SAMPLES, _ENOUGH, _MOST_SAMPLES = 16384, 12000, 2**16
"""Points in place, time and PSF for the expected counts of a source: so many at a time, until
enough of them are seen, or so many have been tried."""
_REMEMBERED: dict[bytes, np.ndarray] = {}
"""What was integrated last: realisations that differ by their seed share it."""
_KEPT = 8
_STRETCH = 1.1  # of radii in the plane, where the sphere is seen at an angle
_AT_ONCE = 50_000  # photons: each has a window in every scan
_MOST = 2e9  # photons before they are thinned


class WideSources:
    """The wide ones among sources before a camera.

    Attributes
    ----------
    number : ndarray of int, shape (w,)
        Their places among all sources.
    """

    def __init__(self, field: SourceField, pointing: SkyPosition, projection: str) -> None:
        """Find them.

        Parameters
        ----------
        field : SourceField
        pointing : SkyPosition
            Centre of the sky pixels.
        projection : str
            Of these.
        """
        shapes = field.sources.shapes
        self._field, self._shapes = field, shapes
        self.number = np.flatnonzero(shapes.wide)
        self._axes = axes_at(field.sources.ra, field.sources.dec)
        self._plane = Plane(pointing, projection)
        self._reach = float(field.reach[self.number].max()) if len(self.number) else 0.0
        motion = field.camera.motion
        self._longest = motion.longest(self._reach)
        self._visible = np.zeros(len(field.sources), dtype=bool)
        centre = self._plane.offsets(self._axes[0][self.number])
        edge = _STRETCH * shapes.edge[self.number]
        seen = (motion.visits(centre, self._reach + edge).total > 0) & field.near_field(
            centre, edge
        )
        self._visible[self.number] = seen

    def seen(self) -> np.ndarray:
        """Return the seconds on the optical axis that are worth what each got, shape (w, k).

        At `xsurvey.imaging.seen_sky.ENERGIES`, weighted with the relative flux, and less what
        vignetting, gaps and edges take.
        """
        key = self._fingerprint()
        if key not in _REMEMBERED:
            while len(_REMEMBERED) >= _KEPT:
                _REMEMBERED.pop(next(iter(_REMEMBERED)))
            _REMEMBERED[key] = self._integrated()
        return _REMEMBERED[key].copy()

    def _fingerprint(self) -> bytes:
        """Return what tells all apart on which `seen` depends."""
        field, wide = self._field, self.number
        camera, sources = field.camera, field.sources
        curves = [getattr(sources.curves, f.name)[wide] for f in fields(sources.curves)]
        shapes = [getattr(self._shapes, f.name)[wide] for f in fields(self._shapes)]
        return hashlib.sha256(pickle.dumps((
            curves, shapes, [axis[wide] for axis in self._axes], self._plane, camera.motion,
            camera.mission.name, camera.detectors, field.optics, self._reach,
        ))).digest()  # fmt: skip

    def _integrated(self) -> np.ndarray:
        points = qmc.Sobol(6, scramble=False)
        numbers = np.empty((6, 0))
        total = np.empty((len(self.number), self._field.vignetting.table.shape[1]))
        for row, source in enumerate(self.number):
            if not self._visible[source]:
                total[row] = 0.0
                continue
            sums, seen, tried = np.zeros(total.shape[1]), 0, 0
            while seen < _ENOUGH and tried < _MOST_SAMPLES:
                if numbers.shape[1] <= tried:  # the same of all sources
                    more = points.random(_SAMPLES).T + 0.5 / _MOST_SAMPLES
                    numbers = np.concatenate([numbers, more], axis=1)
                part, hits = self._sampled(int(source), numbers[:, tried : tried + _SAMPLES])
                sums, seen, tried = sums + part, seen + hits, tried + _SAMPLES
            total[row] = sums / tried
        return total

    def _sampled(self, source: int, numbers: np.ndarray) -> tuple[np.ndarray, int]:
        """Return a sum over points, shape (k,), and how many are seen."""
        field, same = self._field, np.full(numbers.shape[1], source)
        place, seconds, time, kept = self._arrivals(same, numbers[:4])
        angle = field.angles(place, time)
        landed = field.blurred(place, angle, numbers[4:, kept])
        hit = field.camera.sees(landed, time) & field.in_field(landed)
        weight = seconds * field.relative_flux(same[kept], time) * hit
        nothing = np.zeros(len(time), dtype=np.int64)
        sums = field.vignetting.sums(nothing, angle, weight, 1)[0]
        return sums, int(np.count_nonzero(hit))

    def photons(
        self, instrument: Instrument, norm: np.ndarray, rates: np.ndarray,
        generator: np.random.Generator,
    ) -> Iterator[Events]:  # fmt: skip
        """Draw the events, in portions.

        Parameters
        ----------
        instrument : Instrument
        norm : ndarray, shape (s,)
            Of all sources.
        rates : ndarray, shape (b, n)
            Events / s by energy bin of each spectrum of norm 1, on the optical axis.

        Raises
        ------
        ParameterError
            More photons than can be drawn.
        """
        field, chosen = self._field, self.number
        rate = rates.sum(axis=1)[field.sources.spectrum[chosen]] * norm[chosen]
        expected = rate * self._longest * field.brightest[chosen] * self._visible[chosen]
        if expected.sum() > _MOST:
            raise ParameterError(
                "sources", f"send {expected.sum():.3g} photons, more than {_MOST:g}",
                "make them fainter, or the exposure shorter",
            )  # fmt: skip
        ends, bins = np.cumsum(generator.poisson(expected)), EnergyBins(rates)
        for first in range(0, int(ends[-1]) if len(ends) else 0, _AT_ONCE):
            photon = np.arange(first, min(first + _AT_ONCE, int(ends[-1])))
            source = chosen[np.searchsorted(ends, photon, side="right")]
            yield self._portion(instrument, bins, source, generator)

    def _portion(
        self, instrument: Instrument, bins: EnergyBins, source: np.ndarray,
        generator: np.random.Generator,
    ) -> Events:  # fmt: skip
        field = self._field
        chance = generator.random(len(source))
        numbers = generator.random((4, len(source)))
        place, _, time, kept = self._arrivals(source, numbers, chance)
        source = source[kept]
        varying = field.relative_flux(source, time) / field.brightest[source]
        bin_number = bins.draw(field.sources.spectrum[source], generator)
        energy = instrument.draw_photons(bin_number, generator)
        angle = field.angles(place, time)
        visible = generator.random(len(source)) < varying * field.vignetted(angle, energy)
        source, time, bin_number = source[visible], time[visible], bin_number[visible]
        angle, place = angle[visible], place[visible]
        place = field.blurred(place, angle, generator.random((2, len(source))))
        number, pixel = field.camera.land(time, place, generator)
        hit = (number >= 0) & field.in_field(place)
        recorded = instrument.draw_events(bin_number[hit], generator)
        return events_of(time[hit], place[hit], recorded, number[hit], pixel[hit], source[hit] + 1)

    def _arrivals(
        self, source: np.ndarray, numbers: np.ndarray, chance: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return where and when photons come.

        Parameters
        ----------
        source : ndarray of int, shape (n,)
        numbers : ndarray, shape (4, n)
            Uniform between 0 and 1: two for the radius, one for the angle, one for the time.
        chance : ndarray, shape (n,), optional
            Uniform between 0 and 1: a photon is kept if its place is seen for more than this part
            of the longest time. Without it all that are seen at all are kept.

        Returns
        -------
        place : ndarray, shape (k, 2)
            Of those kept.
        seconds : ndarray, shape (k,)
            For which each is near.
        time : ndarray, shape (k,)
        kept : ndarray of int, shape (k,)
        """
        shapes, motion = self._shapes, self._field.camera.motion
        radius = shapes.radii(source, numbers[:2])
        angle = shapes.position_angles(source, numbers[2])
        axes = (self._axes[0][source], self._axes[1][source], self._axes[2][source])
        place = self._plane.offsets(displaced(axes, radius, angle))
        near = np.flatnonzero(self._field.near_field(place))
        place = place[near]
        visits = motion.visits(place, np.full(len(near), self._reach))
        least = 0.0 if chance is None else chance[near] * self._longest
        chosen = np.flatnonzero(visits.total > least)
        kept = near[chosen]
        time = visits.at(chosen, numbers[3, kept])
        return place[chosen], visits.total[chosen], time, kept
