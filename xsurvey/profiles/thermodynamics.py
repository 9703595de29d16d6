"""Thermodynamic profiles of clusters, from samples of density and temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters import thermodynamics as gas_physics
from xsurvey.galaxy_clusters.composition import Composition, composition
from xsurvey.galaxy_clusters.cooling import cooling_time
from xsurvey.profiles.mass import MassFit, Measured, masses, measured
from xsurvey.profiles.mass_model import TemperaturePoints, on_radii

Power = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Lambda (erg cm3 / s) of temperatures (keV) and abundances: a `CoolingFunction`."""

UNITS = {
    "density": "cm-3", "temperature": "keV", "entropy": "keV cm2", "pressure": "keV cm-3",
    "cooling_time": "Gyr", "gas_mass": "solMass", "luminosity": "erg s-1",
}  # fmt: skip
"""Quantities of a profile; gas mass and luminosity are of all inside the radius."""


@dataclass(frozen=True)
class ProfileQuantity:
    """A quantity at n radii.

    Attributes
    ----------
    value : ndarray, shape (n,)
        Medians.
    lower, upper : ndarray, shape (n,)
        Ends of the equal-tailed intervals.
    unit : str
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    unit: str


@dataclass(frozen=True)
class ThermodynamicProfile:
    """What the gas is like.

    Attributes
    ----------
    radius : ndarray, shape (n,)
        kpc.
    quantities : mapping of str to ProfileQuantity
        Those of `UNITS` that could be made.
    confidence : float
        Of the intervals.
    """

    radius: np.ndarray
    quantities: Mapping[str, ProfileQuantity]
    confidence: float


def thermodynamic_profile(
    radius: np.ndarray, density: np.ndarray, temperature: np.ndarray,
    gas: Composition | None = None, power: Power | None = None,
    abundance: np.ndarray | float = 0.3, band_power: Power | None = None,
    confidence: float = 0.683,
) -> ThermodynamicProfile:  # fmt: skip
    """Return profiles with the intervals that samples give.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        kpc, positive, ascending.
    density, temperature : ndarray, shape (s, n)
        Samples, electrons per cm3 and keV; a row of each belong together.
    gas : Composition, optional
    power : callable, optional
        Lambda of the bolometric band, for cooling times.
    abundance : ndarray, shape (n,) or float
        Solar, for Lambda.
    band_power : callable, optional
        Lambda of the band of the luminosity; ``power`` if not given.
    confidence : float

    Raises
    ------
    InputError
        Samples of other shape, or that are not positive numbers.
    """
    gas = gas or composition()
    density, temperature = (np.atleast_2d(np.asarray(v, float)) for v in (density, temperature))
    if density.shape != temperature.shape or density.shape[1] != len(radius):
        raise InputError(
            "temperature", f"has samples of shape {temperature.shape}, the density of "
            f"{density.shape}, at {len(radius)} radii", "give pairs of both",
        )  # fmt: skip
    for name, given in (("density", density), ("temperature", temperature)):
        if not (np.all(np.isfinite(given)) and np.all(given > 0)):
            raise InputError(name, "is not a positive number everywhere", "leave out those radii")
    samples = {
        "density": density, "temperature": temperature,
        "entropy": gas_physics.entropy(density, temperature),
        "pressure": gas_physics.pressure(density, temperature),
    }  # fmt: skip
    if power is not None:
        radiated = power(temperature, np.asarray(abundance))
        samples["cooling_time"] = cooling_time(density, temperature, radiated, gas)
    if len(radius) >= 3:
        samples["gas_mass"] = gas_physics.gas_mass(radius, density, gas)
        band = band_power or power
        if band is not None:
            samples["luminosity"] = gas_physics.luminosity(
                radius, density, band(temperature, np.asarray(abundance)), gas
            )
    return ThermodynamicProfile(
        np.asarray(radius, float),
        {n: _quantity(values, n, confidence) for n, values in samples.items()}, confidence,
    )  # fmt: skip


def _quantity(samples: np.ndarray, name: str, confidence: float) -> ProfileQuantity:
    tail = (1 - confidence) / 2
    lower, value, upper = np.quantile(samples, [tail, 0.5, 1 - tail], axis=0)
    return ProfileQuantity(value, lower, upper, UNITS[name])


def paired_samples(
    points: TemperaturePoints, radius: np.ndarray, density: np.ndarray, count: int = 1000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Draw densities and temperatures at the middles of deprojected temperatures.

    Both measurements are independent: their samples are paired at random. Temperatures are drawn
    lognormal, so that they stay positive.

    Parameters
    ----------
    points : TemperaturePoints
        Deprojected.
    radius : ndarray, shape (k,)
        kpc.
    density : ndarray, shape (s, k)
        Samples of the density.
    count, seed : int

    Returns
    -------
    middle : ndarray, shape (m,)
        Geometric means of the shells' radii, of one that begins in the centre half the outer, kpc.
    density, temperature : ndarray, shape (count, m)

    Raises
    ------
    InputError
        Temperatures that are projected or too few, densities that are not positive.
    """
    if not points.deprojected:
        raise InputError(
            "temperatures", "are projected", "deproject them, or take those of the mass fit"
        )
    points = points.usable()
    generator = np.random.default_rng(seed)
    middle = np.sqrt(np.maximum(points.inner, 0.25 * points.outer) * points.outer)
    drawn = np.atleast_2d(density)[generator.integers(len(np.atleast_2d(density)), size=count)]
    kt = points.temperature
    scatter = generator.multivariate_normal(
        np.zeros(len(kt)), points.covariance / np.outer(kt, kt), count, method="cholesky"
    )
    return middle, on_radii(middle, radius, drawn), kt * np.exp(scatter)


