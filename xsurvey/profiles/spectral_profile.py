"""Temperatures, abundances and norms of annuli, as results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xsurvey.inference.best_fit import Interval
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.inference.profile import profile_delta
from xsurvey.profiles.annuli_fit import NUISANCE, fit_annuli, settle_scatter
from xsurvey.profiles.annuli_likelihood import COOL, AnnuliProblem
from xsurvey.profiles.annuli_model import region_areas
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.two_temperatures import both_known, choose_temperatures, without
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.flux import band_flux, gradient_of
from xsurvey.spectra.goodness import goodness_record
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.units import EnergyBand

QUANTITIES = ("kt", "abundance", "norm", "kt_cool", "norm_cool")
_PARAMETER = {
    "kt": ("", "kT"), "abundance": ("", "Z"), "norm": ("", "norm"), "kt_cool": (COOL, "kT"),
    "norm_cool": (COOL, "norm"),
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Values with intervals, shape (n,) each; NaN where nothing was measured."""

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Measured:
        """Return n that were not measured."""
        return cls(*np.full((3, n), np.nan))


@dataclass(frozen=True)
class SpectralProfile:
    """What a joint fit of n annuli found.

    Attributes
    ----------
    regions : tuple of SpectralRegion
        The annuli.
    kt, abundance, norm : Measured
        keV, solar, and 1e14 / cm5 / arcmin2 (of deprojected fits: 1e14 / cm5 of a whole shell). Of
        annuli whose temperature or norm ended at a limit, kt and abundance are NaN.
    kt_cool, norm_cool : Measured
        Of the second, cooler plasma, where two temperatures are preferred.
    flux : Measured
        Unabsorbed, of all plasmas, erg / s / cm2 / arcmin2 (of deprojected fits: of a whole shell,
        without arcmin2); intervals by linear propagation.
    flux_band : EnergyBand
        keV.
    counts : ndarray, shape (n,)
        Of all groups of detectors, background included.
    area, geometric_area : ndarray, shape (n,)
        arcmin2.
    two_temperature_gain : ndarray, shape (n,)
        By how much a second temperature lowers the statistic; NaN where it was not looked for.
    flags : ndarray of int, shape (n,)
        Bits of `xsurvey.profiles.bin_flags.BinFlag`.
    kt_covariance : ndarray, shape (n, n)
        keV2, of 68.3 %; NaN where there is no kt. Correlations are those of the curvature of the
        statistic, standard deviations half the intervals: where the temperature is one that the
        plasma code tabulates the statistic has a kink, and its curvature means nothing.
    background : dict
        Records of the sky's components, its deviations and the particles' scales.
    statistic : dict
        ``name``, ``value``, ``dof``.
    goodness : dict or None
    scatter : float
        Standard deviation of the sky's brightness that was assumed or estimated.
    deprojected : bool
    confidence : float
    notes : tuple of str
    stamps : dict
    """

    regions: tuple[SpectralRegion, ...]
    kt: Measured
    abundance: Measured
    norm: Measured
    kt_cool: Measured
    norm_cool: Measured
    flux: Measured
    flux_band: EnergyBand
    counts: np.ndarray
    area: np.ndarray
    geometric_area: np.ndarray
    two_temperature_gain: np.ndarray
    flags: np.ndarray
    kt_covariance: np.ndarray
    background: dict[str, dict[str, Any]]
    statistic: dict[str, Any]
    goodness: dict[str, Any] | None
    scatter: float
    deprojected: bool
    confidence: float
    notes: tuple[str, ...] = ()
    stamps: dict[str, Any] = field(default_factory=dict)

    @property
    def radius(self) -> np.ndarray:
        """Middles of the annuli, arcmin."""
        return np.array([0.5 * (r.inner + r.outer) for r in self.regions])

    @property
    def norm_unit(self) -> str:
        """Unit of norms, as FITS writes it."""
        return "10**14 cm-5" if self.deprojected else "10**14 arcmin-2 cm-5"

    @property
    def flux_unit(self) -> str:
        """Unit of fluxes, as FITS writes it."""
        return "erg s-1 cm-2" if self.deprojected else "erg s-1 cm-2 arcmin-2"

    def to_record(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for NaN."""
        rows = []
        for i, region in enumerate(self.regions):
            row: dict[str, Any] = {
                "name": region.name, "inner_arcmin": region.inner, "outer_arcmin": region.outer,
                "sector": None if region.sector is None else list(region.sector),
                "counts": float(self.counts[i]), "area_arcmin2": _plain(self.area[i]),
                "geometric_area_arcmin2": _plain(self.geometric_area[i]),
                "two_temperature_gain": _plain(self.two_temperature_gain[i]),
                "flags": int(self.flags[i]),
            }  # fmt: skip
            for name in (*QUANTITIES, "flux"):
                measured: Measured = getattr(self, name)
                row[name] = {
                    key: _plain(getattr(measured, key)[i]) for key in ("value", "lower", "upper")
                }
            rows.append(row)
        return {
            "annuli": rows, "background": self.background, "statistic": self.statistic,
            "goodness": self.goodness, "sky_scatter": self.scatter, "norm_unit": self.norm_unit,
            "flux_unit": self.flux_unit, "flux_band_kev": list(self.flux_band),
            "kt_covariance_kev2": [[_plain(v) for v in row] for row in self.kt_covariance],
            "deprojected": self.deprojected, "confidence": self.confidence,
            "notes": list(self.notes), "stamps": self.stamps,
        }  # fmt: skip


def measure_spectral_profile(problem: AnnuliProblem) -> tuple[SpectralProfile, Fit]:
    """Fit annuli and sky jointly, with one or two temperatures each.

    Parameters
    ----------
    problem : AnnuliProblem

    Returns
    -------
    profile : SpectralProfile
    fit : Fit
        What it is from; `xsurvey.spectra.posterior.sample_posterior` takes it.

    Raises
    ------
    InputError
        Spectra cannot be fitted, or the sky's scatter can neither be estimated nor is given.
    """
    problem, first = settle_scatter(problem)
    start = None
    # without any scatter its parameters are gone
    if first is not None and problem.sky.scatter:
        start = first.theta
    gain = np.full(len(problem.annuli), np.nan)
    two: tuple[int, ...] = ()
    notes = []
    single = fit = fit_annuli(problem, start=start, intervals=False)
    if problem.parameters.two_temperatures:
        choice = choose_temperatures(problem, fit)
        two, gain, fit = choice.annuli, choice.gain, choice.fit
    if problem.parameters.intervals:
        fit = fit_annuli(problem, two, start=fit.theta)
        # intervals may find a better fit, in which a plasma is at a limit
        while lost := [i for i in two if not both_known(problem, fit, i)]:
            two = tuple(i for i in two if i not in lost)
            fit = without(problem, fit, single, two, lost)
            names = ", ".join(problem.component(i) for i in lost)
            notes.append(f"of two temperatures one ended at a limit: {names} has one")
    profile = profile_of(problem, fit, two, gain)
    return replace(profile, notes=(*notes, *profile.notes)), fit


def profile_of(
    problem: AnnuliProblem, fit: Fit, two: Sequence[int], gain: np.ndarray
) -> SpectralProfile:
    """Return the results of a fit.

    Parameters
    ----------
    problem : AnnuliProblem
        Whose scatter of the sky is known.
    fit : Fit
    two : sequence of int
        Annuli with two temperatures, by place among the annuli.
    gain : ndarray, shape (n,)
    """
    spectra, annuli = problem.spectra, problem.annuli
    columns = {name: _measured(problem, fit, *_PARAMETER[name]) for name in QUANTITIES}
    counts = np.zeros(len(spectra.layout.regions))
    for s in spectra.spectra:
        counts[s.region] += s.dataset.counts.sum()
    useless = _useless(problem, fit)
    flags = np.zeros(len(annuli), dtype=np.int64)
    flags[useless] |= BinFlag.NOT_CONVERGED
    flags[counts[annuli] == 0] |= BinFlag.EMPTY
    flags[list(two)] |= BinFlag.TWO_TEMPERATURES
    lost = ("kt", "abundance", "kt_cool", "norm_cool")
    for name in QUANTITIES if not fit.minimum.converged else lost:
        for values in (columns[name].value, columns[name].lower, columns[name].upper):
            values[useless] = np.nan
    covariance = _kt_covariance(problem, fit)
    covariance[useless] = np.nan
    covariance[:, useless] = np.nan
    flux = _flux(problem, fit)
    if not fit.minimum.converged:
        flux = Measured.empty(len(annuli))
    names = {problem.component(i, cool) for i in range(len(annuli)) for cool in (False, True)}
    records = fitted_parameters(fit)
    assert problem.sky.scatter is not None
    return SpectralProfile(
        regions=tuple(spectra.layout.regions[i] for i in annuli), **columns, flux=flux,
        flux_band=problem.parameters.flux_band, counts=counts[annuli],
        area=region_areas(spectra)[annuli], geometric_area=spectra.geometric_area[annuli],
        two_temperature_gain=np.asarray(gain, float), flags=flags, kt_covariance=covariance,
        background={k: v for k, v in records.items() if k.partition(".")[0] not in names},
        statistic={
            "name": "cstat", "value": fit.statistic, "dof": fit.likelihood.degrees_of_freedom,
        },
        goodness=goodness_record(fit), scatter=problem.sky.scatter,
        deprojected=problem.parameters.deproject, confidence=fit.confidence,
        notes=(*fit.notes, *_outskirts_note(problem)),
        stamps={
            "redshift": problem.folded.redshift, "abundances": problem.folded.settings.abund,
            "atomdb": problem.folded.settings.atomdb, "template_error": problem.template_error,
            "nuisance": list(NUISANCE), "outskirts": _outskirts_record(problem),
        },
    )  # fmt: skip


def _outskirts_note(problem: AnnuliProblem) -> tuple[str, ...]:
    """Return what is said of the cluster in regions of the sky."""
    if problem.outskirts is None:
        return ("regions of the sky are taken for free of the cluster",)
    ratio = problem.outskirts.ratio[problem.outskirts.ratio > 0]
    return (
        f"regions of the sky have {ratio.min():.3g} to {ratio.max():.3g} of the brightness of the "
        "last annulus, by the model of the brightness",
    )


def _outskirts_record(problem: AnnuliProblem) -> dict[str, Any] | None:
    own = problem.outskirts
    if own is None:
        return None
    regions = problem.spectra.layout.regions
    return {
        "ratio": {
            r.name: float(v) for r, v in zip(regions, own.ratio, strict=True) if r.kind == "sky"
        },
        "error": own.error, "kt_slope": problem.sky.outskirts_kt_slope,
    }  # fmt: skip


def _measured(problem: AnnuliProblem, fit: Fit, suffix: str, what: str) -> Measured:
    """Return one parameter of all annuli; those that follow another annulus' have its interval."""
    parameters = fit.likelihood.parameters
    by_name = {p.name: i for i, p in enumerate(parameters.parameters)}
    place = {int(column): k for k, column in enumerate(parameters.free)}
    found = Measured.empty(len(problem.annuli))
    for i in range(len(problem.annuli)):
        column = by_name.get(f"{problem.component(i)}{suffix}.{what}")
        if column is None:
            continue
        found.value[i] = fit.values[column]
        link = parameters.parameters[column].link
        source = column if link is None else link.sources[0]
        interval: Interval | None = fit.intervals.get(place.get(source, -1))
        if interval is not None:
            found.lower[i], found.upper[i] = interval.lower, interval.upper
    return found


def _useless(problem: AnnuliProblem, fit: Fit) -> np.ndarray:
    """Tell which annuli have a temperature that means nothing."""
    count = len(problem.annuli)
    if not fit.minimum.converged:
        return np.ones(count, bool)
    names = np.array(fit.likelihood.parameters.free_names)
    stuck = set(names[fit.minimum.at_bounds])
    values = dict(zip(names, fit.theta, strict=True))
    result = np.zeros(count, bool)
    for i in range(count):
        own, cool = problem.component(i), problem.component(i, cool=True)
        result[i] = bool(stuck & {f"{c}.{w}" for c in (own, cool) for w in ("kT", "norm")})
        # no metals may be true, a greatest abundance is not
        result[i] |= f"{own}.Z" in stuck and values[f"{own}.Z"] > 0
    return result


def _kt_covariance(problem: AnnuliProblem, fit: Fit) -> np.ndarray:
    names = fit.likelihood.parameters.free_names
    count = len(problem.annuli)
    result = np.full((count, count), np.nan)
    free = [i for i in range(count) if f"{problem.component(i)}.kT" in names]
    columns = [names.index(f"{problem.component(i)}.kT") for i in free]
    if free:
        of_kt = fit.minimum.covariance[np.ix_(columns, columns)]
        sigma = np.sqrt(np.diag(of_kt))
        known = np.array([_half_interval(fit, c) for c in columns])
        wider = np.where(np.isfinite(known), known, sigma) / sigma
        result[np.ix_(free, free)] = of_kt * np.outer(wider, wider)
    return result


def _half_interval(fit: Fit, column: int) -> float:
    """Return half the 68.3 % interval of a free parameter; NaN where it has none, or is cut."""
    interval = fit.intervals.get(column)
    if interval is None or interval.lower_at_limit or interval.upper_at_limit:
        return math.nan
    return (interval.upper - interval.lower) / 2 / math.sqrt(profile_delta(fit.confidence))


def _flux(problem: AnnuliProblem, fit: Fit) -> Measured:
    """Return the unabsorbed fluxes, with intervals by linear propagation cut at zero."""
    folded = problem.folded
    of_plasma = band_flux(parse_expression("apec"), folded.settings, problem.parameters.flux_band)
    gas = fit.likelihood.model.gas  # type: ignore[attr-defined]
    found = Measured.empty(len(problem.annuli))
    parameters = fit.likelihood.parameters
    covariance = np.nan_to_num(fit.minimum.covariance)
    steps = 1e-3 * np.maximum(np.abs(fit.theta), 1e-9)
    for annulus in range(len(problem.annuli)):
        plasmas = np.flatnonzero(gas.place == annulus)

        def flux(full: np.ndarray, plasmas: np.ndarray = plasmas) -> np.ndarray:
            total = np.zeros(len(full))
            for i in plasmas:
                shape = full[:, [gas.kt[i], gas.abundance[i]]]
                rest = np.tile([folded.redshift, 1.0], (len(full), 1))
                total += full[:, gas.norm[i]] * of_plasma(np.column_stack((shape, rest)))
            return total

        value = float(flux(fit.values[None, :])[0])
        gradient = gradient_of(flux, fit.theta, steps, parameters.expand, parameters.bounds)
        sigma = math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))
        half = sigma * math.sqrt(profile_delta(fit.confidence))
        found.value[annulus] = value
        found.lower[annulus], found.upper[annulus] = max(value - half, 0.0), value + half
    return found


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
