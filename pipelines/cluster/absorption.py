"""The stage ``absorption``: brightness as it were without hydrogen in front of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import plain_ascii
from xsurvey.imaging.absorption import (
    absorption_corrected,
    absorption_factor,
    transmission_columns,
)
from xsurvey.imaging.column_density import read_column_density
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.mosaic import INDEX
from xsurvey.pipelines.cluster.parameters import AbsorptionParameters, TargetParameters
from xsurvey.pipelines.cluster.reading import read_map, redshift_of
from xsurvey.profiles.band_transmission import band_transmission
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.region_product_files import read_products
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

JSON, FOLDER = "absorption.json", "corrected"
MODEL = "tbabs*apec"
SMOOTHED, COLUMN_DENSITY = "display_corrected.fits", "nh.fits"
BRIGHTNESS = "count / (s arcmin2)"


def run_absorption(context: TaskContext) -> dict[str, Any]:
    """Write images of the brightness, of all bands, that are corrected for absorption."""
    target, chosen = context.section(TargetParameters), context.section(AbsorptionParameters)
    settings = context.section(ModelSettings)
    mosaic, folder = context.path("mosaic"), context.folder / FOLDER
    folder.mkdir()
    index = json.loads((mosaic / INDEX).read_text())
    first = next(iter(index["bands"]))
    exposed = read_map(mosaic, f"exposure_{first}.fits").data > 0
    path = context.optional_path("nh_map")
    column: np.ndarray = np.asarray(target.nh)
    if path is not None:
        here = read_column_density(path, read_map(mosaic, f"exposure_{first}.fits").grid, exposed)
        here.write(folder / COLUMN_DENSITY)
        column = here.data
    columns = transmission_columns(max(float(np.nanmax(column)), chosen.nh_to, 1e-3))
    products = read_products(context.path("regions"))
    stamps = _stamps(target, chosen, settings, column, path)
    bands = {}
    for label, limits in index["bands"].items():
        band = EnergyBand(*limits)
        transmission = band_transmission(
            products, band, columns, chosen.kt, chosen.abundance, redshift_of(target), settings
        )
        factor = absorption_factor(column, columns, transmission, chosen.nh_to)
        net = net_brightness(mosaic, label)
        absorption_corrected(SkyImage(net.data, net.grid, net.unit, stamps), factor).write(
            folder / f"corrected_{label}.fits"
        )
        if label == first:
            smoothed = read_map(mosaic, "display_smoothed.fits")
            absorption_corrected(
                SkyImage(
                    smoothed.data, smoothed.grid, smoothed.unit, {**smoothed.stamps, **stamps}
                ),
                factor,
            ).write(folder / SMOOTHED)
        bands[label] = {
            "band": list(band), "factor_min": float(np.nanmin(factor)),
            "factor_max": float(np.nanmax(factor)),
        }  # fmt: skip
    record = {
        "bands": bands, "model": MODEL, "kt": chosen.kt, "abundance": chosen.abundance,
        "nh_to": chosen.nh_to, "nh_min": float(np.nanmin(column)),
        "nh_max": float(np.nanmax(column)), "map": None if path is None else path.name,
        "notes": _notes(column, target, path),
    }  # fmt: skip
    write_json_values(context.folder / JSON, record)
    return {"bands": len(bands), "factor": bands[first]["factor_max"]}


def net_brightness(mosaic: Path, label: str) -> SkyImage:
    """Return the brightness of a band without particles, count / (s arcmin2), NaN unexposed.

    Parameters
    ----------
    mosaic : path
        Folder of the stage `mosaic`.
    label : str
        Of the band.
    """
    counts, exposure = (read_map(mosaic, f"{kind}_{label}.fits") for kind in ("counts", "exposure"))
    net, particles = counts.data, f"particles_{label}.fits"
    if (mosaic / particles).is_file():
        net = net - read_map(mosaic, particles).data
    seen = exposure.data > 0
    weight = exposure.data * pixel_solid_angles(counts.grid)
    data = np.divide(net, weight, out=np.full(net.shape, np.nan), where=seen)
    return SkyImage(data, counts.grid, BRIGHTNESS)


def _stamps(
    target: TargetParameters, chosen: AbsorptionParameters, settings: ModelSettings,
    column: np.ndarray, path: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Return what the header says was assumed."""
    source = "target.nh" if path is None else plain_ascii(path.name)
    return {
        "NH_FROM": (source, "where column densities are from"),
        "NH_MIN": (float(np.nanmin(column)), "[1e22 / cm2] least that was corrected"),
        "NH_MAX": (float(np.nanmax(column)), "[1e22 / cm2] most"),
        "NH_TO": (chosen.nh_to, "[1e22 / cm2] absorbed as behind this column"),
        "ABSMODEL": (MODEL, "model whose absorption was assumed"),
        "ABS_KT": (chosen.kt, "[keV] its temperature"),
        "ABS_Z": (chosen.abundance, "its abundance, solar"),
        "REDSHIFT": (redshift_of(target), "its redshift"),
        "ABUND": (settings.abund, "table of abundances"),
        "XSECT": (settings.xsect, "table of cross-sections"),
    }  # fmt: skip


def _notes(column: np.ndarray, target: TargetParameters, path: Path | None) -> list[str]:
    if path is None:
        return []
    least, most = float(np.nanmin(column)), float(np.nanmax(column))
    return [
        f"column densities of the field are {least:.3g} to {most:.3g} 1e22 / cm2 by {path.name}: "
        f"images are corrected for that, spectra have {target.nh:g} everywhere"
    ]


ABSORPTION = Stage(
    "absorption", "1", run_absorption, outputs=(JSON, FOLDER), inputs=("mosaic", "regions"),
    optional_inputs=("nh_map",),
    parameters={
        "target": TargetParameters, "absorption": AbsorptionParameters,
        "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.imaging.absorption", "xsurvey.imaging.column_density",
        "xsurvey.imaging.sky_image", "xsurvey.io.json_values",
        "xsurvey.pipelines.cluster.reading", "xsurvey.profiles.band_transmission",
        "xsurvey.profiles.geometry", "xsurvey.profiles.region_product_files",
        "xsurvey.spectra.models.settings", "xsurvey.units",
    ),
)  # fmt: skip
