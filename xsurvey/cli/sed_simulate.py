"""``xsurvey sed simulate``."""

from pathlib import Path

import click

from xsurvey.cli.options import StepCommand, WholeNumber, step_options
from xsurvey.sed.fitting.simulated import SimulatedSedParameters


@click.command("simulate", cls=StepCommand)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Flux points to write (ECSV).",
)  # fmt: skip
@click.option(
    "--polarization-output", type=click.Path(path_type=Path), metavar="FILE",
    help="Write polarization (ECSV) too.",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@step_options(SimulatedSedParameters)
def simulate_command(
    output: Path, polarization_output: Path | None, seed: int, parameters: SimulatedSedParameters
) -> None:
    """Write simulated flux points of a radiative model, and its polarization.

    Fluxes, Q/I and U/I are those of the model with errors of Gaussians; what was put in is in the
    metadata. Parameters of polarization are set like those of the model: field_inclination,
    polarization_angle and depolarization.

    \b
    Example:
      xsurvey sed simulate -o sed.ecsv --polarization-output light.ecsv --redshift 0.3 \\
          --set log10_B=-1 --set depolarization=0.2 --points optical=3e14,1e15,5,0.05 \\
          --points X-rays=2e17,2e18,8,0.1 --stokes optical=5e14,0.01 --seed 1
    """
    from xsurvey.errors import OutputError
    from xsurvey.io.atomic import check_outputs
    from xsurvey.sed.fitting.simulated import simulated_sed, simulated_stokes
    from xsurvey.sed.models.registry import options_record
    from xsurvey.sed.polarization.writing import write_polarization
    from xsurvey.sed.tables.writing import write_sed

    outputs = [output, *([] if polarization_output is None else [polarization_output])]
    for path in outputs:
        if path.suffix != ".ecsv":
            raise OutputError(path, "is not the name of an ECSV file", "end it in .ecsv")
    check_outputs(outputs)
    sed = simulated_sed(parameters, seed)
    told = options_record(parameters.model, parameters.electrons, parameters.self_absorption)
    meta = {"simulated": {**parameters.model_dump(mode="json"), **told}, "seed": seed}
    light = None if polarization_output is None else simulated_stokes(parameters, seed)
    write_sed(output, sed, meta)
    click.echo(f"{output}: {len(sed)} points, {sed.frequency[0]:.3g} to {sed.frequency[-1]:.3g} Hz")
    if light is not None and polarization_output is not None:
        write_polarization(polarization_output, light, meta)
        click.echo(f"{polarization_output}: {len(light)} measurements")
