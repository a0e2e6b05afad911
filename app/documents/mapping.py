"""JMESPath expressions of a partner's document: compiled within bounds, evaluated within a budget.

An expression is written by a partner and run on what its API answers, in a process that works for every partner. So
what can make values grow is bounded when it is compiled, and work is counted while it is evaluated.
"""

import math
from collections.abc import Iterable, Iterator
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
"""Nodes visited and list elements copied for one answer: about 50 ms. What a function looks at counts less."""

_COMPILED_KEPT = 1024
_MULTI_SELECTS = frozenset({"multi_select_list", "multi_select_dict"})
_PRODUCERS = frozenset({"flatten", "slice", "function_expression"})  # copy lists without visiting their elements
_EQUALITIES = frozenset({"eq", "ne"})
_LOOK_AT_ALL = frozenset({"contains", "to_string"})
_LOOK_AT_EACH = frozenset({"avg", "max", "merge", "min", "reverse", "sum", "to_number"})
_LOOKS_PER_WORK = 4
"""Values that a function looks at while one node is visited; it does so in machine code."""
_CHARACTERS_PER_LOOK = 8


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

    def look(self, looks: int) -> None:
        """Take away the work of so many looks at values; raise MappingRefused when nothing is left."""
        self.spend(looks // _LOOKS_PER_WORK)

    def look_at_all(self, value: object) -> None:
        """Take away the work of looking through `value` to its depths; raise MappingRefused when nothing is left."""
        most = (self._left + 1) * _LOOKS_PER_WORK
        looks, stack = 0, [value]
        while stack and looks < most:
            part = stack.pop()
            looks += 1 if isinstance(part, list | dict) else _looks(part)
            if isinstance(part, dict):
                stack.extend(part)
                stack.extend(part.values())
            elif isinstance(part, list):
                stack.extend(part)
        self.look(looks)


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
        super().__init__(jmespath.Options(custom_functions=_CountedFunctions(budget)))
        self._budget = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend(1)
        found = super().visit(node, *args, **kwargs)
        if node["type"] in _PRODUCERS and isinstance(found, list):
            self._budget.spend(len(found))
        return found

    def visit_comparator(self, node: Any, value: Any) -> Any:
        if node["value"] not in _EQUALITIES:  # the others compare numbers alone
            return super().visit_comparator(node, value)
        left, right = (self.visit(child, value) for child in node["children"])
        if isinstance(left, list | dict) and isinstance(right, list | dict):
            self._budget.look_at_all(left)
        return self.COMPARATOR_FUNC[node["value"]](left, right)


class _CountedFunctions(Functions):
    """Takes the work of a call away beforehand, where it grows with what is given and no list tells of it later."""

    def __init__(self, budget: MappingBudget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        given = list(resolved_args)
        if function_name == "join":
            self._budget.look(_looks_of_join(*given))
        elif function_name in _LOOK_AT_EACH:
            self._budget.look(sum(map(_looks, given)))
        elif function_name in _LOOK_AT_ALL:
            for argument in given:
                self._budget.look_at_all(argument)
        return super().call_function(function_name, given)


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


def _looks_of_join(between: str, texts: list[str]) -> int:
    """Return the looks that a join takes: what stands between the texts is repeated, and may be as long as they are."""
    return len(texts) + (len(between) * len(texts) + sum(map(len, texts))) // _CHARACTERS_PER_LOOK


def _looks(value: object) -> int:
    """Return the looks that `value` takes, but for what is in its elements."""
    if isinstance(value, str):
        return 1 + len(value) // _CHARACTERS_PER_LOOK
    return len(value) if isinstance(value, list | dict) else 1


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
