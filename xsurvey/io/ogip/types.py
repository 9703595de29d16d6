"""What OGIP files hold, in one form whatever way a file writes it.

PHA: OGIP/92-007 and 92-007a; responses: CAL/GEN/92-002 and 92-002a (NASA's HEASARC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True)
class PhaSpectrum:
    """Counts in detector channels.

    Attributes
    ----------
    path : path
    channels : ndarray of int, shape (n,)
        Numbers as the file has them, ascending.
    first_channel : int
        Number of the detector's first channel (TLMIN; 0 or 1).
    detector_channels : int
        DETCHANS; more than n where the file leaves channels out.
    counts : ndarray, shape (n,)
        Of a file with rates, rate times exposure.
    exposure : float
        s, corrected for dead time.
    backscal, areascal : ndarray, shape (n,)
        Keyword or column; 1 where the file has none.
    poisson : bool
        Whether counts are Poisson distributed.
    statistical_error : ndarray, shape (n,), or None
        Counts; None where the file leaves it to Poisson statistics.
    systematic_error : ndarray, shape (n,)
        Fraction of the counts; 0 where the file has none.
    quality : ndarray of int, shape (n,)
        0 good, 1 bad, 2 dubious, 5 bad by the user's choice.
    grouping : ndarray of int, shape (n,)
        1 starts a group, -1 goes on with it, 0 not grouped.
    background_file, response_file, ancillary_file : str or None
        As the keywords have them; None where there is none.
    row : int or None
        Of a TYPE II file, from 1 (SPEC_NUM or the row's number).
    region_area : float
        deg2 (REGAREA); NaN where the file has none.
    header : mapping
        The other keywords of the table.
    warnings : tuple of str
        What is odd about the file.
    """

    path: Path
    channels: np.ndarray
    first_channel: int
    detector_channels: int
    counts: np.ndarray
    exposure: float
    backscal: np.ndarray
    areascal: np.ndarray
    poisson: bool = True
    statistical_error: np.ndarray | None = None
    systematic_error: np.ndarray | None = None
    quality: np.ndarray | None = None
    grouping: np.ndarray | None = None
    background_file: str | None = None
    response_file: str | None = None
    ancillary_file: str | None = None
    row: int | None = None
    region_area: float = float("nan")
    header: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class AncillaryResponse:
    """Effective area as a function of energy.

    Attributes
    ----------
    energy_low, energy_high : ndarray, shape (n,)
        keV, ascending.
    effective_area : ndarray, shape (n,)
        cm2.
    """

    path: Path
    energy_low: np.ndarray
    energy_high: np.ndarray
    effective_area: np.ndarray
    exposure: float = float("nan")
    header: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RedistributionMatrix:
    """Probability of each detector channel for photons of each energy.

    Attributes
    ----------
    energy_low, energy_high : ndarray, shape (n,)
        keV, ascending.
    matrix : scipy.sparse.csr_array, shape (n, m)
        Rows are energies, columns channels in the order of EBOUNDS. With ``includes_area`` cm2.
    channels : ndarray of int, shape (m,)
        Numbers of the channels as EBOUNDS has them.
    channel_low, channel_high : ndarray, shape (m,)
        Nominal energies of the channels, keV.
    includes_area : bool
        Whether the matrix is already multiplied by the effective area: no ARF may be applied.
    """

    path: Path
    energy_low: np.ndarray
    energy_high: np.ndarray
    matrix: csr_array
    channels: np.ndarray
    channel_low: np.ndarray
    channel_high: np.ndarray
    includes_area: bool = False
    header: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
