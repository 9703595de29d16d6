"""Parameters: what a user says of them, and what is refused."""

import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import FitParameter, ParameterSet, apply_settings
from xsurvey.inference.priors import Normal
from xsurvey.spectra.assembly import absorbing_columns, model_parameters
from xsurvey.spectra.models.expression import parse_expression

EXPRESSION = "tbabs*(apec+pow)"


@pytest.fixture
def parameters() -> ParameterSet:
    return model_parameters(parse_expression(EXPRESSION), 1)[0]


def of(parameters: ParameterSet, name: str) -> FitParameter:
    return parameters.parameters[parameters.index(name)]


def test_start_is_that_of_xspec(parameters: ParameterSet) -> None:
    assert parameters.free_names == [
        "tbabs.nH", "apec.kT", "apec.norm", "pow.PhoIndex", "pow.norm",
    ]  # fmt: skip
    assert of(parameters, "apec.Abundanc").frozen
    assert parameters.start.tolist() == [1, 1, 1, 1, 1]
    names = [p.name for p in parameters.parameters if p.is_norm]
    assert names == ["apec.norm", "pow.norm"]


def test_names_in_any_case_and_in_full(parameters: ParameterSet) -> None:
    assert parameters.index("APEC.kt") == parameters.index("1:apec.kT") == 1
    assert parameters.index("powerlaw.phoindex") == parameters.index("pow.PhoIndex")
    two = model_parameters(parse_expression("pow+powerlaw"), 1)[0]
    assert two.index("powerlaw.norm") == 3
    with pytest.raises(ParameterError, match=r"did you mean .*apec\.kT"):
        parameters.index("apec.kTT")


def test_what_a_user_can_say(parameters: ParameterSet) -> None:
    rows = apply_settings(
        parameters, values=["apec.kT=3", "apec.Abundanc=0.3"], freeze=["tbabs.nH=0.05", "pow.norm"],
        thaw=["apec.abundanc"], links=["pow.PhoIndex=apec.kT/2"], limits=["apec.kT=0.5,9"],
        priors=["apec.Abundanc=normal:0.3,0.1"],
    )  # fmt: skip
    assert rows.free_names == ["apec.kT", "apec.Abundanc", "apec.norm"]
    assert of(rows, "tbabs.nH").value == 0.05
    assert rows.bounds[0].tolist() == [0.5, 0.0, 0.0]
    assert rows.bounds[1][0] == 9
    assert isinstance(of(rows, "apec.Abundanc").prior, Normal)
    full = rows.expand(np.array([[4.0, 0.2, 7.0], [6.0, 0.1, 8.0]]))
    assert full[:, rows.index("pow.PhoIndex")].tolist() == [2, 3]
    assert full[:, rows.index("apec.norm")].tolist() == [7, 8]
    assert full[:, rows.index("pow.norm")].tolist() == [1, 1]
    assert parameters.free_names[0] == "tbabs.nH"  # the set itself stays as it was


def test_other_starts(parameters: ParameterSet) -> None:
    rows = apply_settings(parameters, links=["pow.PhoIndex=2*apec.kT"]).with_values(
        np.array([0.1, 1.5, 2.0, 3.0])
    )
    assert rows.start.tolist() == [0.1, 1.5, 2.0, 3.0]
    assert of(rows, "pow.PhoIndex").value == 3.0
    assert of(rows, "pow.PhoIndex").link is not None


def test_inside_looks_at_links_too(parameters: ParameterSet) -> None:
    rows = apply_settings(parameters, links=["tbabs.nH=pow.PhoIndex-0.5"])
    full = rows.expand(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.2, 1.0]]))
    assert rows.inside(full).tolist() == [True, False]


def test_links_follow_links_in_order(parameters: ParameterSet) -> None:
    rows = apply_settings(parameters, links=["apec.kT=2*pow.PhoIndex", "pow.PhoIndex=apec.norm+1"])
    full = rows.expand(np.array([[0.1, 3.0, 1.0]]))[0]
    assert full[rows.index("pow.PhoIndex")] == 4
    assert full[rows.index("apec.kT")] == 8


def test_a_start_outside_of_its_prior_moves_to_the_middle(parameters: ParameterSet) -> None:
    rows = apply_settings(parameters, priors=["apec.kT=uniform:3,5"])
    assert of(rows, "apec.kT").value == pytest.approx(4)
    assert rows.bounds[0][1] == 3


def test_limits_move_the_start(parameters: ParameterSet) -> None:
    assert of(apply_settings(parameters, limits=["apec.kT=2,5"]), "apec.kT").value == 2
    norm = of(apply_settings(parameters, limits=["pow.norm=-1,1"]), "pow.norm")
    assert (norm.minimum, norm.maximum) == (-1, 1)


