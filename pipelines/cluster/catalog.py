"""The stage ``catalog``: one row with what was found of a cluster."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, write_fits, write_hats
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import plain_ascii
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.cluster import deprojection, mass, spectral_profile, surface_brightness
from xsurvey.pipelines.cluster.catalog_row import cluster_columns
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.reading import centre_of

PART = "cluster"
_FILES = ("sources.fits", "hats")
_BRIGHTNESS = surface_brightness.JSON
RESULTS = {
    "brightness": _BRIGHTNESS, "spectral": spectral_profile.JSON, "density": deprojection.JSON,
    "mass": mass.JSON,
}  # fmt: skip
"""Files of stages, by what they are to the catalog."""


class ClusterCatalogParameters(StepParameters):
    """How the catalog is named."""

    acronym: str = Field(
        default="XSV", pattern=r"^[A-Za-z][A-Za-z0-9]{2,}$",
        description="Prefix of the IAU designations, three characters or more.",
    )  # fmt: skip


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Make the catalog of one cluster."""
    target, geometry = context.section(TargetParameters), context.section(StackGeometry)
    centre = centre_of(target)
    found = {path.name: json.loads(path.read_text()) for path in context.paths("results")}
    results: dict[str, Mapping[str, Any]] = {
        name: found.get(file, {}) for name, file in RESULTS.items()
    }
    row: dict[str, Any] = {
        "name": assign_names([centre.ra], [centre.dec], context.section(
            ClusterCatalogParameters).acronym)[0],
        "source_id": plain_ascii(f"{target.name}_0001"), "stack": plain_ascii(target.name),
        "target": plain_ascii(target.name), "n_observations": len(geometry.observations),
        "n_detections": 1, "flag": 0, "ra": centre.ra, "dec": centre.dec,
        "classification": "TRUE", **cluster_columns(target, results),
    }  # fmt: skip
    table = build_table([row], "sources", {}, {}, [PART])
    header = {"CREATOR": f"xsurvey {__version__}", **target.cosmology.stamps()}
    write_fits(table, context.folder / "sources.fits", header)
    write_hats(table, context.folder / "hats", "sources", header)
    likelihood = row.get("detection_likelihood")
    return {"sources": 1, "likelihood": likelihood if _is_number(likelihood) else None}


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


CATALOG = Stage(
    "cluster_catalog", "1", run_catalog, outputs=_FILES, inputs=("results",),
    parameters={
        "target": TargetParameters, "observations": StackGeometry,
        "catalog": ClusterCatalogParameters,
    },
    helpers=("xsurvey.catalogs", "xsurvey.pipelines.cluster.catalog_row"),
    needs_all=False,
)  # fmt: skip
