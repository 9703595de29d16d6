"""Sources, observations and flares of a run: what the tasks of the plan are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import issparse

from xsurvey.attitude import separations, unit_vectors
from xsurvey.config import Config
from xsurvey.config_files import find_file
from xsurvey.engine import Stage, Task
from xsurvey.engine.plan import TaskInput
from xsurvey.errors import InputError, ParameterError, XSurveyError
from xsurvey.events import EventList
from xsurvey.missions import Mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.flares_stage import FLARES
from xsurvey.pipelines.good_times_file import GOOD_TIMES
from xsurvey.pipelines.observations import ObservationInput, check_names, observations
from xsurvey.pipelines.polarization.parameters import (
    PolarizationFlareParameters,
    PolarizedSource,
    SourcesParameters,
)
from xsurvey.pipelines.polarization.source_events import target_of
from xsurvey.pipelines.polarization.stokes_files import POOLED
from xsurvey.polarization.modulation import Modulation, modulation_of
from xsurvey.polarization.optical.parameters import CompanionParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import RadialSection
from xsurvey.polarization.unbinned.likelihood_bins import check_options
from xsurvey.units import SkyPosition

_Model = TypeVar("_Model", bound=StepParameters)
_BACKGROUND = "background_region"
_OF_REGIONS = ("region", "background", _BACKGROUND)
_SUMMED = ("factor", "effective_area", "energy", "channels", "detectors")


@dataclass(frozen=True)
class PlannedRun:
    """A run on its way into a plan.

    Attributes
    ----------
    config : Config
    observations : tuple of ObservationInput
    sources : mapping of str to PolarizedSource
    files : mapping of str to mapping of str to path
        Region files of each source, by the names of the stages' inputs.
    covered : mapping of str to tuple of ObservationInput
        Observations that have each source in their field.
    flares : mapping of str to Task
        Of each observation.
    uses : mapping of str to mapping of str to str
        Versions of mission and responses of each observation.
    companion, model_map : path or None
        Files that sections name: the optical series, a map of angles.
    """

    config: Config
    observations: tuple[ObservationInput, ...]
    sources: Mapping[str, PolarizedSource]
    files: Mapping[str, Mapping[str, Path]]
    covered: Mapping[str, tuple[ObservationInput, ...]]
    flares: Mapping[str, Task]
    uses: Mapping[str, Mapping[str, str]]
    companion: Path | None = None
    model_map: Path | None = None

    def of_source(
        self, stage: Stage, source: str, observation: ObservationInput,
        more: Mapping[str, TaskInput] | None = None,
    ) -> Task:  # fmt: skip
        """Return the task of a stage that calls `read_source`, with more inputs if it has any."""
        inputs = {**self._inputs(observation), **self.files[source], **(more or {})}
        return Task(
            stage, target_of(source, observation.name), inputs,
            {**self.config.sections, "source": self.sources[source]}, self.uses[observation.name],
        )  # fmt: skip

    def of_field(self, stage: Stage, observation: ObservationInput) -> Task:
        """Return the task of a stage that looks at the whole field, not at a source.

        Its background is that of the first source in the field that has one.
        """
        own = [name for name, covered in self.covered.items() if observation in covered]
        behind = next((n for n in own if self.sources[n].has_background), None)
        source = self.sources[behind or next(iter(self.sources))]
        kept = {} if behind is None else {
            name: path for name, path in self.files[behind].items() if name == _BACKGROUND
        }  # fmt: skip
        bare = source.model_copy(update={"region": None} if behind else dict.fromkeys(_OF_REGIONS))
        return Task(
            stage, observation.name, {**self._inputs(observation), **kept},
            {**self.config.sections, "source": bare}, self.uses[observation.name],
        )  # fmt: skip

    def uses_of_spectra(self) -> dict[str, dict[str, str]]:
        """Return ``uses`` with what Stokes spectra fold through, too."""
        parameters = section_of(self.config, PolarizationParameters)
        return {
            o.name: {
                **self.uses[o.name],
                **_uses_of_spectra(o, _opened(self.config, o), parameters),
            }
            for o in self.observations
        }  # fmt: skip

    def _inputs(self, observation: ObservationInput) -> dict[str, TaskInput]:
        good_times = self.flares[observation.name].output(GOOD_TIMES)
        return {"events": list(observation.events), "good_times": good_times}


def planned_run(config: Config) -> PlannedRun:
    """Return the run that a configuration asks for.

    Raises
    ------
    InputError
        No polarimeter, two observations of one name, a file that is not there.
    ParameterError
        No source, one that is in no field, options that exclude each other.
    """
    config = _with_responses(config)
    found = observations(config)
    check_names(found)
    for one in found:
        _check_observation(one)
    sources = sources_of(config).places
    _check_options(config, sources)
    opened = {o.name: _opened(config, o) for o in found}
    flares = section_of(config, PolarizationFlareParameters).as_step()
    sections = {**config.sections, "filtering": flares}
    return PlannedRun(
        config, tuple(found), sources,
        {name: _files(config, name, source) for name, source in sources.items()},
        {
            name: _covered(config, name, source, found, opened) for name, source in sources.items()
        },
        {
            o.name: Task(FLARES, o.name, {"events": list(o.events)}, sections, _mission_of(o))
            for o in found
        },
        {o.name: _uses(config, o, opened[o.name]) for o in found},
        _given(config, "companion.file", section_of(config, CompanionParameters).file),
        _given(config, "radial.model_map", section_of(config, RadialSection).model_map),
    )  # fmt: skip


def _with_responses(config: Config) -> Config:
    """Return a config whose folder of responses is found as other files that it names are."""
    parameters = section_of(config, PolarizationParameters)
    irf = parameters.irf
    if irf is None or Path(irf).is_absolute():
        return config
    folders = (folder / Path(irf).expanduser() for folder in (Path(), config.path.parent))
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None:
        return config  # the name of a set
    changed = parameters.model_copy(update={"irf": str(found.resolve())})
    sections = {
        name: changed if section is parameters else section
        for name, section in config.sections.items()
    }
    return replace(config, sections=sections)


def sources_of(config: Config) -> SourcesParameters:
    """Return the section of the sources."""
    return section_of(config, SourcesParameters)


def modulation_for(events: EventList, parameters: PolarizationParameters) -> Modulation:
    """Return the responses that the polarization of events is measured with."""
    return modulation_of(events, "simple" if parameters.weighted else "none", parameters.irf)


def section_of(config: Config, model: type[_Model]) -> _Model:
    """Return the section of a model, of which there is one."""
    found = next(s for s in config.sections.values() if type(s) is model)
    assert isinstance(found, model)
    return found


def _check_observation(observation: ObservationInput) -> None:
    mission = observation.mission
    if mission is not None and type(mission).polarimetry is Mission.polarimetry:
        raise InputError(
            observation.events[0], f"is of {mission.name}, which measures no polarization",
            "give event files of a polarimeter",
        )  # fmt: skip
    if observation.name == POOLED:
        raise InputError(
            observation.name, "is no name for an observation: it stands for all of them together",
            "give it another name",
        )  # fmt: skip


def _check_options(config: Config, sources: Mapping[str, PolarizedSource]) -> None:
    where = f"{config.path}: sources.places"
    if not sources:
        raise ParameterError(
            where, "names no source", "give one as NAME: {position: RA,DEC, radius: 60arcsec}"
        )
    parameters = section_of(config, PolarizationParameters)
    check_options(parameters)
    if parameters.background_scale is None:
        return
    for name, source in sources.items():
        if not source.has_background:
            raise ParameterError(
                f"{config.path}: polarization.background_scale",
                f"is given, but {name} has no background", "give the source a background",
            )  # fmt: skip


def _files(config: Config, name: str, source: PolarizedSource) -> dict[str, Path]:
    keys = ("region", "background_region")
    given = {key: getattr(source, key) for key in keys}
    return {
        key: find_file(config, f"sources.places.{name}.{key}", text)
        for key, text in given.items() if text is not None
    }  # fmt: skip


def _given(config: Config, key: str, file: str | Path | None) -> Path | None:
    return None if file is None else find_file(config, key, str(file))


def _opened(config: Config, observation: ObservationInput) -> EventList | None:
    """Return the events, None where they cannot be read: the task that does will complain."""
    try:
        return open_selected(observation.events, section_of(config, SelectionParameters))
    except XSurveyError:
        return None


def _covered(
    config: Config, name: str, source: PolarizedSource, found: Sequence[ObservationInput],
    opened: Mapping[str, EventList | None],
) -> tuple[ObservationInput, ...]:  # fmt: skip
    """Return the observations that have a source in their field.

    Raises
    ------
    ParameterError
        There are none.
    """
    beyond = {o.name: _beyond(source, o.mission, opened[o.name]) for o in found}
    inside = tuple(o for o in found if beyond[o.name] <= 0)
    if not inside:
        raise ParameterError(
            f"{config.path}: sources.places.{name}.position",
            f"is {min(beyond.values()):.1f} arcmin beyond the edge of the nearest field",
            "correct the position, or give the observations of the source",
        )  # fmt: skip
    return inside


def _beyond(source: PolarizedSource, mission: Mission | None, events: EventList | None) -> float:
    """Return how far outside of a field a source is, arcmin; not above 0 inside."""
    if mission is None or events is None or events.observation.scanning:
        return 0.0
    try:
        parts = mission.detectors()
    except ParameterError:  # where they are is not known
        return 0.0
    corners = [
        np.hypot(abs(d.x) + d.width * d.pixel / 2, abs(d.y) + d.height * d.pixel / 2)
        for d in parts
    ]  # fmt: skip
    pointing = SkyPosition(*events.observation.pointing)
    apart = separations(unit_vectors(*pointing), unit_vectors(*source.position))
    return float(apart) - (max(corners) + source.radius) / 60


def _mission_of(observation: ObservationInput) -> dict[str, str]:
    mission = observation.mission
    return {"mission": f"{mission.name} {mission.version}"} if mission else {}


def _uses(
    config: Config, observation: ObservationInput, events: EventList | None
) -> dict[str, str]:
    """Return versions of the mission and of its responses, with what these are."""
    mission = observation.mission
    uses = _mission_of(observation)
    if mission is None or events is None:
        return uses
    uses["responses"] = mission.responses_version()
    try:
        modulation = modulation_for(events, section_of(config, PolarizationParameters))
    except XSurveyError:
        return uses  # the task says why
    digest = hashlib.sha256(modulation.name.encode())
    for name in _SUMMED:
        digest.update(np.ascontiguousarray(getattr(modulation, name)).tobytes())
    return uses | {"modulation": digest.hexdigest()[:16]}


def _uses_of_spectra(
    observation: ObservationInput, events: EventList | None, parameters: PolarizationParameters
) -> dict[str, str]:
    """Return a hash of areas, modulation responses and matrices, as spectra are made with them."""
    if observation.mission is None or events is None:
        return {}
    try:
        found = observation.mission.stokes_responses(
            events, "neff" if parameters.weighted else "none", parameters.irf
        )
    except XSurveyError:
        return {}  # the task says why
    digest = hashlib.sha256(found.name.encode())
    for unit in found.units:
        for part in (unit.arf, unit.mrf, unit.rmf):
            _add_arrays(digest, part)
    return {"stokes_responses": digest.hexdigest()[:16]}


def _add_arrays(digest: Any, part: Any) -> None:
    """Add all arrays of a dataclass, and of sparse matrices in it, to a hash."""
    assert is_dataclass(part)
    for field in fields(part):
        value = getattr(part, field.name)
        arrays = (value.data, value.indices, value.indptr) if issparse(value) else (value,)
        for array in arrays:
            if isinstance(array, np.ndarray):
                digest.update(np.ascontiguousarray(array).tobytes())
