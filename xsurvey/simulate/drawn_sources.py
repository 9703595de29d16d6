"""Sources drawn from log N - log S: for a field, or for the sky that neighbouring fields share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.wcs import WCS

from xsurvey.errors import ParameterError
from xsurvey.missions import Mission
from xsurvey.missions.base import Detector
from xsurvey.simulate.choice import chosen_detectors
from xsurvey.simulate.log_n_log_s import LogNLogS, parse_log_n_log_s
from xsurvey.simulate.motion import rotated
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.sky_cells import sources_about
from xsurvey.simulate.sources import DRAWN, Sources, constant_points
from xsurvey.simulate.spectrum import Spectrum

_MARGIN = 60.0  # arcsec around the detectors, from where the PSF brings photons
_MOST = 1_000_000


def law_of(parameters: SimulationParameters) -> LogNLogS:
    """Return the law of the sources that are drawn."""
    law = parse_log_n_log_s(str(parameters.log_n_log_s), parameters.flux_band)
    return law if parameters.brightest is None else replace(law, brightest=parameters.brightest)


def drawn_sources(
    parameters: SimulationParameters, mission: Mission, wcs: WCS, spectrum: Spectrum,
    generator: np.random.Generator,
) -> Sources:  # fmt: skip
    """Draw sources over the field and a little beyond.

    Raises
    ------
    ParameterError
        The law gives too many.
    """
    law = law_of(parameters)
    near = [_wider(d) for d in chosen_detectors(mission, parameters.detectors)]
    if parameters.scans:
        half = parameters.field_size / 2 + _MARGIN
    else:
        half = max(
            max(abs(d.x) + d.width * d.pixel / 2, abs(d.y) + d.height * d.pixel / 2) for d in near
        )
    expected = law.number() * (2 * half / 3600) ** 2
    if expected > _MOST:
        raise ParameterError(
            "log_n_log_s", f"gives {expected:.3g} sources, more than {_MOST}", "raise the limit"
        )
    if parameters.sky_seed is not None:
        return _of_the_sky(law, parameters, mission, wcs, spectrum, half, near)
    count = int(generator.poisson(expected))
    place = generator.uniform(-half, half, (count, 2))
    if not parameters.scans:
        place = rotated(place[_seen(near, place)], parameters.roll)
    flux = law.draw(len(place), generator)
    pixels = place / mission.sky_pixel + wcs.wcs.crpix
    ra, dec = wcs.all_pix2world(pixels, 1).T if len(pixels) else np.empty((2, 0))
    return constant_points(ra % 360, dec, flux, "flux", spectrum, DRAWN)


def _of_the_sky(
    law: LogNLogS, parameters: SimulationParameters, mission: Mission, wcs: WCS,
    spectrum: Spectrum, half: float, near: Sequence[Detector],
) -> Sources:  # fmt: skip
    """Return those of the sources of the whole sky that are in the field or a little beyond."""
    radius = half / 3600 * np.sqrt(2)
    ra, dec, flux = sources_about(law, parameters.pointing, radius, int(parameters.sky_seed or 0))
    place = np.column_stack([ra, dec])
    if len(place):
        place = (wcs.all_world2pix(place, 1) - wcs.wcs.crpix) * mission.sky_pixel
    if parameters.scans:
        inside = (np.abs(place) <= half).all(axis=1)
    else:
        inside = _seen(near, rotated(place, -parameters.roll))
    return constant_points(ra[inside], dec[inside], flux[inside], "flux", spectrum, DRAWN)


def _wider(detector: Detector) -> Detector:
    """Return a detector with a margin around it."""
    return replace(
        detector, width=detector.width + round(2 * _MARGIN / detector.pixel),
        height=detector.height + round(2 * _MARGIN / detector.pixel),
        radius=None if detector.radius is None else detector.radius + _MARGIN,
    )  # fmt: skip


def _seen(detectors: Sequence[Detector], place: np.ndarray) -> np.ndarray:
    """Tell which offsets, shape (n, 2), are on a detector."""
    seen = np.zeros(len(place), dtype=bool)
    for detector in detectors:
        seen |= detector.sees(*place.T)
    return seen
