"""Edges of radial bins: equal, logarithmic, or as wide as the counts ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize

BinKind = Literal["equal", "log", "snr", "counts"]
_GROWTH = 1.25
_TINY = 1e-9


@dataclass(frozen=True)
class Binning:
    """How bins are chosen: a kind, and its number (0 where it has none)."""

    kind: BinKind
    number: float = 0.0

    @property
    def adaptive(self) -> bool:
        """Tell whether the edges follow from the counts."""
        return self.kind in ("snr", "counts")


def parse_binning(text: str) -> Binning:
    """Return the binning that ``equal``, ``log``, ``log:N``, ``snr:N`` or ``counts:N`` names.

    Raises
    ------
    ValueError
        Another form, or a number that is not positive.

    Examples
    --------
    >>> parse_binning("snr:5")
    Binning(kind='snr', number=5.0)
    """
    match = re.fullmatch(r"\s*(equal|log|snr|counts)\s*(?::\s*([0-9.eE+-]+))?\s*", text)
    if match:
        kind, given = match.groups()
        try:
            number = float(given) if given else 0.0
        except ValueError:
            number = -1.0
        needed = kind in ("snr", "counts")
        whole = kind != "log" or number == int(number)
        if (0 < number < np.inf and whole and kind != "equal") or (not given and not needed):
            return Binning(kind, number)  # type: ignore[arg-type]
    raise ValueError(f"'{text}' is not equal, log, log:N, snr:N or counts:N, such as snr:5")


def equal_edges(size: float, maximum: float) -> np.ndarray:
    """Return edges of bins of one width from 0; the last bin ends at the maximum.

    Parameters
    ----------
    size, maximum : float
        Arcmin. Where the maximum is no multiple of the size, the last bin is narrower.

    Returns
    -------
    ndarray, shape (n + 1,)
    """
    number = max(int(np.ceil(maximum / size - 1e-6)), 1)
    edges = size * np.arange(number + 1, dtype=float)
    edges[-1] = maximum
    return edges


def logarithmic_edges(size: float, maximum: float, number: int | None = None) -> np.ndarray:
    """Return edges of bins that grow outward by one factor, nowhere narrower than a size.

    From the centre on bins are of one width, until a growth by the factor is more than that.

    Parameters
    ----------
    size, maximum : float
        Smallest width, and outer edge of the last bin, arcmin.
    number : int, optional
        Of bins, fewer where so many are not that wide; without it the factor is at most 1.25.

    Returns
    -------
    ndarray, shape (n + 1,)
    """
    if number is None:
        number = 1
        while _growing(size, _GROWTH, number)[-1] < maximum * (1 - _TINY):
            number += 1
    if number * size * (1 - _TINY) >= maximum:
        whole = max(int(maximum / size * (1 + _TINY)), 1)
        return np.linspace(0.0, maximum, whole + 1)
    if number == 1:
        return np.array([0.0, maximum])
    largest = (maximum / size) ** (1 / (number - 1)) * (1 + _TINY)
    factor = optimize.brentq(
        lambda f: _growing(size, f, number)[-1] - maximum, 1.0, largest, xtol=_TINY
    )
    edges = _growing(size, factor, number)
    edges[-1] = maximum
    return edges


def _growing(size: float, factor: float, number: int) -> np.ndarray:
    edges = np.zeros(number + 1)
    for i in range(number):
        edges[i + 1] = max(edges[i] + size, edges[i] * factor)
    return edges


def minimum_counts_edges(
    counts: np.ndarray, edges: np.ndarray, minimum: float
) -> np.ndarray:  # fmt: skip
    """Return edges of bins that each hold a number of counts, background included.

    Parameters
    ----------
    counts : ndarray, shape (n,)
        In fine bins.
    edges : ndarray, shape (n + 1,)
        Of the fine bins.
    minimum : float

    Returns
    -------
    ndarray, shape (m + 1,)
        Every bin is a run of fine ones, as short as it can be from inside out; what remains at
        the end joins the last one.
    """
    return _grown(edges, np.asarray(counts, float)[:, None], lambda sums: bool(sums[0] >= minimum))


def minimum_snr_edges(
    counts: np.ndarray, background: np.ndarray, edges: np.ndarray, minimum: float,
    background_error: np.ndarray | float = 0.0,
) -> np.ndarray:  # fmt: skip
    r"""Return edges of bins of a signal-to-noise ratio :math:`(C - B) / \sqrt{C + \sigma_B^2}`.

    Parameters
    ----------
    counts, background : ndarray, shape (n,)
        Counts, and expected counts of the background, in fine bins.
    edges : ndarray, shape (n + 1,)
        Of the fine bins.
    minimum : float
    background_error : ndarray, shape (n,), or float
        Systematic error of the background in each fine bin, fully correlated between them.

    Returns
    -------
    ndarray, shape (m + 1,)
        As `minimum_counts_edges`; what remains at the end joins the last bin unless that would
        push it below the minimum: it is a bin of its own then.
    """
    error = np.broadcast_to(background_error, np.shape(counts))
    parts = np.stack((counts, background, error), axis=1).astype(float)

    def enough(sums: np.ndarray) -> bool:
        variance = sums[0] + sums[2] ** 2
        return bool(variance > 0 and sums[0] - sums[1] >= minimum * np.sqrt(variance))

    return _grown(edges, parts, enough)


def _grown(
    edges: np.ndarray, parts: np.ndarray, enough: Callable[[np.ndarray], bool]
) -> np.ndarray:
    """Return the edges at which runs of rows of ``parts`` (n, k) have become enough."""
    kept, begun = [0], np.zeros(parts.shape[1])
    last = begun
    for i, row in enumerate(parts):
        begun = begun + row
        if enough(begun):
            kept.append(i + 1)
            last, begun = begun, np.zeros(parts.shape[1])
    if kept[-1] != len(parts):
        if len(kept) > 1 and enough(last + begun):
            kept[-1] = len(parts)
        else:
            kept.append(len(parts))
    return np.asarray(edges, float)[kept]


def radial_bins(radius: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of every radius, -1 outside of all; a radius on an edge is beyond it.

    Parameters
    ----------
    radius : ndarray
        Arcmin; NaN is outside.
    edges : ndarray, shape (n + 1,)

    Returns
    -------
    ndarray of int, shape of ``radius``
    """
    with np.errstate(invalid="ignore"):
        inside = (radius >= edges[0]) & (radius < edges[-1])
    bins = np.full(np.shape(radius), -1)
    bins[inside] = np.searchsorted(edges, radius[inside], side="right") - 1
    return bins
