"""Turns what is wrong with a document into mistakes: where, and why, in a sentence for a person.

Knows no document. Never quotes what was sent: it may be a secret.
"""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from app.errors import Mistake

MAX_PATH_CHARACTERS = 256
"""Names of unknown members are the caller's own; a path shows no more of them."""

_KEY_MARK = "[key]"  # how pydantic says that it means the name in an object, not the value
_UNCLEAR = "This is not what the document may hold here."
_REASONS: Mapping[str, str] = {
    "missing": "This member is required.",
    "union_tag_not_found": "This member is required.",
    "extra_forbidden": "There is no member of this name.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "float_type": "This must be a number.",
    "finite_number": "This must be a finite number.",
    "bool_type": "This must be true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "string_too_short": "This must have at least {min_length} characters.",
    "string_too_long": "This must have at most {max_length} characters.",
    "too_short": "This must have at least {min_length} entries.",
    "too_long": "This must have at most {max_length} entries.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
    "literal_error": "This must be one of {expected}.",
    "union_tag_invalid": "This must be one of {expected_tags}.",
}


class SeveralMistakes(ValueError):
    """What a rule over several members found; the paths are relative to where the rule stands."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(tuple(mistakes))
        self.mistakes = tuple(mistakes)


def refuse_if_any(mistakes: Sequence[Mistake]) -> None:
    """Raise SeveralMistakes if there are any."""
    if mistakes:
        raise SeveralMistakes(mistakes)


def with_more(error: ValidationError, more: Sequence[Mistake]) -> ValidationError:
    """Return `error` with mistakes of the whole that it is about beside those of its members."""
    known = [
        InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"], ctx=one.get("ctx", {}))
        for one in error.errors(include_url=False)
    ]
    of_the_whole = InitErrorDetails(type="value_error", loc=(), input=None, ctx={"error": SeveralMistakes(more)})
    return ValidationError.from_exception_data(error.title, [*known, of_the_whole], hide_input=True)


def mistakes_in(error: ValidationError, unions: Mapping[tuple[str, ...], str]) -> tuple[Mistake, ...]:
    """Return the mistakes that pydantic found; `unions` maps a tagged union's place to its tag."""
    found: list[Mistake] = []
    for entry in error.errors(include_url=False, include_input=False):
        context = entry.get("ctx", {})
        place = _place(entry["loc"], unions)
        if entry["type"].startswith("union_tag"):
            place = (*place, unions.get(tuple(str(part) for part in place), ""))
        cause = context.get("error")
        if isinstance(cause, SeveralMistakes):
            found += [Mistake(_joined(dotted(place), inner.path), inner.reason) for inner in cause.mistakes]
        else:
            found.append(Mistake(dotted(place), _reason(entry["type"], context, cause)))
    return tuple(found)


def unstorable(value: object, place: tuple[int | str, ...] = ()) -> Iterator[Mistake]:
    """Yield a mistake for each text in `value` with a character that PostgreSQL cannot keep, U+0000."""
    match value:
        case str() if "\0" in value:
            yield Mistake(dotted(place), "This must not hold control characters.")
        case list():
            for index, entry in enumerate(value):
                yield from unstorable(entry, (*place, index))
        case dict():
            for name, entry in value.items():
                yield from unstorable(name, place)
                yield from unstorable(entry, (*place, name))


def dotted(place: Sequence[int | str]) -> str:
    """Return a place as people write it, e.g. `signature.keys[0].pem`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text[:MAX_PATH_CHARACTERS]


def _place(place: tuple[int | str, ...], unions: Mapping[tuple[str, ...], str]) -> tuple[int | str, ...]:
    for union in unions:  # pydantic names the chosen form of a tagged union as if it were a member
        if place[: len(union)] == union and len(place) > len(union):
            place = (*union, *place[len(union) + 1 :])
    return tuple(part for part in place if part != _KEY_MARK)


def _joined(outer: str, inner: str) -> str:
    if not outer or not inner or inner.startswith("["):
        return outer + inner
    return f"{outer}.{inner}"


def _reason(kind: str, context: Mapping[str, object], cause: object) -> str:
    if isinstance(cause, ValueError):
        return str(cause)
    if kind == "string_too_short" and context["min_length"] == 1:
        return "This must not be empty."
    return _REASONS.get(kind, _UNCLEAR).format_map({name: _short(value) for name, value in context.items()})


def _short(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
