"""Flux points of files of spectra: what ``xsurvey sed points`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.errors import ParameterError, printable
from xsurvey.io.json_values import finite
from xsurvey.pipelines.spectra.fit_files import (
    SpectrumFit,
    fit_spectrum_files,
    mixes_energies,
    spectrum_problem,
)
from xsurvey.pipelines.spectra.reading import ReadSpectrum, SpectrumFiles
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.sed.flux_points.points import (
    FluxPoints,
    PointBins,
    check_data,
    flux_points,
    point_bins,
)
from xsurvey.sed.flux_points.table import flux_point_table
from xsurvey.sed.flux_points.unabsorbed import (
    UnabsorbedSpectrum,
    absorption_of,
    without_components,
)
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.usable import why_useless

_ROUGH = 0.05
"""Of a model at a point over its mean about it, less one: above it the model has lines there."""
_CURVE = 300
"""Energies of curves."""


@dataclass(frozen=True)
class FluxPointResult:
    """Points of spectra, with all that tables and figures need.

    Attributes
    ----------
    fit : SpectrumFit
    points : list of FluxPoints
        Of each spectrum.
    unabsorbed : UnabsorbedSpectrum
    absorption : tuple of str
        Components that were taken away.
    table : Table
        For ECSV.
    summary : dict
        For ``--json``.
    """

    fit: SpectrumFit
    points: list[FluxPoints]
    unabsorbed: UnabsorbedSpectrum
    absorption: tuple[str, ...]
    table: Table
    summary: dict[str, Any]

    def curves(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return energies (keV) and the model without absorption, of each spectrum."""
        found = []
        for own, columns in zip(self.points, self.fit.assembly.columns, strict=True):
            energy = np.geomspace(own.bins.energy_min.min(), own.bins.energy_max.max(), _CURVE)
            found.append((energy, self.unabsorbed(self.fit.fit.values[None, columns], energy)[0]))
        return found


def flux_points_of_files(
    files: SpectrumFiles, fitting: SpectrumFitParameters, settings: ModelSettings,
    parameters: FluxPointParameters, *, outputs: Sequence[Path | None] = (), seed: int = 0,
) -> FluxPointResult:  # fmt: skip
    """Fit a model to spectra and make flux points of them.

    Parameters
    ----------
    files : SpectrumFiles
    fitting, settings, parameters : StepParameters
    outputs : sequence of path or None
        What the caller will write: none of it may be a file that is read.
    seed : int
        Of simulated goodness.

    Raises
    ------
    OutputError, MissingDataError
        As `fit_spectrum_files`.
    InputError
        As `fit_spectrum_files`; or there are no net counts, or none are expected of a model.
    ParameterError
        As `fit_spectrum_files`; or more bins than channels, instruments of other spectra, or
        absorption that is no factor of the model or is not told.
    """
    names = _instruments_given(parameters, len(files.spectra))
    if fitting.model is not None:
        absorption_of(parse_expression(fitting.model), parameters.absorption)  # before the fit
    fit = fit_spectrum_files(files, fitting, settings, FluxParameters(), seed=seed, outputs=outputs)
    removed = absorption_of(fit.expression, parameters.absorption)
    full = fit.fit.values
    members = fit.fit.likelihood.members
    bins: list[PointBins] = []
    for member, read in zip(members, fit.spectra, strict=True):
        bins.append(
            point_bins(member, full, read.response, parameters, subtracts_background(fitting))
        )
    edges = [m.dataset.folding.edges for m in members]
    unabsorbed = UnabsorbedSpectrum(
        fit.expression, removed, settings,
        (
            min(float(min(b.energy_min.min(), b.energy.min())) for b in bins),
            max(float(max(b.energy_max.max(), b.energy.max())) for b in bins),
        ),
        (min(float(e[0]) for e in edges), max(float(e[-1]) for e in edges))
        if mixes_energies(fit.expression) else None,
    )  # fmt: skip
    points = [
        flux_points(
            member, fit.fit, columns, own, unabsorbed, parameters, name or instrument_name(read)
        )
        for member, columns, own, read, name in zip(
            members, fit.assembly.columns, bins, fit.spectra, names, strict=True
        )
    ]
    summary = _summary(fit, points, unabsorbed, removed, parameters)
    meta = {k: summary[k] for k in ("source", "redshift") if summary[k] is not None} | {
        "model": summary["model"]["expression"], "absorption": list(removed),
        "statistic": summary["statistic"], "parameters": summary["parameters"],
        "APPROX": summary["approximations"], "provenance": summary["provenance"],
    }  # fmt: skip
    table = flux_point_table(points, parameters.limit_confidence, meta)
    return FluxPointResult(fit, points, unabsorbed, removed, table, summary)


