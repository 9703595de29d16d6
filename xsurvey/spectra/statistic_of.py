"""The statistic that a user names, for one spectrum."""

from __future__ import annotations

import numpy as np

from xsurvey.errors import InputError
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.statistics.base import Statistic
from xsurvey.spectra.statistics.cash import CStat
from xsurvey.spectra.statistics.chi2 import ChiSquare
from xsurvey.spectra.statistics.wstat import WStat


def make_statistic(dataset: Dataset, name: str, variance: str, subtract: bool) -> Statistic:
    """Return the statistic of a spectrum.

    Parameters
    ----------
    dataset : Dataset
    name : {'cstat', 'wstat', 'chi2'}
    variance : {'data', 'gehrels', 'model', 'file'}
        Of chi2. Counts that are not Poisson distributed have what the file gives, whatever it is.
    subtract : bool
        Whether chi2 subtracts the background.

    Raises
    ------
    InputError
        The statistic needs a background, or errors of the file, that there are not, or the errors
        are zero.
    """
    background = dataset.background
    if name == "cstat":
        return CStat(dataset.counts)
    if (name == "wstat" or subtract) and background is None:
        raise InputError(dataset.name, "has no background", "give it with --background")
    if name == "wstat":
        assert background is not None
        return WStat(dataset.counts, background.counts, dataset.time, background.time)
    subtracted = background if subtract else None
    error = dataset.statistical_error
    if given := variance == "file" or not dataset.poisson:
        if error is None:
            raise InputError(
                dataset.name, "gives no errors (STAT_ERR) for chi2",
                "choose another --chi2-variance",
            )  # fmt: skip
        if not np.all(error > 0):
            raise InputError(
                dataset.name, f"states errors (STAT_ERR) of zero in {np.sum(~(error > 0))} of "
                f"{len(error)} bins, for which chi2 has no weight",
                "group it (--group min20), or use cstat or wstat",
            )  # fmt: skip
    return ChiSquare(
        dataset.counts,
        subtracted.counts if subtracted is not None else None,
        dataset.background_scale if subtracted is not None else 1.0,
        "given" if given else variance,  # type: ignore[arg-type]
        error=error,
        background_error=subtracted.error if subtracted is not None else None,
        systematic=dataset.systematic_error,
    )  # fmt: skip


def statistic_notes(dataset: Dataset, statistic: Statistic) -> list[str]:
    """Return what a reader of the result must know of a statistic's use for these data.

    Parameters
    ----------
    dataset : Dataset
    statistic : Statistic
        As `make_statistic` returns it.
    """
    notes = []
    if isinstance(statistic, WStat) and statistic.empty_background_bins:
        notes.append(
            f"{dataset.name}: {statistic.empty_background_bins} of {statistic.bins} bins have no "
            "background counts, where wstat is biased; --group bmin1 (better bmin5) mends that"
        )
    if isinstance(statistic, ChiSquare):
        if statistic.variance == "given":
            notes.append(f"{dataset.name}: chi2 uses the errors that the file gives (STAT_ERR)")
        elif dataset.statistical_error is not None:
            notes.append(
                f"{dataset.name}: the errors that the file gives (STAT_ERR) are not used; "
                "--chi2-variance file uses them"
            )
        if statistic.variance != "given" and statistic.zero_count_bins:
            notes.append(
                f"{dataset.name}: {statistic.zero_count_bins} of {statistic.bins} bins have no "
                "counts, where chi2 has no right variance; group (--group min20), or use cstat or "
                "wstat"
            )
    return notes
