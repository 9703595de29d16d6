"""Maximum-likelihood fits of candidates on all images of a stack at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.detection.band_image import BandImage
from xsurvey.detection.confusion import embedded
from xsurvey.detection.extent import LARGEST_START, extent_interval, smallest_extent, try_extent
from xsurvey.detection.fitted import FittedSources
from xsurvey.detection.group_fit import counts_errors, fit_group
from xsurvey.detection.groups import make_groups, neighbours, overlap
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.position_error import place_covariance
from xsurvey.detection.scene import LEAST_BACKGROUND, Scene, SceneSource
from xsurvey.detection.surroundings import band_likelihoods, best_likelihood, raised_levels

_PASSES = 5
_LENIENT = 0.6  # of the lowest likelihood, while neighbours are not settled
_SAME_PLACE = 0.05  # half-energy radii
_SAME_COUNTS = 0.03
_WIDE = 1.6  # half-energy radii: candidates that are first tried as extended
_CLEAR = 4.0  # of the lowest likelihood: no blend of a neighbour
_PROMISING = 0.75  # of the lowest likelihood, before the fit


@dataclass(frozen=True)
class Places:
    """Where sources may be; arrays of shape (n,).

    Attributes
    ----------
    ra, dec : ndarray
        ICRS, degrees.
    scale : ndarray
        Width at which each was seen, arcsec.
    """

    ra: np.ndarray
    dec: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)


def fit_sources(
    images: Sequence[BandImage], candidates: Places, parameters: DetectionParameters
) -> FittedSources:
    """Fit candidates on all images together and keep those that are significant.

    Parameters
    ----------
    images : sequence of BandImage
        Every band of every observation.
    candidates : Places
    parameters : DetectionParameters

    Returns
    -------
    FittedSources
        Most significant first; those below the lowest threshold are dropped.
    """
    fitter = SourceFitter(images, parameters)
    fitter.include(candidates)
    fitter.settle()
    return fitter.result()


class SourceFitter:
    """A scene whose sources are fitted, dropped and joined by others in turn.

    Parameters
    ----------
    images : sequence of BandImage
    parameters : DetectionParameters
    """

    def __init__(self, images: Sequence[BandImage], parameters: DetectionParameters) -> None:
        self.images = list(images)
        self.scene = Scene(images)
        self.parameters = parameters
        self._local = parameters.local_threshold

    def include(self, places: Places) -> int:
        """Add candidates to the scene with the counts that stand there; return their number."""
        made = self.scene.make_sources(places.ra, places.dec, places.scale)
        for source in made:
            self._first_counts(source)
        for source in made:
            self.scene.add(source)
        self.scene.sources += made
        for i, j in neighbours(self.scene.sources, 1.5):
            if self.scene.sources[i].changed or self.scene.sources[j].changed:
                self.scene.sources[i].changed = self.scene.sources[j].changed = True
        return len(made)

    def use_backgrounds(self, images: Sequence[BandImage]) -> None:
        """Take other background maps for the same images; everything is to be fitted again."""
        for plane, image in zip(self.scene.planes, images, strict=True):
            plane.background = np.where(
                plane.exposure > 0, np.maximum(image.background.data, LEAST_BACKGROUND), 0.0
            )
        for source in self.scene.sources:
            source.changed = True

    def models(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the expected counts of all sources, by observation and band."""
        return {
            (image.observation, image.label): plane.model
            for image, plane in zip(self.images, self.scene.planes, strict=True)
        }

    def _first_counts(self, source: SceneSource) -> None:
        scene = self.scene
        excess, share = np.zeros(len(scene.bands)), np.zeros(len(scene.bands))
        for view in source.views:
            plane = scene.planes[view.plane]
            shape = scene.shape(source, view)
            where = scene.patch(source, view, shape, 0.6)
            level = scene.expected(view, where)
            excess[plane.band] += float((plane.counts[where] - level).sum())
            share[plane.band] += float(scene.fractions(source, view, shape, where).sum())
        fraction = share / np.where(source.seconds > 0, source.seconds, 1.0)
        source.counts = np.where(
            fraction > 0, np.maximum(excess, 0.5) / np.maximum(fraction, 0.05), 0
        )
        source.likelihood = source.counts.copy()

    def settle(self) -> None:
        """Fit groups in turn until no source's neighbours change any more."""
        for number in range(_PASSES):
            first = number == 0
            busy = self._one_pass(self.lowest * (_LENIENT if first else 1.0), not first)
            if not busy and not first:
                return

    @property
    def lowest(self) -> float:
        """Likelihood below which nothing is kept."""
        return self.parameters.lowest_threshold

    def _one_pass(self, lowest: float, extents: bool) -> bool:
        """Fit every group with a changed member; return whether anything changed."""
        sources = self.scene.sources
        if not sources:
            return False
        strength = np.array([best_likelihood(s.likelihood) for s in sources])
        before = [(s.offset.copy(), s.counts.copy(), s.core) for s in sources]
        dropped: set[int] = set()
        joined: list[SceneSource] = []
        groups = make_groups(sources, strength)
        for number, group in enumerate(groups):
            members = [sources[i] for i in group]
            for member in members:
                member.group = number
            due = extents and any(not m.extent_tested for m in members)
            weak = any(best_likelihood(m.likelihood) < lowest for m in members)
            if due or weak or any(m.changed for m in members):
                kept = self._fit(members, lowest, extents)
                dropped |= {i for i, m in zip(group, members, strict=True) if m not in kept}
                joined += [m for m in kept if m not in members]
        changed = {i for i in range(len(sources)) if i in dropped or _moved(sources[i], before[i])}
        for source in sources:
            source.changed = False
        for i, j in neighbours(sources, 1.5):
            if sources[i].group != sources[j].group or i in dropped or j in dropped:
                sources[i].changed |= j in changed
                sources[j].changed |= i in changed
        self.scene.sources = [s for i, s in enumerate(sources) if i not in dropped] + joined
        return any(s.changed or not s.extent_tested for s in self.scene.sources)

    def _fit(self, members: list[SceneSource], lowest: float, extents: bool) -> list[SceneSource]:
        """Fit a group, drop what is not significant, try extents; return what is kept."""
        scene = self.scene
        wide = [s for s in members if not s.extent_tested and s.scale > _WIDE * s.width]
        for source in members:
            scene.remove(source)
        kept = list(members)
        for source in wide:
            if self._may_be_extended(source):
                fit_group(scene, kept)
                self._try_extent(kept, source)
        kept = self._prune(kept, lowest)
        if extents:
            for source in sorted(kept, key=lambda s: -best_likelihood(s.likelihood)):
                due = source in kept and not source.extent_tested
                if due and self._try_extent(kept, source):
                    kept = self._prune(kept, lowest)
        for source in kept:
            scene.add(source)
        return kept

    def _may_be_extended(self, source: SceneSource) -> bool:
        """Tell whether a beta model as wide as its candidate, where it stands, is significant."""
        trial = copy.copy(source)
        trial.core = min(source.scale, LARGEST_START * source.width)
        likelihood = band_likelihoods(self.scene, trial, self._local)
        return best_likelihood(likelihood) >= _PROMISING * self.lowest

    def _try_extent(self, group: list[SceneSource], source: SceneSource) -> bool:
        """Try an extent, and a pair of points where it is small; tell whether anything changed."""
        extended, second = try_extent(
            self.scene, group, group.index(source), self.parameters.extent_threshold,
            self.parameters.smallest_extent,
        )  # fmt: skip
        if second is not None:
            group.append(second)
        return extended or second is not None

    def _prune(self, group: list[SceneSource], lowest: float) -> list[SceneSource]:
        """Fit, and drop the least significant source, until all are significant."""
        kept = list(group)
        while kept:
            self._measure(kept)
            fit_group(self.scene, kept)
            if self._shrunk(kept):
                fit_group(self.scene, kept)
            values = self._measure(kept)
            weakest = int(np.argmin(values))
            if values[weakest] >= lowest:
                break
            kept.pop(weakest)
        return kept

    def _shrunk(self, group: list[SceneSource]) -> bool:
        """Make points of extended sources that the fit has made too small; tell whether any."""
        small = [
            s for s in group
            if s.core > 0 and not s.approximate and not self._extent(s)
        ]  # fmt: skip
        for source in small:
            source.core, source.extent_likelihood = 0.0, 0.0
        return bool(small)

    def embedded(self) -> np.ndarray:
        """Tell of which sources, in the order of `result`, the emission around has more like them.

        See `xsurvey.detection.confusion.embedded`.
        """
        sources = self._ordered()
        points = np.array([self._extent(s) == 0 for s in sources], dtype=bool)
        return embedded(self.scene, sources, points)

    def _extent(self, source: SceneSource) -> float:
        """Return the core radius of an extended source, 0 of a point that is only blurred."""
        large = source.core >= smallest_extent(source, self.parameters.smallest_extent)
        return source.core if large else 0.0

    def _ordered(self) -> list[SceneSource]:
        """Return the sources, most significant first."""
        sources = self.scene.sources
        strength = np.array([best_likelihood(s.likelihood) for s in sources])
        places = np.array([s.place() for s in sources]).reshape(-1, 2)
        return [sources[i] for i in np.lexsort((places[:, 1], places[:, 0], -strength))]

    def _measure(self, group: list[SceneSource]) -> list[float]:
        """Work out surroundings and likelihoods of the members of a group, none of them added."""
        scene = self.scene
        for source in group:
            scene.add(source)
        values = []
        for source in group:
            scene.remove(source)
            self._judge(source)
            value = best_likelihood(source.likelihood)
            near = [o for o in group if o is not source and overlap(o, source)]
            if near and self.lowest <= value < _CLEAR * self.lowest:
                self._judge_without(source, near)
                value = best_likelihood(source.likelihood)
            values.append(value)
            scene.add(source)
        for source in group:
            scene.remove(source)
        return values

    def _judge(self, source: SceneSource) -> None:
        if not source.core:
            source.raised = raised_levels(self.scene, source)
        source.likelihood = band_likelihoods(self.scene, source, self._local)

    def _judge_without(self, source: SceneSource, near: list[SceneSource]) -> None:
        """Work out the likelihood over neighbours that take what they can of the source's photons.

        Of two sources fitted to the photons of one each is significant over the other as it is.
        """
        scene = self.scene
        for one in near:
            scene.remove(one)
        alone = [copy.copy(one) for one in near]
        fit_group(scene, alone)
        for one in alone:
            scene.add(one)
        self._judge(source)
        for one in alone:
            scene.remove(one)
        for one in near:
            scene.add(one)

    def result(self) -> FittedSources:
        """Return the sources, most significant first, with their uncertainties."""
        scene = self.scene
        sources = self._ordered()
        places = np.array([s.place() for s in sources]).reshape(-1, 2)
        errors = [self._errors(s) for s in sources]
        bands = len(scene.bands)
        likelihood = np.array([s.likelihood for s in sources]).reshape(-1, bands)
        seconds = np.array([s.seconds for s in sources]).reshape(-1, bands)
        counts = np.array([s.counts for s in sources]).reshape(-1, bands)
        seen = np.where(seconds > 0, seconds, np.nan)
        best = np.array(scene.bands)[likelihood.argmax(axis=1)] if sources else np.array([], str)
        interval = np.array([e[2] for e in errors]).reshape(-1, 2)
        return FittedSources(
            scene.bands, places[:, 0], places[:, 1],
            np.array([e[0] for e in errors]).reshape(-1, 2, 2), counts / seen,
            np.array([e[1] for e in errors]).reshape(-1, bands) / seen,
            np.where(seconds > 0, counts, np.nan),
            np.array([best_likelihood(s.likelihood) for s in sources]),
            np.where(seconds > 0, likelihood, np.nan), best,
            np.array([self._extent(s) for s in sources]), interval[:, 0], interval[:, 1],
            np.array([s.extent_likelihood for s in sources]),
            np.array([s.group for s in sources], dtype=int),
            np.array([s.converged for s in sources], dtype=bool),
            np.array([s.scale for s in sources]),
        )  # fmt: skip

    def _errors(self, source: SceneSource) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
        """Return covariance of the place, errors of the counts, and interval of the extent."""
        scene = self.scene
        scene.remove(source)
        place = place_covariance(scene, source)
        interval = (0.0, 0.0)
        if self._extent(source) > 0:
            interval = extent_interval(scene, source)
        errors = counts_errors(scene, source)
        scene.add(source)
        return place, errors, interval


def _moved(source: SceneSource, before: tuple[np.ndarray, np.ndarray, float]) -> bool:
    offset, counts, core = before
    far = float(np.hypot(*(source.offset - offset))) > _SAME_PLACE * source.width
    other = np.abs(source.counts - counts) > _SAME_COUNTS * np.maximum(counts, 1) + 0.1
    return bool(far or other.any() or abs(source.core - core) > _SAME_PLACE * source.width)
