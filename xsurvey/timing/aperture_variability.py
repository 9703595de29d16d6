"""Tests of the arrival times in one aperture, in several bands: what `xsurvey lightcurve` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.apertures.aperture import Aperture
from xsurvey.events import EventList
from xsurvey.timing.arrival_phases import (
    ArrivalPhases,
    ExposureHistory,
    arrival_phases,
    mean_history,
)
from xsurvey.timing.arrival_tests import FEWEST, ArrivalTests
from xsurvey.timing.bayesian_blocks import MOST_EVENTS, bayesian_blocks
from xsurvey.timing.exposure_histories import exposure_histories
from xsurvey.timing.from_events import region_photons
from xsurvey.timing.gregory_loredo import M_MAX, GregoryLoredo
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.within_observation import band_energy, judge_phases, most_bins
from xsurvey.units import EnergyBand, SkyPosition


@dataclass(frozen=True)
class ApertureVariability:
    """Tests of the arrival times of one source in one band.

    Attributes
    ----------
    counts : int
        That were tested: those in good time, while the source was seen.
    odds : GregoryLoredo
        Of one source.
    tests : ArrivalTests
    block_edges : ndarray
        Of the Bayesian blocks, mission seconds; empty where there are too few or too many events.
    block_rates : ndarray
        Counts of each block over those expected of a constant source and its background.
    """

    counts: int
    odds: GregoryLoredo
    tests: ArrivalTests
    block_edges: np.ndarray
    block_rates: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """Return the keys of one band; numbers that do not exist are NaN."""
        odds, tests = self.odds, self.tests
        index = int(odds.index[0])
        return {
            "tested_counts": self.counts,
            "gregory_loredo": {
                "log_odds": float(odds.log_odds[0]), "probability": float(odds.probability[0]),
                "index": index if index >= 0 else None,
                "within_3_sigma": float(odds.within_3_sigma[0]),
                "within_5_sigma": float(odds.within_5_sigma[0]),
            },
            "ks": {
                "statistic": float(tests.ks_statistic[0]),
                "probability": float(tests.ks_probability[0]),
            },
            "kuiper": {
                "statistic": float(tests.kuiper_statistic[0]),
                "probability": float(tests.kuiper_probability[0]),
            },
            "bayesian_blocks": {"edges": self.block_edges, "relative_rate": self.block_rates},
        }  # fmt: skip


def aperture_variability(
    events: EventList, aperture: Aperture, curve: LightCurve
) -> tuple[ApertureVariability, ...] | None:
    """Test the arrival times in an aperture in every band of its light curve.

    Parameters
    ----------
    events : EventList
    aperture : Aperture
    curve : LightCurve
        Of the two; its bands and background scales are used, its bins are not.

    Returns
    -------
    tuple of ApertureVariability or None
        None for the whole field of a scan, which sees another part of the sky at each visit.
    """
    if events.observation.scanning and not aperture.places:
        return None
    photons = region_photons(events, aperture)
    detectors, number = np.unique(photons.detectors, return_counts=True)
    places = aperture.places or (SkyPosition(*events.observation.pointing),)
    ra, dec = np.array(places, float).T
    by_detector = np.repeat(number[None, :].astype(float), len(places), axis=0)
    results = []
    for column, band in enumerate(curve.bands):
        assert isinstance(band, EnergyBand)
        history = mean_history(list(exposure_histories(
            events, ra, dec, band_energy(band), [int(d) for d in detectors], by_detector
        )))  # fmt: skip
        times, around = (_times(p, band) for p in (photons.source, photons.background))
        weight = curve.exposure[:, column]
        scale = float(np.average(curve.background_scale[:, column], weights=weight))
        phases = arrival_phases(times, around, scale, history, events.observation.frame_time)
        results.append(_tested(phases, history, events.observation.frame_time))
    return tuple(results)


def _times(photons: np.ndarray, band: EnergyBand) -> np.ndarray:
    time, energy = photons.T
    return np.asarray(time[(energy >= band.minimum) & (energy < band.maximum)])


def _tested(
    phases: ArrivalPhases, history: ExposureHistory, frame_time: float
) -> ApertureVariability:
    count = len(phases.middle)
    enough = count >= FEWEST
    most = np.array([most_bins(history, frame_time, M_MAX)])
    odds, tests = judge_phases([phases], most, np.array([enough]))
    edges, rates = np.empty(0), np.empty(0)
    if enough and count <= MOST_EVENTS:
        at = bayesian_blocks(phases.middle)
        rates = np.histogram(phases.middle, at)[0] / np.diff(at) / count
        ends = [history.start[0], *phases.time, history.stop[-1]]
        edges = np.interp(at, [0.0, *phases.middle, 1.0], ends)
    return ApertureVariability(count, odds, tests, edges, rates)
