"""``xsurvey polarization test``."""

import math
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import events_argument, region_option
from xsurvey.cli.options import (
    StepCommand,
    WholeNumber,
    check_png,
    json_option,
    show_result,
    step_options,
)
from xsurvey.missions.selection import SelectionParameters
from xsurvey.polarization.optical.parameters import OpticalSeriesParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    KnownAngleParameters,
    PulsePhaseParameters,
    RotationParameters,
)


@click.command("test", cls=StepCommand)
@events_argument
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, which is subtracted.",
)  # fmt: skip
@click.option(
    "--companion", type=click.Path(path_type=Path), metavar="FILE",
    help="Polarization of the source at another wavelength (ECSV: time, pd, pd_err, pa, pa_err): "
    "X-ray events are turned back by its angle.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="FILE",
    help="Also draw degree and angle against time (PNG).",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@step_options(
    PolarizationParameters, KnownAngleParameters, ConstancyParameters, RotationParameters,
    PulsePhaseParameters, OpticalSeriesParameters, SelectionParameters,
)  # fmt: skip
@json_option
def test_command(
    events: tuple[Path, ...], region: Path | None, background_region: Path | None,
    companion: Path | None, figure: Path | None, seed: int, parameters: tuple[Any, ...],
    json_path: Path | None,
) -> None:  # fmt: skip
    """Test how the polarization of a source behaves.

    EVENTS are the files of the detector units of one observation, which are added up. Tested are
    constancy in time, and if asked for dependence on energy (several --ebins) and pulse phase
    (--frequency), rotation (--highest-rate), polarization along a known angle (--known-angle)
    and along the angle of a companion at each time (--companion). Each line has the null hypothesis
    that its probability is of.

    \b
    Examples:
      xsurvey polarization test blazar_du?.fits --region source.reg \\
          --background-region annulus.reg --ebins 2,4,8 --highest-rate 200
      xsurvey polarization test blazar_du?.fits --companion optical.ecsv --figure angle.png \\
          --json tests.json
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.polarization.behaviour_files import BehaviourRequest, behaviour_of_files

    check_png("--figure", figure)
    check_outputs([figure, json_path], [*events, region, background_region, companion])
    summary = behaviour_of_files(
        events, BehaviourRequest(*parameters), region=region, background_region=background_region,
        companion=companion, figure=figure, seed=seed,
    )  # fmt: skip
    show_result(_lines(summary), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any]) -> list[str]:
    """Return a table of the tests, and what was found."""
    whole = summary["whole"]
    lines = [
        f"{whole['counts']} events: PD {_number(whole['pd'], 0, 4)} +- "
        f"{_number(whole['pd_err'], 0, 4)}, PA {_number(whole['pa_deg'], 0, 2)} +- "
        f"{_number(whole['pa_err_deg'], 0, 2)} deg, MDP99 {_number(whole['mdp99'], 0, 4)}",
        f"{'test':<22} {'statistic':>10} {'dof':>4} {'p':>10} {'sigma':>6}  null hypothesis",
    ]  # fmt: skip
    lines += [_row(name, test) for name, test in _tests(summary)]
    rotation, companion, known = (summary[n] for n in ("rotation", "companion", "known_angle"))
    if rotation is not None:
        lines.append(
            f"rotation: {rotation['rate_deg_per_day']:.4g} +- {rotation['rate_err']:.2g} deg/day, "
            f"PD {rotation['pd']:.4f} +- {rotation['pd_err']:.4f}, at MJD "
            f"{rotation['reference_mjd']:.4f} PA {rotation['pa_deg']:.2f} +- "
            f"{rotation['pa_err_deg']:.2f} deg"
        )
    if known is not None:
        lines.append(_along(f"along {known['angle_deg']:g} deg", known))
    if companion is not None:
        lines.append(_along("along the companion", companion["along"]))
        for key, text in (("free_angle", "free angle to it"), ("at_rest", "not turned back")):
            one = companion[key]
            lines.append(
                f"{text}: PD {one['pd']:.4f} ({one['pd_lower']:.4f} to {one['pd_upper']:.4f}, "
                f"68.3 %), below {one['pd_upper_99']:.4f} (99 %), PA {one['pa_deg']:.2f} +- "
                f"{one['pa_half_width_deg']:.2f} deg"
            )
    series = summary["series"]
    if series is not None:
        lines.append(_series(series))
    responses = summary["responses"]
    lines.append(f"responses: {responses['name']} ({responses['reason']})")
    return lines


def _tests(summary: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [
        ("constancy in time", summary["constancy"]), ("dependence on energy", summary["energy"]),
        ("pulse phase", summary["phases"]),
    ]  # fmt: skip
    rotation, companion = summary["rotation"], summary["companion"]
    if rotation is not None:
        found += [("rotation", rotation), ("polarized, any rate", rotation["polarized"])]
    found.append(("known angle", summary["known_angle"]))
    if companion is not None:
        found += [
            ("companion's angle", companion["along"]), ("free angle to it", companion["free_angle"])
        ]  # fmt: skip
    series = summary["series"]
    if series is not None and series["walks"] is not None:
        walks = series["walks"]
        for name, value, key in (
            ("companion, swing", walks["swing_deg"], "p_swing"),
            ("companion, rate", walks["rate_ratio"], "p_rate"),
        ):
            found.append((name, {
                "statistic": value, "dof": None, "p": walks[key], "trials": walks["walks"],
                "sigma": None, "null_hypothesis": walks["null_hypothesis"],
            }))  # fmt: skip
    return [(name, test) for name, test in found if test is not None]


def _row(name: str, test: dict[str, Any]) -> str:
    dof = "-" if test["dof"] is None else str(test["dof"])
    least = test["trials"] and test["p"] <= 1.5 / (1 + test["trials"])
    p = f"{'<=' if least else ''}{test['p']:.2g}" if math.isfinite(test["p"]) else "-"
    if test["p"] == 0:
        p = f"1e{test['log_p'] / math.log(10):.0f}"
    sigma = _number(test["sigma"], 6, 2)
    if least and test["sigma"] is not None:
        sigma = f"{'>=' + sigma.strip():>6}"
    return (
        f"{name:<22} {_number(test['statistic'], 10, 2)} {dof:>4} {p:>10} {sigma}  "
        f"{test['null_hypothesis']}"
    )


def _along(name: str, one: dict[str, Any]) -> str:
    return (
        f"{name}: PD {one['pd']:.4f} +- {one['pd_err']:.4f} ({one['pd_lower']:.4f} to "
        f"{one['pd_upper']:.4f}, 68.3 %), below {one['pd_upper_99']:.4f} (99 %), "
        f"{one['pd_upper_9973']:.4f} (99.73 %); across {one['across']:.4f} +- "
        f"{one['across_err']:.4f}"
    )


def _series(series: dict[str, Any]) -> str:
    mean = series["mean"]
    line = (
        f"companion: {len(series['points'])} measurements, PD {mean['mean_pd_debiased']:.4f}, "
        f"branch {series['path_probability']:.3f}"
    )
    for one in series["episodes"]:
        line += (
            f"; rotates by {one['amplitude_deg']:.0f} deg, {one['rate_deg_per_day']:.4g} +- "
            f"{one['rate_err']:.2g} deg/day"
        )
    return line


def _number(value: float | None, width: int, digits: int) -> str:
    known = value is not None and math.isfinite(value)
    return f"{value:>{width}.{digits}f}" if known else f"{'-':>{width}}"
