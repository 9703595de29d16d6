"""What `xsurvey check` says of the sections of spectra, and what they come to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.pipelines.spectra.fits_stage import chosen_group
from xsurvey.pipelines.spectra.places import folder_name

from .spectra_runs import SPECTRA, power_laws, run, with_model, write_config


@pytest.fixture(scope="module")
def inputs(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Events of the three sources, and responses."""
    return power_laws(make_events, tmp_path_factory.mktemp("responses"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("model: MODEL", "model: powrlaw", ["spectra.regions.blob.model", "powerlaw"]),
        ("{model: powerlaw", "{model: powrlaw", ["spectral_fits.model", "powerlaw"]),
        ("{model: powerlaw", "{set: tbabs.nh=-5, model: tbabs*powerlaw", ["spectral_fits: ", "nH"]),
        ("{model: powerlaw", "{freeze: tbabs.nH, model: powerlaw", ["spectral_fits: ", "tbabs.nH"]),
        ("{model: powerlaw", "{model: pshock", ["HEASoft"]),
        ("    blob:", "    source_0001:", ["spectra.regions", "name of a source"]),
        ("    blob:", "    a/b:", ["spectra.regions", "'a/b'"]),
        ("radius: 30arcsec", "radius: 30arcsec\n      inner_radius: 40arcsec",
         ["spectra.regions.blob", "inner_radius is not smaller"]),
        ("radius: 30arcsec", "radius: 300arcsec", ["background_inner is smaller"]),
        ("background_inner: 60", "background_position: '150,2'\n      background_inner: 60",
         ["spectra.regions.blob", "no background_inner"]),
        ("radius: 30arcsec", "radius: 30", ["spectra.regions.blob.radius"]),
        ("      radius: 30arcsec", "      radious: 30arcsec\n      radius: 1arcsec",
         ["spectra.regions.blob.radious", "did you mean 'radius'"]),
        ("area_includes: all", "area_includes: al", ["spectra.area_includes"]),
        ("min_counts: 100", "min_counts: .nan", ["spectra.min_counts"]),
        ("model: MODEL", "freeze: powerlaw.PhoIndex=2", ["freeze is given without a model"]),
        ("{model: powerlaw", "{group: file, model: powerlaw", ["spectral_fits.group"]),
        ("{model: powerlaw", "{flux_band: 0-2, model: powerlaw", ["begins at zero"]),
        ("alternatives: []", "alternatives: [powrlaw]",
         ["spectral_fits.alternatives.0", "powerlaw"]),
        ("alternatives: []", "alternatives: [tbabs*bbody], set: tbabs.nH=-5",
         ["spectral_fits.alternatives.0: tbabs.nH"]),
        ("alternatives: []", "alternatives: [tbabs*bbody], freeze: apec.kT",
         ["spectral_fits: apec.kT"]),
        ("alternatives: []", "alternatives: bbody, alternative_margin: -1",
         ["spectral_fits.alternative_margin"]),
        ("mcmc_counts: 300", "mcmc_steps: 10", ["spectral_fits.mcmc_steps"]),
    ],
)  # fmt: skip
def test_check_says_what_is_wrong(
    tmp_path: Path, inputs: dict[str, Path], capfd: pytest.CaptureFixture[str], old: str, new: str,
    words: list[str],
) -> None:  # fmt: skip
    assert old in SPECTRA
    write_config(tmp_path, inputs, with_model("powerlaw", SPECTRA.replace(old, new)))
    assert run(tmp_path, "check", "--output", "out") != 0
    (last,) = capfd.readouterr().err.strip().splitlines()
    for word in words:
        assert word in last


@pytest.fixture
def without_atomic_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no data installed, here or by another package."""
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("ATOMDB", raising=False)
    monkeypatch.delenv("HEADAS", raising=False)


def test_check_names_the_command_that_installs_atomic_data(
    tmp_path: Path, inputs: dict[str, Path], capfd: pytest.CaptureFixture[str],
    without_atomic_data: None,
) -> None:  # fmt: skip
    write_config(tmp_path, inputs, with_model("tbabs*apec"))
    assert run(tmp_path, "check", "--output", "out") != 0
    assert "run `xsurvey data install atomdb`" in capfd.readouterr().err


def test_check_says_how_to_do_without_atomic_data(
    tmp_path: Path, inputs: dict[str, Path], capfd: pytest.CaptureFixture[str],
    without_atomic_data: None,
) -> None:  # fmt: skip
    default = SPECTRA.replace("alternatives: [], ", "")
    write_config(tmp_path, inputs, with_model("powerlaw", default))
    assert run(tmp_path, "check", "--output", "out") != 0
    told = capfd.readouterr().err
    assert "run `xsurvey data install atomdb`" in told
    assert "spectral_fits: alternatives: []" in told


@pytest.mark.parametrize(("area", "statistic", "group"), [
    (9.9, "wstat", "bmin5"), (10.0, "wstat", "none"), (0.3, "cstat", "none"),
])  # fmt: skip
def test_the_group_depends_on_the_background_area(
    tmp_path: Path, area: float, statistic: str, group: str
) -> None:
    for name, backscal, exposure in (("a.pha", 2.0, 50.0), ("a_bkg.pha", area, 100.0)):
        write_pha(tmp_path / name, PhaSpectrum(
            path=Path(), channels=np.arange(1, 9), first_channel=1, detector_channels=8,
            counts=np.ones(8, int), exposure=exposure, backscal=np.full(8, backscal),
            areascal=np.ones(8), systematic_error=np.zeros(8), quality=np.zeros(8, int),
            grouping=np.zeros(8, int),
        ))  # fmt: skip
    assert chosen_group([tmp_path / "a.pha"], statistic) == group


@pytest.mark.parametrize("name", ["..", "", "a/b", "a b", ".hidden", "x" * 300, "-rf"])
def test_targets_have_folders_of_their_own(name: str) -> None:
    found = folder_name(name)
    assert Path(found).name == found
    assert not found.startswith((".", "-"))
    assert len(found) < 120
    assert found != folder_name(f"{name}_")
    assert folder_name("acis_754") == "acis_754"
