"""The stored result of a call: JSON from which the same value is read again."""

import json

MAX_RESULT_BYTES = 256 * 1024
"""As JSON. An item holds 400 KB with everything else in it:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_NESTED_LEVELS = 2000
"""How deep a result may be nested, where the interpreter's own limit is higher."""

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SCALAR_TYPES = frozenset({str, int, float, bool, type(None)})
_KEY_TYPES = frozenset({str})


def encode_result(value: object) -> str:
    """Return a result as JSON, from which the same value is read again.

    The same value has the same types: 1, 1.0 and True are three values.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot hold it as it is, or it is too large.
            The code of a value's own class may raise any other Exception.
    """
    text = _ENCODER.encode(value)
    if len(text) > MAX_RESULT_BYTES:
        raise ValueError(f"it has {len(text)} bytes, the most is {MAX_RESULT_BYTES}")
    # JSON keeps the types that it has itself, the sign of zero and the order of keys. Two halves
    # of a surrogate pair become one character, though, and keys that differ in that become one.
    if not (has_only_json_types(value) and json.loads(text) == value):
        raise ValueError("JSON makes another of it")
    return text


def decode_result(text: str | None) -> object:
    """Return the result that a record holds.

    Raises:
        TypeError, ValueError, RecursionError: the record holds none, or what is not JSON.
    """
    if text is None:
        raise TypeError("no result is stored")
    value: object = json.loads(text)
    return value


def has_only_json_types(value: object) -> bool:
    """Return whether a value consists of exactly the types that a JSON parser returns.

    A tuple, a key that is not text, or a value of a subclass is none of them. No code of a
    value's own class runs.

    Raises:
        ValueError: it has more than `MAX_NESTED_LEVELS`.
    """
    # Level by level, because a recursion would end before that of the JSON parser does.
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
