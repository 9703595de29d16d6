"""Synchrotron and SSC spectra beside agnpy's, at two resolutions and at three.

``--peer PYTHON`` is an interpreter that has agnpy, or ``venv``, that of ``make compare``. Compared
are frequencies at which a component is above 1e-3 of its peak, and the energies of scattered
photons are below half of the largest electrons' energy: at that energy, spectra end abruptly, and
differences at one frequency are those of where. What is left out is told apart.
"""

from typing import Any

import numpy as np

from benchmarks.command import benchmark
from benchmarks.sed_zones import ZONES, Zone, peer_spectra
from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.models.ssc import Resolution, SynchrotronSelfCompton
from xsurvey.sed.particles import DISTRIBUTIONS

FREQUENCIES = np.logspace(8, 29, 169)
BULK = 1e-3
OURS = {"default": Resolution(), "twice": Resolution(*(2 * n for n in Resolution()))}
PEERS = {"default": (200, 200), "fine": (800, 1000), "finest": (1600, 2000)}
LINES = {"largest_difference_from_the_finest_agnpy": 0.01}


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Compare spectra of five zones."""
    del seed, fraction
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
        "bulk": f"above {BULK:g} of the peak, scattered photons below half of gamma_max",
        "lines": LINES,
        "agnpy": version,
        "nodes": {
            "xsurvey": {name: r._asdict() for name, r in OURS.items()},
            "agnpy": {name: {"electrons": e, "seeds": s} for name, (e, s) in PEERS.items()},
        },
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


def difference(a: np.ndarray, b: np.ndarray, zone: Zone, component: str) -> dict[str, float]:
    """Return the largest and the median relative difference of spectra, shape (f,)."""
    bulk = b > BULK * b.max()
    scattered = FREQUENCIES * (1 + zone.redshift) / zone.values["delta"] / FREQUENCY_OF_REST_ENERGY
    ends = (scattered > 0.5 * zone.values["gamma_max"]) & (component == "compton")
    relative = np.abs(a[bulk & ~ends] / b[bulk & ~ends] - 1)
    result = {
        "largest": float(relative.max()), "median": float(np.median(relative)),
        "frequencies": int(relative.size),
    }  # fmt: skip
    if (bulk & ends).any():
        result["largest_at_the_end"] = float(np.abs(a[bulk & ends] / b[bulk & ends] - 1).max())
    return result


if __name__ == "__main__":
    benchmark(
        run, seed=0, options={"peer": "the Python of an environment that has agnpy, or 'venv'"}
    )
