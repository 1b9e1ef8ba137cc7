"""The only module that talks to DynamoDB: one conditional write per claim and per settlement.

Relied on: a failed condition returns the item when ReturnValuesOnConditionCheckFailure asks for
it: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

import random
import re
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore import exceptions
from botocore.config import Config

from idempotent_lambda import claims
from idempotent_lambda.claims import ClaimRequest, Owner, Record, Request
from idempotent_lambda.clock import (
    REQUEST_MILLIS,
    Clock,
    Deadline,
    EpochMillis,
    EpochSeconds,
    Millis,
)
from idempotent_lambda.conditions import Condition, expression
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

ATTEMPTS = 3
"""Of a claim or a release, at most; a completion insists until the deadline."""

FIRST_BACKOFF_MILLIS = 100
LONGEST_BACKOFF_MILLIS = 1000

# Refusals that pass: nothing was written, and the same request may succeed later.
_THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
}
_SERVER_ERROR = 500
_CONDITION_FAILED = "ConditionalCheckFailedException"

_CLAIM = (
    "SET #status = :in_progress, #owner = :owner, #lease_expires_at = :lease_expires_at, "
    "#expires_at = :expires_at, #created_at = if_not_exists(#created_at, :now_millis), "
    "#attempts = if_not_exists(#attempts, :zero) + :one REMOVE #completed_at"
)
_COMPLETE = (
    "SET #status = :completed, #completed_at = :now_millis, #expires_at = :expires_at "
    "REMOVE #lease_expires_at, #attempts"
)


class _Write:
    """One kind of conditional write, rendered once."""

    def __init__(self, operation: str, condition: Condition, update: str = "") -> None:
        self.operation = operation
        self.settles = condition is claims.OWNED
        text = expression(condition, key="id")
        # DynamoDB refuses aliases that no expression uses.
        self._operands = sorted(set(re.findall(r":(\w+)", f"{update} {text}")))
        self._constant: dict[str, Any] = {
            "ConditionExpression": text,
            "ExpressionAttributeNames": {
                f"#{name}": name for name in re.findall(r"#(\w+)", f"{update} {text}")
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if update:
            self._constant |= {"UpdateExpression": update, "ReturnValues": "UPDATED_NEW"}

    def parameters(self, table: str, record_id: str, operands: Mapping[str, Any]) -> dict[str, Any]:
        """The request for one record."""
        values = ((name, operands[name]) for name in self._operands)
        return self._constant | {
            "TableName": table,
            "Key": {"id": {"S": record_id}},
            "ExpressionAttributeValues": {
                f":{name}": {"S": value} if isinstance(value, str) else {"N": str(value)}
                for name, value in values
            },
        }


_WRITES = {
    "claim": _Write("UpdateItem", claims.FREE, _CLAIM),
    "takeover": _Write("UpdateItem", claims.CLAIMABLE, _CLAIM),
    "complete": _Write("UpdateItem", claims.OWNED, _COMPLETE),
    "release": _Write("DeleteItem", claims.OWNED),
}


def new_client() -> "DynamoDBClient":
    """A client with static short timeouts and no retries: those are ours, inside the deadline.

    Made from botocore's session, which starts faster than boto3's. Region, credentials and
    endpoint come from the environment, as Lambda sets it.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_MILLIS / 1000,
        read_timeout=READ_TIMEOUT_MILLIS / 1000,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        tcp_keepalive=True,
    )
    return botocore.session.get_session().create_client("dynamodb", config=config)  # type: ignore[return-value]  # typed per service by boto3 only


