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
