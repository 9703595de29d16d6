r"""Models of surface-brightness profiles, batched: rows of parameters times radii.

A model is linear in its norms and in a constant background of the sky, all count/s/arcmin2, and
has radii in arcmin. Averages over annuli are closed forms where there are any: fits compare bins
with them, not with brightnesses at the middles of bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy import special

from xsurvey.errors import ParameterError, nearest

BRIGHTNESS_UNIT = "count / (s arcmin2)"
BETA_LIMITS = (0.17, 5.0)
"""Of beta models: they fall outward above 1/6."""
Kind = Literal["norm", "radius", "shape", "background"]


@dataclass(frozen=True)
class ModelParameter:
    """A parameter of a brightness model.

    Attributes
    ----------
    name : str
    kind : {'norm', 'radius', 'shape', 'background'}
        Norms are not negative; radii lie between a tenth of the narrowest bin and ten times the
        profile, with a prior that is even in their logarithm (others have a flat one); limits of
        the background follow from the data.
    low, high : float
        Limits of a shape.
    inside : bool
        Whether a radius must lie between the first and last edge of the profile.
    """

    name: str
    kind: Kind
    low: float = -np.inf
    high: float = np.inf
    inside: bool = False

    @property
    def unit(self) -> str:
        """Its unit, in the notation of FITS; empty for a number."""
        return {"norm": BRIGHTNESS_UNIT, "background": BRIGHTNESS_UNIT, "radius": "arcmin"}.get(
            self.kind, ""
        )

    def limits(self, edges: np.ndarray) -> tuple[float, float]:
        """Return the limits for a profile; of the background none."""
        if self.kind == "norm":
            return 0.0, np.inf
        if self.kind == "radius":
            narrowest = 0.1 * float(np.diff(edges).min())
            if self.inside:
                return max(float(edges[0]), narrowest), float(edges[-1])
            return narrowest, 10 * float(edges[-1])
        return self.low, self.high


class BrightnessModel(Protocol):
    """A model with p parameters; the last is the background."""

    @property
    def name(self) -> str:
        """As users write it."""

    @property
    def parameters(self) -> tuple[ModelParameter, ...]:
        """In the order of the columns of theta."""

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness at radii (n,) of rows (b, p), shape (b, n)."""

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli between edges (n + 1,), shape (b, n)."""

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return rows to start fits from, shape (s, p); norms and background in them are free."""


NORM = ModelParameter("norm", "norm")
BACKGROUND = ModelParameter("background", "background")


def radii_between(edges: np.ndarray, number: int) -> np.ndarray:
    """Return radii to start from, even in ln between the first bin's and the last's."""
    smallest = max(edges[0], 0.5 * float(np.diff(edges).min()))
    return np.geomspace(smallest, edges[-1], number + 2)[1:-1]


