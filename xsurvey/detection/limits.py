"""Upper limits at any position of a stack, with what known sources put there taken into account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xsurvey.detection.aperture import Apertures, Places, apertures_for, on_image
from xsurvey.detection.detect import band_labels
from xsurvey.detection.fitted import FoundSources
from xsurvey.detection.fluxes import FluxFactors, no_factors
from xsurvey.detection.measure import (
    Responses,
    background_of,
    measured_bands,
    places_of,
)
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.photometry import BandCounts, count_band, coupled, photometry
from xsurvey.detection.resolution import field_psf
from xsurvey.errors import ParameterError
from xsurvey.imaging.field import Field, Photons
from xsurvey.imaging.sky_image import separation_arcmin
from xsurvey.imaging.stack import Stack
from xsurvey.inference.poisson_rate import LIMIT_CONFIDENCE
from xsurvey.psf import GaussianPsf
from xsurvey.units import SkyPosition

_SAME = 1 / 3
"""Aperture radii within which a position is that of a known source."""
_APART = 12.0  # aperture radii between positions that are worked out at a time
_CORES = 3.5  # core radii that apertures of extended sources have at most
_FIELD = 60.0  # arcmin from the axis; no field of view is larger
_NOT_EXPOSED = "outside of the exposure"
_NO_RATE = "the exposure is not known in seconds"


@dataclass(frozen=True)
class UpperLimit:
    """The upper limit of one band at one position, all observations together.

    Attributes
    ----------
    position : SkyPosition
    band : str
        Label.
    counts : float
        In the apertures.
    background : float
        Expected there, of background and known sources.
    exposure : float
        s, vignetted; NaN where there is none or it is not known in seconds.
    counts_upper, rate_upper, flux_upper : float
        Of all of the source's light: counts, count / s, erg / s / cm2.
    source : int or None
        Number in the list of found sources, from 1, of the one that is at the position: the
        limit is on that source then.
    reason : str
        Why a number is missing; empty where none is.
    """

    position: SkyPosition
    band: str
    counts: float
    background: float
    exposure: float
    counts_upper: float
    rate_upper: float
    flux_upper: float
    source: int | None
    reason: str


def upper_limit(
    stack: Stack, positions: Sequence[SkyPosition], found: FoundSources,
    detection: DetectionParameters, parameters: PhotometryParameters,
    responses: Responses | None = None, confidence: float = LIMIT_CONFIDENCE, seed: int = 0,
) -> list[UpperLimit]:  # fmt: skip
    """Return upper limits for point sources at given positions, in every measured band.

    Parameters
    ----------
    stack : Stack
        Its fields have the bands that `measured_bands` names.
    positions : sequence of SkyPosition
    found : FoundSources
        Known sources; they may be none.
    detection, parameters : StepParameters
        As the sources were found and measured with.
    responses : callable, optional
        As for `measure_sources`.
    confidence : float
        Of the limits: quantile of the posterior of the counts with a flat prior.
    seed : int
        Of the sampler for positions in the light of known sources.

    Returns
    -------
    list of UpperLimit
        For each position, in order, those of all bands.

    Raises
    ------
    ParameterError
        The confidence is not between 0 and 1, or no position is given.
    """
    if not 0 < confidence < 1:
        raise ParameterError("confidence", f"is {confidence:g}", "give one between 0 and 1")
    if not positions:
        raise ParameterError("position", "is missing", "give RA,DEC")
    first = stack.fields[0]
    labels = band_labels(first, measured_bands(parameters, detection, first.mission))
    ra, dec = np.array(positions, float).T
    radii = _radii(stack, labels[0], ra, dec, detection, parameters)
    places = _counted_places(ra, dec, radii, found, parameters)
    near = replace(stack, fields=tuple(
        _kept_near(field, labels, *places) for field in stack.fields
    ))  # fmt: skip
    factors = tuple(
        responses(field) if responses is not None else no_factors(labels) for field in stack.fields
    )
    problem = _Problem(near, labels, found, detection, parameters, factors, confidence, seed)
    limits: dict[int, list[UpperLimit]] = {}
    for chosen in _rounds(ra, dec, _APART * float(radii.max())):
        solved = problem.solve(ra[chosen], dec[chosen], radii[chosen])
        limits |= dict(zip(chosen.tolist(), solved, strict=True))
    return [one for index in range(len(positions)) for one in limits[index]]


def _radii(
    stack: Stack, label: str, ra: np.ndarray, dec: np.ndarray, detection: DetectionParameters,
    parameters: PhotometryParameters,
) -> np.ndarray:  # fmt: skip
    """Return the radius of the aperture at each position in arcsec, the observations' largest."""
    radii = np.zeros(len(ra))
    for field in stack.fields:
        psf = field_psf(field, detection) or GaussianPsf(field.counts[label].grid.pixel_size)
        angle = np.zeros(len(ra))
        if field.pointing is not None:
            angle = separation_arcmin(ra, dec, field.pointing)
        # far outside of a field the PSF is not known, and not needed
        near = psf.radius(parameters.fraction(field.mission), np.minimum(angle, _FIELD))
        radii = np.maximum(radii, near)
    return radii


