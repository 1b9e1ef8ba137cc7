"""The parts of a result: which are JSON's own types, and what the others become."""

import json
import math
from typing import Any

MAX_RESULT_BYTES = 256 * 1024
"""The limit of the JSON. An item holds 400 KB, other attributes included:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_NESTED_LEVELS = 2000
"""The deepest nesting of a result, if the interpreter's own limit is higher."""

MAX_SHOWN_STEPS = 8
"""The longest place in a result that an error shows."""

MAX_SHOWN_STEP_CHARACTERS = 40
"""The longest key that such a place shows. A longer one is left out: a piece of a hidden key could
not be recognized in it."""

ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

_SCALAR_TYPES = frozenset({str, int, float, bool, type(None)})
_KEY_TYPES = frozenset({str})


def has_only_json_types(value: object) -> bool:
    """Whether a value consists of exactly the types that a JSON parser returns.

    A tuple, a key that is not text, or a value of a subclass does not qualify. No code of the
    value's own class runs.

    Raises:
        ValueError: the value has more than `MAX_NESTED_LEVELS` levels, or too many parts.
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
        if len(parts) > MAX_RESULT_BYTES:  # each takes a byte; a value that holds itself never ends
            break
        level = parts
    raise ValueError("it has too many levels or parts")


def is_unicode(value: object) -> bool:
    """Whether the text in a JSON value can be sent as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


