"""Spectra of the particle background: of closed filter wheels, or models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.inference.parameter_set import apply_settings
from xsurvey.io.fits_file import extension_name, open_fits
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.types import RedistributionMatrix
from xsurvey.missions import get_mission, mission_of, open_events
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.particles.parameters import ParticleParameters, by_group
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class ParticleTemplate:
    """The shape of the particle background of a group of detectors.

    Attributes
    ----------
    group : str
    counts, variance : ndarray, shape (c,)
        In the channels of the spectra; only ratios of the counts matter. The variance is that of
        counting, zero of a model.
    exposure : float
        s.
    origin : str
        For headers and messages.
    """

    group: str
    counts: np.ndarray
    variance: np.ndarray
    exposure: float
    origin: str


def read_templates(
    parameters: ParticleParameters, channels: ChannelGrid, groups: Mapping[str, Sequence[int]],
    matrices: Mapping[str, RedistributionMatrix],
) -> dict[str, ParticleTemplate]:  # fmt: skip
    """Read or make the templates that parameters name.

    Parameters
    ----------
    parameters : ParticleParameters
    channels : ChannelGrid
        Of the spectra.
    groups : mapping of str to sequence of int
        Detectors of each group that needs one.
    matrices : mapping of str to RedistributionMatrix
        Of each group, for models.

    Raises
    ------
    ParameterError
        A group has no template, or one is of a group that is not there.
    InputError
        A file cannot be read, is of other channels, or holds no event of the group.
    """
    files, models = by_group(parameters.templates), by_group(parameters.models)
    for group in [*files, *models]:
        if group not in groups:
            raise ParameterError(
                "particles", f"has a template of {group}, of which there are no spectra",
                f"give templates of {', '.join(groups)}",
            )  # fmt: skip
    found = {}
    for group, detectors in groups.items():
        if group in models:
            found[group] = template_of_model(models[group][0], group, matrices[group], channels)
        elif group in files:
            found[group] = _of_files(files[group], group, channels, detectors)
        else:
            raise ParameterError(
                "particles.templates", f"name none for {group}",
                f"give {group}=FILE, events or a spectrum of a closed filter wheel",
            )  # fmt: skip
    return found


def _of_files(
    paths: Sequence[str], group: str, channels: ChannelGrid, detectors: Sequence[int]
) -> ParticleTemplate:
    parts = [
        template_of_events(open_events(path), group, channels, detectors)
        if _holds_events(path)
        else template_of_pha(path, group, channels)
        for path in paths
    ]  # fmt: skip
    return ParticleTemplate(
        group, np.sum([p.counts for p in parts], axis=0),
        np.sum([p.variance for p in parts], axis=0), sum(p.exposure for p in parts),
        " ".join(Path(p).name for p in paths),
    )  # fmt: skip


def _holds_events(path: str) -> bool:
    file = open_fits(path)
    return mission_of(file) is not None and not any(
        extension_name(t.header).startswith("SPECTRUM") for t in file.tables
    )


def template_of_events(
    events: EventList, group: str, channels: ChannelGrid, detectors: Sequence[int]
) -> ParticleTemplate:
    """Return the spectrum of the events behind a closed filter wheel.

    Those of the times that the mission's recipe for such data lets pass.

    Parameters
    ----------
    events : EventList
    group : str
    channels : ChannelGrid
    detectors : sequence of int
        Of the group.

    Raises
    ------
    InputError
        The filter wheel was not closed, or no event of these detectors is in a channel.
    """
    mission = get_mission(events.observation.mission)
    chosen = mission.steady_closed(events.in_detectors(detectors, group))
    column = mission.channel_column
    if column is not None and not events.has_column(column):
        column = None
    counts = np.zeros(len(channels.numbers))
    for chunk in chosen.chunks():
        place = (
            channels.place_of_energies(chunk["energy"]) if column is None
            else channels.place_of_numbers(chunk[column])
        )  # fmt: skip
        counts += np.bincount(place[place >= 0], minlength=len(counts))
    chosen.require_events(int(counts.sum()))
    return ParticleTemplate(
        group, counts, counts.copy(), chosen.livetime, events.observation.path.name
    )


def template_of_pha(path: str | Path, group: str, channels: ChannelGrid) -> ParticleTemplate:
    """Read a template from a spectrum, of counts or of a fitted model with its errors.

    Raises
    ------
    InputError
        Not a spectrum, of other channels, without counts, or with negative ones.
    """
    spectrum = read_single_pha(path)
    place = channels.place_of_numbers(spectrum.channels)
    if (place < 0).any() or len(place) != len(channels.numbers):
        raise InputError(
            path, f"has channels {spectrum.channels[0]} to {spectrum.channels[-1]}, the spectra "
            f"{channels.numbers[0]} to {channels.numbers[-1]}", "give one of the same channels",
        )  # fmt: skip
    if (spectrum.counts < 0).any() or not spectrum.counts.any():
        raise InputError(
            path, "has negative counts, or none", "give a spectrum of a closed filter wheel"
        )
    error = spectrum.statistical_error
    variance = spectrum.counts if spectrum.poisson or error is None else error**2
    return ParticleTemplate(
        group, spectrum.counts.astype(float), np.asarray(variance, float), spectrum.exposure,
        Path(path).name,
    )  # fmt: skip


def template_of_model(
    text: str, group: str, rmf: RedistributionMatrix, channels: ChannelGrid
) -> ParticleTemplate:
    """Return a model through the redistribution, without effective area.

    Parameters
    ----------
    text : str
        An expression, in counts/s/keV, and settings ``component.parameter=value`` after blanks.
    group : str
    rmf : RedistributionMatrix
    channels : ChannelGrid

    Raises
    ------
    ParameterError
        Unknown model or setting, or it gives negative counts or none.
    InputError
        The matrix includes an effective area.
    """
    if rmf.includes_area:
        raise InputError(rmf.path, "includes an effective area", "give a template of events")
    model, *settings = text.split()
    expression = parse_expression(model)
    parameters, _ = model_parameters(expression, 1)
    row = apply_settings(parameters, values=settings).values[None, :]
    edges = np.append(rmf.energy_low, rmf.energy_high[-1])
    rates = ModelEvaluator(expression, edges, ModelSettings())(row)[0] @ rmf.matrix
    counts = np.zeros(len(channels.numbers))
    place = channels.place_of_numbers(rmf.channels)
    counts[place[place >= 0]] = np.asarray(rates)[place >= 0]
    if not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise ParameterError(
            "particles.models", f"'{text}' gives negative or impossible counts, or none",
            "change it",
        )  # fmt: skip
    return ParticleTemplate(group, counts, np.zeros(len(counts)), 1.0, text)


def channels_within(channels: ChannelGrid, band: EnergyBand) -> np.ndarray:
    """Tell which channels have their middle in a band, shape (c,)."""
    middle = (channels.low + channels.high) / 2
    return np.asarray((middle >= band.minimum) & (middle < band.maximum))


def fractions_within(channels: ChannelGrid, band: EnergyBand) -> np.ndarray:
    """Return what part of each channel lies in a band, shape (c,)."""
    shared = np.minimum(channels.high, band.maximum) - np.maximum(channels.low, band.minimum)
    return np.asarray(np.clip(shared / (channels.high - channels.low), 0, 1))