def datasets_of_points(
    files: SpectrumFiles, fitting: SpectrumFitParameters, settings: ModelSettings,
    parameters: FluxPointParameters,
) -> list[Dataset]:  # fmt: skip
    """Return what points would be made of, after all that can be told to be wrong before the fit.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `flux_points_of_files`.
    """
    _instruments_given(parameters, len(files.spectra))
    problem = spectrum_problem(files, fitting, settings)
    without_components(problem.expression, absorption_of(problem.expression, parameters.absorption))
    datasets = [member.dataset for member in problem.assembly.likelihood.members]
    for data in datasets:
        check_data(data, parameters, subtracts_background(fitting))
    return datasets


def subtracts_background(fitting: SpectrumFitParameters) -> bool:
    """Tell whether the fit's model is of the source alone, and points are of net counts."""
    return fitting.stat == "wstat" or fitting.subtract or fitting.background_model is not None


def _instruments_given(parameters: FluxPointParameters, count: int) -> list[str]:
    """Return the name of each spectrum's instrument, empty where the header tells it."""
    given = [printable(name) for name in parameters.instrument]
    if not given:
        return [""] * count
    if not all(given):
        raise ParameterError("instrument", "has no name", "write one, such as Swift/XRT")
    if len(given) == 1:
        return given * count
    if len(given) != count:
        raise ParameterError(
            "instrument", f"{len(given)} are given for {count} spectra", "give one, or one each"
        )
    return given


def instrument_name(read: ReadSpectrum) -> str:
    """Return ``TELESCOP/INSTRUME`` of a spectrum's header, or else the name of its file."""
    header = read.spectrum.header
    words = [printable(header.get(key) or "") for key in ("TELESCOP", "INSTRUME")]
    known = [w for w in words if w and w.lower() not in ("none", "unknown")]
    return "/".join(known) or read.spectrum.path.stem


def _source(spectra: Sequence[ReadSpectrum]) -> tuple[str | None, list[str]]:
    """Return the object of the spectra, with a note where they differ."""
    names = [printable(read.spectrum.header.get("OBJECT") or "") for read in spectra]
    known = list(dict.fromkeys(name for name in names if name))
    if len(known) < 2:
        return (known[0] if known else None), []
    return known[0], [f"the spectra are of {', '.join(known)}: the table tells the first"]


