"""Variability of all sources of one observation: tests of arrival times, and light curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.timing.arrival_phases import (
    NO_PHASES,
    ArrivalPhases,
    ExposureHistory,
    arrival_phases,
)
from xsurvey.timing.arrival_tests import ArrivalTests, arrival_tests
from xsurvey.timing.exposure_histories import exposure_histories
from xsurvey.timing.gregory_loredo import FRAMES_A_BIN, GregoryLoredo, gregory_loredo
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.timing.source_light_curve import source_light_curve
from xsurvey.timing.source_times import (
    SourceApertures,
    aperture_exposure,
    source_times,
)
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class WithinObservation:
    """n sources in one observation; arrays of shape (n,).

    Attributes
    ----------
    counts, background_counts : ndarray
        In the circles and in the annuli.
    scale : ndarray
        Expected background counts in the circle a count in the annulus; 0 without a usable one.
    exposure : ndarray
        Effective exposure, s: livetime, vignetting, the PSF's part in the circle; 0 where the
        source was not seen.
    tested : ndarray of bool
        Whether there were counts enough; the tests are NaN elsewhere.
    odds : GregoryLoredo
    tests : ArrivalTests
    light_curves : dict of int to LightCurve
        Of sources with counts enough for one.
    """

    counts: np.ndarray
    background_counts: np.ndarray
    scale: np.ndarray
    exposure: np.ndarray
    tested: np.ndarray
    odds: GregoryLoredo
    tests: ArrivalTests
    light_curves: dict[int, LightCurve]


def chosen_band(parameters: SourceVariabilityParameters, mission: str) -> EnergyBand:
    """Return the band whose events are tested."""
    if parameters.variability_band is not None:
        return EnergyBand(*parameters.variability_band)
    known = get_mission(mission)
    return known.bands[known.photometry_bands[0]]


def band_energy(band: EnergyBand) -> float:
    """Return the energy at which the vignetting of a band is taken, keV."""
    return float(np.sqrt(max(band.minimum, 0.1) * band.maximum))


def judge_phases(
    phases: list[ArrivalPhases], m_max: np.ndarray, tested: np.ndarray
) -> tuple[GregoryLoredo, ArrivalTests]:
    """Test the arrival times of n sources; those not to be tested get NaN and index -1."""
    used = [p if t else NO_PHASES for p, t in zip(phases, tested, strict=True)]
    first = np.concatenate(([0], np.cumsum([len(p.middle) for p in used]))).astype(np.int64)
    low, middle, high = (
        np.concatenate([getattr(p, name) for p in used] or [np.empty(0)])
        for name in ("low", "middle", "high")
    )
    weight = np.array([p.weight for p in used])
    return gregory_loredo(middle, first, m_max, weight), arrival_tests(low, high, first, weight)


def most_bins(history: ExposureHistory, frame_time: float, m_max: int) -> int:
    """Return the most bins whose length is that of 15 frames or more."""
    seconds = float((history.stop - history.start).sum())
    if not (np.isfinite(frame_time) and frame_time > 0):
        return m_max
    return int(np.clip(seconds / (FRAMES_A_BIN * frame_time), 2, m_max))


def vary_within(
    events: EventList, apertures: SourceApertures, band: EnergyBand,
    parameters: SourceVariabilityParameters,
    exposed: Callable[[np.ndarray, np.ndarray], np.ndarray], timed: bool = True,
) -> WithinObservation:  # fmt: skip
    """Test whether the sources of an observation vary in it, reading its events once.

    Parameters
    ----------
    events : EventList
    apertures : SourceApertures
        Of n sources.
    band : EnergyBand
    parameters : SourceVariabilityParameters
    exposed : callable
        Exposure map: vignetted livetime, s, at sky pixels (x, y arrays, 1-based).
    timed : bool
        Whether the map is in seconds; otherwise good times alone tell the exposures.

    Returns
    -------
    WithinObservation

    Raises
    ------
    InputError
        No good time, or a scan that does not tell where the telescope looked.
    """
    found = source_times(events, apertures, band)
    mapped = aperture_exposure(events, apertures, exposed)
    frame = events.observation.frame_time
    number = len(apertures)
    phases: list[ArrivalPhases] = []
    exposure, m_max = np.zeros(number), np.full(number, 2)
    counts, around = np.diff(found.first), np.diff(found.background_first)
    curves: dict[int, LightCurve] = {}
    histories = exposure_histories(
        events, apertures.ra, apertures.dec, band_energy(band), found.detectors, found.by_detector
    )
    for i, history in enumerate(histories):
        times, background = found.of(i)
        scale = float(mapped.scale[i])
        phases.append(arrival_phases(times, background, scale, history, frame))
        m_max[i] = most_bins(history, frame, parameters.m_max)
        full = float(mapped.exposure[i]) if timed else history.total
        # a place that no detector's events tell of, but that was exposed, has no counts at all
        exposure[i] = full * apertures.fraction[i]
        if counts[i] >= parameters.light_curve_counts and history.total > 0 and full > 0:
            factor = exposure[i] / history.total
            curves[i] = source_light_curve(
                events, band, times, background, scale, history, factor
            )  # fmt: skip
    tested = np.array([len(p.middle) >= parameters.min_counts for p in phases], bool)
    odds, tests = judge_phases(phases, m_max, tested)
    return WithinObservation(
        counts, around, mapped.scale, exposure, tested, odds, tests, curves
    )  # fmt: skip
