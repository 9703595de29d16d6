"""Polarization of energy bins by the likelihood of their events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import ParameterError
from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.polarization.bin_sums import BinSums, channels_in_bins
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.estimators import projected, stokes_bins
from xsurvey.polarization.modulation import Modulation
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.stokes import StokesBins, StokesFlag
from xsurvey.polarization.unbinned.likelihood import LikelihoodFit, fit_polarization
from xsurvey.polarization.unbinned.likelihood_events import (
    RegionEvents,
    read_cells,
    read_region_events,
)
from xsurvey.polarization.unbinned.polarized_points import PolarizedPoints, joined
from xsurvey.polarization.unbinned.source_fractions import (
    SourceFractions,
    channel_groups,
    fractions_of_counts,
    fractions_of_places,
    relative_density,
)
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction.region_exposure import sample_finely
from xsurvey.units import SkyPosition

_MDP99 = float(np.sqrt(-2 * np.log(0.01)))


@dataclass(frozen=True)
class _Bins:
    """Which energy bin a channel is in, and what is there.

    Attributes
    ----------
    of_channel : ndarray of int, shape (c,)
        -1 for none.
    number : int
    factor : ndarray, shape (d, c)
        Modulation factor.
    scale : float or None
        Of the background region to the source region.
    """

    of_channel: np.ndarray
    number: int
    factor: np.ndarray
    scale: float | None


def check_options(parameters: PolarizationParameters) -> None:
    """Raise a `ParameterError` where weights by the PSF are asked for without a likelihood."""
    if parameters.psf_weights and parameters.estimator != "likelihood":
        raise ParameterError(
            "psf_weights", f"cannot be used with the estimator '{parameters.estimator}'",
            "give --estimator likelihood, or leave it out",
        )  # fmt: skip


def likelihood_bins(
    events: EventList, modulation: Modulation, sums: BinSums,
    regions: Sequence[RegionSet | None], scale: float | None, parameters: PolarizationParameters,
) -> tuple[StokesBins, tuple[str, ...]]:  # fmt: skip
    """Measure the polarization of a source by the likelihood of its events.

    Without weights of events and PSF they are summed into cells, in memory that does not grow with
    them; else they are held in memory.

    Parameters
    ----------
    events : EventList
    modulation : Modulation
    sums : BinSums
        Of the source region, background subtracted; arrays (n,).
    regions : sequence of RegionSet or None
        Of the source, and of the background if there is one.
    scale : float or None
        Of the background region to the source region.
    parameters : PolarizationParameters

    Returns
    -------
    bins : StokesBins
        Arrays (n,).
    notes : tuple of str

    Raises
    ------
    ParameterError
        PSF weights without a source region.
    """
    edges = np.append(sums.energy_min, sums.energy_max[-1])
    member = channels_in_bins(modulation.energy, edges)
    of_channel = np.where(member.any(axis=1), member.argmax(axis=1), -1)
    bins = _Bins(of_channel, len(edges) - 1, modulation.factor, scale)
    usable = of_channel >= 0
    if not (parameters.weighted or parameters.psf_weights):
        points = _points_of_cells(read_cells(events, modulation, regions, usable), bins)
        fit = fit_polarization(points, background=scale is not None)
        return stokes_of_fit(fit, sums), ()
    density = None
    if parameters.psf_weights:
        density = _SourceDensity(events, regions[0])
    found = read_region_events(events, modulation, regions, usable, parameters.weighted)
    points = points_of_events(found, bins, density, parameters.weighted)
    if density is not None:  # the source's events are those in its PSF
        source = found[0]
        share = points.source[: len(source.q)] if points.source is not None else 1.0
        area = modulation.effective_area[source.detector, source.channel]
        a = source.weight / area if parameters.acceptance_correction else source.weight
        sums = _of_source(sums, share * a, of_channel[source.channel], modulation, source)
    fit = fit_polarization(points, scale is not None, robust=parameters.weighted)
    notes = []
    if density is not None:
        notes.append("PSF weights: a point source in the middle of the region, a circular PSF")
        if scale is None:
            notes.append("without a background region the background is flat and unpolarized")
    return stokes_of_fit(fit, sums), tuple(notes)


def _points_of_cells(cells: Sequence[ChannelSums], bins: _Bins) -> PolarizedPoints:
    made = [PolarizedPoints.of_cells(c, bins.of_channel, bins.number, bins.factor) for c in cells]
    points, channel = made[0]
    if bins.scale is None:
        return points
    counts = [c.counts.sum(axis=(0, 2)) for c in cells]
    group = channel_groups(counts[0], bins.of_channel)
    source, background = (_by_group(c, group) for c in counts)
    mixture = fractions_of_counts(source, background, bins.scale)
    mixed = _mixed(points, mixture, group[channel], None)
    behind = made[1][0]
    return joined([mixed, behind.mixed(np.zeros(len(behind.x)))])


def points_of_events(
    found: Sequence[RegionEvents], bins: _Bins, density: _SourceDensity | None, weighted: bool
) -> PolarizedPoints:
    """Return the events of source and background regions as points of one likelihood."""
    group = channel_groups(np.bincount(found[0].channel, minlength=len(bins.of_channel)),
                           bins.of_channel)  # fmt: skip
    groups = int(group.max(initial=-1)) + 1
    factor = np.ones(groups)
    if weighted:
        g, w = group[found[0].channel], found[0].weight
        sums = [np.bincount(g, values, groups) for values in (w, w * w)]
        with np.errstate(invalid="ignore"):
            factor = np.where(sums[1] > 0, sums[0] / sums[1], 1.0)
    parts = [
        PolarizedPoints.of_events(
            bins.of_channel[e.channel], bins.number, e.q, e.u,
            modulation_of_weights(bins.factor[e.detector, e.channel], e.weight,
                                  factor[group[e.channel]]) if weighted
            else bins.factor[e.detector, e.channel],
        )
        for e in found
    ]  # fmt: skip
    if bins.scale is None and density is None:
        return parts[0]
    of_event = [group[e.channel] for e in found]
    behind = None if bins.scale is None else np.bincount(of_event[1], minlength=groups)
    relative = None if density is None else density(found[0])
    if relative is not None:
        mixture = fractions_of_places(relative, of_event[0], groups, behind, bins.scale or 1.0)
    else:
        assert behind is not None
        assert bins.scale is not None
        counts = np.bincount(of_event[0], minlength=groups)
        mixture = fractions_of_counts(counts, behind, bins.scale)
    mixed = _mixed(parts[0], mixture, of_event[0], relative)
    if len(parts) == 1:
        return mixed
    return joined([mixed, parts[1].mixed(np.zeros(len(parts[1].x)))])


def modulation_of_weights(factor: np.ndarray, weight: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Return the modulation factors of weighted events.

    Weights are made to be proportional to the modulation factor that a track of such a quality
    has: mu_i = w_i mu (sum w) / (sum w^2), so that the mean of mu_i over the weights is the
    modulation factor mu of weighted events. Of weights of another kind Q/I is right all the same,
    as sum mu_i mu_true = sum mu_i^2, but not its covariance without `robust`.

    Parameters
    ----------
    factor : ndarray, shape (n,)
        mu, of weighted events at the energy.
    weight : ndarray, shape (n,)
    ratio : ndarray, shape (n,)
        Sum of weights over sum of squared weights, of events of about this energy.
    """
    return np.asarray(factor * weight * ratio)


