r"""Background spectra as a mean and principal components (Simmonds et al. 2018, A&A 618, A66).

Spectra of one instrument's background, in detector channels and never folded, are taken as
y = log10(counts + 1); their mean and the principal components of what is left are what such a
background looks like. A background is then

.. math:: 10^{\mathrm{lognorm}} \left(10^{\bar y + \sum_j p_j s_j V_j} - 1\right)

with components V and the standard deviations s of the training spectra along them, so that
parameters p are of order 1.

Where this differs from the paper: the bracket is never less than 1/(2k), with k training spectra.
In channels where all of them are empty it would be zero, and a single count there impossible. And
training spectra may be smoothed, since the logarithm of noisy counts is biased low.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.pca_file import PcaTables, read_pca, write_pca
from xsurvey.spectra.background_models.base import parameter_batch

_LN10 = np.log(10)
_FARTHEST = 20.0  # deviations of the training spectra that a component may go
_LARGEST_LOG = 12.0  # of counts


@dataclass(frozen=True)
class PcaBackground:
    """Trained components of one instrument's background.

    Attributes
    ----------
    channels : ndarray of int, shape (n,)
        Numbers of the detector channels.
    mean : ndarray, shape (n,)
        Of log10(counts + 1).
    components : ndarray, shape (k, n)
        Orthonormal, the most important first.
    deviations : ndarray, shape (k,)
        Standard deviations of the training spectra along them.
    spectra : int
        Number of training spectra.
    """

    channels: np.ndarray
    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    spectra: int

    def model(self, components: int, lines: int = 0) -> PcaModel:
        """Return the model with the first ``components`` and some Gaussian lines."""
        return PcaModel(self, components, lines)

    def save(self, path: str | os.PathLike[str], header: Mapping[str, Any] | None = None) -> None:
        """Write a FITS file, with more keywords if given.

        Raises
        ------
        OutputError
            ``path`` cannot be written.
        """
        write_pca(path, PcaTables(
            self.channels, self.mean, self.components, self.deviations, self.spectra, header or {}
        ))  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PcaBackground:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Not such a file, or damaged.
        """
        t = read_pca(path)
        return cls(t.channels, t.mean, t.components, t.deviations, t.spectra)

    def check_channels(self, channels: np.ndarray, path: str | os.PathLike[str]) -> None:
        """Raise where a spectrum is not on the channels that the components were trained on.

        Raises
        ------
        InputError
            It is not.
        """
        if not np.array_equal(np.asarray(channels), self.channels):
            raise InputError(
                path, "has other channels than the background components",
                "use components trained on the same instrument, ungrouped",
            )  # fmt: skip


class PcaModel:
    """Components, and lines that they do not have; a `BackgroundModel`.

    Parameters are ``lognorm``, ``PC1`` and on, in deviations, and of each line ``line1.channel``
    (its centre, from 0), ``line1.sigma`` (channels) and ``line1.logcounts`` (log10 of its counts).
    """

    def __init__(self, background: PcaBackground, components: int, lines: int = 0) -> None:
        if not 0 <= components <= len(background.components):
            raise ValueError(f"{components} of {len(background.components)} components")
        self.background = background
        self.components = components
        self.lines = lines
        self._directions = (
            background.deviations[:components, None] * background.components[:components]
        )
        n = background.mean.size
        self._positions = np.arange(n)
        self._least = 0.5 / background.spectra
        described: list[tuple[str, float, float, float]] = [
            ("lognorm", 0.0, -_LARGEST_LOG, _LARGEST_LOG)
        ]
        described += [(f"PC{j + 1}", 0.0, -_FARTHEST, _FARTHEST) for j in range(components)]
        for i in range(1, lines + 1):
            described += [
                (f"line{i}.channel", 0.5 * (n - 1), 0.0, n - 1.0),
                (f"line{i}.sigma", 3.0, 0.5, max(n / 10, 1.0)),
                (f"line{i}.logcounts", 0.0, -3.0, _LARGEST_LOG),
            ]
        self.names = tuple(d[0] for d in described)
        self.defaults = np.array([d[1] for d in described])
        self.bounds = np.array([d[2:] for d in described])

    def evaluate(self, parameters: np.ndarray) -> np.ndarray:
        """Return counts in each channel, shape (b, n), positive."""
        batch = parameter_batch(parameters, self.names)
        k = 1 + self.components
        y = self.background.mean + batch[:, 1:k] @ self._directions
        # (the bound keeps far steps of a fit finite)
        shape = np.expm1(_LN10 * np.minimum(y, 2 * _LARGEST_LOG))
        counts = 10 ** batch[:, :1] * np.maximum(shape, self._least)
        for i in range(k, k + 3 * self.lines, 3):
            centre, sigma, log_counts = (batch[:, i + j : i + j + 1] for j in range(3))
            offset = (self._positions - centre) / sigma
            profile = np.exp(-0.5 * offset**2) / (np.sqrt(2 * np.pi) * sigma)
            counts += 10**log_counts * profile
        return counts


