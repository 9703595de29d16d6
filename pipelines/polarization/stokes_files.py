"""Files of the Stokes parameters of a source: what stages after them read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.polarization.angle_records import ellipse_records, known_angle_records
from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.records import records_of_bins
from xsurvey.polarization.stokes import StokesBins
from xsurvey.polarization.variation.behaviour_parameters import KnownAngleParameters

JSON, TABLE, SUMS = "polarization.json", "polarization.fits", "bin_sums.npz"
STOKES_FILES = (JSON, TABLE, SUMS)
POOLED = "all"
"""What stands for all observations of a source together."""


@dataclass(frozen=True)
class Measured:
    """Energy bins that were measured.

    Attributes
    ----------
    sums : BinSums
        Background subtracted, arrays (n,).
    bins : StokesBins
    """

    sums: BinSums
    bins: StokesBins


@dataclass(frozen=True)
class StokesResult:
    """The energy bins of a source, and all of them as one."""

    bins: Measured
    whole: Measured


def write_sums(path: Path, result: StokesResult) -> None:
    """Write sums and measurements as they are, for stages that go on with them."""
    arrays: dict[str, Any] = {}
    for name, measured in (("bins", result.bins), ("whole", result.whole)):
        for part, values in (("sums", measured.sums), ("stokes", measured.bins)):
            for one in fields(values):
                arrays[f"{name}/{part}/{one.name}"] = np.asarray(getattr(values, one.name))
    np.savez(path, **arrays)


def read_sums(path: Path) -> StokesResult:
    """Return what `write_sums` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}

    def measured(name: str) -> Measured:
        sums = {f.name: arrays[f"{name}/sums/{f.name}"] for f in fields(BinSums)}
        stokes: dict[str, Any] = {f.name: arrays[f"{name}/stokes/{f.name}"]
                                  for f in fields(StokesBins)}  # fmt: skip
        stokes["estimator"] = str(stokes["estimator"])
        return Measured(BinSums(**sums), StokesBins(**stokes))

    return StokesResult(measured("bins"), measured("whole"))


def measured_records(
    bins: StokesBins, background_counts: Sequence[int] | np.ndarray | None,
    known: KnownAngleParameters,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return one record an energy bin.

    Parameters
    ----------
    bins : StokesBins
        Arrays (n,).
    background_counts : sequence of int, shape (n,), or None
        Of the background region, not scaled.
    known : KnownAngleParameters
    """
    records = records_of_bins(bins)
    measurement = bins.q_norm, bins.u_norm, bins.covariance
    along: Sequence[dict[str, Any] | None] = [None] * len(records)
    if known.known_angle is not None:
        along = known_angle_records(*measurement, known.known_angle, known.known_angle_error)
    ellipses = ellipse_records(*measurement)
    for i, record in enumerate(records):
        record["background_counts"] = (
            None if background_counts is None else int(background_counts[i])
        )
        record["known_angle"] = along[i]
        record["ellipses"] = ellipses[i]
    return records


def known_angle_of(known: KnownAngleParameters) -> dict[str, float] | None:
    """Return the assumed angle, None where none is."""
    if known.known_angle is None:
        return None
    return {"angle_deg": known.known_angle, "error_deg": known.known_angle_error}


def summary_of(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stage tells of itself: the most important numbers of the whole range."""
    names = ("counts", "pd", "pd_err", "mdp99", "significance", "pd_upper_99")
    return {name: whole[name] for name in names}
