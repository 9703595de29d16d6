"""Spectra of the regions of a layout from all observations together, with their responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.missions import get_mission
from xsurvey.profiles.layout_mixing import layout_mixing, solid_angles
from xsurvey.profiles.light_between_annuli import LightRadii
from xsurvey.profiles.observed_regions import ObservedGroup, ObservedRegions
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.particles.scaling import HardBandCounts, ParticleScale, scale_particles
from xsurvey.profiles.particles.sky_photons import sky_rate
from xsurvey.profiles.particles.template import (
    ParticleTemplate,
    channels_within,
    read_templates,
)
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.region_spectrum import RegionSpectra, RegionSpectrum
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.grouping import sum_groups
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

_ARCMIN2 = 3600.0
"""Square arcminutes in a square degree."""
_MUCH_SKY = 0.1


@dataclass(frozen=True)
class RegionProduct:
    """The files of one region and group.

    Attributes
    ----------
    region : int
        Place in the layout.
    group : str
    spectrum : PhaSpectrum
        ``exposure`` is the mean livetime of the places that were seen and counted, ``backscal``
        their solid angle in deg2.
    arf : AncillaryResponse
        Vignetting of the region included.
    particle, particle_variance : ndarray, shape (c,)
        Expected counts of particles in all channels, and their variance by the template's counts.
    """

    region: int
    group: str
    spectrum: PhaSpectrum
    arf: AncillaryResponse
    particle: np.ndarray
    particle_variance: np.ndarray


@dataclass(frozen=True)
class RegionProducts:
    """All files of a layout.

    Attributes
    ----------
    layout : RegionLayout
    products : sequence of RegionProduct
    matrices : mapping of str to RedistributionMatrix
        By group.
    mixing : ndarray, shape (r, r)
        As of `RegionSpectra`.
    light_radii : LightRadii or None
        As of `RegionSpectra`.
    scale_errors : mapping of str to float
        Relative error of the particles' scale by counting, of each group.
    stamps : mapping
        Header keywords.
    notes : tuple of str
    scales : mapping of str to ParticleScale
        What made the particles, for maps; empty of products that were read.
    """

    layout: RegionLayout
    products: Sequence[RegionProduct]
    matrices: Mapping[str, RedistributionMatrix]
    mixing: np.ndarray
    light_radii: LightRadii | None
    scale_errors: Mapping[str, float]
    stamps: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scales: Mapping[str, ParticleScale] = field(default_factory=dict)


def make_products(
    layout: RegionLayout, observed: Sequence[ObservedRegions], particles: ParticleParameters,
    psf: Psf | str | None = "mission", brightness: np.ndarray | None = None,
) -> RegionProducts:  # fmt: skip
    """Add up observations, and scale the particle background.

    Parameters
    ----------
    layout : RegionLayout
    observed : sequence of ObservedRegions
        Of one mission.
    particles : ParticleParameters
    psf, brightness
        As of `layout_mixing`.

    Raises
    ------
    InputError, ParameterError
        A region was never seen, responses of one group differ, or as `read_templates` and
        `scale_particles`.
    """
    observed = that_see(observed)
    if not observed:
        raise InputError("events", "see none of the regions", "give observations of the layout")
    groups = dict.fromkeys(name for one in observed for name in one.groups)
    parts = {name: [o for o in observed if name in o.groups] for name in groups}
    matrices = {name: _one_matrix(name, own) for name, own in parts.items()}
    channels = observed[0].channels
    detectors = {
        name: sorted({d for o in own for d in o.groups[name].detectors})
        for name, own in parts.items()
    }
    templates = (
        read_templates(particles, channels, detectors, matrices) if particles.enabled else {}
    )
    solid, exposure = _solid_angles(layout, observed)
    products: list[RegionProduct] = []
    scales: dict[str, ParticleScale] = {}
    errors: dict[str, float] = {}
    for name, own in parts.items():
        seen = [o.groups[name] for o in own]
        integral = np.stack([g.exposure.integral for g in seen])
        errors[name] = 0.0
        if name in templates:
            scales[name] = _scale(
                layout, own, seen, matrices[name], templates[name], particles
            )  # fmt: skip
            errors[name] = scales[name].relative_error(integral)
        products += _products(layout, name, own, seen, scales.get(name), integral, solid)
    mixing, light_radii = layout_mixing(layout, observed, exposure, psf, brightness)
    products.sort(key=lambda p: p.region)
    notes = [*(n for o in observed for n in o.notes), *_sky_notes(scales, particles)]
    return RegionProducts(
        layout, tuple(products), matrices, mixing, light_radii, errors,
        _stamps(observed, psf), tuple(dict.fromkeys(notes)), scales,
    )  # fmt: skip


def that_see(observed: Sequence[ObservedRegions]) -> list[ObservedRegions]:
    """Return the observations that see any region."""
    return [o for o in observed if any(g.exposure.integral.any() for g in o.groups.values())]


def _one_matrix(group: str, observed: Sequence[ObservedRegions]) -> RedistributionMatrix:
    first = observed[0].groups[group].responses.rmf
    for one in observed[1:]:
        other = one.groups[group].responses.rmf
        same = first.matrix.shape == other.matrix.shape and (
            first is other or abs(first.matrix - other.matrix).max() < 1e-3
        )
        if not same:
            raise InputError(
                one.name, f"has another redistribution matrix of {group} than {observed[0].name}",
                f"give one --rmf of {group} for all, or fit them apart",
            )  # fmt: skip
    return first


def _solid_angles(
    layout: RegionLayout, observed: Sequence[ObservedRegions]
) -> tuple[np.ndarray, np.ndarray]:
    """Return solid angles, arcmin2, that were seen and counted, and mean livetimes, s, (r,)."""
    size = len(layout.regions)
    seen = np.zeros(layout.grid.shape, dtype=bool)
    for one in observed:
        for group in one.groups.values():
            seen |= group.exposure.livetime > 0
    solid = solid_angles(layout, np.where(seen, layout.detected, -1))
    for number, region in enumerate(layout.regions):
        if solid[number] <= 0:
            raise InputError(
                "events", f"never saw {region.name} ({region.inner:.4g} to {region.outer:.4g} "
                "arcmin) where it is not masked", "choose annuli within the exposure",
            )  # fmt: skip
    total = np.zeros(size)
    for one in observed:
        weights = np.array([len(g.detectors) for g in one.groups.values()], float)
        each = np.stack([g.exposure.integral for g in one.groups.values()])
        total += weights @ each / weights.sum()
    return solid, total / solid


def _scale(
    layout: RegionLayout, observed: Sequence[ObservedRegions], seen: Sequence[ObservedGroup],
    rmf: RedistributionMatrix, template: ParticleTemplate, particles: ParticleParameters,
) -> ParticleScale:  # fmt: skip
    mission = get_mission(observed[0].events.observation.mission)
    band = particles.hard_band or mission.particle_band
    if band is None:
        raise ParameterError(
            "particles.hard_band", f"is not known of {mission.name}",
            "give a band in which its mirrors have hardly any area",
        )  # fmt: skip
    hard = channels_within(observed[0].channels, EnergyBand(*band))
    sky = np.zeros((len(seen), len(layout.regions)))
    if particles.sky_correction:
        for number, group in enumerate(seen):
            sky[number] = sky_rate(group.areas(), rmf, hard) * group.exposure.integral
    measured = HardBandCounts(
        np.stack([g.counts[:, hard].sum(axis=1) for g in seen]), sky,
        np.stack([g.exposure.integral for g in seen]), tuple(o.name for o in observed),
    )  # fmt: skip
    used = np.array([r.inner >= particles.scaling_beyond / 60 - 1e-9 for r in layout.regions])
    if not used.any():
        raise ParameterError(
            "particles.scaling_beyond", "leaves no region to scale the particle background with",
            "choose a smaller radius",
        )  # fmt: skip
    return scale_particles(template, hard, measured, used, particles.scaling == "common")


def _products(
    layout: RegionLayout, group: str, observed: Sequence[ObservedRegions],
    seen: Sequence[ObservedGroup], scale: ParticleScale | None, integral: np.ndarray,
    solid: np.ndarray,
) -> list[RegionProduct]:  # fmt: skip
    counts = np.sum([g.counts for g in seen], axis=0)
    particle, variance = np.zeros(counts.shape), np.zeros(counts.shape)
    if scale is not None:
        particle, variance = scale.expected(integral), scale.variance(integral)
    weights = [g.exposure.integral[:, None] for g in seen]
    # an area that observations share: by how long each saw the region
    area = sum(w * g.areas() for w, g in zip(weights, seen, strict=True)) / np.maximum(
        np.sum(weights, axis=0), 1e-300
    )
    arf = seen[0].responses.arf
    assert arf is not None
    header = _header(observed, group)
    found = []
    for number, region in enumerate(layout.regions):
        total = float(integral[:, number].sum())
        if total <= 0:
            continue
        exposure = total / solid[number]
        spectrum = _spectrum(observed[0], counts[number], exposure, solid[number], {
            **header, "REGION": region.name,
        })  # fmt: skip
        own = AncillaryResponse(
            Path(group), arf.energy_low, arf.energy_high, area[number], exposure, header
        )
        found.append(
            RegionProduct(number, group, spectrum, own, particle[number], variance[number])
        )
    return found


def _spectrum(
    one: ObservedRegions, counts: np.ndarray, exposure: float, solid: float,
    header: Mapping[str, Any],
) -> PhaSpectrum:  # fmt: skip
    number, numbers = len(counts), one.channels.numbers
    return PhaSpectrum(
        path=Path(f"{header['REGION']}_{header['INSTRUME']}.pha"), channels=numbers,
        first_channel=int(numbers[0]), detector_channels=number, counts=counts,
        exposure=exposure, backscal=np.full(number, solid / _ARCMIN2), areascal=np.ones(number),
        systematic_error=np.zeros(number), quality=np.zeros(number, dtype=int),
        grouping=np.zeros(number, dtype=int), region_area=solid / _ARCMIN2, header=header,
    )  # fmt: skip


def _header(observed: Sequence[ObservedRegions], group: str) -> dict[str, Any]:
    first = observed[0].events.observation
    names = dict.fromkeys(o.events.observation.obs_id for o in observed)
    return {
        "TELESCOP": first.telescope, "INSTRUME": group, "FILTER": "NONE", "OBJECT": first.target,
        "OBS_ID": " ".join(names), "CHANTYPE": "PI", "NMERGED": len(observed),
    }  # fmt: skip


def _stamps(
    observed: Sequence[ObservedRegions], psf: Psf | str | None
) -> dict[str, tuple[Any, str]]:
    groups = [g for o in observed for g in o.groups.values()]
    kinds = {str(g.exposure.stamps.get("EXPMAP", "APPROX")) for g in groups}
    found: dict[str, tuple[Any, str]] = {
        "EXPMAP": ("APPROX" if "APPROX" in kinds else "SUPPLIED", "exposure map"),
        "CORRVIGN": ("APPLIED", "vignetting in SPECRESP"),
        "CORRPSF": ("NONE", "see the mixing matrix"),
        "PSFMIX": ("NONE" if psf is None else "APPLIED", "PSF in the mixing matrix"),
    }
    for group in groups:
        for key, value in group.responses.stamps.items():
            found.setdefault(key, value)
    return found


def _sky_notes(scales: Mapping[str, ParticleScale], particles: ParticleParameters) -> list[str]:
    if not particles.enabled:
        return ["no particle background is taken off: it is fitted as if it were the sky's"]
    notes = []
    for name, scale in scales.items():
        if scale.sky_fraction > 0:
            much = scale.sky_fraction > _MUCH_SKY
            notes.append(
                f"{name}: {scale.sky_fraction:.1%} of the counts of the hard band are taken for "
                f"the cosmic X-ray background{': choose a harder band' if much else ''}"
            )
    if not particles.sky_correction:
        notes.append("photons of the sky in the hard band count as particles")
    return notes


def region_spectra(
    products: RegionProducts, bands: Sequence[EnergyBand] = (), rule: str = "none"
) -> RegionSpectra:
    """Return what a joint fit is of.

    Parameters
    ----------
    products : RegionProducts
    bands : sequence of EnergyBand
        That are fitted; all if none.
    rule : str
        How channels are grouped, as of `make_dataset`.

    Raises
    ------
    InputError, ParameterError
        As `make_dataset`.
    """
    spectra = []
    for one in products.products:
        response = build_response(products.matrices[one.group], one.arf)
        dataset = make_dataset(one.spectrum, response, rule=rule, bands=bands)
        particle, variance = (
            sum_groups(values, dataset.grouping) for values in (one.particle, one.particle_variance)
        )
        area = float(one.spectrum.backscal[0]) * _ARCMIN2
        spectra.append(
            RegionSpectrum(
                one.region, one.group, dataset, area, particle, variance,
                products.scale_errors[one.group],
            )
        )  # fmt: skip
    geometric = solid_angles(products.layout, products.layout.emitted)
    return RegionSpectra(
        products.layout, tuple(spectra), products.mixing, geometric, products.light_radii
    )
