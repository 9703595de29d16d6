"""Tables of flux points as this package writes them: ECSV that `read_sed` reads to the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution

FLUX_UNIT = u.erg / (u.cm**2 * u.s)


def sed_table(sed: SpectralEnergyDistribution) -> Table:
    """Return a spectral energy distribution as a table with units.

    Columns are ``frequency`` (Hz, as observed), ``nufnu`` (erg / cm2 / s; of limits the limit),
    ``nufnu_errn`` and ``nufnu_errp``, ``is_ul``, ``confidence`` of limits where it is known, and
    ``instrument``; redshift and source are metadata.
    """
    table = Table(
        {
            "frequency": sed.frequency * u.Hz, "nufnu": sed.flux * FLUX_UNIT,
            "nufnu_errn": sed.error_low * FLUX_UNIT, "nufnu_errp": sed.error_high * FLUX_UNIT,
            "is_ul": sed.is_limit, "confidence": sed.limit_confidence,
            "instrument": list(sed.instruments),
        }
    )  # fmt: skip
    meta: dict[str, Any] = {"SED_TYPE": "e2dnde"}
    if sed.redshift is not None:
        meta["redshift"] = sed.redshift
    if sed.source:
        meta["source"] = sed.source
    table.meta = meta
    return table


def write_sed(
    path: Path, sed: SpectralEnergyDistribution, meta: Mapping[str, Any] | None = None
) -> None:
    """Write a spectral energy distribution as ECSV.

    Parameters
    ----------
    path : path
    sed : SpectralEnergyDistribution
    meta : mapping, optional
        Further metadata.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    table = sed_table(sed)
    table.meta |= dict(meta or {})
    with atomic_output(path) as temporary:
        table.write(temporary, format="ascii.ecsv")


def seds_together(
    seds: Sequence[SpectralEnergyDistribution], name: str, redshift: float | None = None
) -> SpectralEnergyDistribution:
    """Return the points of several tables as those of one, in the order of frequency.

    Instruments keep their names. Points that two tables have alike are there twice, with a note.

    Parameters
    ----------
    seds : sequence of SpectralEnergyDistribution
    name : str
        Of the result.
    redshift : float, optional
        In place of that of the tables, with a note where it is another one.

    Raises
    ------
    InputError
        Tables tell different redshifts.
    ValueError
        There is no table.
    """
    if not seds:
        raise ValueError("no table to put together")
    redshifts = {sed.redshift: sed.name for sed in seds if sed.redshift is not None}
    if redshift is None and len(redshifts) > 1:
        told = ", ".join(f"{z:g} ({file})" for z, file in redshifts.items())
        raise InputError(
            name, f"is of tables with different redshifts: {told}", "give the redshift"
        )
    order = np.argsort(np.concatenate([sed.frequency for sed in seds]), kind="stable")

    def joined(column: str) -> np.ndarray:
        return np.concatenate([getattr(sed, column) for sed in seds])[order]

    instruments = [one for sed in seds for one in sed.instruments]
    notes = [] if redshift is None else [
        f"the redshift is {redshift:g}, and not {other:g} as {file} tells"
        for other, file in redshifts.items() if other != redshift
    ]  # fmt: skip
    notes += [
        note if len(seds) == 1 else f"{sed.name}: {note}" for sed in seds for note in sed.notes
    ]
    found = SpectralEnergyDistribution(
        name=name, frequency=joined("frequency"), flux=joined("flux"),
        error_low=joined("error_low"), error_high=joined("error_high"),
        is_limit=joined("is_limit"), limit_confidence=joined("limit_confidence"),
        instruments=tuple(instruments[i] for i in order),
        redshift=next(iter(redshifts), None) if redshift is None else redshift,
        source=next((sed.source for sed in seds if sed.source), ""), notes=tuple(notes),
    )  # fmt: skip
    twice = _repeated(found)
    if not twice:
        return found
    note = f"{twice} points are in the tables twice, with the same instrument, frequency and flux"
    return SpectralEnergyDistribution(**{**vars(found), "notes": (*notes, note)})


def _repeated(sed: SpectralEnergyDistribution) -> int:
    rows = zip(sed.instruments, sed.frequency.tolist(), sed.flux.tolist(), strict=True)
    return len(sed) - len(set(rows))
