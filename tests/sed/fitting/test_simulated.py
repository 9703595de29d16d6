"""Simulated points and polarization: their model, their scatter, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.sed.fitting.simulated import (
    SimulatedSedParameters,
    simulated_sed,
    simulated_stokes,
)
from xsurvey.sed.models.polarized import polarized_source
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.polarization.table import read_polarization
from xsurvey.sed.tables.table import read_sed


def test_points_scatter_about_the_model() -> None:
    parameters = SimulatedSedParameters(points=("optical=3e14,1e15,4000,0.05",))
    sed = simulated_sed(parameters, seed=3)
    model = radiative_model("ssc", redshift=0.3)
    theta = np.array([[p.value for p in model.parameters]])
    light = sum(model.components(theta, sed.frequency).values())[0]
    z = (sed.flux - light) / sed.error_low
    np.testing.assert_allclose(sed.error_low / light, 0.05)
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(len(z)))
    assert z.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(z)))
    np.testing.assert_array_equal(simulated_sed(parameters, seed=3).flux, sed.flux)
    assert not np.array_equal(simulated_sed(parameters, seed=4).flux, sed.flux)


def test_stokes_scatter_about_the_model() -> None:
    bands = tuple(f"optical={5e14 * (1 + 1e-9 * i)},0.01" for i in range(1000))
    parameters = SimulatedSedParameters(
        stokes=bands, set=("polarization_angle=30", "depolarization=0.2", "field_inclination=60")
    )
    light = simulated_stokes(parameters, seed=1)
    model = polarized_source(radiative_model("ssc", redshift=0.3), angle_deg=0.0)
    names = [p.name for p in model.parameters]
    theta = np.array([[p.value for p in model.parameters]])
    theta[0, names.index("polarization_angle")] = 30
    theta[0, names.index("depolarization")] = 0.2
    q, u = (x[0, 0] for x in model.stokes(theta, np.array([5e14])).normalised)
    assert np.arctan2(u, q) == pytest.approx(np.radians(60))
    for drawn, true in ((light.q, q), (light.u, u)):
        assert drawn.mean() == pytest.approx(true, abs=4 * 0.01 / np.sqrt(1000))
        assert drawn.std() == pytest.approx(0.01, rel=0.1)


def test_the_command(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    sed, light = tmp_path / "sed.ecsv", tmp_path / "light.ecsv"
    arguments = ("--redshift", 0.3, "--points", "optical=3e14,1e15,5,0.05", "--seed", 2)
    status, said, errors = call(
        "sed", "simulate", "-o", sed, "--polarization-output", light, *arguments
    )
    assert status == 0, errors
    assert "5 points" in said
    parameters = SimulatedSedParameters(redshift=0.3, points=("optical=3e14,1e15,5,0.05",))
    np.testing.assert_array_equal(read_sed(sed).flux, simulated_sed(parameters, 2).flux)
    np.testing.assert_array_equal(read_polarization(light).q, simulated_stokes(parameters, 2).q)
    assert read_sed(sed).redshift == 0.3


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("points", "optical=1,2,3", "is not INSTRUMENT="),
        ("points", "3e14,1e15,5,0.05", "is not INSTRUMENT="),
        ("points", "optical=1e15,3e14,5,0.05", "is no range"),
        ("points", "optical=3e14,1e15,2.5,0.05", "is no range"),
        ("points", "optical=3e14,1e15,5,-1", "is not INSTRUMENT="),
        ("points", "dark=1e40,1e41,2,0.1", "no light"),
        ("stokes", "X-rays=1e18", "is not INSTRUMENT="),
        ("set", "depth=1", "depth"),
        ("set", "delta=1000", "delta"),
        ("model", "none", "no radiative model"),
    ],
)  # fmt: skip
def test_what_is_refused(option: str, text: str, said: str) -> None:
    given = text if option == "model" else (text,)
    with pytest.raises(ParameterError, match=said):
        parameters = SimulatedSedParameters(**{option: given})
        simulated_sed(parameters, 0)
        simulated_stokes(parameters, 0)


def test_bad_outputs(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    status, _, errors = call("sed", "simulate", "-o", tmp_path / "sed.fits")
    assert status == 2
    assert "is not the name of an ECSV file" in errors


def test_a_prior_is_refused() -> None:
    """It would change nothing."""
    with pytest.raises(ParameterError, match="prior: is of fits"):
        simulated_sed(SimulatedSedParameters(prior=("delta=uniform:5,50",)), seed=1)
