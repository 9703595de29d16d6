"""``xsurvey simulate``."""

from pathlib import Path

import click

from xsurvey.cli.options import (
    StepCommand,
    WholeNumber,
    check_fits,
    json_option,
    show_result,
    step_options,
)
from xsurvey.simulate.parameters import SimulationParameters


@click.command(cls=StepCommand)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Event file to write; the truth table goes beside it as *_truth.fits.",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@click.option(
    "--arf", type=click.Path(path_type=Path), metavar="FILE",
    help="Effective area on the axis, of all detectors that observe; the mission's if none.",
)  # fmt: skip
@click.option(
    "--rmf", type=click.Path(path_type=Path), metavar="FILE",
    help="Response matrix; the mission's, or Gaussian lines, if none.",
)  # fmt: skip
@step_options(SimulationParameters)
@json_option
def simulate_command(
    output: Path, seed: int, arf: Path | None, rmf: Path | None, parameters: SimulationParameters,
    json_path: Path | None,
) -> None:  # fmt: skip
    """Write a simulated event file and its truth table.

    By counts, the events carry a uniform background and point sources through PSF, motion and the
    gaps of the detectors, without responses (SIMLEVEL = COUNTS). By flux (--sources, --cluster,
    --log-n-log-s, --model, --diffuse, --particle, --arf or --rmf), photons of any spectrum go
    through effective area, vignetting and redistribution too (SIMLEVEL = RESPONSE). With --scans a
    survey's scans over a field are simulated, with --closed an exposure without sky. Missions that
    have a simulator of their own, and one file a detector unit, get NAME_du1.fits, NAME_du2.fits,
    ... of it.

    \b
    Examples: a field with 25 sources of 12 counts, a survey's sky tile, and sources by flux:
      xsurvey simulate -o field.fits --exposure 100ks --random-sources 25 --seed 1
      xsurvey simulate -o tile.fits --mission NAME --scans 28 --energy 0.2-10 --random-sources 50
      xsurvey simulate -o deep.fits --log-n-log-s 1e-15 --sources clusters.ecsv
    """
    from xsurvey.errors import ParameterError
    from xsurvey.io.atomic import check_outputs
    from xsurvey.missions import get_mission
    from xsurvey.simulate.observation import simulate_observation
    from xsurvey.simulate.units import simulate_units, unit_paths
    from xsurvey.simulate.write import truth_path, write_simulation

    files = unit_paths(output, parameters)
    read = [p for p in (arf, rmf, parameters.sources, parameters.cluster) if p is not None]
    check_fits(output)
    check_outputs([*files, truth_path(output), json_path], inputs=read)
    if parameters.mission is not None and get_mission(parameters.mission).has_own_simulator:
        for name, given in (("--arf", arf), ("--rmf", rmf)):
            if given is not None:
                raise ParameterError(
                    name, f"cannot be chosen for {parameters.mission}, which its own "
                    "simulator does", "leave it out",
                )  # fmt: skip
        events, sources = simulate_units(output, parameters, seed)
    else:
        observation = simulate_observation(parameters, seed, arf, rmf)
        write_simulation(output, observation)
        events, sources = len(observation.events["time"]), len(observation.truth)
    names = ", ".join(str(f) for f in files)
    line = f"{names}: {events} events, {sources} sources (truth in {truth_path(output)})"
    show_result([line], json_path, {
        "events": events, "sources": sources, "seed": seed, "file": str(output),
        "files": [str(f) for f in files], "truth": str(truth_path(output)),
    })  # fmt: skip
