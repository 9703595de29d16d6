"""``xsurvey polarization simulate-series``."""

from pathlib import Path

import click

from xsurvey.cli.options import StepCommand, WholeNumber, step_options
from xsurvey.polarization.optical.simulated import SimulatedSeriesParameters


@click.command("simulate-series", cls=StepCommand)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Series to write (ECSV).",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@step_options(SimulatedSeriesParameters)
def simulate_series_command(output: Path, seed: int, parameters: SimulatedSeriesParameters) -> None:
    """Write a simulated series of optical polarization, with a rotation of its angle if wished.

    It has time (MJD), degree and angle with their errors; what was put in is in its meta data.

    \b
    Example:
      xsurvey polarization simulate-series -o optical.ecsv --start 2023-05-10 --days 40 \\
          --angle 20 --rotation-rate 10 --rotation-start 12 --rotation-days 16
    """
    from xsurvey.errors import OutputError
    from xsurvey.io.atomic import atomic_output, check_outputs
    from xsurvey.polarization.optical.simulated import series_table, simulated_series

    if output.suffix != ".ecsv":
        raise OutputError(output, "is not the name of an ECSV file", "end it in .ecsv")
    check_outputs([output])
    series = simulated_series(parameters, seed)
    table = series_table(series)
    table.meta = {"simulated": parameters.model_dump(mode="json"), "seed": seed}
    with atomic_output(output) as temporary:
        table.write(temporary, format="ascii.ecsv")
    click.echo(
        f"{output}: {len(series)} measurements, MJD {series.mjd[0]:.2f} to {series.mjd[-1]:.2f}"
    )
