from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.energies import SMALLEST_ENERGY, match_channels, match_grids
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.rmf import read_rmf

from .conftest import DENSE, EBOUNDS, ENERGIES, GROUPS, Column, arf, pha, rmf, table, write


def warned(response: Any, text: str) -> bool:
    return any(text in w for w in response.warnings)


def test_a_matrix_of_several_runs(tmp_path: Path) -> None:
    response = read_rmf(rmf(tmp_path / "a.rmf"))
    assert response.matrix.toarray() == pytest.approx(DENSE)
    assert response.matrix.has_sorted_indices
    assert response.energy_low.tolist() == [0.5, 1, 2]
    assert response.channel_high.tolist() == [1, 2, 3, 4]
    assert response.channels.tolist() == [1, 2, 3, 4]
    assert not response.includes_area
    assert response.warnings == ()


WRITTEN: dict[str, dict[str, Column]] = {
    "fixed arrays": {
        "F_CHAN": ("2I", [[1, 4], [0, 0], [2, 0]]), "N_CHAN": ("2I", [[2, 1], [0, 0], [3, 0]]),
        "MATRIX": ("4E", [[0.5, 0.25, 0.125, 9], [9] * 4, [0.25, 0.5, 0.25, 9]]),
    },
    "64-bit descriptors": {
        "F_CHAN": ("QJ()", [[1, 4], [], [2]]), "N_CHAN": ("QJ()", [[2, 1], [], [3]]),
        "MATRIX": ("QD()", [[0.5, 0.25, 0.125], [], [0.25, 0.5, 0.25]]),
    },
    "longer vectors than are used, elements not aligned": {
        "F_CHAN": ("PB()", [[1, 4, 7], [3], [2]]), "N_CHAN": ("PB()", [[2, 1, 7], [3], [3]]),
        "MATRIX": ("PE()", [[0.5, 0.25, 0.125, 9], [9], [0.25, 0.5, 0.25]]),
    },
    "empty runs": {
        "N_GRP": ("J", [3, 1, 1]), "F_CHAN": ("PI()", [[1, 9, 4], [0], [2]]),
        "N_CHAN": ("PI()", [[2, 0, 1], [0], [3]]),
    },
    "overlapping runs": {
        "N_GRP": ("I", [3, 0, 1]), "F_CHAN": ("PI()", [[4, 1, 1], [], [2]]),
        "N_CHAN": ("PI()", [[1, 1, 2], [], [3]]),
        "MATRIX": ("PE()", [[0.125, 0.25, 0.25, 0.25], [], [0.25, 0.5, 0.25]]),
    },
}  # fmt: skip


@pytest.mark.parametrize("columns", WRITTEN.values(), ids=WRITTEN.keys())
def test_the_same_matrix_written_in_other_ways(columns: dict[str, Column], tmp_path: Path) -> None:
    response = read_rmf(rmf(tmp_path / "a.rmf", columns))
    assert response.matrix.toarray() == pytest.approx(DENSE)


def test_one_run_a_row_as_scalars(tmp_path: Path) -> None:
    columns: dict[str, Column] = {
        "N_GRP": ("I", [1, 1, 1]), "F_CHAN": ("I", [1, 2, 3]), "N_CHAN": ("I", [2, 1, 2]),
        "MATRIX": ("PE()", [[0.5, 0.5], [1.0], [0.25, 0.75]]),
    }  # fmt: skip
    response = read_rmf(rmf(tmp_path / "a.rmf", columns))
    assert response.matrix.toarray().tolist() == [
        [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 0.25, 0.75],
    ]  # fmt: skip


FROM_ZERO: dict[str, Column] = {"F_CHAN": ("PI()", [[0, 3], [], [1]])}
BOUNDS_FROM_ZERO: dict[str, Column] = {"CHANNEL": ("J", [0, 1, 2, 3])}


def test_channels_are_counted_from_tlmin_of_their_column(tmp_path: Path) -> None:
    both = read_rmf(rmf(tmp_path / "a.rmf", FROM_ZERO, BOUNDS_FROM_ZERO, TLMIN4=0))
    assert both.matrix.toarray() == pytest.approx(DENSE)
    assert both.channels.tolist() == [0, 1, 2, 3]
    assert both.warnings == ()
    # of another column it says nothing
    other = read_rmf(rmf(tmp_path / "b.rmf", TLMIN4=1, TLMIN5=0, TLMIN1=0))
    assert other.matrix.toarray() == pytest.approx(DENSE)


