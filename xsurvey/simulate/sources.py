"""Sources with fluxes: what a simulation with responses puts on the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.simulate.shapes import Shapes
from xsurvey.simulate.spectrum import Spectrum
from xsurvey.simulate.variability import LightCurves

AMOUNTS = ("flux", "norm", "counts")
"""What tells how bright a source is: erg/s/cm2 in the band of fluxes as observed, a factor of the
model, or expected counts before what gaps and edges take."""
GIVEN, LISTED, DRAWN, RANDOM, CLUSTER = "given", "listed", "drawn", "random", "cluster"


@dataclass(frozen=True)
class Sources:
    """Sources, s of them.

    Attributes
    ----------
    ra, dec : ndarray, shape (s,)
        ICRS degrees.
    amount : ndarray, shape (s,)
    kind : ndarray of int, shape (s,)
        Place in `AMOUNTS`.
    spectrum : ndarray of int, shape (s,)
        Place in ``spectra``.
    spectra : tuple of Spectrum
        All different.
    shapes : Shapes
    curves : LightCurves
    origin : ndarray of str, shape (s,)
        Where each comes from.
    name : ndarray of str, shape (s,)
        As a list calls it; empty where it does not.
    """

    ra: np.ndarray
    dec: np.ndarray
    amount: np.ndarray
    kind: np.ndarray
    spectrum: np.ndarray
    spectra: tuple[Spectrum, ...]
    shapes: Shapes
    curves: LightCurves
    origin: np.ndarray
    name: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)


def constant_points(
    ra: np.ndarray, dec: np.ndarray, amount: np.ndarray, kind: str, spectrum: Spectrum, origin: str
) -> Sources:
    """Return point sources of constant flux and one spectrum."""
    number = len(ra)
    return Sources(
        np.asarray(ra, float), np.asarray(dec, float), np.asarray(amount, float),
        np.full(number, AMOUNTS.index(kind)), np.zeros(number, dtype=np.int64), (spectrum,),
        Shapes.points(number), LightCurves.constant(number), np.full(number, origin),
        np.full(number, ""),
    )  # fmt: skip


def joined(parts: Sequence[Sources]) -> Sources:
    """Return all sources of several sets, their spectra made one set."""
    spectra = tuple(dict.fromkeys(s for part in parts for s in part.spectra))
    place = {spectrum: number for number, spectrum in enumerate(spectra)}
    numbers = [
        np.array([place[s] for s in part.spectra], dtype=np.int64)[part.spectrum] for part in parts
    ]
    curves = parts[0].curves
    for part in parts[1:]:
        curves = curves.join(part.curves)

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Sources(
        all_of("ra"), all_of("dec"), all_of("amount"), all_of("kind"), np.concatenate(numbers),
        spectra, Shapes.join([part.shapes for part in parts]), curves, all_of("origin"),
        all_of("name"),
    )  # fmt: skip
