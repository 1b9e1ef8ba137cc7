"""The numbers in a document that are not JSON, or that Python cannot hold, and their places.

`payload` decodes without this module, and asks here only about a document that it cannot decode,
and about events that Lambda has decoded.
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
    """Return the reason to refuse a document that the decoder of `payload` has refused.

    Raises:
        JSONDecodeError: the text is not JSON.
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
    """Return the reason to refuse a body with an unsafe number; None without such a number.

    Args:
        body: event as Lambda has decoded it, or a document of `_SLOW_DECODER`.
    """
    pending = [body]
    for value in pending:  # the list grows meanwhile
        for _, part in _list_parts(value):
            if _is_unsafe(part):
                return _explain(body)
            if isinstance(part, dict | list):
                pending.append(part)
    return None


def _list_parts(value: object) -> "Iterable[tuple[str | int, object]]":
    """Return the fields of an object, or the items of an array."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _is_unsafe(part: object) -> bool:
    return isinstance(part, float) and not isfinite(part)


def _explain(body: object) -> str:
    """Return the reason to refuse a body that has an unsafe number: the number and its place."""
    # The places are written only now, because a large event has many.
    pending: list[tuple[object, str]] = [(body, "body")]
    for value, place in pending:
        for name, part in _list_parts(value):
            inner = (place + _name_step(name))[:MAX_FIELD_PATH_CHARACTERS]
            if _is_unsafe(part):
                return (
                    f"the body holds {_describe_number(part)} at {inner}, which is not JSON, or "
                    "too large for a double: correct the producer, which must write null or a text "
                    "instead"
                )
            if isinstance(part, dict | list):
                pending.append((part, inner))
    raise ValueError("the body has no unsafe number")


def _describe_number(number: object) -> str:
    if not isinstance(number, _Number):
        is_nan = isinstance(number, float) and isnan(number)
        return "NaN" if is_nan else "Infinity or a number such as 1e400"
    is_long = len(number.text) > MAX_NUMBER_CHARACTERS
    return f"{number.text[:MAX_NUMBER_CHARACTERS]}..." if is_long else number.text


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


def _keep_text(text: str) -> float:
    """Return a number, which keeps its text if it is too large for a double."""
    number = float(text)
    return number if isfinite(number) else _Number(text)


_SLOW_DECODER = json.JSONDecoder(
    parse_int=_read_int, parse_float=_keep_text, parse_constant=_Number
)
