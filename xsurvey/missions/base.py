"""What a mission plug-in is: the only place that knows one telescope's habits.

To add a mission, write one module with a subclass of `Mission` and an instance of it, and
name the instance in the entry-point group ``xsurvey.missions``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.attitude import Attitude
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.io.fits_file import FitsFile
from xsurvey.missions import polarimetry as polarimeters
from xsurvey.missions.responses import ChannelGrid, ResponseFiles
from xsurvey.missions.simulated import ScanPattern, SimulatedFacts, SimulationRequest
from xsurvey.psf import PointSpreadFunction
from xsurvey.units import EnergyBand

__all__ = [
    "Detector", "DetectorColumns", "Mission", "ScanPattern", "SimulatedFacts", "SimulationRequest",
]  # fmt: skip


@dataclass(frozen=True)
class Detector:
    """One chip or module as the simulator places it.

    Attributes
    ----------
    number : int
        As in the events' detector column.
    x, y : float
        Centre relative to the optical axis, in arcsec before the roll.
    width, height : int
        Detector pixels.
    pixel : float
        Detector pixel in arcsec.
    radius : float or None
        Of the part that sees the sky, in arcsec around the centre; None for all of it.
    """

    number: int
    x: float
    y: float
    width: int
    height: int
    pixel: float
    radius: float | None = None

    def sees(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which offsets from the optical axis, in arcsec before the roll, fall on it."""
        x, y = np.asarray(x) - self.x, np.asarray(y) - self.y
        half_width, half_height = self.width * self.pixel / 2, self.height * self.pixel / 2
        inside = (np.abs(x) <= half_width) & (np.abs(y) <= half_height)
        return inside if self.radius is None else inside & (np.hypot(x, y) <= self.radius)


@dataclass(frozen=True)
class DetectorColumns:
    """Columns with an event's place on its detector; coordinates run from 1 to the size.

    Attributes
    ----------
    radius : float or None
        Of the part that sees the sky, in detector pixels around the centre; None for all of it.
    """

    x: str
    y: str
    width: int
    height: int
    radius: float | None = None


