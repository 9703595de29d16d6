"""What of a fit gets into the catalog, and what does not."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xsurvey.catalogs import build_table, load_schema
from xsurvey.detection.photometry import SourceFlag
from xsurvey.pipelines.spectra.columns import CATALOG_PART, spectral_columns, with_spectra
from xsurvey.pipelines.spectra.model_fits import why_useless
from xsurvey.pipelines.spectra.parameters import SpectraParameters

SOURCES = SpectraParameters(sources=True, min_counts=100)


def parameter(value: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "lower": value - 0.1, "upper": value + 0.2, "frozen": False, **more}


def entry(number: int = 1, status: str = "fitted", **parameters: dict[str, Any]) -> dict[str, Any]:
    named = {name.replace("__", "."): record for name, record in parameters.items()}
    flux = {"value": 2e-13, "lower": 1e-13, "upper": 4e-13, "energy_min": 0.5, "energy_max": 7.0}
    fit = {
        "parameters": named, "flux": {"unabsorbed": flux}, "confidence": 0.9,
        "statistic": {"name": "wstat", "value": 31.0, "dof": 29}, "goodness": {"sigma": 0.4},
        "method": "profile",
    }  # fmt: skip
    return {"kind": "source", "number": number, "status": status, "model": "m", "cause": "",
            "fit": fit, "approximate_responses": False}  # fmt: skip


def measured(*flags: int, counts: float = 200.0) -> dict[str, Any]:
    rows = [{"ra": 10.0 + i, "dec": 5.0, "flag": f, "net_counts_b": counts}
            for i, f in enumerate(flags)]  # fmt: skip
    return {"target": "t", "rows": rows, "bands": {"b": "0.5-7 keV"}, "hardness": {}}


def test_columns_of_a_fit_have_the_units_of_the_schema() -> None:
    found = entry(powerlaw__PhoIndex=parameter(1.8), tbabs__nH=parameter(0.9))
    (filled,) = with_spectra(measured(3), {"fits": [found]}, SOURCES)["rows"]
    numbers = [c.name for c in load_schema("sources").columns if c.dtype == "int32"
               and c.part in (None, CATALOG_PART)]  # fmt: skip
    own = {"name": "n", "source_id": "t_0001", **dict.fromkeys(numbers, 1)}
    table = build_table([{**own, **filled}], "sources",
                        {"b": "0.5-7 keV"}, {}, [CATALOG_PART])  # fmt: skip
    row = table[0]
    assert (row["photon_index"], row["photon_index_lo"], row["photon_index_hi"]) == (1.8, 1.7, 2.0)
    assert row["column_density"] == pytest.approx(0.9e22)
    assert row["column_density_hi"] == pytest.approx(1.1e22)
    assert str(table["column_density"].unit) == "1 / cm2"
    assert row["flux_unabsorbed_lo"] == 1e-13
    assert (row["spectral_statistic"], row["spectral_dof"]) == (31.0, 29)
    assert row["spectral_confidence"] == 0.9
    assert row["spectral_excess"] == 0.4
    assert row["flag"] == 3


def test_a_parameter_that_is_there_twice_has_no_column() -> None:
    found = entry(powerlaw__PhoIndex=parameter(1.8), powerlaw_2__PhoIndex=parameter(3.0))
    columns = spectral_columns(found)
    assert "photon_index" not in columns
    assert columns["flux_unabsorbed"] == 2e-13


def test_a_frozen_parameter_has_a_value_and_no_interval() -> None:
    frozen = {"value": 0.5, "lower": None, "upper": None, "frozen": True}
    columns = spectral_columns(entry(tbabs__nH=frozen))
    assert columns["column_density"] == pytest.approx(0.5e22)
    assert columns["column_density_lo"] is None


@pytest.mark.parametrize("status", ["failed", "piled_up"])
def test_what_is_not_fitted_has_no_columns(status: str) -> None:
    # even where numbers are at hand
    assert spectral_columns(entry(status=status, powerlaw__PhoIndex=parameter(1.8))) == {}


def test_flags() -> None:
    at_limit = entry(1, powerlaw__PhoIndex=parameter(1.8, upper_at_limit=True))
    other_at_limit = entry(2, apec__norm=parameter(1.8, upper_at_limit=True))
    poor = entry(3)
    poor["fit"]["goodness"] = {"sigma": 3.01}
    unknown = entry(4)
    unknown["fit"]["goodness"] = None
    approximate = {**entry(5), "approximate_responses": True}
    failed, piled_up = entry(6, "failed"), entry(7, "piled_up")
    found = {"fits": [at_limit, other_at_limit, poor, unknown, approximate, failed, piled_up]}
    rows = with_spectra(measured(2, 2, 2, 2, 2, 2, 18), found, SOURCES)["rows"]
    assert [row["flag"] - 2 for row in rows] == [
        SourceFlag.SPECTRUM_AT_LIMIT, 0, SourceFlag.SPECTRUM_POOR_FIT, 0,
        SourceFlag.RESPONSE_APPROXIMATE, SourceFlag.SPECTRUM_FAILED, 16,
    ]  # fmt: skip


def test_regions_do_not_touch_the_rows() -> None:
    region = {**entry(0), "kind": "region"}
    before = measured(0, counts=99.0)
    assert with_spectra(before, {"fits": [region]}, SOURCES) == before


@pytest.mark.parametrize(("flag", "counts", "expected"), [
    (0, 200.0, SourceFlag.SPECTRUM_FAILED), (16, 200.0, 16), (0, 99.0, 0), (0, np.nan, 0),
])  # fmt: skip
def test_where_the_fits_of_an_observation_failed(flag: int, counts: float, expected: int) -> None:
    rows = with_spectra(measured(flag, counts=counts), None, SOURCES)["rows"]
    assert rows[0]["flag"] == expected


def useless(
    theta: tuple[float, ...] = (1.0, 2.0), dof: int = 5, converged: bool = True,
    at_bounds: tuple[bool, ...] = (False, False), intervals: int = 2, statistic: float = 3.0,
) -> str:  # fmt: skip
    parameters = SimpleNamespace(
        parameters=[SimpleNamespace(name="tbabs.nH", is_norm=False),
                    SimpleNamespace(name="powerlaw.norm", is_norm=True)],
        free=[0, 1],
    )  # fmt: skip
    minimum = SimpleNamespace(converged=converged, message="too slow", at_bounds=at_bounds)
    fit = SimpleNamespace(
        likelihood=SimpleNamespace(degrees_of_freedom=dof, parameters=parameters),
        minimum=minimum, theta=np.array(theta), statistic=statistic,
        intervals=dict.fromkeys(range(intervals)),
    )  # fmt: skip
    return why_useless(SimpleNamespace(fit=fit))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"theta": (0.0, 2.0), "at_bounds": (True, False)}, ""),  # no absorption is possible
        ({"theta": (50.0, 2.0), "at_bounds": (True, False)}, "tbabs.nH is at its limit, 50"),
        ({"theta": (1.0, 0.0), "at_bounds": (False, True)}, "powerlaw.norm is at its limit, 0"),
        ({"dof": 0}, "no more groups"),
        ({"converged": False}, "did not converge (too slow)"),
        ({"intervals": 0}, "better fits"),
        ({"statistic": np.inf}, "not finite"),
    ],
)
def test_parameters_of_no_use_are_none(settings: dict[str, Any], words: str) -> None:
    cause = useless(**settings)
    assert words in cause
    assert bool(cause) == bool(words)
