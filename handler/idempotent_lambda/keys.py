"""From a delivery to its idempotency key, and from key to record id.

The record id is injective: two different keys never share a record, and one key has one id.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jmespath
import jmespath.exceptions

from idempotent_lambda.errors import MissingKeyError, UndecodableBodyError, UnsupportedKeyError
from idempotent_lambda.messages import Delivery

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

MAXIMUM_ID_BYTES = 2048
"""DynamoDB's limit of a partition key, in UTF-8 bytes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

MAXIMUM_NAMESPACE_BYTES = 255
"""Leaves room for the key."""

SEPARATOR = "#"
"""Ends the namespace, which must not hold one. A second one right behind it opens the reserved
domain of keys that are no plain text."""


class Key(NamedTuple):
    """One idempotency key.

    Attributes:
        text: the key as people read it.
        record_id: the record's partition key, namespace included.
    """

    text: str
    record_id: str


@dataclass(frozen=True, slots=True)
class KeyRule:
    """How a consumer's messages get their keys."""

    namespace: str
    expression: str
    search: "ParsedResult"

    @classmethod
    def compile(cls, *, namespace: str, expression: str) -> "KeyRule":
        """The rule for a namespace and a JMESPath expression over the SQS record.

        Raises:
            ValueError: the namespace is not 1 to 255 bytes without ``#``, or the expression is not
                JMESPath, or it finds a key in an empty message.
        """
        return cls(checked_namespace(namespace), expression, compiled(expression))

    def key_of(self, delivery: Delivery) -> Key:
        """The key of a delivery.

        Raises:
            MissingKeyError: the expression finds null, an empty text, an object, or an array
                that is empty or holds such a part or another array.
            UndecodableBodyError: it finds nothing and the body is not JSON.
            UnsupportedKeyError: it finds a lone surrogate, or a number that is not whole.
        """
        try:
            value = self.search.search(delivery.document())
        except Exception as error:  # noqa: BLE001  # jmespath lets Python's own errors through
            # A function got a value that it does not take, such as length(null).
            raise MissingKeyError(self.expression, type(error).__name__) from None
        if _is_missing(value):
            if delivery.body_problem:
                raise UndecodableBodyError(self.expression, delivery.body_problem)
            raise MissingKeyError(self.expression, _described(value))
        try:
            return Key(_text(value), record_id(self.namespace, value))
        except UnsupportedKeyError as error:
            raise UnsupportedKeyError(f"key expression {self.expression!r}: {error}") from None


def checked_namespace(namespace: str) -> str:
    """The namespace itself.

    Raises:
        ValueError: it is not 1 to 255 bytes without ``#``.
    """
    size = len(namespace.encode(errors="surrogatepass"))
    if not 0 < size <= MAXIMUM_NAMESPACE_BYTES or SEPARATOR in namespace:
        raise ValueError(
            f"{namespace!r} is no namespace: it must be 1 to {MAXIMUM_NAMESPACE_BYTES} bytes "
            f"of text without {SEPARATOR!r}"
        )
    return namespace


def compiled(expression: str) -> "ParsedResult":
    """The key expression, ready to search a message.

    Raises:
        ValueError: it is not JMESPath, or finds a key in an empty message.
    """
    try:
        parsed = jmespath.compile(expression)
        found = parsed.search({})
    except jmespath.exceptions.JMESPathTypeError:
        return parsed  # a function that does not take null: no key, as it should be
    except jmespath.exceptions.JMESPathError as error:
        problem = str(error).splitlines()[0]
        raise ValueError(f"{expression!r} is no JMESPath expression: {problem}") from None
    if not _is_missing(found):
        raise ValueError(
            f"the JMESPath expression {expression!r} finds a key even in an empty message, so "
            "messages without their own would share it: name a field, unquoted"
        )
    return parsed


def record_id(namespace: str, value: Any) -> str:
    """The partition key of ``value``: ``namespace#value`` for ordinary text.

    Everything else lies behind ``##``: canonical JSON for what is no text (so 1 is not "1"),
    and for text that itself begins with ``#``; a SHA-256 for what is over the byte limit. JSON
    never begins with the letter s, so the three cannot meet.

    Raises:
        UnsupportedKeyError: the value holds a lone surrogate or a number that is not whole.
    """
    plain = isinstance(value, str) and not value.startswith(SEPARATOR)
    domain = value if plain else SEPARATOR + _canonical_json(value)
    try:
        whole = f"{namespace}{SEPARATOR}{domain}".encode()
    except UnicodeEncodeError as error:
        raise UnsupportedKeyError(
            f"the key holds a lone surrogate at character {error.start - len(namespace) - 1}, "
            "which is no Unicode text: correct the producer"
        ) from None
    if len(whole) <= MAXIMUM_ID_BYTES:
        return whole.decode()
    return f"{namespace}{SEPARATOR * 2}sha256:{hashlib.sha256(domain.encode()).hexdigest()}"


def _canonical_json(value: Any) -> str:
    if any(isinstance(part, float) for part in (value if isinstance(value, list) else [value])):
        # Different numbers of a message become one float, and one number has many spellings.
        raise UnsupportedKeyError(
            "the key holds a number that is not whole: send it as text, or as a whole number"
        )
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _canonical_json(value)


def _is_missing(value: Any) -> bool:
    if isinstance(value, list):
        return not value or any(isinstance(part, list) or _is_missing(part) for part in value)
    return value is None or value == "" or isinstance(value, dict)


def _described(value: Any) -> str:
    # Never the value itself: an object or an array is a part of the body.
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    return "an array that is empty or has a part that is no key" if value else "an empty text"
