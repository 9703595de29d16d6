"""Radiative models and distributions of electrons by name."""

from __future__ import annotations

from collections.abc import Mapping

from xsurvey.errors import ParameterError, nearest
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.models.base import COSMOLOGY, RadiativeModel
from xsurvey.sed.models.ssc import SynchrotronSelfCompton
from xsurvey.sed.particles import DISTRIBUTIONS as _DISTRIBUTIONS

_MODELS = {model.name: model for model in (SynchrotronSelfCompton,)}

MODELS: Mapping[str, str] = {name: model.description for name, model in _MODELS.items()}
"""Names of models, and what they are."""
DISTRIBUTIONS: Mapping[str, str] = {name: d.description for name, d in _DISTRIBUTIONS.items()}
"""Names of distributions of electrons, and their formulas."""


def radiative_model(
    name: str, *, electrons: str = "broken-power-law", redshift: float,
    self_absorption: bool = True, cosmology: Cosmology = COSMOLOGY,
) -> RadiativeModel:  # fmt: skip
    """Return a model.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    electrons : str
        One of `DISTRIBUTIONS`.
    redshift : float
        For the distance, frequencies and the radius.
    self_absorption : bool
        Whether electrons absorb the synchrotron photons.
    cosmology : Cosmology
        For the luminosity distance.

    Raises
    ------
    ParameterError
        An unknown name, or a redshift that is no distance.
    """
    if name not in _MODELS:
        raise ParameterError(
            "model", f"there is no radiative model '{name}'", nearest(name, MODELS)
        )
    if electrons not in _DISTRIBUTIONS:
        raise ParameterError(
            "electrons", f"there is no distribution '{electrons}'",
            nearest(electrons, _DISTRIBUTIONS),
        )  # fmt: skip
    if not 0 < redshift < 20:
        raise ParameterError(
            "redshift", f"{redshift:g} is no distance", "give a number above 0, and below 20"
        )
    return _MODELS[name](
        _DISTRIBUTIONS[electrons], redshift, self_absorption=self_absorption, cosmology=cosmology
    )
