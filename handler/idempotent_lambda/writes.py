"""The conditional writes as data: each once, rendered for a call of its own and as PartiQL.

Relied on: a failed condition returns the item when ReturnValuesOnConditionCheckFailure asks for
it: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, cached_property
from math import ceil
from typing import Any

from idempotent_lambda import claims
from idempotent_lambda.claims import ClaimRequest, Record, Request
from idempotent_lambda.conditions import EXPRESSION, PARTIQL, Condition, render

ATTEMPTS = 3
"""Of a claim or a release, at most; a completion insists until the deadline."""

_COMPLETED = {"status": "completed", "completed_at": "now_millis", "expires_at": "expires_at"}
_CLAIMED = (
    "id", "status", "owner", "created_at", "expires_at", "lease_expires_at", "attempts",
)  # fmt: skip
_VALUES = ", ".join(f"'{name}': ?" for name in _CLAIMED)
_CHANGES = " ".join(f'SET "{name}" = ?' for name in _COMPLETED)
_OWNED = f'"id" = ? AND {render(claims.OWNED, PARTIQL).text}'
_OWNED_OPERANDS = render(claims.OWNED, PARTIQL).operands


@dataclass(frozen=True)
class Write:
    """One kind of conditional write.

    Attributes:
        operation: for one alone, by its name in the API.
        method: the same by its name in the SDK.
        condition: on which it is done.
        update: what it changes.
        done: the outcome, from the request and the answer; a statement's is empty.
        refused: the outcome, from the record that was found and the request.
        statement: the same as PartiQL, for one of many; `claims.FREE` is only the absence there.
            None for what is always done alone.
        attempts: how often it is tried; None until the deadline.
        certain: tried once as long as any time is left. A settlement cut short costs a
            redelivery, one not tried costs a repetition or blocks the key.
    """

    operation: str
    method: str
    condition: Condition
    update: str
    done: Callable[[Any, Mapping[str, Any]], Any]
    refused: Callable[[Record | None, Any], Any]
    statement: Callable[[str, Any], dict[str, Any]] | None = None
    attempts: int | None = ATTEMPTS
    certain: bool = False

    def call(self, table_name: str, request: Request) -> dict[str, Any]:
        """The parameters of the operation for one record."""
        constant, names = self._rendered
        operands = request.operands
        return constant | {
            "TableName": table_name,
            "Key": {"id": {"S": request.record_id}},
            "ExpressionAttributeValues": {f":{name}": value(operands[name]) for name in names},
        }

    @staticmethod
    def commit(call: dict[str, Any], request: Request) -> dict[str, Any]:
        """The parameters of the transaction that does such a call and the request's actions.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        own = {name: of for name, of in call.items() if name != "ReturnValues"}
        items = [{"Update": own}, *request.actions]
        return {"TransactItems": items, "ClientRequestToken": request.owner}

    @cached_property
    def _rendered(self) -> tuple[dict[str, Any], set[str]]:
        condition = render(self.condition, EXPRESSION).text
        update = {"UpdateExpression": self.update, "ReturnValues": "UPDATED_NEW"}
        # DynamoDB refuses aliases that no expression uses.
        names, operands = (
            set(re.findall(mark + r"(\w+)", f"{self.update} {condition}")) for mark in "#:"
        )
        constant = (update if self.update else {}) | {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return constant, operands


def value(of: Any) -> dict[str, Any]:
    """A text, a whole number or a set of texts as DynamoDB writes it."""
    if isinstance(of, frozenset):
        return {"SS": sorted(of)}
    return {"S": of} if isinstance(of, str) else {"N": str(of)}


def number(written: str) -> int:
    """A number as DynamoDB writes it, rounded up, which changes no comparison with whole ones."""
    return ceil(Decimal(written))


def _claimed(request: Request, answer: Mapping[str, Any]) -> claims.Claimed:
    attempts = number(answer["Attributes"]["attempts"]["N"]) if answer else 1
    return claims.Claimed(request.owner, attempts)


def _insert(table_name: str, request: ClaimRequest) -> dict[str, Any]:
    record = claims.claimed_record(None, request)
    values = [getattr(record, name) for name in _CLAIMED]
    return _statement(f'INSERT INTO "{table_name}" VALUE {{{_VALUES}}}', values)


def _update(table_name: str, request: Request) -> dict[str, Any]:
    text = f'UPDATE "{table_name}" {_CHANGES} REMOVE "lease_expires_at" REMOVE "attempts" '
    return _statement(f"{text}WHERE {_OWNED}", _owned(request, *_COMPLETED.values()))


def _delete(table_name: str, request: Request) -> dict[str, Any]:
    # Without a record it succeeds.
    return _statement(f'DELETE FROM "{table_name}" WHERE {_OWNED}', _owned(request))  # noqa: S608  # values are parameters


def _owned(request: Request, *changes: str) -> list[Any]:
    operands = request.operands
    owned = (operands[name] for name in _OWNED_OPERANDS)
    return [*(operands[name] for name in changes), request.record_id, *owned]


def _statement(text: str, values: list[Any]) -> dict[str, Any]:
    # As `value` does it, without ten calls for each message.
    parameters = [{"S": of} if isinstance(of, str) else {"N": str(of)} for of in values]
    return {"Statement": text, "Parameters": parameters}


_COMPLETE = (
    f"SET {', '.join(f'#{name} = :{operand}' for name, operand in _COMPLETED.items())} "
    "REMOVE #lease_expires_at, #attempts"
)


@cache
def claim(*, takeover: bool, redriven: bool, checked: bool, stated: bool = False) -> Write:
    """The claim of such a request; see `claims.claimable`."""
    update = (
        "SET #status = :in_progress, #owner = :owner, #lease_expires_at = :lease_expires_at, "
        "#expires_at = :expires_at, #created_at = if_not_exists(#created_at, :now_millis), "
        "#attempts = if_not_exists(#attempts, :zero) + :one"
        f"{', #payload_hash = :payload_hash' if checked else ''}"
        f"{', #unlocked_by = :token' if stated else ''} "
        f"REMOVE #completed_at, #result, #reason, #dead_lettered_at"
        f"{'' if checked else ', #payload_hash'}"
        f"{' ADD #copy_tokens :tokens' if stated else ', #unlocked_by'}"
    )
    condition = claims.claimable(
        takeover=takeover, redriven=redriven, checked=checked, stated=stated
    )
    taken = (update, _claimed, claims.refused_claim, _insert)
    return Write("UpdateItem", "update_item", condition, *taken)


TOGETHER = claim(takeover=False, redriven=False, checked=False)
"""The claim of one of many."""

COMPLETE = Write(
    "UpdateItem", "update_item", claims.OWNED, _COMPLETE,
    lambda *_: claims.Completed(), claims.refused_completion, _update, attempts=None, certain=True,
)  # fmt: skip
COMPLETE_WITH_RESULT = replace(
    COMPLETE, update=_COMPLETE.replace(" REMOVE", ", #result = :result REMOVE"), statement=None
)
RELEASE = Write(
    "DeleteItem", "delete_item", claims.OWNED, "",
    lambda *_: claims.Released(), claims.refused_release, _delete, certain=True,
)  # fmt: skip
GIVE_BACK = Write(
    "UpdateItem", "update_item", claims.OWNED,
    "SET #status = :parked, #owner = :token, #reason = :reason, #dead_lettered_at = :now_millis "
    "REMOVE #lease_expires_at, #expires_at, #attempts",
    lambda *_: claims.Released(), claims.refused_release, certain=True,
)  # fmt: skip
"""The release of what belongs to a redriven copy, which is delivered again."""

PARK = Write(
    "UpdateItem", "update_item", claims.OWNED,
    "SET #status = :parked, #reason = :reason "
    "REMOVE #lease_expires_at, #expires_at, #attempts, #dead_lettered_at",
    lambda request, _: claims.Parked(request.owner), claims.refused_parking,
)  # fmt: skip
MARK = Write(
    "UpdateItem", "update_item", claims.PARKED, "SET #dead_lettered_at = :now_millis",
    lambda request, _: claims.Parked(request.owner, dead_lettered=True), claims.refused_parking,
)  # fmt: skip
