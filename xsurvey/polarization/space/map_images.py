"""Polarization maps as FITS images, cubes along energy where there are several bins."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import plain_ascii
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.polarization.space.maps import PolarizationMap
from xsurvey.polarization.space.trials import Trials
from xsurvey.polarization.stokes import StokesFlag

MASKED = 32
"""Bit of a flag: too few events for a polarization."""


def images_of_map(found: PolarizationMap, acceptance: bool) -> dict[str, SkyImage]:
    """Return the images of a map by name, data (n, ny, nx), or (ny, nx) of one energy bin.

    Parameters
    ----------
    found : PolarizationMap
    acceptance : bool
        Whether I, Q and U are per cm2.

    Returns
    -------
    dict of str to SkyImage
        ``COUNTS``, ``I``, ``Q``, ``U``, ``NEFF`` and ``FLAGS`` of all pixels; NaN where there are
        too few events: ``Q_NORM``, ``U_NORM``, ``VAR_Q``, ``VAR_U``, ``COV_QU`` (of Q/I and U/I),
        ``PD``, ``PD_ERR``, ``PA``, ``PA_ERR`` (deg, north through east), ``MDP99``, ``CHI2`` (2
        degrees of freedom) and ``SIGNIF`` (sigma, of a pixel by itself).
    """
    bins, cov = found.bins, found.bins.covariance
    unit = "count cm-2" if acceptance else "count"
    flags = bins.flags + MASKED * ~found.used
    values: dict[str, tuple[np.ndarray, str, bool]] = {
        "COUNTS": (bins.counts, "count", False), "I": (bins.i, unit, False),
        "Q": (bins.q, unit, False), "U": (bins.u, unit, False),
        "Q_NORM": (bins.q_norm, "", True), "U_NORM": (bins.u_norm, "", True),
        "VAR_Q": (cov[..., 0, 0], "", True), "VAR_U": (cov[..., 1, 1], "", True),
        "COV_QU": (cov[..., 0, 1], "", True), "PD": (bins.pd, "", True),
        "PD_ERR": (bins.pd_err, "", True), "PA": (bins.pa_deg, "deg", True),
        "PA_ERR": (bins.pa_err_deg, "deg", True), "MDP99": (bins.mdp99, "", True),
        "CHI2": (bins.chi2, "", True), "SIGNIF": (bins.significance, "", True),
        "NEFF": (bins.effective_counts, "count", False), "FLAGS": (flags, "", False),
    }  # fmt: skip
    found_images = {}
    for name, (cells, its_unit, masked) in values.items():
        data = found.image(cells, masked=masked)
        found_images[name] = SkyImage(data[0] if len(data) == 1 else data, found.grid, its_unit)
    return found_images


def write_map(
    path: str | os.PathLike[str], found: PolarizationMap, acceptance: bool,
    header: Mapping[str, Any] | None = None, history: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write a map: an image, or a cube, a quantity, and the energies as a table.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    found : PolarizationMap
    acceptance : bool
    header : mapping of str to object, optional
        Provenance: keyword to value, or to (value, comment).
    history : sequence of str
        Lines of provenance.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = SkyImage(np.zeros((1, 1)), found.grid, "").header()["CREATOR"]
    primary.header["ESTIMAT"] = (found.bins.estimator, "of errors and MDP99")
    primary.header["PIXSIZE"] = (found.grid.pixel_size, "[arcsec]")
    if found.kernel is not None:
        primary.header["SMOOTH"] = (found.kernel.shape, "of sums of Stokes parameters")
        primary.header["SMSIZE"] = (
            found.kernel.size * found.grid.pixel_size, "[arcsec] radius, or sigma",
        )  # fmt: skip
        primary.header["BEAM"] = (found.kernel.beam, "pixels of an independent beam")
    if found.label is not None:
        primary.header["BLOCKS"] = (len(found.used), "of pixels, by their events")
    add_trials(primary.header, found.trials)
    add_provenance(primary.header, header or {}, history)
    hdus: list[Any] = [primary]
    for name, image in images_of_map(found, acceptance).items():
        own = image.header()
        if image.data.ndim == 3:
            own["WCSAXES"] = 3
            own["CTYPE3"] = ("EBIN", "energy bin, a row of the table ENERGIES")
            own["CRPIX3"], own["CRVAL3"], own["CDELT3"] = 1.0, 1.0, 1.0
        own["POLCCONV"] = ("IAU", "angles and U are north through east")
        kind = np.int32 if name == "FLAGS" else np.float64 if name == "CHI2" else np.float32
        if name == "FLAGS":
            for flag in StokesFlag:
                own["COMMENT"] = f"flags: {int(flag)} {str(flag.name).lower()}"
            own["COMMENT"] = f"flags: {MASKED} too few events, masked in other images"
        data = np.nan_to_num(image.data) if name == "FLAGS" else image.data
        hdus.append(fits.ImageHDU(data.astype(kind), own, name))
    hdus.append(_energies(found))
    with atomic_output(path) as temporary:
        write_hdus(temporary, hdus)


def _energies(found: PolarizationMap) -> fits.BinTableHDU:
    bins = found.bins
    return fits.BinTableHDU.from_columns([
        fits.Column("energy_min", "D", unit="keV", array=bins.energy_min),
        fits.Column("energy_max", "D", unit="keV", array=bins.energy_max),
        fits.Column("pixels", "K", array=found.used.sum(axis=0)),
    ], name="ENERGIES")  # fmt: skip


def add_trials(header: fits.Header, trials: Trials) -> None:
    """Write how improbable the most significant cell is into a header."""
    record = trials.record()
    for key, name, comment in (
        ("NTRIALS", "cells", "cells and energy bins looked at"),
        ("NBEAMS", "beams", "independent beams"),
        ("NEFFTRI", "effective_trials", "independent cells they are worth"),
        ("CHI2MAX", "chi2_max", "of the most significant, 2 dof"),
        ("PLOCAL", "p_local", "its probability without polarization"),
        ("PGLOBAL", "p_global", "of one as significant in NEFFTRI trials"),
        ("PBOUND", "p_global_bound", "upper bound: among NTRIALS"),
        ("PSIMUL", "p_global_simulated", "by simulation"),
        ("NSIMUL", "simulations", "of random phases"),
    ):
        value = record[name]
        if np.isfinite(value):
            header[key] = (value, comment)


def add_provenance(
    header: fits.Header, keywords: Mapping[str, Any], history: Sequence[str]
) -> None:
    """Write keywords, to values or to (value, comment), and lines of history into a header."""
    for key, value in keywords.items():
        one, *comment = value if isinstance(value, tuple) else (value,)
        if isinstance(one, float) and not np.isfinite(one):
            continue
        header[key] = (plain_ascii(one) if isinstance(one, str) else one, *comment)
    for line in history:
        header["HISTORY"] = plain_ascii(line)
