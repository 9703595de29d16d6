"""Synchrotron and SSC spectra beside agnpy's, at two resolutions and at three.

``--peer PYTHON`` is an interpreter that has agnpy, or ``venv``, that of ``make compare``. Compared
are frequencies at which a component is above 1e-3 of its peak, and the energies of scattered
photons are below half of the largest electrons' energy: at that energy, spectra end abruptly, and
differences at one frequency are those of where. From half to .85 of it is told apart, the rest left
out. Spectra of random parameters, for each distribution, show what the grid of xsurvey's default
costs anywhere.
"""

from typing import Any

import numpy as np

from benchmarks.command import benchmark, trials
from benchmarks.sed_zones import ZONES, Zone, peer_spectra
from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.models.ssc import Resolution, SynchrotronSelfCompton
from xsurvey.sed.particles.distributions import DISTRIBUTIONS

FREQUENCIES = np.logspace(8, 29, 169)
BULK = 1e-3
END = (0.5, 0.85)
OURS = {"default": Resolution(), "twice": Resolution(*(2 * n for n in Resolution()))}
PEERS = {"default": (200, 200), "fine": (800, 1000), "finest": (1600, 2000)}
DRAWS = 200
DRAWN_REDSHIFT = 0.3
PERCENTILES = (50, 90, 99, 100)
RANGES = {
    "log10_k": (-8.0, 3.0), "p": (1.0, 4.0), "p1": (1.0, 3.0), "p2": (2.5, 5.0), "q": (0.0, 1.5),
    "gamma_0": (1e2, 1e4), "log10_gamma_b": (2.0, 6.0), "log10_gamma_c": (3.0, 7.0),
    "log10_gamma_cool": (2.0, 7.0),
    "gamma_min": (10.0, 1e3), "gamma_max": (1e4, 1e7), "delta": (3.0, 60.0),
    "log10_B": (-3.0, 1.5), "t_var": (1e3, 1e6),
}  # fmt: skip
LOGARITHMIC = ("gamma_0", "gamma_min", "gamma_max", "t_var")
LINES = {"largest_difference_from_the_finest_agnpy": 0.01}


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Compare spectra of five zones, and of random ones."""
    spectra = {f"xsurvey, {name}": ours(resolution) for name, resolution in OURS.items()}
    version = None
    for name, (electrons, seeds) in PEERS.items() if peer else ():
        answer = peer_spectra(peer, list(ZONES.values()), FREQUENCIES, electrons, seeds)
        version = answer["agnpy"]
        spectra[f"agnpy, {name}"] = {
            component: np.array(answer[component]) for component in ("synchrotron", "compton")
        }
    pairs = [("xsurvey, default", "xsurvey, twice")]
    if peer:
        pairs += [(f"xsurvey, {name}", "agnpy, finest") for name in OURS]
        pairs += [(f"agnpy, {name}", "xsurvey, twice") for name in PEERS]
    return {
        "bulk": f"above {BULK:g} of the peak, scattered photons below {END[0]:g} of gamma_max",
        "end": f"scattered photons from there to {END[1]:g} of gamma_max",
        "lines": LINES,
        "agnpy": version,
        "nodes": {
            "xsurvey": {name: r._asdict() for name, r in OURS.items()},
            "agnpy": {name: {"electrons": e, "seeds": s} for name, (e, s) in PEERS.items()},
        },
        "draws": draws(seed, trials(DRAWS, fraction)),
        "zones": {
            name: {
                "electrons": zone.electrons, "redshift": zone.redshift,
                "self_absorption": zone.self_absorption, **zone.values,
                "differences": {
                    f"{a} from {b}": {
                        component: difference(
                            spectra[a][component][i], spectra[b][component][i], zone, component
                        )
                        for component in ("synchrotron", "compton")
                    }
                    for a, b in pairs
                },
            }
            for i, (name, zone) in enumerate(ZONES.items())
        },
    }  # fmt: skip


def ours(resolution: Resolution) -> dict[str, np.ndarray]:
    """Return components of all zones, shape (zones, f) each."""
    found = [
        SynchrotronSelfCompton(
            DISTRIBUTIONS[zone.electrons], zone.redshift, self_absorption=zone.self_absorption,
            resolution=resolution,
        ).components(zone.theta, FREQUENCIES)
        for zone in ZONES.values()
    ]  # fmt: skip
    return {name: np.concatenate([f[name] for f in found]) for name in found[0]}


def draws(seed: int, number: int) -> dict[str, Any]:
    """Return percentiles of the largest difference of the default from twice the resolution."""
    generator = np.random.default_rng(seed)
    result: dict[str, Any] = {
        "ranges": RANGES, "number": number, "redshift": DRAWN_REDSHIFT,
        "percentiles": list(PERCENTILES),
    }  # fmt: skip
    for name, distribution in DISTRIBUTIONS.items():
        models = [
            SynchrotronSelfCompton(distribution, DRAWN_REDSHIFT, resolution=r)
            for r in OURS.values()
        ]
        zones = [
            Zone(
                name, DRAWN_REDSHIFT, True,
                {p.name: _drawn(generator, p.name) for p in models[0].parameters},
            )
            for _ in range(number)
        ]  # fmt: skip
        theta = np.concatenate([zone.theta for zone in zones])
        one, two = (model.components(theta, FREQUENCIES) for model in models)
        found = {
            component: [
                difference(a, b, zone, component)
                for a, b, zone in zip(one[component], two[component], zones, strict=True)
            ]
            for component in one
        }
        result[name] = {
            f"{component}{where}": np.percentile(values, PERCENTILES).tolist()
            for component, differences in found.items()
            for where in ("", "_at_the_end")
            if (values := [d[f"largest{where}"] for d in differences if f"largest{where}" in d])
        }
    return result


def _drawn(generator: np.random.Generator, name: str) -> float:
    low, high = RANGES[name]
    if name in LOGARITHMIC:
        return float(np.exp(generator.uniform(np.log(low), np.log(high))))
    return float(generator.uniform(low, high))


def difference(a: np.ndarray, b: np.ndarray, zone: Zone, component: str) -> dict[str, float]:
    """Return the largest and the median relative difference of spectra, shape (f,)."""
    bulk = b > BULK * b.max()
    scattered = FREQUENCIES * (1 + zone.redshift) / zone.values["delta"] / FREQUENCY_OF_REST_ENERGY
    place = scattered / zone.values["gamma_max"] if component == "compton" else 0 * scattered
    ends = (place > END[0]) & (place < END[1])
    inner = bulk & (place <= END[0])
    relative = np.abs(a[inner] / b[inner] - 1)
    result = {
        "largest": float(relative.max()), "median": float(np.median(relative)),
        "frequencies": int(relative.size),
    }  # fmt: skip
    if (bulk & ends).any():
        result["largest_at_the_end"] = float(np.abs(a[bulk & ends] / b[bulk & ends] - 1).max())
    return result


if __name__ == "__main__":
    benchmark(
        run,
        seed=20261126,
        options={"peer": "the Python of an environment that has agnpy, or 'venv'"},
    )
