"""The stored result of a call: the JSON that every caller gets."""

import json
import math
from typing import Any

from idempotent_lambda.errors import text_of

MAX_RESULT_BYTES = 256 * 1024
"""The limit of the JSON. An item holds 400 KB, other attributes included:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_NESTED_LEVELS = 2000
"""The deepest nesting of a result, if the interpreter's own limit is higher."""

MAX_PLACE_CHARACTERS = 200
"""The longest place in a result that an error shows. A longer one is left out: a piece of a hidden
key could not be recognized in it."""

_TOO_LARGE = (
    f"it has over {MAX_RESULT_BYTES} bytes or too many levels, or contains itself; return less"
)
_NUMBERS = (int, float, type(None))
_JSON_TYPES = {str, int, float, bool, type(None), list, dict}


def encode_result(value: object, *, of_handler: bool = False) -> tuple[str, object]:
    """Return a result as JSON, and the value that every caller gets.

    The value of an inner function must be equal to the value that its JSON decodes to. The value of
    a handler is written by the rules of Lambda's runtime client, because JSON is all that its
    caller ever sees: tuples are arrays, and objects with ``_asdict``, such as named tuples, are
    objects; a Decimal is a number, bytes within the value are UTF-8 text, and keys that are
    numbers, bools or None become text:
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py

    The first caller gets the returned object if it has JSON's own types, and otherwise the value
    that the JSON decodes to.

    Args:
        value: result of the call. Its own code may run, and is not trusted.
        of_handler: whether Lambda sends the result to the caller.

    Raises:
        ValueError: the result cannot be stored. The text names the place in the result, the rule
            and the remedy.
    """
    converter = _Converter(of_handler=of_handler)
    try:
        return converter.encode(value)
    except RecursionError:
        problem = _TOO_LARGE
    except UnicodeError:
        problem = "it has bytes that are not UTF-8, or half a surrogate pair; return other text"
    except Exception as error:  # noqa: BLE001  # the value's own code may raise anything
        problem = text_of(error) or type(error).__name__
    raise ValueError(f"{converter.show_place()}: {problem}")


def decode_result(text: str | None) -> object:
    """Return the result that a record holds.

    Raises:
        TypeError, ValueError, RecursionError: the record has no result, or the result is not JSON.
    """
    value: object = json.loads(text or "")  # no text is not JSON
    return value


class _Converter:
    """Converts a result into JSON's own types, and keeps the place where it is."""

    def __init__(self, *, of_handler: bool) -> None:
        self._of_handler = of_handler
        self._steps: list[str | int] = []
        self._kinds: set[type] = set()
        self._size = 0

    def show_place(self) -> str:
        """Return the place of the part that is being converted, such as ``result["items"][0]``."""
        place = "result" + "".join(f"[{json.dumps(step)}]" for step in self._steps)
        return place if len(place) <= MAX_PLACE_CHARACTERS else "result[...]"

    def encode(self, value: object) -> tuple[str, object]:
        """See `encode_result`."""
        text = json.dumps(self._convert(value), allow_nan=False, separators=(",", ":"))
        if len(text) > MAX_RESULT_BYTES:
            raise ValueError(_TOO_LARGE)
        decoded: object = json.loads(text)
        # JSON keeps its own types, the sign of zero and the order of keys.
        is_plain = self._kinds <= _JSON_TYPES
        is_equal = (is_plain or not self._of_handler) and decoded == value
        if not (is_equal or self._of_handler):
            problem = "it would come back unequal; return plain lists and dicts"
            raise ValueError(f"{problem}, and text without surrogate pairs")
        return text, value if is_plain and is_equal else decoded

    def _convert(self, part: Any) -> Any:
        kind = type(part)
        self._kinds.add(kind)
        self._size += 1
        # An endless part, or a small one with many paths through it, must not fill the memory.
        if self._size > MAX_RESULT_BYTES or len(self._steps) >= MAX_NESTED_LEVELS:
            raise ValueError(_TOO_LARGE)
        if issubclass(kind, str):
            return self._convert_text(part)
        if issubclass(kind, _NUMBERS):
            number = _convert_number(part)
            if type(number) is float and not math.isfinite(number):
                raise ValueError(f"{json.dumps(number)} is not JSON; return None or text")
            return number
        fields = part
        if self._of_handler and callable(getattr(part, "_asdict", None)):
            fields = part._asdict()
        is_dict = issubclass(type(fields), dict)
        steps: Any
        if is_dict:
            # As the encoders do: a dict without entries is not asked for its items.
            items = fields.items() if dict.__len__(fields) else ()
            steps = ((self._convert_key(key), inner) for key, inner in items)
        elif issubclass(kind, list | tuple if self._of_handler else list) and fields is part:
            steps = enumerate(part)
        else:
            return self._convert_other(part)
        converted = {}
        for step, inner in steps:
            self._steps.append(step)
            converted[step] = self._convert(inner)
            self._steps.pop()
        return converted if is_dict else [*converted.values()]

    def _convert_other(self, part: Any) -> Any:
        kind = type(part)
        if self._of_handler:
            from decimal import Decimal  # noqa: PLC0415  # seldom used

            if issubclass(kind, Decimal):
                return self._convert(json.loads(str(part)))
            # Lambda sends bytes that are the whole result as they are, not as JSON.
            if issubclass(kind, bytes) and self._steps:
                return self._convert_text(part)
        if issubclass(kind, tuple):
            raise TypeError("a tuple would come back as a list; return a list")
        remedy = (
            "return text, numbers, lists or dicts, such as its str(), isoformat(), sorted() or "
        )
        remedy += "dataclasses.asdict()"
        raise TypeError(f"a value of type {kind.__name__} is not JSON; {remedy}")

    def _convert_key(self, key: Any) -> str:
        kind = type(key)
        self._kinds.add(kind)
        if issubclass(kind, str) or (self._of_handler and issubclass(kind, bytes)):
            return self._convert_text(key)
        if self._of_handler and issubclass(kind, _NUMBERS):
            return json.dumps(_convert_number(key))
        raise TypeError(f"a key of type {kind.__name__} is not text; use text keys")

    def _convert_text(self, part: Any) -> str:
        if issubclass(type(part), bytes):
            part = bytes.decode(part)
        text = str.__str__(part)
        if self._of_handler:
            # Lambda sends UTF-8, which has no half of a surrogate pair. A pair becomes a character.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        self._size += len(text)
        return text


def _convert_number(part: Any) -> Any:
    """Return None, a bool or a number without its class: a subclass may write itself otherwise."""
    if part is None or type(part) is bool:
        return part
    return int(part) if issubclass(type(part), int) else float(part)
