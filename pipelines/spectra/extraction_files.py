"""Spectra without an engine: what ``xsurvey spectrum extract`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey import __version__
from xsurvey.apertures.aperture import (
    Aperture,
    ApertureParameters,
    aperture_of_regions,
    circular_aperture,
)
from xsurvey.engine.hashes import file_sha256
from xsurvey.errors import InputError, ParameterError, printable
from xsurvey.events import EventList
from xsurvey.imaging.sky_image import SkyImage, read_exposure_map
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission, open_events, select_detectors
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.spectra.extraction import (
    ExtractedSpectra,
    ExtractionParameters,
    extract_spectrum,
    merge_spectra,
)
from xsurvey.spectra.extraction.responses import read_given


@dataclass(frozen=True)
class SpectrumInputs:
    """Files beside the events, of an extraction.

    Attributes
    ----------
    region, background_region, exclude : path or None
        DS9 region files.
    exposure : path or None
        Exposure map.
    arf, rmf : path or None
        Responses; an ``arf`` of ``none`` leaves it out.
    """

    region: Path | None = None
    background_region: Path | None = None
    exclude: Path | None = None
    exposure: Path | None = None
    arf: Path | None = None
    rmf: Path | None = None

    def files(self) -> list[Path]:
        """Return those that are given."""
        arf = None if self.arf is not None and str(self.arf).lower() == "none" else self.arf
        given = (self.region, self.background_region, self.exclude, self.exposure, arf, self.rmf)
        return [path for path in given if path is not None]


def spectra_of_files(
    paths: Sequence[Path], extraction: ExtractionParameters, where: ApertureParameters,
    selection: SelectionParameters, inputs: SpectrumInputs,
) -> ExtractedSpectra:  # fmt: skip
    """Extract the spectrum of a source from event files; several observations are merged.

    Parameters
    ----------
    paths : sequence of path
        Event files of one mission; units of one observation are joined.
    extraction, where, selection : StepParameters
    inputs : SpectrumInputs

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `extract_spectrum` and `merge_spectra`, or no place, or two, are given.
    """
    if (where.position is None) == (inputs.region is None):
        both = "is given as well as a position"
        cause = both if inputs.region is not None else "is not given, nor is a position"
        raise ParameterError("region", cause, "give one of them")
    observations = _observations(paths)
    if len(observations) > 1 and inputs.exposure is not None:
        raise ParameterError(
            "exposure", f"is one map, but there are {len(observations)} observations",
            "extract them one by one, or leave it out",
        )  # fmt: skip
    exposure = read_exposure_map(inputs.exposure) if inputs.exposure is not None else None
    spectra = [
        _extracted(
            select_detectors(events, selection.detectors), extraction, where, inputs, exposure
        )
        for events in observations
    ]
    return merge_spectra(spectra)


def _observations(paths: Sequence[Path]) -> list[EventList]:
    """Open event files; those of the units of one observation become one list."""
    groups: dict[tuple[str, ...], list[Path]] = {}
    missions = {}
    for path in paths:
        observation = open_events(path).observation
        mission = get_mission(observation.mission)
        missions[mission.name] = path
        key = ("units", observation.obs_id) if mission.units_have_files else ("file", str(path))
        groups.setdefault(key, []).append(path)
    if len(missions) > 1:
        first, second, *_ = missions.items()
        raise InputError(
            second[1], f"is of {second[0]}, but {first[1]} of {first[0]}",
            "extract spectra of each mission, and fit them jointly",
        )  # fmt: skip
    return [open_events(group) for group in groups.values()]


def _extracted(
    events: EventList, extraction: ExtractionParameters, where: ApertureParameters,
    inputs: SpectrumInputs, exposure: SkyImage | None,
) -> ExtractedSpectra:  # fmt: skip
    mission = get_mission(events.observation.mission)
    aperture = _aperture(events, where, inputs)
    mask = _region(events, inputs.exclude)
    assert aperture.source is not None
    background = None if aperture.background is None else aperture.background.without(mask)
    return extract_spectrum(
        events, aperture.source.without(mask), background, extraction, exposure,
        position=where.position,
        responses=read_given(mission, inputs.arf, inputs.rmf, extraction.area_includes),
    )  # fmt: skip


def _aperture(events: EventList, where: ApertureParameters, inputs: SpectrumInputs) -> Aperture:
    background = _region(events, inputs.background_region)
    region = _region(events, inputs.region)
    if region is None:
        return circular_aperture(events, where, background)
    return aperture_of_regions(events, region, background)


def _region(events: EventList, path: Path | None) -> RegionSet | None:
    return None if path is None else read_region_file(path, events.wcs)


def product_paths(output: Path) -> dict[str, Path]:
    """Return where an extraction's files go: ``source``, ``background``, ``arf`` and ``rmf``.

    Raises
    ------
    ParameterError
        The name of the spectrum is that of one of the others.
    """
    stem = output.with_name(output.stem)
    paths = {
        "source": output, "background": stem.with_name(f"{stem.name}_bkg.pha"),
        "arf": stem.with_name(f"{stem.name}.arf"), "rmf": stem.with_name(f"{stem.name}.rmf"),
    }  # fmt: skip
    if len(set(paths.values())) < len(paths):
        raise ParameterError(
            "output", f"{output.name} is the name of a response", "call the spectrum NAME.pha"
        )
    return paths


def write_spectra(
    spectra: ExtractedSpectra, output: Path, inputs: Sequence[Path],
    parameters: Sequence[StepParameters],
) -> dict[str, Path]:  # fmt: skip
    """Write a spectrum and, beside it, its background and responses.

    Parameters
    ----------
    spectra : ExtractedSpectra
    output : path
        Of the spectrum, written last: where it is, the others are.
    inputs : sequence of path
        For the provenance: their names and hashes.
    parameters : sequence of StepParameters
        Likewise.

    Returns
    -------
    dict of str to path
        What was written.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    present = {
        "source": True, "background": spectra.background is not None,
        "arf": spectra.arf is not None, "rmf": spectra.rmf is not None,
    }  # fmt: skip
    paths = {name: path for name, path in product_paths(output).items() if present[name]}
    names = {name: path.name for name, path in paths.items()}
    header = {
        "CREATOR": f"xsurvey {__version__}", **spectra.stamps,
        "HISTORY": _provenance(inputs, parameters),
        "COMMENT": [f"warning: {printable(note)}" for note in spectra.warnings],
    }  # fmt: skip
    own = {
        key: spectra.source.header[key]
        for key in ("TELESCOP", "INSTRUME", "FILTER", "OBJECT", "OBS_ID")
    }
    if spectra.arf is not None:
        write_arf(paths["arf"], replace(spectra.arf, header=own), header)
    if spectra.rmf is not None:
        write_rmf(paths["rmf"], replace(spectra.rmf, header={**spectra.rmf.header, **own}), header)
    if spectra.background is not None:
        background = replace(spectra.background, response_file=names.get("rmf"))
        write_pha(paths["background"], background, {**header, "HDUCLAS2": "BKG"})
    source = replace(
        spectra.source, background_file=names.get("background"),
        ancillary_file=names.get("arf"), response_file=names.get("rmf"),
    )  # fmt: skip
    write_pha(paths["source"], source, header)
    return paths


