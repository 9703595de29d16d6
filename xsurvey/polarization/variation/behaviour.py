"""How the polarization of a source behaves: in time, energy, pulse phase, beside a companion."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.polarization.measure import notes_of_events
from xsurvey.polarization.modulation import Modulation, Weighting, modulation_of
from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    PulsePhaseParameters,
    RotationParameters,
)
from xsurvey.polarization.variation.companion_derotation import (
    CompanionDerotation,
    derotated_by_companion,
    known_times,
    steepest_rate,
)
from xsurvey.polarization.variation.derotation import widest_bin
from xsurvey.polarization.variation.event_dates import mjd_of_times, time_of_epoch
from xsurvey.polarization.variation.null_tests import (
    FEW,
    MOST_DRAWS,
    NullTest,
    constancy_in_energy,
    constancy_in_phase,
    constancy_in_time,
)
from xsurvey.polarization.variation.phases import pulse_phase
from xsurvey.polarization.variation.rotation_search import RotationSearch, search_rotation
from xsurvey.polarization.variation.time_bins import TimeBins, coarse_bins, polarization_of_sums
from xsurvey.polarization.variation.time_grid import good_times_of_all, time_grid
from xsurvey.polarization.variation.time_sums import (
    TimedEvents,
    TimeSums,
    read_timed_events,
    sum_times,
)
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand

_FINE = 20  # fine bins in one of the test of constancy
_MOST_BINS = 50_000
_COMPANION_BINS = 20_000  # neighbours in time whose angles differ by noise ask for no more
_FEWEST = 3  # events a time bin


@dataclass(frozen=True)
class Behaviour:
    """Tests of the polarization of a source; None where one was not possible, or not asked for.

    Attributes
    ----------
    sums : TimeSums
    modulation : Modulation
    whole : mapping of str to float
        Degree, angle, errors and limits of all events.
    time_bins : TimeBins or None
    bin_mjd : ndarray, shape (n, 2)
        First and last MJD (UTC) of the time bins.
    constancy, energy, phases : NullTest or None
    phase_bins : mapping of str to ndarray, or None
        Polarization in bins of pulse phase.
    rotation : RotationSearch or None
    companion : CompanionDerotation or None
    notes : tuple of str
    """

    sums: TimeSums
    modulation: Modulation
    whole: Mapping[str, Any]
    time_bins: TimeBins | None
    bin_mjd: np.ndarray
    constancy: NullTest | None
    energy: NullTest | None
    phases: NullTest | None
    phase_bins: Mapping[str, np.ndarray] | None
    rotation: RotationSearch | None
    companion: CompanionDerotation | None
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""

        def of(one: Any) -> dict[str, Any] | None:
            return None if one is None else one.record()

        phases = of(self.phases)
        if phases is not None and self.phase_bins is not None:
            number = len(self.phase_bins["pd"])
            phases["phase_bins"] = [
                {"phase_min": i / number, "phase_max": (i + 1) / number}
                | {name: values[i] for name, values in self.phase_bins.items()}
                for i in range(number)
            ]
        return {
            "whole": dict(self.whole), "time_bins": self._bin_records(),
            "constancy": of(self.constancy), "energy": of(self.energy),
            "rotation": of(self.rotation), "phases": phases, "companion": of(self.companion),
            "notes": list(self.notes),
        }  # fmt: skip

    def _bin_records(self) -> list[dict[str, Any]]:
        if self.time_bins is None:
            return []
        columns = polarization_of_sums(self.time_bins.net, self.time_bins.source)
        first, last = self.bin_mjd[:, 0], self.bin_mjd[:, 1]
        return [
            {
                "mjd": (first[i] + last[i]) / 2, "mjd_half_width": (last[i] - first[i]) / 2,
                "livetime": self.time_bins.livetime[i],
            } | {name: values[i] for name, values in columns.items()}
            for i in range(len(first))
        ]  # fmt: skip


def measure_behaviour(
    events: EventList, parameters: PolarizationParameters, times: ConstancyParameters,
    rotation: RotationParameters, phases: PulsePhaseParameters, *,
    region: RegionSet | None = None, background: RegionSet | None = None,
    companion: ResolvedAngles | None = None, seed: int = 0,
) -> Behaviour:  # fmt: skip
    """Test how the polarization of a source behaves.

    Events are read once; once more where they are so few that permutations and simulations have
    to take the place of chi-squared.

    Parameters
    ----------
    events : EventList
        Of one observation.
    parameters : PolarizationParameters
        Energy bins, weights, responses. Errors are always those of the events themselves.
    times, rotation, phases : StepParameters
    region, background : RegionSet, optional
        In the list's sky pixels.
    companion : ResolvedAngles, optional
        Angles of a series whose rotation is taken out.
    seed : int

    Raises
    ------
    InputError
        No polarimeter, no Stokes parameters, no good time, no event in the region and the energy
        bins; no date of the events where pulses or a companion need it.
    ParameterError
        Energies beyond the responses, a rotation too fast to search for.
    MissingDataError
        Responses are not installed.
    """
    weighting: Weighting = "simple" if parameters.weighted else "none"
    modulation = modulation_of(events, weighting, parameters.irf)
    grid = time_grid(events, _width(events, times, rotation, companion))
    sums = sum_times(
        events, modulation, parameters, grid, region, background,
        phase=_phase_of(events, phases), phase_bins=phases.phase_bins,
    )  # fmt: skip
    source, net = sums.source.total(), sums.net.total()
    if not source.counts.sum():
        kept = events if region is None else events.in_region(region)
        found = sums.found.regions[0].counts.any()  # of other energies
        edges = itertools.pairwise(parameters.edges)
        kept.require_events(0, [EnergyBand(a, b) for a, b in edges] if found else ())
    work = _Work(events, modulation, parameters, times, region, background is not None, seed, sums)
    work.notes += [*modulation.warnings, *notes_of_events(sums.found)]
    if parameters.estimator != "empirical":
        work.notes.append(
            f"tests have the events' own variances, not those of {parameters.estimator}"
        )
    whole = polarization_of_sums(net.total(), source.total())
    result = {name: values[0] for name, values in whole.items()}
    if net.weight.sum() <= 0:
        work.notes.append("not more than the background: nothing is tested")
        nothing = np.zeros((0, 2))
        return Behaviour(sums, modulation, result, None, nothing, None, None, None, None, None,
                         None, tuple(work.notes))  # fmt: skip
    bins = work.time_bins()
    return Behaviour(
        sums=sums, modulation=modulation, whole=result, time_bins=bins,
        bin_mjd=_mjd(events, bins), constancy=work.in_time(bins), energy=work.in_energy(),
        **work.in_phase(phases), rotation=work.rotation(rotation),
        companion=work.beside(companion), notes=tuple(work.notes),
    )  # fmt: skip


@dataclass
class _Work:
    """What the tests of one source share; each adds its notes."""

    events: EventList
    modulation: Modulation
    parameters: PolarizationParameters
    times: ConstancyParameters
    region: RegionSet | None
    has_background: bool
    seed: int
    sums: TimeSums

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self._events: TimedEvents | None = None

    def time_bins(self) -> TimeBins | None:
        """Return the bins of the test of constancy: fewer where there are few events."""
        source, net = self.sums.source.total(), self.sums.net.total()
        wanted = self.times.time_bins
        number = min(wanted, int(source.counts.sum()) // _FEWEST)
        bins = None
        if number >= 2:
            bins = coarse_bins(self.sums.grid, source, net, number, self.times.time_binning)
        if bins is None:
            self.notes.append("constancy in time: too few events, or all at one time: not tested")
        elif len(bins.start) < wanted:
            self.notes.append(
                f"{len(bins.start)} time bins, not {wanted}: there are too few events"
            )
        return bins

    def in_time(self, bins: TimeBins | None) -> NullTest | None:
        """Test constancy in time."""
        if bins is None:
            return None
        few = self._few(bins.source.counts, "constancy in time")
        return self._noted(
            constancy_in_time(bins.net, few, self.times.constancy_trials, self.seed + 1)
        )

    def in_energy(self) -> NullTest | None:
        """Test whether the polarization depends on energy."""
        if len(self.sums.energy_edges) < 3:
            self.notes.append("dependence on energy: not tested in a single energy bin")
            return None
        by_energy = self.sums.net.by_energy(self.sums.energy_edges)
        few = self._few(by_energy.counts, "dependence on energy")
        return self._noted(
            constancy_in_energy(by_energy, few, self.times.constancy_trials, self.seed + 2)
        )

    def in_phase(self, phases: PulsePhaseParameters) -> dict[str, Any]:
        """Test whether the polarization depends on pulse phase."""
        if phases.frequency is None:
            return {"phases": None, "phase_bins": None}
        observation = self.events.observation
        if observation.time_scale.upper() != "TDB":
            self.notes.append(
                f"pulse phases: times are {observation.time_scale}, and not of the barycentre"
            )
        net = self.sums.net.total_phase()
        test = self._noted(constancy_in_phase(net))
        return {
            "phases": test,
            "phase_bins": polarization_of_sums(net, self.sums.source.total_phase()),
        }

    def rotation(self, rotation: RotationParameters) -> RotationSearch | None:
        """Search for a rotation."""
        if rotation.highest_rate is None:
            return None
        net = self.sums.net.total()
        found = search_rotation(net, rotation, self.seed + 3)
        if found is None:
            self.notes.append("rotation: events in less than three time bins: not searched for")
            return None
        if net.counts.sum() < FEW:
            self.notes.append(f"rotation: less than {FEW} events, whose sums are not Gaussian")
        scan, trials = found
        if scan.at_edge:
            self.notes.append("rotation: the best rate is an end of the search, and may be beyond")
        reference = _dates(self.events, np.array([scan.reference_time]))[0]
        return RotationSearch(scan, trials, float(reference))

    def beside(self, companion: ResolvedAngles | None) -> CompanionDerotation | None:
        """Turn events back by the angle of the companion."""
        if companion is None:
            return None
        net = self.sums.net.total()
        mjd = mjd_of_times(self.events.observation, net.centre)
        found = derotated_by_companion(net, mjd, companion, self.seed + 4)
        if found is None:
            self.notes.append(_why_not(companion, mjd[net.used]))
        elif found.share < 1:
            self.notes.append(
                f"companion: its angle is known at the times of {100 * found.share:.3g} % of the "
                "events, others are left out"
            )
        return found

    def _few(self, counts: np.ndarray, what: str) -> TimedEvents | None:
        """Return the events one by one, where some bin has few and all can be drawn often."""
        if not (counts < FEW).any():
            return None
        if self.has_background:
            self.notes.append(
                f"{what}: bins of few events are tested by chi-squared, since a background was "
                "subtracted"
            )
            return None
        if counts.sum() * self.times.constancy_trials > MOST_DRAWS:
            return None
        if self._events is None:
            self._events = read_timed_events(
                self.events, self.modulation, self.parameters, self.region
            )
        return self._events

    def _noted(self, found: tuple[NullTest | None, list[str]]) -> NullTest | None:
        self.notes += found[1]
        return found[0]


def _width(
    events: EventList, times: ConstancyParameters, rotation: RotationParameters,
    companion: ResolvedAngles | None,
) -> float:  # fmt: skip
    """Return how long a fine bin may be, s."""
    total = good_times_of_all(events).total
    width = max(total / (_FINE * times.time_bins), total / _MOST_BINS)
    if companion is not None and (rate := steepest_rate(companion)) > 0:
        width = min(width, max(widest_bin(rate), total / _COMPANION_BINS))
    if rotation.highest_rate is not None:
        fine = widest_bin(rotation.highest_rate)
        if total / fine > _MOST_BINS:
            raise ParameterError(
                "highest_rate", f"needs time bins of {fine:.3g} s, {total / fine:.3g} of them",
                f"search to {rotation.highest_rate * _MOST_BINS * fine / total:.3g} degrees a day "
                "at most",
            )  # fmt: skip
        width = min(width, fine)
    return width


def _phase_of(
    events: EventList, phases: PulsePhaseParameters
) -> Callable[[np.ndarray], np.ndarray] | None:
    frequency = phases.frequency
    if frequency is None:
        return None
    epoch = 0.0 if phases.epoch is None else time_of_epoch(events.observation, phases.epoch)
    return lambda time: pulse_phase(time, frequency, epoch, phases.frequency_derivatives)


def _dates(events: EventList, seconds: np.ndarray) -> np.ndarray:
    """Return MJD (UTC); NaN where the zero of time has no date."""
    try:
        return mjd_of_times(events.observation, seconds)
    except InputError:
        return np.full(np.shape(seconds), np.nan)


def _mjd(events: EventList, bins: TimeBins | None) -> np.ndarray:
    if bins is None:
        return np.zeros((0, 2))
    return _dates(events, np.stack([bins.start, bins.stop], axis=1))


def _why_not(companion: ResolvedAngles, mjd: np.ndarray) -> str:
    series = companion.series
    what = f"companion: measured from MJD {series.mjd[0]:.3f} to {series.mjd[-1]:.3f}"
    if len(series) < 2:
        return f"companion: one measurement, at MJD {series.mjd[0]:.3f}, is no angle against time"
    if len(mjd) and (mjd[-1] < series.mjd[0] or mjd[0] > series.mjd[-1]):
        return f"{what}, but the events are of MJD {mjd[0]:.3f} to {mjd[-1]:.3f}"
    if not known_times(companion, mjd).any():
        return f"{what}: half turns are open at all times of events"
    return f"{what}: too few events at these times"