def test_columns_in_another_order(tmp_path: Path) -> None:
    columns = {k: (ENERGIES | GROUPS)[k] for k in
               ("F_CHAN", "N_CHAN", "MATRIX", "N_GRP", "ENERG_HI", "ENERG_LO")}  # fmt: skip
    hdu = table("MATRIX", columns | FROM_ZERO, {"HDUCLAS3": "REDIST", "TLMIN1": 0})
    response = read_rmf(write(tmp_path / "a.rmf", table("EBOUNDS", EBOUNDS), hdu))
    assert response.matrix.toarray() == pytest.approx(DENSE)
    assert warned(response, "F_CHAN counts from 0 and EBOUNDS from 1")


def test_no_tlmin_is_decided_by_ebounds(tmp_path: Path) -> None:
    one = read_rmf(rmf(tmp_path / "a.rmf", TLMIN4=None))
    zero = read_rmf(rmf(tmp_path / "b.rmf", FROM_ZERO, BOUNDS_FROM_ZERO, TLMIN4=None))
    for response, first in ((one, 1), (zero, 0)):
        assert response.matrix.toarray() == pytest.approx(DENSE)
        assert warned(response, f"no TLMIN: its channels are counted from {first}")


def test_bounds_in_any_order_and_other_units(tmp_path: Path) -> None:
    bounds: dict[str, Column] = {
        "CHANNEL": ("E", [4, 2, 3, 1]), "E_MIN": ("D", [3e3, 1e3, 2e3, 5e2], "eV"),
        "E_MAX": ("D", [4e-3, 2e-3, 3e-3, 1e-3], "MeV"),
    }  # fmt: skip
    response = read_rmf(rmf(tmp_path / "a.rmf", None, bounds))
    assert response.channel_low == pytest.approx([0.5, 1, 2, 3])
    assert response.channel_high == pytest.approx([1, 2, 3, 4])


def test_energies_may_descend_and_be_in_other_units(tmp_path: Path) -> None:
    columns: dict[str, Column] = {
        "ENERG_LO": ("D", [2e-3, 1e-3, 5e-4], "MeV"), "ENERG_HI": ("D", [3e3, 2e3, 1e3], "eV"),
    }  # fmt: skip
    response = read_rmf(rmf(tmp_path / "a.rmf", columns))
    assert response.energy_low == pytest.approx([0.5, 1, 2])
    assert response.energy_high == pytest.approx([1, 2, 3])
    assert response.matrix.toarray() == pytest.approx(DENSE[::-1])
    assert warned(response, "descend")
    area = read_arf(arf(tmp_path / "a.arf", columns | {"SPECRESP": ("E", [1, 2, 3], "m^2")}))
    assert area.effective_area.tolist() == [3e4, 2e4, 1e4]
    match_grids(area, response)


def test_energies_at_zero_and_bins_of_no_width(tmp_path: Path) -> None:
    columns: dict[str, Column] = {
        "ENERG_LO": ("E", [0, 1.0, 1.0], "keV"), "ENERG_HI": ("E", [1.0, 1.0, 2.0], "keV"),
    }  # fmt: skip
    area = read_arf(arf(tmp_path / "a.arf", columns))
    assert area.energy_low.tolist() == [SMALLEST_ENERGY, 1.0]
    assert area.effective_area.tolist() == [10, 5]
    assert warned(area, "taken as 1e-10 keV")
    assert warned(area, "1 energy bins of no width")
    response = read_rmf(rmf(tmp_path / "a.rmf", columns))
    assert response.matrix.toarray() == pytest.approx(DENSE[[0, 2]])
    match_grids(area, response)


def test_units_left_out_are_warned_of(tmp_path: Path) -> None:
    area = read_arf(arf(tmp_path / "a.arf", {"ENERG_LO": ("E", [0.5, 1.0, 2.0])}))
    assert warned(area, "ENERG_LO has no unit: taken as keV")


FULL: dict[str, Column] = {"MATRIX": ("PE()", [[50, 25, 12.5], [], [25, 50, 25]])}


