"""A tiny fraction runs where there are responses, and says why it does not where there are none."""

from pathlib import Path

import pytest

from benchmarks.spectral_speed import run


def test_without_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XSURVEY_EROSITA_RESPONSES", raising=False)
    monkeypatch.delenv("XSURVEY_3C273", raising=False)
    result = run(1, 0.01, responses="/nowhere")
    assert "no folder" in result["erosita"]["skipped"]
    assert "--chandra" in result["chandra"]["skipped"]


@pytest.mark.usefixtures("atomdb")
def test_rates_on_official_responses(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XSURVEY_3C273", raising=False)
    result = run(1, 0.01, responses=str(shared_data / "erosita" / "responses"))["erosita"]
    assert result["bins"] == 759
    assert result["largest_difference_from_library"] < 1e-8
    assert result["batch_a_second"] > 0
    assert result["chain"]["steps"] == 10
