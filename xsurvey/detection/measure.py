"""From found sources to catalog rows: photometry, hardness, fluxes, pile-up, flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xsurvey.apertures.pileup import PILED_UP, pileup_fraction
from xsurvey.detection.aperture import Apertures, Places, apertures_for
from xsurvey.detection.columns import (
    band_columns,
    fit_columns,
    hardness_columns,
    hardness_label,
    position_columns,
)
from xsurvey.detection.detect import band_labels, find_sources, search_bands
from xsurvey.detection.fitted import FoundSources
from xsurvey.detection.flags import SourceFlag, gap_or_edge, on_extended_emission, saturated
from xsurvey.detection.fluxes import FluxFactors, no_factors
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.photometry import (
    BandCounts,
    BandPhotometry,
    count_band,
    coupled,
    photometry,
)
from xsurvey.detection.resolution import field_psf
from xsurvey.imaging.background import background_map
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.inference.poisson_rate import CountsPosterior
from xsurvey.missions import Mission
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand

_RESOLVED = 2.0  # pixels of an image, that an island must have to be counted in

Responses = Callable[[Field], FluxFactors]
"""Gives the conversion factors of a field's bands."""


@dataclass(frozen=True)
class Measurements:
    """Measured sources.

    Attributes
    ----------
    rows : list of dict
        Catalog rows, keys as in the schema ``sources``; in the order of the found sources, most
        significant first.
    observations : list of dict
        A row for each source and observation that saw it: ``number`` is the source's place in
        ``rows``, counted from 1, ``observation`` the name.
    bands : dict of str to str
        Label and meaning of each measured band.
    hardness : dict of str to str
        Suffix and meaning of each hardness ratio.
    notes : tuple of str
        What could not be measured, and why.
    posteriors : mapping of str to mapping of str to CountsPosterior
        Of the counts, by observation (empty for all together) and band; a row for each of
        ``rows``.
    expected_false : tuple of float
        As in `FoundSources`.
    """

    rows: list[dict[str, Any]]
    observations: list[dict[str, Any]]
    bands: dict[str, str]
    hardness: dict[str, str]
    notes: tuple[str, ...] = ()
    posteriors: Mapping[str, Mapping[str, CountsPosterior]] = field(default_factory=dict)
    expected_false: tuple[float, float] = (np.nan, np.nan)


def measured_bands(
    photometry: PhotometryParameters, detection: DetectionParameters, mission: Mission | None
) -> list[EnergyBand]:
    """Return the bands to measure: those asked for, those searched if any, the mission's."""
    if photometry.measure_band:
        return list(dict.fromkeys(photometry.measure_band))
    if detection.band or mission is None:
        return search_bands(detection, mission)
    return [mission.bands[b] for b in mission.photometry_bands]


def detect_sources(
    field: Field, detection: DetectionParameters, parameters: PhotometryParameters,
    background: SkyImage | None = None, region: RegionSet | None = None,
    responses: Responses | None = None,
) -> Measurements:  # fmt: skip
    """Find and measure the sources of one observation: `find_sources`, then `measure_sources`."""
    stack = single_stack(field.obs_id, field)
    backgrounds = None if background is None else {field.obs_id: background}
    found = find_sources(stack, detection, backgrounds, region)
    measured = measure_sources(found, stack, detection, parameters, responses)
    return replace(measured, expected_false=found.expected_false)


def places_of(found: FoundSources) -> Places:
    """Return where found sources are measured."""
    s = found.sources
    return Places(s.ra, s.dec, np.nan_to_num(s.extent), s.scale)


def measure_sources(
    found: FoundSources, stack: Stack, detection: DetectionParameters,
    parameters: PhotometryParameters, responses: Responses | None = None,
    seed: int = 0,
) -> Measurements:  # fmt: skip
    """Measure found sources in every asked-for band.

    Parameters
    ----------
    found : FoundSources
    stack : Stack
        Its fields have the bands that `measured_bands` names.
    detection : DetectionParameters
        For the bands, the scale of background maps and the PSF.
    parameters : PhotometryParameters
    responses : callable, optional
        Gives the flux factors of each field (`xsurvey.detection.fluxes`); without it fluxes are
        NaN.
    seed : int
        Of the sampler for sources that overlap.
    """
    first = stack.fields[0]
    labels = band_labels(first, measured_bands(parameters, detection, first.mission))
    pairs = first.mission.hardness_pairs if first.mission else ()
    hardness = {
        hardness_label(h, s): f"{h} over {s}" for h, s in pairs if h in labels and s in labels
    }
    bands = {label: _describe(first, label) for label in labels}
    if not len(found.sources):
        return Measurements([], [], bands, hardness)
    seen = [
        _observe(name, one, found, labels, detection, parameters, responses)
        for name, one in zip(stack.names, stack.fields, strict=True)
    ]
    groups = coupled([o.apertures for o in seen], [[o.bands[b] for o in seen] for b in labels])
    together = _Measured.of(seen, labels, groups, seed, pairs)
    each = [together] if len(seen) == 1 else [
        _Measured.of([o], labels, groups, seed + 1 + k, pairs) for k, o in enumerate(seen)
    ]  # fmt: skip
    per_observation = [_observation_columns(o, m) for o, m in zip(seen, each, strict=True)]
    rows = _rows(_master_columns(found, seen, together, per_observation))
    observations = [
        row
        for o, columns in zip(seen, per_observation, strict=True)
        for row, there in zip(_rows(columns), o.exposed, strict=True)
        if there
    ]
    observations.sort(key=lambda row: int(row["number"]))
    notes = dict.fromkeys(note for o in seen for note in o.factors.notes)
    named = {"": together}
    if len(seen) > 1:
        named |= {o.name: m for o, m in zip(seen, each, strict=True)}
    posteriors = {k: {b: p.posterior for b, p in m.bands.items()} for k, m in named.items()}
    return Measurements(rows, observations, bands, hardness, tuple(notes), posteriors)


