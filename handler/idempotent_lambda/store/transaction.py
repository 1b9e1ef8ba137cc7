"""The DynamoDB writes of a processor that take effect together with its message's completion.

Only a processor with a transaction imports this module: boto3's types slow down a cold start.

The module relies on
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html:
at most 100 actions, no two of them for one item, 4 MB in all, and all or none are carried out.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from idempotent_lambda.errors import TransactionError

MAX_ACTIONS = 99
"""The record's own action is one of the 100."""

MAX_BYTES = (4096 - 8) * 1024
"""The record, whose key has at most 2 KB, needs less than the rest. DynamoDB's units are binary:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_OPTIONS = {"ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"}

_serialize, _deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize


class Transaction:
    """The DynamoDB writes that take effect together with the message's completion, or not at all.

    A processor with a parameter named ``transaction`` gets a new one for each message. Nothing is
    written before the processor returns, and nothing at all if it raises. Threads may share it.

    Every method takes a table's name or ARN, and an item or a key as plain Python values (numbers
    as int or Decimal). The options are DynamoDB's own parameters ``ConditionExpression``,
    ``ExpressionAttributeNames`` and ``ExpressionAttributeValues``, also with plain values.

    Every method raises `TransactionError` for

    - an option that is not one of these, or a required option that is missing;
    - a value for which DynamoDB has no type;
    - a second action for one item, as far as the arguments show: only DynamoDB knows that two
      different puts have the same key, and then refuses the whole transaction;
    - more than 99 actions, or more than 4 MB, counted as the JSON that is sent;
    - a call after the processor has returned, whose write would be lost.
    """

    def __init__(self) -> None:
        self._actions: list[_ItemAction] = []
        self._bytes, self._closed, self._lock = 0, False, threading.Lock()

    def put(self, table: str, item: Mapping[str, object], **options: object) -> None:
        """Write the whole item, and replace an item with the same key.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Put.html
        """
        self._add("Put", table, options, Item=item)

    def update(self, table: str, key: Mapping[str, object], **options: object) -> None:
        """Change the item, or create it. You must also pass ``UpdateExpression``.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Update.html
        """
        self._add("Update", table, options, "UpdateExpression", Key=key)

    def delete(self, table: str, key: Mapping[str, object], **options: object) -> None:
        """Delete the item. A missing item is not an error.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Delete.html
        """
        self._add("Delete", table, options, Key=key)

    def check(self, table: str, key: Mapping[str, object], **options: object) -> None:
        """Cancel the whole transaction unless the item meets the required ``ConditionExpression``.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConditionCheck.html
        """
        self._add("ConditionCheck", table, options, "ConditionExpression", Key=key)

    def close(self) -> tuple[Mapping[str, Mapping[str, object]], ...]:
        """Return the actions in the order of the calls, and take no more actions.

        Returns:
            Entries of TransactItems; only the completion is written if there are none. For example:
            ``{"Delete": {"TableName": "orders", "Key": {"id": {"S": "a"}}}}``
        """
        with self._lock:
            self._closed = True
            return tuple(action.entry for action in self._actions)

    def _add(
        self, kind: str, table: str, options: Mapping[str, object], *required: str, **target: object
    ) -> None:
        try:
            body = _build_body({"TableName": table, **target}, options, {*required})
            item = _deserialize({"M": body.get("Key") or body["Item"]})
            self._append(
                _ItemAction(table.rpartition("/")[2], item, {kind: body}), len(_encode(body))
            )
        except (TypeError, ValueError) as error:
            raise TransactionError(f"{kind} on table {table!r}: {error}") from None

    def _append(self, action: "_ItemAction", size: int) -> None:
        with self._lock:
            if self._closed:
                raise ValueError("the processor has returned, so this would be lost: do it before")
            if len(self._actions) == MAX_ACTIONS:
                raise ValueError(f"over {MAX_ACTIONS} actions: write fewer items per message")
            if self._bytes + size > MAX_BYTES:
                raise ValueError(f"over {MAX_BYTES} bytes in all: keep large values elsewhere")
            if any(action.is_for_item_of(other) for other in self._actions):
                raise ValueError("an earlier action is for this item, one is allowed: merge them")
            self._actions.append(action)
            self._bytes += size


class _ItemAction(NamedTuple):
    """One action of a transaction.

    Attributes:
        table: name of the table, even if its ARN was passed.
        item: item or key, as plain values.
        entry: entry of TransactItems.
    """

    table: str
    item: Mapping[str, object]
    entry: Mapping[str, Mapping[str, object]]

    def is_for_item_of(self, other: "_ItemAction") -> bool:
        """Whether both actions are for the same item, as far as the arguments show."""
        if self.table != other.table:
            return False
        # Keys and items have all attributes of the table's key, so these are among the shared ones.
        shared = self.item.keys() & other.item.keys()
        return bool(shared) and all(self.item[name] == other.item[name] for name in shared)


def _build_body(
    target: Mapping[str, object], options: Mapping[str, object], required: set[str]
) -> dict[str, Any]:
    """Build the parameters of an action as DynamoDB takes them.

    Raises:
        ValueError: an option is not allowed or missing, or a value cannot be written.
    """
    allowed = _OPTIONS | required
    for name in sorted((options.keys() - allowed) | (required - options.keys())):
        problem = "required" if name in required else "not an option"
        raise ValueError(f"{name} is {problem}: the options are {', '.join(sorted(allowed))}")
    return {part: _write_parameter(part, value) for part, value in {**target, **options}.items()}


def _write_parameter(part: str, value: object) -> object:
    """Return a copy of one parameter, so that later changes do not reach the request."""
    if part.endswith(("Expression", "TableName")):
        if not value or not isinstance(value, str):
            raise ValueError(f"{part} must be a str and not empty: correct or omit it")
        return value
    if not value or not isinstance(value, Mapping):
        raise ValueError(f"{part} must be a Mapping and not empty: correct or omit it")
    if part == "ExpressionAttributeNames":
        return dict(value)
    return {name: _write_value(part, name, content) for name, content in value.items()}


def _write_value(part: str, name: object, value: object) -> object:
    """Return one value as DynamoDB writes it, with its type."""
    try:
        written: object = deepcopy(_serialize(value))  # serializing does not copy a bytearray
        _encode(written)
    except (ArithmeticError, TypeError, ValueError) as error:
        # The error does not quote the value, which is part of the message.
        reason = str(error).partition(" for value")[0]
        remedy = "give int or Decimal of up to 38 digits, valid Unicode, and times as text"
        raise ValueError(f"{part} {name!r} cannot be written ({reason}): {remedy}") from None
    return written


def _encode(value: object) -> bytes:
    """Return the JSON that is sent, to measure its size; raise if the value cannot be sent."""
    return json.dumps(value, ensure_ascii=False, default=lambda b: b64encode(b).decode()).encode()
