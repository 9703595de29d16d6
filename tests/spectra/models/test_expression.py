import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.spectra.models.expression import (
    Convolution,
    Expression,
    Leaf,
    Node,
    Product,
    Sum,
    parse_expression,
)


def shape(expression: Expression) -> str:
    """Write the tree with all parentheses."""

    def text(node: Node) -> str:
        if isinstance(node, Leaf):
            return expression.components[node.component].name
        if isinstance(node, Convolution):
            return f"{expression.components[node.component].name}[{text(node.argument)}]"
        parts, sign = (node.factors, "*") if isinstance(node, Product) else (node.terms, "+")
        return f"({sign.join(text(part) for part in parts)})"

    return text(expression.tree)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("powerlaw", "powerlaw"),
        ("tbabs*(apec+powerlaw)", "(tbabs*(apec+powerlaw))"),
        ("tbabs(apec)", "(tbabs*apec)"),
        (" tbabs * ( apec + tbabs * apec ) ", "(tbabs*(apec+(tbabs_2*apec_2)))"),
        ("((powerlaw))", "powerlaw"),
        ("apec*tbabs", "(apec*tbabs)"),
        ("phabs*cflux*powerlaw", "(phabs*cflux[powerlaw])"),
        ("cflux*phabs*powerlaw", "cflux[(phabs*powerlaw)]"),
        ("cflux(phabs*powerlaw)+apec", "(cflux[(phabs*powerlaw)]+apec)"),
        ("cflux*(powerlaw)+apec", "(cflux[powerlaw]+apec)"),
        ("phabs(cflux(gsmooth(apec)))", "(phabs*cflux[gsmooth[apec]])"),
        ("(partcov*phabs)*powerlaw", "(partcov[phabs]*powerlaw)"),
        ("(constant+constant*phabs)*po", "((constant+(constant_2*phabs))*po)"),
        ("po+Po+PO", "(po+Po_2+PO_3)"),
    ],
)
def test_trees(text: str, tree: str) -> None:
    assert shape(parse_expression(text)) == tree


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("tbabs", "no additive component"),
        ("tbabs*phabs", "no additive component"),
        ("apec*apec", "character 6, 'apec': multiplies two sources"),
        ("apec*(tbabs*apec)", r"character 6, '\(': multiplies two sources"),
        ("apec+tbabs", "character 5, '\\+': adds photons to a factor"),
        ("cflux", "convolution of nothing"),
        ("cflux+powerlaw", "character 1, 'cflux': is a convolution of nothing"),
        ("2*powerlaw", "character 1, '2': is a number; use the model constant"),
        ("powerlaw*0.5", "'0.5': is a number"),
        ("tbabs*(powerlaw", "character 7, '\\(': is not closed"),
        ("tbabs*powerlaw)", "character 15, '\\)': is not expected"),
        ("powerlaw+", "character 10: a model is missing"),
        ("*powerlaw", "character 1, '\\*'"),
        ("()", "character 2"),
        ("powerlaw apec", "character 10, 'apec': is not expected"),
        (
            "tbabs*pwerlaw",
            "character 7, 'pwerlaw': there is no such model; did you mean 'powerlaw'",
        ),
        ("tb*powerlaw", "character 1, 'tb': is the beginning of several models"),
        ("cflux(apec)*phabs", "character 12, '\\*': follows the parentheses of a convolution"),
        ("tbabs*{x}", "table models"),
        ("pileup*powerlaw", "needs the response"),
        ("powerlaw-apec", "'-': is not expected"),
        ("(" * 60 + "powerlaw" + ")" * 60, "nested too deep"),
        ("powerlaw*é", "'é'"),
    ],
)
def test_errors_name_place_and_remedy(text: str, told: str) -> None:
    with pytest.raises(ParameterError, match=told) as error:
        parse_expression(text)
    assert "\n" not in str(error.value)


def test_parameters_follow_the_components() -> None:
    expression = parse_expression("tbabs*(apec+po+apec)")
    names = [p.name for p in expression.parameters]
    assert names == [
        "tbabs.nH", "apec.kT", "apec.Abundanc", "apec.Redshift", "apec.norm", "po.PhoIndex",
        "po.norm", "apec_2.kT", "apec_2.Abundanc", "apec_2.Redshift", "apec_2.norm",
    ]  # fmt: skip
    assert [c.norm for c in expression.components] == [None, 4, 6, 10]
    for i, name in enumerate(names):
        assert expression.find(name) == expression.find(f" {name.upper()} ") == i
    assert expression.find("powerlaw.phoindex") == 5  # its full name


def test_unknown_parameters_get_the_nearest() -> None:
    expression = parse_expression("tbabs*(apec+apec)")
    with pytest.raises(ParameterError, match=r"did you mean 'apec.Abundanc'"):
        expression.find("apec.abundance")
    with pytest.raises(ParameterError, match=r"xx\.y: is no parameter of tbabs\*\(apec\+apec\)"):
        expression.find("xx.y")


def trees() -> st.SearchStrategy[str]:
    """Texts of additive expressions, written with all parentheses."""
    factor = st.sampled_from(["tbabs", "phabs", "constant"])
    source = st.sampled_from(["powerlaw", "apec", "bbody"])
    return st.recursive(
        source,
        lambda inner: st.one_of(
            st.builds("({}*{})".format, factor, inner), st.builds("({}+{})".format, inner, inner)
        ),
        max_leaves=8,
    )


@given(trees(), st.data())
def test_spaces_and_more_parentheses_change_nothing(text: str, data: st.DataObject) -> None:
    spaced = "".join(
        c + " " * data.draw(st.integers(0, 2)) if c in "*+()" else c for c in f"({text})"
    )
    assert shape(parse_expression(spaced)) == shape(parse_expression(text))


@given(st.text(alphabet="apecowrlhbst*+()2. {", max_size=25))
def test_any_text_parses_or_is_an_error_for_users(text: str) -> None:
    try:
        expression = parse_expression(text)
    except ParameterError:
        return
    assert expression.components


def test_sum_and_product_are_kept_flat() -> None:
    tree = parse_expression("po+po+po").tree
    assert isinstance(tree, Sum)
    assert len(tree.terms) == 3
