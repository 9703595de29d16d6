"""Polarization of a fit as users see it: data, the model at them, statistic."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.sed.fitting.fit import SedFit
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements

_DRAWS = 1000
"""Samples of a posterior from which intervals are taken."""


def polarization_record(
    fit: SedFit, posterior: PosteriorSamples | None = None, confidence: float | None = None
) -> dict[str, Any] | None:
    """Return the polarization of a fit; None where none was fitted.

    Parameters
    ----------
    fit : SedFit
    posterior : PosteriorSamples, optional
        Gives the model's degrees and angles intervals; ``value`` is then the median.
    confidence : float, optional
        Of these.

    Returns
    -------
    dict or None
        ``files``, ``counts`` by kind, ``cells``, ``statistic`` (``value``, and ``numbers``, those
        that count for degrees of freedom) and ``data``, one a measurement in the order of
        frequency, with the model's ``model_degree`` and ``model_angle``: None where no angle is
        among the data.
    """
    likelihood = fit.likelihood
    if not isinstance(likelihood, JointLikelihood):
        return None
    measured = likelihood.measurements
    best = likelihood.stokes(fit.theta[None, :], measured.frequency)
    angles = measured.angle_deg() is not None
    light: list[dict[str, Any]] = [
        {"model_degree": _value(degree), "model_angle": _value(angle) if angles else None}
        for degree, angle in zip(best.degree[0], best.angle_deg[0], strict=True)
    ]
    if posterior is not None and confidence is not None:
        samples = posterior.samples
        drawn = likelihood.stokes(samples[:: max(len(samples) // _DRAWS, 1)], measured.frequency)
        for i, row in enumerate(light):
            row["model_degree"] = _interval(drawn.degree[:, i], best.degree[0, i], confidence)
            around = best.angle_deg[0, i]
            near = around + (drawn.angle_deg[:, i] - around + 90) % 180 - 90
            if angles:
                row["model_angle"] = _interval(near, around, confidence)
    terms = statistic_of_measurements(fit, likelihood)
    data = [
        _measurement(measured, i) | light[i] | {"statistic": float(terms[i])}
        for i in range(len(measured))
    ]
    return {
        "files": measured.name.split(", "),
        "counts": {kind.value: measured.kinds.count(kind) for kind in Kind},
        "cells": likelihood.source.cells,
        "statistic": {"value": float(terms.sum()), "numbers": likelihood.polarization.bins},
        "data": data,
    }


def statistic_of_measurements(fit: SedFit, likelihood: JointLikelihood) -> np.ndarray:
    """Return what each measurement adds to the statistic at the best fit, shape (m,)."""
    measured = likelihood.measurements
    # the likelihood has measurements of a kind together
    order = np.concatenate([measured.rows(kind) for kind in Kind])
    light = likelihood.stokes(fit.theta[None, :], measured.frequency[order])
    terms = np.empty(len(measured))
    terms[order] = likelihood.polarization.terms(*light.normalised)[0]
    return terms


def _value(value: float) -> dict[str, Any]:
    return {"value": float(value), "lower": None, "upper": None, "confidence": None}


def _interval(samples: np.ndarray, best: float, confidence: float) -> dict[str, Any]:
    lower, upper = equal_tailed(samples, confidence)
    return {
        "value": float(np.median(samples)), "lower": lower, "upper": upper,
        "confidence": confidence, "best_fit": float(best),
    }  # fmt: skip


def _measurement(measured: PolarizationMeasurements, i: int) -> dict[str, Any]:
    """Return what was measured in a row, by its kind."""
    kind = measured.kinds[i]
    record: dict[str, Any] = {
        "frequency": float(measured.frequency[i]), "kind": kind.value,
        "instrument": measured.instruments[i] or None,
    }  # fmt: skip
    if kind is Kind.STOKES:
        covariance = measured.covariance[i]
        return record | {
            "q": float(measured.q[i]), "q_err": float(covariance[0, 0] ** 0.5),
            "u": float(measured.u[i]), "u_err": float(covariance[1, 1] ** 0.5),
            "qu_cov": float(covariance[0, 1]),
        }  # fmt: skip
    if kind is Kind.DEGREE:
        return record | {
            "degree": float(measured.degree[i]),
            "degree_err": float(measured.degree_error[i]),
        }
    return record | {
        "degree_ul": float(measured.limit[i]),
        "limit_confidence": float(measured.confidence[i]),
    }