def _counted_places(
    ra: np.ndarray, dec: np.ndarray, radii: np.ndarray, found: FoundSources,
    parameters: PhotometryParameters,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return places (ICRS degrees) and the distances (arcsec) in which their photons matter."""
    known = places_of(found)
    # known sources that are in the light of a position are counted as well, extended ones from afar
    wide = known.of(known.extent > 0)
    _, outer = parameters.annulus(np.hypot(2 * radii.max(), _CORES * wide.extent))
    return (
        np.append(ra, wide.ra), np.append(dec, wide.dec), np.append(3 * _APART * radii, outer)
    )  # fmt: skip


@dataclass(frozen=True)
class _NearField(Field):
    """A field with the photons that matter in memory."""

    kept: dict[str, list[Photons]] | None = None
    in_pixels: bool = True

    @property
    def binned(self) -> bool:
        return self.in_pixels

    def photons(self, label: str) -> Iterator[Photons]:
        assert self.kept is not None
        yield from self.kept[label]


def _kept_near(
    field: Field, labels: list[str], ra: np.ndarray, dec: np.ndarray, distance: np.ndarray
) -> _NearField:
    """Read the photons within distances (arcsec) of some positions once."""
    grid = field.counts[labels[0]].grid
    x, y = on_image(grid, ra, dec)
    wanted = np.zeros(tuple(n + 2 for n in grid.shape), dtype=bool)
    for cx, cy, within in zip(x, y, distance, strict=True):
        reach = int(np.ceil(within / grid.pixel_size)) + 2
        if abs(cx) < 1e6 and abs(cy) < 1e6:
            rows, columns = (
                slice(max(int(c) - reach, 0), max(int(c) + reach + 2, 0)) for c in (cy, cx)
            )
            wanted[rows, columns] = True
    kept: dict[str, list[Photons]] = {}
    for label in labels:
        kept[label] = []
        for px, py, number in field.photons(label):
            column, row = (np.rint(np.nan_to_num(v, nan=-9)).astype(int) + 1 for v in (px, py))
            inside = wanted[
                np.clip(row, 0, wanted.shape[0] - 1), np.clip(column, 0, wanted.shape[1] - 1)
            ]
            kept[label].append((px[inside], py[inside], number[inside]))
    values = {name: getattr(field, name) for name in Field.__dataclass_fields__}
    return _NearField(**values, kept=kept, in_pixels=field.binned)


def _rounds(ra: np.ndarray, dec: np.ndarray, apart: float) -> list[np.ndarray]:
    """Share positions out to rounds in each of which they are far from each other (arcsec)."""
    rounds: list[list[int]] = []
    for i in range(len(ra)):
        for members in rounds:
            if (_distance(ra[members], dec[members], ra[i], dec[i]) > apart).all():
                members.append(i)
                break
        else:
            rounds.append([i])
    return [np.array(members) for members in rounds]


def _distance(ra: np.ndarray, dec: np.ndarray, at_ra: float, at_dec: float) -> np.ndarray:
    east = (np.mod(ra - at_ra + 180, 360) - 180) * np.cos(np.radians(at_dec))
    return np.asarray(np.hypot(east, dec - at_dec) * 3600)


@dataclass(frozen=True)
class _Problem:
    stack: Stack
    labels: list[str]
    found: FoundSources
    detection: DetectionParameters
    parameters: PhotometryParameters
    factors: tuple[FluxFactors, ...]
    confidence: float
    seed: int

    def solve(self, ra: np.ndarray, dec: np.ndarray, radii: np.ndarray) -> list[list[UpperLimit]]:
        """Return the limits at positions that are far from each other."""
        known = places_of(self.found)
        near, same = np.zeros(len(known), dtype=bool), np.zeros(len(known), dtype=bool)
        sources: list[int | None] = [None] * len(ra)
        for i, (a, d, radius) in enumerate(zip(ra, dec, radii, strict=True)):
            distance = _distance(known.ra, known.dec, a, d)
            near |= distance < 2 * _APART * radius + 10 * known.extent
            if len(distance) and distance.min() < _SAME * radius:
                sources[i] = int(np.argmin(distance))
                same[sources[i]] = True
        others = known.of(near & ~same)
        zero = np.zeros(len(ra))
        places = Places(
            np.append(ra, others.ra), np.append(dec, others.dec), np.append(zero, others.extent),
            np.append(zero, others.scale),
        )  # fmt: skip
        fields = self.stack.fields
        apertures = [
            apertures_for(places, f, self.labels[0], self.parameters, field_psf(f, self.detection))
            for f in fields
        ]
        counted = {label: self._count(label, apertures) for label in self.labels}
        groups = coupled(apertures, list(counted.values()))
        limits: list[list[UpperLimit]] = [[] for _ in ra]
        for label, measured in counted.items():
            result = photometry(apertures, measured, groups, self.seed)
            upper = result.posterior.quantile(self.confidence)
            for i in range(len(ra)):
                seconds = np.array([m.exposure[i] for m in measured])
                factor = np.array([f.factors[label] for f in self.factors])
                seen = seconds > 0
                flux = float(seconds[seen] @ factor[seen] / seconds.sum()) if seen.any() else np.nan
                source = sources[i]
                limits[i].append(self._limit(
                    SkyPosition(float(ra[i]), float(dec[i])), label, float(result.counts[i]),
                    float(result.background[i]), float(seconds.sum()), float(upper[i]), flux,
                    None if source is None else source + 1,
                ))  # fmt: skip
        return limits

    def _count(self, label: str, apertures: list[Apertures]) -> list[BandCounts]:
        return [
            count_band(
                field, label, background_of(self.found, name, field, label, self.detection), a
            )
            for name, field, a in zip(self.stack.names, self.stack.fields, apertures, strict=True)
        ]

    def _limit(
        self, position: SkyPosition, label: str, counts: float, background: float, seconds: float,
        upper: float, factor: float, source: int | None,
    ) -> UpperLimit:  # fmt: skip
        nan = float("nan")
        if not seconds > 0:
            return UpperLimit(
                position, label, nan, nan, nan, nan, nan, nan, source, _NOT_EXPOSED
            )  # fmt: skip
        if not all(f.timed for f in self.stack.fields):
            return UpperLimit(
                position, label, counts, background, nan, upper, nan, nan, source, _NO_RATE
            )  # fmt: skip
        rate = upper / seconds
        reason = "" if np.isfinite(factor) else "no effective area is known"
        return UpperLimit(
            position, label, counts, background, seconds, upper, rate, rate * factor, source, reason
        )


def as_json(limit: UpperLimit, bands: dict[str, Any]) -> dict[str, Any]:
    """Return a limit as JSON values, for the energies of bands (keV) by label."""
    values: dict[str, Any] = {
        name: getattr(limit, name) for name in limit.__dataclass_fields__ if name != "position"
    }
    return {
        "ra": limit.position.ra, "dec": limit.position.dec,
        "energy": list(bands[limit.band]) if limit.band in bands else None, **values,
    }  # fmt: skip
