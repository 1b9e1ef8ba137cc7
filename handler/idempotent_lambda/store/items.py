"""The conversion between the record of a key and the item that DynamoDB stores."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from math import ceil
from typing import Any, TypeVar

from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.record import Record
from idempotent_lambda.protocol.requests import Request
from idempotent_lambda.store.api_types import AttributeValue, StoredItem

RequestT = TypeVar("RequestT", bound=Request)
OutcomeT = TypeVar("OutcomeT")

_NAMES = tuple(attribute.name for attribute in fields(Record))
_TEXTS = ("id", "status", "owner", "payload_hash", "result", "reason", "unlocked_by")


def encode_value(value: object) -> AttributeValue:
    """Return a text, a whole number or a set of texts as DynamoDB writes it."""
    if isinstance(value, frozenset):
        return {"SS": sorted(value)}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def decode_number(written: str) -> int:
    """Return a number of DynamoDB, rounded up: no comparison with whole numbers changes."""
    return ceil(Decimal(written))


def decode_record(item: StoredItem | None) -> Record | None:
    """Return the record in an item; None without an item.

    Attributes that this version does not know are left out: a newer version wrote them.
    """
    if not item:
        return None
    return Record(**{name: _decode_attribute(name, item) for name in _NAMES})


def judge_item(
    judge: Callable[[Record | None, RequestT], OutcomeT], item: StoredItem | None, request: RequestT
) -> OutcomeT | StoreRefusedError:
    """Return the outcome of a request for a record, or the error if the record cannot be judged."""
    try:
        return judge(decode_record(item), request)
    except StoreRefusedError as error:
        return error


def _decode_attribute(name: str, item: Mapping[str, Any]) -> Any:
    """Return the value of an attribute; None if missing, and unchanged if unreadable."""
    written = item.get(name)
    if written is None:
        return None
    try:
        if name == "copy_tokens":
            return frozenset(written["SS"])
        return written["S"] if name in _TEXTS else decode_number(written["N"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return written
