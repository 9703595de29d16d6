"""What Stokes spectra of IXPE's units fold through: areas, modulation responses, matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.missions.ixpe_polarimetry import choose_responses, modulation_factor
from xsurvey.missions.polarimetry import StokesResponseSet, UnitResponses, Weighting


def find_stokes_responses(
    units: Sequence[int], date: str, weighting: Weighting = "none", irf: str | None = None,
    simulated: str = "",
) -> StokesResponseSet:  # fmt: skip
    """Return the responses of units; parameters and errors are those of `find_modulation`.

    The modulation response is the area times the modulation factor: what the files of it hold, to
    rounding, and folders need not have them.
    """
    chosen = choose_responses(date, weighting, irf, simulated)
    found, read = [], []
    for unit in sorted(units):
        paths = [chosen.path(kind, unit) for kind in ("arf", "mfact", "rmf")]
        arf = read_arf(paths[0])
        header = {**arf.header, "INSTRUME": str(arf.header.get("INSTRUME") or "GPD")}
        arf = replace(arf, header=header)
        found.append(
            UnitResponses(unit, f"DU{unit}", arf, _modulated(arf, paths[1]), read_rmf(paths[2]))
        )
        read += [path.name for path in paths]
    choice = chosen.choice
    return StokesResponseSet(
        tuple(found), chosen.name, weighting, choice.reason, tuple(read), choice.warnings
    )


def _modulated(arf: AncillaryResponse, path: Path) -> AncillaryResponse:
    """Return an area times a modulation factor, which is 0 outside of its energies."""
    low, high, values = modulation_factor(path)
    energy = (arf.energy_low + arf.energy_high) / 2
    factor = np.interp(energy, (low + high) / 2, values)
    factor = np.where((energy > low[0]) & (energy < high[-1]), factor, 0.0)
    return replace(arf, path=path, effective_area=arf.effective_area * factor)
