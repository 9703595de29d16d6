"""What is printed of a catalog where nobody asked for columns."""

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.catalogs.brief import brief_columns
from xsurvey.catalogs.text import table_text


def catalog(**more: object) -> Table:
    rates = {"rate_b": [1.0, np.nan, np.nan], "rate_4": [np.nan, 2.0, np.nan],
             "rate_s": [0.5, np.nan, np.nan]}  # fmt: skip
    ends = {f"{name}_lo": values for name, values in rates.items()}
    return Table({
        "name": ["a", "b", "c"], "source_id": ["1", "2", "3"], "ra": [1.0, 2, 3],
        "dec": [4.0, 5, 6], "x": [7.0, 8, 9], "detection_likelihood": [10.0, 11, 12], **rates,
        **ends, "flag": [0, 1, 2], **more,
    })  # fmt: skip


def test_each_row_has_a_rate_if_it_has_any() -> None:
    first = ["name", "ra", "dec", "detection_likelihood"]
    assert brief_columns(catalog()) == [*first, "rate_b", "rate_4", "flag"]
    assert brief_columns(catalog()[:1]) == [*first, "rate_b", "flag"]
    # where no row has one, the first tells so
    assert brief_columns(catalog()[2:]) == [*first, "rate_b", "flag"]
    assert brief_columns(catalog()[:0]) == [*first, "rate_b", "flag"]


def test_the_separation_is_shown_and_other_peoples_tables_are_whole() -> None:
    assert brief_columns(catalog(separation=[1.0, 2, 3]))[-1] == "separation"
    others = Table({"name": ["a"], "rate_b": [1.0], "z": [0.1]})
    assert brief_columns(others) == ["name", "rate_b", "z"]


@pytest.mark.parametrize("width", [60, 80])
def test_long_descriptions_are_broken_into_lines(width: int) -> None:
    words = "word " * 50
    text, left_out = table_text(Table({"name": ["a", "b"], "text": [words, "short"]}), None, width)
    lines = text.splitlines()
    assert left_out == []
    assert max(map(len, lines)) <= width
    assert " ".join(text.split()).count("word") == 50
    assert [line.split()[0] for line in lines if line[:1].strip()] == ["name", "----", "a", "b"]
