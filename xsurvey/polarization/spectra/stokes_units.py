"""The spectra of Stokes I, Q and U of a polarimeter's detector units, sorted and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xsurvey.errors import InputError
from xsurvey.io.ogip.stokes import STOKES, Stokes, area_kind, stokes_parameter
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix

_EXPOSURE = 1e-3
"""Relative difference of exposures of one unit's spectra that is rounding of keywords."""
_SAME = 1e-6
"""Relative: an MRF this near to the ARF is the ARF, since no detector modulates fully."""


@dataclass(frozen=True)
class StokesSpectrum:
    """A spectrum of one Stokes parameter with what belongs to it.

    Attributes
    ----------
    spectrum : PhaSpectrum
        Of Q and U signed, with errors.
    background : PhaSpectrum or None
    area : AncillaryResponse
        Of I the effective area, of Q and U the modulation response, cm2.
    matrix : RedistributionMatrix
    paths : tuple of path
        All files that were read for it.
    notes : tuple of str
    """

    spectrum: PhaSpectrum
    background: PhaSpectrum | None
    area: AncillaryResponse
    matrix: RedistributionMatrix
    paths: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def stokes(self) -> Stokes:
        """Which Stokes parameter it is of.

        Raises
        ------
        InputError
            Its header does not say.
        """
        found = stokes_parameter(self.spectrum)
        if found is None:
            raise InputError(
                self.spectrum.path, "does not say which Stokes parameter it is of",
                "give spectra with a keyword XFLT0001 of 'Stokes:0', 'Stokes:1' or 'Stokes:2'",
            )  # fmt: skip
        return found

    @property
    def unit(self) -> str:
        """The detector unit: DETNAM, or else INSTRUME."""
        header = self.spectrum.header
        named = str(header.get("DETNAM") or "").strip() or str(header.get("INSTRUME") or "").strip()
        return named or "unit"

    @property
    def observation(self) -> str:
        """OBS_ID, empty where the header does not say."""
        return str(self.spectrum.header.get("OBS_ID") or "").strip()


@dataclass(frozen=True)
class PolarimeterUnit:
    """The three spectra of one detector unit in one observation.

    Attributes
    ----------
    name : str
        Of the unit, after the observation's where there are several.
    i, q, u : StokesSpectrum
    """

    name: str
    i: StokesSpectrum
    q: StokesSpectrum
    u: StokesSpectrum

    @property
    def spectra(self) -> tuple[StokesSpectrum, StokesSpectrum, StokesSpectrum]:
        """I, Q and U."""
        return self.i, self.q, self.u


def sort_units(spectra: Sequence[StokesSpectrum]) -> list[PolarimeterUnit]:
    """Sort spectra by unit and Stokes parameter.

    Parameters
    ----------
    spectra : sequence of StokesSpectrum
        In any order.

    Returns
    -------
    list of PolarimeterUnit
        In the order of their observations (OBS_ID) and names. Units of several observations stay
        apart.

    Raises
    ------
    InputError
        A unit has not exactly one spectrum of each Stokes parameter, or they are not of the same
        exposure, region and channels; units of one observation were not taken at one time; a
        response is of the wrong kind.
    """
    if not spectra:
        raise InputError("spectra", "are none", "give those of I, Q and U")
    named = {one.observation for one in spectra}
    several = len(named) > 1 and "" not in named
    found: dict[tuple[str, str], dict[Stokes, StokesSpectrum]] = {}
    for one in spectra:
        own = found.setdefault((one.observation if several else "", one.unit), {})
        if one.stokes in own:
            raise InputError(
                one.spectrum.path, f"is Stokes {one.stokes} of {one.unit} as well as "
                f"{own[one.stokes].spectrum.path.name}", "give each once",
            )  # fmt: skip
        own[one.stokes] = one
    units: list[PolarimeterUnit] = []
    first: dict[str, PhaSpectrum] = {}
    for (observation, detector), own in sorted(found.items()):
        name = f"{observation} {detector}".strip()
        missing = [s for s in STOKES if s not in own]
        if missing:
            there = next(iter(own.values())).spectrum.path
            raise InputError(
                there, f"is of {name}, of which Stokes {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not given", "give I, Q and U of each unit",
            )  # fmt: skip
        unit = PolarimeterUnit(name, own["I"], own["Q"], own["U"])
        _check_unit(unit)
        units.append(unit)
        _check_same_observation(first.setdefault(observation, own["I"].spectrum), own["I"].spectrum)
    return units


