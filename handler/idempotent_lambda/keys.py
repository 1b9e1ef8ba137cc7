"""From a delivery to its idempotency key, and from key to record id.

The record id is injective: two different keys never share a record, and one key has one id.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jmespath
import jmespath.exceptions

from idempotent_lambda.errors import (
    MessageError,
    MissingKeyError,
    UndecodableBodyError,
    UnreadableRecordError,
    UnsupportedKeyError,
)
from idempotent_lambda.messages import Delivery, find_wrapper, read_stated

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

MAXIMUM_ID_BYTES = 2048
"""DynamoDB's limit of a partition key, in UTF-8 bytes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

MAXIMUM_NAMESPACE_BYTES = 255
"""Leaves room for the key."""

MAXIMUM_SHOWN_CHARACTERS = 500
"""Of a key, in a log line or an error."""

MINIMUM_HIDDEN_CHARACTERS = 4
"""Of a part of a key that is hidden by itself: a shorter one is in many words."""

MAXIMUM_SOUGHT_CHARACTERS = 1500
"""Of a key and its parts in one text: a pattern of more would take a batch's time."""

ESCAPED_WEIGHT = 15
"""For how many of these one counts that a text with backslashes may hold in other notations."""

SEPARATOR = "#"
"""Ends the namespace, which must not hold one. A second one right behind it opens the reserved
domain of keys that are no plain text."""

