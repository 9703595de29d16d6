"""Found sources on disk: their positions as JSON, their background maps as images."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from astropy.io import fits

from xsurvey.detection.detect import FoundSources
from xsurvey.detection.position import FittedPosition
from xsurvey.detection.search import DetectedSource
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.io.fits_file import read_image
from xsurvey.io.fits_writer import write_hdus


def write_found(folder: Path, found: FoundSources) -> None:
    """Write ``sources.json``, ``background_BAND.fits`` and ``mask.fits``."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, image in found.backgrounds.items():
        image.write(folder / f"background_{label}.fits")
    write_hdus(folder / "mask.fits", [fits.PrimaryHDU(found.mask.astype(np.uint8))])
    content = {
        "bands": list(found.backgrounds), "sources": [asdict(source) for source in found.sources],
    }  # fmt: skip
    (folder / "sources.json").write_text(json.dumps(content))


def read_found(folder: Path) -> FoundSources:
    """Read what `write_found` wrote."""
    content = json.loads((folder / "sources.json").read_text())
    sources = [
        DetectedSource(**{**entry, "position": FittedPosition(**entry["position"])})
        for entry in content["sources"]
    ]
    backgrounds = {
        label: read_sky_image(folder / f"background_{label}.fits") for label in content["bands"]
    }
    mask, _ = read_image(folder / "mask.fits")
    return FoundSources(sources, backgrounds, mask > 0)