@pytest.mark.parametrize(
    ("columns", "name", "kind", "area", "warning"),
    [
        ({}, "SPECRESP MATRIX", "REDIST", False, None), (FULL, "MATRIX", "FULL", True, None),
        ({}, "MATRIX", "DETECTOR", False, None),
        (FULL, "SPECRESP MATRIX", None, True, "taken as with "),
        ({}, "SPECRESP MATRIX", None, False, "taken as without"),
        (FULL, "MATRIX", "REDIST", True, "the area is in the matrix"),
        ({}, "MATRIX", "FULL", True, "rows sum to 1 at most"),
        ({"MATRIX": ("PE()", [[1, 0.1, 0.1], [], [0.25, 0.5, 0.25]])}, "MATRIX", "REDIST", False,
         "sum to 1.2, more than 1"),
    ],
)  # fmt: skip
def test_whether_the_area_is_in_the_matrix(
    columns: dict[str, Column], name: str, kind: str | None, area: bool, warning: str | None,
    tmp_path: Path,
) -> None:  # fmt: skip
    response = read_rmf(rmf(tmp_path / "a.rmf", columns, name=name, HDUCLAS3=kind))
    assert response.includes_area == area
    assert response.warnings == () if warning is None else warned(response, warning)


@pytest.mark.parametrize(
    ("columns", "bounds", "header", "text"),
    [
        ({"F_CHAN": ("PI()", [[1, 5], [], [2]])}, {}, {}, "channels outside EBOUNDS"),
        (FROM_ZERO, {}, {}, "channels outside EBOUNDS"),
        ({"N_CHAN": ("PI()", [[-2, 1], [], [3]])}, {}, {}, "channels outside EBOUNDS"),
        ({"N_GRP": ("I", [3, 0, 1])}, {}, {}, "fewer F_CHAN or N_CHAN"),
        ({"N_GRP": ("I", [-1, 0, 1])}, {}, {}, "fewer F_CHAN or N_CHAN"),
        ({"MATRIX": ("PE()", [[0.5, 0.25], [], [0.25, 0.5, 0.25]])}, {}, {}, "fewer elements"),
        ({"MATRIX": ("PE()", [[0.5, np.nan, 0], [], [0, 0.5, 0.25]])}, {}, {}, "not finite"),
        ({"MATRIX": ("PE()", [[0.0] * 3, [], [0.0] * 3])}, {}, {}, "0 everywhere"),
        ({"ENERG_LO": ("E", [0.5, 1, 2.1], "keV")}, {}, {}, "gaps or overlap .at 2.1 keV"),
        ({"ENERG_LO": ("E", [0.5, 1, np.nan], "keV")}, {}, {}, "not finite"),
        ({"ENERG_LO": ("E", [-0.5, 1, 2], "keV")}, {}, {}, "negative energies"),
        ({"ENERG_LO": ("E", [0.5, 1, 2], "Angstrom")}, {}, {}, "ENERG_LO in 'Angstrom'"),
        ({"ENERG_LO": ("E", [1, 1, 1], "keV"), "ENERG_HI": ("E", [1, 1, 1], "keV")}, {}, {},
         "no or negative width"),
        ({}, {"CHANNEL": ("J", [1, 2, 4, 5])}, {}, "missing or there twice"),
        ({}, {"CHANNEL": ("J", [1, 2, 2, 3])}, {}, "missing or there twice"),
        ({}, {"E_MIN": ("E", [0.5, np.inf, 2, 3], "keV")}, {}, "not finite"),
        ({"MATRIX": ("PC()", [[1j], [], []])}, {}, {}, "does not hold numbers"),
    ],
)  # fmt: skip
def test_impossible_matrices_are_refused(
    columns: dict[str, Column], bounds: dict[str, Column], header: dict, text: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=text):
        read_rmf(rmf(tmp_path / "a.rmf", columns, bounds, **header))


def test_incomplete_files_are_refused(tmp_path: Path) -> None:
    matrix, bounds = table("MATRIX", ENERGIES | GROUPS), table("EBOUNDS", EBOUNDS)
    with pytest.raises(InputError, match="no EBOUNDS"):
        read_rmf(write(tmp_path / "a.rmf", matrix))
    with pytest.raises(InputError, match="holds 2 matrices"):
        read_rmf(write(tmp_path / "b.rmf", matrix, matrix.copy(), bounds))
    with pytest.raises(InputError, match="no redistribution matrix"):
        read_rmf(write(tmp_path / "c.rmf", bounds))
    with pytest.raises(InputError, match="no column F_CHAN, MATRIX, N_CHAN"):
        few = table("MATRIX", ENERGIES | {"N_GRP": GROUPS["N_GRP"]})
        read_rmf(write(tmp_path / "d.rmf", few, bounds))
    with pytest.raises(InputError, match="holds no effective area"):
        read_arf(tmp_path / "c.rmf")


