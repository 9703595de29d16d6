import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.report.numbers import (
    DASH,
    MINUS,
    asymmetric,
    duration_text,
    en_dashes,
    fixed,
    plain,
    with_limit,
)

nan = math.nan
ordered = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(sorted)


def test_errors_get_two_digits_and_the_value_as_many_decimals():
    value = asymmetric(29.977, 24.395, 36.205)
    assert (value.text, value.upper, value.lower) == ("30.0", "+6.2", f"{MINUS}5.6")


def test_large_errors_leave_no_decimals():
    assert asymmetric(1182.17, 1146.5, 1219.6).text == "1182"


@given(ordered)
def test_errors_never_have_the_wrong_sign(interval):
    low, value, high = interval
    shown = asymmetric(value, low, high)
    assert shown.upper.startswith("+") and shown.lower.startswith(MINUS)
    assert float(shown.upper) >= 0
    assert math.isclose(float(shown.sort_key), value, rel_tol=1e-6, abs_tol=1e-300)


@pytest.mark.parametrize("cell", [plain(nan, 2), asymmetric(nan, 0, 1), plain(math.inf, 1)])
def test_what_is_not_a_number_is_a_dash_and_sorts_as_nothing(cell):
    assert (cell.text, cell.sort_key) == (DASH, "")


def test_a_rate_that_reaches_zero_is_shown_as_its_limit():
    assert with_limit(0.1, 0.0, 0.5, 0.9).text == "< 0.90"
    measured = with_limit(0.5, 0.4, 0.62, 0.8)
    assert (measured.text, measured.note) == ("0.50", "< 0.80 at 95%")


def test_a_rate_without_any_limit_is_not_called_a_limit():
    assert with_limit(0.5, nan, nan, nan).text == "0.50"


def test_zero_has_no_sign():
    assert fixed(-0.001, 2) == "0.00"


def test_texts():
    assert en_dashes("2-7 / 0.5-1.2 keV") == f"2{DASH}7 / 0.5{DASH}1.2 keV"
    assert duration_text(18940.3) == "18.94 ks"
