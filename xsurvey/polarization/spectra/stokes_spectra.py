r"""Spectra of Stokes I, Q and U from sums over events, as XSPEC fits them.

With weights w and q = 2 cos 2 psi of the events of a channel, livetime T,

.. math:: R_Q = \frac{1}{T} \frac{\sum w}{\sum w^2} \sum w q, \qquad
    \sigma_Q = \frac{1}{T} \frac{\sum w}{\sum w^2} \sqrt{\sum (w q)^2}

and likewise U, and I with q = 1: the rates that ixpeobssim's spectra PHA1, PHA1Q and PHA1U hold
(Baldini et al. 2022, SoftwareX 19, 101194). I is the effective number of events, so that without
weights it is their number and Poisson distributed.

Divided by the modulation factor, R_Q is Stokes Q: q has the mean :math:`\mu Q / I`. So Q and U fold
through the modulation response, effective area times modulation factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from xsurvey.errors import InputError
from xsurvey.io.ogip.stokes import STOKES, Stokes
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.io.ogip.write_stokes import write_stokes_pha


class StokesSums(Protocol):
    """Sums over the events of each channel, by detector: (d, c) each.

    `xsurvey.polarization.channel_sums.ChannelSums` is one. ``qq`` is the sum of w^2 q^2.
    """

    @property
    def weight(self) -> np.ndarray:
        """Sum of w."""

    @property
    def weight2(self) -> np.ndarray:
        """Sum of w^2."""

    @property
    def q(self) -> np.ndarray:
        """Sum of w q."""

    @property
    def u(self) -> np.ndarray:
        """Sum of w u."""

    @property
    def qq(self) -> np.ndarray:
        """Sum of w^2 q^2."""

    @property
    def uu(self) -> np.ndarray:
        """Sum of w^2 u^2."""


@dataclass(frozen=True)
class StokesResponses:
    """Names of the responses of a unit, as keywords have them."""

    arf: str
    mrf: str
    rmf: str

    def area_of(self, stokes: Stokes) -> str:
        """Return what a spectrum of a Stokes parameter folds through: ANCRFILE."""
        return self.arf if stokes == "I" else self.mrf


def stokes_rates(
    sums: StokesSums, stokes: Stokes, livetime: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rates and their errors, (d, c) each; both are 0 in channels without events.

    Parameters
    ----------
    sums : StokesSums
    stokes : {'I', 'Q', 'U'}
    livetime : ndarray, shape (d,)
        s.

    Raises
    ------
    InputError
        A livetime is not above zero.
    """
    time = np.asarray(livetime, float)[:, None]
    if not np.all((time > 0) & np.isfinite(time)):
        raise InputError("livetime", "is not above zero", "give the livetime of each detector")
    total, square = {
        "I": (sums.weight, sums.weight2), "Q": (sums.q, sums.qq), "U": (sums.u, sums.uu),
    }[stokes]  # fmt: skip
    scale = np.divide(
        sums.weight, sums.weight2, out=np.zeros(np.shape(sums.weight)), where=sums.weight2 > 0
    )
    return scale / time * total, scale / time * np.sqrt(square)


def stokes_spectra(
    sums: StokesSums, livetime: np.ndarray, *, detectors: Sequence[str],
    responses: Sequence[StokesResponses], backscal: float = 1.0, first_channel: int = 0,
    header: Mapping[str, Any] | None = None,
) -> list[dict[Stokes, PhaSpectrum]]:  # fmt: skip
    """Return the spectra of each detector unit.

    Parameters
    ----------
    sums : StokesSums
    livetime : ndarray, shape (d,)
        s.
    detectors : sequence of str
        DETNAM of the units.
    responses : sequence of StokesResponses
        Of the units.
    backscal : float
        Solid angle of the region, in the unit of that of the background.
    first_channel : int
    header : mapping, optional
        Keywords of the observation: TELESCOP, INSTRUME, OBS_ID, TSTART, TSTOP, ...

    Raises
    ------
    InputError
        As `stokes_rates`; sums that are not finite.
    """
    found: list[dict[Stokes, PhaSpectrum]] = [{} for _ in detectors]
    unweighted = np.array_equal(sums.weight, sums.weight2)
    for stokes in STOKES:
        rates, errors = stokes_rates(sums, stokes, livetime)
        if not (np.all(np.isfinite(rates)) and np.all(np.isfinite(errors))):
            raise InputError("events", f"give Stokes {stokes} that is not finite",
                             "leave out events whose Q or U is no number")  # fmt: skip
        number = rates.shape[1]
        for place, (name, files) in enumerate(zip(detectors, responses, strict=True)):
            time = float(livetime[place])
            found[place][stokes] = PhaSpectrum(
                path=Path(f"{name}_{stokes}"), channels=first_channel + np.arange(number),
                first_channel=first_channel, detector_channels=number, counts=rates[place] * time,
                exposure=time, backscal=np.full(number, float(backscal)),
                areascal=np.ones(number), poisson=stokes == "I" and unweighted,
                statistical_error=errors[place] * time,
                systematic_error=np.zeros(number), quality=np.zeros(number, int),
                grouping=np.zeros(number, int), response_file=files.rmf,
                ancillary_file=files.area_of(stokes), header={**(header or {}), "DETNAM": name},
            )  # fmt: skip
    return found


def write_stokes_spectra(
    stem: Path, spectra: Mapping[Stokes, PhaSpectrum],
    background: Mapping[Stokes, PhaSpectrum] | None = None,
    header: Mapping[str, Any] | None = None,
) -> list[Path]:  # fmt: skip
    """Write the spectra of a unit: ``STEM_i.pha``, ``STEM_q.pha``, ``STEM_u.pha``.

    Parameters
    ----------
    stem : path
        Folder, and how all names begin.
    spectra : mapping
    background : mapping, optional
        Written to ``STEM_bkg_i.pha``, ..., which BACKFILE of the spectra names.
    header : mapping, optional
        Keywords that go before the spectra's own.

    Returns
    -------
    list of path
        Of I, Q and U, without backgrounds.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    written = []
    for stokes in STOKES:
        letter = stokes.lower()
        name = None
        if background is not None:
            name = f"{stem.name}_bkg_{letter}.pha"
            write_stokes_pha(stem.with_name(name), background[stokes], stokes, header)
        path = stem.with_name(f"{stem.name}_{letter}.pha")
        write_stokes_pha(path, replace(spectra[stokes], background_file=name), stokes, header)
        written.append(path)
    return written
