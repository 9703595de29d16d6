"""The chain of the pipeline `cluster` on the events of one realisation."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.cluster_observation import (
    BAND,
    CENTRE,
    CLUSTER,
    MISSION,
    SECTOR,
    SECTOR_RADII,
    TEMPLATE_ERROR,
    Case,
    model_of,
    observed_by,
    profile_images,
    r200,
    sky_ring,
    with_template_off,
)
from benchmarks.cluster_truths import BIN, DENSITY_RADII, FITTED, Truths
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.galaxy_clusters.composition import Composition, composition
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.missions import get_mission
from xsurvey.pipelines.cluster.annulus_spectra import region_exposures
from xsurvey.pipelines.cluster.surface_brightness import (
    cluster_light,
    sky_without_cluster,
    with_particle_error,
)
from xsurvey.pipelines.cluster.temperatures import temperature_points
from xsurvey.pipelines.profile_fits import FieldPsf, fit_models
from xsurvey.profiles.annuli_factors import annuli_factors
from xsurvey.profiles.annuli_gram import annuli_gram
from xsurvey.profiles.annuli_likelihood import AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.brightness_factors import brightness_per_norm
from xsurvey.profiles.density_posterior import DensityPosterior
from xsurvey.profiles.emission_factor import EmissionFactor
from xsurvey.profiles.extraction import extract_sectors
from xsurvey.profiles.geometry import equal_sectors
from xsurvey.profiles.mass import fit_mass
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages, measure_profiles
from xsurvey.profiles.multiscale import deproject
from xsurvey.profiles.outskirts import region_light
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.region_products import RegionProducts, make_products, region_spectra
from xsurvey.profiles.sector_excess import sector_significance
from xsurvey.profiles.significance import profile_significance, range_significance
from xsurvey.profiles.sky_level import sky_level_of
from xsurvey.profiles.sky_prior import SkyPrior
from xsurvey.profiles.spectral_profile import Measured, SpectralProfile, measure_spectral_profile
from xsurvey.spectra.fit import Fit

FLUX_LIMIT = 3e-14
AROUND = 0.1  # of R200, on both sides of it
PATCHES = 24  # of the ring of the sky, by which sectors are judged
SAMPLING = HamiltonianParameters(chains=8, warmup=160, min_steps=200, max_steps=1600)
CHAINS = MCMCParameters(min_steps=200, r_hat_limit=1.05, min_ess=200, autocorrelation_factor=20)
HALO = MassParameters(density_draws=24)
SKY_FIT = SkyParameters(flux_limit=FLUX_LIMIT)


@dataclass(frozen=True)
class Brightness:
    """Maps and profiles of a realisation, their model, and whether its wings are off the sky."""

    images: ProfileImages
    measured: MeasuredProfiles
    parameters: SurfaceBrightnessParameters
    fit: ProfileFit | None
    without_wings: bool

    @property
    def profile(self) -> RadialProfile:
        """Of all angles, out to the ring of the sky."""
        return self.measured.profiles[0]


def brightness_of(events: EventList, own: Case, off: float, seed: int = 0) -> Brightness:
    """Measure the surface brightness, in all angles and in sectors, above the sky alone."""
    images, error = profile_images(events, own, off)
    inner, outer = sky_ring()
    wanted = SurfaceBrightnessParameters.read({
        "bin_size": f"{BIN:g}arcmin", "max_radius": f"{inner:.6f}arcmin",
        "band": f"{BAND.minimum:g}-{BAND.maximum:g}", "sectors": 6,
        "sky": f"{inner:.6f}arcmin,{outer:.6f}arcmin", "fit": ["double_beta"],
    }, "surface_brightness")  # fmt: skip
    parameters = with_particle_error(wanted, error)
    psf, fit = FieldPsf(get_mission(MISSION).psf(True), None), None
    measured = measure_profiles(images, CENTRE, parameters, psf=psf.psf)
    with suppress(InputError):  # as in the stage: a field may hold nothing to fit
        fit = fit_models(
            images, measured.geometry, measured.profiles[0], parameters, None, seed, psf
        )["double_beta"]  # fmt: skip
    measured, wings, _ = sky_without_cluster(images, measured, fit, parameters, SKY_FIT)
    return Brightness(images, measured, parameters, fit, wings is not None)


def light_of(found: Brightness) -> np.ndarray:
    """Return how the light of the cluster is distributed, as the stage has it."""
    return cluster_light(found.images, found.measured, found.fit)


def excess(found: Brightness) -> tuple[float, float, float]:
    """Return counts above the expected ones around R200, their error, and the significance."""
    sky = found.measured.sky
    assert sky is not None
    limits = (1 - AROUND) * r200(), (1 + AROUND) * r200()
    at = range_significance(found.profile, sky, *limits)
    counts = float(found.profile.counts[around_r200(found.profile)].sum())
    error = float(np.hypot(np.sqrt(counts), at.expected_error[0]))
    return counts - float(at.expected[0]), error, float(at.sigma[0])


def around_r200(profile: RadialProfile) -> np.ndarray:
    """Tell which bins lie around R200."""
    return np.abs(profile.radius / r200() - 1) <= AROUND


def brightness_record(found: Brightness, truth: Truths) -> dict[str, Any]:
    """Return pulls of the bins and of the excess at R200: deviations in sigma from the truth.

    They are the significance of what is left above the true cluster, in which sky, its variation
    and particles have their share. Where a model's wings could not be taken off the sky's ring,
    the brightness is measured above the gas that shines there, too.
    """
    sky, profile = found.measured.sky, found.profile
    assert sky is not None
    ring = 0.0 if found.without_wings else truth.ring
    expected = truth.counts - ring * profile.exposure_area
    left = replace(profile, background=profile.background + expected)
    limits = (1 - AROUND) * r200(), (1 + AROUND) * r200()
    net, net_error, sigma = excess(found)
    return {
        "brightness": profile_significance(left, sky).sigma.tolist(),
        "excess": float(range_significance(left, sky, *limits).sigma[0]),
        "excess_counts": net, "excess_error": net_error, "excess_sigma": sigma,
        "excess_true": float(expected[around_r200(profile)].sum()), "sky": sky.record(),
    }  # fmt: skip


def sector_record(found: Brightness) -> dict[str, float]:
    """Return the significance of sectors above the others, between the radii of the excess.

    Of the sector in which one is injected, and the largest of the others. How much the sky varies
    is known from patches of its ring that are smaller than sectors.
    """
    limits = [f * r200() for f in SECTOR_RADII]
    sectors, images = found.measured.profiles[1:], found.images
    ring = sky_ring()
    patches = extract_sectors(
        images.counts, images.exposure, found.measured.geometry, np.array(ring),
        equal_sectors(PATCHES), images.background, images.mask, found.parameters.background_error,
    )  # fmt: skip
    sigma = sector_significance(sectors, *limits, sky_level_of(patches, *ring)).sigma.tolist()
    place = next(i for i, p in enumerate(sectors) if p.sector is not None and p.sector == SECTOR)
    return {
        "sigma": sigma[place],
        "largest_other": max(s for i, s in enumerate(sigma) if i != place),
    }


@dataclass(frozen=True)
class Spectra:
    """Spectra of annuli and sky, and what their joint fit found."""

    products: RegionProducts
    problem: AnnuliProblem
    profile: SpectralProfile
    fit: Fit


def spectra_of(
    events: EventList, own: Case, off: float, light: np.ndarray, two: bool, intervals: bool = True
) -> Spectra:  # fmt: skip
    """Extract and fit the spectra of annuli and sky."""
    observed = [observed_by(events, own, "layout")]
    products = make_products(own.layout, observed, own.particles, "mission", light)
    products = with_template_off(products, off)
    problem = make_problem(
        region_spectra(products, [FITTED], "opt"), CLUSTER["redshift"], CLUSTER["nh"], SKY_FIT,
        SpectralProfileParameters(two_temperatures=two, intervals=intervals), TEMPLATE_ERROR,
        light=region_light(own.layout, light),
    )  # fmt: skip
    profile, fit = measure_spectral_profile(problem)
    return Spectra(products, problem, profile, fit)


def spectral_record(profile: SpectralProfile, truth: Truths) -> dict[str, Any]:
    """Return pulls of temperatures, abundances and norms, and gains of second temperatures."""
    record: dict[str, Any] = {
        "gain": profile.two_temperature_gain.tolist(), "flags": profile.flags.tolist(),
        "scatter": profile.scatter, "statistic": profile.statistic, "notes": list(profile.notes),
    }  # fmt: skip
    for name, found, true in (
        ("kt", profile.kt, truth.kt), ("abundance", profile.abundance, truth.abundance),
        ("norm", profile.norm, truth.norm),
    ):  # fmt: skip
        record[name] = pulls(found, true)
        record[f"{name}_inside"] = [
            None if np.isnan(v) else bool(low <= t <= high)
            for v, low, high, t in zip(found.value, found.lower, found.upper, true, strict=True)
        ]
        record[f"{name}_ratio"] = (found.value / true).tolist()
    return record


def pulls(found: Measured, true: np.ndarray) -> list[float]:
    """Return what is found less the truth, over the length of the interval towards it."""
    away = found.value - true
    length = np.where(away > 0, found.value - found.lower, found.upper - found.value)
    return [float(v) for v in away / length]


def density_of(
    own: Case, found: Brightness, light: np.ndarray, spectra: Spectra, seed: int
) -> DensityPosterior:
    """Deproject the brightness, as the stages do."""
    sky, bins = found.measured.sky, found.profile
    assert sky is not None
    mixing = profile_mixing(
        bins, found.measured.geometry, found.images.exposure, get_mission(MISSION).psf(True),
        brightness=light,
    )  # fmt: skip
    posterior = deproject(bins, mixing, SkyPrior.of_level(sky, bins.area), None, SAMPLING, seed)
    factor = EmissionFactor.read(
        spectra.profile.to_record() | {"brightness_per_norm": factors_of(own, spectra)},
        CLUSTER["redshift"], gas_of(spectra.profile),
    )  # fmt: skip
    _, drawn = factor.samples(
        posterior.density_radii(), *posterior.shells(), len(posterior.level), seed
    )
    return posterior.density(drawn, model_of("cluster").kpc_per_arcmin)


def factors_of(own: Case, spectra: Spectra) -> dict[str, Any]:
    """Return the brightness of a norm of one in annuli, with its errors."""
    exposed = region_exposures(own.layout, own.exposure)

    def rates(kt: np.ndarray, abundance: np.ndarray) -> np.ndarray:
        return brightness_per_norm(
            spectra.products, BAND, exposed, kt, abundance, CLUSTER["redshift"], CLUSTER["nh"]
        )

    return annuli_factors(spectra.problem, spectra.fit, spectra.profile, rates).record(BAND)


def gas_of(profile: SpectralProfile) -> Composition:
    """Return the composition of the gas, as the stage has it."""
    value = profile.abundance.value
    return composition("angr", float(np.median(value[np.isfinite(value)])))


def density_record(density: DensityPosterior, truth: Truths) -> dict[str, Any]:
    """Return the probabilities of the true densities, and ratios of medians to them."""
    radius = DENSITY_RADII * model_of("cluster").radius_in(200)
    logs = np.array([
        np.interp(np.log(radius), np.log(density.radii), row) for row in np.log(density.samples)
    ])  # fmt: skip
    away = logs - np.log(truth.density)
    return {
        "probability": (away < 0).mean(axis=0).tolist(),
        "ratio": np.exp(np.median(away, axis=0)).tolist(), "sigma": away.std(axis=0).tolist(),
    }  # fmt: skip


def mass_record(
    spectra: Spectra, density: DensityPosterior, truth: Truths, seed: int
) -> dict[str, Any]:
    """Return whether the intervals of the halo hold the truth."""
    model, profile = model_of("cluster"), spectra.profile
    gram = annuli_gram(spectra.problem, spectra.fit)
    points, _ = temperature_points(profile, model.kpc_per_arcmin, gram)
    fit = fit_mass(
        points, density.radii, density.samples, model.redshift, model.cosmology, gas_of(profile),
        HALO, CHAINS, seed,
    )  # fmt: skip
    record: dict[str, Any] = {"p_value": fit.p_value, "converged": fit.chains.converged}
    for name, true in truth.masses.items():
        q = fit.quantities[name]
        record[name] = {
            "inside": bool(q.lower <= true <= q.upper), "ratio": q.value / true,
            "pull": float(np.log(q.value / true) / (np.log(q.upper / q.lower) / 2)),
        }  # fmt: skip
    return record


class Clock:
    """Seconds of the parts of a realisation."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, name: str) -> None:
        """Note the seconds since the last note."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now
