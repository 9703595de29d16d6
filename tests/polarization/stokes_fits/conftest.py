"""A polarimeter: two units of 80 channels with constant area and modulation, their spectra."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import ndtr

from xsurvey.io.ogip.stokes import STOKES, Stokes, stokes_keyword
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.io.ogip.write_stokes import write_stokes_pha
from xsurvey.polarization.spectra.polarized_terms import parse_polarized
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_likelihood import StokesAssembly, assemble_stokes
from xsurvey.polarization.spectra.stokes_model import PolarizedSpectrum
from xsurvey.polarization.spectra.stokes_units import StokesSpectrum, sort_units
from xsurvey.spectra.models.settings import ModelSettings

EDGES = np.linspace(1.0, 9.0, 81)
AREA, MODULATION, EXPOSURE = 20.0, 0.4, 1e5
UNITS = ("DU1", "DU2")
POLARIZED = (0.3, -62.0, 2.0, 0.01)
"""Degree, angle, index and norm of ``polconst*powerlaw``: about 18 000 counts a unit."""
BACKSCAL = 10.0


@pytest.fixture(scope="session", autouse=True)
def library() -> None:
    """Skip where XSPEC's models are not installed."""
    if importlib.util.find_spec("xspectrampoline") is None:
        pytest.skip("XSPEC's model library is not installed (pip install xspectrampoline)")


def make_rmf(width: float = 0.15) -> RedistributionMatrix:
    centre = 0.5 * (EDGES[1:] + EDGES[:-1])
    matrix = np.diff(ndtr((EDGES[None, :] - centre[:, None]) / width), axis=1)
    matrix[matrix < 1e-6] = 0.0
    return RedistributionMatrix(
        Path("made.rmf"), EDGES[:-1], EDGES[1:], csr_array(matrix), np.arange(80), EDGES[:-1],
        EDGES[1:],
    )  # fmt: skip


def make_area(value: float | np.ndarray, kind: str = "", **header: object) -> AncillaryResponse:
    values = np.broadcast_to(np.asarray(value, float), 80).copy()
    keywords = dict(header) | ({"IRFTYPE": kind} if kind else {})
    return AncillaryResponse(
        Path(f"made.{kind or 'arf'}"), EDGES[:-1], EDGES[1:], values, header=keywords
    )


def make_pha(
    stokes: Stokes, counts: np.ndarray, error: np.ndarray, unit: str = "DU1", **fields: object
) -> PhaSpectrum:
    header = {"XFLT0001": stokes_keyword(stokes), "DETNAM": unit, "TSTART": 0.0, "TSTOP": 2e5}
    header |= fields.pop("header", {})  # type: ignore[arg-type]
    number = len(counts)
    given: dict[str, object] = {
        "path": Path(f"{unit}_{stokes}.pha"), "channels": np.arange(number), "first_channel": 0,
        "detector_channels": number, "counts": np.asarray(counts, float), "exposure": EXPOSURE,
        "backscal": np.ones(number), "areascal": np.ones(number), "poisson": stokes == "I",
        "statistical_error": np.asarray(error, float), "systematic_error": np.zeros(number),
        "quality": np.zeros(number, int), "grouping": np.zeros(number, int), "header": header,
    } | fields  # fmt: skip
    return PhaSpectrum(**given)  # type: ignore[arg-type]


def expected_stokes(text: str, values: Sequence[float]) -> np.ndarray:
    """Counts of I, Q and U of a unit, (3, 80), folded by brute force."""
    flux = PolarizedSpectrum(parse_polarized(text), EDGES, ModelSettings())
    i, q, u = flux(np.asarray(values, float)[None, :])[:, 0]
    fold = make_rmf().matrix.toarray() * AREA * EXPOSURE
    return np.stack([i @ fold, MODULATION * q @ fold, MODULATION * u @ fold])


