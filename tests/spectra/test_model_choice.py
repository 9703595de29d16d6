"""The choice between models, and when the parameters of a fit mean something."""

import math

import pytest

from xsurvey.spectra.model_choice import akaike, choose_model

NAN = math.nan


@pytest.mark.parametrize(
    ("criteria", "usable", "chosen", "preference"),
    [
        ((10.0,), (True,), 0, NAN),
        ((10.0,), (False,), None, NAN),
        ((10.0, 6.1), (True, True), 0, 3.9),
        ((10.0, 6.0), (True, True), 1, 4.0),
        ((10.0, 12.0), (True, True), 0, -2.0),
        # the best of several
        ((10.0, 5.0, 3.0), (True, True, True), 2, 7.0),
        # the best is of no use: the next one
        ((10.0, 5.0, 3.0), (True, True, False), 1, 7.0),
        ((10.0, 7.0, 3.0), (True, True, False), 0, 7.0),
        ((10.0, 3.0), (True, False), 0, 7.0),
        ((10.0, 3.0), (False, False), None, 7.0),
        # where the first is of no use another one needs to be no worse
        ((10.0, 9.0), (False, True), 1, 1.0),
        ((10.0, 11.0), (False, True), None, -1.0),
        # what could not be fitted takes no part
        ((10.0, NAN), (True, False), 0, NAN),
        ((10.0, NAN, 2.0), (True, False, True), 2, 8.0),
        ((NAN, 2.0), (False, True), 1, NAN),
    ],
)
def test_the_choice(
    criteria: tuple[float, ...], usable: tuple[bool, ...], chosen: int | None, preference: float
) -> None:
    found = choose_model(criteria, usable, 4.0)
    assert found.chosen == chosen
    assert found.preference == pytest.approx(preference, nan_ok=True)


def test_a_parameter_costs_two() -> None:
    assert akaike(30.0, 4) - akaike(30.0, 3) == 2
