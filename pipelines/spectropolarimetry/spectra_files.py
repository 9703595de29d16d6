"""Files of Stokes spectra made of events: what ``xsurvey polarization spectrum`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xsurvey import __version__
from xsurvey.errors import ParameterError, printable
from xsurvey.events import EventList
from xsurvey.io.atomic import check_outputs
from xsurvey.io.ogip.stokes import STOKES
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.named_regions import regions_of_files
from xsurvey.pipelines.polarization.provenance import history_of
from xsurvey.polarization.spectra.stokes_extraction import (
    ExtractedStokes,
    StokesUnit,
    extract_stokes,
)
from xsurvey.polarization.spectra.stokes_spectra import write_stokes_spectra
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters

SPECTRUM_SUFFIX = ".pha"


def stokes_spectra_of_files(
    paths: Sequence[Path], output: Path, parameters: StokesSpectraParameters,
    selection: SelectionParameters, *, region: Path | None = None,
    background_region: Path | None = None, json_path: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make the Stokes spectra of a source, and write them with their responses.

    Parameters
    ----------
    paths : sequence of path
        Event files of the units of one observation.
    output : path
        How all names begin.
    parameters, selection : StepParameters
    region, background_region : path, optional
        DS9 files.
    json_path : path, optional
        What the caller will write.

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `extract_stokes`, or a scale without a background.
    OutputError
        A file cannot be written, or is an input.
    """
    if parameters.background_scale is not None and background_region is None:
        raise ParameterError(
            "background_scale", "is given without a background", "give --background-region too"
        )
    events = open_selected(paths, selection)
    stem = prefix_of(output)
    inputs = [path for path in (*paths, region, background_region) if path is not None]
    names = [f"{get_mission(events.observation.mission).unit_suffix}{n}" for n in events.gti]
    check_outputs(
        [json_path, *(p for name in names for p in product_paths(stem, name).values())], inputs
    )
    own, other = regions_of_files(events, region, background_region)
    found = extract_stokes(events, parameters, own, other)
    history = history_of(inputs, (parameters, selection))
    files = write_extracted(found, events, stem, parameters, history)
    summary = stokes_summary(found, events, parameters, files)
    summary["region"] = None if region is None else str(region)
    summary["background_region"] = None if background_region is None else str(background_region)
    return summary


def prefix_of(output: Path) -> Path:
    """Return how names begin: what is asked for, without the suffix of spectra."""
    if output.name.lower().endswith(SPECTRUM_SUFFIX):
        output = output.with_name(output.name[: -len(SPECTRUM_SUFFIX)])
    if not output.name:
        raise ParameterError("output", "is no name", "give how the names of files begin")
    return output


def product_paths(stem: Path, unit: str) -> dict[str, Path]:
    """Return the files of a unit: ``I``, ``Q``, ``U``, ``background_I``, ..., ``arf``, ...

    Parameters
    ----------
    stem : path
        Folder, and how all names begin.
    unit : str
        ``du1``, for example.
    """
    start = f"{stem.name}_{unit}"
    names: dict[str, str] = {
        stokes: f"{start}_{stokes.lower()}{SPECTRUM_SUFFIX}" for stokes in STOKES
    }
    names |= {
        f"background_{stokes}": f"{start}_bkg_{stokes.lower()}{SPECTRUM_SUFFIX}"
        for stokes in STOKES
    }
    names |= {kind: f"{start}.{kind}" for kind in ("arf", "mrf", "rmf")}
    return {key: stem.with_name(name) for key, name in names.items()}


def write_extracted(
    found: ExtractedStokes, events: EventList, stem: Path, parameters: StokesSpectraParameters,
    history: Sequence[str] = (),
) -> dict[str, dict[str, Path]]:  # fmt: skip
    """Write spectra, their backgrounds and responses; responses first, so that none is missing.

    Parameters
    ----------
    found : ExtractedStokes
    events : EventList
    stem : path
        Folder, and how all names begin.
    parameters : StokesSpectraParameters
    history : sequence of str
        Lines of provenance.

    Returns
    -------
    dict of str to dict of str to path
        Of each unit what was written, by the keys of `product_paths`.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    responses = found.responses
    header = {
        "CREATOR": f"xsurvey {__version__}",
        "WEIGHTED": (parameters.weighted, "events weighted"),
        "IRFNAME": (responses.name, "responses"), "IRFWHY": (responses.reason, "why these"),
        "HISTORY": list(history),
        "COMMENT": [f"warning: {printable(note)}" for note in found.notes],
    }  # fmt: skip
    suffix = get_mission(events.observation.mission).unit_suffix
    numbers = {one.name: one.detector for one in responses.units}
    units = [(unit, f"{suffix}{numbers[unit.name]}") for unit in found.units]
    written = {}
    for unit, name in units:
        paths = product_paths(stem, name)
        own = {**header, **unit.stamps}
        write_arf(paths["arf"], unit.arf, own)
        write_arf(paths["mrf"], unit.mrf, own)
        write_rmf(paths["rmf"], unit.rmf, header)
        written[unit.name] = paths
    for unit, name in units:
        _write_spectra(unit, stem.with_name(f"{stem.name}_{name}"), {**header, **unit.stamps})
        if unit.background is None:
            kept = {k: p for k, p in written[unit.name].items() if not k.startswith("background")}
            written[unit.name] = kept
    return written


def _write_spectra(unit: StokesUnit, start: Path, header: Mapping[str, Any]) -> None:
    def named(spectra: Mapping[Any, PhaSpectrum], kind: str) -> dict[Any, PhaSpectrum]:
        return {
            stokes: replace(
                one, response_file=f"{start.name}.rmf",
                ancillary_file=f"{start.name}.{'arf' if stokes == 'I' else 'mrf'}",
                header={**one.header, "HDUCLAS2": kind},
            )
            for stokes, one in spectra.items()
        }  # fmt: skip

    background = None if unit.background is None else named(unit.background, "BKG")
    write_stokes_spectra(start, named(unit.source, "TOTAL"), background, header)


def stokes_summary(
    found: ExtractedStokes, events: EventList, parameters: StokesSpectraParameters,
    files: Mapping[str, Mapping[str, Path]],
) -> dict[str, Any]:  # fmt: skip
    """Return the numbers of an extraction, for JSON; files by their names."""
    observation, responses = events.observation, found.responses
    return {
        "telescope": observation.telescope, "instrument": observation.instrument,
        "target": observation.target, "obs_id": observation.obs_id,
        "weighted": parameters.weighted, "source_type": parameters.source_type,
        "responses": {
            "name": responses.name, "weighting": responses.weighting, "reason": responses.reason,
            "files": list(responses.files),
        },
        "units": [
            {
                "unit": unit.name, "livetime_s": unit.source["I"].exposure, "counts": unit.counts,
                "effective_counts": float(unit.source["I"].counts.sum()),
                "background_counts": unit.background_counts, "background_scale": unit.scale,
                "psf_fraction": unit.stamps.get("PSFFRAC", (None,))[0],
                "files": {key: path.name for key, path in files[unit.name].items()},
            }
            for unit in found.units
        ],
        "notes": list(found.notes),
    }  # fmt: skip
