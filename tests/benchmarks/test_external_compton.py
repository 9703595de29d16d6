"""The benchmark of external Compton scattering, without its peer."""

import numpy as np
import pytest

from benchmarks import external_compton_agreement as agreement


def test_differences_count_what_is_beyond_the_line() -> None:
    flux = np.where(agreement.FREQUENCIES > 1e20, 1.0, 1e-5)
    end = agreement.FREQUENCIES > 1e27
    other = flux * np.where(agreement.FREQUENCIES > 1e26, 1.02, 1.001) * np.where(end, 2.0, 1.0)
    found = agreement.difference(other, flux, end)
    assert found["largest"] == pytest.approx(0.02)
    assert found["beyond"] == np.sum((agreement.FREQUENCIES > 1e26) & ~end)
    assert found["largest_at_the_end"] == pytest.approx(1.04)


def test_a_run_without_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PKS 1510-089"
    monkeypatch.setattr(agreement, "PLACES", {name: agreement.PLACES[name]})
    monkeypatch.setattr(agreement, "OURS", {"default": 8, "twice": 10})
    found = agreement.run(0, 1.0)["places"][name]["differences"]
    (differences,) = found.values()
    assert set(differences) == {"disk", "blr", "torus", "cmb", "protons"}
    assert all(d["median"] < 1e-3 for d in differences.values())
