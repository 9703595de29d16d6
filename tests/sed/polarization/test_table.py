"""Tables of polarization: kinds of rows, units, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table

from xsurvey.errors import InputError
from xsurvey.sed.polarization.measurements import Kind
from xsurvey.sed.polarization.table import read_polarization

NU = np.array([2e18, 5e14])
GOOD = {"nu": NU * u.Hz, "degree": [9.0, 14.3] * u.percent, "degree_err": [4.0, 4.1] * u.percent}


def write(path: Path, columns: dict[str, object], **meta: object) -> Path:
    table = Table(meta=meta)
    for name, values in columns.items():
        table[name] = values
    table.write(path / "spd.ecsv", format="ascii.ecsv")
    return path / "spd.ecsv"


def column(*values: float | None) -> MaskedColumn:
    return MaskedColumn([0 if v is None else v for v in values], mask=[v is None for v in values],
                        dtype=float)  # fmt: skip


def test_all_kinds_of_rows(tmp_path: Path) -> None:
    columns = {
        "energy": [2.0, 4.0, 6.0, 8.0, 1.0] * u.keV,
        "q": column(0.1, None, None, None, None),
        "u": column(-0.2, None, None, None, None),
        "q_err": column(0.01, None, None, None, None),
        "u_err": column(0.02, None, None, None, None),
        "qu_cov": column(1e-4, None, None, None, None),
        "pd": column(None, 0.2, 0.1, None, None),
        "pd_err": column(None, 0.02, 0.03, None, None),
        "pa": MaskedColumn(column(None, 30, None, None, None), unit="deg"),
        "pa_err": MaskedColumn(column(None, 3, None, None, None), unit="deg"),
        "pd_ul": MaskedColumn(column(None, None, None, 14, 20), unit="%"),
        "confidence": column(None, None, None, 0.9973, 0.99),
        "limit_kind": ["", "", "", "limit", "undetected"],
        "instrument": ["IXPE", "", "NOT", "IXPE", "IXPE"],
    }
    data = read_polarization(write(tmp_path, columns, source="S4 0954+65"))
    assert [k.value for k in data.kinds] == ["undetected", "stokes", "stokes", "degree", "limit"]
    assert np.all(np.diff(data.frequency) > 0)
    assert data.frequency[0] == pytest.approx(2.418e17, rel=1e-3)
    assert data.covariance[1].tolist() == [[1e-4, 1e-4], [1e-4, 4e-4]]
    assert data.q[2] + 1j * data.u[2] == pytest.approx(0.2 * np.exp(1j * np.pi / 3))
    assert np.isnan(data.degree).tolist() == [True, True, True, False, True]
    np.testing.assert_allclose(data.limit, [0.2, np.nan, np.nan, np.nan, 0.14])
    np.testing.assert_allclose(data.confidence, [0.99, np.nan, np.nan, np.nan, 0.9973])
    assert data.instruments == ("IXPE", "IXPE", "", "NOT", "IXPE")
    assert (data.source, data.notes, len(data)) == ("S4 0954+65", (), 5)
    likelihood = data.likelihood()
    assert likelihood.bins == 5
    order = [i for kind in Kind for i in data.rows(kind)]
    np.testing.assert_array_equal(likelihood.frequency, data.frequency[order])
    q = np.array([[0.1, 0.1, 0.0, 0.0, 0.0]])
    terms = likelihood.terms(q, np.array([[-0.2, 0.2 * np.sin(np.pi / 3), 0.0, 0.0, 0.0]]))
    assert terms[0, :2] == pytest.approx(0, abs=1e-12)
    assert np.all(terms[0, 3:] == pytest.approx(0, abs=1e-9))


def test_percent_and_fractions_are_the_same(tmp_path: Path) -> None:
    percent = read_polarization(write(tmp_path, GOOD))
    (tmp_path / "spd.ecsv").unlink()
    plain = {n: v if n == "nu" else v.to_value(u.dimensionless_unscaled) for n, v in GOOD.items()}
    fractions = read_polarization(write(tmp_path, plain))
    np.testing.assert_allclose(percent.degree, fractions.degree)
    np.testing.assert_allclose(fractions.degree, [0.143, 0.09])


def test_confidence_and_kind_of_all_limits(tmp_path: Path) -> None:
    columns = {"nu": NU * u.Hz, "degree_ul": [0.1, 0.2]}
    data = read_polarization(write(tmp_path, columns, confidence=0.99))
    assert data.kinds == (Kind.LIMIT, Kind.LIMIT)
    assert data.notes == ("limits without limit_kind are taken for those of true degrees",)
    (tmp_path / "spd.ecsv").unlink()
    again = write(tmp_path, columns, confidence=0.99, limit_kind="undetected")
    data = read_polarization(again)
    assert data.kinds == (Kind.UNDETECTED, Kind.UNDETECTED)
    assert data.notes == ()
    assert data.confidence.tolist() == [0.99, 0.99]


LIMIT = {"nu": NU * u.Hz, "degree_ul": [0.1, 0.2]}
STOKES = {
    "nu": NU * u.Hz,
    "q": [0.1, 0.1],
    "u": [0.1, 0.1],
    "q_err": [0.01] * 2,
    "u_err": [0.01] * 2,
}
BAD = {
    "no spectral axis": ({"degree": [0.1]}, {}),
    "column nu has no unit": (GOOD | {"nu": NU}, {}),
    "column nu is in 'kg'": (GOOD | {"nu": NU * u.kg}, {}),
    "no positive spectral axis (nu) in row 2": (GOOD | {"nu": [1.0, -1.0] * u.Hz}, {}),
    "value above 1 (degree, as a fraction: percent need the unit %) in row 1": (
        GOOD | {"degree": [9.0, 14.3]}, {}
    ),
    "column degree is in 'deg'": (GOOD | {"degree": [0.1, 0.2] * u.deg}, {}),
    "column degree has no plain numbers": (GOOD | {"degree": ["a", "b"]}, {}),
    "degree that is not positive in row 1": (GOOD | {"degree": [0.0, 0.1]}, {}),
    "no positive degree_err in row 2": (GOOD | {"degree_err": [0.1, 0.0]}, {}),
    "column angle has no unit": (GOOD | {"angle": [1.0, 2.0]}, {}),
    "no positive angle_err in row 1": (GOOD | {"angle": [1.0, 2.0] * u.deg}, {}),
    "an angle without a degree in row 1": (
        LIMIT | {"angle": [1.0, 2.0] * u.deg}, {"confidence": 0.99}
    ),
    "more than one of q and u, a degree, and a limit (degree_ul) in row 1": (
        GOOD | {"degree_ul": [0.1, 0.2]}, {}
    ),
    "neither q and u, nor a degree, nor a limit (degree_ul) in row 1": ({"nu": NU * u.Hz}, {}),
    "one of q and u without the other in row 2": (STOKES | {"u": [0.1, np.nan]}, {}),
    "no positive u_err in row 1": (STOKES | {"u_err": [-0.1, 0.1]}, {}),
    "a covariance above its errors in row 2": (STOKES | {"qu_cov": [0.0, 2e-4]}, {}),
    "a limit without its confidence in row 1": (LIMIT, {}),
    "a confidence that is not between 0 and 1 in row 1": (LIMIT, {"confidence": 99.0}),
    "a confidence 'high'": (LIMIT, {"confidence": "high"}),
    "limit_kind that is neither limit nor undetected in row 1": (
        LIMIT, {"confidence": 0.99, "limit_kind": "maybe"}
    ),
    "limit that is not positive in row 2": (
        LIMIT | {"degree_ul": [0.1, 0.0]}, {"confidence": 0.99}
    ),
    "no rows": ({"nu": [] * u.Hz, "degree": []}, {}),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_bad_tables(message: str, tmp_path: Path) -> None:
    columns, meta = BAD[message]
    with pytest.raises(InputError) as caught:
        read_polarization(write(tmp_path, columns, **meta))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 50, b"SIMPLE  = garbage"])
def test_what_is_no_table(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "spd.ecsv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_polarization(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_polarization(tmp_path / "none.ecsv")
