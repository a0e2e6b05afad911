"""JMESPath within bounds: what compiles, what it finds, and what it may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.mapping import MappingBudget, MappingRefused, check_expression, evaluate

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
EXPRESSIONS = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "c",
            "@",
            "*",
            ".",
            "[",
            "]",
            "[*]",
            "[]",
            "[?",
            "]",
            "|",
            "||",
            "&&",
            "!",
            "==",
            "<",
            "(",
            ")",
            "{",
            "}",
            ":",
            ",",
            "&",
            "`1`",
            "'x'",
            "[0]",
            "[::0]",
            "[::-1]",
            "sort(",
            "sum(",
            "map(",
            "join(",
            "to_string(",
            "sort_by(",
            "max_by(",
            "avg(",
            "ceil(",
            "length(",
            "keys(",
            "merge(",
            "not_null(",
        ]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        pytest.param("a.b", 1, id="field"),
        pytest.param("a", {"b": 1}, id="object"),
        pytest.param("l[?k=='y'].v | [0]", 2, id="filter"),
        pytest.param("length(l)", 2, id="function"),
        pytest.param("join('-', l[].k)", "x-y", id="join"),
        pytest.param("not_null(n, a.b, `0`)", 1, id="any number of arguments"),
        pytest.param("nothing", None, id="nothing"),
    ],
)
def test_evaluate_of_an_expression_returns_what_it_finds(expression: str, found: object) -> None:
    document = {"a": {"b": 1}, "l": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}

    assert evaluate(expression, document, MappingBudget()) == found


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("", id="empty"),
        pytest.param("a[", id="syntax"),
        pytest.param("a..b", id="two dots"),
        pytest.param("'" + "a" * 300 + "'", id="too long"),
        pytest.param("nope(a)", id="unknown function"),
        pytest.param("length()", id="too few arguments"),
        pytest.param("length(a, b)", id="too many arguments"),
        pytest.param("not_null()", id="too few of any number"),
        pytest.param("to_string(to_array(" * 5 + "@" + "))" * 5, id="too many functions"),
        pytest.param("[@,@].[@,@].[@,@].[@,@]", id="repeats too much"),
        pytest.param("[" + ",".join("@" * 70) + "]", id="too wide"),
    ],
)
def test_check_expression_beyond_the_bounds_refuses_it(expression: str) -> None:
    with pytest.raises(MappingRefused):
        check_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("l[*]", id="projection"),
        pytest.param("l[?@ == `1`]", id="filter"),
        pytest.param("[l, l][]", id="flatten"),
        pytest.param("l[::-1]", id="slice"),
        pytest.param("sort(l)", id="function"),
        pytest.param("map(&to_string(@), l)", id="expression reference"),
    ],
)
def test_evaluate_beyond_the_budget_is_refused(expression: str) -> None:
    budget = MappingBudget(1000)

    with pytest.raises(MappingRefused):
        evaluate(expression, {"l": [1] * 1001}, budget)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("join(t, texts)", id="join"),
        pytest.param("to_string([" + ",".join(["t"] * 60) + "])", id="text of texts"),
        pytest.param("to_string(numbers)", id="text of numbers"),
        pytest.param("to_string(to_array(" * 4 + "t" + "))" * 4, id="text that grows"),
        pytest.param("contains(numbers, 'x')", id="search"),
        pytest.param("numbers == same", id="comparison"),
        pytest.param("sum(numbers)", id="sum"),
        pytest.param("merge(" + ",".join("@" * 100) + ")", id="merge"),
    ],
)
def test_evaluate_of_what_a_function_makes_of_much_is_refused_before_it_is_made(expression: str) -> None:
    document = {"t": '"' * 3000, "texts": [""] * 1000, "numbers": [1] * 10_000, "same": [1.0] * 10_000}
    more = {f"{number}": number for number in range(100)}

    with pytest.raises(MappingRefused, match="too much work"):
        evaluate(expression, document | more, MappingBudget(1000))


def test_evaluate_of_a_long_list_that_is_only_looked_at_costs_little() -> None:
    budget = MappingBudget(10)

    assert evaluate("length(l)", {"l": [1] * 1001}, budget) == 1001


@pytest.mark.parametrize(
    ("expression", "document"),
    [
        pytest.param("length(a)", {"a": 1}, id="wrong type"),
        pytest.param("a[::0]", {"a": [1]}, id="step of zero"),
        pytest.param("max_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]}, id="values that do not compare"),
        pytest.param("ceil(a)", {"a": float("inf")}, id="infinity"),
    ],
)
def test_evaluate_on_values_of_unforeseen_types_is_refused(expression: str, document: object) -> None:
    with pytest.raises(MappingRefused):
        evaluate(expression, document, MappingBudget())


@given(EXPRESSIONS, JSON)
def test_evaluate_of_any_expression_finds_something_or_refuses(expression: str, document: object) -> None:
    try:
        evaluate(expression, document, MappingBudget())
    except MappingRefused as refused:
        assert refused.__cause__ is None  # noqa: PT017 - both outcomes are right
