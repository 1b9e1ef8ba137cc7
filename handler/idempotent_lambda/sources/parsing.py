"""Functions that read values in which anything may be missing or have another type."""

from copy import deepcopy
from typing import Any, TypeGuard

MAX_COUNT_DIGITS = 9
"""The most digits of a count: Python refuses to read numbers of thousands of digits."""

MAX_NAME_CHARACTERS = 100
"""The most characters of a source's name in an error: an event may have any value there."""


_SCALARS = frozenset({str, int, float, bool, type(None)})


def find_path(value: object, *path: str) -> object:
    """Return the value at a path through objects; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_count(value: object) -> TypeGuard[str]:
    """Whether a value is the text of a whole number that is short enough to be read."""
    return isinstance(value, str) and value.isdecimal() and len(value) <= MAX_COUNT_DIGITS


def describe_name(value: object) -> str:
    """Return a field of a record in the form that an error shows."""
    if isinstance(value, str | None):
        return repr(value)[:MAX_NAME_CHARACTERS]
    return f"a {type(value).__name__}"


def copy_json(value: object) -> Any:
    """Return the same JSON once more, so that changes to the copy do not reach the original.

    Only a test can put other containers into an event; these are copied too.
    """
    holder = [value]
    pending: list[Any] = [holder]
    while pending:
        container = pending.pop()
        parts = container.items() if isinstance(container, dict) else enumerate(container)
        for place, part in parts:
            kind = type(part)
            if kind is dict or kind is list:
                container[place] = part.copy()
                pending.append(container[place])
            elif kind not in _SCALARS:
                container[place] = deepcopy(part)
    return holder[0]