def of_mass_fit(
    fit: MassFit, gas: Composition | None = None, power: Power | None = None,
    abundance: np.ndarray | float = 0.3, band_power: Power | None = None,
) -> ThermodynamicProfile:  # fmt: skip
    """Return the profiles of the gas that a mass fit found, at its radii."""
    return thermodynamic_profile(
        fit.radius, fit.density, fit.temperature, gas, power, abundance, band_power, fit.confidence
    )


def gas_in(
    fit: MassFit, delta: float, critical_density: float, gas: Composition | None = None
) -> dict[str, Measured]:
    """Return gas mass and gas fraction inside the radius of an overdensity.

    Both go along with the radius, which the fit knows no better than its mass.

    Parameters
    ----------
    fit : MassFit
    delta : float
    critical_density : float
        Solar masses / kpc3.
    gas : Composition, optional

    Returns
    -------
    dict of str to Measured
        ``gas_mass`` and ``gas_fraction``; beyond the radii of the fit the gas goes on as a power
        law.
    """
    mass, at = masses(fit.halos, delta, critical_density)
    inside = gas_physics.gas_mass(fit.radius, fit.density, gas or composition())
    own = np.array([
        on_radii(r[None], fit.radius, row[None])[0, 0] for r, row in zip(at, inside, strict=True)
    ])  # fmt: skip
    return {
        "gas_mass": measured(own, fit.confidence, "solMass"),
        "gas_fraction": measured(own / mass, fit.confidence, ""),
    }


def scaling_entropy(
    fit: MassFit, critical_density: float, baryon_fraction: float, gas: Composition | None = None
) -> float:
    """Return K200 of a mass fit, keV cm2, for its median mass."""
    mass, radius = (fit.quantities[n].value for n in ("m200", "r200"))
    value = gas_physics.virial_entropy(
        mass, radius, 200, critical_density, baryon_fraction, gas or composition()
    )
    return float(value)


def halo_mass(fit: MassFit, critical_density: float, confidence: float) -> ProfileQuantity:
    """Return the mass inside the radii of a fit, solar masses."""
    samples = nfw.enclosed_mass(
        fit.radius, np.exp(fit.halos[:, :1]), np.exp(fit.halos[:, 1:2]), 200, critical_density
    )
    tail = (1 - confidence) / 2
    lower, value, upper = np.quantile(samples, [tail, 0.5, 1 - tail], axis=0)
    return ProfileQuantity(value, lower, upper, "solMass")
