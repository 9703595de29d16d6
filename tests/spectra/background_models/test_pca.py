from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, OutputError, ParameterError
from xsurvey.spectra.background_models import PcaBackground, fit_pca, train_pca
from xsurvey.spectra.statistics import CStat

N = 200
X = np.arange(N) / N


def truth(rng: np.random.Generator, spectra: int, depth: float = 60.0) -> np.ndarray:
    """Return expected counts of backgrounds with two ways to differ and lines of their own."""
    slope, bump = rng.normal(0, 0.4, (spectra, 1)), rng.normal(0, 0.3, (spectra, 1))
    level = depth * np.exp(rng.normal(0, 0.3, (spectra, 1)))
    lines = 1 + 2 * np.exp(-0.5 * ((X - 0.3) / 0.02) ** 2)
    return level * lines * np.exp(-X + slope * (X - 0.5) + bump * np.exp(-(((X - 0.7) / 0.1) ** 2)))


@pytest.fixture(scope="module")
def trained() -> PcaBackground:
    rng = np.random.default_rng(30)
    return train_pca(rng.poisson(truth(rng, 80)), 6)


def test_components_are_orthonormal_and_in_order(trained: PcaBackground) -> None:
    np.testing.assert_allclose(trained.components @ trained.components.T, np.eye(6), atol=1e-12)
    assert (np.diff(trained.deviations) <= 0).all()
    # level, slope and bump are far above the noise, which spreads over all the others
    assert trained.deviations[2] > 1.3 * trained.deviations[3]


def test_training_spectra_are_their_mean_and_components() -> None:
    rng = np.random.default_rng(31)
    spectra = rng.poisson(truth(rng, 5))
    pca = train_pca(spectra, 10)
    assert len(pca.components) == 4
    y = np.log10(spectra + 1) - pca.mean
    scores = y @ pca.components.T / pca.deviations
    parameters = np.column_stack((np.zeros(5), scores))
    counts = pca.model(4).evaluate(parameters)
    np.testing.assert_allclose(counts, np.maximum(spectra, 0.1), rtol=1e-9)
    np.testing.assert_allclose((scores**2).sum(0) / 4, 1)


@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_an_unseen_background_is_recovered(trained: PcaBackground, scale: float) -> None:
    rng = np.random.default_rng(32)
    for _ in range(3):
        expected = scale * truth(rng, 1)[0]
        counts = rng.poisson(expected)
        fit = fit_pca(trained, counts)
        assert fit.converged
        model = fit.model.evaluate(fit.parameters)[0]
        assert model.sum() == pytest.approx(counts.sum(), rel=0.01)
        # the truth is about as good; shape to a tenth in blocks of 40 channels, noise allowing
        assert fit.statistic < float(CStat(counts).total(expected)) + 10
        blocks = expected.reshape(5, 40).sum(1)
        offset = (model.reshape(5, 40).sum(1) - blocks) / np.hypot(np.sqrt(blocks), 0.02 * blocks)
        assert np.abs(offset).max() < 3.5


def test_aic_decides_on_components(trained: PcaBackground) -> None:
    rng = np.random.default_rng(33)
    fit = fit_pca(trained, rng.poisson(truth(rng, 1)[0]))
    assert 1 <= fit.model.components <= 6
    assert fit.aic == min(aic for _, lines, aic in fit.history if lines == fit.model.lines)
    assert fit.aic == pytest.approx(fit.statistic + 2 * fit.parameters.size)
    counts = np.full(N, 0.0)
    counts[::40] = 1
    assert fit_pca(trained, counts).model.names == ("lognorm",)


def test_a_line_that_no_training_spectrum_has_is_added(trained: PcaBackground) -> None:
    rng = np.random.default_rng(34)
    expected = truth(rng, 1)[0]
    profile = np.exp(-0.5 * ((np.arange(N) - 120) / 2.5) ** 2)
    fit = fit_pca(trained, rng.poisson(expected + 400 * profile / profile.sum()))
    names = dict(zip(fit.model.names, fit.parameters, strict=True))
    errors = dict(zip(fit.model.names, np.sqrt(np.diag(fit.covariance)), strict=True))
    assert names["line1.channel"] == pytest.approx(120, abs=4 * errors["line1.channel"])
    assert names["line1.sigma"] == pytest.approx(2.5, abs=4 * errors["line1.sigma"])
    assert names["line1.logcounts"] == pytest.approx(
        np.log10(400), abs=4 * errors["line1.logcounts"]
    )


@pytest.mark.parametrize("scale", [1.0, 0.02])
def test_noise_is_not_taken_for_lines(trained: PcaBackground, scale: float) -> None:
    rng = np.random.default_rng(40)
    fits = [fit_pca(trained, rng.poisson(scale * e)) for e in truth(rng, 25)]
    assert sum(f.model.lines > 0 for f in fits) <= 2