def _describe(field: Field, label: str) -> str:
    return f"{field.bands[label]} keV" if label in field.bands else "energies of the image"


@dataclass(frozen=True)
class _Observation:
    """What one observation has of all sources."""

    name: str
    field: Field
    apertures: Apertures
    bands: Mapping[str, BandCounts]
    factors: FluxFactors
    flags: np.ndarray
    exposed: np.ndarray


def _observe(
    name: str, field: Field, found: FoundSources, labels: list[str],
    detection: DetectionParameters, parameters: PhotometryParameters,
    responses: Responses | None,
) -> _Observation:  # fmt: skip
    apertures = apertures_for(
        places_of(found), field, labels[0], parameters, field_psf(field, detection)
    )
    bands, flags = {}, np.zeros(len(found.sources), dtype=np.int32)
    for label in labels:
        background = background_of(found, name, field, label, detection)
        bands[label] = count_band(field, label, background, apertures)
        if label == labels[0]:
            flags = _place_flags(field, label, background, apertures)
    exposed = np.any([b.exposure > 0 for b in bands.values()], axis=0)
    factors = responses(field) if responses is not None else no_factors(labels)
    return _Observation(name, field, apertures, bands, factors, flags, exposed)


def background_of(
    found: FoundSources, name: str, field: Field, label: str, detection: DetectionParameters
) -> np.ndarray:
    """Return the expected background counts a pixel of an observation in a band."""
    known = found.backgrounds.get(name, {})
    if label in known:
        return known[label].data
    # the mask of the searched band: the same sources, whatever the band
    counts, exposure = field.counts[label], field.exposure[label]
    widest = detection.background_pixels(field.mission, counts.grid.pixel_size)
    return background_map(counts.data, exposure.data, found.masks[name], (widest,))


def _place_flags(
    field: Field, label: str, background: np.ndarray, apertures: Apertures
) -> np.ndarray:
    """Return the flags that come from the place of a source in an observation."""
    image = field.exposure[label]
    x, y, r = apertures.x, apertures.y, apertures.radius
    flags = gap_or_edge(image.data, x, y, r, image.grid.pixel_size)
    flags[on_extended_emission(image.data, background, x, y)] |= SourceFlag.EXTENDED_EMISSION
    flags[[len(o) > 0 for o in apertures.overlaps]] |= SourceFlag.BLENDED
    if field.exposure_approximate:
        flags |= SourceFlag.EXPOSURE_APPROXIMATE
    if apertures.approximate:
        flags |= SourceFlag.PSF_APPROXIMATE
    return flags


@dataclass(frozen=True)
class _Measured:
    """Photometry of all sources in all bands."""

    bands: Mapping[str, BandPhotometry]
    hardness: Mapping[str, np.ndarray]

    @classmethod
    def of(
        cls, seen: list[_Observation], labels: list[str], groups: np.ndarray, seed: int,
        pairs: Sequence[tuple[str, str]],
    ) -> _Measured:  # fmt: skip
        apertures = [o.apertures for o in seen]
        bands = {b: photometry(apertures, [o.bands[b] for o in seen], groups, seed) for b in labels}
        return cls(bands, hardness_columns(pairs, bands))

    def columns(
        self, timed: bool, factors: Mapping[str, np.ndarray | float]
    ) -> dict[str, Any]:  # fmt: skip
        columns: dict[str, Any] = {}
        for label, measured in self.bands.items():
            columns |= band_columns(label, measured, timed, factors[label])
        return columns | dict(self.hardness)