class DynamoDBClaimStore:
    """Claims in a DynamoDB table, one round trip each."""

    def __init__(self, client: "DynamoDBClient", table_name: str, clock: Clock) -> None:
        self._calls = {"UpdateItem": client.update_item, "DeleteItem": client.delete_item}
        self._table_name = table_name
        self._clock = clock

    def claim(self, request: ClaimRequest, deadline: Deadline) -> claims.ClaimOutcome:
        """See `ClaimStore.claim`."""
        write = _WRITES["takeover" if request.takeover else "claim"]
        more = {"lease_expires_at": request.lease_expires_at, "zero": 0, "one": 1}
        answer, found = self._write(write, request, deadline, ATTEMPTS, more)
        if answer is None:
            return claims.refused_claim(found, request)
        try:
            return claims.Claimed(request.owner, int(answer["Attributes"]["attempts"]["N"]))
        except (KeyError, ValueError) as error:
            problem = f"the answer to a claim is not understood: {error!r}"
            raise StoreUnavailableError("BadAnswer", problem, maybe_written=True) from None

    def complete(self, request: Request, deadline: Deadline) -> claims.CompleteOutcome:
        """See `ClaimStore.complete`."""
        answer, found = self._write(_WRITES["complete"], request, deadline, attempts=None)
        return claims.refused_completion(found, request) if answer is None else claims.Completed()

    def release(self, request: Request, deadline: Deadline) -> claims.ReleaseOutcome:
        """See `ClaimStore.release`."""
        answer, found = self._write(_WRITES["release"], request, deadline, ATTEMPTS)
        return claims.refused_release(found) if answer is None else claims.Released()

    def _write(
        self,
        write: _Write,
        request: Request,
        deadline: Deadline,
        attempts: int | None,
        more: Mapping[str, Any] | None = None,
    ) -> tuple[Any | None, Record | None]:
        """The answer, or None and the record on which the condition failed.

        Every attempt sends the same request, so an owner that meets its own token knows that an
        earlier one got through. ``attempts`` None insists until the deadline. A settlement is
        tried once whatever the time: cut short it costs a redelivery, not tried it costs a
        repetition or blocks the key.
        """
        operands = {**request.operands, **(more or {})}
        parameters = write.parameters(self._table_name, request.record_id, operands)
        call = self._calls[write.operation]
        problem = "too little time is left for a request"
        error: StoreError = StoreUnavailableError("NoTime", problem, maybe_written=False)
        for made in count() if attempts is None else range(attempts):
            pause = _backoff(made)
            certain = made == 0 and write.settles
            if not (certain or deadline.allows(Millis(pause + REQUEST_MILLIS))):
                break
            self._clock.sleep(pause)
            try:
                return call(**parameters), None
            except exceptions.ClientError as failure:
                if failure.response["Error"]["Code"] == _CONDITION_FAILED:
                    return None, _record(failure.response.get("Item"))
                error = self._error(write, failure, error)
            except exceptions.BotoCoreError as failure:
                error = self._error(write, failure, error)
            if isinstance(error, StoreRefusedError):
                break
        raise error

    def _error(self, write: _Write, failure: Exception, before: StoreError) -> StoreError:
        if isinstance(failure, exceptions.ClientError):
            code = failure.response["Error"]["Code"]
            text = failure.response["Error"].get("Message", "")
            sent = failure.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR
            passes = sent or code in _THROTTLED
        else:
            code, text = type(failure).__name__, str(failure)
            sent = isinstance(failure, exceptions.HTTPClientError)
            passes = sent or isinstance(failure, exceptions.ConnectionError)
        kind: type[StoreError] = StoreUnavailableError if passes else StoreRefusedError
        remedy = (
            "capacity and network path" if passes else "name, region and the role's permissions"
        )
        problem = (
            f"{write.operation} on table {self._table_name!r}: {code}: {text}; "
            f"check the table's {remedy}"
        )
        return kind(code, problem, maybe_written=before.maybe_written or sent)


def _backoff(made: int) -> Millis:
    # Full jitter: workers that failed together do not come back together.
    longest = min(LONGEST_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << min(made, 10))
    return Millis(random.randrange(longest) if made else 0)  # noqa: S311  # guards nothing


def _record(item: Any) -> Record | None:
    if not item:
        return None
    try:
        optional = ("lease_expires_at", "completed_at", "attempts")
        numbers: dict[str, Any] = {name: int(item[name]["N"]) for name in optional if name in item}
        return Record(
            id=item["id"]["S"],
            status=item["status"]["S"],
            owner=Owner(item["owner"]["S"]),
            expires_at=EpochSeconds(int(item["expires_at"]["N"])),
            created_at=EpochMillis(int(item["created_at"]["N"])),
            **numbers,
        )
    except (KeyError, ValueError) as error:
        problem = f"the record of this key is damaged, mend or delete it: {error!r}"
        raise StoreRefusedError("DamagedRecord", problem, maybe_written=False) from None
