"""``xsurvey profile``."""

import math
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import exposure_option
from xsurvey.cli.options import StepCommand, check_png, json_option, step_options, write_json
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.profile_parameters import ProfileCentre, SurfaceBrightnessParameters

_SHOWN = 12


@click.command(cls=StepCommand)
@click.argument("image", type=click.Path(path_type=Path), metavar="IMAGE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Table of the profiles to write (FITS).",
)  # fmt: skip
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="FILE", help="Also draw them (PNG)."
)
@click.option(
    "--residuals", type=click.Path(path_type=Path), metavar="FILE",
    help="Maps of what the first fitted model leaves of the image, to write (FITS).",
)  # fmt: skip
@exposure_option
@click.option(
    "--background", type=click.Path(path_type=Path), metavar="MAP",
    help="Expected counts a pixel of what is not of the sky, on the pixels of the image.",
)  # fmt: skip
@click.option(
    "--exclude", type=click.Path(path_type=Path), metavar="REGIONFILE",
    help="DS9 region file; what is inside any of its shapes is not counted.",
)  # fmt: skip
@click.option(
    "--mask", type=click.Path(path_type=Path), metavar="MAP",
    help="Image that is positive where pixels are counted, and zero elsewhere.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@step_options(ProfileCentre, SurfaceBrightnessParameters, MCMCParameters)
@json_option
def profile_command(
    image: Path, output: Path | None, figure: Path | None, residuals: Path | None,
    exposure: Path | None, background: Path | None, exclude: Path | None, mask: Path | None,
    seed: int, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Measure the surface brightness of an extended source in radial bins, and fit models to it.

    IMAGE is an image of counts. Bins start at 0, and a pixel belongs to the bin its centre falls
    in; distances are those on the sky. Brightness is (counts - background) / (exposure times solid
    angle), in count / (s arcmin2). Position angles are degrees north through east.

    \b
    Examples:
      xsurvey profile image.fits --exposure exposure.fits --center 140.338,3.291 \\
          --bin-size 20arcsec --max-radius 10arcmin --fit beta -o profile.fits
      xsurvey profile image.fits --center 140.338,3.291 --bin-size 8arcsec --max-radius 10arcmin \\
          --bins snr:5 --sectors 4 --exclude sources.reg --json profile.json
    """
    from xsurvey.errors import printable
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.profile_file import profile_of_files

    centre, settings, mcmc = parameters
    check_outputs(
        [output, figure, residuals, json_path], [image, exposure, background, exclude, mask]
    )
    check_png("--figure", figure)
    summary = profile_of_files(
        image, centre, settings, mcmc, exposure=exposure, background=background, exclude=exclude,
        mask=mask, output=output, figure=figure, residuals=residuals, seed=seed,
    )  # fmt: skip
    for line in _lines(summary, output):
        click.echo(line)
    for note in summary["notes"]:
        click.echo(f"xsurvey: note: {printable(note)}", err=True)
    write_json(json_path, summary)


def _lines(summary: dict[str, Any], output: Path | None) -> list[str]:
    """Return the profile in words: its bins, or as many as a screen holds, and its fits."""
    lines = ["radius (arcmin)     counts  background   brightness (count / (s arcmin2))"]
    number = len(summary["radius_arcmin"])
    shown = list(range(number)) if output is None else list(range(min(number, _SHOWN)))
    for i in shown:
        middle, half = summary["radius_arcmin"][i], summary["radius_width_arcmin"][i] / 2
        value = _interval(*(summary[f"brightness{part}"][i] for part in ("", "_lower", "_upper")))
        lines.append(
            f"{middle - half:7.3f} - {middle + half:7.3f} {summary['counts'][i]:8.0f}"
            f" {summary['background_counts'][i]:11.2f}   {value}"
        )
    if len(shown) < number:
        lines.append(f"{number - len(shown)} more bins in {output}")
    for model, fit in summary["fits"].items():
        statistic = fit["statistic"]
        lines.append(
            f"{model}: {statistic['name']} {statistic['value']:.2f} for {statistic['dof']} degrees "
            "of freedom"
        )  # fmt: skip
        for name, parameter in fit["parameters"].items():
            frozen = " (frozen)" if parameter["frozen"] else ""
            value = _interval(parameter["value"], parameter["lower"], parameter["upper"])
            lines.append(f"  {name:<12} {value} {parameter['unit']}{frozen}".rstrip())
    return lines


def _interval(value: float | None, lower: float | None, upper: float | None) -> str:
    """Return a value with its interval; what is None or no number is left out."""
    known = [v is not None and math.isfinite(v) for v in (value, lower, upper)]
    if not known[0]:
        return "none"
    return f"{value:.4g} ({lower:.4g} to {upper:.4g})" if all(known) else f"{value:.4g}"
