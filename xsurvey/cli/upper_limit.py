"""``xsurvey upper-limit``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import exposure_option
from xsurvey.cli.options import StepCommand, json_option, show_result, step_options
from xsurvey.detection.limit_parameters import UpperLimitParameters
from xsurvey.missions.selection import SelectionParameters


@click.command(cls=StepCommand)
@click.argument(
    "source", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="EVENTS...|RUN"
)
@exposure_option
@step_options(UpperLimitParameters, SelectionParameters)
@json_option
def upper_limit_command(
    source: tuple[Path, ...], exposure: Path | None, parameters: tuple[Any, ...],
    json_path: Path | None,
) -> None:  # fmt: skip
    """Give upper limits on counts, rates and fluxes of point sources at any position.

    EVENTS are the event files of one observation, in which sources are found first; RUN is the
    output folder of a finished run, whose sources and images are used. Light of known sources at
    the position is taken off; at a known source the limit is on that source.

    \b
    Examples:
      xsurvey upper-limit events.fits --position 150.05,2.22 --band 0.5-2
      xsurvey upper-limit demo_output --position 228.4,-59.1 --confidence 0.997
    """
    from xsurvey.errors import ParameterError
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.upper_limits import is_run, limits_in_events, limits_in_run

    limits, selection = parameters
    check_outputs([json_path], [*source, exposure])
    if not limits.position:
        raise ParameterError("position", "is required", "give RA,DEC")
    if is_run(source[0]):
        if len(source) > 1 or exposure is not None or selection != SelectionParameters():
            raise ParameterError(
                "command line", "has files or a selection besides a run", "give the run alone"
            )
        rows = limits_in_run(source[0], limits)
    else:
        rows = limits_in_events(source, limits, selection, exposure)
    show_result(map(_line, rows), json_path, {"confidence": limits.confidence, "limits": rows})


def _line(row: dict[str, Any]) -> str:
    """Return one limit in words."""
    energy = row["energy"]
    band = f"{energy[0]:g}-{energy[1]:g} keV" if energy else row["band"]
    place = f"{row['ra']:.5f} {row['dec']:+.5f} {band}"
    if not row["counts_upper"] >= 0:
        return f"{place}: none, {row['reason']}"
    parts = [f"{row['counts_upper']:.4g} counts"]
    if row["rate_upper"] >= 0:
        parts.append(f"{row['rate_upper']:.4g} count / s")
    if row["flux_upper"] >= 0:
        parts.append(f"{row['flux_upper']:.4g} erg / (s cm2)")
    at = f", source {row['source']}" if row["source"] else ""
    missing = f" ({row['reason']})" if row["reason"] else ""
    return (
        f"{place}: < {', '.join(parts)}{missing}; {row['counts']:.0f} counts over "
        f"{row['background']:.3g} expected{at}"
    )
