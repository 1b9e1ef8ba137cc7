"""Key expressions: JMESPath with functions of this package, where the order of fields is not seen.

The fields of a JSON object have no order, and two producers may write them differently. So
everything in JMESPath that lists fields takes them in the order of their names: `*`, `keys`,
`values` and `to_string`. The order of an array stays.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import jmespath
from jmespath import exceptions, functions, visitor

MAX_NFC = 1000
"""The longest text of `nfc`, in characters, which takes up to 0.7 ms. The time grows with the
square of the length: 500,000 accents in a wrong order would take half a minute."""


class CompiledExpression:
    """A compiled JMESPath expression. Threads may share it.

    Raises:
        JMESPathError: the text is not JMESPath, or calls a function that does not exist.
    """

    __slots__ = ("_tree",)

    def __init__(self, text: str) -> None:
        self._tree = jmespath.compile(text).parsed
        _check_functions(self._tree)

    def search(self, document: object) -> object:
        """Return the value that the expression finds in a document; None if it finds nothing.

        Raises:
            Exception: a function cannot take its argument, see `describe_failure`.
        """
        return _INTERPRETER.visit(self._tree, document)


def describe_failure(error: BaseException) -> str:
    """Say what a search found that failed, without a value of the document."""
    if isinstance(error, exceptions.JMESPathTypeError):
        taken = " or ".join(error.expected_types)
        found = functions.TYPES_MAP.get(error.actual_type, error.actual_type)
        return f"nothing: {error.function_name}() takes {taken}, and gets {found}"
    if isinstance(error, RecursionError):
        return "nothing: a value is nested too deeply"
    return type(error).__name__


class _KeyFunctions(functions.Functions):
    """JMESPath's functions and ours. Each of ours returns null for null."""

    @functions.signature({"types": []})
    def _func_lower(self, value: object) -> str | None:
        return _change_text("lower", value, str.lower)

    @functions.signature({"types": []})
    def _func_trim(self, value: object) -> str | None:
        return _change_text("trim", value, str.strip)

    @functions.signature({"types": []})
    def _func_nfc(self, value: object) -> str | None:
        return _change_text("nfc", value, _normalize)

    @functions.signature({"types": []})
    def _func_sha256(self, value: object) -> str | None:
        if _is_void(value):
            return None
        # Kinesis data that is not UTF-8 is bytes. Canonical JSON is ASCII, so it never equals them.
        data = value if isinstance(value, bytes) else _write_canonical(value)
        return hashlib.sha256(data).hexdigest()

    @functions.signature({"types": []})
    def _func_to_string(self, value: object) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_write_object)

    @functions.signature({"types": ["object"]})
    def _func_keys(self, fields: Mapping[str, object]) -> list[str]:
        return sorted(fields, key=str)

    @functions.signature({"types": ["object"]})
    def _func_values(self, fields: Mapping[str, object]) -> list[object]:
        return [fields[name] for name in sorted(fields, key=str)]


class _SortedInterpreter(visitor.TreeInterpreter):
    def visit_value_projection(self, node: Any, value: object) -> list[object] | None:
        """Return the values of ``*``; the method of the base class takes them as they come."""
        base, projected = node["children"]
        fields = self.visit(base, value)
        if not isinstance(fields, Mapping):
            return None
        found = (self.visit(projected, fields[name]) for name in sorted(fields, key=str))
        return [part for part in found if part is not None]


_INTERPRETER = _SortedInterpreter(jmespath.Options(custom_functions=_KeyFunctions()))


def _check_functions(node: Any) -> None:
    """Refuse an unknown function even where a search does not come by, as in ``a && nosuch(a)``."""
    name = node["value"] if node["type"] == "function_expression" else None
    if name and name not in _KeyFunctions.FUNCTION_TABLE:
        raise exceptions.UnknownFunctionError(f"Unknown function: {name}()")
    for child in node["children"]:
        if isinstance(child, dict):  # a slice has numbers
            _check_functions(child)


def _change_text(function: str, value: object, change: Callable[[str], str]) -> str | None:
    """Return what a function makes of its argument, which is text or null."""
    if value is None:
        return None
    if isinstance(value, str):
        return change(value)
    raise _build_type_error(function, type(value).__name__, "string", "null")


def _normalize(text: str) -> str:
    import unicodedata  # noqa: PLC0415  # seldom used

    if len(text) > MAX_NFC:
        taken = f"at most {MAX_NFC} characters (let the producer normalize)"
        raise _build_type_error("nfc", str(len(text)), taken)
    return unicodedata.normalize("NFC", text)


def _is_void(value: object) -> bool:
    """Whether a value identifies nothing, as if its fields were missing.

    An array needs all its parts, as a key that is an array does. An object needs one of its fields.
    The same holds for their parts.
    """
    if isinstance(value, list):
        return not value or any(map(_is_void, value))
    if isinstance(value, Mapping):
        return all(map(_is_void, value.values()))
    return value in (None, "", b"")


def _write_canonical(value: object) -> bytes:
    """Return one text for all JSON that is equal: sorted names, no blanks, ASCII.

    A number without point and exponent is exact. All others count in double precision, and equal
    the whole number that they are there: 1, 1.0 and 1e0 are equal, up to 1e22. True is not 1.

    Raises:
        JMESPathTypeError: the value is not JSON, such as NaN.
    """
    try:
        written = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        exact = json.loads(written, parse_float=_read_number)
        return json.dumps(exact, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise _build_type_error("sha256", f"a value that is not ({error})", "JSON") from None


def _read_number(text: str) -> float | int:
    number = float(text)
    # From 1e23 on, a short text such as 1e308 would become a long one, whose digits mean nothing.
    return int(number) if number.is_integer() and abs(number) < 1e23 else number  # noqa: PLR2004


def _write_object(value: object) -> object:
    """Return what JSON writes for a value of Python that JSON does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    text = str(value)
    if " at 0x" in text or isinstance(value, set | frozenset):
        # Its text would be different in each process.
        raise _build_type_error("to_string", type(value).__name__, "a value with one spelling")
    return text


def _build_type_error(function: str, found: str, *taken: str) -> Exception:
    """Build the error for a wrong argument, which it does not quote."""
    error: Exception = exceptions.JMESPathTypeError(function, None, found, list(taken))
    return error
