"""The numbers in a document that are not JSON, or that Python cannot hold, and their places.

`payload` decodes without this module. It asks here only after a failure, because the search for
the place is slow.
"""

import json
from math import isfinite, isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NUMBER_CHARACTERS = 40
"""The most characters of a number in an error."""

MAX_FIELD_PATH_CHARACTERS = 200
"""The most characters of a place in an error."""


def explain_unreadable(text: str) -> str:
    """Return why a document is refused that a decoder could not read safely.

    Raises:
        JSONDecodeError: the text is not JSON anyway.
    """
    try:
        problem = find_unsafe_number(_SLOW_DECODER.decode(text))
    except RecursionError:
        problem = None
    return problem or (
        "the body has more levels of nested objects and arrays than can be read, or an unsafe "
        "number in a field that it has twice: correct the producer"
    )


def find_unsafe_number(body: object) -> str | None:
    """Return why a body is refused that holds an unsafe number; None if it holds none.

    Args:
        body: event as Lambda has decoded it, or a document of `_SLOW_DECODER`.
    """
    pending: list[tuple[object, str]] = [(body, "body")]
    for value, place in pending:  # the list grows meanwhile
        if isinstance(value, float):
            found = "NaN" if isnan(value) else "Infinity or a number such as 1e400"
            if isinstance(value, _Number):
                is_long = len(value.text) > MAX_NUMBER_CHARACTERS
                found = f"{value.text[:MAX_NUMBER_CHARACTERS]}..." if is_long else value.text
            return (
                f"the body holds {found} at {place}, which is not JSON, or too large for a "
                "double: correct the producer, which must write null or a text instead"
            )
        parts: Iterable[tuple[str | int, object]] = ()
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, list):
            parts = enumerate(value)
        for name, part in parts:
            if isinstance(part, dict | list) or (isinstance(part, float) and not isfinite(part)):
                pending.append((part, (place + _name_step(name))[:MAX_FIELD_PATH_CHARACTERS]))
    return None


def _name_step(name: str | int) -> str:
    """Return the step to a field or an item, as a key expression writes it."""
    if isinstance(name, int):
        return f"[{name}]"
    is_plain = name.isascii() and name.isidentifier()
    return f".{name if is_plain else json.dumps(name)}"


class _Number(float):
    """A number that keeps the text of the document."""

    def __init__(self, text: str) -> None:
        self.text = text


def _read_int(text: str) -> float:
    """Return an integer; infinity if it has more digits than Python reads."""
    try:
        return int(text)
    except ValueError:
        return _Number(text)


_SLOW_DECODER = json.JSONDecoder(parse_int=_read_int, parse_float=_Number, parse_constant=_Number)
