"""Observations of missions that have a simulator of their own: one event file a unit."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import open_fits
from xsurvey.missions import get_mission
from xsurvey.missions.base import SimulationRequest
from xsurvey.missions.reading import find_event_table
from xsurvey.simulate.observation import sources_of, truth_table
from xsurvey.simulate.parameters import WITH_RESPONSES, SimulationParameters
from xsurvey.simulate.polarization import add_polarization, polarization_of
from xsurvey.simulate.result import sky_pixels
from xsurvey.simulate.write import truth_path, write_truth

_NOT_THEIRS = (
    "scans", "scan_distance", "field_size", "psf", "intervals", "good_time", "dither",
    "origin", "detectors", "closed", "brightest", "sky_seed", *WITH_RESPONSES,
)  # fmt: skip


def unit_paths(path: Path, parameters: SimulationParameters) -> list[Path]:
    """Return the files that a simulation writes: one, or NAME_du1.fits, ... for NAME.fits.

    Raises
    ------
    ParameterError
        The mission's units have a file each, which only a simulator of its own could write.
    """
    mission = get_mission(parameters.mission) if parameters.mission else None
    if mission is None or not mission.units_have_files:
        return [path]
    if not mission.has_own_simulator:
        raise ParameterError(
            "mission", f"{mission.name} has an event file a detector unit, which xsurvey's "
            "simulator does not write", "see the documents for what simulates it",
        )  # fmt: skip
    stem = path.name.removesuffix(".gz").removesuffix(".fits")
    return [
        path.with_name(f"{stem}_{mission.unit_suffix}{d.number}.fits") for d in mission.detectors()
    ]


def simulate_units(path: Path, parameters: SimulationParameters, seed: int) -> tuple[int, int]:
    """Simulate an observation with the mission's own simulator.

    Parameters
    ----------
    path : path
        As in `unit_paths`; the truth table goes beside the files.
    parameters : SimulationParameters
    seed : int

    Returns
    -------
    events, sources : int

    Raises
    ------
    ParameterError
        A parameter that the mission's simulator does not have.
    MissingDataError
        The simulator is not installed.
    OutputError
        The files cannot be written.
    """
    mission = get_mission(str(parameters.mission))
    for name in _NOT_THEIRS:
        if name in parameters.model_fields_set:
            raise ParameterError(
                name, f"cannot be chosen for {mission.name}, which its own simulator does",
                "leave it out",
            )  # fmt: skip
    wcs = sky_pixels(parameters.pointing, mission)
    sources = sources_of(parameters, mission, wcs, np.random.default_rng(seed))
    polarization = polarization_of(
        parameters.polarization, parameters.rotation_rate, mission, len(parameters.source),
        len(sources),
    )  # fmt: skip
    request = SimulationRequest(
        parameters.pointing, parameters.roll, parameters.exposure, parameters.energy,
        parameters.photon_index, parameters.background_rate,
        [s.position for s in sources], [s.counts for s in sources], seed, parameters.start,
        polarization,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, ExitStack() as outputs:
        files, recorded = mission.simulate_units(request, Path(folder))
        targets = unit_paths(path, parameters)
        temporary = [outputs.enter_context(atomic_output(target)) for target in targets]
        truth = outputs.enter_context(atomic_output(truth_path(path)))
        for source, target in zip(files, temporary, strict=True):
            shutil.copyfile(source, target)
        table = truth_table(sources, recorded, wcs)
        if mission.simulates_polarization:
            add_polarization(table, polarization)
        write_truth(truth, table, seed)
        events = sum(find_event_table(open_fits(file), mission.name).rows for file in files)
    return events, len(sources)
