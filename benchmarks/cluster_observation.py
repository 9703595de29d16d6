"""One module's survey of one simulated cluster: what is simulated, and how it is read.

What depends on the observation alone (good times, attitude, response) is found once; each
realisation has events of its own, which are read by the functions that the pipeline's stages call.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from xsurvey.events import EventList
from xsurvey.galaxy_clusters.model import ClusterModel
from xsurvey.imaging.counts import bin_events
from xsurvey.imaging.field import Field, band_label, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import stack_counts, stack_exposure
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.cluster.parameters import MosaicParameters
from xsurvey.pipelines.cluster.reading import cluster_grid
from xsurvey.profiles.label_spectra import label_spectra
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.measure import ProfileImages
from xsurvey.profiles.observed_regions import (
    ObservedRegions,
    RegionObservation,
    detector_groups,
    observe_regions,
)
from xsurvey.profiles.particle_images import particle_images
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.region_products import RegionProducts, make_products
from xsurvey.profiles.weighted_exposure import weighted_fields
from xsurvey.simulate.cluster import cluster_sources
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation
from xsurvey.units import EnergyBand, SkyPosition

MISSION = "erosita"
CENTRE = SkyPosition(150.0, 2.2)
BAND = EnergyBand(0.5, 2.0)
ISOTHERMAL = (2.5, 0.3)  # keV, solar
TEMPLATE_ERROR = 0.05
FLUX_LIMIT = 3e-14  # erg / s / cm2 of 0.5-2 keV, above which there are no sources: they are masked
_FAINTEST = 3e-15
_PIXEL = 8.0  # arcsec
_EDGES = (0.0, 0.07, 0.14, 0.25, 0.42, 0.65, 1.0)  # of annuli, in R200
_SKY = (1.5, 2.0)
_SKY_SECTORS = 6
SECTOR, SECTOR_RADII = (60.0, 120.0), (0.5, 1.0)
SECTOR_FACTOR = 2.7
"""So that an excess of 1.7 times the 191 counts of the cluster in a sector, among 460 of the sky,
161 particles and the scatter of 31 that sources below the flux limit make, should have 5 sigma."""
CLUSTER: dict[str, Any] = {
    "name": "reduced case", "redshift": 0.05, "center": "150.0,2.2", "nh": 0.04, "m200": 2.5e14,
    "concentration": 4.0,
    "density": {"model": "vikhlinin", "centre": 0.015, "core_radius": 60.0, "alpha": 0.6,
                "beta": 0.55, "scale_radius": 800.0, "epsilon": 2.5},
    "abundance": {"centre": 0.8, "outer": 0.2, "core_radius": 100.0, "slope": 1.0},
    "outer_radius": 3.0,
}  # fmt: skip
SKY = {"lhb": (0.1, 1.7e-6), "halo": (0.22, 1.0e-6), "index": 1.45, "faint": 2.84e-7}
"""kT and norm per arcmin2; photon index, and norm of the light of sources below the faintest."""
_TELESCOPE: dict[str, Any] = {
    "mission": MISSION, "detectors": "TM1", "pointing": "150.0,2.2", "energy": "0.2-9",
    "particle": "powerlaw+gaussian",
    "particle_set": ("powerlaw.PhoIndex=0", "powerlaw.norm=0.18", "gaussian.LineE=1.486",
                     "gaussian.Sigma=0", "gaussian.norm=0.05"),
}  # fmt: skip
_SURVEY: dict[str, Any] = {
    **_TELESCOPE, "scans": 512, "scan_distance": "0.25arcmin", "field_size": "96arcmin",
    "diffuse": "apec+tbabs*(apec+powerlaw)",
    "diffuse_set": ("apec.kT=0.1", "apec.norm=1.7e-6", "tbabs.nH=0.04", "apec_2.kT=0.22",
                    "apec_2.norm=1e-6", "powerlaw.PhoIndex=1.45", "powerlaw.norm=2.84e-7"),
    "log_n_log_s": str(_FAINTEST), "brightest": FLUX_LIMIT, "model": "tbabs*powerlaw",
    "set": ("tbabs.nH=0.04", "powerlaw.PhoIndex=1.45"),
}  # fmt: skip
_CLOSED: dict[str, Any] = {**_TELESCOPE, "closed": True, "exposure": "400ks"}
KINDS = ("cluster", "sector", "isothermal", "empty")


def model_of(kind: str) -> ClusterModel:
    """Return the model of a simulated cluster."""
    return ClusterModel.read(_settings(kind), "")


def _settings(kind: str) -> dict[str, Any]:
    settings = dict(CLUSTER)
    if kind == "sector":
        inner, outer = (f"{f * r200():.4f}arcmin" for f in SECTOR_RADII)
        settings["excess"] = [{
            "sector": list(SECTOR), "inner_radius": inner, "outer_radius": outer,
            "factor": SECTOR_FACTOR,
        }]  # fmt: skip
    return settings


@cache
def r200() -> float:
    """Return R200, arcmin."""
    model = ClusterModel.read(CLUSTER, "")
    return model.radius_in(200) / model.kpc_per_arcmin


def sky_ring() -> tuple[float, float]:
    """Return the radii of the ring of the sky, arcmin."""
    return _SKY[0] * r200(), _SKY[1] * r200()


def annuli_parameters() -> AnnuliParameters:
    """Return the annuli and the regions of the sky."""
    inner, outer = sky_ring()
    return AnnuliParameters.read({
        "edges": [f"{e * r200():.4f}arcmin" for e in _EDGES], "sky_inner": f"{inner:.4f}arcmin",
        "sky_outer": f"{outer:.4f}arcmin", "sky_sectors": [str(_SKY_SECTORS)],
    }, "annuli")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What all realisations share.

    Attributes
    ----------
    field : Field
        With the exposure map of the band, and the counts of a realisation that is not used.
    exposure : SkyImage
        That map on the grid of the mosaic.
    whole, layout : RegionLayout
        All of the mosaic in front of the sky's ring and from there on; annuli and sky.
    observed : mapping of str to ObservedRegions
        Of both layouts, by their names.
    particles : ParticleParameters
    """

    field: Field
    exposure: SkyImage
    whole: RegionLayout
    layout: RegionLayout
    observed: Mapping[str, ObservedRegions]
    particles: ParticleParameters