class BetaModel:
    r"""Beta model (Cavaliere & Fusco-Femiano 1976, A&A 49, 137).

    :math:`S = S_0 (1 + (r/r_c)^2)^{1/2 - 3\beta} + B`
    """

    name = "beta"
    parameters = (
        NORM, ModelParameter("rc", "radius"), ModelParameter("beta", "shape", *BETA_LIMITS),
        BACKGROUND,
    )  # fmt: skip

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness, shape (b, n)."""
        norm, rc, beta, background = _columns(theta)
        return norm * beta_shape(rc, beta, radius) + background

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli, shape (b, n)."""
        norm, rc, beta, background = _columns(theta)
        return norm * beta_average(rc, beta, edges) + background

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return starts of several core radii and slopes."""
        rc, beta = (g.ravel() for g in np.meshgrid(radii_between(edges, 6), [0.45, 0.67, 1.2]))
        return np.column_stack([np.ones_like(rc), rc, beta, np.zeros_like(rc)])


class DoubleBetaModel:
    r"""Two beta models with one slope, the second one wider.

    :math:`S = \sum_i S_i (1 + (r/r_{c,i})^2)^{1/2 - 3\beta} + B,\; r_{c,2} \ge r_{c,1}`; no number
    where the second core radius is smaller.
    """

    name = "double_beta"
    parameters = (
        NORM, ModelParameter("rc", "radius"), ModelParameter("norm2", "norm"),
        ModelParameter("rc2", "radius"), ModelParameter("beta", "shape", *BETA_LIMITS), BACKGROUND,
    )  # fmt: skip

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness, shape (b, n)."""
        norm, rc, norm2, rc2, beta, background = _columns(theta)
        both = norm * beta_shape(rc, beta, radius) + norm2 * beta_shape(rc2, beta, radius)
        return np.where(rc2 >= rc, both + background, np.nan)

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli, shape (b, n)."""
        norm, rc, norm2, rc2, beta, background = _columns(theta)
        both = norm * beta_average(rc, beta, edges) + norm2 * beta_average(rc2, beta, edges)
        return np.where(rc2 >= rc, both + background, np.nan)

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return starts of several pairs of core radii."""
        radii = radii_between(edges, 6)
        return np.array([
            [1, inner, 1, outer, beta, 0]
            for i, inner in enumerate(radii) for outer in radii[i + 1 :] for beta in (0.55, 0.9)
        ])  # fmt: skip


class PowerLawModel:
    r"""Power law.

    :math:`S = S_1 (r/1')^{-\alpha} + B`; an average that includes the centre needs an index below
    2, and is infinite otherwise.
    """

    name = "power_law"
    parameters = (NORM, ModelParameter("index", "shape", -2.0, 8.0), BACKGROUND)

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness, shape (b, n)."""
        norm, index, background = _columns(theta)
        with np.errstate(divide="ignore"):
            return norm * radius**-index + background

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli, shape (b, n)."""
        norm, index, background = _columns(theta)
        return norm * power_law_average(index, edges) + background

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return starts of several indices."""
        index = np.array([0.5, 1.0, 1.5, 1.9, 3.0] if edges[0] > 0 else [0.3, 0.7, 1.0, 1.5, 1.9])
        return np.column_stack([np.ones_like(index), index, np.zeros_like(index)])


def beta_shape(rc: np.ndarray, beta: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return a beta model of norm 1 without background; arguments broadcast."""
    return np.exp((0.5 - 3 * beta) * np.log1p((radius / rc) ** 2))


def beta_average(rc: np.ndarray, beta: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return averages of a beta model of norm 1 over annuli, shape (b, n); columns (b, 1)."""
    # ((1 + x)^k - 1) / k, also at k = 0, is the integral over x = (r / rc)^2
    integral = special.boxcox1p((edges / rc) ** 2, 1.5 - 3 * beta)
    return rc**2 * np.diff(integral, axis=-1) / np.diff(edges**2)


def power_law_average(index: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return averages of r^-index over annuli, shape (b, n), inf where they diverge."""
    with np.errstate(divide="ignore", invalid="ignore"):
        integral = special.boxcox(np.asarray(edges, float), 2 - index)
        return 2 * np.diff(integral, axis=-1) / np.diff(edges**2)


def parse_model(name: str) -> BrightnessModel:
    """Return the model of a name: beta, double_beta, power_law, vikhlinin, broken_power_law.

    Raises
    ------
    ParameterError
        There is none of that name.
    """
    # they need what is here
    from xsurvey.profiles.jump_model import BrokenPowerLawModel  # noqa: PLC0415
    from xsurvey.profiles.vikhlinin_model import VikhlininModel  # noqa: PLC0415

    models: dict[str, BrightnessModel] = {
        model.name: model
        for model in (BetaModel(), DoubleBetaModel(), PowerLawModel(), VikhlininModel(),
                      BrokenPowerLawModel())
    }  # fmt: skip
    if name not in models:
        raise ParameterError("model of the profile", f"'{name}' is not one", nearest(name, models))
    return models[name]


def _columns(theta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the parameters as columns, shape (b, 1) each."""
    return tuple(np.asarray(theta, float).T[:, :, None])
