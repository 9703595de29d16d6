"""The posterior of a source's flux, as a table of draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.inference.chains import Chains
from xsurvey.io.fits_writer import write_hdus
from xsurvey.pipelines.spectra.fit_files import SpectrumFit, band_fluxes
from xsurvey.spectra.fit_result import draws_of_fluxes

FLUX_POSTERIOR = "flux_posterior.fits"
_COLUMNS = {"absorbed": "flux", "unabsorbed": "flux_unabsorbed"}


def flux_draws(result: SpectrumFit, chains: Chains) -> Mapping[str, np.ndarray]:
    """Return draws of the fluxes in the first band, by ``absorbed`` and ``unabsorbed``.

    They are those from which the intervals in ``fit.json`` are taken.
    """
    functions = band_fluxes(result)[0]
    columns = result.assembly.columns[0]
    chosen = draws_of_fluxes(result.fit.likelihood, chains)[:, columns]
    return {name: functions[name](chosen) for name in _COLUMNS}


def write_flux_posterior(path: Path, result: SpectrumFit, chains: Chains) -> None:
    """Write draws of the flux as a FITS table, a row a draw.

    Parameters
    ----------
    path : path
    result : SpectrumFit
    chains : Chains
        Of its posterior.
    """
    flux = band_fluxes(result)[0]["absorbed"]
    draws = flux_draws(result, chains)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(column, "D", "erg / (s cm2)", array=draws[name])
            for name, column in _COLUMNS.items()
        ],
        name="FLUX_POSTERIOR",
    )
    header = table.header
    header["CREATOR"] = f"xsurvey {__version__}"
    header["MODEL"] = (result.expression.text, "in XSPEC's names")
    header["E_MIN"] = (flux.frame.minimum, "[keV] of the fluxes")
    header["E_MAX"] = (flux.frame.maximum, "[keV] of the fluxes")
    header["CONVERGE"] = (chains.converged, "whether the chain converged")
    write_hdus(path, [fits.PrimaryHDU(), table])
