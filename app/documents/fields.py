"""The kinds of values that documents are made of: texts, numbers, moments, languages, addresses.

Each is strict (no "60" for 60, a boolean is no number), bounded, and free of control characters.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import signature
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from app.documents.mistakes import refuse_if_any, with_more
from app.errors import Mistake

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WITHOUT_CONTROLS = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*"
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINES = r"[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]*"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\])"
    # To 65535, said here and not in code, so that the published schema says it too.
    r"(?::(?P<port>[1-9][0-9]{0,3}|[1-5][0-9]{4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5])))))?"
)
_NAMED = re.compile(r"\(\?P<[a-z]+>")
WEB_SCHEME = "[Hh][Tt][Tt][Pp][Ss]?://"
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\xa0\\<>\"]")
_VARIABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


Rule = Callable[..., Iterable[Mistake]]
"""Finds what is wrong between members, the names of which are those of its parameters."""
_valid: ContextVar[dict[str, Any]] = ContextVar("valid")
"""The members so far that are right in themselves, of the part of a document that is being looked at."""


class Document(BaseModel):
    """A part of a document: unknown members are refused, and an error never quotes what was sent.

    Each of its `rules` is looked at where the members that it is about are right, whatever else is wrong, so that all
    mistakes are told at once.
    """

    rules: ClassVar[Sequence[Rule]] = ()

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_serialization_defaults_required=True,  # what is stored has every member
    )

    @field_validator("*")
    @classmethod
    def _note(cls, value: Any, info: ValidationInfo) -> Any:
        _valid.get()[str(info.field_name)] = value
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _hold_rules(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        valid = {} if not isinstance(sent, Mapping) else cls._defaults(sent)
        before = _valid.set(valid)
        try:
            made = handler(sent)
        except ValidationError as error:
            mistakes = cls._broken(valid)
            raise (with_more(error, mistakes) if mistakes else error) from None
        finally:
            _valid.reset(before)
        refuse_if_any(cls._broken(valid))
        return made

    @classmethod
    def _defaults(cls, sent: Mapping[str, Any]) -> dict[str, Any]:
        left_out = {name: field for name, field in cls.model_fields.items() if name not in sent}
        return {
            name: field.get_default(call_default_factory=True)
            for name, field in left_out.items()
            if cls.rules and not field.is_required()
        }

    @classmethod
    def _broken(cls, valid: Mapping[str, Any]) -> Sequence[Mistake]:
        found: list[Mistake] = []
        for rule in cls.rules:
            about = signature(rule).parameters
            if valid.keys() >= about.keys():
                found += rule(**{name: valid[name] for name in about})
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """Adds to the JSON Schema of a type what its validator demands.

    With `is_sent_alone` only to that of what is sent, which is stored in another form.
    """

    members: Mapping[str, Any] = field(hash=False)
    is_sent_alone: bool = False

    @classmethod
    def pattern(cls, pattern: str) -> "Shown":
        """Return what says that the whole text matches `pattern` (ECMA 262)."""
        return cls({"pattern": f"^(?:{pattern})$"})

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        is_silent = self.is_sent_alone and handler.mode == "serialization"
        return handler(schema) if is_silent else {**handler(schema), **self.members}


def _without_controls(value: str) -> str:
    if _CONTROLS.search(value):
        raise ValueError("This must not hold control characters.")
    return value


def _lines(value: str) -> str:
    if _CONTROLS_BUT_LINES.search(value):
        raise ValueError("This must not hold control characters other than line breaks.")
    return value


def _plain(value: float) -> float:
    return int(value) if value.is_integer() else value  # 5 stays 5 in the answer


def integral(sent: object) -> object:
    """Return the whole number that `sent` is, or itself."""
    # 60.0 is a whole number too, in JSON as in JSON Schema.
    return int(sent) if isinstance(sent, float) and sent.is_integer() else sent


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("This must be a language tag, such as en or pt-BR (BCP 47).")
    return value


def _moment(value: str) -> str:
    try:
        is_moment = bool(_MOMENT.fullmatch(value)) and bool(datetime.fromisoformat(value.upper()).astimezone(UTC))
    except (ValueError, OverflowError):  # the first and the last day of the calendar are not everywhere in it
        is_moment = False
    if not is_moment:
        raise ValueError("This must be a moment with its offset, such as 2027-03-01T00:00:00Z (RFC 3339).")
    return value


def _origin(value: str) -> str:
    match = _ORIGIN.fullmatch(value)
    if match is None:
        raise ValueError("This must be an origin as browsers send it: scheme://host[:port], in lower case, no path.")
    if match["port"] == _DEFAULT_PORTS[match["scheme"]]:
        raise ValueError("Leave the scheme's own port out: browsers do not send it.")
    return value


def _page(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_page = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_page = False
    if not is_page or _NOT_IN_URLS.search(value):
        raise ValueError("This must be a web address that begins with https:// or http://.")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("This name must have 1 to 64 characters of A-Z, a-z, 0-9, underscore, dot and hyphen.")
    return value


_PLAIN = (AfterValidator(_without_controls), Shown.pattern(_WITHOUT_CONTROLS))
Name = Annotated[str, Field(min_length=1, max_length=200), *_PLAIN]
Identifier = Annotated[str, Field(min_length=1, max_length=256), *_PLAIN]
Issuer = Annotated[str, Field(min_length=1, max_length=1024), *_PLAIN]
Message = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_lines), Shown.pattern(_LINES)]
Short = AfterValidator(_plain)
WHOLE = BeforeValidator(integral)
Language = Annotated[str, Field(max_length=35), AfterValidator(_language), Shown.pattern(_LANGUAGE.pattern)]
Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment), Shown({"format": "date-time"})]
Origin = Annotated[
    str,
    Field(max_length=300),
    AfterValidator(_origin),
    Shown.pattern(_NAMED.sub("(?:", _ORIGIN.pattern)),  # JSON Schema knows no names of groups
]
Page = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    AfterValidator(_page),
    Shown.pattern(WEB_SCHEME + r"[^\x00-\x20\x7f-\xa0\\<>\"]+"),
]
Variable = Annotated[str, AfterValidator(_variable), Shown.pattern(_VARIABLE.pattern)]


UNIQUE = Shown({"uniqueItems": True})


def said(name: str) -> dict[str, Any]:
    """Return the JSON Schema of objects that have a member of this name, and not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def repeated(values: Sequence[Hashable]) -> list[int]:
    """Return the places of values that stood before."""
    return [index for index, value in enumerate(values) if value in values[:index]]


def twice(name: str, values: Sequence[Hashable]) -> list[Mistake]:
    """Return a mistake for each entry of the list `name` that stood before."""
    return [Mistake(f"{name}[{index}]", "This stands here twice.") for index in repeated(values)]