BAD = [
    ({"values": ["kT=3"]}, "no parameter"),
    ({"values": ["apec.kT"]}, "not of the form"),
    ({"values": ["apec.kT="]}, "not of the form"),
    ({"values": ["apec.kT=warm"]}, "not a number"),
    ({"values": ["apec.kT=nan"]}, "not a number"),
    ({"values": ["apec.kT=inf"]}, "not a number"),
    ({"values": ["apec.kT=1000"]}, "not within its limits"),
    ({"values": ["tbabs.nH=-1"]}, "not within its limits"),
    ({"values": ["2:apec.kT=1"]}, "no parameter"),
    ({"freeze": ["apec.kT=1000"]}, "not within its limits"),
    ({"freeze": ["apec.kT=x"]}, "not a number"),
    ({"freeze": [""]}, "no parameter"),
    ({"thaw": ["apec.abund"]}, "no parameter"),
    ({"limits": ["apec.kT=5,2"]}, "not low,high"),
    ({"limits": ["apec.kT=5"]}, "not low,high"),
    ({"limits": ["apec.kT=0.1,500"]}, "defined from"),
    ({"links": ["apec.kT=apec.kT"]}, "circle"),
    ({"links": ["apec.kT=pow.PhoIndex", "pow.PhoIndex=apec.kT"]}, "circle"),
    ({"links": ["apec.kT=1000*pow.PhoIndex"]}, "outside of its limits"),
    ({"links": ["apec.kT=pow.PhoIndex/0"]}, "outside of its limits"),
    ({"links": ["apec.kT=pow.PhoIndex"], "values": ["apec.kT=3"]}, "linked"),
    ({"links": ["apec.kT=pow.PhoIndex"], "freeze": ["APEC.kT"]}, "linked"),
    ({"links": ["apec.kT=pow.PhoIndex"], "thaw": ["apec.kT"]}, "linked"),
    ({"links": ["apec.kT=pow.PhoIndex"], "priors": ["apec.kT=uniform:1,2"]}, "linked"),
    ({"priors": ["apec.Abundanc=uniform:0,1"]}, "frozen"),
    ({"priors": ["apec.kT=gamma:1,2"]}, "apec.kT"),
    ({"priors": ["apec.kT=normal:1"]}, "apec.kT"),
    ({"priors": ["apec.kT=uniform:500,600"]}, "apec.kT"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "message"), BAD)
def test_what_is_refused(
    parameters: ParameterSet, said: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        apply_settings(parameters, **said)  # type: ignore[arg-type]


def test_names_need_no_component() -> None:
    rows = ParameterSet([FitParameter("delta", 20.0, 1, 100), FitParameter("log10_B", -1, -6, 3)])
    said = apply_settings(rows, values=["DELTA=10"], freeze=["log10_B=-2"])
    assert said.values.tolist() == [10, -2]
    assert said.free_names == ["delta"]
    with pytest.raises(ParameterError, match="of the form parameter=value"):
        apply_settings(rows, values=["delta"])


def test_switches_are_never_fitted() -> None:
    rows = model_parameters(parse_expression("mekal"), 1)[0]
    with pytest.raises(ParameterError, match="selects a method"):
        apply_settings(rows, thaw=["mekal.switch"])


def test_untied_parameters_are_of_their_spectrum() -> None:
    expression = parse_expression(EXPRESSION)
    rows, columns = model_parameters(expression, 3, ["powerlaw.norm", "apec.kT", "apec.kT"])
    names = [p.name for p in rows.parameters]
    assert names[len(expression.parameters) :] == [
        "2:pow.norm", "2:apec.kT", "3:pow.norm", "3:apec.kT",
    ]  # fmt: skip
    first = len(expression.parameters)
    place = expression.find("apec.kT")
    assert [own[place] for own in columns] == [place, first + 1, first + 3]
    assert (columns[0] != columns[2]).sum() == 2
    assert rows.index("3:powerlaw.norm") == first + 2
    with pytest.raises(ParameterError, match="only one spectrum"):
        model_parameters(expression, 1, ["apec.kT"])
    with pytest.raises(ParameterError, match="no parameter of"):
        model_parameters(expression, 2, ["apec.kTT"])


def test_columns_of_absorption() -> None:
    expression = parse_expression("phabs*ztbabs*(apec+powerlaw)")
    names = [expression.parameters[i].name for i in absorbing_columns(expression)]
    assert names == ["phabs.nH", "ztbabs.nH"]
