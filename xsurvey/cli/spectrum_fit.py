"""``xsurvey spectrum fit``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.fitting import (
    chain_option,
    check_chain_options,
    companion_options,
    corner_option,
    file_option,
    mcmc_option,
    nested_option,
    save_figure,
    seed_option,
    value_text,
)
from xsurvey.cli.options import StepCommand, check_png, json_option, show_result, step_options
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings


@click.command("fit", cls=StepCommand)
@click.argument(
    "spectra", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHA..."
)
@companion_options
@mcmc_option
@chain_option
@nested_option
@seed_option
@file_option("plot", "Draw data, folded model and residuals (PNG).")
@corner_option
@step_options(
    SpectrumFitParameters, FluxParameters, ModelSettings, MCMCParameters, NestedParameters
)
@json_option
def fit_command(
    spectra: tuple[Path, ...], background: tuple[Path, ...], arf: tuple[Path, ...],
    rmf: tuple[Path, ...], mcmc: bool, nested: bool, chain: Path | None, seed: int,
    plot: Path | None, corner: Path | None, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Fit a model to spectra (OGIP PHA files).

    The model is written in XSPEC's names, or those of models of your own. Its parameters start, and
    are frozen or free, as XSPEC has them; --set, --freeze, --thaw and --link change that. Several
    spectra are fitted together: their parameters are the same, but for those of --untie.
    Backgrounds and responses are looked up where the spectrum's keywords say. A row of a TYPE II
    file is chosen by 'file.pha{3}'.

    The statistic is the one that is asked for. cstat, the default, does not use the background
    spectrum; --stat wstat or --background-model do.

    Intervals are of one parameter at a time, by profile likelihood, or of the posterior with
    --mcmc. Most fits need the first three groups of options below, the last two are for --mcmc and
    --nested.

    \b
    Examples:
      xsurvey spectrum fit source.pha --model 'tbabs*powerlaw' --stat wstat --energy 0.5-7
      xsurvey spectrum fit a.pha b.pha --model 'constant*tbabs*apec' --untie constant.factor \\
          --freeze constant.factor=1 --freeze tbabs.nH=0.05 --abund wilm --energy 0.5-7
      xsurvey spectrum fit source.pha --model powerlaw --energy 0.5-7 --mcmc --chain chain.h5 \\
          --corner corner.png
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.spectra.fit_files import fit_spectrum_files
    from xsurvey.pipelines.spectra.reading import SpectrumFiles

    fitting, flux, settings, sampling, nested_sampling = parameters
    files = SpectrumFiles(spectra, background, arf, rmf)
    check_chain_options(mcmc, chain, corner)
    outputs = [plot, corner, chain, json_path]
    check_outputs(outputs, files.given())
    for option, path in (("--plot", plot), ("--corner", corner)):
        check_png(option, path)
    result = fit_spectrum_files(
        files, fitting, settings, flux, seed=seed, outputs=outputs, intervals=not mcmc,
        evidence=nested,
    )  # fmt: skip
    if (mcmc or nested) and (slow := _untabulated(result)):
        click.echo(f"xsurvey: note: {slow} is evaluated by XSPEC's library, which takes minutes "
                   "here; --smooth-phabs takes seconds", err=True)  # fmt: skip
    if nested:
        from xsurvey.pipelines.spectra.posterior import with_evidence

        result = with_evidence(result, nested_sampling, seed)
    if mcmc:
        from xsurvey.pipelines.spectra.posterior import with_posterior

        result, chains = with_posterior(result, sampling, seed=seed, chain_file=chain)
        if corner is not None:
            from xsurvey.report.chain_axes import corner_figure

            save_figure(corner_figure(chains, result.fit.theta), corner)
    if plot is not None:
        from xsurvey.report.spectrum_axes import fit_figure

        save_figure(fit_figure(result.fit, result.expression.text), plot)
    show_result(_lines(result.summary), json_path, result.summary, result.summary["notes"])


def _untabulated(result: Any) -> str:
    """Return the free absorbers that --smooth-phabs would tabulate."""
    ways = result.summary["model"]["evaluated_by"]
    free = {name.partition(":")[2] or name for name in result.fit.likelihood.parameters.free_names}
    return ", ".join(
        name for name, way in ways.items()
        if way in ("XSPEC library, xsphab", "XSPEC library, xszphb") and f"{name}.nH" in free
    )  # fmt: skip


def _lines(summary: dict[str, Any]) -> list[str]:
    statistic, goodness = summary["statistic"], summary["goodness"]
    lines = [f"{summary['model']['expression']}: {statistic['name']} = {statistic['value']:.4f} "
             f"for {statistic['dof']} degrees of freedom"]  # fmt: skip
    if goodness and goodness["p_value"] is not None:
        spread = f"{goodness['expected']:.1f} +- {goodness['standard_deviation']:.1f}"
        lines[0] += f" (expected {spread}, p = {goodness['p_value']:.2g})"
    width = max(len(name) for name in summary["parameters"])
    for name, p in summary["parameters"].items():
        lines.append(f"{name:<{width}}  {value_text(p)}")
    for row in summary["fluxes"]:
        label = f"flux {row['energy_min']:g}-{row['energy_max']:g} keV"
        lines.append(f"{label}: {value_text(row)}")
        lines.append(f"  unabsorbed: {value_text(row['unabsorbed'])}")
        if "luminosity" in row:
            bright = row["luminosity"]
            at = f"z = {bright['redshift'] or 0:g}"
            if bright["distance_mpc"] is not None:
                at += f", {bright['distance_mpc']:g} Mpc"
            lines.append(f"  luminosity ({at}): {value_text(bright)}")
    if (check := summary.get("posterior_predictive")) is not None:
        lines.append(f"posterior predictive: p = {check['p_value']:.2g} of {check['draws']} draws")
    if (found := summary.get("evidence")) is not None:
        lines.append(f"ln(evidence) = {found['log_evidence']:.3f} +- {found['error']:.3f}")
    return lines
