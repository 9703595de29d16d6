"""``xsurvey sed fit``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.fitting import (
    chain_option,
    check_chain_options,
    corner_option,
    file_option,
    mcmc_option,
    nested_flag,
    save_figure,
    seed_option,
    value_text,
)
from xsurvey.cli.options import StepCommand, check_png, json_option, show_result, step_options
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.sed.fitting.sed_parameters import SedFitParameters


@click.command("fit", cls=StepCommand)
@click.argument("data", type=click.Path(path_type=Path))
@file_option(
    "polarization", "Fit measured polarization too: a table, or the JSON of 'polarization pcube' "
    "or 'polarization fit'. Repeat for several.", several=True,
)  # fmt: skip
@mcmc_option
@chain_option
@nested_flag("it depends on the priors, those of the model where no --prior is given.")
@seed_option
@file_option("plot", "Draw points, model and residuals (PNG).")
@corner_option
@step_options(SedFitParameters, MCMCParameters, NestedParameters)
@json_option
def fit_command(
    data: Path, polarization: tuple[Path, ...], mcmc: bool, nested: bool, chain: Path | None,
    seed: int, plot: Path | None, corner: Path | None, parameters: tuple[Any, ...],
    json_path: Path | None,
) -> None:  # fmt: skip
    """Fit a radiative model to a spectral energy distribution (a table of flux points).

    The table is ECSV, FITS, VOTable or CSV with columns of frequency (or photon energy, or
    wavelength) and flux with its errors, in units that the table tells; upper limits are taken as
    such. The statistic is chi-square, and of limits -2 ln of the probability to be below them.

    Without systematic errors points of different instruments contradict each other by many sigma:
    --systematic and --systematic-default add them in quadrature.

    With --polarization degrees and angles of polarization by frequency, or limits of degrees, are
    fitted together with fluxes; field inclination, angle and depolarization are then parameters.

    Intervals are of one parameter at a time, by profile likelihood, or of the posterior with
    --mcmc.

    \b
    Examples:
      xsurvey sed fit blazar.ecsv --systematic-default 0.05 --min-frequency 1e11 --plot sed.png
      xsurvey sed fit blazar.ecsv --electrons log-parabola --redshift 0.0308 \\
          --freeze gamma_min=500 --systematic MAGIC=0.3 --systematic-default 0.05 --mcmc \\
          --chain chain.h5 --corner corner.png --json fit.json
      xsurvey sed fit blazar.ecsv --polarization degrees.ecsv --cells 20 --plot sed.png
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.sed.fit_files import fit_sed_file

    fitting, sampling, nested_sampling = parameters
    check_chain_options(mcmc, chain, corner)
    outputs = [plot, corner, chain, json_path]
    check_outputs(outputs, [data, *polarization])
    for option, path in (("--plot", plot), ("--corner", corner)):
        check_png(option, path)
    result = fit_sed_file(
        data, fitting, polarization=polarization, seed=seed, outputs=outputs, intervals=not mcmc,
        evidence=nested,
    )  # fmt: skip
    chains = None
    if nested:
        from xsurvey.pipelines.sed.posterior import with_evidence

        result = with_evidence(result, nested_sampling, seed)
    if mcmc:
        from xsurvey.pipelines.sed.posterior import with_posterior

        result, chains = with_posterior(result, sampling, seed=seed, chain_file=chain)
    if corner is not None:
        from xsurvey.report.chain_axes import corner_figure

        assert chains is not None
        save_figure(corner_figure(chains, result.fit.theta), corner)
    if plot is not None:
        from xsurvey.report.sed_axes import sed_figure

        save_figure(sed_figure(result.fit, result.sed, chains, _title(result.summary)), plot)
    show_result(_lines(result.summary), json_path, result.summary, result.summary["notes"])


def _title(summary: dict[str, Any]) -> str:
    model, name = summary["model"], summary["data"]["source"] or summary["data"]["file"]
    return f"{name}, z = {model['redshift']:g}: {_model_words(model)}"


def _model_words(model: dict[str, Any]) -> str:
    return ", ".join(model[key] for key in ("name", "electrons") if model[key] is not None)


def _lines(summary: dict[str, Any]) -> list[str]:
    statistic, data, model = summary["statistic"], summary["data"], summary["model"]
    limits = f" and {data['limits']} upper limits" if data["limits"] else ""
    if (polarization := summary.get("polarization")) is not None:
        limits += f"; {len(polarization['data'])} measurements of polarization"
    lines = [
        f"{_model_words(model)}, z = {model['redshift']:g}: {statistic['name']} = "
        f"{statistic['value']:.4f} for {statistic['dof']} degrees of freedom "
        f"({data['points']} points{limits})"
    ]
    rows = {**summary["parameters"], **summary["derived"]}
    width = max(len(name) for name in rows)
    lines += [f"{name:<{width}}  {value_text(p)}" for name, p in rows.items()]
    if polarization is not None:
        lines += _polarization_lines(polarization, statistic["parts"])
    found = summary["diagnostics"]
    if found["acceptance"] is not None:
        lines.append(
            f"posterior: {found['steps']} steps of {found['ensembles']} x {found['walkers']} "
            f"walkers, R-hat {_number(found['r_hat'], '.4f')}, effective size "
            f"{_number(found['ess'], '.0f')}, acceptance {found['acceptance']:.2f}"
        )
    if (evidence := summary.get("evidence")) is not None:
        lines.append(f"ln(evidence) = {evidence['log_evidence']:.3f} +- {evidence['error']:.3f}")
    return lines


def _polarization_lines(record: dict[str, Any], parts: dict[str, float]) -> list[str]:
    """Return the parts of the statistic, and the model's degree at each measurement."""
    lines = [f"chi2 of fluxes {parts['chi2']:.4f}, of polarization {parts['polarization']:.4f}"]
    for row in record["data"]:
        degree, angle = row["model_degree"], row["model_angle"]
        interval = ""
        if degree["lower"] is not None:
            ends = f"{100 * degree['lower']:.2f} to {100 * degree['upper']:.2f}"
            interval = f" ({ends}, {100 * degree['confidence']:.4g} %)"
        direction = "" if angle is None else f" at {angle['value']:.1f} deg"
        lines.append(
            f"{row['frequency']:.4g} Hz: {_measured_text(row)}; model {100 * degree['value']:.2f}"
            f"{interval} %{direction}"
        )
    return lines


def _measured_text(row: dict[str, Any]) -> str:
    if row["kind"] == "stokes":
        return (
            f"Q/I {100 * row['q']:.2f} +- {100 * row['q_err']:.2f} %, "
            f"U/I {100 * row['u']:.2f} +- {100 * row['u_err']:.2f} %"
        )
    if row["kind"] == "degree":
        return f"{100 * row['degree']:.2f} +- {100 * row['degree_err']:.2f} %"
    return f"below {100 * row['degree_ul']:.2f} % ({100 * row['limit_confidence']:.4g} %)"


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)
