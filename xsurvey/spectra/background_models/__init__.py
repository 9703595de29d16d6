"""Background models in detector channels, fitted jointly with the source's."""

from xsurvey.spectra.background_models.analytic import AnalyticBackground
from xsurvey.spectra.background_models.base import BackgroundModel
from xsurvey.spectra.background_models.joint import ModelledBackground
from xsurvey.spectra.background_models.maximum_likelihood import BackgroundFit, fit_background
from xsurvey.spectra.background_models.pca import PcaBackground, PcaModel, train_pca
from xsurvey.spectra.background_models.pca_fit import PcaFit, fit_pca

__all__ = [
    "AnalyticBackground", "BackgroundFit", "BackgroundModel", "ModelledBackground",
    "PcaBackground", "PcaFit", "PcaModel", "fit_background", "fit_pca", "train_pca",
]  # fmt: skip
