"""What light values keep of frozen ones, and what they leave to mypy."""

from dataclasses import dataclass, field, replace

import pytest

from app.values import light_value
from tests.builders import stored


@light_value
class Pair:
    """A value of two fields."""

    left: str
    right: list[str] = field(default_factory=list, repr=False)


def test_light_values_of_the_same_fields_are_equal_and_no_others() -> None:
    assert Pair("a", ["b"]) == Pair("a", ["b"])
    assert Pair("a", ["b"]) != Pair("a", ["c"])


def test_light_value_is_replaced_and_the_first_stays_as_it_was() -> None:
    first = Pair("a", ["b"])
    second = replace(first, left="c")
    assert (first.left, second.left, second.right) == ("a", "c", ["b"])


def test_light_value_hashes_by_its_fields() -> None:
    session = stored()
    assert len({session, replace(session)}) == 1
    assert len({session, replace(session, id="another")}) == 2


def test_light_value_has_no_place_for_another_field() -> None:
    with pytest.raises(AttributeError):
        Pair("a").between = "c"  # type: ignore[attr-defined]


def test_mypy_refuses_to_change_a_light_value() -> None:
    pair = Pair("a")
    pair.left = "b"  # type: ignore[misc]  # mypy says so too if this became superfluous
    assert pair == Pair("b")


def test_light_value_shows_no_field_that_is_to_be_hidden() -> None:
    assert repr(Pair("a", ["secret"])).endswith("Pair(left='a')")


def test_light_value_sets_its_fields_without_a_call_for_each() -> None:
    @dataclass(frozen=True, slots=True)
    class Frozen:
        left: str

    assert _names_a_setter(Frozen)
    assert not _names_a_setter(Pair)


def _names_a_setter(cls: type) -> bool:
    return any("setattr" in name.lower() for name in vars(cls)["__init__"].__code__.co_names)
