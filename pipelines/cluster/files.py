"""Files that sections of a config name, found before anything runs and made inputs of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xsurvey.config import Config
from xsurvey.config_files import find_file
from xsurvey.pipelines.cluster.parameters import AbsorptionParameters, ClusterMaskParameters
from xsurvey.profiles.comparison import ComparisonParameters
from xsurvey.profiles.particles.parameters import ParticleParameters, by_group
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters


def given_files(config: Config) -> dict[str, list[Path]]:
    """Return the files that sections name, by the inputs of stages that read them.

    ``closed`` are those of the particle background, in the order of its templates, ``regions`` of
    the mask, ``psf`` an image of a PSF, ``references`` profiles to compare with, ``nh_map`` column
    densities.

    Raises
    ------
    InputError
        One does not exist.
    """
    particles, mask = config.sections["particles"], config.sections["mask"]
    brightness, comparison = config.sections["surface_brightness"], config.sections["comparison"]
    assert isinstance(particles, ParticleParameters)
    assert isinstance(mask, ClusterMaskParameters)
    assert isinstance(brightness, SurfaceBrightnessParameters)
    assert isinstance(comparison, ComparisonParameters)
    absorption = config.sections["absorption"]
    assert isinstance(absorption, AbsorptionParameters)
    found: dict[str, list[Path]] = {
        "closed": [], "regions": [], "psf": [], "references": [], "nh_map": [],
    }  # fmt: skip
    if particles.enabled:
        texts = dict.fromkeys(t for ts in by_group(particles.templates).values() for t in ts)
        found["closed"] = [find_file(config, "particles.templates", text) for text in texts]
    if mask.regions is not None:
        found["regions"] = [find_file(config, "mask.regions", mask.regions)]
    if brightness.psf_file is not None:
        found["psf"] = [find_file(config, "surface_brightness.psf", str(brightness.psf_file))]
    if absorption.nh_map is not None:
        found["nh_map"] = [find_file(config, "absorption.nh_map", absorption.nh_map)]
    found["references"] = [
        find_file(config, "comparison.references", text) for text in comparison.references
    ]
    return found


def files_beside(found: Mapping[str, Sequence[Path]], *names: str) -> dict[str, Path | list[Path]]:
    """Return the files of some inputs, as far as there are any; single ones as such."""
    several = ("closed", "references")
    return {
        name: list(found[name]) if name in several else found[name][0]
        for name in names if found[name]
    }  # fmt: skip


def with_paths(parameters: ParticleParameters, closed: Sequence[Path]) -> ParticleParameters:
    """Return the particles' parameters with the files where they were found.

    Parameters
    ----------
    parameters : ParticleParameters
    closed : sequence of path
        As `given_files` found them.
    """
    named = by_group(parameters.templates) if parameters.enabled else {}
    texts = list(dict.fromkeys(t for ts in named.values() for t in ts))
    where = dict(zip(texts, closed, strict=True))
    templates = tuple(f"{group}={where[t]}" for group, ts in named.items() for t in ts)
    return parameters.model_copy(update={"templates": templates})