@cache
def folder() -> Path:
    """Return a folder for event files, of this process and those that it begins."""
    return Path(tempfile.mkdtemp(prefix="clusters_"))


@cache
def case(seed: int) -> Case:
    """Return what depends on the observation alone.

    Parameters
    ----------
    seed : int
        Of the closed exposure.
    """
    events = simulated("empty", seed)
    closed = folder() / "closed.fits"
    write_simulation(closed, simulate_observation(_read(_CLOSED), seed))
    grid = cluster_grid(CENTRE, 1.02 * 60 * sky_ring()[1], _PIXEL)
    label = band_label(BAND, get_mission(MISSION))
    made = field_from_events(events, [BAND], ImageParameters())
    (field,), _ = weighted_fields([made], label, MosaicParameters().spectrum_behind(CLUSTER["nh"]))
    stack = Stack("clusters", ("clusters",), (field,), grid)
    ring = sky_ring()[0]
    half = AnnuliParameters.read(
        {"edges": ["0arcmin", f"{ring:.4f}arcmin", f"{1.02 * sky_ring()[1]:.4f}arcmin"]}, "annuli"
    )
    layouts = {
        "whole": make_layout(grid, CENTRE, half),
        "layout": make_layout(grid, CENTRE, annuli_parameters()),
    }
    observed = {
        name: observe_regions(RegionObservation(events), one, detector_groups(events))
        for name, one in layouts.items()
    }
    particles = ParticleParameters.read({
        "templates": [f"{next(iter(observed['whole'].groups))}={closed}"],
        "template_error": TEMPLATE_ERROR, "scaling_beyond": f"{ring:.4f}arcmin",
    }, "particles")  # fmt: skip
    return Case(
        field, stack_exposure(stack, label), layouts["whole"], layouts["layout"], observed,
        particles,
    )  # fmt: skip


