"""Realisations of simulated clusters: their rows, and what is said of them together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import clusters
from benchmarks.cluster_analysis import pulls
from benchmarks.cluster_observation import SECTOR, model_of, r200, sky_ring
from benchmarks.cluster_summary import summary
from benchmarks.cluster_truths import BIN, bin_edges
from xsurvey.profiles.spectral_profile import Measured

ANNULI, BINS, RADII = 6, 40, 5


def row(index: int, generator: np.random.Generator) -> dict[str, Any]:
    """Return a realisation whose errors are Gaussian and known."""
    spectra: dict[str, Any] = {"gain": [0.0] * (ANNULI - 1) + [12.0 if index == 0 else 1.0]}
    for name in ("kt", "abundance", "norm"):
        pull = generator.standard_normal(ANNULI)
        spectra[name] = pull.tolist()
        spectra[f"{name}_inside"] = [bool(abs(p) < 1) for p in pull]
        spectra[f"{name}_ratio"] = (1 + 0.1 * pull).tolist()
    spectra["kt_inside"][0] = None
    halo = {"inside": bool(generator.random() < 0.683), "pull": float(generator.standard_normal())}
    cluster = {
        "brightness": generator.standard_normal(BINS).tolist(), "spectra": spectra,
        "density": {"probability": generator.random(RADII).tolist(), "ratio": [1.0] * RADII},
        "excess": float(generator.standard_normal()), "excess_sigma": 2.0,
        "mass": dict.fromkeys(("m500", "r500", "m200", "c200"), halo),
        "sectors": {"sigma": -0.5, "largest_other": 3.2 if index < 4 else 1.0},
        "high": {"excess": 0.5, "spectra": spectra}, "low": {"excess": 1.5, "spectra": spectra},
    }  # fmt: skip
    return {
        "index": index, "failed": {}, "cluster": cluster, "seconds": {"cluster": 2.0},
        "sector": {"sigma": 4.0, "largest_other": 5.0 if index < 20 else 1.0},
        "empty": [3.5 if index == 0 else 0.0] * 2,
        "isothermal": {"gain": [0.0] * ANNULI},
    }  # fmt: skip


def test_summary() -> None:
    generator = np.random.default_rng(1)
    found = summary([row(i, generator) for i in range(100)])
    assert found["pooled"]["brightness"]["inside"] == pytest.approx(0.683, abs=0.03)
    assert found["pooled"]["density"]["inside"] == pytest.approx(0.683, abs=0.07)
    assert found["pooled"]["kt"]["unknown"] == 100
    assert found["pooled"]["kt"]["number"] == 100 * (ANNULI - 1)
    assert found["pooled"]["all"]["number"] == 100 * (BINS + RADII + 3 * ANNULI - 1)
    assert found["excess at R200"]["pull_scatter"] == pytest.approx(1, abs=0.2)
    assert found["templates off"]["excess at R200"]["inside"] == 0.5
    assert found["empty fields"]["above 3 sigma"] == 0.01
    assert found["two temperatures"]["clusters"] == 0.01
    assert found["two temperatures"]["by_annulus"][-1] == 0.01
    assert found["isothermal"]["annuli"] == 0
    sector = found["sector"]
    assert sector["above 3 sigma"]["part"] == 1
    assert sector["found"] == {"part": 0.8, "error": 0.04, "number": 100}
    assert sector["another above 3 sigma"]["part"] == 0.2
    assert sector["without excess"]["above 3 sigma"]["part"] == 0.04
    assert sector["without excess"]["of the sector"]["pull_mean"] == -0.5
    json.dumps(found, allow_nan=False)


def test_what_failed_is_said() -> None:
    generator = np.random.default_rng(2)
    rows = [row(0, generator), {"index": 1, "failed": {"cluster": "why"}, "seconds": {}}]
    found = summary(rows)
    assert found["failed"] == [{"index": 1, "cluster": "why"}]
    assert found["empty fields"]["number"] == 2


def test_pulls_are_over_the_side_towards_the_truth() -> None:
    found = Measured(np.array([2.0, 2.0, np.nan]), np.array([1.5, 1.5, np.nan]),
                     np.array([3.0, 3.0, np.nan]))  # fmt: skip
    away = pulls(found, np.array([1.0, 4.0, 1.0]))
    assert away[:2] == [2.0, -2.0]
    assert np.isnan(away[2])


def test_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    partial = tmp_path / "rows"
    rows = [row(i, generator) for i in range(2)]
    # torn where the earlier run was ended
    partial.write_text("\n".join(json.dumps(r) for r in rows) + '\n{"index": 2, "fai')
    monkeypatch.setattr(clusters, "_warm", lambda _: pytest.fail("everything is there"))
    found = clusters.run(1, 2 / clusters.REALISATIONS, None, str(partial))
    assert found["realisations"] == 2


def test_the_case() -> None:
    inner, outer = sky_ring()
    assert outer == pytest.approx(2 * r200())
    edges = bin_edges()
    assert edges[-1] == pytest.approx(inner, abs=1e-5)
    assert np.diff(edges)[:-1] == pytest.approx(BIN)
    assert model_of("sector").excess[0].sector == SECTOR
