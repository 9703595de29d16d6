"""Catalog columns of measured sources, by their names in the schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xsurvey.detection.fitted import FittedSources
from xsurvey.detection.hardness import hardness_ratio
from xsurvey.detection.photometry import BandPhotometry
from xsurvey.detection.significance import gaussian_significance
from xsurvey.inference.poisson_rate import CONFIDENCE, LIMIT_CONFIDENCE

_ANGLES = 64


def band_columns(
    name: str, measured: BandPhotometry, timed: bool, flux_factor: np.ndarray | float = np.nan
) -> dict[str, np.ndarray]:
    """Return the columns of one band, arrays of shape (n,).

    Parameters
    ----------
    name : str
        Label of the band.
    measured : BandPhotometry
    timed : bool
        False where exposure is relative: there are no rates then.
    flux_factor : float or ndarray, shape (n,)
        erg/cm2/count; NaN where no response is known.
    """
    posterior = measured.posterior
    low, high = posterior.shortest_interval()
    net = posterior.mode()
    usable = measured.exposure > 0
    seconds = np.where(usable & timed, measured.exposure, np.nan)
    width = np.maximum((high - low) / 2, 1e-12)
    nan = np.where(usable, 1.0, np.nan)
    upper = posterior.quantile(LIMIT_CONFIDENCE)
    columns = {
        f"counts_{name}": measured.counts * nan,
        f"background_{name}": measured.background * nan,
        f"net_counts_{name}": net * nan,
        f"net_counts_{name}_lo": low * nan,
        f"net_counts_{name}_hi": high * nan,
        f"exposure_{name}": seconds,
        f"significance_{name}": net / width * nan,
    }
    for kind, scale in (("rate", 1 / seconds), ("flux", flux_factor / seconds)):
        columns |= {
            f"{kind}_{name}": net * scale,
            f"{kind}_{name}_lo": low * scale,
            f"{kind}_{name}_hi": high * scale,
            f"{kind}_{name}_upper": upper * scale,
        }
    return columns


def hardness_label(hard: str, soft: str) -> str:
    """Return how the columns of a hardness ratio end: letters stand together, longer names do not.

    Examples
    --------
    >>> hardness_label("h", "s"), hardness_label("2000_8000", "500_2000")
    ('hs', '2000_8000_over_500_2000')
    """
    return f"{hard}{soft}" if len(hard) == len(soft) == 1 else f"{hard}_over_{soft}"


def hardness_columns(
    pairs: Iterable[tuple[str, str]], measured: Mapping[str, BandPhotometry]
) -> dict[str, np.ndarray]:
    """Return the hardness ratios of the pairs (harder, softer) whose bands were measured."""
    columns: dict[str, np.ndarray] = {}
    for hard, soft in pairs:
        if hard not in measured or soft not in measured:
            continue
        h, s = measured[hard], measured[soft]
        levels = (m.background / np.where(m.fraction > 0, m.fraction, np.inf) for m in (h, s))
        value, low, high = hardness_ratio(h.posterior, s.posterior, h.exposure, s.exposure, *levels)
        name = f"hardness_{hardness_label(hard, soft)}"
        columns |= {name: value, f"{name}_lo": low, f"{name}_hi": high}
    return columns


def position_columns(sources: FittedSources) -> dict[str, Any]:
    """Return places and their error ellipses."""
    major, minor, angle = error_ellipse(sources.covariance)
    axes: dict[str, np.ndarray] = {}
    for percent, scale in ((68, _axis(CONFIDENCE)), (95, _axis(LIMIT_CONFIDENCE))):
        axes |= {f"error_major_{percent}": major * scale, f"error_minor_{percent}": minor * scale}
    return {
        "ra": sources.ra % 360, "dec": sources.dec,
        "position_error": error_radius(major, minor, CONFIDENCE), **axes, "error_angle": angle,
    }  # fmt: skip


def _axis(probability: float) -> float:
    """Return the semi-axis of a probability in standard deviations: two dimensions."""
    return float(np.sqrt(-2 * np.log1p(-probability)))


def error_ellipse(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ellipses of covariances.

    Parameters
    ----------
    covariance : ndarray, shape (n, 2, 2)
        (east, north).

    Returns
    -------
    major, minor : ndarray, shape (n,)
        Standard deviations along the axes, in the root of the covariance's unit.
    angle : ndarray, shape (n,)
        Of the major axis, degrees from north through east, 0 to 180. NaN where the covariance
        is not finite.
    """
    good = np.isfinite(covariance).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(np.where(good[:, None, None], covariance, np.eye(2)))
    axes = np.where(good[:, None], np.sqrt(np.maximum(values, 0)), np.nan)
    east, north = vectors[:, 0, 1], vectors[:, 1, 1]
    angle = np.degrees(np.arctan2(east, north)) % 180
    return axes[:, 1], axes[:, 0], np.where(good, angle, np.nan)


def error_radius(major: np.ndarray, minor: np.ndarray, probability: float) -> np.ndarray:
    """Return the radius of the circle that holds a probability, for standard deviations (n,).

    The probability in a circle is integrated over the angle and solved for by bisection.
    """
    phi = (np.arange(_ANGLES) + 0.5) * np.pi / _ANGLES
    # along each direction of the whitened plane the distance is a Rayleigh variable
    variance = np.outer(major, np.cos(phi)) ** 2 + np.outer(minor, np.sin(phi)) ** 2
    variance = np.maximum(variance, np.finfo(float).tiny)
    low, high = np.zeros(len(variance)), 1.01 * _axis(probability) * np.maximum(major, minor)
    for _ in range(40):
        middle = (low + high) / 2
        below = -np.expm1(-(middle[:, None] ** 2) / variance / 2).mean(axis=1) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(np.isfinite(major) & np.isfinite(minor), (low + high) / 2, np.nan)


def fit_columns(sources: FittedSources, classification: np.ndarray) -> dict[str, Any]:
    """Return what the fits said: likelihoods, extents, counts and rates in each searched band."""
    columns: dict[str, Any] = {
        "detection_likelihood": sources.likelihood,
        "significance": gaussian_significance(sources.likelihood),
        "detection_band": sources.best_band,
        "detection_scale": sources.scale,
        "classification": classification,
        "extent": sources.extent, "extent_lo": sources.extent_lo, "extent_hi": sources.extent_hi,
        "extent_likelihood": sources.extent_likelihood,
    }  # fmt: skip
    for b, band in enumerate(sources.bands):
        columns |= {
            f"likelihood_{band}": sources.band_likelihood[:, b],
            f"ml_counts_{band}": sources.counts[:, b],
            f"ml_rate_{band}": sources.rate[:, b],
            f"ml_rate_{band}_error": sources.rate_error[:, b],
        }
    return columns
