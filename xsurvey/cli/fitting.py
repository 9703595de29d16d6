"""What commands that fit have in common: options of chains and figures, lines of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.options import WholeNumber


def file_option(name: str, text: str, *, several: bool = False) -> Callable[[Callable], Callable]:
    """Return an option that names a file, or may be repeated for several."""
    return click.option(
        f"--{name}", type=click.Path(path_type=Path), multiple=several, metavar="FILE", help=text
    )


def companion_options(command: Callable) -> Callable:
    """Give a command the options that name what belongs to its spectra."""
    for name, text in (
        ("rmf", "Redistribution matrix, in place of what RESPFILE names."),
        ("arf", "Effective area, in place of what ANCRFILE names."),
        ("background", "Background spectrum, in place of what BACKFILE names."),
    ):
        command = click.option(
            f"--{name}", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
            help=f"{text} 'none' for none. Repeat for several spectra, in their order.",
        )(command)  # fmt: skip
    return command


mcmc_option = click.option(
    "--mcmc", is_flag=True, help="Sample the posterior; intervals are those of it."
)
chain_option = file_option(
    "chain", "Chain to write (HDF5), from which an interrupted run goes on."
)  # fmt: skip


def nested_flag(priors: str) -> Callable[[Callable], Callable]:
    """Return the option ``--nested``, with a sentence on the priors that it needs."""
    return click.option(
        "--nested", is_flag=True, help=f"Compute the evidence by nested sampling; {priors}"
    )


nested_option = nested_flag("every free parameter needs a --prior.")
seed_option = click.option(
    "--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed."
)
corner_option = file_option("corner", "Draw the posterior of a chain (PNG).")


def check_chain_options(mcmc: bool, chain: Path | None, corner: Path | None) -> None:
    """Check that what needs a chain is asked for with one.

    Raises
    ------
    ParameterError
        It is asked for without.
    """
    from xsurvey.errors import ParameterError

    for option, path in (("--chain", chain), ("--corner", corner)):
        if path is not None and not mcmc:
            raise ParameterError(option, "needs a chain", "give --mcmc too")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    from xsurvey.io.atomic import atomic_output
    from xsurvey.report.plate import png_bytes

    with atomic_output(path) as temporary:
        temporary.write_bytes(png_bytes(figure))


def value_text(record: dict[str, Any]) -> str:
    """Return a value with its interval, confidence and unit, and whether it is frozen or linked."""
    text = f"{record['value']:.6g}"
    if record["lower"] is not None:
        text += f" ({record['lower']:.6g} to {record['upper']:.6g}"
        text += f", {100 * record['confidence']:.4g} %)"
    text += f" {record['unit']}" if record["unit"] else ""
    if "link" in record:
        return f"{text} = {record['link']}"
    return f"{text} frozen" if record.get("frozen") else text
