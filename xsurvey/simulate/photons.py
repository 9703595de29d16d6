"""Simulations with responses: photons through area, vignetting, PSF, gaps and redistribution."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs import WCS

from xsurvey import __version__
from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters.model import read_cluster_model
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.missions import Mission, get_mission, missions
from xsurvey.psf import PointSpreadFunction, parse_psf
from xsurvey.simulate.arrival import SourceField
from xsurvey.simulate.backgrounds import backgrounds
from xsurvey.simulate.camera import Camera, Events, events_of
from xsurvey.simulate.choice import chosen_detectors, numbers_of
from xsurvey.simulate.cluster import cluster_table
from xsurvey.simulate.drawn_sources import law_of
from xsurvey.simulate.instrument import Instrument, instrument_of, onto_energies
from xsurvey.simulate.motion import motion_of
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.population import default_spectrum, sources_to_simulate
from xsurvey.simulate.result import (
    RESPONSE_LEVEL,
    SimulatedObservation,
    in_order,
    sky_pixels,
)
from xsurvey.simulate.sources import AMOUNTS, Sources
from xsurvey.simulate.spectrum import EnergyBins, evaluate
from xsurvey.simulate.sphere import FAR
from xsurvey.simulate.truth import Truth, truth_of
from xsurvey.simulate.wide_sources import WideSources
from xsurvey.spectra.models.installation import installation

_AT_ONCE = 2_000_000  # photons
_MOST = 1e9  # photons


def with_responses(
    parameters: SimulationParameters, seed: int, arf: str | os.PathLike[str] | None = None,
    rmf: str | os.PathLike[str] | None = None,
) -> SimulatedObservation:  # fmt: skip
    """Simulate an observation through the responses.

    Parameters
    ----------
    parameters : SimulationParameters
    seed : int
    arf, rmf : path, optional
        On the optical axis, of all detectors that observe; those of the mission if not given.

    Raises
    ------
    InputError
        The list of sources or a response cannot be read, or responses do not belong together.
    ParameterError
        A model or its parameters are unknown, sources are too bright or too far away, or the
        mission has no responses.
    MissingDataError
        Models or responses are not installed.
    """
    generator = np.random.default_rng(seed)
    mission = get_mission(parameters.mission or min(missions()))
    scanning = bool(parameters.scans)
    detectors = chosen_detectors(mission, parameters.detectors)
    motion = motion_of(parameters, mission, detectors)
    wcs = sky_pixels(parameters.pointing, mission)
    instrument = instrument_of(mission, parameters.energy, arf, rmf, numbers_of(detectors))
    cluster = read_cluster_model(parameters.cluster) if parameters.cluster else None
    sources = sources_to_simulate(parameters, mission, wcs, generator, cluster)
    psf = parse_psf(parameters.psf) if parameters.psf else mission.psf(scanning)
    half = parameters.field_size / 2 if scanning else np.inf
    camera = Camera(mission, motion, detectors)
    field = SourceField(camera, sources, offsets_of(sources, wcs, mission), psf, half, scanning)
    wide = WideSources(field, parameters.pointing, mission.projection)
    truth, rates = _brightness(field, wide, instrument, parameters)
    parts = list(backgrounds(camera, instrument, parameters, generator))
    parts += drawn_photons(field, instrument, truth, rates, generator)
    parts += wide.photons(instrument, truth.norm, rates, generator)
    if not parts:
        parts = [_no_events()]
    recorded = np.zeros(len(sources) + 1, dtype=np.int64)
    for part in parts:
        recorded += np.bincount(np.maximum(part["origin"], 0), minlength=len(recorded))
    truth = replace(truth, recorded=recorded[1:])
    stamps = _stamps(instrument, psf, parameters)
    return SimulatedObservation(
        mission, parameters, seed, wcs, in_order(parts, wcs, mission), motion,
        truth_of(truth, wcs, parameters), RESPONSE_LEVEL, stamps,
        () if cluster is None else (cluster_table(cluster),),
    )  # fmt: skip


def offsets_of(sources: Sources, wcs: WCS, mission: Mission) -> np.ndarray:
    """Return places in arcsec from the field's centre, shape (s, 2).

    Raises
    ------
    ParameterError
        One that is not wide cannot be projected.
    """
    position = np.column_stack([sources.ra, sources.dec])
    pixels = wcs.all_world2pix(position, 1) if len(position) else position
    offset = (pixels - wcs.wcs.crpix) * mission.sky_pixel
    offset[sources.shapes.wide] = FAR
    bad = ~np.isfinite(offset).all(axis=1)
    if bad.any():
        ra, dec = position[np.argmax(bad)]
        raise ParameterError(
            "sources", f"{ra:.6f},{dec:+.6f} is half a sky away from the pointing",
            "move one of them",
        )  # fmt: skip
    return np.asarray(offset)


def _brightness(
    field: SourceField, wide: WideSources, instrument: Instrument, parameters: SimulationParameters
) -> tuple[Truth, np.ndarray]:
    """Return the sources' fluxes and expected counts, and rates (b, n) of the spectra of norm 1."""
    sources = field.sources
    found = evaluate(sources.spectra, instrument.edges, parameters.flux_band)
    rates = found.photons * instrument.area * instrument.recorded
    if np.any(rates.sum(axis=1) <= 0):
        raise ParameterError(
            "energy", f"the model gives no events at {parameters.energy} keV", "widen the band"
        )
    middle = (instrument.edges[1:] + instrument.edges[:-1]) / 2
    coarse = onto_energies(rates, middle)[sources.spectrum]
    seen = field.seen()
    seen[wide.number] = wide.seen()
    by_norm = np.einsum("sk,sk->s", coarse, seen)
    nominal = by_norm
    if not parameters.scans and np.any(sources.kind == AMOUNTS.index("counts")):
        nominal = np.einsum("sk,sk->s", coarse, field.seen(with_gaps=False))
        nominal[wide.number] = by_norm[wide.number]
    flux = found.flux[sources.spectrum]
    unit = np.choose(sources.kind, [flux, np.ones_like(flux), nominal])
    assert AMOUNTS == ("flux", "norm", "counts")
    norm = np.divide(sources.amount, unit, out=np.zeros_like(unit), where=unit > 0)
    exposure = seen[:, np.argmin(np.abs(ENERGIES - np.sqrt(np.prod(parameters.flux_band))))]
    truth = Truth(sources, norm, norm * flux, norm * by_norm, exposure, found.flux)
    return truth, rates


