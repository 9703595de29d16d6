"""Tasks of products and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xsurvey.engine import Task
from xsurvey.engine.plan import OutputOf
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.stage import PRODUCTS

Inputs = Sequence[Path | OutputOf]


def products_task(
    stack: str, events: Inputs, fields: Inputs, found: OutputOf, measured: OutputOf,
    sections: Mapping[str, StepParameters],
) -> Task | None:  # fmt: skip
    """Plan the files of the sources of a stack; None where none are asked for.

    Parameters
    ----------
    stack : str
        Target of the task.
    events : sequence of path
        Files of all its observations, one observation after the other.
    fields : sequence of OutputOf
        Output ``field`` of the images of each observation, in the same order.
    found, measured : OutputOf
        Of the detection and of the photometry of the stack.
    sections : mapping of str to StepParameters
        Of the config, with what the plan says of the stack.
    """
    wanted = sections["products"]
    assert isinstance(wanted, ProductParameters)
    if not wanted.enabled:
        return None
    # what maps are made does not change the files of sources
    own = {**sections, "products": wanted.model_copy(update={"maps": True})}
    return Task(
        PRODUCTS, stack,
        {"events": list(events), "fields": list(fields), "found": found, "measured": measured}, own,
    )  # fmt: skip
