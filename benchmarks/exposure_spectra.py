"""How far the brightness of an even sky is off, by exposure maps with and without its spectrum.

Skies of one spectrum each, evenly bright, are seen by one module in a pointing and in scans.
Published brightness is compared with what effective area and matrix say of the spectrum on the
optical axis: in all of the field, and in rings about the axis of the pointing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel
from xsurvey.events import EventList
from xsurvey.imaging.field import band_label, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.profiles.exposure_spectrum import DEFAULT, ExposureSpectrum, parse_spectrum
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.weighted_exposure import weighted_exposure
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation
from xsurvey.spectra.extraction.responses import (
    GivenResponses,
    spectral_channels,
    spectral_responses,
)
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand, SkyPosition

CENTRE = SkyPosition(150.0, 2.2)
BANDS = (EnergyBand(0.5, 2.0), EnergyBand(2.3, 5.0))
RINGS = (0.0, 10.0, 20.0, 28.0)  # arcmin
COUNTS = 4e6  # of a sky in all bands
_FEWEST = 1e4  # counts of a ring that are worth a ratio
_NH = 0.03
SKIES: dict[str, tuple[str, dict[str, float]]] = {
    "kT 0.3": ("tbabs*apec", {"tbabs.nH": _NH, "apec.kT": 0.3, "apec.Abundanc": 0.3}),
    "kT 3": ("tbabs*apec", {"tbabs.nH": _NH, "apec.kT": 3.0, "apec.Abundanc": 0.3}),
    "index 1.4": ("tbabs*powerlaw", {"tbabs.nH": _NH, "powerlaw.PhoIndex": 1.4}),
}
_BASE: dict[str, Any] = {
    "mission": "erosita", "detectors": "TM1", "pointing": f"{CENTRE.ra},{CENTRE.dec}",
    "energy": "0.3-9", "background_rate": 0,
}  # fmt: skip
OBSERVED: dict[str, dict[str, Any]] = {
    "pointing": {**_BASE, "exposure": "20ks"},
    "scans": {**_BASE, "scans": 128, "scan_distance": "0.5arcmin", "field_size": "60arcmin"},
}


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how far published brightness is off."""
    tasks = [(seed, fraction, kind, sky) for kind in OBSERVED for sky in SKIES]
    return {"spectrum": DEFAULT, "skies": in_parallel(measure, tasks)}


def measure(seed: int, fraction: float, kind: str, sky: str) -> dict[str, Any]:
    """Return the ratios of published to true brightness of one sky."""
    place = list(OBSERVED).index(kind), list(SKIES).index(sky)
    own = int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1)[0])
    model, values = SKIES[sky]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.fits"
        trial = _simulated(kind, model, values, 1e-6, own)
        norm = 1e-6 * COUNTS * fraction / max(len(trial.events["time"]), 1)
        write_simulation(path, _simulated(kind, model, values, norm, own))
        events = open_selected([path], SelectionParameters())
        truth = norm * _on_axis(events, model, values)
        maps = {"one energy": None, "spectrum": parse_spectrum(DEFAULT)}
        if "powerlaw.PhoIndex" in values:
            maps["own spectrum"] = ExposureSpectrum(values["powerlaw.PhoIndex"], _NH)
        return {"observation": kind, "sky": sky, "bands": _ratios(events, truth, kind, maps)}


def _simulated(kind: str, model: str, values: Mapping[str, float], norm: float, seed: int) -> Any:
    last = model.rpartition("*")[2]
    settings = tuple(f"{k}={v}" for k, v in values.items())
    parameters = SimulationParameters(
        **OBSERVED[kind], diffuse=model, diffuse_set=(*settings, f"{last}.norm={norm!r}")
    )
    return simulate_observation(parameters, seed)


def _on_axis(events: EventList, model: str, values: Mapping[str, float]) -> np.ndarray:
    """Return the counts / s in the bands of a sky of norm one on the optical axis."""
    mission = get_mission(events.observation.mission)
    given = GivenResponses()
    channels = spectral_channels(mission, given)
    responses = spectral_responses(events, mission, sorted(events.gti), channels, given)
    response = build_response(responses.rmf, responses.arf)
    evaluator = ModelEvaluator(parse_expression(model), response.edges, ModelSettings())
    row = [values["tbabs.nH"]]
    row += [values["powerlaw.PhoIndex"], 1.0] if "powerlaw" in model else [
        values["apec.kT"], values["apec.Abundanc"], 0.0, 1.0
    ]  # fmt: skip
    detected = np.asarray(evaluator(np.array([row])))[0] @ response.matrix
    low, high = responses.rmf.channel_low, responses.rmf.channel_high
    return np.array([
        detected @ np.clip(
            (np.minimum(high, b.maximum) - np.maximum(low, b.minimum)) / (high - low), 0, 1
        )
        for b in BANDS
    ])  # fmt: skip


def _ratios(
    events: EventList, truth: np.ndarray, kind: str, maps: Mapping[str, ExposureSpectrum | None]
) -> dict[str, Any]:  # fmt: skip
    parameters = ImageParameters(pixel_size="16arcsec")
    field = field_from_events(events, list(BANDS), parameters)
    edges = np.array(RINGS if kind == "pointing" else (RINGS[0], RINGS[-1]))
    found: dict[str, Any] = {}
    for band, true in zip(BANDS, truth, strict=True):
        label = band_label(band, field.mission)
        one = {}
        for name, spectrum in maps.items():
            exposure, _ = weighted_exposure(field, label, spectrum)
            profile = extract_profile(field.counts[label], exposure, RadialGeometry(CENTRE), edges)
            counts, area = profile.counts, profile.exposure_area
            ratio = np.append(counts.sum() / area.sum(), counts / area) / true
            error = ratio / np.sqrt(np.maximum(np.append(counts.sum(), counts), 1))
            enough = np.append(counts.sum(), counts) >= _FEWEST
            one[name] = {
                "all": [round(float(ratio[0]), 5), round(float(error[0]), 5)],
                "rings": [
                    [round(float(r), 5), round(float(e), 5)]
                    for r, e in zip(ratio[1:], error[1:], strict=True)
                ],
            } if enough.all() else None  # fmt: skip
        found[str(band)] = one
    return found


if __name__ == "__main__":
    benchmark(run, 20261203)
