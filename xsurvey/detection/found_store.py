"""Found sources on disk: their columns as JSON, maps of each observation as images."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.io.fits_file import read_image
from xsurvey.io.fits_writer import write_hdus

_SOURCES = "sources.json"


def write_found(folder: Path, found: FoundSources) -> None:
    """Write ``sources.json``, and for the Nth observation its background maps and its mask.

    These are ``background_N_BAND.fits`` and ``mask_N.fits``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, mask) in enumerate(found.masks.items()):
        for label, image in found.backgrounds[name].items():
            image.write(folder / f"background_{number}_{label}.fits")
        write_hdus(folder / f"mask_{number}.fits", [fits.PrimaryHDU(mask.astype(np.uint8))])
    content: dict[str, Any] = {
        "bands": found.sources.bands,
        "observations": {name: list(found.backgrounds[name]) for name in found.masks},
        "classification": found.classification.tolist(),
        "columns": {name: getattr(found.sources, name).tolist() for name in _columns()},
    }  # fmt: skip
    (folder / _SOURCES).write_text(json.dumps(content))


def read_found(folder: Path) -> FoundSources:
    """Read what `write_found` wrote."""
    content = json.loads((folder / _SOURCES).read_text())
    bands = tuple(content["bands"])
    n = len(content["columns"]["ra"])
    per_band = dict.fromkeys(("rate", "rate_error", "counts", "band_likelihood"), (n, len(bands)))
    shapes: dict[str, tuple[int, ...]] = {"covariance": (n, 2, 2), **per_band}
    kinds: dict[str, type] = {"best_band": str, "group": int, "converged": bool}
    columns: dict[str, np.ndarray] = {
        name: np.array(content["columns"][name], kinds.get(name, float)).reshape(
            shapes.get(name, (n,))
        )
        for name in _columns()
    }
    masks = {
        name: read_image(folder / f"mask_{number}.fits")[0] > 0
        for number, name in enumerate(content["observations"])
    }
    backgrounds = {
        name: {b: read_sky_image(folder / f"background_{number}_{b}.fits") for b in labels}
        for number, (name, labels) in enumerate(content["observations"].items())
    }
    return FoundSources(
        FittedSources(bands, **columns), np.array(content["classification"], str), backgrounds,
        masks,
    )  # fmt: skip


def nothing_found() -> FoundSources:
    """Return what is found where nothing was exposed: no sources, no observations."""
    columns = {name: np.empty(0) for name in _columns()}
    columns["covariance"] = np.empty((0, 2, 2))
    sources = FittedSources((), **columns)
    return FoundSources(sources, np.empty(0, str), {}, {})


def _columns() -> list[str]:
    return [f.name for f in fields(FittedSources) if f.name != "bands"]
