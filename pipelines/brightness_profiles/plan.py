"""Tasks of brightness profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xsurvey.config import Config
from xsurvey.config_files import find_file
from xsurvey.engine import Task
from xsurvey.imaging.source_mask import MaskParameters
from xsurvey.imaging.stack_tiles import Core
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.brightness_profiles.parameters import ProfileParameters
from xsurvey.pipelines.brightness_profiles.stage import PROFILES
from xsurvey.pipelines.stacks import StackInput
from xsurvey.profiles.weighted_exposure import calibration_versions
from xsurvey.units import EnergyBand


def profile_bands(config: Config) -> list[EnergyBand]:
    """Return the bands in which places are measured, beside those of the search."""
    bands = [place.band for place in _places(config).places.values() if place.band is not None]
    return list(dict.fromkeys(EnergyBand(*band) for band in bands))


def profiles_task(
    config: Config, stack: StackInput, inputs: Mapping[str, Any],
    sections: Mapping[str, StepParameters], detect: Task,
) -> list[Task]:  # fmt: skip
    """Plan the profiles of a stack; no task where none are asked for, or of places elsewhere.

    Parameters
    ----------
    config : Config
    stack : StackInput
    inputs, sections
        `xsurvey.pipelines.stack_reading.stack_inputs` and `stack_sections`.
    detect : Task
        Of the stack.

    Raises
    ------
    InputError
        The region file of the mask does not exist.
    """
    wanted, tile = _places(config), stack.geometry.tile
    places = wanted.places
    if tile is not None:
        core = Core(tile)
        places = {n: p for n, p in places.items() if core(*map(np.array, p.center)).all()}
    if not places:
        return []
    mask = config.sections["mask"]
    assert isinstance(mask, MaskParameters)
    files = {}
    if mask.regions is not None:
        files["mask_regions"] = find_file(config, "mask.regions", mask.regions)
    own = {**sections, "profiles": wanted.model_copy(update={"places": places}), "mask": mask}
    missions = [o.mission for o in stack.observations if o.mission is not None]
    uses = calibration_versions(missions[0]) if missions else {}
    inputs = {**inputs, "found": detect.output("found"), **files}
    return [Task(PROFILES, stack.name, inputs, own, uses)]


def _places(config: Config) -> ProfileParameters:
    section = config.sections["profiles"]
    assert isinstance(section, ProfileParameters)
    return section