_PLAIN = re.compile(r"[ !#-&(-\[\]-~]+")
"""What is the same in JSON, in Python and by itself."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def _pattern(text: str) -> str:
    """A pattern of a text, however often JSON or Python has quoted it."""
    pattern = "".join(map(_pattern_of, re.findall(r"\\+|.", text, re.DOTALL)))
    # Backslashes in a row are tried once.
    return r"(?<!\\)" * pattern.startswith((r"\\*+", r"\\++")) + pattern


def _pattern_of(char: str) -> str:
    """The same of one character, or of backslashes in a row."""
    if char[0] == "\\":
        return r"\\++"
    if _PLAIN.fullmatch(char):
        return re.escape(char)
    names = {char, json.dumps(char)[1:-1], ascii(char)[1:-1], repr(char.encode())[2:-1]}
    parts = [map(re.escape, re.findall(r"[^\\]+", name)) for name in names]
    return r"\\*+(?i:" + "|".join(map(r"\\++".join, parts)) + ")"


class Key(NamedTuple):
    """One idempotency key.

    Attributes:
        text: the key as people read it.
        record_id: the record's partition key, namespace included.
    """

    text: str
    record_id: str

    def shown(self, *, hashed: bool) -> str:
        """The key as log lines and errors show it."""
        if hashed:
            return f"sha256:{hashlib.sha256(self.record_id.encode()).hexdigest()}"
        return self.text[:MAXIMUM_SHOWN_CHARACTERS]

    def hide_in(self, text: str) -> str:
        """The text with the hash in the place of the key, its record id and its longer parts.

        Each is found as it is, and as JSON and Python quote it; not a piece of it, and not what
        else can be made of it. A text in which too much would have to be looked for is not shown.
        """
        try:
            parts = json.loads(self.text)
        except (ValueError, RecursionError):
            parts = ()
        parts = parts if isinstance(parts, list) else ()
        secrets = {str(part) for part in parts if type(part) in (str, int)}
        secrets = {part for part in secrets if len(part) >= MINIMUM_HIDDEN_CHARACTERS}
        secrets |= {self.text, self.record_id}
        quotes = "\\" in text
        found = [
            each
            for each in secrets
            if each in text or (quotes and len(each) <= len(text) and not _PLAIN.fullmatch(each))
        ]
        sought = "".join(found)
        escaped = len(_PLAIN.sub("", sought)) if quotes else 0
        if len(sought) + escaped * ESCAPED_WEIGHT > MAXIMUM_SOUGHT_CHARACTERS:
            return f"not shown, as it may quote {self.shown(hashed=True)}"
        longest_first = sorted(found, key=len, reverse=True)
        pattern = "|".join(_pattern(each) if quotes else re.escape(each) for each in longest_first)
        return re.sub(pattern, self.shown(hashed=True), text) if found else text


@dataclass(frozen=True, slots=True)
class KeyRule:
    """How a consumer's messages, or a function's calls, get their keys.

    Attributes:
        namespace: of the consumer, or what `namespaced` makes of it for a function.
        expression: the key expression as it was written; None: messages have their preset keys.
        search: the expression, compiled; None if keys are not searched for.
    """

    namespace: str
    expression: str | None = None
    search: "ParsedResult | None" = None

    def key_of(self, delivery: Delivery) -> Key:
        """The key of a delivery, whatever it states itself.

        Raises:
            UnreadableRecordError: the record is not as its source documents it.
            MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `key_for`.
        """
        if delivery.unreadable:
            raise UnreadableRecordError(delivery.unreadable)
        if self.search is None:
            return self.key_for(delivery.preset)
        try:
            return self.key_in(delivery.document(), delivery.body_problem)
        except MissingKeyError:
            service = find_wrapper(delivery)
            if service is None:
                raise
            found = f'nothing (if {service} wrapped this body, set queue.unwrap = ["{service}"])'
            raise MissingKeyError(self.expression, found) from None

    def stated_key(self, delivery: Delivery) -> Key | None:
        """The key that the copy of a parked message states; None if it states none."""
        if delivery.mark is None or not delivery.mark.stated:
            return None
        with suppress(MessageError):
            return self.key_for(read_stated(delivery.mark.stated))
        return None

    def key_in(self, document: Mapping[str, Any], body_problem: str | None = None) -> Key:
        """The key that the expression finds in a document.

        Raises:
            MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `key_for`.
        """
        try:
            value = self.search.search(document) if self.search else None
        except Exception as error:  # noqa: BLE001  # jmespath lets Python's own errors through
            # A function got a value that it does not take, such as length(null).
            raise MissingKeyError(self.expression, type(error).__name__) from None
        return self.key_for(value, body_problem)

    def key_for(self, value: Any, body_problem: str | None = None) -> Key:
        """The key that ``value`` makes.

        Args:
            value: what an expression or a user's function found.
            body_problem: why it may have found nothing: the body is not JSON.

        Raises:
            MissingKeyError: it is null, an empty text, an object, or an array that is empty or
                holds such a part or another array.
            UndecodableBodyError: it is that, the body is not JSON, and the expression names it.
            UnsupportedKeyError: it holds a lone surrogate, or what is no text, whole number, true
                or false.
        """
        try:
            if issubclass(type(value), str):
                value = str.__str__(value)  # that of a subclass could raise
            missing = _described(value) if _is_missing(value) else None
            key = None if missing else Key(_text(value), record_id(self.namespace, value))
        except Exception as error:  # noqa: BLE001  # a function's value may raise what it likes
            problem: object = (
                f"the key, of type {type(value).__name__}, raises {type(error).__name__}"
            )
            problem = error if isinstance(error, UnsupportedKeyError) else problem
            raise UnsupportedKeyError(f"key expression {self.expression!r}: {problem}") from None
        if key:
            return key
        if body_problem and re.search(r"\bbody\b", self.expression or ""):
            raise UndecodableBodyError(str(self.expression), body_problem)
        argument = "key" if self.expression and self.search is None else None
        raise MissingKeyError(self.expression, str(missing), argument)


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


def namespaced(namespace: str, name: str) -> str:
    """The namespace of a decorated function: a domain of its own within the consumer's.

    Its record ids begin with ``namespace##@name#``. No message's does: what follows ``##`` there
    is JSON or ``sha256:``, and neither begins with ``@``. Names hold no ``#``, so that no two
    functions meet either.

    Raises:
        ValueError: the name is not 1 to 100 of A-Z a-z 0-9 _ . -
    """
    if not (issubclass(type(name), str) and _NAME.fullmatch(name)):
        raise ValueError(
            f"{name!r} is no name for a function's keys: it must be 1 to 100 characters of "
            "A-Z a-z 0-9 _ . -"
        )
    return f"{namespace}{SEPARATOR * 2}@{name}"


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
        UnsupportedKeyError: the value holds a lone surrogate, or what is no text, whole number,
            true or false.
    """
    plain = isinstance(value, str) and not value.startswith(SEPARATOR)
    domain = value if plain else SEPARATOR + _canonical_json(value)
    try:
        # Added, not formatted: a text that is an enumeration's member formats as its name.
        whole = (namespace + SEPARATOR + domain).encode()
    except UnicodeEncodeError as error:
        raise UnsupportedKeyError(
            f"the key holds a lone surrogate at character {error.start - len(namespace) - 1}, "
            "which is no Unicode text: correct the producer"
        ) from None
    if len(whole) <= MAXIMUM_ID_BYTES:
        return whole.decode()
    return f"{namespace}{SEPARATOR * 2}sha256:{hashlib.sha256(domain.encode()).hexdigest()}"


def _canonical_json(value: Any) -> str:
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, str | int):
            # Different numbers of a message become one float, and one number has many spellings.
            whole = not isinstance(part, float)
            found = (
                f"a value of type {type(part).__name__}" if whole else "a number that is not whole"
            )
            raise UnsupportedKeyError(
                f"the key holds {found}: send it as text, or as a whole number"
            )
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except ValueError:  # see sys.set_int_max_str_digits()
        raise UnsupportedKeyError("the key holds a number of too many digits") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _canonical_json(value)


def _is_missing(value: Any) -> bool:
    if isinstance(value, list):
        return not value or any(isinstance(part, list) or _is_missing(part) for part in value)
    return value is None or isinstance(value, dict) or (isinstance(value, str) and not value)


def _described(value: Any) -> str:
    # Never the value itself: an object or an array is a part of the body.
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    return "an array that is empty or has a part that is no key" if value else "an empty text"
