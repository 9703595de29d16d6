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

    The events carry a uniform background and point sources through PSF, motion and the gaps of
    the detectors; no responses are applied (the file says SIMLEVEL = COUNTS). With --scans a
    survey's scans over a field are simulated. Missions that have a simulator of their own, and
    one file a detector unit, get NAME_du1.fits, NAME_du2.fits, ... of it.

    \b
    Examples, a 100 ks field with 25 sources of 12 counts, and a survey's sky tile:
      xsurvey simulate -o field.fits --exposure 100ks --random-sources 25 --seed 1
      xsurvey simulate -o tile.fits --mission NAME --scans 28 --energy 0.2-10 --random-sources 50
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.missions import get_mission
    from xsurvey.simulate.observation import simulate_observation
    from xsurvey.simulate.units import simulate_units, unit_paths
    from xsurvey.simulate.write import truth_path, write_simulation

    files = unit_paths(output, parameters)
    check_outputs([*files, truth_path(output), json_path])
    if parameters.mission is not None and get_mission(parameters.mission).has_own_simulator:
        events, sources = simulate_units(output, parameters, seed)
    else:
        observation = simulate_observation(parameters, seed)
        write_simulation(output, observation)
        events, sources = len(observation.events["time"]), len(observation.truth)
    names = ", ".join(str(f) for f in files)
    click.echo(f"{names}: {events} events, {sources} sources (truth in {truth_path(output)})")
    write_json(json_path, {
        "events": events, "sources": sources, "seed": seed, "file": str(output),
        "files": [str(f) for f in files], "truth": str(truth_path(output)),
    })  # fmt: skip
