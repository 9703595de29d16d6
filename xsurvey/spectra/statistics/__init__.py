"""Statistics of counts under a model, bin by bin."""

from xsurvey.spectra.statistics.base import Statistic
from xsurvey.spectra.statistics.cash import CStat, cstat_terms
from xsurvey.spectra.statistics.chi2 import ChiSquare, chi2_terms
from xsurvey.spectra.statistics.wstat import WStat, wstat_terms

__all__ = [
    "CStat", "ChiSquare", "Statistic", "WStat", "chi2_terms", "cstat_terms", "wstat_terms",
]  # fmt: skip
