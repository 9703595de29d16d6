"""What should be found in the simulated cluster, from its model alone.

Gas in an annulus has many temperatures. What one temperature should be found is that of a fit to
the expected counts of this annulus alone, without PSF and noise, before the true sky.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from benchmarks.cluster_observation import (
    BAND,
    CENTRE,
    CLUSTER,
    SKY,
    Case,
    case,
    model_of,
    r200,
    sky_ring,
    with_counts,
)
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import get_mission
from xsurvey.profiles.annuli_fit import fit_annuli
from xsurvey.profiles.annuli_likelihood import make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.region_products import (
    RegionProduct,
    RegionProducts,
    make_products,
    region_spectra,
)
from xsurvey.simulate.cluster import shell_edges
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

DENSITY_RADII = np.array([0.05, 0.1, 0.2, 0.4, 0.7, 1.0])  # of R200
UNRESOLVED = 6.74e-7
"""Norm per arcmin2 of all sources below the flux limit: 2.84e-7 below the faintest that is drawn,
and 3.5e-7 / 0.898 of those that are, whose fluxes are as observed (docs/simulator.md)."""
BIN = 0.5  # arcmin
FITTED = EnergyBand(0.5, 7.0)
_ARCMIN2 = 3600.0
_GAS, _SKY = "tbabs*apec", "apec+tbabs*(apec+powerlaw)"


@dataclass(frozen=True)
class Truths:
    """Of annuli (a,), of bins (n,) and of radii."""

    kt: np.ndarray
    abundance: np.ndarray
    norm: np.ndarray
    counts: np.ndarray  # of the cluster in bins, PSF included
    ring: float  # count/s/arcmin2 of the cluster in the ring of the sky
    density: np.ndarray
    masses: dict[str, float]


@cache
def truths(seed: int) -> Truths:
    """Return what should be found in realisations of a case."""
    own, model = case(seed), model_of("cluster")
    edges = shell_edges(model)
    arcmin = edges / model.kpc_per_arcmin
    shells = model.shells(edges)
    volume = 4 / 3 * np.pi * np.diff(arcmin**3)
    emission = shells.norm / volume  # norm per arcmin3
    products = make_products(own.layout, [own.observed["layout"]], own.particles, psf=None)
    rows = np.column_stack((
        np.full(len(volume), CLUSTER["nh"]), shells.temperature, shells.abundance,
        np.full(len(volume), CLUSTER["redshift"]), np.ones(len(volume)),
    ))  # fmt: skip
    kt, abundance, norm = _annuli(products, arcmin, emission, rows)

    whole = make_products(own.whole, [own.observed["whole"]], own.particles, psf=None)
    square = pixel_solid_angles(own.exposure.grid)
    front = own.whole.detected == 0
    band = _of_band(whole.products[0], whole, rows) / float(
        (own.exposure.data * square)[front].sum()
    )

    def brightness(rings: np.ndarray) -> np.ndarray:
        area = np.pi * np.diff(rings**2)
        return projected_volumes(rings, arcmin) @ (emission * band) / area

    counts = _bins(own, brightness)
    masses = {
        "m500": model.mass_in(500), "r500": model.radius_in(500), "m200": model.mass_in(200),
        "c200": model.concentration,
    }  # fmt: skip
    return Truths(
        kt, abundance, norm, counts, float(brightness(np.array(sky_ring()))[0]),
        model.density(DENSITY_RADII * model.radius_in(200)), masses,
    )  # fmt: skip


def bin_edges() -> np.ndarray:
    """Return the edges of the bins of brightness, arcmin."""
    inner = round(sky_ring()[0], 6)
    return np.append(np.arange(0, inner - 1e-9, BIN), inner)


def _bins(own: Case, brightness: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the counts of the cluster that are expected in the bins."""
    geometry = RadialGeometry(CENTRE)
    nothing = SkyImage(np.zeros(own.exposure.grid.shape), own.exposure.grid, "count")
    profile = extract_profile(nothing, own.exposure, geometry, bin_edges())
    fine = np.concatenate(([0.0], np.geomspace(0.02, 3 * r200(), 400)))
    middle = (fine[1:] + fine[:-1]) / 2
    radius = geometry.radius(own.exposure.grid)
    light = np.exp(np.interp(radius, middle, np.log(brightness(fine))))
    mixing = profile_mixing(
        profile, geometry, own.exposure, get_mission("erosita").psf(True), brightness=light
    )
    rings = brightness(mixing.edges)
    # pixels that belong to a bin fill it only roughly
    place = np.searchsorted(mixing.edges, radius, side="right") - 1
    inside = (place >= 0) & (place < len(bin_edges()) - 1)
    total = np.bincount(place[inside], light[inside])
    rings[: len(total)] = total / np.bincount(place[inside])
    return np.asarray(mixing.matrix @ rings)


