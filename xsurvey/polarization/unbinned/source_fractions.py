"""With what probability events are of a source: by their channels, and their places in its PSF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.psf import PointSpreadFunction

LEAST = 400
"""Events of the source region in a group of channels: the error of a fraction squared, by which
Q/I would be biased, is then below .3 %."""
_ITERATIONS = 100
_SHRINK = 0.1  # a number of events is at least that of its last value in a step of Newton's


@dataclass(frozen=True)
class SourceFractions:
    """What is of the source in m groups of channels.

    Attributes
    ----------
    source, background : ndarray, shape (m,)
        Expected events in the source region.
    variance : ndarray, shape (m,)
        Of their ratio, background over source.
    """

    source: np.ndarray
    background: np.ndarray
    variance: np.ndarray

    def probability(
        self, group: np.ndarray, density: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability that events are of the source, and its slope by the ratio.

        Parameters
        ----------
        group : ndarray of int, shape (n,)
        density : ndarray, shape (n,), optional
            Of the source at the place of the event, relative to its mean over the region.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.source > 0, self.background / self.source, np.inf)[group]
            r = np.ones(len(group)) if density is None else density
            p = np.where(np.isfinite(ratio), r / (r + ratio), 0.0)
            return p, np.where(r > 0, -(p**2) / r, 0.0)


def channel_groups(counts: np.ndarray, bin_of: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Return groups of adjacent channels of an energy bin with enough events.

    Parameters
    ----------
    counts : ndarray, shape (c,)
    bin_of : ndarray of int, shape (c,)
        Energy bin of each channel, negative for none.
    least : int
        Events of a group; what is left at the end of a bin joins the group before, and a bin of
        fewer is one group.

    Returns
    -------
    ndarray of int, shape (c,)
        From 0, in the order of bins; negative where the bin is.
    """
    result = np.full(len(counts), -1)
    first = 0
    for number in np.unique(bin_of[bin_of >= 0]):
        members = np.flatnonzero(bin_of == number)
        group, inside, left = 0, 0.0, float(counts[members].sum())
        for channel in members:
            if inside >= least and left >= least:
                group, inside = group + 1, 0.0
            result[channel] = first + group
            inside += counts[channel]
            left -= counts[channel]
        first += group + 1
    return result


def fractions_of_counts(
    source: np.ndarray, background: np.ndarray, scale: float
) -> SourceFractions:
    """Return what is left of the source where a region's background is known from another.

    Parameters
    ----------
    source, background : ndarray, shape (m,)
        Events of the regions.
    scale : float
        Of the background region to the source region.
    """
    behind = scale * background
    net = np.maximum(source - behind, 0.0)
    variance = _ratio_variance(
        net, behind, source + scale * behind, -scale * behind, scale * behind
    )
    return SourceFractions(net, np.minimum(behind, np.maximum(source, behind)), variance)


def fractions_of_places(
    density: np.ndarray, group: np.ndarray, groups: int,
    background: np.ndarray | None = None, scale: float = 1.0,
) -> SourceFractions:  # fmt: skip
    """Fit how many events are of a source of known shape and how many of a flat background.

    ln L = sum ln(S r + B) - S - B + n ln B - B/k of the events of the source region and the n of
    the background region; without the last two terms where there is none.

    Parameters
    ----------
    density : ndarray, shape (n,)
        r: of the source at the places of events, relative to its mean over the region.
    group : ndarray of int, shape (n,)
        Of each event.
    groups : int
        m.
    background : ndarray, shape (m,), optional
        Events of the background region.
    scale : float
        k, of the background region to the source region.
    """
    r = np.asarray(density, float)
    number = np.bincount(group, minlength=groups).astype(float)
    n = np.zeros(groups) if background is None else np.asarray(background, float)
    cost = 0.0 if background is None else 1 / scale
    s, b = number / 2 + 0.5, number / 2 + 0.5

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, values, groups)

    for _ in range(_ITERATIONS):
        inverse = 1 / (s[group] * r + b[group])
        slope_s = total(r * inverse) - 1
        slope_b = total(inverse) - 1 - cost + n / b
        ss, sb = total((r * inverse) ** 2), total(r * inverse**2)
        bb = total(inverse**2) + n / b**2
        # in logarithms of both, along which neither is negative
        a11 = np.maximum(ss * s * s - slope_s * s, ss * s * s) + 1e-9
        a22 = np.maximum(bb * b * b - slope_b * b, bb * b * b) + 1e-9
        a12 = np.clip(sb * s * b, -0.999 * np.sqrt(a11 * a22), 0.999 * np.sqrt(a11 * a22))
        determinant = a11 * a22 - a12**2
        g1, g2 = slope_s * s, slope_b * b
        d1 = np.clip((a22 * g1 - a12 * g2) / determinant, np.log(_SHRINK), -np.log(_SHRINK))
        d2 = np.clip((a11 * g2 - a12 * g1) / determinant, np.log(_SHRINK), -np.log(_SHRINK))
        s = np.maximum(s * np.exp(d1), 1e-9)
        b = np.maximum(b * np.exp(d2), 1e-9)
        if np.all((np.abs(g1) < 1e-7 * (number + 1)) & (np.abs(g2) < 1e-7 * (number + 1))):
            break
    inverse = 1 / (s[group] * r + b[group])
    ss, sb, bb = total((r * inverse) ** 2), total(r * inverse**2), total(inverse**2) + n / b**2
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = ss * bb - sb**2
        variance = _ratio_variance(s, b, bb / determinant, -sb / determinant, ss / determinant)
    tiny = 1e-6 * (number + 1)
    return SourceFractions(np.where(s > tiny, s, 0.0), np.where(b > tiny, b, 0.0), variance)


def relative_density(
    psf: PointSpreadFunction, radius: np.ndarray, samples: np.ndarray, off_axis: float
) -> np.ndarray:
    """Return the density of a point source relative to its mean over a region.

    Parameters
    ----------
    psf : PointSpreadFunction
    radius : ndarray, shape (n,)
        Distances of events from the source, arcsec.
    samples : ndarray, shape (k,)
        Distances of places that fill the region evenly.
    off_axis : float
        Of the source, arcmin.
    """
    mixture = psf.mixture(off_axis)

    def density(distance: np.ndarray) -> np.ndarray:
        scaled = (np.asarray(distance, float)[:, None] / mixture.sigma) ** 2
        return np.asarray(np.exp(-scaled / 2) @ (mixture.weights / mixture.sigma**2))

    return density(radius) / density(samples).mean()


def _ratio_variance(
    s: np.ndarray, b: np.ndarray, ss: np.ndarray, sb: np.ndarray, bb: np.ndarray
) -> np.ndarray:
    """Return the variance of b / s from their covariance, 0 where there is no source."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (bb - 2 * (b / s) * sb + (b / s) ** 2 * ss) / s**2
    return np.where(np.isfinite(found) & (s > 0), np.maximum(found, 0.0), 0.0)