class _SourceDensity:
    """The PSF about the middle of a region, relative to its mean over the region."""

    def __init__(self, events: EventList, region: RegionSet | None) -> None:
        if region is None or not region.include:
            raise ParameterError(
                "psf_weights", "needs a source region", "give --region, a circle about the source"
            )
        samples = sample_finely(region)
        x, y = samples.places(len(samples.x))
        self.x, self.y = x.mean(), y.mean()
        self.pixel = events.pixel_size
        observation = events.observation
        self.psf = get_mission(observation.mission).psf(observation.scanning)
        self.off_axis = 0.0
        if not observation.scanning:
            ra, dec = events.wcs.all_pix2world(self.x, self.y, 1)
            here = unit_vectors(*SkyPosition(float(ra) % 360, float(dec)))
            self.off_axis = float(separations(unit_vectors(*observation.pointing), here))
        self.samples = self._distance(x, y)

    def __call__(self, events: RegionEvents) -> np.ndarray:
        radius = self._distance(events.x, events.y)
        return relative_density(self.psf, radius, self.samples, self.off_axis)

    def _distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.hypot(x - self.x, y - self.y) * self.pixel


def _mixed(
    points: PolarizedPoints, mixture: SourceFractions, group: np.ndarray,
    density: np.ndarray | None,
) -> PolarizedPoints:  # fmt: skip
    probability, slope = mixture.probability(group, density)
    return points.mixed(probability, group, slope, mixture.variance)


def _by_group(counts: np.ndarray, group: np.ndarray) -> np.ndarray:
    inside = group >= 0
    return np.bincount(group[inside], counts[inside])


def _of_source(
    sums: BinSums, share: np.ndarray, group: np.ndarray, modulation: Modulation,
    source: RegionEvents,
) -> BinSums:  # fmt: skip
    """Return sums whose I, and means over I, are those of the events times ``share``."""
    n = len(sums.energy_min)
    mu = modulation.factor[source.detector, source.channel]
    energy = modulation.energy[source.channel]
    return replace(
        sums, i=np.bincount(group, share, n), modulation=np.bincount(group, share * mu, n),
        energy=np.bincount(group, share * energy, n),
    )  # fmt: skip


def stokes_of_fit(fit: LikelihoodFit, sums: BinSums) -> StokesBins:
    """Return measurements from a fit: Q and U are I times Q/I and U/I of the likelihood.

    Parameters
    ----------
    fit : LikelihoodFit
        Of n groups.
    sums : BinSums
        Of the same bins, arrays (n,).
    """
    net = sums.i > 0
    qn, un = (np.where(net, fit.stokes[:, k], np.nan) for k in (0, 1))
    covariance = np.where(net[:, None, None], fit.covariance, np.nan)
    pd = np.hypot(qn, un)
    with np.errstate(divide="ignore", invalid="ignore"):
        cos, sin = np.where(pd > 0, qn / pd, 1.0), np.where(pd > 0, un / pd, 0.0)
        pa_err = np.degrees(0.5 * projected(covariance, -sin, cos) / pd)
        pd_err = projected(covariance, cos, sin)
        q_err, u_err = (sums.i * np.sqrt(covariance[:, k, k]) for k in (0, 1))
    bins = stokes_bins(
        replace(sums, q=sums.i * qn, u=sums.i * un), covariance, q_err, u_err,
        np.where(net, _MDP99 * fit.sigma0, np.nan), pd_err, np.where(pd > 0, pa_err, np.nan),
        np.where(net, fit.chi2, np.nan), "likelihood",
    )  # fmt: skip
    limited = net & fit.at_limit
    return replace(
        bins, flags=(bins.flags & ~int(StokesFlag.ABOVE_ONE)) | int(StokesFlag.AT_ONE) * limited
    )