def drawn_photons(
    field: SourceField, instrument: Instrument, truth: Truth, rates: np.ndarray,
    generator: np.random.Generator,
) -> Iterator[Events]:  # fmt: skip
    """Draw the events of all sources, in portions.

    Parameters
    ----------
    field : SourceField
    instrument : Instrument
    truth : Truth
        With the norms.
    rates : ndarray, shape (b, n)
        Events / s by energy bin of each spectrum of norm 1, on the optical axis.

    Raises
    ------
    ParameterError
        More photons than can be drawn.
    """
    spectrum = field.sources.spectrum
    total = rates.sum(axis=1)[spectrum] * truth.norm
    expected = total * field.seconds * field.brightest
    if expected.sum() > _MOST:
        raise ParameterError(
            "sources", f"send {expected.sum():.3g} photons, more than {_MOST:g}",
            "make them fainter, or the exposure shorter",
        )  # fmt: skip
    number, bins = generator.poisson(expected), EnergyBins(rates)
    ends = np.cumsum(number)
    for first in range(0, int(number.sum()), _AT_ONCE):
        photon = np.arange(first, min(first + _AT_ONCE, int(ends[-1])))
        source = np.searchsorted(ends, photon, side="right")
        yield _portion(field, instrument, bins, source, generator)


def _portion(
    field: SourceField, instrument: Instrument, bins: EnergyBins, source: np.ndarray,
    generator: np.random.Generator,
) -> Events:  # fmt: skip
    """Draw the events of photons, whose sources are given."""
    time = field.times(source, generator.random(len(source)))
    if np.any(field.sources.curves.kind[source]):
        bright = field.relative_flux(source, time) / field.brightest[source]
        kept = generator.random(len(source)) < bright
        source, time = source[kept], time[kept]
    bin_number = bins.draw(field.sources.spectrum[source], generator)
    energy = instrument.draw_photons(bin_number, generator)
    place = field.origins(source, generator.random((2, len(source))))
    angle = field.angles(place, time)
    kept = generator.random(len(source)) < field.vignetted(angle, energy)
    source, time, bin_number = source[kept], time[kept], bin_number[kept]
    angle, place = angle[kept], place[kept]
    place = field.blurred(place, angle, generator.random((2, len(source))))
    number, pixel = field.camera.land(time, place, generator)
    hit = (number >= 0) & field.in_field(place)
    channel_energy = instrument.draw_events(bin_number[hit], generator)
    return events_of(
        time[hit], place[hit], channel_energy, number[hit], pixel[hit], source[hit] + 1
    )


def _no_events() -> Events:
    nothing = np.empty(0)
    return events_of(nothing, np.empty((0, 2)), nothing, nothing, np.empty((0, 2)))


def _stamps(
    instrument: Instrument, psf: PointSpreadFunction, parameters: SimulationParameters
) -> dict[str, tuple[Any, str]]:
    """Return what the header says: models, versions, and what is approximate."""
    stamps = dict(instrument.stamps)
    own = default_spectrum(parameters)
    stamps["SIMMODEL"] = (" ".join((own.model, *own.settings)), "")
    stamps["VIGNAPPR"] = ("APPROX", "vignetting: analytic, round")
    if psf.approximate:
        stamps["PSFAPPR"] = ("APPROX", "PSF: round, of the mission")
    stamps["FLUXBAND"] = (str(parameters.flux_band), "keV, of fluxes in the truth table")
    for key, model, values in (
        ("SIMDIFF", parameters.diffuse, parameters.diffuse_set),
        ("SIMPART", parameters.particle, parameters.particle_set),
    ):
        if model is not None:
            stamps[key] = (" ".join((model, *values)), "")
    for number, text in enumerate(parameters.particle_group, start=1):
        stamps[f"SIMPRT{number}"] = (text, "")
    if parameters.particle is None and not parameters.particle_group:
        stamps["SIMBKG"] = (parameters.background_rate, "ct/s on each detector, flat")
    if parameters.log_n_log_s is not None:
        law = law_of(parameters)
        stamps["SIMLOGN"] = (parameters.log_n_log_s, "log N - log S of drawn sources")
        stamps["SIMLOGB"] = (law.brightness(law.limit, law.brightest), "erg/s/cm2/deg2 of them all")
        if parameters.brightest is not None:
            stamps["SIMLOGM"] = (parameters.brightest, "erg/s/cm2, brightest that is drawn")
        if parameters.sky_seed is not None:
            stamps["SIMSKY"] = (parameters.sky_seed, "seed of their places and fluxes")
    if parameters.cluster is not None:
        stamps["SIMCLUST"] = (Path(parameters.cluster).name, "model of a cluster")
    stamps["SIMXSPEC"] = (installation().version, "models")
    stamps["SIMVERS"] = (__version__, "of xsurvey")
    return stamps
