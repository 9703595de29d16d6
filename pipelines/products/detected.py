"""The source of the catalog that a detection is of, looked up without a mapping of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from xsurvey.catalogs.fits_rows import FitsRows
from xsurvey.pipelines.products.obscore import SourceOfFiles


class DetectedSources(Mapping[str, SourceOfFiles]):
    """Sources of a catalog by the keys of their detections.

    Parameters
    ----------
    folder : path
        With ``sources.fits``, and ``detections.fits`` where the catalog has that table; without
        it, each source is known by its own key.

    Notes
    -----
    In memory are the keys and the numbers of rows; what a source is called, and where it is, is
    read when it is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._sources = FitsRows(folder / "sources.fits")
        own = _column(self._sources, "source_id")
        keys, rows = own, np.arange(len(own))
        detections = folder / "detections.fits"
        if detections.is_file():
            found = FitsRows(detections)
            keys, of = _column(found, "detection_id"), _column(found, "source_id")
            order = np.argsort(own, kind="stable")
            rows = order[np.searchsorted(own[order], of)] if len(own) else np.empty(0, int)
        order = np.argsort(keys, kind="stable")
        self._keys, self._rows = keys[order], rows[order]

    def __getitem__(self, key: str) -> SourceOfFiles:
        wanted = np.array(key.encode())
        place = int(np.searchsorted(self._keys, wanted))
        if place == len(self._keys) or self._keys[place] != wanted:
            raise KeyError(key)
        (row,) = self._sources.take(self._rows[place : place + 1])
        return SourceOfFiles(
            row["source_id"].decode(), row["name"].decode(), float(row["ra"]), float(row["dec"])
        )

    def __contains__(self, key: object) -> bool:
        wanted = np.array(str(key).encode())
        place = int(np.searchsorted(self._keys, wanted))
        return place < len(self._keys) and bool(self._keys[place] == wanted)

    def __iter__(self) -> Iterator[str]:
        return (key.decode() for key in self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _column(rows: FitsRows, name: str) -> np.ndarray:
    parts = [records[name] for records in rows.chunks()]
    return np.concatenate(parts) if parts else np.empty(0, "S1")
