"""The parts of DynamoDB's API that the package uses, as types.

Shapes: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from collections.abc import Mapping, Sequence
from typing import NotRequired, Protocol, TypedDict


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
