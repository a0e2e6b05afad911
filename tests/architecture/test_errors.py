"""Every error of the tree can be carried between processes and told apart by its code."""

import pickle
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app import keyset_errors, play_errors
from app.errors import (
    ConfigurationError,
    Mistake,
    OutsideError,
    RequestError,
    RequestInvalid,
    TokenRejected,
    VestibuleError,
)
from app.reasons import PrefillReason, TokenReason

# The arguments of each class that has a constructor of its own; the others take those of the nearest class above.
ARGUMENTS: dict[type[VestibuleError], tuple[object, ...]] = {
    VestibuleError: ("why",),
    TokenRejected: (TokenReason.CLAIM_MISSING, "exp"),
    OutsideError: (PrefillReason.HTTP_429, "too many requests", 429, timedelta(seconds=30)),
    RequestError: ("why", 1.5),
    play_errors.PlayRefused: ({"title": "Sorry", "message": "Not today.", "return_url": None},),
    RequestInvalid: ((Mistake("signature.keys[0].pem", "is not a key"), Mistake("name", "is missing")), "two mistakes"),
    ConfigurationError: (("one", "two"),),
}


def _tree(error: type[VestibuleError] = VestibuleError) -> Iterator[type[VestibuleError]]:
    yield error
    for below in error.__subclasses__():
        yield from _tree(below)


OURS = {"app.errors", keyset_errors.__name__, play_errors.__name__}
EVERY_ERROR = [pytest.param(error, id=error.__name__) for error in _tree() if error.__module__ in OURS]


def _family(error: type[VestibuleError]) -> type:
    return error.__mro__[error.__mro__.index(VestibuleError) - 1]


def _arguments_of(error: type[VestibuleError]) -> tuple[object, ...]:
    return next(ARGUMENTS[above] for above in error.__mro__ if above in ARGUMENTS)


@pytest.mark.parametrize("error", EVERY_ERROR)
def test_error_pickled_comes_back_equal(error: type[VestibuleError]) -> None:
    sent = error(*_arguments_of(error))

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 our own bytes, made a line above

    assert type(received) is error
    assert received.args == sent.args
    assert vars(received) == vars(sent)
    assert (received.code, str(received)) == (sent.code, str(sent))


@pytest.mark.parametrize("error", EVERY_ERROR)
def test_error_with_a_constructor_of_its_own_is_tried_with_its_own_arguments(error: type[VestibuleError]) -> None:
    has_own_constructor = "__init__" in vars(error)

    assert has_own_constructor <= (error in ARGUMENTS)


def test_error_code_of_each_raised_class_is_its_own_in_its_family() -> None:
    raised = [error for error in _tree() if not error.__subclasses__()]

    codes = Counter((_family(error), error.code) for error in raised)

    assert [code for code, times in codes.items() if times > 1] == []


def test_error_tree_holds_every_family() -> None:
    families = {error.__name__ for error in VestibuleError.__subclasses__() if error.__module__ == "app.errors"}

    assert families == {"TokenRejected", "OutsideError", "InsideError", "RequestError", "ConfigurationError"}
