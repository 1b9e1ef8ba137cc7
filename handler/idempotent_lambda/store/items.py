"""The items of the table: the types of DynamoDB's API, and the conversion to and from records.

Shapes: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from math import ceil
from typing import Any, NotRequired, Protocol, TypedDict, TypeVar

from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.record import Record


class AttributeValue(TypedDict, total=False):
    """The value of an attribute, with the name of its type as the only key."""

    S: str
    N: str
    SS: Sequence[str]


StoredItem = Mapping[str, AttributeValue]
"""An item, or the key of an item, by attribute name."""


class WriteAnswer(TypedDict, total=False):
    """The answer to a write; with ``Attributes`` if the write asked for the changed values."""

    Attributes: StoredItem


class ItemAnswer(TypedDict):
    """The answer to a GetItem; without ``Item`` if there is no such item."""

    Item: NotRequired[StoredItem]


class ItemsAnswer(TypedDict):
    """The answer to a BatchGetItem, by table: the items found, and the keys that were not read."""

    Responses: Mapping[str, Sequence[StoredItem]]
    UnprocessedKeys: NotRequired[Mapping[str, "Keys"]]


class Keys(TypedDict):
    """The keys to read from one table."""

    Keys: Sequence[StoredItem]


class Statement(TypedDict):
    """A PartiQL statement, with the values of its placeholders in order."""

    Statement: str
    Parameters: Sequence[AttributeValue]


class Reason(TypedDict, total=False):
    """The reason why a statement failed, or why an action cancelled its transaction.

    ``Code`` is ``"None"`` for an action that did not cancel the transaction.
    """

    Code: str
    Message: str
    Item: StoredItem


class StatementAnswer(TypedDict, total=False):
    """The answer to one statement; without ``Error`` if the statement was carried out."""

    Error: Reason


class StatementsAnswer(TypedDict):
    """The answers to the statements of one call, in order."""

    Responses: Sequence[StatementAnswer]


class DynamoDBClient(Protocol):
    """The methods of the SDK's client that the package calls."""

    def update_item(self, **parameters: object) -> WriteAnswer:
        """Change one item."""

    def delete_item(self, **parameters: object) -> WriteAnswer:
        """Delete one item."""

    def transact_write_items(self, **parameters: object) -> WriteAnswer:
        """Carry out all of several actions, or none."""

    def batch_execute_statement(self, **parameters: object) -> StatementsAnswer:
        """Carry out several PartiQL statements independently."""

    def batch_get_item(self, **parameters: object) -> ItemsAnswer:
        """Read several items."""

    def get_item(self, **parameters: object) -> ItemAnswer:
        """Read one item."""


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
