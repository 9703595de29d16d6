"""A light curve: counts, background and effective exposure of time bins, in several bands."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xsurvey.inference.poisson_rate import (
    CONFIDENCE,
    LIMIT_CONFIDENCE,
    CountsPosterior,
    counts_posterior,
)
from xsurvey.units import EnergyBand

_BY_BAND = ("counts", "background_counts", "background_scale", "exposure")


@dataclass(frozen=True)
class LightCurve:
    """Binned counts of a source, or of a field, with what turns them into rates.

    Attributes
    ----------
    time : ndarray, shape (n,)
        Centres of the bins, in increasing order, mission seconds.
    timedel : ndarray, shape (n,)
        Their widths, s.
    bands : tuple of EnergyBand or str
        A label where the energies of a band are not known.
    counts : ndarray, shape (n, bands)
        In the source region, background included.
    background_counts : ndarray, shape (n, bands)
        In the background region; zero without one.
    background_scale : ndarray, shape (n, bands)
        Expected background counts in the source region a count in the background region; zero
        without a background region.
    exposure : ndarray, shape (n, bands)
        Effective exposure in `exposure_unit`: vignetting, PSF fraction, lost area, dead time and
        good time are all in it. Zero where nothing was observed.
    reference_mjd : float
        MJD of time zero; NaN if not known.
    time_scale : str
        Such as ``TT``; empty if not known.
    telescope, instrument, target : str
    exposure_unit : str
        ``s``; ``s deg2`` for the light curve of a field, whose rates are a unit of area.
    warnings : tuple of str
        What is odd in the file it comes from.
    stamps : mapping of str to str
        Approximations, as FITS keywords and values.
    """

    time: np.ndarray
    timedel: np.ndarray
    bands: tuple[EnergyBand | str, ...]
    counts: np.ndarray
    background_counts: np.ndarray
    background_scale: np.ndarray
    exposure: np.ndarray
    reference_mjd: float = float("nan")
    time_scale: str = ""
    telescope: str = ""
    instrument: str = ""
    target: str = ""
    exposure_unit: str = "s"
    warnings: tuple[str, ...] = ()
    stamps: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.time), len(self.bands))
        if self.timedel.shape != self.time.shape or any(
            getattr(self, name).shape != shape for name in _BY_BAND
        ):
            raise ValueError(f"the arrays of a light curve are not of shape {shape}")

    def __len__(self) -> int:
        return len(self.time)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bands, such as ``0.5-2``."""
        return tuple(str(band) for band in self.bands)

    @property
    def rate_unit(self) -> str:
        """Unit of rates."""
        return "count / s" if self.exposure_unit == "s" else f"count / ({self.exposure_unit})"

    @property
    def start(self) -> np.ndarray:
        """Begins of the bins, mission seconds, shape (n,)."""
        return self.time - self.timedel / 2

    @property
    def stop(self) -> np.ndarray:
        """Ends of the bins, mission seconds, shape (n,)."""
        return self.time + self.timedel / 2

    @property
    def net_counts(self) -> np.ndarray:
        """Counts less the expected background, shape (n, bands)."""
        return self.counts - self.background_scale * self.background_counts

    @property
    def rate(self) -> np.ndarray:
        """Net counts over exposure, shape (n, bands): unbiased, so negative at times.

        NaN without exposure.
        """
        return self._over_exposure(self.net_counts)

    @property
    def rate_error(self) -> np.ndarray:
        """Standard error sqrt(C + k**2 B) / exposure of the rate, shape (n, bands).

        For sums over many bins; for a single one of few counts use `rate_interval`.
        """
        variance = self.counts + self.background_scale**2 * self.background_counts
        return self._over_exposure(np.sqrt(variance))

    def rate_interval(self, confidence: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the shortest interval of the rate, shape (n, bands) each.

        Of the posterior with a flat prior on rates that are not negative, the background
        marginalised (Primini & Kashyap 2014, ApJ 796, 24). NaN without exposure.
        """
        low, high = self._posterior.shortest_interval(confidence)
        return self._spread(low), self._spread(high)

    def upper_limit(self, confidence: float = LIMIT_CONFIDENCE) -> np.ndarray:
        """Return the upper limit of the rate at a confidence, shape (n, bands)."""
        return self._spread(self._posterior.quantile(confidence))

    @functools.cached_property
    def _posterior(self) -> CountsPosterior:
        exposed = self.exposure > 0
        scale = self.background_scale[exposed]
        return counts_posterior(
            self.counts[exposed], self.background_counts[exposed], scale,
            np.ones_like(scale), np.ones_like(scale), np.zeros_like(scale),
        )  # fmt: skip

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Return counts of the exposed bins as rates of all bins."""
        result = np.full(self.exposure.shape, np.nan)
        exposed = self.exposure > 0
        result[exposed] = values / self.exposure[exposed]
        return result

    def _over_exposure(self, values: np.ndarray) -> np.ndarray:
        result = np.full(self.exposure.shape, np.nan)
        np.divide(values, self.exposure, out=result, where=self.exposure > 0)
        return result

    def usable(self, minimum_fraction: float = 0.0) -> np.ndarray:
        """Tell which bins have enough exposure in every band, shape (n,).

        Parameters
        ----------
        minimum_fraction : float
            Of the longest exposure of the band; bins without exposure are never usable.
        """
        longest = self.exposure.max(axis=0, initial=0)
        enough = (self.exposure > 0) & (self.exposure >= minimum_fraction * longest)
        return np.asarray(enough.all(axis=1))

    def selected(self, bins: np.ndarray) -> LightCurve:
        """Return the light curve of some bins, given as a mask or as increasing indices."""
        return dataclasses.replace(
            self, time=self.time[bins], timedel=self.timedel[bins],
            **{name: getattr(self, name)[bins] for name in _BY_BAND},
        )  # fmt: skip

    def in_bands(self, numbers: Sequence[int]) -> LightCurve:
        """Return the light curve in some bands, given by their positions."""
        chosen = list(numbers)
        return dataclasses.replace(
            self, bands=tuple(self.bands[i] for i in chosen),
            **{name: getattr(self, name)[:, chosen] for name in _BY_BAND},
        )  # fmt: skip

    def merged(self, group: np.ndarray) -> LightCurve:
        """Return the light curve with neighbouring bins merged.

        Parameters
        ----------
        group : ndarray of int, shape (n,)
            Never decreasing; bins of the same number become one, from the first begin to the
            last end.

        Returns
        -------
        LightCurve
            Counts and exposures are sums over exposed bins. The scale of the background keeps
            the sum of the expected background; where the background region is empty it is the
            exposure-weighted mean.
        """
        first = np.flatnonzero(np.r_[True, np.diff(group) != 0]) if len(group) else group
        exposed = self.exposure > 0

        def total(values: np.ndarray) -> np.ndarray:
            return np.add.reduceat(np.where(exposed, values, 0), first, axis=0)

        counts, background = total(self.counts), total(self.background_counts)
        exposure = total(self.exposure)
        expected = total(self.background_scale * self.background_counts)
        weighted = total(self.background_scale * self.exposure)
        scale = np.zeros_like(expected)
        np.divide(weighted, exposure, out=scale, where=exposure > 0)
        np.divide(expected, background, out=scale, where=background > 0)
        start = np.minimum.reduceat(self.start, first)
        stop = np.maximum.reduceat(self.stop, first)
        return dataclasses.replace(
            self, time=(start + stop) / 2, timedel=stop - start, counts=counts,
            background_counts=background, background_scale=scale, exposure=exposure,
        )  # fmt: skip

    def rebinned(self, width: float) -> LightCurve:
        """Return the light curve in bins of a width, counted from the begin of the first bin.

        Bins belong where their centre falls; empty intervals give no bin.

        Parameters
        ----------
        width : float
            Seconds.
        """
        if not len(self):
            return self
        return self.merged(np.floor((self.time - self.start[0]) / width).astype(np.int64))

    def in_visits(self, gap: float) -> LightCurve:
        """Return the light curve with bins merged into visits.

        Parameters
        ----------
        gap : float
            Seconds; a new visit begins where nothing was observed for longer.
        """
        if not len(self):
            return self
        seen = np.maximum.accumulate(self.stop)
        return self.merged(np.cumsum(np.r_[False, self.start[1:] - seen[:-1] > gap]))

    def summed(self) -> LightCurve:
        """Return all bins as one."""
        return self.merged(np.zeros(len(self), np.int64)) if len(self) else self
