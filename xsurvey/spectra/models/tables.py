"""Exact tables of plasmas and of absorption.

XSPEC's ``apec`` at a fixed redshift is linear in kT between the temperatures of AtomDB,
and linear in the abundances of elements heavier than hydrogen (of ``vapec`` in each); so
one spectrum a temperature and abundance gives all others to rounding. The absorption
models of Wilms, Allen & McCray (2000, ApJ 542, 914) are exp(-nH sigma(E)) in each bin,
and so is ``phabs``, but that XSPEC evaluates in single precision: its table is smooth
where XSPEC rounds, and is used only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import InputError
from xsurvey.spectra.models.atomdb import atomdb_files, find_atomdb
from xsurvey.spectra.models.definitions import ModelDefinition, ParameterDefinition
from xsurvey.spectra.models.installation import content_hash, installation
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.table_store import Arrays, stored_table

PLASMAS: Mapping[str, int] = {"apec": 1, "vapec": 13}
"""Plasma models with tables, and how many abundances they have: kT, these, redshift."""

_DOUBLE, _SINGLE = 500.0, 50.0  # optical depths that the precisions can still hold

ABSORPTION: Mapping[str, float] = {
    "TBabs": _DOUBLE, "zTBabs": _DOUBLE,
    "phabs": _SINGLE, "zphabs": _SINGLE,
}  # fmt: skip
"""Absorption models with tables, and the largest optical depth that is looked at: nH, redshift."""

SINGLE_PRECISION = frozenset({"phabs", "zphabs"})
"""Those that XSPEC rounds by 1e-6 or so: tables of them are smooth, but not XSPEC's numbers."""

_COLUMNS = 10.0 ** np.arange(-4, 6, 0.5)  # nH in 1e22 at which the cross-section is looked for


class PlasmaTable:
    """A thermal plasma at one redshift.

    Parameters
    ----------
    definition : ModelDefinition
        One of `PLASMAS`.
    edges : ndarray, shape (n + 1,)
    redshift : float
    settings : ModelSettings

    Raises
    ------
    MissingDataError
        AtomDB is not installed.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        edges: np.ndarray,
        redshift: float,
        settings: ModelSettings,
    ) -> None:
        self._abundances = PLASMAS[definition.name]
        prefix = find_atomdb(settings)
        origin = {
            **_origin(definition, settings.abund), "redshift": float(redshift),
            "atomdb": [content_hash(path) for path in atomdb_files(prefix)],
        }  # fmt: skip
        arrays = stored_table(origin, edges, lambda: _plasma(definition, edges, redshift, settings))
        self._nodes = arrays["kT"]
        self._spectra = arrays["spectra"]

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Return photons/cm2/s, shape (b, n).

        Parameters
        ----------
        rows : ndarray, shape (b, p)
            kT in keV, within the temperatures of AtomDB, and the abundances.
        norms : ndarray, shape (b,), optional
        """
        nodes, terms = self._nodes, 1 + self._abundances
        kt = rows[:, 0]
        node = np.searchsorted(nodes, kt, side="right") - 1
        fraction = (kt - nodes[node]) / (nodes[node + 1] - nodes[node])
        content = np.empty((len(rows), 2, terms))
        content[:, :, 0] = 1.0
        content[:, :, 1:] = rows[:, None, 1:terms]
        content[:, 0] *= (1.0 - fraction)[:, None]
        content[:, 1] *= fraction[:, None]
        if norms is not None:
            content *= norms[:, None, None]
        first = int(node.min())
        used = int(node.max()) + 2 - first
        spectra = self._spectra[first * terms : (first + used) * terms]
        if used == 2:
            return content.reshape(len(rows), -1) @ spectra
        weights = np.zeros((len(rows), used, terms))
        walker = np.arange(len(rows))
        weights[walker, node - first] = content[:, 0]
        weights[walker, node - first + 1] = content[:, 1]
        return weights.reshape(len(rows), -1) @ spectra

    def covers(self, kt: np.ndarray) -> np.ndarray:
        """Tell which temperatures lie within the table."""
        inside: np.ndarray = (kt >= self._nodes[0]) & (kt < self._nodes[-1])
        return inside


