"""``xsurvey polarization fit``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.fitting import (
    chain_option,
    check_chain_options,
    corner_option,
    file_option,
    mcmc_option,
    save_figure,
    seed_option,
    value_text,
)
from xsurvey.cli.options import StepCommand, check_png, json_option, show_result, step_options
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.models.settings import ModelSettings


def _companion(name: str, text: str) -> Callable[[Callable], Callable]:
    return click.option(
        f"--{name}", type=click.Path(path_type=Path), multiple=True, metavar="FILE", help=text
    )


@click.command("fit", cls=StepCommand)
@click.argument(
    "spectra", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHA..."
)
@_companion(
    "background", "Backgrounds of all spectra, in any order, in place of what BACKFILE names. "
    "'none' for none. Repeat.",
)  # fmt: skip
@_companion("arf", "Effective areas of the units, for Stokes I, in place of what ANCRFILE names. "
            "Repeat.")  # fmt: skip
@_companion("mrf", "Modulation responses of the units, for Q and U, in place of what ANCRFILE "
            "names. Repeat.")  # fmt: skip
@_companion("rmf", "Redistribution matrices of the units, in place of what RESPFILE names. Repeat.")
@mcmc_option
@chain_option
@seed_option
@file_option("plot", "Draw I, Q and U with the folded model and residuals (PNG).")
@file_option("contour-plot", "Draw the contours of degree and angle (PNG).")
@corner_option
@step_options(SpectropolarimetryParameters, FluxParameters, ModelSettings, MCMCParameters)
@json_option
def fit_command(
    spectra: tuple[Path, ...], background: tuple[Path, ...], arf: tuple[Path, ...],
    mrf: tuple[Path, ...], rmf: tuple[Path, ...], mcmc: bool, chain: Path | None, seed: int,
    plot: Path | None, contour_plot: Path | None, corner: Path | None,
    parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Fit a polarized model to spectra of Stokes I, Q and U (OGIP PHA files).

    The spectra of all detector units are given together, in any order: the keyword XFLT0001 tells
    the Stokes parameter, DETNAM the unit. Backgrounds and responses are looked up where their
    keywords say, beside the spectrum, and among the calibration files of installed packages: for I
    the effective area, for Q and U the modulation response (ANCRFILE of these).

    The model is written in XSPEC's names. polconst, pollin and polpow multiply what they polarize;
    what none of them multiplies has no part in Q and U. Units have norms of their own (unit.NAME),
    the first one's being 1.

    Intervals are of one parameter at a time, by profile likelihood, or of the posterior with
    --mcmc; contours are of degree and angle together.

    \b
    Examples:
      xsurvey polarization fit *src*pha1*.fits --model 'tbabs*(polconst*powerlaw)' --energy 2-8 \\
          --group min30 --abund wilm --json fit.json --plot fit.png --contour-plot contours.png
      xsurvey polarization fit *src*pha1*.fits --model 'tbabs*(polconst*bbody+polconst*powerlaw)' \\
          --link polconst_2.psi=polconst.psi+90 --energy 2-8 --group min30
    """
    from xsurvey.errors import ParameterError
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.spectropolarimetry.fit_files import fit_stokes_files
    from xsurvey.pipelines.spectropolarimetry.reading import StokesFiles

    fitting, flux, settings, sampling = parameters
    files = StokesFiles(spectra, background, arf, mrf, rmf)
    check_chain_options(mcmc, chain, corner)
    if contour_plot is not None and not fitting.contours:
        raise ParameterError("--contour-plot", "needs contours", "leave out --no-contours")
    figures = (("--plot", plot), ("--contour-plot", contour_plot), ("--corner", corner))
    outputs = [plot, contour_plot, corner, chain, json_path]
    check_outputs(outputs, files.given())
    for option, path in figures:
        check_png(option, path)
    result = fit_stokes_files(
        files, fitting, settings, flux, outputs=outputs, intervals=not mcmc
    )  # fmt: skip
    chains = None
    if mcmc:
        from xsurvey.pipelines.spectropolarimetry.posterior import with_posterior

        result, chains = with_posterior(result, sampling, seed=seed, chain_file=chain)
    _draw(result, chains, plot, contour_plot, corner)
    show_result(_lines(result.summary), json_path, result.summary, result.summary["notes"])


def _draw(
    result: Any, chains: Any, plot: Path | None, contour_plot: Path | None, corner: Path | None
) -> None:
    if plot is not None:
        from xsurvey.report.stokes_axes import stokes_fit_figure

        save_figure(stokes_fit_figure(result.fit, result.summary["model"]["expression"]), plot)
    if contour_plot is not None:
        from xsurvey.errors import ParameterError
        from xsurvey.report.stokes_axes import contour_figure

        rows = [r for r in result.summary["polarization"] if r.get("contours")]
        if not rows:
            raise ParameterError(
                "--contour-plot", "there is no polconst with a free degree and angle",
                "leave it out, or give such a model",
            )  # fmt: skip
        save_figure(contour_figure(rows), contour_plot)
    if corner is not None:
        from xsurvey.report.chain_axes import corner_figure

        save_figure(corner_figure(chains, result.fit.theta), corner)


def _lines(summary: dict[str, Any]) -> list[str]:
    statistic, goodness = summary["statistic"], summary["goodness"]
    lines = [f"{summary['model']['expression']}: {statistic['name']} = {statistic['value']:.4f} "
             f"for {statistic['dof']} degrees of freedom"]  # fmt: skip
    if goodness:
        spread = f"{goodness['expected']:.1f} +- {goodness['standard_deviation']:.1f}"
        lines[0] += f" (expected {spread}, p = {goodness['p_value']:.2g})"
    width = max(len(name) for name in summary["parameters"])
    lines += [f"{name:<{width}}  {value_text(p)}" for name, p in summary["parameters"].items()]
    for key, text in (
        ("no_polarization", "without polarization"),
        ("constant_polarization", "without energy dependence"),
    ):
        if (found := summary[key]) is not None:
            lines.append(
                f"{text}: {found['delta']:+.2f} for {found['dof']} parameters less, "
                f"{found['significance']:.1f} sigma"
            )
    for row in summary["energy_bins"]:
        band = f"{row['energy_min']:g}-{row['energy_max']:g} keV"
        if row["pd"] is None:
            lines.append(f"{band}: no data")
            continue
        lines.append(
            f"{band}: degree {row['pd']:.4f} +- {row['pd_err']:.4f}, angle {row['pa_deg']:.2f} +- "
            f"{row['pa_err_deg']:.2f} deg, {row['significance']:.1f} sigma"
        )
    for row in summary["fluxes"]:
        lines.append(f"flux {row['energy_min']:g}-{row['energy_max']:g} keV: {value_text(row)}")
        lines.append(f"  unabsorbed: {value_text(row['unabsorbed'])}")
    return lines
