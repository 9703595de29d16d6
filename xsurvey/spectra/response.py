"""Responses folded: from photons at the telescope to counts in groups of channels.

The layout follows the density of the matrix: a CCD with a long redistribution tail (more than
half of the matrix filled) is fastest as a dense product, a narrow one as sparse rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from xsurvey.errors import InputError
from xsurvey.io.ogip.energies import match_grids
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.spectra.block_product import BlockProduct
from xsurvey.spectra.grouping import Grouping

_DENSE_ABOVE = 0.15
"""Part of the matrix that is filled, above which the dense product is the faster one."""


@dataclass(frozen=True)
class Response:
    """Effective area times redistribution.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Energies of the model's bins, keV.
    matrix : csr_array, shape (n, c)
        cm2 times probability.
    area : ndarray, shape (n,)
        Effective area, cm2: for plots and weights.
    redistribution : RedistributionMatrix
        As it was read: it knows the channels.
    """

    edges: np.ndarray
    matrix: csr_array
    area: np.ndarray
    redistribution: RedistributionMatrix


def build_response(rmf: RedistributionMatrix, arf: AncillaryResponse | None) -> Response:
    """Join a redistribution matrix and an effective area.

    Raises
    ------
    InputError
        The energies of the two differ, the matrix already includes the effective area, or it does
        not and there is no ARF.
    """
    edges = np.append(rmf.energy_low, rmf.energy_high[-1])
    if rmf.includes_area:
        if arf is not None:
            raise InputError(
                arf.path, f"would be applied twice: {rmf.path} includes the effective area",
                "leave the ARF out (--arf none)",
            )  # fmt: skip
        area = np.asarray(rmf.matrix.sum(axis=1)).ravel()
        matrix = rmf.matrix
    else:
        if arf is None:
            raise InputError(
                rmf.path, "is a redistribution matrix and needs an effective area",
                "give the ARF (--arf)",
            )  # fmt: skip
        match_grids(arf, rmf)
        area = np.asarray(arf.effective_area, float)
        matrix = csr_array(rmf.matrix.multiply(area[:, None]))
    return Response(edges, matrix, area, rmf)


class FoldingMatrix:
    """A response cut to the groups that are fitted and the energies that reach them.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Energies of the model's bins, keV.
    groups : int
        Number of groups of channels, m.
    """

    def __init__(
        self, response: Response, positions: np.ndarray, grouping: Grouping,
        scale: np.ndarray | float = 1.0, whole_range: bool = False,
    ) -> None:  # fmt: skip
        """Cut a response.

        Parameters
        ----------
        response : Response
        positions : ndarray of int, shape (c,)
            Column of the response's matrix of each channel of the spectrum.
        grouping : Grouping
            Of the spectrum's channels.
        scale : ndarray, shape (c,), or float
            Factor of each channel: exposure times AREASCAL makes counts of rates.
        whole_range : bool
            Keep all energies, for models that mix them (convolutions).

        Raises
        ------
        InputError
            No photon reaches the groups.
        """
        columns = response.matrix[:, positions].multiply(
            np.broadcast_to(np.asarray(scale, float), (len(positions),))[None, :]
        )
        summed = csr_array(csr_array(columns) @ _summation(grouping, len(positions)))
        summed.eliminate_zeros()
        used = np.flatnonzero(np.diff(summed.indptr))
        if not len(used):
            raise InputError(
                "energy", "no photon reaches these channels through the response",
                "widen the energy range or give the right response",
            )  # fmt: skip
        first, last = (0, summed.shape[0]) if whole_range else (int(used[0]), int(used[-1]) + 1)
        cut = summed[first:last]
        self.edges = np.ascontiguousarray(response.edges[first : last + 1])
        self.groups = cut.shape[1]
        self.is_dense = bool(cut.nnz > _DENSE_ABOVE * cut.shape[0] * cut.shape[1])
        self._dense = BlockProduct(cut.toarray()) if self.is_dense else None
        self._sparse = None if self.is_dense else csr_array(cut.T)

    def fold(self, flux: np.ndarray) -> np.ndarray:
        """Return expected counts.

        Parameters
        ----------
        flux : ndarray, shape (b, n)
            photon / cm2 / s in each energy bin.

        Returns
        -------
        ndarray, shape (b, m)
        """
        if self._dense is not None:
            return self._dense(flux)
        assert self._sparse is not None
        if len(flux) == 1:
            return (self._sparse @ flux[0])[None, :]
        return np.ascontiguousarray((self._sparse @ np.ascontiguousarray(flux.T)).T)


def _summation(grouping: Grouping, channels: int) -> csr_array:
    """Return the matrix that sums channels to groups, shape (channels, m)."""
    group = grouping.members(channels)
    rows = np.flatnonzero(group >= 0)
    return csr_array(
        (np.ones(len(rows)), (rows, group[rows])), shape=(channels, len(grouping.first))
    )
