"""Tests of polarization without an engine: what ``xsurvey polarization test`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.io.atomic import atomic_output
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.behaviour_record import behaviour_record
from xsurvey.pipelines.polarization.companion_files import companion_of_file
from xsurvey.pipelines.polarization.named_regions import check_scale, regions_of_files
from xsurvey.polarization.known_angle_record import along_record
from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.optical.parameters import OpticalSeriesParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour import measure_behaviour
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    KnownAngleParameters,
    PulsePhaseParameters,
    RotationParameters,
)
from xsurvey.polarization.variation.event_dates import mjd_of_times
from xsurvey.polarization.variation.time_grid import good_times_of_all
from xsurvey.report.plate import png_bytes
from xsurvey.report.polarization_time import angle_figure


class BehaviourRequest(NamedTuple):
    """What the tests of a command take."""

    polarization: PolarizationParameters
    known_angle: KnownAngleParameters
    constancy: ConstancyParameters
    rotation: RotationParameters
    phases: PulsePhaseParameters
    optical: OpticalSeriesParameters
    selection: SelectionParameters


def behaviour_of_files(
    paths: Sequence[Path], parameters: BehaviourRequest, *, region: Path | None = None,
    background_region: Path | None = None, companion: Path | None = None,
    figure: Path | None = None, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Test the polarization of a source, and draw it.

    Parameters
    ----------
    paths : sequence of path
        Event files of the units of one observation.
    parameters : BehaviourRequest
    region, background_region : path, optional
        DS9 files.
    companion : path, optional
        ECSV file of an optical series.
    figure : path, optional
        PNG file to write: degree and angle against time.
    seed : int

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `measure_behaviour`; a scale without a background, a series that does not overlap in time
        with the events, or has one measurement.
    """
    check_scale(parameters.polarization, background_region is not None)
    series, series_record = None, None
    events = open_selected(paths, parameters.selection)
    if companion is not None:
        found, series_record = companion_of_file(companion, parameters.optical, seed)
        series = found.resolved
        _check_overlap(companion, series, events)
    regions = regions_of_files(events, region, background_region)
    behaviour = measure_behaviour(
        events, parameters.polarization, parameters.constancy, parameters.rotation,
        parameters.phases, region=regions[0], background=regions[1], companion=series, seed=seed,
    )  # fmt: skip
    record = behaviour_record(events, behaviour, parameters.polarization)
    record |= {
        "region": None if region is None else str(region),
        "background_region": None if background_region is None else str(background_region),
        "seed": seed, "series": series_record,
        "known_angle": known_angle_record(record["whole"], parameters.known_angle),
    }  # fmt: skip
    if parameters.known_angle.known_angle is not None and record["known_angle"] is None:
        record["notes"].append("known angle: there is no measurement to project on it")
    if series_record is not None:
        record["notes"] += [f"{companion}: {note}" for note in series_record["notes"]]
    if figure is not None:
        with atomic_output(figure) as temporary:
            drawn = angle_figure(record, series_record, events.observation.target)
            temporary.write_bytes(png_bytes(drawn))
    return record


def known_angle_record(
    whole: dict[str, Any], parameters: KnownAngleParameters
) -> dict[str, Any] | None:
    """Return the polarization of all events along an assumed angle, for JSON.

    None without an angle, or without a measurement.
    """
    angle, error = parameters.known_angle, parameters.known_angle_error
    names = ("q_norm_variance", "qu_norm_covariance", "qu_norm_covariance", "u_norm_variance")
    covariance = np.array([whole[n] for n in names]).reshape(2, 2)
    if angle is None or not np.isfinite(covariance).all():
        return None
    q, u = whole["q_norm"], whole["u_norm"]
    return along_record(q, u, covariance, angle, f"no polarization along {angle:g} deg", error)


def _check_overlap(path: Path, resolved: ResolvedAngles, events: EventList) -> None:
    """Raise where a series says nothing of the times of the events."""
    series = resolved.series
    if len(series) < 2:
        raise InputError(
            path, "has one measurement, which is no angle against time", "give two or more"
        )
    good = good_times_of_all(events)
    ends = np.array([good.start[0], good.stop[-1]])
    first, last = mjd_of_times(events.observation, ends)
    if series.mjd[-1] < first or series.mjd[0] > last:
        raise InputError(
            path, f"is of MJD {series.mjd[0]:.3f} to {series.mjd[-1]:.3f}, but the events are of "
            f"{first:.3f} to {last:.3f}", "give a series of the time of the observation",
        )  # fmt: skip
