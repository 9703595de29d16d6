"""The files of the sources of one stack."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.posterior_store import StoredPosteriors
from xsurvey.detection.resolution import field_psf
from xsurvey.imaging.cutout import PixelBox, box_around
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, separation_arcmin
from xsurvey.imaging.stack import Stack
from xsurvey.pipelines.products.entries import (
    EVENTS,
    FLUX,
    IMAGE,
    LIGHT_CURVE,
    PSF,
    REGION,
    ProductEntry,
    observation_facts,
    sky_box,
    wavelengths,
)
from xsurvey.pipelines.products.event_files import EventCutOut, write_event_files
from xsurvey.pipelines.products.flux_files import write_posteriors
from xsurvey.pipelines.products.image_files import write_cut_out, write_psf
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.places import chosen_sources, file_stem, source_folder
from xsurvey.pipelines.products.posteriors import posteriors_of
from xsurvey.pipelines.products.region_files import source_region_text
from xsurvey.pipelines.source_tables import source_id
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.variability import light_curve_name
from xsurvey.psf import PointSpreadFunction

Backgrounds = Mapping[str, Mapping[str, SkyImage]]


@dataclass(frozen=True)
class _Place:
    """A source in one observation."""

    number: int
    row: Mapping[str, Any]
    x: float
    y: float
    off_axis: float
    box: PixelBox


class StackProducts:
    """Writes the files of the sources of a stack below a folder.

    Parameters
    ----------
    folder : path
        Of the stack.
    stack : Stack
    backgrounds : mapping of str to mapping of str to SkyImage
        By observation and band, as far as there are maps.
    measured : mapping
        As the stage ``photometry`` writes it.
    posteriors : StoredPosteriors
        Written by it, too.
    parameters : ProductParameters
    photometry : PhotometryParameters
        For the annuli.
    detection : DetectionParameters
        For the PSF.
    light_curves : path, optional
        Folder that the stage ``variability`` made.
    """

    def __init__(
        self, folder: Path, stack: Stack, backgrounds: Backgrounds, measured: Mapping[str, Any],
        posteriors: StoredPosteriors, parameters: ProductParameters,
        photometry: PhotometryParameters, detection: DetectionParameters,
        light_curves: Path | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.stack = stack
        self.backgrounds = backgrounds
        self.measured = measured
        self.posteriors = posteriors
        self.parameters = parameters
        self.photometry = photometry
        self.detection = detection
        self.light_curves = light_curves
        self.chosen = chosen_sources(measured, parameters)
        self.of_observation = observation_rows(measured)

    def write(self) -> list[ProductEntry]:
        """Write all files; return what they are, source by source.

        Raises
        ------
        OutputError
            A file cannot be written.
        """
        for number in self.chosen:
            self._source_folder(number).mkdir(parents=True)
        entries: list[ProductEntry] = []
        for name, field in zip(self.stack.names, self.stack.fields, strict=True):
            entries += self._of_observation(name, field)
        seen = {entry.number for entry in entries}
        for number in self.chosen:
            entries += self._of_source(number)
        entries.sort(key=lambda entry: entry.number)
        assert seen <= set(self.chosen)
        return entries

    def _source_folder(self, number: int) -> Path:
        return self.folder / source_folder(self.stack.name, number)

    def _entry_path(self, path: Path) -> tuple[str, int]:
        return path.relative_to(self.folder).as_posix(), path.stat().st_size

    def _header(self, number: int, observation: str = "") -> dict[str, Any]:
        words: dict[str, Any] = {"SOURCEID": source_id(self.stack.name, number)}
        if observation:
            words["OBSNAME"] = observation
        return words

    def _of_observation(self, name: str, field: Field) -> list[ProductEntry]:
        """Write what one observation shows of every source."""
        grid = next(iter(field.counts.values())).grid
        places = self._places(name, field, grid)
        psf = field_psf(field, self.detection)
        facts = observation_facts(field.events) if field.events is not None else {}
        start = {
            p.number: ProductEntry(
                p.number, "", "", observation=name, **facts, **sky_box(grid, p.box),
                s_resolution=_resolution(psf, p.off_axis),
            )
            for p in places
        }  # fmt: skip
        entries = self._events(name, field, grid, places, start)
        for label in field.counts:
            entries += self._images(name, field, label, places, start)
        if psf is not None:
            for place in places:
                path = self._start(name, place.number, "_psf.fits")
                write_psf(
                    path, place.box, grid, psf, place.off_axis, (place.x, place.y),
                    self._header(place.number, name),
                )  # fmt: skip
                entries.append(start[place.number].of(PSF, *self._entry_path(path)))
        return entries + self._light_curves(name, start)

    def _light_curves(self, name: str, start: Mapping[int, ProductEntry]) -> list[ProductEntry]:
        """Copy the light curves of the sources that have one in an observation."""
        entries = []
        for number, entry in start.items():
            made = self.light_curves and self.light_curves / light_curve_name(number, name)
            if made and made.is_file():
                path = self._start(name, number, "_lc.fits")
                shutil.copyfile(made, path)
                entries.append(entry.of(LIGHT_CURVE, *self._entry_path(path), s_xel1=-1, s_xel2=-1))
        return entries

    def _start(self, observation: str, number: int, ending: str) -> Path:
        return self._source_folder(number) / f"{file_stem(observation, number)}{ending}"

    def _places(self, name: str, field: Field, grid: ImageGrid) -> list[_Place]:
        """Return the chosen sources that an observation saw."""
        rows = {n: self.measured["rows"][n - 1] for n in self.chosen}
        if not rows:
            return []
        ra, dec = (np.array([r[k] for r in rows.values()], float) for k in ("ra", "dec"))
        x, y = skycoord_to_pixel(SkyCoord(ra, dec, unit="deg", frame="icrs"), grid.wcs, origin=0)
        off_axis = np.zeros(len(ra))
        if field.pointing is not None:
            off_axis = separation_arcmin(ra, dec, field.pointing)
        exposure = next(iter(field.exposure.values())).data
        places = []
        for i, (number, row) in enumerate(rows.items()):
            own = self.of_observation.get((number, name), row)
            radius = own.get("psf_radius")
            radius = float(radius) if radius is not None and np.isfinite(radius) else 0.0
            box = box_around(grid, float(x[i]), float(y[i]), self.parameters.half_side(radius))
            if box is not None and (exposure[box.y0 : box.y1, box.x0 : box.x1] > 0).any():
                places.append(_Place(number, own, float(x[i]), float(y[i]), off_axis[i], box))
        return places

    def _events(
        self, name: str, field: Field, grid: ImageGrid, places: Sequence[_Place],
        start: Mapping[int, ProductEntry],
    ) -> list[ProductEntry]:  # fmt: skip
        if field.events is None or not places:
            return []
        cut_outs = [
            EventCutOut(
                p.number, p.box, self._start(name, p.number, ""),
                f"columns {p.box.x0 + 1}-{p.box.x1}, rows {p.box.y0 + 1}-{p.box.y1} of the image, "
                f"around {source_id(self.stack.name, p.number)}",
            )
            for p in places
        ]  # fmt: skip
        written = write_event_files(field.events, grid, cut_outs)
        return [
            start[number].of(EVENTS, *self._entry_path(path), s_xel1=-1, s_xel2=-1)
            for number, files in written.items() for path, _ in files
        ]  # fmt: skip

    def _images(
        self, name: str, field: Field, label: str, places: Sequence[_Place],
        start: Mapping[int, ProductEntry],
    ) -> list[ProductEntry]:  # fmt: skip
        counts, exposure = field.counts[label], field.exposure[label]
        background = self.backgrounds.get(name, {}).get(label)
        facts: dict[str, Any] = wavelengths(field.bands[label]) if label in field.bands else {}
        entries = []
        for place in places:
            path = self._start(name, place.number, f"_{label}_img.fits")
            header = self._header(place.number, name)
            write_cut_out(path, place.box, counts, exposure, background, header)
            entries.append(
                start[place.number].of(IMAGE, *self._entry_path(path), band=label, **facts)
            )
        return entries

    def _of_source(self, number: int) -> list[ProductEntry]:
        """Write what all observations together say of a source."""
        row = self.measured["rows"][number - 1]
        names = [n for n in self.stack.names if (number, n) in self.of_observation]
        each = [(n, self.of_observation[number, n]) for n in names]
        # a source of one observation has no rows beside its own
        each = each or [(self.stack.names[0], row)]
        name = source_id(self.stack.name, number)
        stem = self._source_folder(number) / folder_name(name)
        region = stem.with_name(f"{stem.name}.reg")
        region.write_text(source_region_text(name, row, each, self.photometry))
        entries = [ProductEntry(number, REGION, *self._entry_path(region))]
        several = each if len(self.stack.names) > 1 else []
        bands = self.measured["bands"]
        found = list(posteriors_of(number, bands, [("", row), *several], self.posteriors))
        if found:
            path = stem.with_name(f"{stem.name}_flux.fits")
            write_posteriors(path, found, self._header(number))
            entries.append(ProductEntry(number, FLUX, *self._entry_path(path)))
        return entries


def observation_rows(measured: Mapping[str, Any]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Return the rows of single observations by number of the source and observation."""
    return {
        (int(row["number"]), str(row["observation"])): row
        for row in measured.get("observations", ())
    }


def _resolution(psf: PointSpreadFunction | None, off_axis: float) -> float:
    if psf is None:
        return float("nan")
    return 2 * float(psf.radius(0.5, np.asarray(off_axis)))
