"""Profiles of polarization in annuli and sectors: along and across radial or other directions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import seen_sky
from xsurvey.imaging.sky_image import separation_arcmin
from xsurvey.polarization.bin_sums import BinSums, check_edges
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.modulation import Modulation, Weighting, modulation_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.random_phases import unevenness
from xsurvey.polarization.space.annuli import AngleMap, Annuli, Directions, placing
from xsurvey.polarization.space.cell_background import background_scale, turned_background
from xsurvey.polarization.space.cell_results import null_chi2, null_error, usable_cells
from xsurvey.polarization.space.cell_sums import CellSums, subtract_level, sum_cells, summed
from xsurvey.polarization.space.map_parameters import RadialParameters
from xsurvey.polarization.space.maps import notes_of_cells, require_band
from xsurvey.polarization.space.trials import (
    BackgroundNoise,
    Trials,
    simulated_maxima,
    trials_of,
)
from xsurvey.polarization.stokes import StokesBins
from xsurvey.regions import RegionSet

_FARTHEST = 10 * 3600.0  # arcsec: annuli are parts of a field


@dataclass(frozen=True)
class PolarizationProfile:
    """Polarization of annuli, or their sectors, in energy bins.

    Attributes
    ----------
    annuli : Annuli
    sums, aligned_sums : BinSums
        Arrays (p, n), background subtracted: with north as reference, and with the model's
        directions.
    bins, aligned : StokesBins
        What they tell, arrays (p, n), not masked. ``aligned.q_norm`` is the polarization along the
        model's directions, negative across them; ``aligned.u_norm`` is zero if these are right;
        ``aligned.pa_deg`` is the angle relative to them.
    total : StokesBins
        Aligned, of all cells together, arrays (1, n).
    alignment : ndarray, shape (p + 1, n)
        Q' in sigma, 1 degree of freedom, of the cells, and of all in the last row: for directions
        known before.
    used : ndarray of bool, shape (p, n)
        Where there are enough events.
    total_used : ndarray of bool, shape (n,)
        Likewise of all cells together.
    trials : Trials
        Of chi2 of all cells and bins.
    modulation : Modulation
    background_counts : ndarray, shape (n,), or None
    background_scale : ndarray, shape (p,), or None
    notes : tuple of str
    """

    annuli: Annuli
    sums: BinSums
    aligned_sums: BinSums
    bins: StokesBins
    aligned: StokesBins
    total: StokesBins
    alignment: np.ndarray
    used: np.ndarray
    total_used: np.ndarray
    trials: Trials
    modulation: Modulation
    background_counts: np.ndarray | None = None
    background_scale: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def measure_polarization_profile(
    events: EventList, parameters: PolarizationParameters, radial: RadialParameters, *,
    angles: AngleMap | None = None, region: RegionSet | None = None,
    background: RegionSet | None = None, seed: int = 0,
) -> PolarizationProfile:  # fmt: skip
    """Measure polarization in annuli about a centre.

    The Stokes parameters of each event are turned to the model's direction at its place,
    q' = (q q0 + u u0) / 2 and u' = (u q0 - q u0) / 2, before they are summed: polarization that
    follows the model adds up, where in sums of q and u it would cancel.

    Parameters
    ----------
    events : EventList
        Of one observation; detector units are added up.
    parameters : PolarizationParameters
    radial : RadialParameters
    angles : AngleMap, optional
        Of the model ``map``.
    region, background : RegionSet, optional
        In the list's sky pixels: what is counted, everything if not given, and the background,
        which is subtracted from every cell by its area.
    seed : int
        Of the simulations.

    Raises
    ------
    InputError
        No polarimeter, no Stokes parameters, no good time, no event in the annuli.
    ParameterError
        Energies beyond the responses, unknown responses, a centre that is not in the field.
    MissingDataError
        Responses are not installed.
    """
    weighting: Weighting = "simple" if parameters.weighted else "none"
    modulation = modulation_of(events, weighting, parameters.irf)
    edges = check_edges(np.array(parameters.edges), modulation)
    annuli = Annuli(radial.center, radial.radii, radial.sectors, radial.sector_start / 3600)
    _check_annuli(events, annuli)
    directions = Directions(
        radial.model, radial.center, (radial.model_angle or 0.0) / 3600, angles
    )  # fmt: skip
    place = placing(annuli, directions, events.wcs, events.pixel_size)

    def within(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        cell, model = place(x, y)
        return (cell if region is None else np.where(region.contains(x, y), cell, -1)), model

    found = sum_cells(
        events, modulation, edges, within, annuli.number, background=background,
        weighted=parameters.weighted, acceptance=parameters.acceptance_correction, aligned=True,
        keep_phases=radial.simulations > 0,
    )  # fmt: skip
    if not found.sums.counts.any():
        require_band(events if region is None else events.in_region(region), edges)
        raise InputError(
            events.observation.path, f"has no events within {annuli.edges[-1]:g} arcsec of "
            f"{annuli.center}, in the energy bins, with a direction",
            "choose a centre in the field, or other radii",
        )  # fmt: skip
    return _finish(events, found, annuli, directions, modulation, parameters, radial,
                   background, seed)  # fmt: skip


def _check_annuli(events: EventList, annuli: Annuli) -> None:
    """Raise where the centre cannot be in the field of the events."""
    distance = float(
        separation_arcmin(
            np.array(events.observation.pointing.ra), np.array(events.observation.pointing.dec),
            annuli.center,
        )
    )  # fmt: skip
    centre = np.ravel(events.wcs.all_world2pix(*annuli.center, 1))
    if distance * 60 > _FARTHEST or not np.all(np.isfinite(centre)):
        raise ParameterError(
            "center", f"{annuli.center} is {distance / 60:.3g} deg from where the telescope looked",
            "give a position in the field",
        )  # fmt: skip
    if annuli.edges[-1] > _FARTHEST:
        raise ParameterError("edges", "reach beyond any field", "give smaller radii")


def _finish(
    events: EventList, found: CellSums, annuli: Annuli, directions: Directions,
    modulation: Modulation, parameters: PolarizationParameters, radial: RadialParameters,
    background: RegionSet | None, seed: int,
) -> PolarizationProfile:  # fmt: skip
    assert found.aligned is not None
    sums, aligned = found.sums, found.aligned
    total = summed(aligned)
    scale, noise = None, None
    if background is not None and found.background is not None:
        area, cos, sin = _seen_cells(events, annuli, directions)
        scale = parameters.background_scale * area / area.sum() if (
            parameters.background_scale is not None
        ) else background_scale(events, background, found.background_counts, area)  # fmt: skip
        sums = subtract_level(sums, found.background, scale[:, None])
        turned = turned_background(found.background, cos[:, None], sin[:, None])
        aligned = subtract_level(aligned, turned, scale[:, None])
        every = float(scale.sum())
        mean = [np.average(v, weights=scale, keepdims=True)[:, None] for v in (cos, sin)]
        total = subtract_level(
            total, turned_background(found.background, *mean), np.array([[every]])
        )
        noise = BackgroundNoise.of(
            found.background, scale[:, None], cos[:, None], sin[:, None]
        )  # fmt: skip
    estimate = ESTIMATORS[parameters.estimator]
    bins, along = estimate(sums), estimate(aligned)
    used = usable_cells(aligned, along, radial.minimum_events)
    trials = trials_of(null_chi2(aligned), used)
    if radial.simulations and found.place is not None and found.strength is not None:
        maxima = simulated_maxima(
            found.place, found.strength, found.sums.i.shape,
            np.where(used, null_error(aligned), np.nan), unevenness(aligned), radial.simulations,
            seed, None, noise,
        )  # fmt: skip
        trials = replace(
            trials, simulations=radial.simulations,
            exceeding=int(np.count_nonzero(maxima >= trials.chi2)),
        )  # fmt: skip
    together = estimate(total)
    total_used = usable_cells(total, together, radial.minimum_events)[0]
    alignment = np.concatenate([aligned.q / null_error(aligned), total.q / null_error(total)])
    return PolarizationProfile(
        annuli, sums, aligned, bins, along, together, alignment, used, total_used, trials,
        modulation,
        None if found.background is None else found.background.counts, scale,
        (*modulation.warnings, *notes_of_cells(found, used, sums, "annuli or sectors")),
    )  # fmt: skip


def _seen_cells(
    events: EventList, annuli: Annuli, directions: Directions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return seen areas (deg2) of cells, and the means of cos 2 phi and sin 2 phi over them."""
    ra, dec = annuli.samples()
    angle = np.radians(2 * directions.at(ra, dec))
    x, y = events.wcs.all_world2pix(ra.ravel(), dec.ravel(), 1)
    seen = seen_sky(events, x, y).at(x, y).livetime.reshape(ra.shape) / events.livetime
    weight = np.where(np.isfinite(angle), seen, 0.0)
    total = weight.sum(axis=1)
    if not total.any():
        raise InputError(
            events.observation.path, "was never exposed in the annuli", "choose others"
        )  # fmt: skip
    safe = np.where(total > 0, total, 1.0)
    cos, sin = (
        np.where(weight > 0, weight * wave(angle), 0.0).sum(axis=1) / safe
        for wave in (np.cos, np.sin)
    )
    return annuli.area() * total / ra.shape[1], cos, sin
