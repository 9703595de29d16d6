"""Tables of points and polarization are read as they were written, and put together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import InputError
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.polarization.table import read_polarization
from xsurvey.sed.polarization.writing import write_polarization
from xsurvey.sed.tables.table import read_sed
from xsurvey.sed.tables.writing import seds_together, write_sed

from ..toy_model import drawn

_COLUMNS = ("frequency", "flux", "error_low", "error_high", "is_limit", "limit_confidence")


@pytest.mark.parametrize("limits", [0, 3])
def test_points_go_through_a_file(tmp_path: Path, limits: int) -> None:
    sed = replace(drawn(limits=limits), source="Mrk 421")
    write_sed(tmp_path / "sed.ecsv", sed, {"more": {"a": 1}})
    found = read_sed(tmp_path / "sed.ecsv")
    for name in _COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(sed, name), name)
    assert (found.instruments, found.redshift, found.source, found.notes) == (
        sed.instruments, 0.1, "Mrk 421", (),
    )  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=6), st.integers(0, 100))
def test_polarization_goes_through_a_file(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[Kind], seed: int
) -> None:
    random = np.random.default_rng(seed)
    n = len(kinds)

    def of(*own: Kind) -> np.ndarray:
        return np.where([k in own for k in kinds], random.uniform(0.01, 0.3, n), np.nan)

    limits = (Kind.LIMIT, Kind.UNDETECTED)
    covariance = of(Kind.STOKES)[:, None, None] * np.array([[1, 0.3], [0.3, 1]])
    measured = PolarizationMeasurements(
        name="light", frequency=np.geomspace(1e10, 1e18, n), kinds=tuple(kinds),
        q=of(Kind.STOKES), u=of(Kind.STOKES), covariance=covariance, degree=of(Kind.DEGREE),
        degree_error=of(Kind.DEGREE), limit=of(*limits), confidence=of(*limits),
        instruments=tuple(f"i{i}" for i in range(n)), source="S",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("light") / "light.ecsv"
    write_polarization(path, measured)
    found = read_polarization(path)
    assert (found.kinds, found.instruments, found.source, found.notes) == (
        measured.kinds, measured.instruments, "S", (),
    )  # fmt: skip
    for name in ("frequency", "q", "u", "degree", "degree_error", "limit", "confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(measured, name), name)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-12)


def test_tables_together() -> None:
    sed = drawn()
    halves = []
    for name, rows in (("a", slice(0, None, 2)), ("b", slice(1, None, 2))):
        columns = {column: getattr(sed, column)[rows] for column in _COLUMNS}
        halves.append(
            replace(sed, name=name, instruments=sed.instruments[rows], notes=(name,), **columns)
        )
    both = seds_together(halves, "both")
    np.testing.assert_array_equal(both.flux, sed.flux)
    assert both.instruments == sed.instruments
    assert both.notes == ("a: a", "b: b")
    twice = seds_together([sed, sed], "twice")
    assert len(twice) == 2 * len(sed)
    assert f"{len(sed)} points are in the tables twice" in twice.notes[-1]


def test_redshifts_of_tables() -> None:
    sed, other = drawn(), replace(drawn(seed=2), name="other", redshift=0.2)
    with pytest.raises(InputError, match="different redshifts"):
        seds_together([sed, other], "both")
    given = seds_together([sed, other], "both", redshift=0.2)
    assert given.redshift == 0.2
    assert any("not 0.1 as toy.ecsv tells" in note for note in given.notes)
    unknown = replace(sed, redshift=None)
    assert seds_together([unknown, other], "both").redshift == 0.2
    assert seds_together([unknown], "one").redshift is None
