"""From found sources to catalog rows: photometry, hardness, pile-up, flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.apertures.pileup import pileup_fraction
from xsurvey.detection import starlet
from xsurvey.detection.detect import (
    FoundSources,
    band_labels,
    find_sources,
    search_bands,
    sky_pixels,
)
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.photometry import (
    Apertures,
    BandData,
    BandPhotometry,
    apertures_for,
    band_columns,
    hardness_columns,
    measure_band,
    source_flags,
)
from xsurvey.detection.search import gaussian_significance
from xsurvey.imaging.background import background_map
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage, separation_arcmin
from xsurvey.missions import Mission
from xsurvey.psf import PointSpreadFunction, parse_psf
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class Measurements:
    """Measured sources.

    Attributes
    ----------
    rows : list of dict
        Catalog rows, keys as in the schema ``sources``; most significant first.
    bands : dict of str to str
        Label and meaning of each measured band.
    hardness : dict of str to str
        Suffix and meaning of each hardness ratio.
    """

    rows: list[dict[str, Any]]
    bands: dict[str, str]
    hardness: dict[str, str]


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
    field: Field, detection: DetectionParameters, photometry: PhotometryParameters,
    background: SkyImage | None = None, region: RegionSet | None = None,
) -> Measurements:  # fmt: skip
    """Find and measure the sources of a field: `find_sources`, then `measure_sources`."""
    found = find_sources(field, detection, background, region)
    return measure_sources(found, field, detection, photometry)


def measure_sources(
    found: FoundSources, field: Field, detection: DetectionParameters,
    photometry: PhotometryParameters,
) -> Measurements:  # fmt: skip
    """Measure found sources in every asked-for band.

    Parameters
    ----------
    found : FoundSources
    field : Field
        With the bands that `measured_bands` names.
    detection : DetectionParameters
        For the class of each source and the scale of background maps.
    photometry : PhotometryParameters
    """
    labels = band_labels(field, measured_bands(photometry, detection, field.mission))
    rows = _measure(found, field, labels, detection, photometry)
    pairs = field.mission.hardness_pairs if field.mission else ()
    hardness = {f"{h}{s}": f"{h} over {s}" for h, s in pairs if h in labels and s in labels}
    return Measurements(rows, {label: _describe(field, label) for label in labels}, hardness)


def _describe(field: Field, label: str) -> str:
    return f"{field.bands[label]} keV" if label in field.bands else "energies of the image"


def _measure(
    found: FoundSources, field: Field, labels: list[str], detection: DetectionParameters,
    parameters: PhotometryParameters,
) -> list[dict[str, Any]]:  # fmt: skip
    sources = found.sources
    if not sources:
        return []
    grid = field.counts[labels[0]].grid
    x = np.array([s.position.x for s in sources])
    y = np.array([s.position.y for s in sources])
    ra, dec = grid.to_icrs(x, y)
    if field.pointing is not None:
        off_axis = separation_arcmin(ra, dec, field.pointing)
    else:
        off_axis = np.full(len(x), np.nan)
    psf = _psf(field, parameters)
    detector_pixel = field.mission.detector_pixel if field.mission else grid.pixel_size
    circles = apertures_for(
        sources,
        np.nan_to_num(off_axis),
        psf,
        grid.pixel_size,
        detector_pixel,
        parameters,
        parameters.fraction(field.mission),
    )
    measured = {
        label: measure_band(_band_data(field, label, found, detection), circles) for label in labels
    }
    likelihood = np.array([s.likelihood for s in sources])
    sky_x, sky_y = sky_pixels(field, labels[0], x, y)
    columns: dict[str, Any] = {
        "obs_id": [field.obs_id] * len(x),
        "mission": [field.mission.name if field.mission else ""] * len(x),
        "instrument": [field.instrument] * len(x),
        "target": [field.target] * len(x),
        "ra": ra % 360, "dec": dec,
        "position_error": np.array([s.position.error for s in sources]) * grid.pixel_size,
        "x": sky_x, "y": sky_y, "off_axis_angle": off_axis,
        "detection_likelihood": likelihood,
        "significance": gaussian_significance(likelihood),
        "detection_band": [s.band for s in sources],
        "detection_scale": np.array([starlet.kernel_sigma(s.scale) for s in sources])
        * grid.pixel_size,
        "classification": ["TRUE" if v >= detection.threshold else "MARGINAL" for v in likelihood],
        "psf_radius": circles.radius * grid.pixel_size,
        "psf_fraction": circles.fraction,
    }  # fmt: skip
    for label in labels:
        columns |= band_columns(label, measured[label], field.timed)
    pairs = field.mission.hardness_pairs if field.mission else ()
    columns |= hardness_columns(pairs, measured)
    columns |= _quality(field, labels, measured, circles, found, psf)
    return [{name: _scalar(values[i]) for name, values in columns.items()} for i in range(len(x))]


def _quality(
    field: Field, labels: list[str], measured: dict[str, BandPhotometry], circles: Apertures,
    found: FoundSources, psf: PointSpreadFunction | None,
) -> dict[str, Any]:  # fmt: skip
    total = measured[labels[0]]
    seconds = np.where(total.exposure > 0, total.exposure, np.nan)
    pileup = np.full(len(circles.x), np.nan)
    if field.timed and np.isfinite(field.frame_time):
        rate = total.posterior.mode() / seconds
        pileup = pileup_fraction(rate, circles.core_fraction, field.frame_time)
    exposure = field.exposure[labels[0]].data
    flags = source_flags(
        circles, exposure, next(iter(found.backgrounds.values())).data, pileup, total.from_map,
        exposure_approximate=field.exposure_approximate,
        psf_approximate=psf is None or psf.approximate,
    )  # fmt: skip
    return {"pileup_fraction": pileup, "flag": flags}


def _psf(field: Field, parameters: PhotometryParameters) -> PointSpreadFunction | None:
    if parameters.psf is not None:
        return parse_psf(parameters.psf)
    if field.mission is None or (field.pointing is None and not field.scanning):
        return None
    return field.mission.psf(field.scanning)


def _band_data(
    field: Field, label: str, found: FoundSources, detection: DetectionParameters
) -> BandData:  # fmt: skip
    counts, exposure = field.counts[label], field.exposure[label]
    if label in found.backgrounds:
        background = found.backgrounds[label].data
    else:
        # the mask of the searched band: the same sources, whatever the band
        widest = detection.background_pixels(field.mission, counts.grid.pixel_size)
        background = background_map(counts.data, exposure.data, found.mask, (widest,))
    return BandData(field.photons(label), counts, exposure, background, field.timed)


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