class AbsorptionTable:
    """An absorption model, exp(-nH sigma), at one redshift."""

    def __init__(
        self,
        definition: ModelDefinition,
        edges: np.ndarray,
        redshift: float,
        settings: ModelSettings,
    ) -> None:
        origin = {
            **_origin(definition, settings.abund), "redshift": float(redshift),
            "cross_sections": settings.xsect,
        }  # fmt: skip
        arrays = stored_table(
            origin, edges, lambda: _absorption(definition, edges, redshift, settings)
        )
        self._minus_sigma = -arrays["sigma"]

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None = None) -> np.ndarray:
        """Return the transmission, shape (b, n), of rows (b, p) whose first is nH."""
        del norms
        depth = rows[:, :1] * self._minus_sigma
        np.exp(depth, out=depth)
        return depth


def table_temperatures(settings: ModelSettings) -> np.ndarray:
    """Return the temperatures of AtomDB in keV, ascending.

    The file has them in single precision: as such they are where the library's
    interpolation bends.

    Raises
    ------
    MissingDataError
        AtomDB is not installed.
    InputError
        Its file is damaged.
    """
    path = atomdb_files(find_atomdb(settings))[1]
    try:
        nodes = np.array(fits.getdata(path, "PARAMETERS")["kT"], dtype=np.float64)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(path, f"is damaged ({error})", "install it again") from None
    if nodes.size < 2 or not (np.diff(nodes) > 0).all():
        raise InputError(path, "has no ascending temperatures", "install it again")
    return nodes


def _origin(definition: ModelDefinition, abundances: str) -> dict[str, Any]:
    return {
        "model": definition.name, "library": installation().version, "abundances": abundances,
    }  # fmt: skip


def _plasma(
    definition: ModelDefinition, edges: np.ndarray, redshift: float, settings: ModelSettings
) -> Arrays:
    """Return the nodes (k,) and spectra (k terms, n): no metals, then what each adds."""
    nodes = _nodes_around(definition.parameters[0], table_temperatures(settings))
    evaluate = _at(definition, edges, settings)
    spectra = np.empty((nodes.size, 1 + PLASMAS[definition.name], edges.size - 1))
    for kt, terms in zip(nodes, spectra, strict=True):
        _fill(terms, evaluate, float(kt), redshift)
    return {"kT": nodes, "spectra": spectra.reshape(-1, edges.size - 1)}


def _nodes_around(parameter: ParameterDefinition, nodes: np.ndarray) -> np.ndarray:
    """Return the temperatures that enclose the limits of kT, without AtomDB's last.

    At that one the library crashes; the limits end below the last but one.
    """
    first = max(int(np.searchsorted(nodes, parameter.hard_min, side="right")) - 1, 0)
    last = int(np.searchsorted(nodes, parameter.hard_max, side="right"))
    return nodes[first : min(last, nodes.size - 2) + 1].copy()


_Evaluate = Callable[[list[float]], np.ndarray]


def _fill(terms: np.ndarray, evaluate: _Evaluate, kt: float, redshift: float) -> None:
    """Write the spectrum without metals (or helium), then what each adds at solar abundance."""
    none = [0.0] * (len(terms) - 1)
    terms[0] = evaluate([kt, *none, redshift])
    for j in range(len(none)):
        one = [*none[:j], 1.0, *none[j + 1 :]]
        terms[1 + j] = evaluate([kt, *one, redshift]) - terms[0]


def _absorption(
    definition: ModelDefinition, edges: np.ndarray, redshift: float, settings: ModelSettings
) -> Arrays:
    """Return sigma (n,) in 1e-22 cm2, from the column that measures it best in each bin."""
    evaluate = _at(definition, edges, settings)
    sigma = np.zeros(edges.size - 1)
    shifts = [redshift] if len(definition.parameters) > 1 else []
    largest = definition.parameters[0].hard_max
    for column in (c for c in _COLUMNS if c <= largest):
        with np.errstate(divide="ignore"):
            depth = -np.log(evaluate([float(column), *shifts]))
        sigma = np.where(depth < ABSORPTION[definition.name], depth / column, sigma)
    return {"sigma": sigma}


def _at(definition: ModelDefinition, edges: np.ndarray, settings: ModelSettings) -> _Evaluate:
    library = xspec_library()

    def evaluate(values: list[float]) -> np.ndarray:
        return library.evaluate(definition, edges, np.array(values), settings, within_limits=False)

    return evaluate
