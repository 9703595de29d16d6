r"""Flux points of one spectrum under a fitted model.

In a bin of channels f, the net counts over those that the folded model expects, is the norm that
fits the model to the bin's counts alone. The point is f times the model's nu F_nu without
absorption, at the energy

.. math:: \ln E_{ref} = \frac{\int R(E)\, n(E) \ln E\, dE}{\int R(E)\, n(E)\, dE}

of the photons n that the response R brings into the bin. There f does not depend on the slope
that was assumed: if the true spectrum is :math:`(E/E_0)^\delta` times the model,
:math:`f = 1 + \delta \langle\ln E/E_0\rangle` to first order, which is the ratio of both at
:math:`E_{ref}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.best_fit import typical_changes
from xsurvey.sed.flux_points.bins import equal_steps, join_to_significance, runs_of, sums
from xsurvey.sed.flux_points.net_counts import NetCounts, net_counts
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.sed.flux_points.unabsorbed import UnabsorbedSpectrum
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.grouping import fwhm_in_channels
from xsurvey.spectra.likelihood import Member
from xsurvey.spectra.response import Response

_DIFFERENCE = 1e-3
"""Of a typical change of a parameter, for derivatives."""


@dataclass(frozen=True)
class PointBins:
    """Bins of channels and what the model expects in them; arrays of shape (k,), by energy.

    Attributes
    ----------
    labels : ndarray of int, shape (m,)
        Number of the bin of each group of channels.
    energy : ndarray
        Mean energy of the photons that reach the bin, keV.
    energy_min, energy_max : ndarray
        Nominal energies of its channels, keV.
    expected : ndarray
        Counts of the source.
    counts, background, ratio : ndarray
        What was counted; None where no background is subtracted. ``ratio`` is the source's part
        of a background count.
    """

    labels: np.ndarray
    energy: np.ndarray
    energy_min: np.ndarray
    energy_max: np.ndarray
    expected: np.ndarray
    counts: np.ndarray
    background: np.ndarray | None
    ratio: np.ndarray

    def net(self, confidence: float) -> NetCounts:
        """Return the net counts, with upper limits of a confidence."""
        return net_counts(self.counts, self.background, self.ratio, confidence)


@dataclass(frozen=True)
class FluxPoints:
    """Points of one spectrum; arrays of shape (k,), in the order of energy.

    Attributes
    ----------
    name, instrument : str
        Of the spectrum.
    bins : PointBins
    net : NetCounts
    model : ndarray
        E^2 dN/dE of the model without absorption at the points' energies, erg / cm2 / s.
    model_error : ndarray
        Relative error of the model there over what it expects to be counted: that of column
        density and shape, by the fit's covariance. It is no part of the errors of counts, and
        common to all points.
    is_limit : ndarray of bool
    """

    name: str
    instrument: str
    bins: PointBins
    net: NetCounts
    model: np.ndarray
    model_error: np.ndarray
    is_limit: np.ndarray

    def of_counts(self, counts: np.ndarray) -> np.ndarray:
        """Return net counts as E^2 dN/dE, erg / cm2 / s."""
        return counts / self.bins.expected * self.model

    def __len__(self) -> int:
        return len(self.model)


def point_bins(
    member: Member, full: np.ndarray, response: Response, parameters: FluxPointParameters,
    subtract: bool,
) -> PointBins:  # fmt: skip
    """Return bins of the channels of a spectrum.

    Parameters
    ----------
    member : Member
    full : ndarray, shape (p,)
        All parameters of the best fit.
    response : Response
        Of the spectrum, for its resolution.
    parameters : FluxPointParameters
    subtract : bool
        Whether the background's counts are subtracted: where the fit does without them the model
        is of source and background, and so are points.

    Raises
    ------
    InputError
        The model expects nothing in a bin, or as `check_data`.
    ParameterError
        As `check_data`.
    """
    data = member.dataset
    check_data(data, parameters, subtract)
    edges = data.folding.edges
    low, high = np.maximum(data.energy_low, edges[0]), data.energy_high
    photons = member.flux(full[None, :])
    centre = 0.5 * (np.log(edges[1:]) + np.log(edges[:-1]))
    expected, weighted = data.folding.fold(np.concatenate((photons, photons * centre)))
    ratio = data.background_scale
    behind = data.background.counts if subtract and data.background is not None else None
    off = np.zeros(len(low)) if behind is None else behind
    if parameters.bins is not None:
        labels = equal_steps(low, high, parameters.bins)
    else:
        labels = join_to_significance(
            expected, off * ratio * (1 + ratio), low, high, resolution_of(data, response),
            runs_of(data.grouping.first, data.grouping.last), parameters.significance,
        )  # fmt: skip
    model = sums(labels, expected)
    places = range(len(model))
    energy_min = np.array([low[labels == i].min() for i in places])
    energy_max = np.array([high[labels == i].max() for i in places])
    if np.any(none := ~(model > 0)):
        first = int(np.flatnonzero(none)[0])
        raise InputError(
            data.name, f"is expected to have no counts at {energy_min[first]:.4g}-"
            f"{energy_max[first]:.4g} keV by the model", "narrow the energies (--energy)",
        )  # fmt: skip
    below, channels = sums(labels, off), data.grouping.sizes
    plain = sums(labels, ratio * channels) / sums(labels, channels)
    # where the scale differs within a bin, that of the background's counts
    scale = np.divide(sums(labels, off * ratio), below, out=plain, where=below > 0)
    bins = PointBins(
        labels, np.exp(sums(labels, weighted) / model), energy_min, energy_max, model,
        sums(labels, data.counts), None if behind is None else below, scale,
    )  # fmt: skip
    return _by_energy(bins)


def check_data(data: Dataset, parameters: FluxPointParameters, subtract: bool) -> None:
    """Raise for counts of which there can be no points, whatever the model.

    Parameters
    ----------
    data : Dataset
    parameters : FluxPointParameters
    subtract : bool
        As of `point_bins`.

    Raises
    ------
    InputError
        They are not Poisson distributed, or none are above the background; or channels have no
        energy.
    ParameterError
        More bins than groups of channels.
    """
    if not data.poisson:
        raise InputError(
            data.name, "holds counts that are not Poisson distributed, of which points have no "
            "errors", "use the spectrum before its background was subtracted",
        )  # fmt: skip
    least = data.folding.edges[0]
    if np.any(np.maximum(data.energy_low, least) >= data.energy_high):
        raise InputError(
            data.name, f"has channels below {least:g} keV, where its response begins",
            "narrow the energies (--energy)",
        )  # fmt: skip
    behind = data.background.counts if subtract and data.background is not None else None
    below = 0.0 if behind is None else float(np.sum(behind * data.background_scale))
    if not data.counts.sum() > below:
        what = "no net counts" if below else "no counts"
        raise InputError(
            data.name, f"has {what} at {data.energy_low.min():.3g}-{data.energy_high.max():.3g} "
            "keV, of which there are no points", "widen the energies (--energy), or give a limit "
            "of the whole band",
        )  # fmt: skip
    number = parameters.bins
    if number is not None and number > len(data.counts):
        raise ParameterError(
            "bins", f"{number} are more than the {len(data.counts)} groups of channels of "
            f"{data.name}", "give fewer, or group less (--group)",
        )  # fmt: skip


def _by_energy(bins: PointBins) -> PointBins:
    """Return bins in the order of energy: channels of gratings count wavelengths."""
    order = np.argsort(bins.energy_min, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return PointBins(
        place[bins.labels], bins.energy[order], bins.energy_min[order], bins.energy_max[order],
        bins.expected[order], bins.counts[order],
        None if bins.background is None else bins.background[order], bins.ratio[order],
    )  # fmt: skip


def resolution_of(data: Dataset, response: Response) -> np.ndarray:
    """Return the full width at half maximum of the response at each group of channels, keV.

    Raises
    ------
    InputError
        The matrix is zero everywhere.
    """
    matrix = response.redistribution
    width = np.asarray(matrix.channel_high - matrix.channel_low)
    try:
        fwhm = fwhm_in_channels(response.matrix, width) * width
    except ValueError as refused:
        raise InputError(matrix.path, str(refused), "give the right response") from None
    centre = 0.5 * (matrix.channel_low + matrix.channel_high)
    order = np.argsort(centre)
    middle = 0.5 * (data.energy_low + data.energy_high)
    return np.interp(middle, centre[order], fwhm[order])


def flux_points(
    member: Member, fit: Fit, columns: np.ndarray, bins: PointBins,
    unabsorbed: UnabsorbedSpectrum, parameters: FluxPointParameters, instrument: str,
) -> FluxPoints:  # fmt: skip
    """Return the points of one spectrum of a fit.

    Parameters
    ----------
    member : Member
    fit : Fit
    columns : ndarray of int
        Of the expression's parameters of this spectrum among all parameters.
    bins : PointBins
    unabsorbed : UnabsorbedSpectrum
    parameters : FluxPointParameters
    instrument : str

    Raises
    ------
    InputError
        The model has no photons at the energy of a point.
    """
    model = unabsorbed(fit.values[None, columns], bins.energy)[0]
    if np.any(none := ~np.isfinite(model)):
        where = bins.energy[np.flatnonzero(none)[0]]
        raise InputError(
            "model", f"has no photons at {where:.4g} keV without its absorption",
            "narrow the energies (--energy), or change the model",
        )  # fmt: skip
    net = bins.net(parameters.limit_confidence)
    found = net.value > 0
    if bins.background is not None:
        found &= net.significance >= parameters.limit_significance
    return FluxPoints(
        member.dataset.name, instrument, bins, net, model,
        _model_errors(member, fit, columns, bins, unabsorbed), ~found,
    )  # fmt: skip


def _model_errors(
    member: Member, fit: Fit, columns: np.ndarray, bins: PointBins,
    unabsorbed: UnabsorbedSpectrum,
) -> np.ndarray:  # fmt: skip
    """Return relative errors of the model over its expected counts, linearly, shape (k,)."""
    if not len(fit.theta):
        return np.zeros(len(bins.energy))
    parameters = fit.likelihood.parameters
    bounds = parameters.bounds
    step = _DIFFERENCE * typical_changes(fit.likelihood, fit.theta)
    rows = np.repeat(fit.theta[None, :], 2 * len(fit.theta), axis=0)
    places = np.arange(len(fit.theta))
    rows[places, places] = np.maximum(fit.theta - step, bounds[0])
    rows[places + len(places), places] = np.minimum(fit.theta + step, bounds[1])
    full = parameters.expand(rows)
    counts = np.array([sums(bins.labels, row) for row in member.source(full)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(unabsorbed(full[:, columns], bins.energy) / counts)
    change = (rows[places + len(places), places] - rows[places, places])[:, None]
    gradient = (ratio[len(places) :] - ratio[: len(places)]) / change
    covariance = np.nan_to_num(fit.minimum.covariance)
    variance = np.einsum("ik,ij,jk->k", gradient, covariance, gradient)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