def _check_unit(unit: PolarimeterUnit) -> None:
    first = unit.i.spectrum
    if area_kind(unit.i.area) not in (None, "area"):
        raise InputError(
            unit.i.area.path, f"is a {area_kind(unit.i.area)}, and {first.path.name} is Stokes I",
            "give its effective area (ARF)",
        )  # fmt: skip
    for other in (unit.q, unit.u):
        spectrum = other.spectrum
        if not np.array_equal(spectrum.channels, first.channels):
            raise InputError(
                spectrum.path, f"has {len(spectrum.channels)} channels, and {first.path.name} "
                f"{len(first.channels)}", "give spectra of the same channels",
            )  # fmt: skip
        if abs(spectrum.exposure / first.exposure - 1) > _EXPOSURE:
            raise InputError(
                spectrum.path, f"has an exposure of {spectrum.exposure:g} s, and {first.path.name} "
                f"of {first.exposure:g} s", "give the spectra of one selection of events",
            )  # fmt: skip
        if not np.allclose(spectrum.backscal, first.backscal, rtol=_EXPOSURE):
            raise InputError(
                spectrum.path, f"is of a region of another size (BACKSCAL) than {first.path.name}",
                "give the spectra of one region",
            )  # fmt: skip
        _check_same_observation(first, spectrum)
        if spectrum.statistical_error is None:
            raise InputError(
                spectrum.path, f"has Stokes {other.stokes} without errors (STAT_ERR)",
                "give a spectrum with errors",
            )  # fmt: skip
        if (other.background is None) != (unit.i.background is None):
            lacking = other if other.background is None else unit.i
            raise InputError(
                lacking.spectrum.path, f"has no background, and others of {unit.name} have one",
                "give the backgrounds of I, Q and U, or of none",
            )  # fmt: skip
        _check_modulation(other, unit.i.area)


def _check_modulation(one: StokesSpectrum, arf: AncillaryResponse) -> None:
    """Refuse what is no modulation response, as far as keywords and numbers tell."""
    kind = area_kind(one.area)
    remedy = "give the modulation response (MRF)"
    what = f"and {one.spectrum.path.name} is Stokes {one.stokes}"
    if kind == "area":
        raise InputError(one.area.path, f"is an effective area (ARF), {what}", remedy)
    if kind == "modulation":
        raise InputError(
            one.area.path, f"is a modulation factor, of spectra of Q / I, {what}", remedy
        )
    if len(one.area.effective_area) != len(arf.effective_area):
        return  # that it fits to the matrix is looked at where they are joined
    seen = arf.effective_area > 0
    ratio = one.area.effective_area[seen] / arf.effective_area[seen]
    if ratio.size and ratio.max() > 1 - _SAME:
        raise InputError(
            one.area.path, f"is not less than the effective area of Stokes I, {what}", remedy
        )


def _check_same_observation(first: PhaSpectrum, other: PhaSpectrum) -> None:
    """Refuse spectra of different observations, by OBS_ID or by times that do not overlap."""
    if other is first:
        return
    named = [str(s.header.get("OBS_ID") or "").strip() for s in (first, other)]
    remedy = "give the spectra of one observation"
    if all(named) and named[0] != named[1]:
        raise InputError(
            other.path, f"is of observation {named[1]}, {first.path.name} of {named[0]}", remedy
        )
    times = [s.header.get(key) for s in (first, other) for key in ("TSTART", "TSTOP")]
    known = [float(t) for t in times if isinstance(t, int | float)]
    if len(known) == len(times) and min(known[1], known[3]) <= max(known[0], known[2]):
        raise InputError(
            other.path, f"was taken at another time (TSTART, TSTOP) than {first.path.name}", remedy
        )
