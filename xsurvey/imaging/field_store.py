"""A field on disk: its images in a folder, and how to make the field of them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from xsurvey.events import EventList
from xsurvey.imaging.field import BandImages, Field
from xsurvey.imaging.sky_image import (
    ImageGrid,
    SkyImage,
    grid_window,
    read_grid,
    read_sky_image,
)
from xsurvey.imaging.window import Window
from xsurvey.missions import missions
from xsurvey.units import EnergyBand, SkyPosition

_FACTS = "field.json"


def write_field(folder: Path, parts: Iterable[Field]) -> None:
    """Write ``counts_BAND.fits``, ``exposure_BAND.fits`` and the facts of a field.

    Parameters
    ----------
    folder : path
    parts : iterable of Field
        Of one observation, with some bands each; one is let go of before the next is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {}
    for field in parts:
        for label, image in field.counts.items():
            image.write(folder / f"counts_{label}.fits")
            field.exposure[label].write(folder / f"exposure_{label}.fits")
        if not facts:
            facts = _facts_of(field)
        facts["labels"] += list(field.counts)
        facts["bands"] |= field.bands
        facts["timed"] = facts["timed"] and field.timed
        del field
    (folder / _FACTS).write_text(json.dumps(facts, indent=1))


def _facts_of(field: Field) -> dict[str, Any]:
    """Return what is the same in all bands, with no band yet."""
    return {
        "labels": [], "bands": {},
        "mission": field.mission.name if field.mission else None, "pointing": field.pointing,
        "frame_time": field.frame_time, "obs_id": field.obs_id, "target": field.target,
        "instrument": field.instrument, "timed": field.timed, "scanning": field.scanning,
    }  # fmt: skip


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
        counts=_StoredImages(folder, "counts", facts["labels"]),
        exposure=_StoredImages(folder, "exposure", facts["labels"]),
        bands={label: EnergyBand(*band) for label, band in facts["bands"].items()},
        events=events, mission=missions().get(facts["mission"]),
        pointing=SkyPosition(*pointing) if pointing else None, frame_time=facts["frame_time"],
        obs_id=facts["obs_id"], target=facts["target"], instrument=facts["instrument"],
        timed=facts["timed"], scanning=facts["scanning"],
    )  # fmt: skip


class _StoredImages(BandImages):
    """Images by band label, read when asked for; the last one is kept, not all of them."""

    def __init__(
        self, folder: Path, kind: str, labels: Sequence[str], window: Window | None = None
    ) -> None:
        self._folder, self._kind, self._labels = folder, kind, tuple(labels)
        self._window = window
        self._last: tuple[str, SkyImage] | None = None

    @cached_property
    def grid(self) -> ImageGrid:
        """The pixels of all of them."""
        whole = read_grid(self._path(self._labels[0]))
        return whole if self._window is None else grid_window(whole, self._window)

    def window(self, window: Window) -> _StoredImages:
        """Return windows of them; no other rows of the files are read."""
        inside = window if self._window is None else window.within(self._window)
        return _StoredImages(self._folder, self._kind, self._labels, inside)

    def _path(self, label: str) -> Path:
        return self._folder / f"{self._kind}_{label}.fits"

    def __getitem__(self, label: str) -> SkyImage:
        if label not in self._labels:
            raise KeyError(label)
        if self._last is None or self._last[0] != label:
            self._last = None  # let go of it before the next is read
            self._last = label, read_sky_image(self._path(label), self._window)
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)
