from pathlib import Path

import pytest

from xsurvey.catalogs import load_schema
from xsurvey.errors import ParameterError

BANDS = {"b": "0.5-7 keV", "s": "0.5-1.2 keV"}


def test_bands_are_expanded_in_order_and_described() -> None:
    columns = load_schema("sources").expand(BANDS, {"hs": "2-7 over 0.5-1.2 keV"})
    names = [column.name for column in columns]
    assert names[:2] == ["name", "source_id"]
    assert names[-1] == "flag"
    assert names.index("significance_b") < names.index("counts_s") < names.index("hardness_hs")
    rate = next(column for column in columns if column.name == "rate_s_upper")
    assert rate.unit == "count / s"
    assert "0.5-1.2 keV" in rate.description
    assert "95%" in rate.description
    assert not any("{" in column.name + column.description for column in columns)


def test_every_interval_states_its_confidence() -> None:
    for column in load_schema("sources").columns:
        if column.name.endswith(("_lo", "_hi", "_upper", "_error")):
            assert "%" in column.description, column.name


def test_flag_description_names_every_bit() -> None:
    schema = load_schema("sources")
    flag = schema.expand(BANDS)[-1]
    assert schema.flag_bits["near_edge"] == 4
    for name, bit in schema.flag_bits.items():
        assert f"{bit} {name}" in flag.description


def test_unknown_schema_and_bad_band_name_are_named() -> None:
    with pytest.raises(ParameterError, match="did you mean 'sources'"):
        load_schema("source")
    with pytest.raises(ParameterError, match=r"0\.5-7"):
        load_schema("sources").expand({"0.5-7": "0.5-7 keV"})


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ("{name: a, dtype: str, description: d, unit: parsecs}", "parsecs"),
        ("{name: a, dtype: str, description: d, ucd: pos.nowhere}", "pos.nowhere"),
        ("{name: 'a_{band}', dtype: str, description: d}", "disagree"),
        ("{name: a, dtype: complex, description: d}", "complex"),
        ("{name: a, dtype: str, description: d, colour: red}", "colour"),
    ],
)
def test_wrong_schema_files_are_refused(tmp_path: Path, column: str, complaint: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"name: own\nversion: '1'\ndescription: d\ncolumns:\n  - {column}\n")
    with pytest.raises(ParameterError, match=complaint):
        load_schema(file)
