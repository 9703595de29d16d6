"""What the benchmark of the survey field makes of a catalog and a truth table."""

import pytest
from astropy.table import Table

from benchmarks.survey_search import compared


def test_precision_and_completeness() -> None:
    truth = Table(
        {"ra": [10.0, 10.1, 10.2], "dec": [0.0, 0.0, 0.0], "counts_expected": [5, 20, 100]}
    )
    sources = Table({
        "ra": [10.1, 10.2, 10.3], "dec": [2 / 3600, 17 / 3600, 0.0],
        "detection_likelihood": [11.0, 13.0, 15.0],
    })  # fmt: skip
    found = compared(sources, truth)
    shares = {(r["likelihood"], r["radius"]): r["precision"] for r in found["precision"]}
    assert shares[10.0, 15.0] == pytest.approx(1 / 3)
    assert shares[10.0, 20.0] == pytest.approx(2 / 3)
    assert shares[12.0, 20.0] == pytest.approx(1 / 2)
    assert [(r["sources"], r["found"]) for r in found["completeness"]] == [(1, 0), (1, 1), (1, 1)]
