"""The record of a key as the item that DynamoDB stores, and back."""

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
    """A text, a whole number or a set of texts as DynamoDB writes it."""
    if isinstance(value, frozenset):
        return {"SS": sorted(value)}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def decode_number(written: str) -> int:
    """A number as DynamoDB writes it, rounded up, which changes no comparison with whole ones."""
    return ceil(Decimal(written))


def decode_record(item: StoredItem | None) -> Record | None:
    """The record that an item holds; None without an item.

    Attributes that this version does not know are left out: a newer version wrote them.
    """
    if not item:
        return None
    return Record(**{name: _decode_attribute(name, item) for name in _NAMES})


def judge_item(
    judge: Callable[[Record | None, RequestT], OutcomeT], item: StoredItem | None, request: RequestT
) -> OutcomeT | StoreRefusedError:
    """What a record means to a request, or the error of a record that cannot be judged."""
    try:
        return judge(decode_record(item), request)
    except StoreRefusedError as error:
        return error


def _decode_attribute(name: str, item: Mapping[str, Any]) -> Any:
    """The value of an attribute; None if it is missing, and as it is if it cannot be read."""
    written = item.get(name)
    if written is None:
        return None
    try:
        if name == "copy_tokens":
            return frozenset(written["SS"])
        return written["S"] if name in _TEXTS else decode_number(written["N"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return written
