"""One spectrum as a fit sees it: counts in groups of channels, background, folding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.ogip.energies import match_channels
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.spectra import grouping as groups
from xsurvey.spectra.grouping import Grouping
from xsurvey.spectra.response import FoldingMatrix, Response
from xsurvey.spectra.statistics.wstat import grouped_time, scaled_time
from xsurvey.units import EnergyBand

_BAD = (1, 5)
"""Quality of channels that are never used."""
_DUBIOUS = 2
"""Quality of channels that grouping left over: not used with that grouping."""
_RULE = re.compile(r"(none|file|opt|min([1-9]\d*)|bmin([1-9]\d*))")


@dataclass(frozen=True)
class BackgroundCounts:
    """Counts of the background region in the same groups.

    Attributes
    ----------
    counts : ndarray, shape (m,)
    time : ndarray, shape (m,)
        Exposure times AREASCAL times BACKSCAL.
    error : ndarray, shape (m,)
        Of the counts: what the file gives, or else that of Poisson counts.
    channel_counts : ndarray, shape (c,)
        Counts before grouping, in all channels.
    channel_scale : ndarray, shape (c,)
        Source counts that a background count in a channel stands for.
    channels : ndarray of int, shape (c,)
        Their numbers.
    """

    name: str
    counts: np.ndarray
    time: np.ndarray
    exposure: float
    error: np.ndarray
    channel_counts: np.ndarray
    channel_scale: np.ndarray
    channels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """One spectrum as a fit sees it.

    Attributes
    ----------
    name : str
    energy_low, energy_high : ndarray, shape (m,)
        Nominal energies of the groups, keV.
    counts : ndarray, shape (m,)
    time : ndarray, shape (m,)
        Exposure times AREASCAL times BACKSCAL, in the unit of the background's.
    exposure : float
        s.
    folding : FoldingMatrix
        Gives expected counts.
    background : BackgroundCounts or None
    poisson : bool
        Whether the counts are Poisson distributed; if not, the file's errors are needed.
    statistical_error : ndarray, shape (m,), or None
        Counts; None for Poisson counts.
    systematic_error : ndarray, shape (m,)
        Part of the counts.
    channel_first, channel_last : ndarray of int, shape (m,)
        Numbers of the first and last channel of each group.
    grouping : Grouping
        Positions of the groups among all channels.
    channel_low, channel_high : ndarray, shape (c,)
        Nominal energies of all channels, keV.
    notes : tuple of str
        What a reader of the result must know.
    """

    name: str
    energy_low: np.ndarray
    energy_high: np.ndarray
    counts: np.ndarray
    time: np.ndarray
    exposure: float
    folding: FoldingMatrix
    systematic_error: np.ndarray
    channel_first: np.ndarray
    channel_last: np.ndarray
    grouping: Grouping
    channel_low: np.ndarray
    channel_high: np.ndarray
    background: BackgroundCounts | None = None
    poisson: bool = True
    statistical_error: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def background_scale(self) -> np.ndarray:
        """Expected background counts in the source spectrum a count of the background, (m,)."""
        if self.background is None:
            return np.zeros(len(self.counts))
        return self.time / self.background.time


def make_dataset(
    spectrum: PhaSpectrum, response: Response, *, rule: str = "none",
    bands: Sequence[EnergyBand] = (), background: PhaSpectrum | None = None,
    whole_range: bool = False,
) -> Dataset:  # fmt: skip
    """Group, cut and fold one spectrum.

    Parameters
    ----------
    spectrum : PhaSpectrum
    response : Response
    rule : str
        How channels are grouped: ``none``, ``file``, ``opt``, ``minN`` (source counts) or ``bminN``
        (background counts).
    bands : sequence of EnergyBand
        Groups that overlap one of them are kept; all if there is none. Groups of the file may
        reach beyond them, others are made of the channels that overlap them.
    background : PhaSpectrum, optional
        Of the same channels.
    whole_range : bool
        Keep all energies of the response, for models that mix them.

    Raises
    ------
    InputError
        Channels of spectrum, background and response do not match, or no channel is left.
    ParameterError
        Unknown rule, or one that needs what is not there.
    """
    rmf = response.redistribution
    positions = match_channels(spectrum, rmf)
    low, high = rmf.channel_low[positions], rmf.channel_high[positions]
    notes = [f"{spectrum.path.name}: {warning}" for warning in spectrum.warnings]
    if background is not None:
        background = _same_channels(spectrum, background)
        notes += [f"{background.path.name}: {warning}" for warning in background.warnings]
    good = _good(spectrum, rule, background)
    # groups that are made here end at the edges of the bands
    usable = good if rule == "file" else good & _overlapping(low, high, bands)
    try:
        made = _grouped(rule, spectrum, background, response, positions, usable)
    except ValueError as refused:
        raise InputError(spectrum.path, str(refused), f"do without --group {rule}") from None
    grouping = _noticed(made, low, high, bands)
    if not len(grouping):
        span = (low.min(), high.max())
        raise _nothing_left(spectrum, rule, bands, good, usable, made, span)
    notes += [
        f"{spectrum.path.name}: has no good channel in {band} keV"
        for band in bands
        if not len(_noticed(made, low, high, [band]))
    ]
    weight = spectrum.exposure * spectrum.areascal
    folding = FoldingMatrix(response, positions, grouping, weight, whole_range)
    error = spectrum.statistical_error
    counts = groups.sum_groups(spectrum.counts, grouping)
    energies = groups.group_energies(grouping, low, high)
    systematic = (
        np.zeros(len(spectrum.counts))
        if spectrum.systematic_error is None
        else spectrum.systematic_error
    )
    return Dataset(
        name=spectrum.path.name + (f"{{{spectrum.row}}}" if spectrum.row else ""),
        energy_low=energies[0], energy_high=energies[1],
        counts=counts, time=_time(spectrum, grouping), exposure=spectrum.exposure,
        folding=folding, grouping=grouping, channel_low=low, channel_high=high,
        background=_background_counts(spectrum, background, grouping),
        poisson=spectrum.poisson,
        statistical_error=None if error is None
        else np.sqrt(groups.sum_groups(error**2, grouping)),
        systematic_error=groups.sum_groups(systematic * spectrum.counts, grouping)
        / np.where(counts > 0, counts, 1),
        channel_first=spectrum.channels[grouping.first],
        channel_last=spectrum.channels[grouping.last - 1], notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _nothing_left(
    spectrum: PhaSpectrum, rule: str, bands: Sequence[EnergyBand], good: np.ndarray,
    usable: np.ndarray, grouping: Grouping, span: tuple[float, float],
) -> InputError:  # fmt: skip
    """Return the error that says why there is no group to fit."""
    if not good.any():
        cause, remedy = "has no good channel", "look at QUALITY of spectrum and background"
    elif usable.any() and not len(grouping):
        cause, remedy = f"makes no group by '{rule}'", "group by fewer counts, or by 'none'"
    else:
        shown = " ".join(str(b) for b in bands)
        cause = f"has no good channel in {shown} keV (its channels are {span[0]:g}-{span[1]:g} keV)"
        remedy = "give another energy range"
    return InputError(spectrum.path, cause, remedy)


def _span(channels: np.ndarray) -> str:
    return f"{int(channels.min())} to {int(channels.max())}"


def _same_channels(spectrum: PhaSpectrum, background: PhaSpectrum) -> PhaSpectrum:
    if not np.array_equal(spectrum.channels, background.channels):
        raise InputError(
            background.path, f"has channels {_span(background.channels)}, {spectrum.path} "
            f"{_span(spectrum.channels)}", "give a background of the same channels",
        )  # fmt: skip
    return background


def _good(spectrum: PhaSpectrum, rule: str, background: PhaSpectrum | None) -> np.ndarray:
    bad = (*_BAD, _DUBIOUS) if rule == "file" else _BAD
    good = np.ones(len(spectrum.channels), dtype=bool)
    if spectrum.quality is not None:
        good &= ~np.isin(spectrum.quality, bad)
    if background is not None and background.quality is not None:
        # the background's own grouping, and what it left over, is of no use here
        good &= ~np.isin(background.quality, _BAD)
    return good


def _grouped(
    rule: str, spectrum: PhaSpectrum, background: PhaSpectrum | None, response: Response,
    positions: np.ndarray, good: np.ndarray,
) -> Grouping:  # fmt: skip
    match = _RULE.fullmatch(rule)
    if match is None:
        raise ParameterError(
            "group", f"'{rule}' is no way of grouping", "use none, file, opt, min1, bmin1, ..."
        )
    if rule == "none":
        return groups.ungrouped(~good)
    if rule == "file":
        if spectrum.grouping is None:
            raise InputError(
                spectrum.path, "has no GROUPING", "leave out --group file or choose another way"
            )
        return groups.group_by_file(spectrum.grouping, ~good)
    if rule == "opt":
        rmf = response.redistribution
        width = rmf.channel_high - rmf.channel_low
        fwhm = groups.fwhm_in_channels(response.matrix, width)[positions]
        return groups.group_optimal(spectrum.counts, fwhm, good)
    if match[2]:
        return groups.group_min_counts(spectrum.counts, int(match[2]), good)
    if background is None:
        raise ParameterError(
            "group", f"{rule} needs a background", "give --background or group by source counts"
        )
    return groups.group_min_counts(background.counts, int(match[3]), good)


def _noticed(
    grouping: Grouping, low: np.ndarray, high: np.ndarray, bands: Sequence[EnergyBand]
) -> Grouping:
    inside = _overlapping(*groups.group_energies(grouping, low, high), bands)
    return Grouping(grouping.first[inside], grouping.last[inside])


def _overlapping(low: np.ndarray, high: np.ndarray, bands: Sequence[EnergyBand]) -> np.ndarray:
    """Tell which energies overlap a band; all do if there is none."""
    kept = np.full(len(low), not bands)
    for band in bands:
        kept |= (high > band.minimum) & (low < band.maximum)
    return kept


def _time(spectrum: PhaSpectrum, grouping: Grouping) -> np.ndarray:
    return grouped_time(_channel_time(spectrum), grouping.first, grouping.last)


def _background_counts(
    spectrum: PhaSpectrum, background: PhaSpectrum | None, grouping: Grouping
) -> BackgroundCounts | None:
    if background is None:
        return None
    counts = groups.sum_groups(background.counts, grouping)
    given = background.statistical_error
    variance = counts if given is None else groups.sum_groups(given**2, grouping)
    there = _channel_time(background)
    # where the background's is zero the channel is bad, and in no group
    scale = np.divide(_channel_time(spectrum), there, out=np.zeros(len(there)), where=there > 0)
    return BackgroundCounts(
        background.path.name, counts, _time(background, grouping), background.exposure,
        np.sqrt(variance), background.counts, scale, background.channels,
    )  # fmt: skip


def _channel_time(spectrum: PhaSpectrum) -> np.ndarray:
    return scaled_time(spectrum.exposure, spectrum.backscal, spectrum.areascal)