def _read(settings: Mapping[str, Any]) -> SimulationParameters:
    return SimulationParameters.read(dict(settings), "")


@cache
def _parameters(kind: str) -> SimulationParameters:
    settings = dict(_SURVEY)
    if kind == "isothermal":
        path = folder() / "isothermal.csv"
        path.write_text(_isothermal())
        settings["sources"] = str(path)
    elif kind != "empty":
        path = folder() / f"{kind}.yaml"
        path.write_text(yaml.safe_dump(_settings(kind)))
        settings["cluster"] = str(path)
    return _read(settings)


def _isothermal() -> str:
    """Return the shells of the cluster, all of one temperature and abundance, as a list."""
    shells = cluster_sources(model_of("cluster"))
    rows = ["ra,dec,norm,model,set,shape,inner_radius,outer_radius"]
    kt, metals = ISOTHERMAL
    text = (
        f"tbabs.nH={CLUSTER['nh']} apec.kT={kt} apec.Abundanc={metals} "
        f"apec.Redshift={CLUSTER['redshift']}"
    )
    for i in range(len(shells)):
        inner, outer = float(shells.shapes.inner[i]), float(shells.shapes.outer[i])
        rows.append(
            f"{CENTRE.ra},{CENTRE.dec},{float(shells.amount[i])!r},tbabs*apec,{text},shell,"
            f"{inner!r},{outer!r}"
        )
    return "\n".join(rows) + "\n"


def simulated(kind: str, seed: int) -> EventList:
    """Simulate an observation and open its file."""
    path = folder() / f"{kind}_{seed}.fits"
    write_simulation(path, simulate_observation(_parameters(kind), seed))
    return open_selected([path], SelectionParameters())


def forget(events: EventList) -> None:
    """Remove the files of a simulated observation."""
    own = Path(events.observation.path)
    for path in (own, own.with_name(f"{own.stem}_truth.fits")):
        path.unlink(missing_ok=True)


def observed_by(events: EventList, own: Case, name: str) -> ObservedRegions:
    """Return what a realisation has of a layout: its own counts, the exposure of all."""
    layout, known = getattr(own, name), own.observed[name]
    groups = detector_groups(events)
    present = {group: groups[group] for group in known.groups}
    found = label_spectra(events, layout, known.channels, present)
    counted = {
        group: replace(known.groups[group], counts=found.counts[i])
        for i, group in enumerate(present)
    }
    return replace(known, events=events, groups=counted)


def profile_images(events: EventList, own: Case, off: float) -> tuple[ProfileImages, float]:
    """Return the maps of a realisation, and the relative error of its particles.

    Parameters
    ----------
    events : EventList
    own : Case
    off : float
        By which part the template is too bright.
    """
    label = band_label(BAND, get_mission(MISSION))
    grid = own.exposure.grid
    known = own.field.counts[label].grid
    image = bin_events(events, known, [BAND])[0]
    field = replace(own.field, events=events, counts={label: image})
    counts = stack_counts(Stack("clusters", ("clusters",), (field,), grid), label)
    observed = [observed_by(events, own, "whole")]
    products = with_template_off(make_products(own.whole, observed, own.particles, psf=None), off)
    found = particle_images(products, observed, [BAND], TEMPLATE_ERROR)[0]
    return (
        ProfileImages(counts, own.exposure, found.image, None, True, BAND),
        found.relative_error,
    )


def with_template_off(products: RegionProducts, off: float) -> RegionProducts:
    """Return products whose scaled particles are too many by a part ``off`` of them."""
    return replace(
        products,
        products=tuple(
            replace(p, particle=(1 + off) * p.particle) for p in products.products
        ),
        scales={
            name: replace(s, shape=(1 + off) * s.shape) for name, s in products.scales.items()
        },
    )  # fmt: skip


def with_counts(products: RegionProducts, counts: Mapping[int, np.ndarray]) -> RegionProducts:
    """Return products with other counts in all channels, by region."""
    return replace(products, products=tuple(
        replace(p, spectrum=replace(p.spectrum, counts=counts[p.region])) for p in products.products
    ))  # fmt: skip
