"""The conditional writes as data: each is defined once, for a single call and as PartiQL.

A failed condition returns the item, because ReturnValuesOnConditionCheckFailure asks for it:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Generic, Literal

from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.conditions import EXPRESSION, PARTIQL, Condition, render
from idempotent_lambda.protocol.judgement import (
    build_claimed_record,
    explain_failed_claim,
    explain_failed_completion,
    explain_failed_parking,
    explain_failed_release,
)
from idempotent_lambda.protocol.record import (
    IS_OWNED,
    IS_PARKED_BY_OWNER,
    Record,
    build_claim_condition,
)
from idempotent_lambda.store.items import (
    AttributeValue,
    OutcomeT,
    RequestT,
    Statement,
    WriteAnswer,
    decode_number,
    encode_value,
)
from idempotent_lambda.store.retries import FEW_ATTEMPTS, UNTIL_DEADLINE, RetryPolicy
from idempotent_lambda.store.updates import (
    Update,
    assign,
    assign_if_missing,
    increment,
    render_update,
)


@dataclass(frozen=True, kw_only=True)
class Write(Generic[RequestT, OutcomeT]):
    """One kind of conditional write.

    Attributes:
        operation: API operation of a single call.
        condition: condition on the record.
        update: changes to the record; None to delete the record.
        read_success: outcome of a request that was carried out, from the answer, which is empty for
            a statement.
        explain_refusal: outcome of a request whose condition failed, from the record found.
        build_statement: PartiQL statement for one of many requests, from the table's name and the
            request. Of `IS_FREE` it keeps only the absence of the record. None for writes that are
            always single calls.
        policy: retry policy.
        for_copies: replacement for a request that states its key.
    """

    operation: Literal["UpdateItem", "DeleteItem"] = "UpdateItem"
    condition: Condition
    update: Update | None
    read_success: Callable[[RequestT, WriteAnswer], OutcomeT]
    explain_refusal: Callable[[Record | None, RequestT], OutcomeT]
    build_statement: Callable[[str, RequestT], Statement] | None = None
    policy: RetryPolicy = FEW_ATTEMPTS
    for_copies: "Write[RequestT, OutcomeT] | None" = None

    def build_call(self, table_name: str, request: RequestT) -> dict[str, object]:
        """Build the parameters of the operation for one record."""
        values = request.operands
        return self._constant_parameters | {
            "TableName": table_name,
            "Key": {"id": {"S": request.record_id}},
            "ExpressionAttributeValues": {
                alias: encode_value(values[operand]) for alias, operand in self._aliases
            },
        }

    @cached_property
    def _constant_parameters(self) -> dict[str, object]:
        condition = render(self.condition, EXPRESSION)
        attributes = set(condition.attributes)
        parameters: dict[str, object] = {}
        if self.update is not None:
            update = render_update(self.update)
            attributes.update(update.attributes)
            parameters = {"UpdateExpression": update.text, "ReturnValues": "UPDATED_NEW"}
        return parameters | {
            "ConditionExpression": condition.text,
            # DynamoDB refuses aliases that no expression uses.
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    @cached_property
    def _aliases(self) -> tuple[tuple[str, str], ...]:
        operands = set(render(self.condition, EXPRESSION).operands)
        if self.update is not None:
            operands.update(render_update(self.update).operands)
        return tuple((f":{operand}", operand) for operand in operands)


# The writes as PartiQL statements

_INSERTED = (
    "id", "status", "owner", "created_at", "expires_at", "lease_expires_at", "attempts",
)  # fmt: skip
_INSERTED_VALUES = ", ".join(f"'{name}': ?" for name in _INSERTED)

_COMPLETE_CHANGES = (
    assign("status", "completed"),
    assign("completed_at", "now_millis"),
    assign("expires_at", "expires_at"),
)
_COMPLETE_REMOVES = ("lease_expires_at", "attempts")
_COMPLETE_CLAUSES = " ".join(
    [f'SET "{change.attribute}" = ?' for change in _COMPLETE_CHANGES]
    + [f'REMOVE "{name}"' for name in _COMPLETE_REMOVES]
)
_COMPLETE_OPERANDS = tuple(name for change in _COMPLETE_CHANGES for name in change.operands)

_OWNED_CONDITION = render(IS_OWNED, PARTIQL)
_WHERE_OWNED = f'WHERE "id" = ? AND {_OWNED_CONDITION.text}'


def build_insert(table_name: str, request: ClaimRequest) -> Statement:
    """Build the claim of a record that does not exist."""
    record = build_claimed_record(None, request)
    values = [getattr(record, name) for name in _INSERTED]
    return _build_statement(f'INSERT INTO "{table_name}" VALUE {{{_INSERTED_VALUES}}}', values)


def _build_completion(table_name: str, request: Request) -> Statement:
    operands = request.operands
    changes = [operands[name] for name in _COMPLETE_OPERANDS]
    owned = [operands[name] for name in _OWNED_CONDITION.operands]
    text = f'UPDATE "{table_name}" {_COMPLETE_CLAUSES} {_WHERE_OWNED}'
    return _build_statement(text, [*changes, request.record_id, *owned])


def _build_deletion(table_name: str, request: Request) -> Statement:
    # Without a record, the statement succeeds.
    operands = request.operands
    owned = [operands[name] for name in _OWNED_CONDITION.operands]
    text = f'DELETE FROM "{table_name}" {_WHERE_OWNED}'  # noqa: S608  # values are parameters
    return _build_statement(text, [request.record_id, *owned])


def _build_statement(text: str, values: list[object]) -> Statement:
    # The same as `encode_value`, without ten calls for each message.
    parameters: list[AttributeValue] = [
        {"S": value} if isinstance(value, str) else {"N": str(value)} for value in values
    ]
    return {"Statement": text, "Parameters": parameters}


# Claims


def _read_claim(request: ClaimRequest, answer: WriteAnswer) -> claims.ClaimOutcome:
    attempts = decode_number(answer["Attributes"]["attempts"]["N"]) if answer else 1
    return claims.Claimed(request.owner, attempts)


@cache
def build_claim_write(
    *, takeover: bool, redriven: bool, checked: bool, stated: bool = False
) -> Write[ClaimRequest, claims.ClaimOutcome]:
    """Build the claim for a kind of request; see `build_claim_condition`."""
    changes = [
        assign("status", "in_progress"),
        assign("owner", "owner"),
        assign("lease_expires_at", "lease_expires_at"),
        assign("expires_at", "expires_at"),
        assign_if_missing("created_at", "now_millis"),
        increment("attempts"),
    ]
    remove = ["completed_at", "result", "reason", "dead_lettered_at"]
    if checked:
        changes.append(assign("payload_hash", "payload_hash"))
    else:
        remove.append("payload_hash")
    add = []
    if stated:
        changes.append(assign("unlocked_by", "token"))
        add.append(("copy_tokens", "tokens"))
    else:
        remove.append("unlocked_by")
    return Write(
        condition=build_claim_condition(
            takeover=takeover, redriven=redriven, checked=checked, stated=stated
        ),
        update=Update(tuple(changes), tuple(remove), tuple(add)),
        read_success=_read_claim,
        explain_refusal=explain_failed_claim,
        build_statement=build_insert,
    )


NEW_CLAIM_WRITE = build_claim_write(takeover=False, redriven=False, checked=False)
"""The claim of one record among many."""

# Settlements

COMPLETE_WRITE: Write[Request, claims.CompleteOutcome] = Write(
    condition=IS_OWNED,
    update=Update(_COMPLETE_CHANGES, _COMPLETE_REMOVES),
    read_success=lambda *_: claims.Completed(),
    explain_refusal=explain_failed_completion,
    build_statement=_build_completion,
    policy=UNTIL_DEADLINE,
)
COMPLETE_WITH_RESULT_WRITE = replace(
    COMPLETE_WRITE,
    update=Update((*_COMPLETE_CHANGES, assign("result", "result")), _COMPLETE_REMOVES),
    build_statement=None,
)
GIVE_BACK_WRITE: Write[Request, claims.ReleaseOutcome] = Write(
    condition=IS_OWNED,
    update=Update(
        (
            assign("status", "parked"),
            assign("owner", "token"),
            assign("reason", "reason"),
            assign("dead_lettered_at", "now_millis"),
        ),
        ("lease_expires_at", "expires_at", "attempts"),
    ),
    read_success=lambda *_: claims.Released(),
    explain_refusal=explain_failed_release,
    policy=RetryPolicy(ignores_reserve=True),
)
"""The release of a record that belongs to a redriven copy, which is delivered again."""

RELEASE_WRITE: Write[Request, claims.ReleaseOutcome] = Write(
    operation="DeleteItem",
    condition=IS_OWNED,
    update=None,
    read_success=lambda *_: claims.Released(),
    explain_refusal=explain_failed_release,
    build_statement=_build_deletion,
    policy=RetryPolicy(ignores_reserve=True),
    for_copies=GIVE_BACK_WRITE,
)
PARK_WRITE: Write[Request, claims.ParkOutcome] = Write(
    condition=IS_OWNED,
    update=Update(
        (assign("status", "parked"), assign("reason", "reason")),
        ("lease_expires_at", "expires_at", "attempts", "dead_lettered_at"),
    ),
    read_success=lambda request, _: claims.Parked(request.owner),
    explain_refusal=explain_failed_parking,
)
MARK_WRITE: Write[Request, claims.ParkOutcome] = Write(
    condition=IS_PARKED_BY_OWNER,
    update=Update((assign("dead_lettered_at", "now_millis"),)),
    read_success=lambda request, _: claims.Parked(request.owner, dead_lettered=True),
    explain_refusal=explain_failed_parking,
)