class Mission(ABC):
    """A telescope: how its files are read and how it sees the sky.

    Attributes
    ----------
    name : str
        Short lower-case name, as in catalogs and on the command line.
    version : str
        Goes up when the reading or the calibration changes; part of every task's key.
    bands : mapping of str to EnergyBand
        The mission's standard bands, by the letter used in column names.
    detection_bands : sequence of str
        Bands searched when none are asked for.
    photometry_bands : sequence of str
        Bands measured for every source.
    hardness_pairs : sequence of (str, str)
        Harder and softer band of each hardness ratio.
    detector_columns : DetectorColumns or None
    sky_pixel : float
        Size of a pixel of X and Y in arcsec.
    image_pixel : float
        Pixel of images where none is asked for, in arcsec.
    projection : str
        Of X and Y in simulated files.
    reference_pixel : float
        Sky pixel of the pointing on both axes of simulated files.
    frame_time : float
        Usual frame time in seconds; NaN for detectors without frames, which do not pile up.
    detector_pixel : float
        In arcsec; pile-up is of photons in 3 x 3 of them.
    background_scale : float
        Widest smoothing of background maps where nothing else is asked for, in arcsec.
    aperture_fraction : float
        Part of the PSF that photometry encircles where nothing else is asked for.
    detector_groups : mapping of str to tuple of int
        Names that people give to detectors and to groups of them.
    coaligned : bool
        Whether all detectors look at the same field at the same time.
    units_have_files : bool
        Whether each detector of an observation has an event file of its own; they are then
        joined (`xsurvey.missions.joining.join_units`).
    unit_suffix : str
        Before the number of the unit in names of simulated files.
    has_own_simulator : bool
        Whether `simulate_units` simulates it instead of xsurvey.
    simulates_polarization : bool
        Whether that simulates polarized sources.
    can_be_closed : bool
        Whether there are exposures with a closed filter wheel, of particles alone.
    field_radius : float or None
        Radius of a circular field of view in arcmin.
    scan : ScanPattern or None
        How the telescope surveys the sky, if it does.
    channels : ChannelGrid or None
        Of its spectra; None where only a response matrix tells.
    channel_column : str or None
        Column with an event's channel number; None where it is found from the energy.
    diffuse_groups : sequence of str
        Names of `detector_groups` that get spectra of their own where diffuse emission is analysed;
        all detectors are one group if there are none.
    particle_band : EnergyBand or None
        Where the mirrors have hardly any area, so that events are particles.
    """

    name: str
    version: str
    bands: Mapping[str, EnergyBand]
    detection_bands: Sequence[str]
    photometry_bands: Sequence[str]
    hardness_pairs: Sequence[tuple[str, str]]
    detector_columns: DetectorColumns | None
    sky_pixel: float
    image_pixel: float
    projection: str = "TAN"
    reference_pixel: float = 4096.5
    frame_time: float
    detector_pixel: float
    background_scale: float
    aperture_fraction: float = 0.9
    detector_groups: Mapping[str, tuple[int, ...]] = {}
    coaligned: bool = False
    units_have_files: bool = False
    unit_suffix: str = "unit"
    has_own_simulator: bool = False
    simulates_polarization: bool = False
    can_be_closed: bool = False
    field_radius: float | None = None
    scan: ScanPattern | None = None
    channels: ChannelGrid | None = None
    channel_column: str | None = None
    diffuse_groups: Sequence[str] = ()
    particle_band: EnergyBand | None = None

    @abstractmethod
    def recognises(self, file: FitsFile) -> bool:
        """Tell from the headers whether a file is this mission's."""

    @abstractmethod
    def open(self, file: FitsFile) -> EventList:
        """Return the events of a recognised file.

        Raises
        ------
        InputError
            No event table, or a column that nothing can replace is missing.
        """

    def modules_of(self, events: EventList) -> int:
        """Return how many detectors share the counts of a source: coaligned ones do."""
        if not events.coaligned:
            return 1
        if -1 not in events.gti:
            return len(events.gti)
        named = {number for group in self.detector_groups.values() for number in group}
        return len(named) or len(self.detectors())

    def steady_closed(self, events: EventList) -> EventList:
        """Return the events of a closed exposure (`Observation.closed`) in its usable times.

        What the telescope's team recommends: all of them where nothing is known.

        Raises
        ------
        InputError
            The exposure is not closed, or no time is left.
        """
        if not events.observation.closed:
            raise InputError(
                events.observation.path, "is no exposure with a closed filter wheel",
                "give one that is",
            )  # fmt: skip
        return events

    @abstractmethod
    def psf(self, scanning: bool = False) -> PointSpreadFunction:
        """Return the PSF used where no better one is given.

        Parameters
        ----------
        scanning : bool
            For survey scans, which average it over the field.
        """

    @abstractmethod
    def vignetting(self, off_axis: np.ndarray, energy: float) -> np.ndarray:
        """Return the effective area relative to the optical axis.

        Parameters
        ----------
        off_axis : ndarray
            Arcmin.
        energy : float
            keV.
        """

    def energy_resolution(self, energy: np.ndarray, detectors: Sequence[int]) -> np.ndarray | None:
        """Return the full width at half maximum of a line, keV, shape of ``energy`` (keV).

        None where no value is known: spectra then need a response matrix.

        Parameters
        ----------
        energy : ndarray
        detectors : sequence of int
            Which of them have counts.
        """
        return None

    def nominal_responses(self, detectors: Sequence[int]) -> ResponseFiles | None:
        """Return the responses of some detectors whatever the observation, None where none are.

        The simulator takes them, and spectra where `response_files` knows no better.

        Raises
        ------
        MissingDataError
            They are not installed.
        """
        return None

    def response_files(self, events: EventList, detectors: Sequence[int]) -> ResponseFiles | None:
        """Return the responses used where none are given, None where there are none.

        Raises
        ------
        MissingDataError
            They are not installed.
        """
        return self.nominal_responses(detectors)

    def calibration_file(self, name: str) -> Path | None:
        """Return the response that a spectrum names, where an installed package has it.

        Parameters
        ----------
        name : str
            Of a file, without its folder.
        """
        return None

    def responses_version(self) -> str:
        """Return what tells versions of `response_files` apart, for the keys of results."""
        return ""

    def polarimetry(
        self, events: EventList, weighting: polarimeters.Weighting = "none", irf: str | None = None
    ) -> polarimeters.Modulation:
        """Return how strongly the detectors of an observation answer to polarization.

        Parameters
        ----------
        events : EventList
        weighting : {'none', 'neff', 'simple'}
        irf : str, optional
            Name of a set of responses, or a folder of them; chosen for the observation otherwise.

        Raises
        ------
        InputError
            The mission measures no polarization.
        ParameterError
            There are no responses of that name.
        MissingDataError
            They are not installed.
        """
        raise polarimeters.no_polarimeter(events.observation)

    def stokes_responses(
        self, events: EventList, weighting: polarimeters.Weighting = "none", irf: str | None = None
    ) -> polarimeters.StokesResponseSet:
        """Return what Stokes spectra of the detectors fold through, as `polarimetry` chooses it."""
        if type(self).polarimetry is Mission.polarimetry:
            raise polarimeters.no_polarimeter(events.observation)
        raise polarimeters.no_stokes_responses(events.observation)

    def area_includes(self, header: Mapping[str, Any], columns: Sequence[str]) -> frozenset[str]:
        """Tell what an effective area of the user's already includes.

        Parameters
        ----------
        header : mapping
            Of the table SPECRESP.
        columns : sequence of str
            Its columns, in lower case.

        Returns
        -------
        frozenset of {'vignetting', 'psf'}
        """
        return frozenset()

    def detectors(self) -> Sequence[Detector]:
        """Return the layout that the simulator uses.

        Raises
        ------
        ParameterError
            xsurvey does not simulate the mission itself.
        """
        raise _not_simulated(self.name)

    def encode(self, events: Mapping[str, np.ndarray]) -> list[tuple[str, str, str, np.ndarray]]:
        """Return the table columns of simulated events.

        Parameters
        ----------
        events : mapping of str to ndarray, shape (n,)
            ``time``, ``x``, ``y``, ``ra``, ``dec`` [deg], ``energy`` [keV], ``detector``,
            ``detector_x``, ``detector_y`` [detector pixels from the lower left corner].

        Returns
        -------
        list of (name, FITS format, unit, values)
        """
        raise _not_simulated(self.name)

    def header(self, facts: SimulatedFacts) -> dict[str, Any]:
        """Return the header of a simulated event table: times, pointing, mission keywords."""
        raise _not_simulated(self.name)

    def simulate_units(
        self, request: SimulationRequest, folder: Path
    ) -> tuple[list[Path], list[int]]:
        """Simulate an observation with the mission's own simulator (``has_own_simulator``).

        Parameters
        ----------
        request : SimulationRequest
        folder : path
            An empty one.

        Returns
        -------
        files : list of path
            One a unit, in the folder, in the order of the detectors.
        recorded : list of int
            Events of each source.
        """
        raise _not_simulated(self.name)

    def interval_extension(self, detector: int) -> tuple[str, dict[str, Any]]:
        """Return name and keywords of the table with a detector's good times.

        Parameters
        ----------
        detector : int
            -1 for a table that holds for all.
        """
        return "GTI", {} if detector < 0 else {"EXTVER": detector}

    def attitude_tables(
        self, detector: int, attitude: Attitude, roll: float
    ) -> list[tuple[str, list[tuple[str, str, str, np.ndarray]]]]:
        """Return the tables, name and columns, that tell where a simulated detector looked."""
        return []


def _not_simulated(name: str) -> ParameterError:
    return ParameterError(
        "mission", f"{name} is not simulated by xsurvey", "see the documents for what simulates it"
    )
