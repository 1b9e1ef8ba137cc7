"""The numbers in a document that are not JSON, or that Python cannot hold, and their places.

`payload` decodes without this module. It asks here only after a failure, because the search for
the place is slow.
"""

import json
import re
import sys
from math import isfinite, isinf, isnan
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_QUOTED_CHARACTERS = 40
"""The most characters of a number or a field's name in an error."""

MAX_PLACE_CHARACTERS = 200
"""The most characters of a place in an error."""

_HARMLESS = frozenset({str, int, bool, type(None)})
_UNQUOTED_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")

_NOT_JSON = "which is not JSON: correct the producer, which must write null or a text instead"
_NO_DOUBLE = "which is too large for a double: correct the producer, which must write it as a text"
_TOO_LONG = "which has more digits than Python reads ({}): correct the producer, which must write "
_TOO_LONG += "it as a text"
_TOO_DEEP = (
    "the body has more levels of nested objects and arrays than can be read: correct the producer"
)

_Path = tuple["_Path | None", str | int]
"""The place of a value: the place of its container, and its name or number there."""


class _Unsafe(NamedTuple):
    """A number that the body holds, and why it is refused."""

    text: str
    problem: str


def explain_refusal(text: str) -> str:
    """Return why a document is refused that a decoder could not read safely.

    Raises:
        JSONDecodeError: the text is not JSON anyway.
    """
    try:
        document = _SLOW_DECODER.decode(text)
    except RecursionError:
        return _TOO_DEEP
    return find_unsafe_number(document) or _TOO_DEEP


def find_unsafe_number(body: object) -> str | None:
    """Return why a body is refused that holds an unsafe number; None if it holds none.

    Args:
        body: event as Lambda has decoded it, or a document of `_SLOW_DECODER`.
    """
    pending: list[tuple[object, _Path | None]] = [(body, None)]
    for value, place in pending:  # the list grows meanwhile
        parts: Iterable[tuple[str | int, object]] = ()
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, list):
            parts = enumerate(value)
        elif isinstance(value, _Unsafe) or (isinstance(value, float) and not isfinite(value)):
            return _explain(value, place)
        pending += [(part, (place, name)) for name, part in parts if type(part) not in _HARMLESS]
    return None


def _explain(value: object, place: _Path | None) -> str:
    if isinstance(value, _Unsafe):
        text, problem = value
    elif isinstance(value, float) and isnan(value):
        text, problem = "NaN", _NOT_JSON
    else:
        text, problem = "Infinity or a number such as 1e400", _NO_DOUBLE
    if len(text) > MAX_QUOTED_CHARACTERS:
        text = f"{text[:MAX_QUOTED_CHARACTERS]}… ({len(text)} characters)"
    return f"the body holds {text} at {_render_path(place)}, {problem}"


def _render_path(place: _Path | None) -> str:
    """Return a place as a key expression names it."""
    steps: list[str] = []
    while place:
        place, name = place
        if isinstance(name, int):
            steps.append(f"[{name}]")
        else:
            name = name[:MAX_QUOTED_CHARACTERS]
            steps.append(f".{name}" if _UNQUOTED_NAME.fullmatch(name) else f".{json.dumps(name)}")
    path = "".join(reversed(steps))
    if len(path) > MAX_PLACE_CHARACTERS:
        path = "…" + path[-MAX_PLACE_CHARACTERS:]
    return "body" + path


def _try_float(text: str) -> float | _Unsafe:
    number = float(text)
    return _Unsafe(text, _NO_DOUBLE) if isinf(number) else number


def _try_int(text: str) -> int | _Unsafe:
    try:
        return int(text)
    except ValueError:
        return _Unsafe(text, _TOO_LONG.format(sys.get_int_max_str_digits()))


_SLOW_DECODER = json.JSONDecoder(
    parse_constant=lambda name: _Unsafe(name, _NOT_JSON),
    parse_float=_try_float,
    parse_int=_try_int,
)
