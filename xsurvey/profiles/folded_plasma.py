r"""Plasmas folded through a response once, and evaluated by interpolation, exactly.

At one redshift a plasma is linear in kT between AtomDB's temperatures and linear in the abundance
(`xsurvey.spectra.models.tables`); folding and a fixed absorption keep it so. So expected counts of
all temperatures and abundances follow from those at the tabulated temperatures without and with
metals, and an evaluation costs one short product, no fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.tables import table_temperatures


@dataclass(frozen=True)
class TemperatureNodes:
    """Temperatures between which plasmas are linear.

    Attributes
    ----------
    kt : ndarray, shape (n,)
        keV, ascending.
    """

    kt: np.ndarray

    def weights(self, kt: np.ndarray) -> np.ndarray:
        """Return the weights of the nodes, shape (..., n), for temperatures of any shape.

        Rows of temperatures outside of the nodes are NaN.
        """
        kt = np.asarray(kt, float)
        node = np.clip(np.searchsorted(self.kt, kt, side="right") - 1, 0, len(self.kt) - 2)
        fraction = (kt - self.kt[node]) / (self.kt[node + 1] - self.kt[node])
        outside = ~((kt >= self.kt[0]) & (kt <= self.kt[-1]))
        fraction = np.where(outside, np.nan, fraction)
        weights = np.zeros((*kt.shape, len(self.kt)))
        np.put_along_axis(weights, node[..., None], 1 - fraction[..., None], axis=-1)
        np.put_along_axis(weights, node[..., None] + 1, fraction[..., None], axis=-1)
        return weights


def nodes_between(low: float, high: float, settings: ModelSettings) -> TemperatureNodes:
    """Return AtomDB's temperatures that enclose an interval, keV."""
    kt = table_temperatures(settings)[:-1]  # at the last one the library ends
    first = max(int(np.searchsorted(kt, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(kt, high, side="left")), len(kt) - 1)
    return TemperatureNodes(kt[first : max(last, first + 1) + 1].copy())


class Absorbed:
    """Absorbed and bare models on the energies of spectra; equal energies share evaluators."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._evaluators: dict[tuple[str, bytes], ModelEvaluator] = {}
        self._fluxes: dict[tuple[object, ...], np.ndarray] = {}

    def folded(self, dataset: Dataset, expression: str, rows: np.ndarray) -> np.ndarray:
        """Return expected counts, shape (b, m), of a model at parameters (b, p)."""
        edges = dataset.folding.edges
        key = (expression, edges.tobytes(), rows.tobytes())
        if key not in self._fluxes:
            evaluator = self._evaluators.get(key[:2])
            if evaluator is None:
                evaluator = ModelEvaluator(parse_expression(expression), edges, self._settings)
                self._evaluators[key[:2]] = evaluator
            self._fluxes[key] = evaluator(rows)
        return dataset.folding.fold(self._fluxes[key])


def folded_plasma(
    models: Absorbed, dataset: Dataset, nodes: TemperatureNodes, redshift: float,
    nh: float | None, abundances: Sequence[float] = (0.0, 1.0),
) -> np.ndarray:  # fmt: skip
    """Return the expected counts of a plasma of norm one at the nodes.

    Parameters
    ----------
    models : Absorbed
    dataset : Dataset
    nodes : TemperatureNodes
        n of them.
    redshift : float
    nh : float or None
        1e22 cm-2; None for no absorption.
    abundances : sequence of float

    Returns
    -------
    ndarray, shape (a, n, m)
    """
    n = len(nodes.kt)
    rows = np.array(
        [[kt, z, redshift, 1.0] for z in abundances for kt in nodes.kt], dtype=np.float64
    )
    expression = "apec"
    if nh is not None:
        expression = "tbabs*apec"
        rows = np.column_stack((np.full(len(rows), nh), rows))
    return models.folded(dataset, expression, rows).reshape(len(abundances), n, -1)