class ResultCopier:
    """Copies a result into JSON's own types, and keeps the place where it is."""

    def __init__(self, *, of_handler: bool) -> None:
        self._of_handler = of_handler
        self._steps: list[str | int] = []
        self._open: set[int] = set()
        self._count = 0

    def show_place(self) -> str:
        """Return the place of the part that is being copied, such as ``result["items"][0]``."""
        shown = [
            f"[{json.dumps(step)}]" if len(str(step)) <= MAX_SHOWN_STEP_CHARACTERS else "[...]"
            for step in self._steps[:MAX_SHOWN_STEPS]
        ]
        return "result" + "".join(shown) + ("..." if self._steps[MAX_SHOWN_STEPS:] else "")

    def encode(self, value: object) -> str:
        """Return the JSON of a copy of the value.

        Raises:
            Exception: see `copy`.
        """
        text = ENCODER.encode(self.copy(value))
        if len(text) > MAX_RESULT_BYTES:
            limit = f"the most is {MAX_RESULT_BYTES}; return less"
            raise ValueError(f"it has {len(text)} bytes, {limit}")
        return text

    def copy(self, part: Any) -> Any:
        """Return a part in JSON's own types.

        Raises:
            Exception: the part cannot be written, or its own code raises.
        """
        self._count += 1
        if self._count > MAX_RESULT_BYTES:
            raise ValueError(f"it has more than {MAX_RESULT_BYTES} parts; return less")
        if len(self._steps) >= MAX_NESTED_LEVELS:
            raise ValueError(f"it has more than {MAX_NESTED_LEVELS} levels; return a flatter value")
        copied = self._copy_scalar(part) if _is_scalar(type(part)) else self._copy_parts(part)
        if not (self._of_handler or type(part) is type(copied) or copied == part):
            name, plain = type(part).__name__, type(copied).__name__
            raise ValueError(f"a {name} would come back as an unequal {plain}; return a {plain}")
        return copied

    def _copy_scalar(self, part: Any) -> Any:
        if part is None or type(part) is bool:
            return part
        if issubclass(type(part), str):
            return self._copy_text(part)
        # A subclass may write itself in another way, so convert its value.
        number = int(part) if issubclass(type(part), int) else float(part)
        if type(number) is float and not math.isfinite(number):
            raise ValueError(f"{json.dumps(number)} is not JSON; return None or text")
        ENCODER.encode(number)  # fails for a number of too many digits
        return number

    def _copy_text(self, part: Any) -> str:
        if issubclass(type(part), bytes):
            try:
                return bytes.decode(part)
            except UnicodeDecodeError:
                raise ValueError("the bytes are not UTF-8; return text") from None
        text = str.__str__(part)
        if text.isascii():
            return text
        decoded: str = json.loads(ENCODER.encode(text))
        if self._of_handler and not is_unicode(decoded):
            raise ValueError("it has half a surrogate pair, which Lambda cannot send; remove it")
        if not self._of_handler and decoded != text:
            problem = "two halves of a surrogate pair would become one character; join them"
            raise ValueError(problem)
        return text

    def _copy_parts(self, part: Any) -> Any:
        if id(part) in self._open:
            raise ValueError("it contains itself; return a value without a cycle")
        self._open.add(id(part))
        kind = type(part)
        fields = _list_fields(part) if self._of_handler else None
        copied: object
        if fields is not None or issubclass(kind, dict):
            copied = self._copy_items(part if fields is None else fields)
        elif issubclass(kind, list) or (self._of_handler and issubclass(kind, tuple)):
            copied = self._copy_list(part)
        else:
            copied = self._copy_other(part)
        self._open.remove(id(part))
        return copied

    def _copy_list(self, parts: Any) -> list[Any]:
        copied = []
        for place, part in enumerate(parts):
            self._steps.append(place)
            copied.append(self.copy(part))
            self._steps.pop()
        return copied

    def _copy_items(self, parts: Any) -> dict[str, Any]:
        copied = {}
        # As the encoders do: a dict without entries is not asked for its items.
        for key, part in parts.items() if dict.__len__(parts) else ():
            name = self._copy_key(key)
            self._steps.append(name)
            copied[name] = self.copy(part)
            self._steps.pop()
        return copied

    def _copy_key(self, key: Any) -> str:
        kind = type(key)
        if issubclass(kind, str) or (self._of_handler and issubclass(kind, bytes)):
            return self._copy_text(key)
        if not _is_scalar(kind):
            raise TypeError(f"a key of type {kind.__name__} is not JSON; use text keys")
        if not self._of_handler:
            raise TypeError(f"a key of type {kind.__name__} would come back as text; use text keys")
        if key is None or kind is bool:
            return json.dumps(key)
        return json.dumps(int(key) if issubclass(kind, int) else float(key))

    def _copy_other(self, part: Any) -> Any:
        kind = type(part)
        if issubclass(kind, tuple):
            raise TypeError("a tuple would come back as a list; return a list")
        # Lambda sends bytes that are the whole result as they are, not as JSON.
        if self._of_handler and self._steps and issubclass(kind, bytes):
            return self._copy_text(part)
        if self._of_handler and not issubclass(kind, bytes):
            from decimal import Decimal  # noqa: PLC0415  # seldom used

            if issubclass(kind, Decimal):
                if not Decimal.is_finite(part):
                    raise ValueError(f"the Decimal {part} is not JSON; return None or text")
                return self._copy_scalar(json.loads(str(part)))
        raise TypeError(f"a value of type {kind.__name__} is not JSON; return {_find_remedy(kind)}")


def _is_scalar(kind: type) -> bool:
    return kind in _SCALAR_TYPES or issubclass(kind, str | int | float)


def _list_fields(part: Any) -> Any:
    """Return what the part's ``_asdict`` returns, as of a named tuple; None if it has none."""
    method = getattr(part, "_asdict", None)
    if not callable(method):
        return None
    try:
        fields = method()
    except TypeError:
        return None  # of a class, without an object
    if issubclass(type(fields), dict):
        return fields
    raise TypeError(f"its _asdict() returns a {type(fields).__name__}; return a dict")


def _find_remedy(kind: type) -> str:
    """Return what to return instead of a value of this type."""
    from datetime import date, time  # noqa: PLC0415  # only for an error
    from decimal import Decimal  # noqa: PLC0415
    from uuid import UUID  # noqa: PLC0415

    remedies = (
        (bytes | bytearray, "text"),
        (set | frozenset, "a sorted list"),
        (date | time, "its isoformat()"),
        (Decimal, "text or a float"),
        (UUID, "its str()"),
    )
    for classes, remedy in remedies:
        if issubclass(kind, classes):
            return remedy
    if hasattr(kind, "__dataclass_fields__"):
        return "its dataclasses.asdict()"
    return "text, numbers, lists or dicts with text keys"
