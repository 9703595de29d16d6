"""``xsurvey profile``."""

import math
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import exposure_option
from xsurvey.cli.options import (
    StepCommand,
    WholeNumber,
    check_png,
    json_option,
    show_result,
    step_options,
)
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
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@click.option("--mcmc", is_flag=True, help="Also sample the posteriors of the fits.")
@step_options(ProfileCentre, SurfaceBrightnessParameters, MCMCParameters)
@json_option
def profile_command(
    image: Path, output: Path | None, figure: Path | None, residuals: Path | None,
    exposure: Path | None, background: Path | None, exclude: Path | None, mask: Path | None,
    seed: int, mcmc: bool, parameters: tuple[Any, ...], json_path: Path | None,
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
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.profile_file import profile_of_files

    centre, settings, sampling = parameters
    check_outputs(
        [output, figure, residuals, json_path],
        [image, exposure, background, exclude, mask, settings.psf_file],
    )
    check_png("--figure", figure)
    summary = profile_of_files(
        image, centre, settings, sampling if mcmc else None, exposure=exposure,
        background=background, exclude=exclude, mask=mask, output=output, figure=figure,
        residuals=residuals, seed=seed,
    )  # fmt: skip
    show_result(_lines(summary, output), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any], output: Path | None) -> list[str]:
    """Return the profile in words: its bins, or as many as a screen holds, and its fits."""
    lines = ["radius (arcmin)     counts  background   brightness (count / (s arcmin2))"]
    number = len(summary["radius_arcmin"])
    shown = list(range(number)) if output is None else list(range(min(number, _SHOWN)))
    for i in shown:
        middle, half = summary["radius_arcmin"][i], summary["radius_width_arcmin"][i] / 2
        value = _interval(*(summary[f"brightness{part}"][i] for part in ("", "_lower", "_upper")))
        sigma = summary["significance"][i] if "significance" in summary else math.nan
        above = f"  {sigma:.1f} sigma" if math.isfinite(sigma) else ""
        lines.append(
            f"{middle - half:7.3f} - {middle + half:7.3f} {summary['counts'][i]:8.0f}"
            f" {summary['background_counts'][i]:11.2f}   {value}{above}"
        )
    if len(shown) < number:
        lines.append(f"{number - len(shown)} more bins in {output}")
    if "sky" in summary:
        sky = summary["sky"]
        lines.append(
            f"sky: {sky['level']:.4g} +- {sky['level_error']:.2g} {sky['unit']}, scatter "
            f"{sky['scatter']:.2g} between regions of {sky['scatter_area_arcmin2']:.4g} arcmin2"
        )
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
    numbers = [math.nan if v is None else v + 0.0 for v in (value, lower, upper)]  # no -0
    if not math.isfinite(numbers[0]):
        return "none"
    if not all(map(math.isfinite, numbers)):
        return f"{numbers[0]:.4g}"
    return "{:.4g} ({:.4g} to {:.4g})".format(*numbers)
