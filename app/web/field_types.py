"""Which values show in a field of the campaign's page: a browser throws away what the field's type cannot hold.

The rules for the types are those of the HTML standard: valid floating-point number, valid date string.
"""

import re
from datetime import date
from math import isfinite
from typing import Final

_NUMBER: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def fills(type_: str, value: str) -> bool:
    """Tell whether a field of this type holds anything to be seen once it is given `value`."""
    match type_:
        case "number":
            return bool(_NUMBER.fullmatch(value)) and isfinite(float(value))
        case "date":
            return _is_day(value)
        case _:
            return bool(value.strip())


def _is_day(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    try:
        date(*map(int, match.groups()))
    except ValueError:
        return False
    return True
