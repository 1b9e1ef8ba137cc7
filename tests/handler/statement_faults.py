"""Requests for many keys, and faults that meet single statements of a call."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.claims import Claimed, ClaimRequest, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from tests.requests import claim_of

from .harness import CONNECTION_CLOSED, READ_TIMEOUT, START, Fault, Wire, answered

Dead = tuple[DynamoDBClaimStore, Wire]

STATEMENTS = "BatchExecuteStatement"
READ = "BatchGetItem"
UPDATE = "UpdateItem"
DELETE = "DeleteItem"

THROTTLED = answered(400, "ProvisionedThroughputExceededException")
INTERNAL = answered(500, "InternalServerError")
LOSSES = (READ_TIMEOUT, CONNECTION_CLOSED)
TRIO = ("orders#1", "orders#2", "orders#3")


def owner_of(record_id: str, name: str = "mine") -> Owner:
    """Return the owner of a claim; each claim has a different one."""
    return Owner(f"{name} {record_id}")


def requests(ids: Sequence[str] = TRIO, name: str = "mine", now: int = START) -> list[Request]:
    """A request for each record."""
    return [
        Request(
            record_id=each,
            owner=owner_of(each, name),
            now=EpochMillis(now),
            retention=Seconds(3600),
        )
        for each in ids
    ]


def claims(
    ids: Sequence[str] = TRIO, name: str = "mine", now: int = START, *, redelivered: bool = False
) -> list[ClaimRequest]:
    """A claim of each record, for a minute."""
    return [
        claim_of(
            each,
            lease_expires_at=EpochMillis(now + 60_000),
            takeover=False,
            redelivered=redelivered,
        )
        for each in requests(ids, name, now)
    ]


def claimed(ids: Sequence[str] = TRIO, *, recovered: bool = False) -> list[Claimed]:
    """What first claims are answered with."""
    return [Claimed(owner_of(each), 1, recovered=recovered) for each in ids]


def error(outcome: object) -> StoreError:
    """The error that is the outcome."""
    assert isinstance(outcome, StoreError)
    return outcome


def codes(outcomes: Sequence[object]) -> list[object]:
    """The outcomes, with the code in the place of an error."""
    return [each.code if isinstance(each, StoreError) else each for each in outcomes]


# What is seen and done on the wire.


def record_of(statement: Mapping[str, Any]) -> str:
    """The record that a statement is about."""
    (record_id,) = (
        each["S"] for each in statement["Parameters"] if each.get("S", "").startswith("orders#")
    )
    return str(record_id)


def asked(body: Mapping[str, Any]) -> list[str]:
    """The records that a call is about."""
    if "Statements" in body:
        return [record_of(each) for each in body["Statements"]]
    if "RequestItems" in body:
        ((_, keys),) = body["RequestItems"].items()
        return [each["id"]["S"] for each in keys["Keys"]]
    return [body["Key"]["id"]["S"]]


def traffic(wire: Wire) -> list[tuple[str, list[str]]]:
    """Every call that went out, with its records."""
    return [(name, asked(body)) for name, body in zip(wire.sent, wire.bodies, strict=True)]


def clear(wire: Wire) -> None:
    """Forget what went out so far."""
    wire.sent.clear()
    wire.bodies.clear()


def answer(request: Any, content: Mapping[str, Any]) -> AWSResponse:
    """A successful answer of the service."""
    response = AWSResponse(request.url, 200, HTTPHeaders(), None)
    response._content = json.dumps(content).encode()
    return response


def granting(request: Any, through: Callable[[Any], Any]) -> Any:
    """A fault: the service answers that it has done everything, and has done nothing."""
    del through
    body = json.loads(request.body)
    if "RequestItems" in body:
        return answer(request, {"Responses": {}})
    done = [{} for _ in body.get("Statements", ())]
    return answer(request, {"Responses": done, "Attributes": {"attempts": {"N": "1"}}})


def sparing(faulty: Mapping[str, str]) -> Fault:
    """Statements on these records are answered with these codes; the others are carried out."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        body = json.loads(request.body)
        if "Statements" not in body:
            return through(request)
        spared = [each for each in body["Statements"] if record_of(each) not in faulty]
        results = iter(
            json.loads(through(with_body(request, {"Statements": spared})).content)["Responses"]
            if spared
            else ()
        )
        return answer(
            request,
            {
                "Responses": [
                    {"Error": {"Code": faulty[name], "Message": "on purpose"}}
                    if (name := record_of(each)) in faulty
                    else next(results)
                    for each in body["Statements"]
                ]
            },
        )

    return fault


def with_body(request: Any, body: Mapping[str, Any]) -> Any:
    """The same request for something else."""
    changed = copy.copy(request)
    changed.body = json.dumps(body).encode()
    changed.headers = copy.copy(request.headers)
    changed.headers["Content-Length"] = str(len(changed.body))
    return changed


def written_and(fault: Fault) -> Fault:
    """The call is carried out, and answered by the fault all the same."""

    def both(request: Any, through: Callable[[Any], Any]) -> Any:
        through(request)
        return fault(request, through)

    return both


def only(operation: str, fault: Fault) -> Fault:
    """The fault meets this operation alone."""

    def choosy(request: Any, through: Callable[[Any], Any]) -> Any:
        target = str(request.headers["X-Amz-Target"])
        return fault(request, through) if operation in target else through(request)

    return choosy


def leaving_unread(*ids: str) -> Fault:
    """A read has no capacity left for these records."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        content = json.loads(through(request).content)
        ((table, items),) = content["Responses"].items()
        left = [{"id": {"S": each}} for each in ids]
        return answer(
            request,
            {
                "Responses": {table: [item for item in items if item["id"]["S"] not in ids]},
                "UnprocessedKeys": {table: {"Keys": left, "ConsistentRead": True}},
            },
        )

    return fault
