"""What an assembly says of the model that it is given."""

import pytest

from tests.spectra.fits.conftest import assembled, drawn


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("model", "freeze", "told"),
    [
        ("cflux*powerlaw", (), True),
        ("cflux*powerlaw", ("powerlaw.norm",), False),
        ("cflux*(powerlaw+bbody)", ("bbody.norm",), False),
        ("tbabs*powerlaw", (), False),
    ],
)
def test_norms_under_a_flux_that_is_a_parameter(
    model: str, freeze: tuple[str, ...], told: bool
) -> None:
    notes = assembled(model, [drawn("powerlaw", (1.8, 0.01))], freeze=freeze).notes
    assert any("cflux sets the flux" in note and "--freeze" in note for note in notes) is told


def test_areas_of_instruments_have_their_priors() -> None:
    spectra = [drawn("powerlaw", (1.8, 0.01), seed) for seed in (1, 2, 3)]
    assembly = assembled(
        "powerlaw", spectra, instruments=["A", "B", "A"], cross_calibration=True, area_order=1,
        area_sigma=0.2, area_smooth_sigma=0.03,
    )  # fmt: skip
    found = {
        p.name: str(p.prior)
        for p in assembly.likelihood.parameters.parameters
        if p.component == "area"
    }
    # of one instrument they are shared
    assert list(found) == ["area.constant", "area.smooth_1", "2:area.constant", "2:area.smooth_1"]
    assert [text.split(",")[:2] for text in found.values()] == 2 * [
        ["normal:0", "0.2"], ["normal:0", "0.03"],
    ]  # fmt: skip