def _provenance(inputs: Sequence[Path], parameters: Sequence[StepParameters]) -> list[str]:
    lines = [f"input {path.name} sha256 {file_sha256(path)}" for path in inputs]
    return lines + [
        f"{key} = {value}" for section in parameters for key, value in section.normalised().items()
    ]


def spectrum_summary(spectra: ExtractedSpectra) -> dict[str, Any]:
    """Return the numbers of an extraction, for ``--json``.

    Scaled by its ``scale``, the background is that in the source region.
    """
    source, background = spectra.source, spectra.background
    result: dict[str, Any] = {
        "telescope": source.header.get("TELESCOP"), "instrument": source.header.get("INSTRUME"),
        "target": source.header.get("OBJECT"), "obs_id": source.header.get("OBS_ID"),
        "counts": int(source.counts.sum()),
        "exposure_s": source.exposure, "region_area_deg2": source.region_area,
        "exposed_area_deg2": float(source.backscal.mean()),
        "channels": [int(source.channels[0]), int(source.channels[-1])],
        "background": None, "net_counts": None, "responses": _responses(spectra),
        "pileup_fraction": spectra.pileup_fraction,
        "stamps": {key: value for key, (value, _) in spectra.stamps.items()},
        "notes": list(spectra.warnings),
    }  # fmt: skip
    if background is not None:
        ratio = source.exposure * source.backscal.mean()
        scale = float(ratio / (background.exposure * background.backscal.mean()))
        result["background"] = {
            "counts": int(background.counts.sum()),
            "exposure_s": background.exposure, "region_area_deg2": background.region_area,
            "exposed_area_deg2": float(background.backscal.mean()), "scale": scale,
        }  # fmt: skip
        result["net_counts"] = result["counts"] - scale * result["background"]["counts"]
    return result


def _responses(spectra: ExtractedSpectra) -> dict[str, str]:
    """Return a line on each response that there is."""
    lines = {}
    if spectra.arf is not None:
        area = spectra.arf.effective_area
        middle = (spectra.arf.energy_low + spectra.arf.energy_high) / 2
        highest = int(np.argmax(area))
        lines["arf"] = f"at most {area[highest]:.4g} cm2, at {middle[highest]:.3g} keV"
    if spectra.rmf is not None:
        shape = spectra.rmf.matrix.shape
        lines["rmf"] = f"{shape[0]} energies, {shape[1]} channels"
    for name, key in (("arf", "ARFHOW"), ("rmf", "RMFHOW")):
        if name in lines and key in spectra.stamps:
            lines[name] += f" (approximate: {spectra.stamps[key][0]})"
    return lines
