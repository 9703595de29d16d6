"""What a report is made of; it knows nothing of pipelines or missions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import Table


@dataclass(frozen=True)
class SpectrumReport:
    """A spectrum that was fitted, or should have been.

    Attributes
    ----------
    name : str
        Of a region, or ``source_0001``.
    number : int
        Of a source, as its ``source_id`` ends; 0 for regions.
    model : str
    status : {'fitted', 'failed', 'piled_up'}
    cause : str
        Why there is no fit.
    fit : mapping or None
        As ``xsurvey spectrum fit --json`` writes it.
    counts, net_counts, exposure, area : float or None
        Of the region; s and deg2.
    responses : mapping of str to str
        A line on each response.
    approximate : bool
        Whether one of them is approximate.
    notes : sequence of str
    figure : path or None
        PNG of the folded spectrum and its residuals.
    """

    name: str
    number: int
    model: str
    status: str
    cause: str
    fit: Mapping[str, Any] | None = None
    counts: float | None = None
    net_counts: float | None = None
    exposure: float | None = None
    area: float | None = None
    responses: Mapping[str, str] = field(default_factory=dict)
    approximate: bool = False
    notes: Sequence[str] = ()
    figure: Path | None = None


@dataclass(frozen=True)
class ProfileReport:
    """Surface-brightness profiles about one place.

    Attributes
    ----------
    name : str
    record : mapping or None
        As ``xsurvey profile --json`` writes it; sectors may have names.
    problem : str
        Why there are no profiles.
    image, figure : path or None
        PNG of the regions on the sky, and of the profiles.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    """

    name: str
    record: Mapping[str, Any] | None = None
    problem: str = ""
    image: Path | None = None
    figure: Path | None = None
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class SourceReport:
    """What there is of a single source beside its row.

    Attributes
    ----------
    number : int
        As its ``source_id`` ends.
    name : str
    light_curve : path or None
        FITS file, as `xsurvey.timing.files.read_light_curve` reads it.
    spectrum : path or None
        PNG of the folded spectrum.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    light_curve_of : str
        Which observation the light curve is of, where there are several.
    spectrum_problem : str
        Why there are no parameters of the spectrum, empty where there are or none was asked for.
    """

    number: int
    name: str
    light_curve: Path | None = None
    spectrum: Path | None = None
    files: Sequence[tuple[str, str]] = ()
    light_curve_of: str = ""
    spectrum_problem: str = ""


@dataclass(frozen=True)
class TargetReport:
    """One observation or field of a run.

    Attributes
    ----------
    name : str
        The target of the run's tasks, such as ``754``.
    title : str
        Name of the object, as its header has it.
    facts : sequence of (str, str)
        Labels and values: mission, instrument, dates, livetime.
    warnings : sequence of str
        What is odd about the observation.
    counts, exposure, background : path
        FITS images on one grid, as `xsurvey.imaging.sky_image.read_sky_image` reads them.
    sources : astropy.table.Table
        The rows of this target, in the columns of the schema ``sources``; any column but
        ``ra`` and ``dec`` may be absent.
    spectra : sequence of SpectrumReport
        Regions, then sources.
    sensitivity : path or None
        FITS image of the faintest rates that are found.
    curves : mapping of str to mapping
        Over what area sources are found, by band: ``unit``, ``values``, ``area`` (deg2).
    brightest : sequence of SourceReport
        The brightest sources, points before extended ones.
    profiles : sequence of ProfileReport
        Of named places.
    """

    name: str
    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    counts: Path
    exposure: Path
    background: Path
    sources: Table
    spectra: Sequence[SpectrumReport] = ()
    sensitivity: Path | None = None
    curves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    brightest: Sequence[SourceReport] = ()
    profiles: Sequence[ProfileReport] = ()


@dataclass(frozen=True)
class NotShown:
    """What a page leaves out because it would be too long.

    Attributes
    ----------
    targets : sequence of str
        Names of targets that succeeded.
    sources, marginal : int
        Of these targets; how many of the sources are MARGINAL.
    """

    targets: Sequence[str] = ()
    sources: int = 0
    marginal: int = 0


@dataclass(frozen=True)
class ReportData:
    """A run.

    Attributes
    ----------
    title, pipeline : str
    targets : sequence of TargetReport
        Those that succeeded.
    table : astropy.table.Table or None
        The columns of the catalog, with units and descriptions, whose rows do not matter; None
        where there is no catalog.
    config_text : str
        The configuration as the user wrote it.
    versions : mapping of str to str
        Package to version.
    timings : sequence of mapping
        With ``stage``, ``target``, ``status``, ``seconds``.
    failures : sequence of mapping
        With ``target``, ``stage``, ``cause``, ``log`` (a path relative to the page, or empty).
    catalog_paths : sequence of (str, str)
        Labels and paths relative to the page.
    summary : mapping
        More facts of the run for its header: label to value (started, seed, cluster, ...).
    not_shown : NotShown
        Targets that succeeded beside ``targets``.
    """

    title: str
    pipeline: str
    targets: Sequence[TargetReport]
    table: Table | None = None
    config_text: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Sequence[Mapping[str, Any]] = ()
    failures: Sequence[Mapping[str, Any]] = ()
    catalog_paths: Sequence[tuple[str, str]] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    not_shown: NotShown = field(default_factory=NotShown)
