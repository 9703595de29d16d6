"""Bad input of ``xsurvey spectrum fit``: one line, status 2, nothing written, no traceback."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.ogip.write_pha import write_pha, write_pha_two
from xsurvey.io.ogip.write_responses import write_arf, write_rmf

from .conftest import CHANNELS, FAINT, drawn, make_arf, make_pha, make_rmf

Call = Callable[..., tuple[int, str, str]]
Files = Callable[..., Path]
Refused = Callable[..., str]
COUNTS = drawn("powerlaw", FAINT).counts


@pytest.fixture
def refused(call: Call, tmp_path: Path) -> Refused:
    """Return a function that runs a fit, asserts that it is refused, and gives the error."""

    def run(*arguments: object, model: str = "powerlaw") -> str:
        before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
        options = ["--model", model] if model else []
        status, out, errors = call("spectrum", "fit", *arguments, *options)
        assert status == 2, (status, out, errors)
        assert "Traceback" not in errors
        last = errors.rstrip("\n").splitlines()[-1]
        assert last.startswith("xsurvey: error: ")
        assert "; " in last
        assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
        assert out == ""
        return last.removeprefix("xsurvey: error: ")

    return run


OPTIONS = [
    (["--model", ""], "--model: "),
    (["--model", "powerlow"], "or 'powerlaw' or"),
    (["--model", "tbabs"], "has no additive component"),
    (["--model", "tbabs*(powerlaw"], "is not closed"),
    (["--set", "powerlaw.index=2"],
     "powerlaw.index: no parameter of the model has that name; did you mean"),
    (["--set", "powerlaw.norm"], "--set: 'powerlaw.norm' is not of the form"),
    (["--set", "powerlaw.PhoIndex=20"], "powerlaw.PhoIndex: 20 is not within its limits -3 to 10"),
    (["--set", "powerlaw.PhoIndex=nan"], "'nan' is not a number"),
    (["--freeze", "powerlaw.index"], "did you mean"),
    (["--thaw", "apec.kT"], "apec.kT: no parameter"),
    (["--link", "powerlaw.norm=exp(powerlaw.PhoIndex)"], "--link: "),
    (["--link", "powerlaw.norm=powerlaw.norm"], "circle"),
    (["--link", "powerlaw.norm=powerlaw.PhoIndex", "--set", "powerlaw.norm=2"],
     "--set: powerlaw.norm is linked"),
    (["--prior", "powerlaw.norm=gauss:1,2"], "--prior: "),
    (["--limits", "powerlaw.PhoIndex=-20,2"], "--limits: powerlaw.PhoIndex is defined from"),
    (["--untie", "powerlaw.norm"], "--untie: there is only one spectrum"),
    (["--cross-calibration"], "--cross-calibration: there is only one instrument"),
    (["--energy", "7-0.5"], "--energy"),
    (["--energy", "20-30"], "source.pha: has no good channel in 20-30 keV"),
    (["--group", "max3"], "--group: 'max3' is no way of grouping"),
    (["--group", "min0"], "--group: "),
    (["--group", "min100000"], "makes no group"),
    (["--stat", "cash"], "--stat"),
    (["--stat", "wstat", "--background", "none"], "has no background, which wstat needs"),
    (["--stat", "wstat", "--subtract"], "--subtract: "),
    (["--stat", "wstat", "--background-model", "powerlaw"], "--background-model: "),
    (["--stat", "chi2", "--subtract", "--background", "none"], "has no background"),
    (["--background-model", "cubic"], "there is no shape 'cubic'"),
    (["--background-model", "pca:nowhere.fits"], "nowhere.fits: "),
    (["--rmf", "none"], "source.pha: has no response"),
    (["--arf", "none"], "needs an effective area"),
    (["--rmf", "nowhere.rmf"], "nowhere.rmf: "),
    (["--arf", "source.pha"], "source.pha: "),
    (["--background", "source.pha", "--stat", "wstat"], "source.pha: is its own background"),
    (["--background", "nowhere.pha", "--stat", "wstat"], "nowhere.pha: "),
    (["--arf", "a", "--arf", "b"], "--arf: 2 are given for 1 spectra"),
    (["--abund", "wilms"], "--abund: "),
    (["--confidence", "1"], "--confidence: "),
    (["--starts", "0"], "--starts: "),
    (["--flux-band", "0-2"], "--flux-band"),
    (["--distance", "-1"], "--distance: "),
    (["--mcmc", "--freeze", "powerlaw.norm=1", "--freeze", "powerlaw.PhoIndex"],
     "no parameter is free"),
    (["--corner", "c.png"], "--corner: needs a chain; give --mcmc too"),
    (["--plot", "c.pdf"], "--plot: draws PNG files, and not '.pdf'; end it in .png"),
    (["--thaw", "powerlaw.norm", "--freeze", "powerlaw.norm=1"],
     "--thaw: powerlaw.norm is frozen too; leave out one of the two"),
    (["--chain", "c.h5"], "--chain: needs a chain"),
    (["--nested"], "has no prior"),
    (["--freeze", "powerlaw.norm=0", "--freeze", "powerlaw.PhoIndex"],
     "where the model gives none through the response"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=lambda v: " ".join(v)[:50]
                         if isinstance(v, list) else None)  # fmt: skip
def test_options(
    files: Files, refused: Refused, monkeypatch: pytest.MonkeyPatch, options: list[str],
    message: str,
) -> None:  # fmt: skip
    source = files()
    monkeypatch.chdir(source.parent)
    arguments = ["source.pha", *options]
    assert message in refused(*arguments, model="" if "--model" in options else "powerlaw")


def test_no_model(files: Files, refused: Refused) -> None:
    assert refused(files(), model="").startswith("--model: is required")


def test_temperatures_outside_of_the_table(files: Files, refused: Refused) -> None:
    """The limits are told before atomic data are looked for."""
    told = refused(files(), "--set", "apec.kT=80", model="apec")
    assert told.startswith("apec.kT: 80 is not within its limits 0.008 to 64")
    told = refused(files(), "--limits", "apec.kT=0.1,200", model="apec")
    assert "apec.kT is defined from 0.008 to 64" in told


def test_switches(files: Files, refused: Refused) -> None:
    assert "selects a method" in refused(files(), "--thaw", "mekal.switch", model="mekal")


FIELDS: list[tuple[dict[str, object], str]] = [
    ({"response_file": None}, "source.pha: has no response; give the RMF with --rmf"),
    ({"response_file": "lost.rmf"}, "names the redistribution matrix 'lost.rmf'"),
    ({"ancillary_file": None}, "needs an effective area"),
    ({"ancillary_file": "lost.arf"}, "names the effective area 'lost.arf'"),
    ({"quality": np.ones(120, int)}, "has no good channel"),
    ({"detector_channels": 300}, "300 channels"),
]


@pytest.mark.parametrize(("fields", "message"), FIELDS)
def test_spectra(files: Files, refused: Refused, fields: dict[str, object], message: str) -> None:
    assert message in refused(files(**fields))


def test_backgrounds(files: Files, refused: Refused, call: Call, tmp_path: Path) -> None:
    lost = files("lost.pha", background_file="gone.pha")
    assert "gone.pha" in refused(lost, "--stat", "wstat")
    short = make_pha(COUNTS[:-3])
    write_pha(tmp_path / "short.pha", short)
    told = refused(files(), "--stat", "wstat", "--background", tmp_path / "short.pha")
    assert "give a background of the same channels" in told
    write_pha(tmp_path / "empty.pha", make_pha(0 * COUNTS))
    empty = ("--background", tmp_path / "empty.pha")
    # no counts of the background are data: wstat says that it is biased there
    status, _, errors = call("spectrum", "fit", files(), "--model", "powerlaw", "--stat", "wstat",
                             *empty)  # fmt: skip
    assert status == 0
    assert "120 of 120 bins have no background counts" in errors
    assert "no counts in the fitted energies" in refused(
        files(), "--background-model", "powerlaw", *empty
    )
    assert "makes no group by 'bmin1'" in refused(files(), "--group", "bmin1", *empty)
    net = make_pha(COUNTS - 0.5, poisson=False, statistical_error=np.ones(120))
    write_pha(tmp_path / "net.pha", net)
    assert "not Poisson distributed" in refused(
        files(), "--stat", "wstat", "--background", tmp_path / "net.pha"
    )


def test_counts_that_are_no_counts(files: Files, refused: Refused, tmp_path: Path) -> None:
    source = files(counts=COUNTS - 0.5, poisson=False, statistical_error=np.ones(120))
    assert "use --stat chi2" in refused(source)
    bad = files("negative.pha")
    with fits.open(bad, mode="update") as hdus:
        hdus[1].data["COUNTS"][5] = -3
    assert "negative" in refused(bad)
    with fits.open(bad, mode="update") as hdus:
        hdus[1].header["EXPOSURE"] = 0.0
    assert "EXPOSURE" in refused(bad)


def test_responses_of_another_detector(files: Files, refused: Refused, tmp_path: Path) -> None:
    write_rmf(tmp_path / "other.rmf", make_rmf(channels=CHANNELS[:100]))
    assert "made for" in refused(files(), "--rmf", tmp_path / "other.rmf")
    arf = make_arf()
    write_arf(tmp_path / "other.arf", replace(
        arf, energy_low=arf.energy_low[:90], energy_high=arf.energy_high[:90],
        effective_area=arf.effective_area[:90],
    ))  # fmt: skip
    assert "90 energy bins" in refused(files(), "--arf", tmp_path / "other.arf")
    write_arf(tmp_path / "zero.arf", make_arf(0.0))
    assert "no photon reaches" in refused(files(), "--arf", tmp_path / "zero.arf")
    whole = replace(make_rmf(), includes_area=True)
    write_rmf(tmp_path / "whole.rmf", whole)
    assert "applied twice" in refused(
        files(), "--rmf", tmp_path / "whole.rmf", "--arf", tmp_path / "made.arf"
    )


def test_rows_of_type_two(files: Files, refused: Refused, tmp_path: Path) -> None:
    files()
    path = tmp_path / "two.pha"
    write_pha_two(path, [drawn("powerlaw", FAINT, seed) for seed in (1, 2)])
    given = ("--rmf", tmp_path / "made.rmf", "--arf", tmp_path / "made.arf")
    assert "choose one, as in two.pha{1}" in refused(path, *given)
    assert "has no spectrum 3" in refused(f"{path}{{3}}", *given)
    assert "holds one spectrum only" in refused(f"{files()}{{2}}")


def test_outputs_are_no_inputs(files: Files, refused: Refused, tmp_path: Path) -> None:
    source = files()
    for name in ("source.pha", "made.arf", "made.rmf"):
        assert "is an input of this command" in refused(source, "--json", tmp_path / name)
    assert "is an input of this command" in refused(source, "--plot", source)
    (tmp_path / "back.png").write_bytes((tmp_path / "back.pha").read_bytes())
    given = ("--stat", "wstat", "--background", tmp_path / "back.png")
    assert "back.png: is an input" in refused(source, *given, "--plot", tmp_path / "back.png")
    told = refused(source, "--stat", "wstat", "--json", tmp_path / "back.pha")
    assert "back.pha: is an input" in told
    assert "is an input" in refused(f"{source}{{1}}", "--json", source)
    same = tmp_path / "x.out"
    assert "two outputs" in refused(source, "--json", same, "--plot", same)
    assert "does not exist" in refused(source, "--json", tmp_path / "no" / "a.json")
    assert "is a folder" in refused(source, "--plot", tmp_path)


def test_files_that_are_no_spectra(files: Files, refused: Refused, tmp_path: Path) -> None:
    files()
    (tmp_path / "text.pha").write_text("SIMPLE is what it is not")
    (tmp_path / "void.pha").write_bytes(b"")
    for name in ("text.pha", "void.pha", "gone.pha", "made.arf", "made.rmf"):
        assert name in refused(tmp_path / name)
    assert refused(tmp_path).startswith(str(tmp_path))
    cut = tmp_path / "cut.pha"
    cut.write_bytes((tmp_path / "source.pha").read_bytes()[:4000])
    assert "cut.pha" in refused(cut)


@pytest.mark.parametrize("name", ["source.pha", "made.arf", "made.rmf", "back.pha"])
def test_damaged_headers(files: Files, call: Call, tmp_path: Path, name: str) -> None:
    """Bytes of a header changed at random: a fit, or one line."""
    source = files()
    shutil.copy(tmp_path / name, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    rng = np.random.default_rng(len(name))
    start = whole.index(b"XTENSION")
    refusals = 0
    for _ in range(40):
        damaged = bytearray(whole)
        for place in rng.integers(start, start + 2880, 4):
            damaged[place] = int(rng.integers(32, 127))
        (tmp_path / name).write_bytes(damaged)
        status, _, errors = call(
            "spectrum", "fit", source, "--model", "powerlaw", "--stat", "wstat", "--no-intervals",
            "--starts", 1,
        )  # fmt: skip
        assert status in (0, 2), errors
        assert "Traceback" not in errors
        refusals += status == 2
        if status:
            assert errors.splitlines()[-1].startswith("xsurvey: error: ")
    assert refusals


def test_priors_are_looked_at_before_the_fit(
    refused: Refused, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fits(*_: object, **__: object) -> None:
        raise AssertionError("fitted in vain")

    monkeypatch.setattr("xsurvey.pipelines.spectra.fit_files.fit_spectra", fits)
    assert "has no prior" in refused(files(), "--nested")