@pytest.mark.parametrize(("lengths", "offset"), [(10**6, 0), (3, 2**30), (-1, 0), (3, -4)])
def test_descriptors_that_point_outside_the_heap(lengths: int, offset: int, tmp_path: Path) -> None:
    path = rmf(tmp_path / "a.rmf")
    with fits.open(path) as hdus:
        hdu = hdus["MATRIX"]
        row = hdu.columns.dtype.fields["MATRIX"][1]
        place = hdu.fileinfo()["datLoc"] + row
    data = bytearray(path.read_bytes())
    data[place : place + 8] = np.array([lengths, offset], dtype=">i4").tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="points outside the file's data"):
        read_rmf(path)


def test_rows_that_all_use_one_large_part_of_the_heap(tmp_path: Path) -> None:
    n = 50
    edges = np.arange(1.0, n + 2)
    columns: dict[str, Column] = {
        "ENERG_LO": ("E", edges[:-1], "keV"), "ENERG_HI": ("E", edges[1:], "keV"),
        "N_GRP": ("I", [1] * n), "F_CHAN": ("I", [1] * n), "N_CHAN": ("I", [1] * n),
        "MATRIX": ("PE()", [[1.0] * 4] * n),
    }  # fmt: skip
    path = rmf(tmp_path / "a.rmf", columns)
    assert read_rmf(path).matrix.nnz == n
    heap = n * 16
    data = path.read_bytes()
    for i in range(n):  # all of the heap in each row
        own = np.array([4, 16 * i], dtype=">i4").tobytes()
        data = data.replace(own, np.array([heap // 4, 0], dtype=">i4").tobytes(), 1)
    path.write_bytes(data)
    with pytest.raises(InputError, match="lie upon each other"):
        read_rmf(path)


def test_a_heap_in_a_wrong_place(tmp_path: Path) -> None:
    path = rmf(tmp_path / "a.rmf", XHEAP=10**9)
    path.write_bytes(path.read_bytes().replace(b"XHEAP   ", b"THEAP   "))
    with pytest.raises(InputError, match="THEAP"):
        read_rmf(path)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"SPECRESP": ("E", [1, np.nan, 1], "cm2")}, "not finite"),
        ({"SPECRESP": ("E", [1, -1, 1], "cm2")}, "negative areas"),
        ({"SPECRESP": ("E", [1, 1, 1], "furlong")}, "SPECRESP in 'furlong'"),
        ({"SPECRESP": ("2E", [[1, 1]] * 3, "cm2")}, "several values a row"),
        ({"ENERG_HI": ("E", [0.1, 2, 3], "keV")}, "no or negative width"),
    ],
)
def test_impossible_areas_are_refused(
    columns: dict[str, Column], text: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=text):
        read_arf(arf(tmp_path / "a.arf", columns))


def test_grids_match_to_single_precision(tmp_path: Path) -> None:
    edges = np.array([0.3, 0.7, 1.1, 1.9])
    single = edges.astype(np.float32)

    def energies(values: np.ndarray, form: str) -> dict[str, Column]:
        return {"ENERG_LO": (form, values[:-1], "keV"), "ENERG_HI": (form, values[1:], "keV")}

    response = read_rmf(rmf(tmp_path / "a.rmf", energies(single, "E")))
    match_grids(read_arf(arf(tmp_path / "a.arf", energies(edges, "D"))), response)
    with pytest.raises(InputError, match="other energy bins than the RMF"):
        match_grids(read_arf(arf(tmp_path / "b.arf", energies(edges * 1.00001, "D"))), response)
    fewer = {k: (f, v[:2], *u) for k, (f, v, *u) in energies(edges, "D").items()}
    area: dict[str, Column] = {"SPECRESP": ("E", [1.0, 2.0], "cm2")}
    with pytest.raises(InputError, match="has 2 energy bins, and the RMF has 3"):
        match_grids(read_arf(arf(tmp_path / "c.arf", fewer | area)), response)


def test_channels_match_by_number_or_order(tmp_path: Path) -> None:
    one = read_rmf(rmf(tmp_path / "a.rmf"))
    zero = read_rmf(rmf(tmp_path / "b.rmf", FROM_ZERO, BOUNDS_FROM_ZERO, TLMIN4=0))
    whole = read_single_pha(pha(tmp_path / "a.pha"))
    part = read_single_pha(
        pha(tmp_path / "b.pha", {"CHANNEL": ("J", [2, 4]), "COUNTS": ("J", [1, 1])})
    )
    for response in (one, zero):
        assert match_channels(whole, response).tolist() == [0, 1, 2, 3]
        assert match_channels(part, response).tolist() == [1, 3]
    more = read_single_pha(pha(tmp_path / "c.pha", DETCHANS=5))
    for response in (one, zero):
        with pytest.raises(InputError, match="5 channels"):
            match_channels(more, response)
