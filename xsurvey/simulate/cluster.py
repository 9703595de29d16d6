"""Galaxy clusters of a `ClusterModel`: shells of gas, each with its spectrum, and what is known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from xsurvey import __version__
from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters.gas_model import Excess
from xsurvey.galaxy_clusters.model import ClusterModel, Shells
from xsurvey.simulate.shapes import SHELL, Shapes, volume_within
from xsurvey.simulate.sources import AMOUNTS, CLUSTER, Sources
from xsurvey.simulate.spectrum import Spectrum
from xsurvey.simulate.variability import LightCurves

MODEL = "tbabs*apec"
_INNERMOST = 1e-3  # of R200: radius of the first shell, a ball
_A_DECADE = 24
_COLDEST, _HOTTEST = 0.0809, 64.0  # keV, of apec


@dataclass(frozen=True)
class Part:
    """A part of the projected cluster with a brightness of its own.

    Attributes
    ----------
    nearest, farthest : float
        Arcsec.
    angle, width : float
        Of its sector, deg.
    factor : float
        Of the brightness of the sphere.
    """

    nearest: float
    farthest: float
    angle: float
    width: float
    factor: float


def shell_edges(model: ClusterModel) -> np.ndarray:
    """Return the radii at which a cluster is cut into shells, kpc, shape (n + 1,)."""
    r200 = model.radius_in(200)
    decades = np.log10(model.outer_radius / _INNERMOST)
    number = int(np.ceil(decades * _A_DECADE))
    return np.concatenate(([0.0], np.geomspace(_INNERMOST, model.outer_radius, number + 1) * r200))


def parts_of(excess: tuple[Excess, ...]) -> list[Part]:
    """Return the parts of the projected cluster whose sum has the brightness that is asked for.

    The first is all of it, as bright as its faintest part; others are added to it. Where parts that
    are asked for overlap their factors are multiplied.
    """
    angles = np.unique([a % 360 for e in excess for a in e.sector])
    radii = np.unique([0.0, *(r for e in excess for r in (e.inner_radius, e.outer_radius)), np.inf])
    cells = []
    for number, angle in enumerate(angles):
        following = angles[(number + 1) % len(angles)]
        width = (following - angle) % 360 or 360.0
        for near, far in itertools.pairwise(radii):
            middle = (angle + width / 2, near + 1e-6)
            factors = [e.factor for e in excess if _holds(e, *middle)]
            cells.append(Part(near, far, float(angle), float(width), float(np.prod(factors))))
    least = min([1.0, *(c.factor for c in cells)])
    whole = Part(0.0, np.inf, 0.0, 360.0, least)
    return [whole] + [
        Part(c.nearest, c.farthest, c.angle, c.width, c.factor - least)
        for c in cells if c.factor > least
    ]  # fmt: skip


def _holds(excess: Excess, angle: float, radius: float) -> bool:
    """Tell whether an excess covers a place."""
    start, stop = excess.sector
    width = (stop - start) % 360 or 360.0
    inside = (angle - start) % 360 < width
    return bool(inside and excess.inner_radius <= radius < excess.outer_radius)


def cluster_sources(model: ClusterModel) -> Sources:
    """Return a cluster as shells of one temperature and abundance each.

    Raises
    ------
    ParameterError
        Gas is colder or hotter than the plasma model knows.
    """
    edges = shell_edges(model)
    shells = model.shells(edges)
    arcsec = edges / model.kpc_per_arcmin * 60
    rows: list[tuple[int, int, Part, float, str]] = []  # shell, spectrum, part, norm, name
    spectra, numbers = _spectra(model, shells)
    for part in parts_of(model.excess):
        seen = volume_within(
            np.minimum(part.farthest, arcsec[1:]), arcsec[:-1], arcsec[1:]
        ) - volume_within(np.full(len(edges) - 1, part.nearest), arcsec[:-1], arcsec[1:])
        share = np.clip(seen, 0, None) * part.width / 360 * part.factor
        for name, norm, spectrum in (
            ("shell", shells.norm, numbers[0]), ("cool gas of shell", shells.cool_norm, numbers[1]),
        ):  # fmt: skip
            rows += [
                (k, int(spectrum[k]), part, float(norm[k] * share[k]), f"{name} {k + 1}")
                for k in np.flatnonzero(norm * share > 0).tolist()
            ]
    return _sources(model, arcsec, rows, spectra)


def _spectra(
    model: ClusterModel, shells: Shells
) -> tuple[tuple[Spectrum, ...], tuple[np.ndarray, np.ndarray]]:
    """Return the spectra, and which each shell and its cool gas has."""
    common = (f"tbabs.nH={model.nh!r}", f"apec.Redshift={model.redshift!r}")
    places: dict[Spectrum, int] = {}

    def number_of(temperature: float, abundance: float) -> int:
        if not _COLDEST <= temperature <= _HOTTEST:
            raise ParameterError(
                "cluster", f"has gas of {temperature:.3g} keV, which apec does not know "
                f"({_COLDEST:g} to {_HOTTEST:g})",
                "let it end further inside (outer_radius), or change its mass or density",
            )  # fmt: skip
        own = (f"apec.kT={temperature:.8g}", f"apec.Abundanc={abundance:.8g}")
        return places.setdefault(
            Spectrum(MODEL, (*common, *own), model.abundance_table), len(places)
        )

    pairs = zip(shells.temperature.tolist(), shells.abundance.tolist(), strict=True)
    hot = np.array([number_of(*pair) for pair in pairs])
    cool = np.zeros(len(hot), dtype=np.int64)
    if model.cool_gas is not None:
        cool[:] = number_of(model.cool_gas.temperature, model.cool_gas.abundance)
    return tuple(places), (hot, cool)


def _sources(
    model: ClusterModel, arcsec: np.ndarray, rows: list[tuple[int, int, Part, float, str]],
    spectra: tuple[Spectrum, ...],
) -> Sources:  # fmt: skip
    count = len(rows)
    shell = np.array([row[0] for row in rows])
    parts = [row[2] for row in rows]
    zero = np.zeros(count)
    shapes = Shapes(
        np.full(count, SHELL), zero, zero + 1, arcsec[shell], arcsec[shell + 1],
        np.array([p.angle for p in parts]), np.array([p.width for p in parts]),
        np.array([p.nearest for p in parts]), np.array([p.farthest for p in parts]),
    )  # fmt: skip
    return Sources(
        np.full(count, model.center.ra), np.full(count, model.center.dec),
        np.array([row[3] for row in rows]), np.full(count, AMOUNTS.index("norm")),
        np.array([row[1] for row in rows]), spectra, shapes, LightCurves.constant(count),
        np.full(count, CLUSTER), np.array([f"{model.name}: {row[4]}" for row in rows]),
    )  # fmt: skip


def cluster_table(model: ClusterModel) -> Table:
    """Return the profiles of a cluster, one row a shell, as the simulation has them.

    Columns ending in ``_kpc`` and ``_arcmin`` are radii; `density` electrons per cm3;
    `projected_norm` the norm of apec per arcmin2 at the middle radius, of the sphere without its
    excess. Masses, radii and cosmology are in the header.
    """
    edges = shell_edges(model)
    shells = model.shells(edges)
    middle = np.sqrt((edges[1:] ** 2 + edges[:-1] ** 2) / 2)
    scale = model.kpc_per_arcmin
    table = Table()
    for name, unit, values in (
        ("inner_kpc", "kpc", edges[:-1]), ("outer_kpc", "kpc", edges[1:]),
        ("inner_arcmin", "arcmin", edges[:-1] / scale),
        ("outer_arcmin", "arcmin", edges[1:] / scale),
        ("middle_arcmin", "arcmin", middle / scale),
        ("density", "cm-3", shells.density), ("temperature", "keV", shells.temperature),
        ("abundance", "", shells.abundance), ("norm", "cm-5", shells.norm),
        ("cool_norm", "cm-5", shells.cool_norm),
        ("projected_norm", "cm-5 arcmin-2", model.projected_norm(middle)),
    ):  # fmt: skip
        table[name] = values
        if unit:
            table[name].unit = unit
    table.meta.update(_facts(model))
    return table


def _facts(model: ClusterModel) -> dict[str, object]:
    """Return the header of the profiles."""
    facts: dict[str, object] = {
        "EXTNAME": "CLUSTER", "OBJECT": model.name, "RA": model.center.ra, "DEC": model.center.dec,
        "REDSHIFT": model.redshift, "NH": (model.nh, "1e22 cm-2"), "ABUND": model.abundance_table,
        "CONC": (model.concentration, "R200 over the scale radius"),
    }  # fmt: skip
    for delta in (500, 200):
        radius = model.radius_in(delta)
        facts[f"M{delta}"] = (model.mass_in(delta), "solar masses")
        facts[f"R{delta}"] = (radius, "kpc")
        facts[f"R{delta}MIN"] = (radius / model.kpc_per_arcmin, "arcmin")
    if model.cool_gas is not None:
        facts["COOLKT"] = (model.cool_gas.temperature, "keV")
        facts["COOLZ"] = (model.cool_gas.abundance, "solar")
        facts["COOLRAD"] = (model.cool_gas.radius, "kpc")
        facts["COOLPART"] = (model.cool_gas.share, "of the emission measure within")
    for number, excess in enumerate(model.excess, start=1):
        start, stop = excess.sector
        facts[f"EXCESS{number}"] = (
            f"{start:g},{stop:g} deg {excess.inner_radius / 60:g}-{excess.outer_radius / 60:g} "
            f"arcmin x {excess.factor:g}"
        )
    facts.update(model.cosmology.stamps())
    facts["CREATOR"] = f"xsurvey {__version__}"
    return facts
