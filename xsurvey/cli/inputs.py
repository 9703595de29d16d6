"""Input files that several commands take."""

from pathlib import Path

import click

events_argument = click.argument(
    "events", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="EVENTS..."
)
exposure_option = click.option(
    "--exposure", type=click.Path(path_type=Path), metavar="MAP",
    help="Exposure map (seconds, vignetted). Without one it is approximated from the events "
    "and stamped EXPMAP = 'APPROX'.",
)  # fmt: skip
region_option = click.option(
    "--region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file; only what is inside is kept.",
)  # fmt: skip
