"""A detector of 120 channels, its spectra in memory and in files, and models on it."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import ndtr

from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.spectra.assembly import Assembly, assemble
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response

ENERGIES = np.linspace(0.3, 8.3, 161)
CHANNELS = np.linspace(0.3, 8.3, 121)
EXPOSURE = 1000.0
AREA = 200.0


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep tables of this session in a folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    pytest.MonkeyPatch().setenv("XSURVEY_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def library() -> None:
    """Skip where XSPEC's models are not installed."""
    if importlib.util.find_spec("xspectrampoline") is None:
        pytest.skip("XSPEC's model library is not installed (pip install xspectrampoline)")


def make_rmf(width: float = 0.06, first: int = 1, channels: np.ndarray = CHANNELS
             ) -> RedistributionMatrix:  # fmt: skip
    """A Gaussian of a width in keV; photons at the ends leave the detector."""
    centre = 0.5 * (ENERGIES[1:] + ENERGIES[:-1])
    below = ndtr((channels[None, :] - centre[:, None]) / width)
    matrix = np.diff(below, axis=1)
    matrix[matrix < 1e-6] = 0.0
    return RedistributionMatrix(
        Path("made.rmf"), ENERGIES[:-1], ENERGIES[1:], csr_array(matrix),
        np.arange(first, first + len(channels) - 1), channels[:-1], channels[1:],
    )  # fmt: skip


def make_arf(area: float | np.ndarray = AREA) -> AncillaryResponse:
    values = np.broadcast_to(np.asarray(area, float), len(ENERGIES) - 1).copy()
    return AncillaryResponse(Path("made.arf"), ENERGIES[:-1], ENERGIES[1:], values)


def make_pha(counts: np.ndarray | Sequence[float], **fields: object) -> PhaSpectrum:
    """A spectrum of ``counts``; ``backscal`` and ``areascal`` may be one number."""
    counts = np.asarray(counts, float)
    number = len(counts)
    given: dict[str, object] = {
        "path": Path("made.pha"), "channels": np.arange(1, number + 1), "first_channel": 1,
        "detector_channels": number, "counts": counts, "exposure": EXPOSURE,
        "backscal": 1.0, "areascal": 1.0, "systematic_error": np.zeros(number),
        "quality": np.zeros(number, int), "grouping": np.zeros(number, int),
    } | fields  # fmt: skip
    for key in ("backscal", "areascal"):
        given[key] = np.broadcast_to(np.asarray(given[key], float), number).copy()
    return PhaSpectrum(**given)  # type: ignore[arg-type]


def expected_counts(text: str, values: Sequence[float], **fields: object) -> np.ndarray:
    """Counts of a model in all channels, folded by brute force."""
    spectrum = make_pha(np.zeros(len(CHANNELS) - 1), **fields)
    flux = ModelEvaluator(parse_expression(text), ENERGIES)(np.asarray(values, float))
    return (flux * AREA) @ make_rmf().matrix.toarray() * spectrum.exposure * spectrum.areascal


def drawn(text: str, values: Sequence[float], seed: int = 1, **fields: object) -> PhaSpectrum:
    """A spectrum drawn from a model."""
    counts = np.random.default_rng(seed).poisson(expected_counts(text, values, **fields))
    return make_pha(counts, **fields)


def dataset_of(spectrum: PhaSpectrum, **options: object) -> Dataset:
    return make_dataset(spectrum, build_response(make_rmf(), make_arf()), **options)  # type: ignore[arg-type]


def assembled(
    text: str, spectra: Sequence[PhaSpectrum], backgrounds: Sequence[PhaSpectrum | None] = (),
    rule: str = "none", instruments: Sequence[str] | None = None, **settings: object,
) -> Assembly:  # fmt: skip
    """Put a joint fit together; ``settings`` are those of `SpectrumFitParameters`."""
    others = backgrounds or [None] * len(spectra)
    datasets = [
        replace(dataset_of(s, background=b, rule=rule), name=f"s{number}")
        for number, (s, b) in enumerate(zip(spectra, others, strict=True), start=1)
    ]
    parameters = SpectrumFitParameters(model=text, **settings)  # type: ignore[arg-type]
    return assemble(parse_expression(text), ModelSettings(), datasets, parameters, instruments)


def likelihood_of(text: str, *spectra: PhaSpectrum, **settings: object) -> SpectralLikelihood:
    return assembled(text, spectra, **settings).likelihood  # type: ignore[arg-type]


POWER_LAW = (1.8, 0.02)
"""Index and norm of a bright source."""
BACKGROUND = (0.5, 0.02)
FAINT, FAINT_BACKGROUND = (1.8, 0.004), (0.5, 0.0004)
"""Those of the spectra in `files`: 2500 counts, and bins without counts in both."""


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a source with its background and responses, and gives its path.

    Keywords are fields of the source spectrum.
    """
    write_rmf(tmp_path / "made.rmf", make_rmf())
    write_arf(tmp_path / "made.arf", make_arf())
    background = drawn("powerlaw", FAINT_BACKGROUND, 2, backscal=4.0)
    write_pha(tmp_path / "back.pha", background)

    def make(name: str = "source.pha", **fields: object) -> Path:
        source = expected_counts("powerlaw", FAINT)
        below = expected_counts("powerlaw", FAINT_BACKGROUND) / 4
        counts = np.random.default_rng(3).poisson(source + below)
        given = {
            "counts": counts, "background_file": "back.pha", "response_file": "made.rmf",
            "ancillary_file": "made.arf",
        } | fields  # fmt: skip
        write_pha(tmp_path / name, make_pha(**given))  # type: ignore[arg-type]
        return tmp_path / name

    return make