def _annuli(
    products: RegionProducts, arcmin: np.ndarray, emission: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what fits of one temperature find in the expected counts of annuli."""
    counts, area = {}, np.zeros(len(products.layout.regions))
    shares = _columns(products.layout, arcmin)
    sky = np.array([[
        SKY["lhb"][0], 1.0, 0.0, SKY["lhb"][1], CLUSTER["nh"], SKY["halo"][0], 1.0, 0.0,
        SKY["halo"][1], SKY["index"], UNRESOLVED,
    ]])  # fmt: skip
    for one in products.products:
        region = products.layout.regions[one.region]
        area[one.region] = float(one.spectrum.backscal[0]) * _ARCMIN2
        expected = one.particle + area[one.region] * _folded(one, products, _SKY, sky)[0]
        if region.kind == "annulus":
            share = shares[one.region]
            expected = expected + area[one.region] * (
                (share * emission) @ _folded(one, products, _GAS, rows)
            )
        counts[one.region] = expected
    alone = replace(with_counts(products, counts), mixing=np.diag(area), light_radii=None)
    spectra = region_spectra(alone, [FITTED], "min1")
    problem = make_problem(
        spectra, CLUSTER["redshift"], CLUSTER["nh"], SkyParameters(scatter=0.0), None, 1e-3
    )
    fit = fit_annuli(problem, intervals=False)
    found = dict(zip(fit.likelihood.parameters.free_names, fit.theta, strict=True))
    names = [problem.component(i) for i in range(len(problem.annuli))]
    kt, abundance, norm = (
        np.array([found[f"{n}.{w}"] for n in names]) for w in ("kT", "Z", "norm")
    )
    return kt, abundance, norm


def _columns(layout: RegionLayout, arcmin: np.ndarray) -> np.ndarray:
    """Return the mean lengths of sight through shells, over the pixels of regions, (r, k) arcmin.

    Pixels that belong to an annulus fill it only roughly.
    """
    fine = np.concatenate(([0.0], np.geomspace(0.02, 3 * r200(), 600)))
    lengths = projected_volumes(fine, arcmin) / (np.pi * np.diff(fine**2))[:, None]
    place = np.searchsorted(fine, RadialGeometry(CENTRE).radius(layout.grid), side="right") - 1
    result = np.zeros((len(layout.regions), len(arcmin) - 1))
    for number in range(len(layout.regions)):
        number_in = np.bincount(place[layout.emitted == number], minlength=len(fine))[:-1]
        result[number] = number_in @ lengths / number_in.sum()
    return result


def _folded(
    one: RegionProduct, products: RegionProducts, model: str, rows: np.ndarray
) -> np.ndarray:
    """Return the counts in all channels for a norm of one per arcmin2, shape (k, c)."""
    response = build_response(products.matrices[one.group], one.arf)
    data = make_dataset(one.spectrum, response, rule="none")
    evaluator = ModelEvaluator(parse_expression(model), data.folding.edges, ModelSettings())
    return np.asarray(data.folding.fold(evaluator(rows)))


def _of_band(one: RegionProduct, products: RegionProducts, rows: np.ndarray) -> np.ndarray:
    """Return the counts in the band for a norm of one per arcmin2 in all of a region."""
    response = build_response(products.matrices[one.group], one.arf)
    data = make_dataset(one.spectrum, response, rule="none", bands=[BAND])
    evaluator = ModelEvaluator(parse_expression(_GAS), data.folding.edges, ModelSettings())
    low, high = data.energy_low, data.energy_high
    inside = np.clip(
        (np.minimum(high, BAND.maximum) - np.maximum(low, BAND.minimum)) / (high - low), 0, 1
    )
    return data.folding.fold(evaluator(rows)) @ inside * float(one.spectrum.backscal[0]) * _ARCMIN2
