"""A field on disk: its images in a folder, and how to make the field of them again."""

import json
from pathlib import Path
from typing import Any

from xsurvey.events import EventList
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.missions import missions
from xsurvey.units import EnergyBand, SkyPosition

_FACTS = "field.json"


def write_field(folder: Path, field: Field) -> None:
    """Write ``counts_BAND.fits``, ``exposure_BAND.fits`` and the facts of a field."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, image in field.counts.items():
        image.write(folder / f"counts_{label}.fits")
        field.exposure[label].write(folder / f"exposure_{label}.fits")
    facts: dict[str, Any] = {
        "labels": list(field.counts), "bands": field.bands,
        "mission": field.mission.name if field.mission else None, "pointing": field.pointing,
        "frame_time": field.frame_time, "obs_id": field.obs_id, "target": field.target,
        "instrument": field.instrument, "timed": field.timed, "scanning": field.scanning,
    }  # fmt: skip
    (folder / _FACTS).write_text(json.dumps(facts, indent=1))


def read_field(folder: Path, events: EventList | None) -> Field:
    """Read what `write_field` wrote.

    Parameters
    ----------
    folder : path
    events : EventList or None
        The events the images were made of; None for a field of an image.
    """
    facts = json.loads((folder / _FACTS).read_text())
    pointing = facts["pointing"]
    return Field(
        counts={x: read_sky_image(folder / f"counts_{x}.fits") for x in facts["labels"]},
        exposure={x: read_sky_image(folder / f"exposure_{x}.fits") for x in facts["labels"]},
        bands={label: EnergyBand(*band) for label, band in facts["bands"].items()},
        events=events, mission=missions().get(facts["mission"]),
        pointing=SkyPosition(*pointing) if pointing else None, frame_time=facts["frame_time"],
        obs_id=facts["obs_id"], target=facts["target"], instrument=facts["instrument"],
        timed=facts["timed"], scanning=facts["scanning"],
    )  # fmt: skip
