"""``xsurvey sed points``."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.fitting import companion_options, file_option, save_figure, value_text
from xsurvey.cli.options import StepCommand, check_png, json_option, show_result, step_options
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings


@click.command("points", cls=StepCommand)
@click.argument(
    "spectra", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHA..."
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Table of points to write (ECSV).",
)  # fmt: skip
@companion_options
@file_option("plot", "Draw points and model without absorption (PNG).")
@step_options(FluxPointParameters, SpectrumFitParameters, ModelSettings)
@json_option
def points_command(
    spectra: tuple[Path, ...], output: Path, background: tuple[Path, ...], arf: tuple[Path, ...],
    rmf: tuple[Path, ...], plot: Path | None, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Make flux points of X-ray spectra (OGIP PHA files), without absorption, for 'sed fit'.

    A model is fitted as 'spectrum fit' does, with the same options. Channels are then joined to
    points, of which each is the net counts over those that the folded model expects, times the
    model's E^2 dN/dE without absorption. Errors are those of counts and background. Where there
    is no significant signal the point is an upper limit.

    Several spectra are fitted together, and have their own points. With cstat, the default, the
    background is not subtracted, from points neither: --stat wstat does it.

    \b
    Examples:
      xsurvey sed points source.pha --model 'tbabs*powerlaw' --freeze tbabs.nH=0.018 \\
          --stat wstat --energy 0.5-7 --redshift 0.158 -o points.ecsv --plot points.png
      xsurvey sed points a.pha b.pha --model 'constant*tbabs*logpar' --untie constant.factor \\
          --freeze constant.factor=1 --stat wstat --energy 0.5-10 --significance 10 \\
          --instrument MOS --instrument PN -o points.ecsv
      xsurvey sed fit points.ecsv --redshift 0.158
    """
    from xsurvey.errors import ParameterError
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.sed.points_files import flux_points_of_files
    from xsurvey.pipelines.spectra.reading import SpectrumFiles
    from xsurvey.sed.flux_points.table import write_flux_points

    points, fitting, settings = parameters
    files = SpectrumFiles(spectra, background, arf, rmf)
    outputs = [output, plot, json_path]
    if output.suffix.lower() not in ("", ".ecsv"):
        raise ParameterError(
            "--output", f"is an ECSV table, and not '{output.suffix}'", "end it in .ecsv"
        )
    check_png("--plot", plot)
    check_outputs(outputs, files.given())
    result = flux_points_of_files(files, fitting, settings, points, outputs=outputs)
    write_flux_points(result.table, output)
    if plot is not None:
        from xsurvey.report.flux_point_axes import flux_point_figure

        figure = flux_point_figure(result.points, result.curves(), _title(result.summary))
        save_figure(figure, plot)
    show_result(_lines(result.summary), json_path, result.summary, result.summary["notes"])


def _title(summary: dict[str, Any]) -> str:
    name = summary["source"] or summary["data"][0]["spectrum"]
    return f"{name}: {summary['model']['expression']}"


def _lines(summary: dict[str, Any]) -> list[str]:
    statistic = summary["statistic"]
    lines = [f"{summary['model']['expression']}: {statistic['name']} = {statistic['value']:.4f} "
             f"for {statistic['dof']} degrees of freedom"]  # fmt: skip
    width = max(len(name) for name in summary["parameters"])
    lines += [f"{name:<{width}}  {value_text(p)}" for name, p in summary["parameters"].items()]
    rows = iter(summary["points"])
    for data in summary["data"]:
        lines.append(
            f"{data['spectrum']} ({data['instrument']}): {data['points']} points, "
            f"{data['limits']} upper limits"
        )
        own = islice(rows, data["points"] + data["limits"])
        lines += ["keV      from     to       E^2 dN/dE, erg / (s cm2)", *map(_row, own)]
    return lines


def _row(row: dict[str, Any]) -> str:
    energies = "".join(f"{row[k]:<9.4g}" for k in ("energy", "energy_min", "energy_max"))
    if row["is_limit"]:
        return f"{energies}< {row['upper_limit']:.4g} ({100 * row['limit_confidence']:.4g} %)"
    return f"{energies}{row['e2dnde']:.4g} -{row['error_low']:.2g} +{row['error_high']:.2g}"