def train_pca(
    spectra: np.ndarray, components: int = 10, smoothing: float = 0.0,
    channels: np.ndarray | None = None,
) -> PcaBackground:  # fmt: skip
    """Find mean and principal components of background spectra.

    Parameters
    ----------
    spectra : ndarray, shape (k, n)
        Counts in detector channels, ungrouped, of k backgrounds with similar exposures.
    components : int
        Largest number to keep; fewer where there are not as many (at most k - 1).
    smoothing : float
        Sigma of a Gaussian, in channels, that smooths each spectrum before the logarithm; 0, as in
        the paper, does not. Less than half the detector's resolution loses nothing.
    channels : ndarray of int, shape (n,), optional
        Numbers of the channels; from 0 without it.

    Raises
    ------
    ParameterError
        Less than two spectra, counts that are negative or not finite, or a spectrum without counts.
    """
    counts = np.asarray(spectra, float)
    if counts.ndim != 2 or counts.shape[0] < 2 or counts.shape[1] < 1:
        raise ParameterError(
            "training spectra", "are less than two", "give more background spectra"
        )
    if not np.all(np.isfinite(counts) & (counts >= 0)):
        raise ParameterError(
            "training spectra", "have counts that are negative or not finite", "leave them out"
        )
    empty = np.flatnonzero(counts.sum(axis=1) == 0)
    if empty.size:
        raise ParameterError(
            "training spectra", f"have no counts in {empty.size} of {len(counts)}, the first in "
            f"row {empty[0]}", "leave them out",
        )  # fmt: skip
    if components < 0 or not 0 <= smoothing < np.inf:
        raise ParameterError(
            "training", "has a negative number of components or width", "give 0 or more"
        )
    if smoothing > 0:
        counts = ndimage.gaussian_filter1d(counts, smoothing, axis=1, mode="nearest")
    y = np.log10(counts + 1)
    mean = y.mean(axis=0)
    _, singular, vectors = np.linalg.svd(y - mean, full_matrices=False)
    deviations = singular / np.sqrt(len(y) - 1)
    kept = min(components, len(y) - 1, int(np.count_nonzero(singular > 1e-10 * singular[0])))
    numbers = np.arange(counts.shape[1]) if channels is None else np.asarray(channels, int)
    if numbers.shape != mean.shape:
        raise ParameterError(
            "channels", f"are {numbers.size} where spectra have {mean.size}", "give one for each"
        )
    # the sign of a singular vector is arbitrary: the same on every machine
    signs = np.sign(vectors[np.arange(len(vectors)), np.argmax(np.abs(vectors), axis=1)])
    return PcaBackground(
        numbers, mean, (vectors * signs[:, None])[:kept], deviations[:kept], len(y)
    )
