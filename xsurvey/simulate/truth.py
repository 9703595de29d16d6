"""The truth table of a simulation with responses: all that was put in, a row a source."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.attitude import separations, unit_vectors
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.shapes import BETA, SHAPES, SHELL
from xsurvey.simulate.sources import Sources
from xsurvey.simulate.variability import KINDS


@dataclass(frozen=True)
class Truth:
    """What is known of s sources.

    Attributes
    ----------
    sources : Sources
    norm : ndarray, shape (s,)
        Factor of the model.
    flux : ndarray, shape (s,)
        Mean over the good time, erg / s / cm2 in the band of fluxes, as observed.
    expected : ndarray, shape (s,)
        Events that are expected to be written.
    exposure : ndarray, shape (s,)
        Seconds on the optical axis that would give as much, near the middle of that band.
    unit_flux : ndarray, shape (b,)
        Flux of each spectrum of norm 1.
    recorded : ndarray of int, shape (s,)
        Events that are written.
    """

    sources: Sources
    norm: np.ndarray
    flux: np.ndarray
    expected: np.ndarray
    exposure: np.ndarray
    unit_flux: np.ndarray
    recorded: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def truth_of(truth: Truth, wcs: WCS, parameters: SimulationParameters) -> Table:
    """Return the truth table."""
    sources, curves, shapes = truth.sources, truth.sources.curves, truth.sources.shapes
    position = np.column_stack([sources.ra, sources.dec])
    pixels = wcs.all_world2pix(position, 1) if len(position) else position
    off_axis = separations(unit_vectors(*parameters.pointing), unit_vectors(*position.T))
    texts = np.array([" ".join(s.settings) for s in sources.spectra])
    models = np.array([s.model for s in sources.spectra])
    cut = shapes.kind >= SHELL
    varies, names = curves.kind > 0, np.array(KINDS)
    columns: list[tuple[str, str, np.ndarray]] = [
        ("source_number", "", np.arange(1, len(sources) + 1, dtype=np.int32)),
        ("ra", "deg", sources.ra), ("dec", "deg", sources.dec),
        ("x", "pix", pixels[:, 0]), ("y", "pix", pixels[:, 1]),
        ("counts_expected", "ct", truth.expected),
        ("counts_recorded", "ct", truth.recorded.astype(np.int64)),
        ("flux", "erg / (s cm2)", truth.flux), ("norm", "", truth.norm),
        ("model", "", models[sources.spectrum]), ("set", "", texts[sources.spectrum]),
        ("exposure", "s", truth.exposure),
        ("shape", "", np.array(SHAPES)[shapes.kind]),
        ("core_radius", "arcsec", shapes.core_radius),
        ("beta", "", np.where(shapes.kind == BETA, shapes.beta, np.nan)),
        ("inner_radius", "arcsec", np.where(cut, shapes.inner, np.nan)),
        ("outer_radius", "arcsec", np.where(cut, shapes.outer, np.nan)),
        ("nearest_radius", "arcsec", np.where(cut, shapes.nearest, np.nan)),
        ("farthest_radius", "arcsec", np.where(cut, np.minimum(shapes.farthest, shapes.outer),
                                               np.nan)),
        ("angle_start", "deg", np.where(cut, shapes.angle, np.nan)),
        ("angle_stop", "deg", np.where(cut, shapes.angle + shapes.width, np.nan)),
        ("variability", "", names[curves.kind]),
        ("amplitude", "", np.where(varies, curves.amplitude, np.nan)),
        ("period", "s", np.where(curves.kind == KINDS.index("sine"), curves.period, np.nan)),
        ("phase", "", np.where(curves.kind == KINDS.index("sine"), curves.phase, np.nan)),
        ("onset", "s", np.where(curves.kind > 1, curves.onset, np.nan)),
        ("decay", "s", np.where(curves.kind == KINDS.index("flare"), curves.decay, np.nan)),
        ("origin", "", sources.origin), ("name", "", sources.name),
    ]  # fmt: skip
    if not parameters.scans:
        columns.insert(5, ("off_axis", "arcmin", off_axis))
    table = Table()
    for name, unit, values in columns:
        table[name] = values
        if unit:
            table[name].unit = unit
    return table
