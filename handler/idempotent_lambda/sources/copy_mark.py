"""The mark of a copy of a parked message: one SQS message attribute."""

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from idempotent_lambda.sources.parsing import find_path

if TYPE_CHECKING:
    from idempotent_lambda.sources.delivery import Delivery

TOKEN_ATTRIBUTE = "IdempotencyOwner"  # noqa: S105  # a name, not a secret
"""The SQS message attribute by which the copy of a parked message names the owner of its record.

The key of the message follows, see `write_mark`: a copy has another message id, another sender and
perhaps another wrapper, so its default key may be another one."""

_ID = re.compile(r"[A-Za-z0-9:-]{1,100}")


class CopyMark(NamedTuple):
    """The contents of the attribute `TOKEN_ATTRIBUTE` of a copy.

    Attributes:
        token: owner token of the parked record.
        source: source that delivered the message; empty for SQS.
        first_id: id of the message, for operators: its log line has the id.
        position: number of the message among those in its record, from 1; empty if there was one.
        stated: key of the message; empty if only the hash of the key is known.
    """

    token: str
    source: str = ""
    first_id: str = ""
    position: str = ""
    stated: str = ""

    @classmethod
    def parse(cls, text: str) -> "CopyMark":
        """Parse an attribute: ``TOKEN KEY``, or ``TOKEN /SOURCE/ID/POSITION KEY``."""
        token, _, rest = text.partition(" ")
        if not rest.startswith("/"):
            return cls(token, first_id=rest, stated=rest)
        origin, _, stated = rest.partition(" ")
        parts = [part if _ID.fullmatch(part) else "" for part in origin.split("/")[1:]]
        source, first_id, position = [*parts, "", "", ""][:3]
        return cls(token, source, first_id or stated, position, stated)

    def render(self) -> str:
        """Return the attribute, without parts that are unknown or equal to the key."""
        first_id = "" if self.first_id == self.stated else self.first_id
        origin = f"/{self.source}/{first_id}/{self.position}".rstrip("/")
        if not origin and not self.stated.startswith("/"):
            return f"{self.token} {self.stated}".rstrip()
        return f"{self.token} {origin or '/'} {self.stated}".rstrip()


def write_mark(owner: str, record_id: str, delivery: "Delivery") -> str:
    """Return the attribute `TOKEN_ATTRIBUTE` for the copy of a delivery.

    A printable ASCII key is written unchanged. Any other key is written as ``#`` and JSON.
    """
    position = str(delivery.position or "")
    mark = delivery.mark
    if mark is None:
        first_id = delivery.id if _ID.fullmatch(delivery.id) else ""
        mark = CopyMark("", delivery.adapter.name_in_mark, first_id)
    stated = _write_key(record_id.partition("#")[2])
    return mark._replace(token=owner, position=mark.position or position, stated=stated).render()


def _write_key(key: str) -> str:
    """Return the key in the form of the mark; ``key`` is the record id without its namespace."""
    if key.startswith("#sha256:"):
        return ""
    if key.startswith("#"):
        return "#" + json.dumps(json.loads(key[1:]))
    is_plain = key.isascii() and key.isprintable() and key == key.strip()
    return key if is_plain else "#" + json.dumps(key)


def read_mark(attributes: object) -> CopyMark | None:
    """Return the mark in the message attributes of an SQS record; None if there is no token."""
    text = find_path(attributes, TOKEN_ATTRIBUTE, "stringValue")
    mark = CopyMark.parse(text) if isinstance(text, str) else None
    return mark if mark and mark.token else None


def read_attributes(attributes: object) -> dict[str, str]:
    """Return a producer's message attributes as values by name; binary values are in Base64.

    SQS and SNS use different field names. The mark is not an attribute of the producer.
    """
    values: dict[str, str] = {}
    for name, attribute in attributes.items() if isinstance(attributes, dict) else ():
        for part in ("stringValue", "Value", "binaryValue") if isinstance(attribute, dict) else ():
            value = attribute.get(part)
            if isinstance(value, str):
                values[name] = value
                break
    values.pop(TOKEN_ATTRIBUTE, None)
    return values


def read_stated_key(stated: str) -> object:
    """Return the value of a stated key; None if `write_mark` does not write keys this way."""
    if not stated.startswith("#"):
        return stated
    try:
        value: object = json.loads(stated[1:])
    except (ValueError, RecursionError):
        return None
    return value
