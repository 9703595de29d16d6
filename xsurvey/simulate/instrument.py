"""The instrument of a simulation: effective area, redistribution and vignetting in tables.

Photons are drawn in bins of the response's energies, thinned by the vignetting at their energy and
angle, and put into channels; an event's energy lies anywhere within its channel's nominal ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.missions import Mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix
from xsurvey.spectra.extraction.responses import on_energies, read_given, summed_area
from xsurvey.spectra.response import Response, build_response
from xsurvey.units import EnergyBand

_ANGLES = np.linspace(0.0, 120.0, 1201)  # arcmin
_INSIDE = 1e-3  # of a channel: single precision must not move an event into the next one


@dataclass(frozen=True)
class Instrument:
    """Area and redistribution of the events that a simulation writes.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Energies of photons, keV.
    area : ndarray, shape (n,)
        cm2 on the optical axis.
    recorded : ndarray, shape (n,)
        Part of the photons whose events are in the band.
    channel_low, channel_high : ndarray, shape (c,)
        Energies of events in a channel, keV, cut to the band.
    matrix : csr_array, shape (n, c)
        Probability of each channel, of those in the band.
    stamps : mapping of str to (value, comment)
        In what it is approximate, for the header.
    """

    edges: np.ndarray
    area: np.ndarray
    recorded: np.ndarray
    channel_low: np.ndarray
    channel_high: np.ndarray
    matrix: csr_array
    stamps: dict[str, tuple[Any, str]]

    @cached_property
    def _cumulative(self) -> np.ndarray:
        rows = np.cumsum(self.matrix.toarray(), axis=1)
        total = rows[:, -1:].copy()
        np.divide(rows, total, out=rows, where=total > 0)
        return np.asarray((rows + np.arange(len(rows))[:, None]).ravel())

    def draw_events(self, bins: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return the energies of the events of photons, keV.

        Parameters
        ----------
        bins : ndarray of int, shape (n,)
            Energy bins of the photons, in which something is recorded.
        """
        channels = len(self.channel_low)
        place = np.searchsorted(
            self._cumulative, bins + generator.random(len(bins)), side="right"
        )  # fmt: skip
        np.clip(place, bins * channels, (bins + 1) * channels - 1, out=place)
        channel = place - bins * channels
        within = _INSIDE + (1 - 2 * _INSIDE) * generator.random(len(bins))
        low = self.channel_low[channel]
        return np.asarray(low + within * (self.channel_high[channel] - low))

    def draw_photons(self, bins: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return photon energies within their bins, keV."""
        low = self.edges[bins]
        return np.asarray(low + generator.random(len(bins)) * (self.edges[bins + 1] - low))


class Vignetting:
    """A mission's vignetting in a table: angles in arcmin by `ENERGIES` in keV."""

    def __init__(self, mission: Mission) -> None:
        # linear in the energy's logarithm, a tenth apart: what curves between is below .1 %
        self.table = np.stack([mission.vignetting(_ANGLES, e) for e in ENERGIES], axis=1)

    def at(self, angle: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Return the relative area at angles (arcmin) and energies (keV), shape (n,)."""
        row, u = _places(angle / _ANGLES[1], len(_ANGLES))
        column, v = _places(energy_place(energy), len(ENERGIES))
        flat, width = self.table.ravel(), len(ENERGIES)
        at = row * width + column
        low = flat[at] * (1 - v) + flat[at + 1] * v
        high = flat[at + width] * (1 - v) + flat[at + width + 1] * v
        return np.asarray(low * (1 - u) + high * u)

    def sums(
        self, source: np.ndarray, angle: np.ndarray, weight: np.ndarray, sources: int
    ) -> np.ndarray:
        """Return the weighted sums over samples of each source, shape (sources, k)."""
        row, u = _places(angle / _ANGLES[1], len(_ANGLES))
        size = len(_ANGLES)
        counts = np.bincount(source * size + row, weight * (1 - u), sources * size)
        counts += np.bincount(source * size + row + 1, weight * u, sources * size)
        return np.asarray(counts.reshape(sources, size) @ self.table)


def energy_place(energy: np.ndarray) -> np.ndarray:
    """Return the place of energies among `ENERGIES`, a real number."""
    step = np.log(ENERGIES[1] / ENERGIES[0])
    return np.asarray(np.log(np.maximum(energy, ENERGIES[0]) / ENERGIES[0]) / step)


def onto_energies(rates: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return rates at energies, shape (b, n), shared out to `ENERGIES`, shape (b, k).

    Their product with a table at `ENERGIES` is that of the rates with the table interpolated.
    """
    column, v = _places(energy_place(energy), len(ENERGIES))
    number, size = np.arange(len(energy)), len(ENERGIES)
    weights = csr_array(
        (np.concatenate([1 - v, v]), (np.tile(number, 2), np.concatenate([column, column + 1]))),
        shape=(len(energy), size),
    )
    return np.asarray((weights.T @ rates.T).T)


def _places(place: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    low = np.minimum(place.astype(np.int64), size - 2)
    return low, np.minimum(place - low, 1.0)


def instrument_of(
    mission: Mission, band: EnergyBand, arf: str | os.PathLike[str] | None,
    rmf: str | os.PathLike[str] | None, detectors: Sequence[int],
) -> Instrument:  # fmt: skip
    """Return area and redistribution: given ones, or what the mission knows.

    Parameters
    ----------
    mission : Mission
    band : EnergyBand
        Of the events that are written.
    arf, rmf : path or None
        On the optical axis, of all these detectors together.
    detectors : sequence of int
        Their numbers.

    Raises
    ------
    InputError
        A file cannot be read, or the two do not belong together.
    ParameterError
        The mission has no area or resolution, or no photon is recorded in the band.
    MissingDataError
        Its area is not installed.
    """
    if arf is not None and os.fspath(arf).lower() == "none":
        raise ParameterError("arf", "fluxes need an effective area", "give a file, or leave it out")
    given = read_given(mission, arf, rmf)
    stamps: dict[str, tuple[Any, str]] = {}
    area = given.arf
    if area is not None and given.includes:
        stamps["ARFHOW"] = ("taken as that on the optical axis, of a place it is not", "")
    if area is None and not (given.rmf is not None and given.rmf.includes_area):
        area, how = _known_area(mission, detectors)
        if how:
            stamps["ARFAPPR"] = ("APPROX", "effective area")
            stamps["ARFHOW"] = (how, "")
    matrix = given.rmf
    if matrix is None:
        assert area is not None
        matrix = _gaussian(mission, area, detectors)
        stamps["RMFAPPR"] = ("APPROX", "response matrix")
        stamps["RMFHOW"] = ("Gaussian lines of the nominal resolution", "")
    elif area is not None and given.arf is None:
        area = on_energies(area, matrix.energy_low, matrix.energy_high)
    return _in_band(build_response(matrix, area), _channels(mission, matrix), band, stamps)


def _known_area(mission: Mission, detectors: Sequence[int]) -> tuple[AncillaryResponse, str]:
    try:
        files = mission.nominal_responses(detectors)
    except MissingDataError as error:
        raise MissingDataError(
            error.subject, error.cause, f"{error.remedy}, or give --arf"
        ) from None
    if files is None:
        raise ParameterError(
            "arf", f"no effective area of {mission.name} is known here", "give one with --arf"
        )
    return summed_area(files), files.approximate


def _gaussian(
    mission: Mission, area: AncillaryResponse, detectors: Sequence[int]
) -> RedistributionMatrix:
    low, high = area.energy_low, area.energy_high
    fwhm = mission.energy_resolution((low + high) / 2, detectors)
    if fwhm is None or mission.channels is None:
        raise ParameterError(
            "rmf", f"the energy resolution of {mission.name} is not known here",
            "give a response matrix with --rmf",
        )  # fmt: skip
    return gaussian_matrix(low, high, mission.channels, fwhm)


def _channels(mission: Mission, rmf: RedistributionMatrix) -> ChannelGrid:
    """Return the energies of events by channel: where events have channels, of the mission's."""
    own = mission.channels
    if mission.channel_column is None or own is None:
        if np.any(np.diff(rmf.channel_low) <= 0):
            raise InputError(
                rmf.path, "has channels whose energies do not ascend", "give another matrix"
            )
        return ChannelGrid(rmf.channels, rmf.channel_low, rmf.channel_high)
    if len(rmf.channels) != len(own.numbers) or rmf.channels[0] != own.numbers[0]:
        raise InputError(
            rmf.path, f"has channels {rmf.channels[0]} to {rmf.channels[-1]}, but events have "
            f"{own.numbers[0]} to {own.numbers[-1]}", f"give a response matrix of {mission.name}",
        )  # fmt: skip
    return own


def _in_band(
    response: Response, channels: ChannelGrid, band: EnergyBand,
    stamps: dict[str, tuple[Any, str]],
) -> Instrument:  # fmt: skip
    low, high = np.maximum(channels.low, band.minimum), np.minimum(channels.high, band.maximum)
    part = np.clip(high - low, 0, None) / (channels.high - channels.low)
    area = response.area
    inverse = np.divide(1.0, area, out=np.zeros_like(area), where=area > 0)
    used = np.flatnonzero(part > 0)
    if response.redistribution.includes_area:
        probability = response.matrix.multiply(inverse[:, None])
    else:
        probability = response.redistribution.matrix
    matrix = csr_array(csr_array(probability)[:, used].multiply(part[used][None, :]))
    recorded = np.asarray(matrix.sum(axis=1)).ravel()
    if not np.any(recorded * area > 0):
        raise ParameterError(
            "energy", f"no photon gives an event at {band} keV with this response",
            "widen the band, or give the right response",
        )  # fmt: skip
    return Instrument(
        response.edges, area, recorded, low[used], high[used], matrix, stamps
    )  # fmt: skip
