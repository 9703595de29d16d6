"""The cluster in the ring of the sky, taken from the sky's level by a model of the brightness."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.significance import profile_significance, range_significance

_RADII, _STEP = 64, 0.1
"""Bins within the ring; step of derivatives, in the errors of parameters."""
_BACKGROUND = "background"
LEAST_SIGMA = 3.0
"""Significance that a cluster must have above all of the ring's light, to be taken from it: so
fields without one are judged as if there were no model (few sectors make cautious numbers)."""


@dataclass(frozen=True)
class Wings:
    """Mean brightness of the cluster in the ring of the sky, count/s/arcmin2.

    Attributes
    ----------
    level, error : float
    """

    level: float
    error: float

    def record(self) -> dict[str, Any]:
        """Return plain values."""
        return {"outskirts": self.level, "outskirts_error": self.error}


def ring_wings(
    images: ProfileImages, geometry: RadialGeometry, fit: ProfileFit,
    ring: tuple[float, float], model_error: float,
) -> Wings | None:  # fmt: skip
    """Return what a model has in a ring beside its background, weighted by exposure.

    Parameters
    ----------
    images : ProfileImages
    geometry : RadialGeometry
    fit : ProfileFit
        Of a model with a background.
    ring : (float, float)
        arcmin.
    model_error : float
        Relative error of the extrapolated model, beside that of its parameters.

    Returns
    -------
    Wings or None
        None where the data do not determine the model, or it has no background.
    """
    names = [p.name for p in fit.model.parameters]
    if _BACKGROUND not in names:
        return None
    grid = images.exposure.grid
    radius = geometry.radius(grid)
    inside = np.isfinite(radius) & (radius >= ring[0]) & (radius < ring[1])
    if images.mask is not None:
        inside &= images.mask
    exposed = (images.exposure.data * pixel_solid_angles(grid))[inside]
    weight, edges = np.histogram(radius[inside], _RADII, ring, weights=np.nan_to_num(exposed))
    if not weight.sum() > 0:
        return None
    weight, middle = weight / weight.sum(), 0.5 * (edges[:-1] + edges[1:])
    fitted = [(k, names.index(n)) for k, n in enumerate(fit.names) if n in names]
    fitted = [(k, column) for k, column in fitted if names[column] != _BACKGROUND]
    places, columns = ([pair[i] for pair in fitted] for i in (0, 1))
    covariance = fit.covariance[np.ix_(places, places)]
    if not np.all(np.isfinite(covariance)):
        return None
    step = _STEP * np.sqrt(np.clip(np.diag(covariance), 0, None))
    rows = np.repeat(fit.theta[None, :], 1 + 2 * len(columns), axis=0)
    for k, column in enumerate(columns):
        rows[1 + 2 * k, column] += step[k]
        rows[2 + 2 * k, column] -= step[k]
    rows[:, names.index(_BACKGROUND)] = 0.0
    level = fit.model.brightness(rows, middle) @ weight
    change = level[1::2] - level[2::2]
    gradient = np.divide(change, 2 * step, out=np.zeros_like(change), where=step > 0)
    variance = float(gradient @ covariance @ gradient) + (model_error * level[0]) ** 2
    if not (np.all(np.isfinite(level)) and level[0] > 0 and np.isfinite(variance)):
        return None
    return Wings(float(level[0]), float(np.sqrt(max(variance, 0.0))))


def without_wings(
    measured: MeasuredProfiles, wings: Wings | None
) -> tuple[MeasuredProfiles, Wings | None, list[str]]:
    """Return profiles whose sky is without the cluster, and their significances anew.

    Parameters
    ----------
    measured : MeasuredProfiles
        With the level of all of the ring's light.
    wings : Wings or None

    Returns
    -------
    measured : MeasuredProfiles
        As given where the cluster is not significant enough.
    wings : Wings or None
        What was taken.
    notes : list of str
    """
    sky = measured.sky
    if sky is None or not measured.significance:
        return measured, None, []
    if wings is None:
        return measured, None, ["the ring of the sky is taken for free of the cluster"]
    inside = np.isfinite(measured.significance[0])
    first = measured.profiles[0]
    end = float(first.edges[1:][inside].max(initial=0.0))
    if not inside.any() or not range_significance(first, sky, 0.0, end).sigma[0] >= LEAST_SIGMA:
        return measured, None, []
    if wings.level >= sky.level:
        return (
            measured,
            None,
            ["the model is as bright as the ring of the sky: it was not taken from it"],
        )
    less = sky.less(wings.level, wings.error)
    sigma = [
        np.where(np.isfinite(old), profile_significance(p, less).sigma, np.nan)
        for p, old in zip(measured.profiles, measured.significance, strict=True)
    ]
    part = wings.level / sky.level
    note = f"{part:.1%} of the ring of the sky are taken for the cluster, by the fitted model"
    return replace(measured, sky=less, significance=sigma), wings, [note]