def _observation_columns(seen: _Observation, measured: _Measured) -> dict[str, Any]:
    field, circles = seen.field, seen.apertures
    n, label = len(circles.x), next(iter(seen.bands))
    pixel = field.exposure[label].grid.pixel_size
    x, y = _sky_pixels(field, label, circles.x, circles.y)
    total = measured.bands[label]
    pileup, full = _detector(field, seen.bands[label], total, circles)
    flags = seen.flags.copy()
    flags[np.nan_to_num(pileup) > PILED_UP] |= SourceFlag.PILED_UP
    flags[full] |= SourceFlag.SATURATED
    flags[total.from_map] |= SourceFlag.BACKGROUND_FROM_MAP
    if seen.factors.approximate:
        flags |= SourceFlag.RESPONSE_APPROXIMATE
    return {
        "number": np.arange(1, n + 1), "observation": [seen.name] * n,
        "obs_id": [field.obs_id] * n, "mission": [_mission(field)] * n,
        "instrument": [field.instrument] * n, "target": [field.target] * n,
        "x": x, "y": y, "off_axis_angle": circles.off_axis,
        "psf_radius": circles.radius * pixel, "psf_fraction": circles.fraction,
        **measured.columns(field.timed, seen.factors.factors),
        "pileup_fraction": pileup, "flag": flags,
    }  # fmt: skip


def _detector(
    field: Field, counted: BandCounts, measured: BandPhotometry, circles: Apertures
) -> tuple[np.ndarray, np.ndarray]:
    """Return the piled-up fraction, and which sources are beyond the detector."""
    net = measured.posterior.mode()
    core = net * circles.core
    rate = np.full(len(net), np.nan)
    if field.timed and np.isfinite(field.frame_time):
        rate = net / np.where(measured.exposure > 0, measured.exposure, np.nan)
    pileup = pileup_fraction(rate, circles.core, field.frame_time)
    area = np.array([r.weight.sum() for r in circles.apertures])
    part = np.minimum(np.pi * circles.core_radius**2 / np.maximum(area, 1e-9), 1.0)
    # an island that is not well inside of the aperture tells nothing of a hole
    inside = circles.core_radius < circles.radius
    if field.binned and circles.core_radius < _RESOLVED:
        inside = np.zeros(len(net), dtype=bool)
    full = saturated(
        rate * circles.core, field.frame_time, counted.core_counts,
        np.where(inside, np.nan_to_num(core), 0.0), measured.background * part,
    )  # fmt: skip
    return pileup, full


def _master_columns(
    found: FoundSources, seen: list[_Observation], together: _Measured,
    per_observation: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    sources, label = found.sources, next(iter(seen[0].bands))
    n = len(sources)
    exposure = np.stack([o.bands[label].exposure for o in seen])
    best = np.argmax(exposure, axis=0)
    flags = np.zeros(n, dtype=np.int32)
    for o, columns in zip(seen, per_observation, strict=True):
        flags |= np.where(o.exposed, columns["flag"], 0).astype(np.int32)
    flags[~sources.converged] |= SourceFlag.POSITION_FIXED
    flags[np.nan_to_num(sources.extent) > 0] |= SourceFlag.EXTENDED
    from_best = (
        "obs_id", "mission", "instrument", "target", "x", "y", "off_axis_angle", "psf_radius",
        "psf_fraction",
    )  # fmt: skip
    chosen = {key: [per_observation[k][key][i] for i, k in enumerate(best)] for key in from_best}
    pileup = np.stack([c["pileup_fraction"] for c in per_observation])
    timed = all(o.field.timed for o in seen)
    return {
        **position_columns(sources), **chosen, **fit_columns(sources, found.classification),
        "n_observations": np.sum([o.exposed for o in seen], axis=0),
        **together.columns(timed, _mean_factors(seen)),
        "pileup_fraction": np.fmax.reduce(pileup, axis=0), "flag": flags,
    }  # fmt: skip


def _mean_factors(seen: list[_Observation]) -> dict[str, np.ndarray | float]:
    """Return the factors of all observations together, weighted by exposure."""
    means: dict[str, np.ndarray | float] = {}
    for label in seen[0].bands:
        weight = np.stack([o.bands[label].exposure for o in seen])
        factor = np.array([o.factors.factors[label] for o in seen])[:, None]
        total = np.where(weight > 0, weight * factor, 0).sum(axis=0)
        seconds = weight.sum(axis=0)
        means[label] = np.divide(total, seconds, out=np.full(len(seconds), np.nan),
                                 where=seconds > 0)  # fmt: skip
    return means


def _mission(field: Field) -> str:
    return field.mission.name if field.mission else ""


def _sky_pixels(field: Field, label: str, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """Turn 0-based image coordinates into the sky pixels of the event file, 1-based."""
    if field.events is None:
        return x + 1.0, y + 1.0
    return field.counts[label].grid.to_sky_pixels(x, y)


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    n = len(columns["x"])
    return [{name: _scalar(values[i]) for name, values in columns.items()} for i in range(n)]


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
