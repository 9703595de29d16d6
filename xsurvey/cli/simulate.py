"""``xsurvey simulate``."""

from pathlib import Path

import click

from xsurvey.cli.options import json_option, step_options, write_json
from xsurvey.simulate.parameters import SimulationParameters


@click.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Event file to write; the truth table goes beside it as *_truth.fits.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@step_options(SimulationParameters)
@json_option
def simulate_command(
    output: Path, seed: int, parameters: SimulationParameters, json_path: Path | None
) -> None:
    """Write a simulated event file and its truth table.

    The events carry a uniform background and point sources through PSF, dither and chip
    gaps; no responses are applied yet (the file says SIMLEVEL = COUNTS).

    \b
    Example, a 100 ks field with 25 sources of 12 counts:
      xsurvey simulate -o field.fits --exposure 100ks --random-sources 25 --seed 1
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.simulate.observation import simulate_observation
    from xsurvey.simulate.write import truth_path, write_simulation

    check_outputs([output, truth_path(output), json_path])
    observation = simulate_observation(parameters, seed)
    write_simulation(output, observation)
    events, sources = len(observation.events["time"]), len(observation.truth)
    click.echo(f"{output}: {events} events, {sources} sources (truth in {truth_path(output)})")
    write_json(json_path, {
        "events": events, "sources": sources, "seed": seed, "file": str(output),
        "truth": str(truth_path(output)),
    })  # fmt: skip
