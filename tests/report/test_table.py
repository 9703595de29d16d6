import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from xsurvey.report.numbers import MINUS
from xsurvey.report.table import (
    bands_of,
    decode_flags,
    hardness_of,
    numbers_of,
    source_column,
    source_table,
)

from .conftest import DEC, RA, make_sources, source_row


def cells(table, key):
    index = [column.key for column in table.columns].index(key)
    return [row.cells[index] for row in table.rows]


def test_the_most_significant_source_comes_first():
    table = source_table(
        make_sources(
            source_row(1, detection_likelihood=20.0), source_row(2, detection_likelihood=90.0)
        ),
        10,
    )
    assert [row.number for row in table.rows] == [2, 1]


def test_a_limit_keeps_the_most_significant_and_says_how_many_there_are(sources):
    table = source_table(sources, 2)
    assert [row.number for row in table.rows] == [1, 2]
    assert table.total == 5


def test_coordinates_are_sexagesimal_with_degrees_on_hover():
    table = source_table(make_sources(source_row(1, ra=228.481747, dec=-59.135842)), 5)
    ra, dec = cells(table, "ra")[0], cells(table, "dec")[0]
    assert (ra.text, ra.note) == ("15:13:55.62", "228.481747°")
    assert (dec.text, dec.note) == (f"{MINUS}59:08:09.0", "-59.135842°")
    assert float(dec.sort_key) == pytest.approx(-59.135842)


def test_rates_are_per_kilosecond(sources):
    rate = cells(source_table(sources, 5), "rate")[0]
    assert (rate.text, rate.upper, rate.lower) == ("1.00", "+0.20", f"{MINUS}0.10")


def test_flags_of_every_source_are_said_once(sources):
    table = source_table(sources, 5)
    assert [flag.name for flag in table.common_flags] == ["exposure_approximate"]
    assert [[flag.name for flag in row.flags] for row in table.rows] == [[]] * 4 + [["blended"]]


def test_flags_have_descriptions_and_unknown_bits_are_not_hidden():
    known, unknown = decode_flags(1 | 1 << 20)
    assert "exposure map" in known.description
    assert unknown.name == f"bit {1 << 20}"


def test_bands_and_hardness_are_named_by_their_energies(sources):
    assert bands_of(sources) == {"b": "0.5-7 keV", "h": "2-7 keV"}
    assert hardness_of(sources) == {"hb": "2-7 / 0.5-7 keV"}


def test_a_band_that_was_not_measured_here_has_no_column(sources):
    for end in ("", "_lo", "_hi"):
        sources[f"net_counts_h{end}"] = np.nan
    keys = [column.key for column in source_table(sources, 5).columns]
    assert "net_b" in keys and "net_h" not in keys


def test_columns_carry_the_descriptions_and_units_of_the_table(sources):
    error = next(c for c in source_table(sources, 5).columns if c.key == "error")
    assert (error.unit, error.description) == (
        "arcsec", sources["position_error"].info.description,
    )  # fmt: skip


def test_positions_alone_are_enough():
    table = source_table(Table({"ra": [RA], "dec": [DEC]}), 5)
    assert {column.key for column in table.columns} == {"name", "class", "ra", "dec"}
    assert table.rows[0].number == 1


def test_no_sources(sources):
    table = source_table(sources[:0], 5)
    assert (table.rows, table.total, table.common_flags) == ([], 0, [])


def test_masked_values_are_missing_values():
    table = Table({"flag": MaskedColumn([3, 4], mask=[False, True])})
    assert np.array_equal(source_column(table, "flag"), [3, np.nan], equal_nan=True)


def test_numbers_are_those_of_the_source_ids_where_they_tell_sources_apart():
    assert numbers_of(Table({"source_id": ["11_0007", "11_0002"]})) == [7, 2]
    assert numbers_of(Table({"source_id": ["11_0001", "12_0001"]})) == [1, 2]
    assert numbers_of(Table({"source_id": ["a", "b_1"]})) == [1, 2]
