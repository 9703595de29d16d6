"""Spectra of annuli simulated through Gaussian responses, without files and images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr

from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.profiles.region_layout import RegionLayout, SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra, RegionSpectrum
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.response import Response, build_response

ENERGIES = np.concatenate((np.linspace(0.2, 2.5, 231), np.linspace(2.55, 9.0, 130)))
CHANNELS = np.linspace(0.3, 8.0, 155)  # 50 eV
EXPOSURE, REDSHIFT, NH = 2e4, 0.0114, 0.08
"""s, and of the gas; 1e22 cm-2."""


@dataclass(frozen=True)
class Truth:
    """What spectra are drawn from: gas of each annulus, sky per arcmin2, particles' brightness."""

    kt: tuple[float, ...] = (2.0, 2.6, 3.2, 3.4, 3.0, 2.5)
    abundance: tuple[float, ...] = (1.0, 0.7, 0.5, 0.4, 0.3, 0.3)
    norm: tuple[float, ...] = (2e-4, 7e-5, 3e-5, 1.2e-5, 6e-6, 3e-6)
    edges: tuple[float, ...] = (0, 2, 4, 6, 9, 12, 16)
    lhb: tuple[float, float] = (0.1, 1.7e-6)
    halo: tuple[float, float] = (0.22, 1.0e-6)
    cxb: float = 7e-7
    particles: float = 3e-4
    """count / s / keV / arcmin2."""
    spill: float = 0.08
    """Part of an annulus' light that the PSF puts into each neighbour."""
    sky_sectors: tuple[int, ...] = (0, 0, 0, 0)
    sky_area: float = 400.0
    deviation: tuple[float, ...] = field(default=())
    deviation_of: str = "sources"
    """Of the sky's parts, that which differs by `deviation`: sources, or sky for all of it."""

    @property
    def annuli(self) -> int:
        """Their number."""
        return len(self.kt)

    @property
    def area(self) -> np.ndarray:
        """Solid angles of all regions, arcmin2."""
        edges = np.array(self.edges, float)
        return np.append(np.pi * np.diff(edges**2), [self.sky_area] * len(self.sky_sectors))

    @property
    def mixing(self) -> np.ndarray:
        """Light of the second index counted in the first."""
        area, n = self.area, self.annuli
        matrix = np.diag(area)
        for j in range(n):
            for i in (j - 1, j + 1):
                if 0 <= i < n:
                    matrix[i, j] += self.spill * area[j]
                    matrix[j, j] -= self.spill * area[j]
        return matrix

    @property
    def regions(self) -> list[SpectralRegion]:
        """Annuli, then the sky."""
        pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
        annuli = [
            SpectralRegion(f"annulus_{i + 1:02d}", "annulus", a, b)
            for i, (a, b) in enumerate(pairs)
        ]
        outer = float(self.edges[-1])
        width = 360 / len(self.sky_sectors)
        return annuli + [
            SpectralRegion(f"sky_{i + 1}", "sky", outer, 2 * outer, (i * width, (i + 1) * width), s)
            for i, s in enumerate(self.sky_sectors)
        ]


@cache
def response(factor: float = 1.0) -> Response:
    """A CCD's Gaussian resolution and a smooth area."""
    low, high = ENERGIES[:-1], ENERGIES[1:]
    centre = 0.5 * (low + high)
    sigma = np.sqrt(0.025**2 + 3.6e-4 * centre)[:, None]
    share = np.diff(ndtr(np.clip((CHANNELS[None, :] - centre[:, None]) / sigma, -5, 5)), axis=1)
    share[share < 1e-7] = 0
    rmf = RedistributionMatrix(
        Path("made.rmf"), low, high, csr_array(share), np.arange(len(CHANNELS) - 1),
        CHANNELS[:-1], CHANNELS[1:],
    )  # fmt: skip
    area = factor * 300 * np.exp(-0.5 * (np.log(centre / 1.3) / 0.8) ** 2)
    return build_response(rmf, AncillaryResponse(Path("made.arf"), low, high, area))


@cache
def model_flux(expression: str, *values: float) -> np.ndarray:
    """Photons / cm2 / s of a model of norm one, by the library's numbers."""
    return ModelEvaluator(parse_expression(expression), ENERGIES)(np.array(values))


def expected_counts(truth: Truth, factor: float = 1.0) -> list[np.ndarray]:
    """Counts in the channels of each region, of everything."""
    gas = np.array([
        norm * model_flux("tbabs*apec", NH, kt, z, REDSHIFT, 1.0)
        for kt, z, norm in zip(truth.kt, truth.abundance, truth.norm, strict=True)
    ])  # fmt: skip
    foreground = (
        truth.lhb[1] * model_flux("apec", truth.lhb[0], 1.0, 0.0, 1.0)
        + truth.halo[1] * model_flux("tbabs*apec", NH, truth.halo[0], 1.0, 0.0, 1.0)
    )  # fmt: skip
    sources = truth.cxb * model_flux("tbabs*powerlaw", NH, 1.45, 1.0)
    differs = sources if truth.deviation_of == "sources" else foreground + sources
    deviation = truth.deviation or (0.0,) * len(truth.area)
    found = []
    for i, area in enumerate(truth.area):
        flux = truth.mixing[i, : truth.annuli] @ gas + area * (
            foreground + sources + deviation[i] * differs
        )
        found.append(EXPOSURE * (response(factor).matrix.T @ flux) + particle_counts(truth, area))
    return found


def particle_counts(truth: Truth, area: float) -> np.ndarray:
    """Counts of particles in the channels of a region."""
    width = np.diff(CHANNELS)
    return truth.particles * area * EXPOSURE * width * (0.5 + 0.1 / CHANNELS[:-1])


def dataset(counts: np.ndarray, factor: float = 1.0) -> Dataset:
    """A spectrum as a fit sees it."""
    n = len(counts)
    pha = PhaSpectrum(
        path=Path("made.pha"), channels=np.arange(n), first_channel=0, detector_channels=n,
        counts=counts.astype(float), exposure=EXPOSURE, backscal=np.ones(n), areascal=np.ones(n),
    )  # fmt: skip
    return make_dataset(pha, response(factor))


def region_spectra(
    truth: Truth, seed: int | None = None, groups: tuple[str, ...] = ("TM8",),
    factors: tuple[float, ...] = (1.0,), template: float = 1.0, expected: list | None = None,
) -> RegionSpectra:  # fmt: skip
    """Spectra of all regions; drawn where there is a seed, and exactly expected without.

    ``template`` is by how much the particles' template is off.
    """
    generator = None if seed is None else np.random.default_rng(seed)
    rows = []
    for group, factor in zip(groups, factors, strict=True):
        for place, mean in enumerate(expected or expected_counts(truth, factor)):
            counts = mean if generator is None else generator.poisson(mean)
            area = float(truth.area[place])
            particle = template * particle_counts(truth, area)
            rows.append(RegionSpectrum(
                place, group, dataset(counts, factor), area, particle, np.zeros(len(particle))
            ))  # fmt: skip
    labels = np.zeros((1, 1), int)
    layout = RegionLayout(None, truth.regions, labels, labels)  # type: ignore[arg-type]
    return RegionSpectra(layout, rows, truth.mixing, truth.area)
