"""Found sources on disk: columns as arrays, background maps as images, by observation."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
from astropy.io import fits

from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.io.fits_image import read_image
from xsurvey.io.fits_writer import write_hdus

_COLUMNS = "sources.npz"
_INDEX = "found.json"


def write_found(folder: Path, found: FoundSources) -> None:
    """Write ``sources.npz``, ``found.json``, and of each observation ``N/`` with its maps.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    found : FoundSources
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = {f.name: getattr(found.sources, f.name) for f in fields(found.sources)}
    columns["bands"] = np.array(found.sources.bands, dtype=str)
    columns["best_band"] = np.asarray(found.sources.best_band, dtype=str)
    columns["classification"] = np.asarray(found.classification, dtype=str)
    with (folder / _COLUMNS).open("wb") as file:
        np.savez(file, **columns)
    index = []
    for number, (name, maps) in enumerate(found.backgrounds.items()):
        # names are the user's: they are no names of folders
        part = folder / str(number)
        part.mkdir(exist_ok=True)
        for label, image in maps.items():
            image.write(part / f"background_{label}.fits")
        mask = found.masks[name].astype(np.uint8)
        write_hdus(part / "mask.fits", [fits.PrimaryHDU(mask)])
        index.append({"observation": name, "folder": str(number), "bands": list(maps)})
    content = {"observations": index, "expected_false": list(found.expected_false)}
    (folder / _INDEX).write_text(json.dumps(content))


def read_found(folder: Path) -> FoundSources:
    """Read what `write_found` wrote.

    Raises
    ------
    InputError
        A file is missing or is not what was written.
    """
    try:
        content = json.loads((folder / _INDEX).read_text())
        true, all_kept = (float(v) for v in content["expected_false"])
        with np.load(folder / _COLUMNS, allow_pickle=False) as stored:
            columns = dict(stored)
        classification = columns.pop("classification")
        bands = tuple(str(b) for b in columns.pop("bands"))
        sources = FittedSources(bands, **columns)
        places = [
            (str(e["observation"]), folder / str(e["folder"]), list(e["bands"]))
            for e in content["observations"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            folder, f"holds no found sources ({error})", "run the detection"
        ) from error
    backgrounds = {
        name: {label: read_sky_image(part / f"background_{label}.fits") for label in labels}
        for name, part, labels in places
    }
    masks = {name: read_image(part / "mask.fits")[0] > 0 for name, part, _ in places}
    return FoundSources(sources, classification, backgrounds, masks, (true, all_kept))


def nothing_found() -> FoundSources:
    """Return what is found where nothing was exposed: no sources, no observations."""
    columns = {f.name: np.empty(0) for f in fields(FittedSources) if f.name != "bands"}
    sources = FittedSources((), **{**columns, "covariance": np.empty((0, 2, 2))})
    return FoundSources(sources, np.empty(0, str), {}, {}, (0.0, 0.0))
