import json
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.table import Table

from xsurvey.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["catalog", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def test_query_prints_an_aligned_table(hats_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(
        capsys, "query", hats_path, "--columns", "name,ra,rate_b", "--where", "rate_b > 1.97",
        "--order-by", "rate_b desc",
    )  # fmt: skip
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["name", "ra", "rate_b"]
    assert lines[1].split() == ["deg", "ct", "/", "s"]
    assert lines[3].startswith("XSV J00199")
    assert lines[3].endswith(" 1.99")
    assert len(lines) == 5


def test_query_writes_file_and_json(
    hats_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, record = tmp_path / "near.fits", tmp_path / "near.json"
    status, out, err = run(
        capsys, "query", hats_path, "--cone", "228.48,-59.13,5arcmin", "-o", output,
        "--json", record,
    )  # fmt: skip
    assert (status, out) == (0, "")
    table, answer = Table.read(output), json.loads(record.read_text())
    assert f"{len(table)} rows" in err
    assert answer["rows"] == len(table)
    assert answer["columns"][-1] == {
        "name": "separation", "unit": "arcsec", "ucd": "pos.angDistance",
        "description": "Angular distance from the cone's centre",
    }  # fmt: skip
    assert answer["data"]["separation"] == pytest.approx(list(table["separation"]))
    assert None in answer["data"]["position_error"]


def test_crossmatch_export_and_info(
    hats_path: Path, fits_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matched, record = tmp_path / "matched.parquet", tmp_path / "m.json"
    arguments = (hats_path, fits_path, "--radius", "1arcsec", "-o", matched, "--json", record)
    assert run(capsys, "crossmatch", *arguments)[0] == 0
    assert json.loads(record.read_text())["pairs"] == 200
    assert run(capsys, "export", matched, "-o", tmp_path / "matched.csv")[0] == 0
    assert len((tmp_path / "matched.csv").read_text().splitlines()) == 201
    status, out, _ = run(capsys, "info", matched, "--json", record)
    assert status == 0
    assert "200 rows" in out
    assert "95% confidence" in out
    assert json.loads(record.read_text())["rows"] == 200


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("query", "{hats}", "--where", "1=1; DROP TABLE x"), "--where: cannot be parsed"),
        (("query", "{hats}", "--columns", "nmae"), "--columns: no column 'nmae'; did you mean"),
        (("query", "{hats}", "--order-by", "nmae"), "--order-by: no column"),
        (("query", "{hats}", "--cone", "1,2,3"), "--cone: "),
        (("query", "{hats}", "--limit", "-1"), "--limit: "),
        (("query", "{hats}", "-o", "{folder}/x.doc"), "x.doc: '.doc' is not a catalog format"),
        (("query", "{folder}/missing.fits"), "missing.fits: does not exist"),
        (
            ("crossmatch", "{hats}", "{hats}", "--radius", "3", "-o", "{folder}/x.fits"),
            "--radius: ",
        ),
        (("export", "{hats}", "-o", "{folder}/nowhere/x.fits"), "folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    hats_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    filled = [text.format(hats=hats_path, folder=hats_path.parent) for text in arguments]
    status, out, err = run(capsys, *filled)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("xsurvey: error: ")
    assert complaint in err


def test_long_tables_say_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a\n" + "1\n" * 1500)
    status, out, err = run(capsys, "query", path)
    assert status == 0
    assert len(out.splitlines()) == 1002
    assert "1000 of 1500 rows" in err
    assert len(run(capsys, "query", path, "--limit", "1200")[1].splitlines()) == 1202


def test_strange_text_cannot_move_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil.csv"
    path.write_text('name,"b\x1b[2J"\n"\x1b]0;owned\x07",2\n')
    for command in ("query", "info"):
        _, out, err = run(capsys, command, path)
        assert "\x1b" not in out + err


def test_help_needs_no_heavy_imports() -> None:
    code = (
        "import sys, xsurvey.cli.catalog; "
        "sys.exit(any(m in sys.modules for m in ('duckdb', 'pyarrow', 'astropy', 'hats')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_few_columns_are_printed_and_all_are_written(
    hats_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, output = tmp_path / "q.json", tmp_path / "q.csv"
    _, out, err = run(capsys, "query", hats_path, "--limit", 2, "--json", record)
    _, whole, nothing = run(capsys, "query", hats_path, "--limit", 2, "--columns", "*")
    few, every = (text.splitlines()[0].split() for text in (out, whole))
    assert few[0] == "name"
    assert few[-1] == "flag"
    assert len(few) < len(every)
    assert err == f"+{len(every) - len(few)} columns (--columns '*' for all)\n"
    assert nothing == ""
    assert [c["name"] for c in json.loads(record.read_text())["columns"]] == every
    run(capsys, "query", hats_path, "--limit", 2, "-o", output)
    assert Table.read(output).colnames == every
