"""Energy bins of responses, made regular: keV, ascending, without gaps, above zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.io.ogip.columns import Columns
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix

SMALLEST_ENERGY = 1e-10
"""keV; stands for a lower edge of 0, where models have logarithms and negative powers of the
energy. It is the value that Sherpa takes (``ogip.minimum_energy``); XSPEC takes a small one too."""

KEV = {"kev": 1.0, "ev": 1e-3, "mev": 1e3, "gev": 1e6}
"""keV in each unit. FITS units tell cases apart, but nobody writes milli-electronvolts."""

_ROUNDING = 2e-6  # relative; single precision gives 6e-8 an edge, arithmetic on it a few times that


@dataclass(frozen=True)
class EnergyBins:
    """Bins of a response.

    Attributes
    ----------
    low, high : ndarray, shape (n,)
        keV, ascending, each starting where the one before ends.
    rows : ndarray of int, shape (n,)
        The table's rows that they come from, in their order.
    """

    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray


def read_energy_bins(columns: Columns) -> EnergyBins:
    """Return the bins of a table with ENERG_LO and ENERG_HI.

    Bins of no width are left out (no photon has their energy), descending ones turned round, a
    lower edge of 0 becomes `SMALLEST_ENERGY`; each is warned of.

    Raises
    ------
    InputError
        Columns are missing or in other units; edges are not finite, negative, not in order, or
        leave gaps or overlap beyond the rounding of single precision.
    """
    low, high = (
        columns.scalars(name).astype(np.float64) * columns.unit_factor(name, KEV, "keV")
        for name in ("ENERG_LO", "ENERG_HI")
    )
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
        raise columns.error("has energies that are not finite")
    if np.any(low < 0) or np.any(high < 0):
        raise columns.error("has negative energies")
    rows = np.arange(len(low))
    if np.all(low >= high) and np.any(low > high):
        columns.warnings.append("lower and upper edges of the energy bins are exchanged")
        low, high = high, low
    if low[0] > low[-1]:
        columns.warnings.append("the energies descend: turned round")
        low, high, rows = low[::-1], high[::-1], rows[::-1]
    empty = high == low
    if np.any(empty):
        columns.warnings.append(f"{int(empty.sum())} energy bins of no width are left out")
        low, high, rows = low[~empty], high[~empty], rows[~empty]
    if not len(low) or np.any(high < low):
        raise columns.error("has energy bins of no or negative width")
    low, high = low.copy(), high.copy()
    if len(low) > 1:
        off = np.abs(low[1:] - high[:-1])
        if np.any(off > _ROUNDING * high[:-1]) or np.any(np.diff(high) <= 0):
            at = low[1:][np.argmax(off / high[:-1])]
            raise columns.error(
                f"has energy bins that leave gaps or overlap (at {at:g} keV)",
                "give a response whose bins follow on each other",
            )
        low[1:] = high[:-1]
    if low[0] < SMALLEST_ENERGY:
        columns.warnings.append(
            f"the lowest energy is {low[0]:g} keV: taken as {SMALLEST_ENERGY:g} keV"
        )
        low[0] = SMALLEST_ENERGY
    if np.any(high <= low):
        raise columns.error("has energy bins that vanish in single precision")
    return EnergyBins(low, high, rows)


def match_grids(arf: AncillaryResponse, rmf: RedistributionMatrix) -> None:
    """Check that an ARF has the energy bins of an RMF.

    Raises
    ------
    InputError
        Another number of bins, or edges that differ by more than single precision (2e-6).
    """
    remedy = f"give an ARF made for {rmf.path}"
    if len(arf.energy_low) != len(rmf.energy_low):
        raise InputError(
            arf.path, f"has {len(arf.energy_low)} energy bins, and the RMF has "
            f"{len(rmf.energy_low)}", remedy,
        )  # fmt: skip
    for ours, theirs in (
        (arf.energy_low, rmf.energy_low), (arf.energy_high, rmf.energy_high),
    ):  # fmt: skip
        off = np.abs(ours - theirs) / theirs
        worst = int(np.argmax(off))
        if off[worst] > _ROUNDING:
            raise InputError(
                arf.path, f"has other energy bins than the RMF: {ours[worst]:.7g} keV where that "
                f"has {theirs[worst]:.7g} keV", remedy,
            )  # fmt: skip


def match_channels(spectrum: PhaSpectrum, rmf: RedistributionMatrix) -> np.ndarray:
    """Return which columns of a matrix the channels of a spectrum are.

    Channels are the same if their numbers are. Where one file counts from 0 and the other from 1
    and both have the same number of detector channels, they are the same by their order.

    Returns
    -------
    positions : ndarray of int, shape (n,)
        Columns of ``rmf.matrix``.

    Raises
    ------
    InputError
        The spectrum has channels that the matrix has not, or another number of channels.
    """
    first, number = int(rmf.channels[0]), len(rmf.channels)
    shift = 0
    if spectrum.first_channel != first:
        if spectrum.detector_channels != number or {spectrum.first_channel, first} != {0, 1}:
            raise InputError(
                spectrum.path, f"counts its {spectrum.detector_channels} channels from "
                f"{spectrum.first_channel}, and the RMF has {number} from {first}",
                f"give a spectrum made for {rmf.path}",
            )  # fmt: skip
        shift = first - spectrum.first_channel
    positions = spectrum.channels + shift - first
    if spectrum.detector_channels != number or np.any((positions < 0) | (positions >= number)):
        raise InputError(
            spectrum.path, f"has {spectrum.detector_channels} channels "
            f"({spectrum.channels[0]} to {spectrum.channels[-1]}), and the RMF has {number}",
            f"give a spectrum made for {rmf.path}",
        )  # fmt: skip
    return np.asarray(positions)
