"""What a fit sees of the Stokes spectra of a unit: groups of channels, folding, errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.polarization.spectra.stokes_units import PolarimeterUnit, StokesSpectrum
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

_EVERY = re.compile(r"every([1-9]\d*)")
_BAD = 1
"""Quality of channels that are not used."""
_FEW = 10
"""Events: in groups of 10 and more degrees and angles are right, and spectra nearly."""
_FEW_SHARE = 0.1


def unit_datasets(
    unit: PolarimeterUnit, *, rule: str = "none", stokes_rule: str = "same",
    bands: Sequence[EnergyBand] = (), errors_of_file: bool = True,
) -> tuple[Dataset, Dataset, Dataset]:  # fmt: skip
    """Group, cut and fold the spectra of a unit.

    Parameters
    ----------
    unit : PolarimeterUnit
    rule : str
        How channels of I are grouped, as `make_dataset` has it.
    stokes_rule : str
        How those of Q and U are: ``same`` as I, ``none``, ``file``, or ``everyN`` channels.
    bands : sequence of EnergyBand
    errors_of_file : bool
        Whether the errors in the file of I are used: groups without are left out then.

    Returns
    -------
    i, q, u : Dataset
        Groups whose error is zero (no event) are left out of Q and U, and a note tells how many.
        Another one tells where much of the data are in groups of so few events that their errors
        follow their values: fits then miss degree, and spectrum, by far more than their errors.

    Raises
    ------
    InputError
        As `make_dataset`; no group has an error.
    ParameterError
        Unknown rules.
    """
    i = _dataset(unit.i, unit.i.spectrum, rule, bands)
    if errors_of_file and i.statistical_error is not None:
        i = _with_errors(unit.i, unit.i.spectrum, i, bands)
    counts = unit.i.spectrum.counts
    q, u = (
        _told_of_few(
            _signed(one, i, stokes_rule, bands), counts, "the degree comes out too small",
            "--group min30 or --stokes-group every25",
        )
        for one in (unit.q, unit.u)
    )  # fmt: skip
    if errors_of_file and i.statistical_error is not None:
        i = _told_of_few(i, counts, "chi2 is biased", "--group min30, or --stat wstat")
    return i, q, u


def _told_of_few(made: Dataset, counts: np.ndarray, what: str, remedy: str) -> Dataset:
    """Return a data set with a note where many of its events are in groups of few."""
    total = np.append(0.0, np.cumsum(counts))
    events = total[made.grouping.last] - total[made.grouping.first]
    few = float(events[events < _FEW].sum() / max(float(events.sum()), 1e-300))
    if few <= _FEW_SHARE:
        return made
    note = (
        f"{made.name}: {few:.0%} of the events are in groups of fewer than {_FEW}, whose errors "
        f"follow their values: {what}; use {remedy}"
    )
    return replace(made, notes=(*made.notes, note))


def _dataset(
    one: StokesSpectrum, spectrum: PhaSpectrum, rule: str, bands: Sequence[EnergyBand]
) -> Dataset:
    # all energies, so that I, Q and U ask for the same photons
    return make_dataset(
        spectrum, build_response(one.matrix, one.area), rule=rule, bands=bands,
        background=one.background, whole_range=True,
    )  # fmt: skip


def _signed(
    one: StokesSpectrum, intensity: Dataset, rule: str, bands: Sequence[EnergyBand]
) -> Dataset:
    # never Poisson, even if all numbers happen to be whole
    spectrum = replace(one.spectrum, poisson=False)
    match = _EVERY.fullmatch(rule)
    if rule == "same":
        spectrum = _grouped(spectrum, intensity)
        made = _dataset(one, spectrum, "file", bands)
    elif match:
        single = _dataset(one, spectrum, "none", bands)
        made = _dataset(one, _joined(spectrum, single, int(match[1])), "file", bands)
    elif rule in ("none", "file"):
        made = _dataset(one, spectrum, rule, bands)
    else:
        raise ParameterError(
            "stokes_group", f"'{rule}' is no way of grouping", "use same, none, file or everyN"
        )
    return _with_errors(one, spectrum, made, bands)


def _grouped(spectrum: PhaSpectrum, like: Dataset, kept: np.ndarray | None = None) -> PhaSpectrum:
    """Return a spectrum with the groups of a data set, of which some are kept; others are bad."""
    first, last = like.grouping.first, like.grouping.last
    if kept is not None:
        first, last = first[kept], last[kept]
    grouping = np.zeros(len(spectrum.channels), int)
    quality = np.full(len(spectrum.channels), _BAD)
    for begin, end in zip(first, last, strict=True):
        grouping[begin], grouping[begin + 1 : end] = 1, -1
        quality[begin:end] = 0
    own = spectrum.quality
    if own is not None:
        quality = np.where(own == _BAD, own, quality)
    return replace(spectrum, grouping=grouping, quality=quality)


def _joined(spectrum: PhaSpectrum, single: Dataset, number: int) -> PhaSpectrum:
    """Return a spectrum of which so many of the channels of a data set at a time are a group."""
    place = single.grouping.first
    grouping = np.zeros(len(spectrum.channels), int)
    quality = np.full(len(spectrum.channels), _BAD)
    quality[place] = 0
    apart = np.append(True, np.diff(place) != 1)
    run = np.arange(len(place)) - np.maximum.accumulate(
        np.where(apart, np.arange(len(place)), 0)
    )  # within channels that follow on each other
    grouping[place] = np.where(run % number == 0, 1, -1)
    return replace(spectrum, grouping=grouping, quality=quality)


def _with_errors(
    one: StokesSpectrum, spectrum: PhaSpectrum, made: Dataset, bands: Sequence[EnergyBand]
) -> Dataset:
    """Return a data set without the groups whose error is zero."""
    assert made.statistical_error is not None
    kept = made.statistical_error > 0
    if kept.all():
        return made
    if not kept.any():
        raise InputError(
            made.name, "has errors (STAT_ERR) of zero in all channels of the fit",
            "give a spectrum with events, or other energies",
        )  # fmt: skip
    without = int(np.sum(~kept))
    again = _dataset(one, _grouped(spectrum, made, kept), "file", bands)
    note = f"{made.name}: {without} of {len(kept)} groups have no error (no event): left out"
    return replace(again, notes=(*again.notes, note))