def _summary(
    fit: SpectrumFit, points: Sequence[FluxPoints], unabsorbed: UnabsorbedSpectrum,
    removed: Sequence[str], parameters: FluxPointParameters,
) -> dict[str, Any]:  # fmt: skip
    source, notes = _source(fit.spectra)
    approximations = [_what_errors_hold(fit, points, removed)]
    approximations += _other_approximations(fit, points, unabsorbed)
    provenance = dict(fit.summary["provenance"])
    sections = {
        name: values for name, values in provenance["parameters"].items()
        if name != FluxParameters.__name__
    }  # fmt: skip
    provenance["parameters"] = {**sections, type(parameters).__name__: parameters.normalised()}
    if why := why_useless(fit.fit):
        notes.append(f"{why}: the points lean on a model that the data do not determine")
    # the fit tells of its fluxes, which are of the first spectrum; points are of each
    of_fit = [note for note in fit.summary["notes"] if not note.startswith("fluxes are those")]
    taken = " and ".join(removed)
    notes.append(f"without absorption by {taken}" if taken else "no absorption is taken away")
    return {
        "source": source, "redshift": parameters.redshift,
        "points": [row for p in points for row in _rows(p, parameters.limit_confidence)],
        "statistic": fit.summary["statistic"], "parameters": fit.summary["parameters"],
        "goodness": fit.summary["goodness"], "converged": fit.summary["converged"],
        "model": {
            **fit.summary["model"], "absorption": list(removed),
        },
        "data": [
            {**data, "instrument": p.instrument, "points": int(np.sum(~p.is_limit)),
             "limits": int(np.sum(p.is_limit))}
            for data, p in zip(fit.summary["data"], points, strict=True)
        ],
        "approximations": approximations,
        "notes": list(dict.fromkeys([*of_fit, *notes, *approximations])),
        "provenance": provenance,
    }  # fmt: skip


def _what_errors_hold(
    fit: SpectrumFit, points: Sequence[FluxPoints], removed: Sequence[str]
) -> str:
    """Return what is in the errors of points, and what is not."""
    places = {
        c.first + i for c in fit.expression.components if c.name in removed
        for i in range(len(c.definition.parameters))
    }  # fmt: skip
    free = set(fit.fit.likelihood.parameters.free)
    fitted = any(own[list(places)][i] in free for own in fit.assembly.columns
                 for i in range(len(places)))  # fmt: skip
    text = "errors are those of the counts"
    if removed and not fitted:
        return f"{text}: {' and '.join(removed)} is held, and what is uncertain of it is in none"
    most = max(float(p.model_error.max()) for p in points)
    what = "absorption and model" if removed else "the model"
    return (
        f"{text}; what the fit leaves open of {what} is in model_relative_error alone, up to "
        f"{most:.1%} and common to all points"
    )


def _other_approximations(
    fit: SpectrumFit, points: Sequence[FluxPoints], unabsorbed: UnabsorbedSpectrum
) -> list[str]:
    notes = []
    if not subtracts_background(fit.parameters):
        notes.append("the background is not subtracted: points are of source and background")
    if fit.parameters.background_model is not None:
        notes.append("the background of a point is that counted in its channels, not the modelled")
    for own, columns in zip(points, fit.assembly.columns, strict=True):
        bins = own.bins
        rough = np.abs(unabsorbed.roughness(fit.fit.values[columns], bins.energy)) > _ROUGH
        if rough.any():
            notes.append(
                f"{own.name}: the model has lines at {rough.sum()} points, of which it is what it "
                "is at one energy"
            )
        outside = (bins.energy < bins.energy_min) | (bins.energy > bins.energy_max)
        if outside.any():
            notes.append(
                f"{own.name}: {outside.sum()} points are mostly of photons of other energies than "
                "those of their channels"
            )
    return notes


def _rows(points: FluxPoints, confidence: float) -> list[dict[str, Any]]:
    """Return a record of each point."""
    bins, net = points.bins, points.net
    flux, low, high, limit = (
        points.of_counts(v) for v in (net.value, net.error_low, net.error_high, net.limit)
    )
    return [
        finite({
            "spectrum": points.name, "instrument": points.instrument,
            "energy": bins.energy[i], "energy_min": bins.energy_min[i],
            "energy_max": bins.energy_max[i], "e2dnde": flux[i], "error_low": low[i],
            "error_high": high[i], "upper_limit": limit[i], "limit_confidence": confidence,
            "is_limit": points.is_limit[i], "counts": bins.counts[i],
            "expected_counts": bins.expected[i],
            "background_counts": 0.0 if bins.background is None
            else bins.background[i] * bins.ratio[i],
            "significance": net.significance[i], "model": points.model[i],
            "model_relative_error": points.model_error[i],
        })
        for i in range(len(points))
    ]  # fmt: skip
