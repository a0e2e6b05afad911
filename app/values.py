"""Values that come by the thousand a second: frozen to whoever checks types, plain to the interpreter.

A frozen dataclass sets each field through `object.__setattr__`, at 0.1 µs each: a participant is some twenty values of
six fields. Whoever assigns to a field of a light value fails mypy, tests included; all others are frozen for real.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Value = TypeVar("Value")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def light_value(cls: type[Value]) -> type[Value]:
    """Return `cls` as a slotted dataclass that compares and hashes by its fields, which nobody changes."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
