"""A radiative model with what is in front of it and beside it: absorption on the way, its host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from xsurvey.sed.fit_parameters import flat
from xsurvey.sed.models.base import RadiativeModel

HOST = "host"
"""Name of the component."""
LOG10_HOST = flat(
    "log10_host", 0.0, -6, 6, 0.05, "log10 of what the host galaxy's template is multiplied with"
)


class Screen(Protocol):
    """What takes light away, by its frequency alone."""

    def transmission(self, frequencies: np.ndarray) -> np.ndarray:
        """Return what is left at frequencies in Hz, shape (f,)."""
        ...


class _Around:
    """What a model that stands for another takes from it: also its degrees of polarization.

    Screens leave these as they are, and a component that is added has none.
    """

    def __init__(self, model: RadiativeModel) -> None:
        self.model = model
        if hasattr(model, "degrees"):  # only then, since whoever asks looks for the method
            self.degrees = self._degrees
        self.name, self.description = model.name, model.description
        self.parameters, self.quantities = model.parameters, model.quantities
        self.notes, self.redshift, self.distance = model.notes, model.redshift, model.distance

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return quantities by name, shape (b,) each."""
        return self.model.derived(self._own(theta))

    def _own(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters of the model that this one stands for."""
        return np.asarray(theta, float)[:, : len(self.model.parameters)]

    def _degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return degrees of polarization of the model's processes, (b, f) each."""
        degrees: dict[str, np.ndarray] = getattr(self.model, "degrees")(  # noqa: B009
            self._own(theta), frequencies, inclination_deg
        )
        return degrees


class SeenThrough(_Around):
    """A model behind screens, a `RadiativeModel` itself.

    Parameters
    ----------
    model : RadiativeModel
    screens : sequence of Screen
    """

    def __init__(self, model: RadiativeModel, screens: Sequence[Screen]) -> None:
        super().__init__(model)
        self.screens = tuple(screens)
        self._of_last: tuple[np.ndarray, np.ndarray] | None = None

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of each component as observed, (b, f)."""
        left = self.transmission(np.array(frequencies, float))
        return {k: v * left for k, v in self.model.components(theta, frequencies).items()}

    def transmission(self, frequencies: np.ndarray) -> np.ndarray:
        """Return what all screens leave, (f,); kept, since fits ask at the same points again."""
        if self._of_last is None or not np.array_equal(self._of_last[0], frequencies):
            left = np.prod([screen.transmission(frequencies) for screen in self.screens], axis=0)
            self._of_last = frequencies, left
        return self._of_last[1]


class WithHost(_Around):
    """A model beside a galaxy, a `RadiativeModel` itself: its last parameter is the galaxy's norm.

    The galaxy's light is unpolarized, and what the jet scatters it is no seed of.

    Parameters
    ----------
    model : RadiativeModel
    frequency : ndarray, shape (n,)
        Of the template, Hz, as observed; rising.
    flux : ndarray, shape (n,)
        nu F_nu, erg / cm2 / s; positive.
    """

    def __init__(self, model: RadiativeModel, frequency: np.ndarray, flux: np.ndarray) -> None:
        super().__init__(model)
        self.parameters = (*model.parameters, LOG10_HOST)
        self._ln_nu, self._ln_flux = np.log(frequency), np.log(flux)

    def template(self, frequencies: np.ndarray) -> np.ndarray:
        """Return nu F_nu of the template, power laws between its points and zero beyond them."""
        ln_flux = np.interp(
            np.log(frequencies), self._ln_nu, self._ln_flux, left=-np.inf, right=-np.inf
        )
        return np.exp(ln_flux)

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of each process and of the host, (b, f)."""
        theta = np.asarray(theta, float)
        norm = theta[:, -1:]
        with np.errstate(invalid="ignore"):
            possible = (norm >= LOG10_HOST.minimum) & (norm <= LOG10_HOST.maximum)
        host = np.where(possible, 10.0 ** np.where(possible, norm, 0.0), np.nan)
        parts = self.model.components(self._own(theta), frequencies)
        return {**parts, HOST: host * self.template(frequencies)}