def drawn_counts(expected: np.ndarray, generator: np.random.Generator) -> dict[Stokes, tuple]:
    """Sums over simulated events: counts and errors of I, Q and U.

    Angles of the photoelectrons have the density 1 + m cos 2 (angle - that of the polarization).
    """
    number = generator.poisson(expected[0])
    channel = np.repeat(np.arange(len(number)), number)
    modulation = np.hypot(expected[1], expected[2]) / expected[0]
    angle = 0.5 * np.arctan2(expected[2], expected[1])
    phi = np.empty(len(channel))
    left = np.arange(len(channel))
    while len(left):
        trial = generator.uniform(0, np.pi, len(left))
        m, centre = modulation[channel[left]], angle[channel[left]]
        kept = generator.uniform(0, 1 + m) < 1 + m * np.cos(2 * (trial - centre))
        phi[left[kept]] = trial[kept]
        left = left[~kept]

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(channel, weights, len(number))

    q, u = 2 * np.cos(2 * phi), 2 * np.sin(2 * phi)
    return {
        "I": (number.astype(float), np.sqrt(number)), "Q": (total(q), np.sqrt(total(q**2))),
        "U": (total(u), np.sqrt(total(u**2))),
    }  # fmt: skip


def spectra_of(
    counts: dict[Stokes, tuple], unit: str = "DU1", **fields: object
) -> list[StokesSpectrum]:
    rmf, arf, mrf = make_rmf(), make_area(AREA), make_area(AREA * MODULATION, "mrf")
    return [
        StokesSpectrum(make_pha(s, *counts[s], unit, **fields), None, arf if s == "I" else mrf, rmf)
        for s in STOKES
    ]


def exact(text: str, values: Sequence[float], unit: str = "DU1") -> list[StokesSpectrum]:
    """Spectra that are what is expected, with errors of as many events."""
    i, q, u = expected_stokes(text, values)
    error = np.sqrt(np.maximum(i, 1e-9))
    counts: dict[Stokes, tuple] = {
        "I": (i, error), "Q": (q, np.sqrt(2) * error), "U": (u, np.sqrt(2) * error),
    }  # fmt: skip
    spectra = spectra_of(counts, unit)
    return [replace(s, spectrum=replace(s.spectrum, poisson=False)) for s in spectra]


def assembled(text: str, spectra: Sequence[StokesSpectrum], **settings: object) -> StokesAssembly:
    parameters = SpectropolarimetryParameters(model=text, **settings)  # type: ignore[arg-type]
    return assemble_stokes(parse_polarized(text), ModelSettings(), sort_units(spectra), parameters)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a function that writes the spectra of both units, with backgrounds and responses."""
    write_rmf(tmp_path / "made.rmf", make_rmf())
    write_arf(tmp_path / "made.arf", make_area(AREA, "arf"))
    write_arf(tmp_path / "made.mrf", make_area(AREA * MODULATION, "mrf"))

    def make(seed: int = 1, **changes: object) -> list[Path]:
        generator = np.random.default_rng(seed)
        source = expected_stokes("polconst*powerlaw", POLARIZED)
        other = expected_stokes("polconst*powerlaw", (0.0, 0.0, 1.0, 0.001))
        written = []
        for unit in UNITS:
            own = drawn_counts(source + other, generator)
            back = drawn_counts(other * BACKSCAL, generator)
            for s in STOKES:
                name = f"{unit}_bkg_{s}.pha"
                scale = np.full(80, BACKSCAL)
                write_stokes_pha(tmp_path / name, make_pha(s, *back[s], unit, backscal=scale), s)
                fields = {
                    "background_file": name, "response_file": "made.rmf",
                    "ancillary_file": "made.arf" if s == "I" else "made.mrf",
                } | changes  # fmt: skip
                path = tmp_path / f"{unit}_{s}.pha"
                write_stokes_pha(path, make_pha(s, *own[s], unit, **fields), s)
                written.append(path)
        return written

    return make
