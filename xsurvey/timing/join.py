"""Light curves of one source from several files, joined, chosen and binned as parameters say."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.parameters import LightCurveParameters


def join_light_curves(curves: Sequence[LightCurve], paths: Sequence[Path]) -> LightCurve:
    """Join light curves of one source that follow each other in time.

    Parameters
    ----------
    curves : sequence of LightCurve
    paths : sequence of path
        Where they come from, for messages.

    Raises
    ------
    InputError
        Bands, units or the zero of the time differ, or the times overlap.
    """
    first = curves[0]
    for curve, path in zip(curves[1:], paths[1:], strict=True):
        for what in ("bands", "exposure_unit", "reference_mjd", "time_scale"):
            ours, theirs = getattr(first, what), getattr(curve, what)
            if not _agree(ours, theirs):
                raise InputError(
                    path, f"differs in its {what.replace('_', ' ')} from {paths[0]}",
                    "give light curves of one source made alike",
                )  # fmt: skip
    order = sorted(range(len(curves)), key=lambda i: curves[i].start[0])
    for before, after in itertools.pairwise(order):
        if curves[after].start[0] < curves[before].stop.max():
            raise InputError(
                paths[after], f"overlaps in time with {paths[before]}",
                "give light curves that follow each other",
            )  # fmt: skip
    chosen = [curves[i] for i in order]
    names = ("time", "timedel", "counts", "background_counts", "background_scale", "exposure")
    arrays: dict[str, Any] = {n: np.concatenate([getattr(c, n) for c in chosen]) for n in names}
    return dataclasses.replace(
        first,
        warnings=tuple(dict.fromkeys(w for c in chosen for w in c.warnings)),
        stamps={k: v for c in chosen for k, v in c.stamps.items()},
        **arrays,
    )


def _agree(ours: Any, theirs: Any) -> bool:
    unknown = [isinstance(v, float) and math.isnan(v) for v in (ours, theirs)]
    return bool(ours == theirs or all(unknown))


def bin_light_curve(curve: LightCurve, parameters: LightCurveParameters, path: Path) -> LightCurve:
    """Choose the bands and the usable bins of a light curve, and merge bins.

    Parameters
    ----------
    curve : LightCurve
    parameters : LightCurveParameters
    path : path
        Where it comes from, for messages.

    Raises
    ------
    InputError
        No bin has enough exposure.
    ParameterError
        A band that the light curve does not have, or bins narrower than its own.
    """
    numbers = []
    for band in parameters.light_curve_band:
        if band not in curve.bands:
            raise ParameterError(
                "light_curve_band", f"{path} has no band {band} keV",
                f"use one of {', '.join(curve.labels)}",
            )  # fmt: skip
        numbers.append(curve.bands.index(band))
    chosen = curve.in_bands(list(dict.fromkeys(numbers))) if numbers else curve
    if parameters.bin_size is not None:
        chosen = _enough_exposure(chosen, parameters, path)
        widest = float(chosen.timedel.max())
        if parameters.bin_size < widest * (1 - 1e-9):
            raise ParameterError(
                "bin_size", f"{parameters.bin_size:g} s is less than the bins of {path}, which "
                f"are up to {widest:g} s wide", "give wider bins",
            )  # fmt: skip
        chosen = chosen.rebinned(parameters.bin_size)
    return choose_bins(chosen, parameters, path)


def choose_bins(curve: LightCurve, parameters: LightCurveParameters, path: Path) -> LightCurve:
    """Return the bins with enough exposure, merged into visits if that is asked for.

    Raises
    ------
    InputError
        No bin has enough exposure.
    """
    chosen = _enough_exposure(curve, parameters, path)
    if parameters.visit_gap is not None:
        chosen = chosen.in_visits(parameters.visit_gap)
    return chosen


def _enough_exposure(curve: LightCurve, parameters: LightCurveParameters, path: Path) -> LightCurve:
    usable = curve.usable(parameters.minimum_exposure_fraction)
    chosen = curve.selected(usable)
    if not len(chosen):
        raise InputError(path, "has no bin with exposure", "give another light curve")
    short = ~usable & (curve.exposure > 0).any(axis=1)
    if not short.any():
        return chosen
    counts = int(curve.counts[short].sum())
    note = (
        f"{short.sum()} bins with {counts} counts are left out: they have less than "
        f"{parameters.minimum_exposure_fraction:g} of the longest exposure"
    )
    return dataclasses.replace(chosen, warnings=tuple(dict.fromkeys((*chosen.warnings, note))))
