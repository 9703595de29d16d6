import hashlib
import os

import pytest

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.spectra.models.definitions import (
    NORM,
    find_model,
    model_definitions,
    parse_definitions,
)
from xsurvey.spectra.models.installation import content_hash, installation

TEXT = """\
plain          2   0.         1.e20           C_plain    add  0
kT      keV     1.    0.008   0.009   64.0      65.0      .01
Width  "km / s" 0.    0.      0.      1.e4   1.e4         -10.0

odd  3  0.03  1.e20  F_odd  mul 0 1
nH  cm^-3 100. 0. 0. 10. 20. .05
$switch    2
*pivotE keV 1.0

wave 1 0. 1.e20 wavef con 0
phase " " 0.5 0. 0. 1. 1. 0.01 P
"""


def test_lines_are_read_as_xspec_has_them() -> None:
    models = parse_definitions(TEXT, "model.dat")
    plain, odd, wave = models.values()
    assert (plain.name, plain.kind, plain.symbol) == ("plain", "add", "C_plain")
    kt, width, norm = plain.parameters
    assert (kt.hard_min, kt.soft_min, kt.soft_max, kt.hard_max) == (0.008, 0.009, 64, 65)
    assert (kt.default, kt.delta, kt.frozen, kt.unit) == (1, 0.01, False, "keV")
    assert (width.unit, width.frozen, width.delta) == ("km / s", True, 10)
    assert norm is NORM
    assert plain.shape_parameters == (kt, width)
    assert (odd.kind, odd.symbol, odd.per_spectrum) == ("mul", "F_odd", True)
    assert not plain.per_spectrum
    density, switch, pivot = odd.parameters
    assert density.default == 10  # 100 is beyond the limits
    assert (switch.name, switch.default, switch.frozen, switch.switch) == ("switch", 2, True, True)
    assert (pivot.name, pivot.unit, pivot.default) == ("pivotE", "keV", 1)
    assert wave.parameters[0].hard_max == 1
    assert wave.shape_parameters == wave.parameters


@pytest.mark.parametrize(
    "text",
    [
        "plain 2 0. 1.e20 C_plain add 0\nkT keV 1. 0. 0. 64. 64. .01\n",
        "plain x 0. 1.e20 C_plain add 0\n",
        "plain 1 0. 1.e20 C_plain nonsense 0\nkT keV 1. 0. 0. 64. 64. .01\n",
        "plain 1 0. 1.e20 C_plain add 0\nkT keV 1. zero 0. 64. 64. .01\n",
        "plain 1 0. 1.e20 C_plain add 0\nkT 1. 0. 0. 64. 64. .01\n",
        "plain 1 0. 1.e20 C_plain add 0\n$ 1\n",
        'plain 2 0. 1.e20 C_plain add 0\na " " 1 0 0 2 2 1\nA " " 1 0 0 2 2 1\n',
        "plain 3\n",
    ],
)
def test_damaged_lines_are_errors_that_name_the_line(text: str) -> None:
    with pytest.raises(InputError, match=r"some\.dat: the model at line 3 "):
        parse_definitions("# comment\n\n" + text, "some.dat")


def test_the_installed_models_are_all_there() -> None:
    models = model_definitions()
    assert len(models) > 250
    apec = models["apec"]
    assert [p.name for p in apec.parameters] == ["kT", "Abundanc", "Redshift", "norm"]
    assert [p.frozen for p in apec.parameters] == [False, True, True, False]
    assert models["TBabs"].parameters[0].unit == "10^22"
    for model in models.values():
        for p in model.parameters:
            assert p.hard_min <= p.soft_min <= p.default <= p.soft_max <= p.hard_max, model.name


@pytest.mark.parametrize(
    ("name", "model"),
    [("po", "powerlaw"), ("POW", "powerlaw"), ("ga", "gaussian"), ("tbabs", "TBabs"),
     ("PhAbs", "phabs"), ("bbody", "bbody"), ("diskb", "diskbb")],
)  # fmt: skip
def test_names_and_abbreviations(name: str, model: str) -> None:
    assert find_model(name).name == model


@pytest.mark.parametrize(
    ("name", "told"),
    [("tb", "TBabs, TBfeo"), ("apce", "'apec'"), ("qqqqqq", "no such model"),
     ("p", "no such model"), ("bbodyx", "'bbody'")],
)  # fmt: skip
def test_unknown_and_ambiguous_names(name: str, told: str) -> None:
    with pytest.raises(ParameterError, match=told) as error:
        find_model(name)
    assert len(str(error.value)) < 300


def test_headas_without_models_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HEADAS", str(tmp_path))
    with pytest.raises(MissingDataError, match="unset HEADAS"):
        model_definitions()


def test_heasoft_has_its_models_beside_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    platform, manager = (
        tmp_path / "heasoft-6.99" / "x86_64",
        tmp_path / "heasoft-6.99/spectral/manager",
    )
    platform.mkdir(parents=True)
    manager.mkdir(parents=True)
    (manager / "model.dat").write_text(TEXT)
    monkeypatch.setenv("HEADAS", str(platform))
    assert list(model_definitions()) == ["plain", "odd", "wave"]
    assert installation().version == "6.99"


def test_a_changed_file_has_another_hash(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    first = content_hash(path)
    assert first == content_hash(path) == hashlib.sha256(b"x" * 1000).hexdigest()
    path.write_bytes(b"x" * 999 + b"y")
    os.utime(path, ns=(1, 1))
    assert content_hash(path) != first