def test_covariance_is_the_scatter_of_fits(trained: PcaBackground) -> None:
    rng = np.random.default_rng(35)
    model = trained.model(2)
    expected = model.evaluate(np.array([0.1, 0.5, -0.5]))[0]
    from xsurvey.spectra.background_models.maximum_likelihood import fit_background

    everything = np.ones(N, bool)
    fits = [fit_background(model, rng.poisson(expected), np.zeros(3), everything)
            for _ in range(150)]  # fmt: skip
    scatter = np.cov([f.parameters for f in fits], rowvar=False)
    ratio = np.sqrt(np.diag(scatter) / np.diag(fits[0].covariance))
    np.testing.assert_allclose(ratio, 1, atol=0.2)
    pulls = (np.mean([f.parameters for f in fits], 0) - [0.1, 0.5, -0.5]) / np.sqrt(
        np.diag(scatter) / 150
    )
    assert np.abs(pulls).max() < 3.5


def test_channels_without_training_counts_may_have_some(trained: PcaBackground) -> None:
    spectra = np.random.default_rng(36).poisson(20.0, (6, 10))
    spectra[:, 3] = 0
    counts = np.full(10, 20.0)
    counts[3] = 1
    fit = fit_pca(train_pca(spectra, 2), counts, most_lines=0)
    assert np.isfinite(fit.statistic)
    assert (fit.model.evaluate(fit.parameters) > 0).all()


def test_channels_left_out_do_not_count(trained: PcaBackground) -> None:
    rng = np.random.default_rng(37)
    counts = rng.poisson(truth(rng, 1)[0]).astype(float)
    noticed = np.ones(N, bool)
    noticed[50:80] = False
    spoiled = counts.copy()
    spoiled[50:80] = 1e5
    first, second = (fit_pca(trained, c, noticed) for c in (counts, spoiled))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert first.channels == 170


def test_smoothing_takes_the_bias_out_of_sparse_training_spectra() -> None:
    rng = np.random.default_rng(38)
    expected = 0.5 * np.exp(-2 * X)
    spectra = rng.poisson(expected, (50, N))
    shape = [train_pca(spectra, 0, s).model(0).evaluate(np.zeros(1))[0] for s in (0.0, 10.0)]
    plain, smooth = (np.abs(s / s.sum() - expected / expected.sum()).sum() for s in shape)
    assert smooth < 0.5 * plain


def test_files_hold_everything(trained: PcaBackground, tmp_path: Path) -> None:
    path = tmp_path / "background.fits"
    trained.save(path, {"FILTER": "open"})
    again = PcaBackground.load(path)
    for name in ("channels", "mean", "components", "deviations"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trained, name))
    assert again.spectra == 80
    assert fits.getval(path, "FILTER", ext=1) == "open"
    first = path.read_bytes()
    trained.save(path, {"FILTER": "open"})
    assert path.read_bytes() == first
    one = train_pca(np.random.default_rng(39).poisson(9.0, (2, 5)), 1)
    one.save(path)
    np.testing.assert_array_equal(PcaBackground.load(path).components, one.components)


def test_other_channels_are_refused(trained: PcaBackground) -> None:
    trained.check_channels(np.arange(N), "x.pha")
    with pytest.raises(InputError, match=r"x\.pha.*channels"):
        trained.check_channels(np.arange(N) + 1, "x.pha")
    with pytest.raises(ParameterError, match="bins"):
        fit_pca(trained, np.ones(N + 1))


def test_damaged_files_are_refused(trained: PcaBackground, tmp_path: Path) -> None:
    path = tmp_path / "background.fits"
    with pytest.raises(InputError, match="exist"):
        PcaBackground.load(path)
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    with pytest.raises(InputError, match="PCA_BACKGROUND"):
        PcaBackground.load(path)
    for change in ("nan", "deviations", "spectra"):
        trained.save(path)
        with fits.open(path, mode="update") as hdus:
            if change == "nan":
                hdus[1].data["MEAN"][3] = np.nan
            elif change == "deviations":
                hdus[2].data = hdus[2].data[:2]
            else:
                del hdus[1].header["NSPECTRA"]
        with pytest.raises(InputError, match=r"background\.fits"):
            PcaBackground.load(path)
    with pytest.raises(OutputError):
        trained.save(tmp_path / "none" / "background.fits")


@pytest.mark.parametrize(
    ("spectra", "word"),
    [
        (np.ones((1, 5)), "less than two"),
        (np.ones(5), "less than two"),
        ([[1, -1], [1, 1]], "negative"),
        ([[1, np.nan], [1, 1]], "finite"),
        ([[1, 1], [0, 0]], "row 1"),
    ],
)
def test_impossible_training_spectra_are_refused(spectra: object, word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        train_pca(np.asarray(spectra))


def test_equal_training_spectra_have_no_components() -> None:
    pca = train_pca(np.full((4, 6), 7.0))
    assert len(pca.components) == 0
    fit = fit_pca(pca, np.full(6, 14.0), most_lines=0)
    assert fit.parameters[0] == pytest.approx(np.log10(2))


def test_an_empty_background_is_refused(trained: PcaBackground) -> None:
    with pytest.raises(ParameterError, match="zero"):
        fit_pca(trained, np.zeros(N))
