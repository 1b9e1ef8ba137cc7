"""From a value or a document to an idempotency key, and from the key to the record id.

The record id is injective: two different keys never share a record, and one key has one id.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from idempotent_lambda.errors import (
    MissingKeyError,
    UndecodableBodyError,
    UnsupportedKeyError,
)
from idempotent_lambda.redaction import MIN_HIDDEN_CHARACTERS, hide_secrets

if TYPE_CHECKING:
    from idempotent_lambda.expressions import CompiledExpression

MAX_ID_BYTES = 2048
"""The limit of a DynamoDB partition key, in UTF-8 bytes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_NAMESPACE_BYTES = 255
"""The limit of a namespace, which leaves room for the key."""

MAX_SHOWN_CHARACTERS = 500
"""The limit of a key in a log line or an error."""

_SHOWN_AS_IS = re.compile(r"[!-\[\]-~]+(?: [!-\[\]-~]+)*")
"""A text that is shown as it is: ASCII without a backslash, and blanks only between words."""

SEPARATOR = "#"
"""The end of the namespace, which must not contain it. A second separator right after it begins the
reserved domain of keys that are not plain text."""

_MESSAGES_WITHOUT_KEY: tuple[Mapping[str, object], ...] = ({}, {"\ufdd0": {"\ufdd0": 0}})
"""An empty message, and one whose only field nobody can name: its name is not a character."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Key(NamedTuple):
    """One idempotency key.

    Attributes:
        text: key in readable form.
        record_id: partition key of the record, with the namespace.
    """

    text: str
    record_id: str

    @property
    def token(self) -> str:
        """The SHA-256 of the record id, as 64 of 0-9 a-f. See `Message.idempotency_token`."""
        return hashlib.sha256(self.record_id.encode()).hexdigest()

    def show(self, *, hashed: bool) -> str:
        """Return the key as log lines and errors show it.

        Different keys are shown differently, see `spelling`. Only a number, true or false looks
        like the text with the same characters.
        """
        if hashed:
            # The log may show the token: it is not a secret, and grants nothing to its reader.
            return f"sha256:{self.token}"
        first, text = "", self.text
        # The operator's command must not take a text for an array, an option or a hash.
        is_misread = text.startswith(("[", "-", "sha256:"))
        if is_misread and not self.record_id.endswith("##[" + text[1:]):
            first, text = f"\\u{ord(text[0]):04x}", text[1:]
        limit = MAX_SHOWN_CHARACTERS - len(first)
        if len(text) <= limit and _SHOWN_AS_IS.fullmatch(text):
            return first + text
        from idempotent_lambda.spelling import escape_key  # noqa: PLC0415  # seldom used

        return first + escape_key(text, self.token, limit)

    def hide_in(self, text: str) -> str:
        """Return the text with a hash in place of the key, its record id and its longer parts.

        If the search would be too long, the text is not shown, see `hide_secrets`.
        """
        try:
            parts = json.loads(self.text)
        except (ValueError, RecursionError):
            parts = ()
        parts = parts if isinstance(parts, list) else ()
        secrets = {str(part) for part in parts if type(part) in (str, int)}
        secrets = {part for part in secrets if len(part) >= MIN_HIDDEN_CHARACTERS}
        secrets |= {self.text, self.record_id}
        return hide_secrets(text, secrets, self.show(hashed=True))


@dataclass(frozen=True, slots=True)
class KeyRule:
    """The rule by which a consumer's messages, or a function's calls, get their keys.

    Attributes:
        namespace: namespace of the consumer, or of a function (`build_function_namespace`).
        expression: key expression as written; None if messages have their default keys.
        search: compiled expression; None if keys are not searched for.
    """

    namespace: str
    expression: str | None = None
    search: "CompiledExpression | None" = None

    def for_document(self, document: Mapping[str, object], body_problem: str | None = None) -> Key:
        """Return the key that the expression finds in a document.

        Raises:
            MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `for_value`.
        """
        try:
            value = self.search.search(document) if self.search else None
        except Exception as error:  # noqa: BLE001  # jmespath lets Python's own errors through
            # A JMESPath function got a value that it does not accept, such as length(null).
            from idempotent_lambda.expressions import describe_failure  # noqa: PLC0415

            raise MissingKeyError(self.expression, describe_failure(error)) from None
        return self.for_value(value, body_problem)

    def for_value(self, value: object, body_problem: str | None = None) -> Key:
        """Return the key for ``value``.

        Args:
            value: result of an expression or of a user's function.
            body_problem: reason why the expression may have found nothing: the body is not JSON.

        Raises:
            MissingKeyError: the value is null, an empty text, an object, or an array that is empty
                or contains such a part or another array.
            UndecodableBodyError: the value is one of these, the body is not JSON, and the
                expression names the body.
            UnsupportedKeyError: the value contains a lone surrogate, or a part that is not text, a
                whole number, true or false.
        """
        try:
            if issubclass(type(value), str):
                value = str.__str__(value)  # the method of a subclass could raise
            missing = _describe_missing(value)
            if not missing:
                return Key(_text(value), record_id(self.namespace, value))
        except Exception as error:  # noqa: BLE001  # a function's value may raise anything
            problem = f"the key, of type {type(value).__name__}, raises {type(error).__name__}"
            if isinstance(error, UnsupportedKeyError):
                problem = str(error)
            raise UnsupportedKeyError(f"key expression {self.expression!r}: {problem}") from None
        if body_problem and re.search(r"\bbody\b", self.expression or ""):
            raise UndecodableBodyError(str(self.expression), body_problem)
        argument = "key" if self.expression and self.search is None else None
        raise MissingKeyError(self.expression, missing, argument)


def check_namespace(namespace: str) -> str:
    """Return the namespace itself.

    Raises:
        ValueError: the namespace is not 1 to 255 bytes without ``#``.
    """
    size = len(namespace.encode(errors="surrogatepass"))
    if not 0 < size <= MAX_NAMESPACE_BYTES or SEPARATOR in namespace:
        raise ValueError(
            f"{namespace!r} is not a namespace: it must be 1 to {MAX_NAMESPACE_BYTES} bytes "
            f"of text without {SEPARATOR!r}"
        )
    return namespace


def build_function_namespace(namespace: str, name: str) -> str:
    """Build the namespace of a decorated function: a separate domain within the consumer's.

    Its record ids begin with ``namespace##@name#``. No message's record id does: there, JSON or
    ``sha256:`` follows ``##``, and neither begins with ``@``. Names contain no ``#``, so two
    functions never share an id either.

    Raises:
        ValueError: the name is not 1 to 100 of A-Z a-z 0-9 _ . -
    """
    if not (issubclass(type(name), str) and _NAME.fullmatch(name)):
        raise ValueError(
            f"{name!r} is not a name for a function's keys: it must be 1 to 100 characters of "
            "A-Z a-z 0-9 _ . -"
        )
    return f"{namespace}{SEPARATOR * 2}@{name}"


@lru_cache
def compile_expression(expression: str) -> "CompiledExpression":
    """Compile a key expression.

    Raises:
        ValueError: the expression is not JMESPath, or finds a key in a message without its fields.
    """
    # A consumer without an expression does not import these.
    from jmespath.exceptions import JMESPathError, JMESPathTypeError  # noqa: PLC0415

    from idempotent_lambda.expressions import CompiledExpression  # noqa: PLC0415

    found = []
    try:
        compiled = CompiledExpression(expression)
        for message in _MESSAGES_WITHOUT_KEY:
            with suppress(JMESPathTypeError):  # a function refuses null: correctly, no key
                found.append(compiled.search(message))
    except JMESPathError as error:
        problem = str(error).splitlines()[0]
        raise ValueError(f"{expression!r} is not a JMESPath expression: {problem}") from None
    if not all(map(_describe_missing, found)):
        raise ValueError(
            f"the JMESPath expression {expression!r} finds a key even in an empty message, so "
            "messages without their own would share it: name a field, unquoted"
        )
    return compiled


def record_id(namespace: str, value: object) -> str:
    """Return the partition key of ``value``: ``namespace#value`` for ordinary text.

    Everything else comes after ``##``: canonical JSON for values that are not text (so 1 is not
    "1"), and for text that itself begins with ``#``; a SHA-256 for values over the byte limit. JSON
    never begins with the letter s, so the three forms never collide.

    Raises:
        UnsupportedKeyError: the value contains a lone surrogate, or a part that is not text, a
            whole number, true or false.
    """
    if isinstance(value, str) and not value.startswith(SEPARATOR):
        domain = value
    else:
        domain = SEPARATOR + _canonical_json(value)
    try:
        # Concatenate, do not format: a text that is an enum member would format as its name.
        whole = (namespace + SEPARATOR + domain).encode()
    except UnicodeEncodeError as error:
        raise UnsupportedKeyError(
            f"the key holds a lone surrogate at character {error.start - len(namespace) - 1}, "
            "which is not valid Unicode: correct the producer"
        ) from None
    if len(whole) <= MAX_ID_BYTES:
        return whole.decode()
    return f"{namespace}{SEPARATOR * 2}sha256:{hashlib.sha256(domain.encode()).hexdigest()}"


def _canonical_json(value: object) -> str:
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, str | int):
            found = f"a value of type {type(part).__name__}"
            if isinstance(part, float):
                # Different numbers become one float, and one number has many spellings.
                found = "a number that is not whole"
            raise UnsupportedKeyError(
                f"the key holds {found}: send it as text, or as a whole number"
            )
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except ValueError:  # see sys.set_int_max_str_digits()
        raise UnsupportedKeyError("the key holds a number of too many digits") from None


def _text(value: object) -> str:
    return value if isinstance(value, str) else _canonical_json(value)


def _describe_missing(value: object) -> str | None:
    """Say what a value is that cannot be a key; None if it can be one."""
    # Never quote the value itself: an object or an array is part of the body.
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        if value and not any(isinstance(part, list) or _describe_missing(part) for part in value):
            return None
        return "an array that is empty or has a part that is not a key"
    return "an empty text" if value == "" else None
