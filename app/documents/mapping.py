"""JMESPath expressions of a partner's document: compiled within bounds, evaluated within a budget.

An expression is written by a partner and run on what its API answers, in a process that works for every partner. So
what can make values grow is bounded when it is compiled, and work is counted while it is evaluated.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.functions import Functions
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

MAX_EXPRESSION_CHARACTERS = 256
MAX_FUNCTIONS = 8
"""Calls in one expression: `to_string(to_array(…))` doubles quotes at each level."""
MAX_GROWTH = 64
"""The product of (width + 1) over all multi-selects: how often `[@, @].[@, @]` may repeat the answer."""
MAX_WORK = 50_000
"""Nodes visited and list elements copied for one answer: about 50 ms."""

_COMPILED_KEPT = 1024
_MULTI_SELECTS = frozenset({"multi_select_list", "multi_select_dict"})
_PRODUCERS = frozenset({"flatten", "slice", "function_expression"})  # copy lists without visiting their elements


class MappingRefused(ValueError):
    """The expression is not JMESPath, goes beyond the bounds, or fails on this answer; never quotes either."""


class MappingBudget:
    """What is left of the work that one answer may cause."""

    def __init__(self, work: int = MAX_WORK) -> None:
        self._left = work

    def spend(self, work: int) -> None:
        """Take `work` away; raise MappingRefused when nothing is left."""
        self._left -= work
        if self._left < 0:
            raise MappingRefused("too much work")


def check_expression(expression: str) -> None:
    """Raise MappingRefused unless `expression` is JMESPath within bounds."""
    _compile(expression)


def evaluate(expression: str, document: object, budget: MappingBudget) -> object:
    """Return what `expression` finds in `document`, None if nothing; raise MappingRefused."""
    parsed = _compile(expression)
    try:
        return _CountingInterpreter(budget).visit(parsed.parsed, document)
    except MappingRefused:
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError):
        # JMESPath's own errors are ValueErrors; the others escape its functions when values have unforeseen types.
        raise MappingRefused("not applicable") from None


class _CountingInterpreter(TreeInterpreter):
    def __init__(self, budget: MappingBudget) -> None:
        super().__init__()
        self._budget = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend(1)
        found = super().visit(node, *args, **kwargs)
        if node["type"] in _PRODUCERS and isinstance(found, list):
            self._budget.spend(len(found))
        return found


@lru_cache(_COMPILED_KEPT)
def _compile(expression: str) -> ParsedResult:
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise MappingRefused("too long")
    try:
        parsed = jmespath.compile(expression)
    except (ValueError, TypeError, LookupError, RecursionError):
        raise MappingRefused("not JMESPath") from None
    nodes = list(_nodes(parsed.parsed))
    calls = [node for node in nodes if node["type"] == "function_expression"]
    if len(calls) > MAX_FUNCTIONS:
        raise MappingRefused("too many functions")
    if not all(_is_known(call["value"], len(call["children"])) for call in calls):
        raise MappingRefused("unknown function or number of arguments")
    if math.prod(len(node["children"]) + 1 for node in nodes if node["type"] in _MULTI_SELECTS) > MAX_GROWTH:
        raise MappingRefused("repeats too much")
    return parsed


def _is_known(function: str, arguments: int) -> bool:
    """Tell whether JMESPath has `function` with so many arguments; its compiler leaves that to the evaluation."""
    known = Functions.FUNCTION_TABLE.get(function)
    if known is None:
        return False
    signature = known["signature"]
    is_variadic = bool(signature) and signature[-1].get("variadic", False)
    return arguments >= len(signature) if is_variadic else arguments == len(signature)


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):  # a slice has plain numbers for children
            yield node
            stack.extend(node["children"])
