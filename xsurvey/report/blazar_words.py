"""What comparisons of models and posteriors say, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xsurvey.report.numbers import decimals_of, fixed

Record = Mapping[str, Any]
_STRONG = 0.9
"""Correlation from which on two parameters are called degenerate."""
_SAMPLERS = {"mcmc": "chains", "nested": "nested sampling"}


def verdict(comparison: Record | None) -> str:
    """Return what there is to say of a source in a few words."""
    if comparison is None or not any(row["fitted"] for row in comparison["models"]):
        return "not fitted"
    found = comparison["favoured"]
    if found is None:
        return "fitted"
    if found["grade"] == comparison["scale"]["grades"][0][1]:
        return "no model favoured"
    return f"{found['name']} favoured"


def comparison_words(comparison: Record | None) -> Iterator[str]:
    """Yield sentences on the models of a source: fits, evidences, and what these depend on."""
    if comparison is None:
        yield "No model was fitted: see what failed."
        return
    rows = [row for row in comparison["models"] if row["fitted"]]
    if not rows:
        yield "No model was fitted: see what failed."
        return
    yield _fits(rows)
    found = comparison["favoured"]
    if found is None:
        yield "Evidences of two models or more, with which they would be compared, there are none."
        return
    yield _evidence(found, comparison)
    yield from _widths(comparison, found)
    apart = [row for row in comparison["polarization"] if len(row["models"]) > 1]
    if apart:
        yield _polarization(apart)


def _fits(rows: Sequence[Record]) -> str:
    texts = [
        f"{row['name']} has a statistic of {fixed(row['statistic'], 1)} for {row['dof']} degrees "
        "of freedom" for row in rows
    ]  # fmt: skip
    return f"At the best fit {_listed(texts)}."


def _evidence(found: Record, comparison: Record) -> str:
    ln_bayes = with_error(found["ln_bayes"], found["ln_bayes_error"])
    text = (
        f"The evidence is largest for {found['name']}, with ln B = {ln_bayes} over "
        f"{found['over']}: {_grade(found['grade'])} ({comparison['scale']['reference']}), and a "
        f"probability of {_probability(found['probability'])} if all of these models were as "
        "probable before."
    )
    grades = found["grades_within_error"]
    if len(grades) > 1:
        text += f" Within the error of ln B it is from {grades[0]} to {grades[-1]}."
    return text


def _widths(comparison: Record, first: Record) -> Iterator[str]:
    """Yield what is found with priors of other widths."""
    for one in comparison["evidence"]:
        other = one["favoured"]
        if one["prior_width"] == 1 or other is None:
            continue
        times = f"With flat priors {one['prior_width']:g} times as wide"
        if not any(model["changed"] for model in one["models"]):
            yield f"{times} nothing changes: all of them reach their hard limits already."
            continue
        ln_bayes = with_error(other["ln_bayes"], other["ln_bayes_error"])
        same = other["name"] == first["name"]
        yield (
            f"{times} it is ln B = {ln_bayes} for {other['name']} over {other['over']}, "
            f"{_grade(other['grade'])}"
            + ("." if same else ": which model is favoured depends on the priors.")
        )


def _polarization(rows: Sequence[Record]) -> str:
    farthest = max(rows, key=lambda row: float(row["best_fits_apart"]))
    texts = [f"{name} {_percent(model['degree'])}" for name, model in farthest["models"].items()]
    where = f"{farthest['frequency']:.3g} Hz"
    if farthest["instrument"]:
        where += f" ({farthest['instrument']})"
    return f"Degrees of polarization differ most at {where}: {_listed(texts)}."


def _percent(degree: Record) -> str:
    value = 100 * float(degree["value"])
    if degree["lower"] is None:
        return f"{value:.3g} %"
    return f"{value:.3g} % ({100 * degree['lower']:.3g} to {100 * degree['upper']:.3g})"


def posterior_words(fit: Record) -> Iterator[str]:
    """Yield what a posterior is from, what depends in it on what, and how fluxes are met."""
    found, test = fit.get("degeneracies"), fit.get("predictive")
    if found is None:
        yield "The posterior was not sampled: there are no bands and no degeneracies."
        return
    yield _sampling(fit)
    strong = [pair for pair in found["pairs"] if abs(pair["correlation"]) >= _STRONG]
    if strong:
        texts = [
            f"{pair['first']} and {pair['second']} ({fixed(pair['correlation'], 2)})"
            for pair in strong
        ]
        yield f"Degenerate in the posterior, by their correlation: {_listed(texts)}."
    else:
        yield f"No two parameters have a correlation of {_STRONG:g} or more in the posterior."
    if test is not None:
        yield (
            "Fluxes drawn anew from the posterior are farther from the model than the measured "
            f"ones with a probability of {_probability(test['p_value'])} (chi-square)."
        )


def _sampling(fit: Record) -> str:
    """Return how a posterior was sampled, and whether it may be trusted."""
    found = fit["diagnostics"]
    sampler = _SAMPLERS[fit["sampler"]]
    size = "" if found["ess"] is None else f" of {found['ess']:.0f} independent samples"
    agreement = "" if found["r_hat"] is None else f", R-hat at most {found['r_hat']:.3f}"
    doubt = "" if found["converged"] else "; it has not converged"
    return f"The posterior is from {sampler}{size}{agreement}{doubt}."


def with_error(value: float, error: float) -> str:
    """Return a number with its error in plain text."""
    decimals = min(decimals_of(error), 2)
    return f"{fixed(value, decimals)} ± {fixed(error, decimals)}"


def _grade(name: str) -> str:
    return name if name.startswith("not worth") else f"{name} evidence"


def _probability(value: float) -> str:
    if value > 0.9995:
        return "more than 0.999"
    return "less than 0.001" if value < 0.001 else f"{value:.3f}"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
