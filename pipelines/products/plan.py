"""Tasks of products and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xsurvey.engine import Task
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.products.maps_stage import MAPS
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.stage import PRODUCTS
from xsurvey.pipelines.variability import LIGHT_CURVES


def products_task(
    stack: str, inputs: Mapping[str, Any], sections: Mapping[str, StepParameters], detect: Task,
    photometry: Task, variability: Task | None = None,
) -> list[Task]:  # fmt: skip
    """Plan the files of the sources of a stack; no task where none are asked for.

    Parameters
    ----------
    stack : str
        Target of the task.
    inputs, sections
        `xsurvey.pipelines.stack_reading.stack_inputs` and `stack_sections`, the latter of a config
        with the section ``products``.
    detect, photometry, variability : Task
        Of the stack; the last one makes the light curves.
    """
    wanted = sections["products"]
    assert isinstance(wanted, ProductParameters)
    if not wanted.enabled:
        return []
    # whether maps are made does not change the files of sources
    own = {**sections, "products": wanted.model_copy(update={"maps": True})}
    made = {
        "found": detect.output("found"), "measured": photometry.output("measured.json"),
        "posteriors": photometry.output("posteriors.fits"),
    }  # fmt: skip
    if variability is not None:
        made["light_curves"] = variability.output(LIGHT_CURVES)
    return [Task(PRODUCTS, stack, {**inputs, **made}, own)]


def maps_task(
    stack: str, inputs: Mapping[str, Any], sections: Mapping[str, StepParameters], detect: Task
) -> list[Task]:
    """Plan the maps of a stack; no task where none are asked for.

    Parameters
    ----------
    stack, inputs, sections, detect
        As in `products_task`.
    """
    wanted = sections["products"]
    assert isinstance(wanted, ProductParameters)
    if not wanted.maps:
        return []
    return [Task(MAPS, stack, {**inputs, "found": detect.output("found")}, sections)]
