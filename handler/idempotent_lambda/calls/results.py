"""The stored result of a call: JSON that decodes to the same value."""

import json

MAX_RESULT_BYTES = 256 * 1024
"""The limit of the JSON. An item holds 400 KB, other attributes included:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_NESTED_LEVELS = 2000
"""The deepest nesting of a result, if the interpreter's own limit is higher."""

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SCALAR_TYPES = frozenset({str, int, float, bool, type(None)})
_KEY_TYPES = frozenset({str})


def encode_result(value: object) -> str:
    """Return a result as JSON that decodes to the same value.

    The same value has the same types: 1, 1.0 and True are three values.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot hold the value as it is, or it is too
            large. The code of the value's own class may raise any other Exception.
    """
    text = _ENCODER.encode(value)
    if len(text) > MAX_RESULT_BYTES:
        raise ValueError(f"it has {len(text)} bytes, the most is {MAX_RESULT_BYTES}")
    # JSON keeps its own types, the sign of zero and the order of keys. But two halves of a
    # surrogate pair become one character, and two keys that differ in that become one.
    if not (has_only_json_types(value) and json.loads(text) == value):
        raise ValueError("JSON would change it")
    return text


def decode_result(text: str | None) -> object:
    """Return the result that a record holds.

    Raises:
        TypeError, ValueError, RecursionError: the record has no result, or the result is not JSON.
    """
    if text is None:
        raise TypeError("no result is stored")
    value: object = json.loads(text)
    return value


def has_only_json_types(value: object) -> bool:
    """Whether a value consists of exactly the types that a JSON parser returns.

    A tuple, a key that is not text, or a value of a subclass does not qualify. No code of the
    value's own class runs.

    Raises:
        ValueError: the value has more than `MAX_NESTED_LEVELS` levels.
    """
    # Go level by level: a recursion here would fail earlier than that in the JSON parser.
    level: list[object] = [value]
    for _ in range(MAX_NESTED_LEVELS):
        parts: list[object] = []
        for part in level:
            if type(part) in _SCALAR_TYPES:
                continue
            if type(part) is list:
                parts += part
            elif type(part) is dict and _KEY_TYPES.issuperset(map(type, part)):
                parts += part.values()
            else:
                return False
        if not parts:
            return True
        level = parts
    raise ValueError(f"it has more than {MAX_NESTED_LEVELS} levels")
