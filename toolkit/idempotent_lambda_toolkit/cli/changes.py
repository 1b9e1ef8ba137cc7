"""The operator's changes of a record: each only if the record is as it was shown."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from idempotent_lambda.clock import Millis, Seconds
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.conditions import EXPRESSION, And, Compare, evaluate, render
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import RefusedError
from idempotent_lambda_toolkit.cli.records import plain, read_item, read_record, state

AS_SEEN = And((Compare("owner", "=", "owner"), Compare("status", "=", "status")))
"""The record is as it was shown: every change sets another owner or status."""

AS_SEEN_WITH_LEASE = And((*AS_SEEN.parts, Compare("lease_expires_at", "=", "lease_expires_at")))

AFTER_LEASE_MILLIS: Final = Millis(2000)
"""The time after a lease in which no operator completes its record. AWS's clock is known in whole
seconds. The lease itself contains the margin for the clock of its owner."""

_REMOVED: Final[dict[str, Any]] = dict.fromkeys(
    ("reason", "dead_lettered_at", "lease_expires_at", "attempts")
)


def forget(deployment: Deployment, record: Record) -> None:
    """Delete a completed or parked record, if it is still as it was shown.

    Raises:
        RefusedError: the record is in progress, or has changed since it was shown.
    """
    if record.status not in (Status.COMPLETED, Status.PARKED):
        now = times.now()
        text = f"the record is {state(record, now)}, and only completed or parked records are"
        advice = f"; {_advise_on_claim(record)}" if record.status == Status.IN_PROGRESS else ""
        raise RefusedError(f"{text} ever deleted{advice}", record=plain(record, now))
    _write(deployment.client("dynamodb").delete_item, deployment, record)


def complete(
    deployment: Deployment, record: Record, retention: Seconds, result: str | None = None
) -> Record:
    """Complete a parked or stale record, if it is still as it was shown; return the new record.

    A stale record gets a new owner, as if the operator took it over and completed it at once. So an
    owner that still runs loses its lease: it changes nothing, and its caller gets this result.
    A parked record keeps its owner, which is the token of its copy.

    Args:
        deployment: the consumer, for its table.
        record: the record as it was shown.
        retention: the seconds for which duplicates are suppressed from now on.
        result: the result of a decorated call, as JSON; None for no result.

    Raises:
        RefusedError: the record is neither parked nor stale, or has changed since it was shown.
    """
    from idempotent_lambda.pipeline.asking import make_owner  # noqa: PLC0415  # not for --help

    require_resolvable(record)
    is_stale = record.status == Status.IN_PROGRESS
    if is_stale:
        require_lease_over(deployment, record)
    now = times.now()
    owner = make_owner() if is_stale else record.owner
    expires_at = Request(record_id=record.id, owner=owner, now=now, retention=retention).expires_at
    after = replace(
        record,
        owner=owner,
        status=Status.COMPLETED,
        completed_at=now,
        expires_at=expires_at,
        result=record.result if result is None else result,
        **_REMOVED,
    )
    names = [
        "owner",
        "status",
        "completed_at",
        "expires_at",
        *([] if result is None else ["result"]),
    ]
    changes = ", ".join(f"#{name} = :new_{name}" for name in names)
    _write(
        deployment.client("dynamodb").update_item,
        deployment,
        record,
        {name: getattr(after, name) for name in names},
        UpdateExpression=f"SET {changes} REMOVE {', '.join(_REMOVED)}",
    )
    return after


def require_parked(record: Record) -> None:
    """Continue only with a parked record.

    Raises:
        RefusedError: the record is not parked.
    """
    if record.status == Status.PARKED:
        return
    now = times.now()
    text = f"the record is {state(record, now)}, and only parked records can be retried"
    advice = f"; {_advise_on_claim(record)}" if record.status == Status.IN_PROGRESS else ""
    raise RefusedError(text + advice, record=plain(record, now))


def require_resolvable(record: Record) -> None:
    """Continue only with a parked or stale record.

    Raises:
        RefusedError: the record is in another state.
    """
    now = times.now()
    if record.status != Status.PARKED and state(record, now) != "stale":
        text = f"the record is {state(record, now)}, and only parked and stale records"
        text += " can be resolved"
        if record.status == Status.IN_PROGRESS:
            text += f"; {_advise_on_claim(record)}"
        raise RefusedError(text, record=plain(record, now))


def _advise_on_claim(record: Record) -> str:
    """Return the advice for a record in progress."""
    is_stale = state(record, times.now()) == "stale"
    when = "" if is_stale else "wait until its lease ends: "
    if record.unlocked_by:
        text = f"{when}only its redriven copy, which is delivered again, takes it over; if that"
        return f"{text} copy is in the dead-letter queue, send it back with redrive --key"
    done = "if its side effect has happened, use resolve --completed"
    return f"{when}the next delivery or call takes it over{f'; {done}' if is_stale else ''}"


def require_lease_over(deployment: Deployment, record: Record) -> None:
    """Continue only if the lease is over by this machine's clock, and by AWS's clock.

    Raises:
        RefusedError: the lease may still be live, or the record has changed.
    """
    before = times.now()
    answer = deployment.client("dynamodb").get_item(
        TableName=deployment.table, Key={"id": {"S": record.id}}, ConsistentRead=True
    )
    skew = times.skew_millis(answer, before, times.now())
    _require_as_seen(record, read_item(answer.get("Item")))
    left = (record.lease_expires_at or 0) + AFTER_LEASE_MILLIS - (before - max(skew or 0, 0))
    if left > 0:
        text = "the lease of the record has only just ended"
        if skew is not None and skew > 0:
            text = (
                f"this machine's clock is {times.describe_span(skew)} fast, and the lease is live"
            )
        remedy = f"wait {times.describe_span(left + 999)}, and run the command again"
        raise RefusedError(f"{text}: {remedy}", record=plain(record, before))


def require_unchanged(deployment: Deployment, record: Record) -> None:
    """Continue only if the record is still as it was shown, by a consistent read.

    Raises:
        RefusedError: the record has changed.
    """
    _require_as_seen(record, read_record(deployment, record.id))


def _require_as_seen(record: Record, found: Record | None) -> None:
    if not evaluate(_as_seen(record), found, _values_seen(record)):
        raise _build_changed_error(found)


def _as_seen(record: Record) -> And:
    """Return the condition that the record is as it was shown.

    Owner and status are enough: every change sets another one. The lease is compared, too, because
    an operator who completes a stale record has decided by it.
    """
    return AS_SEEN if record.lease_expires_at is None else AS_SEEN_WITH_LEASE


def _values_seen(record: Record) -> dict[str, Any]:
    values: dict[str, Any] = {"owner": record.owner, "status": record.status}
    if record.lease_expires_at is not None:
        values["lease_expires_at"] = record.lease_expires_at
    return values


def _write(
    method: Callable[..., Any],
    deployment: Deployment,
    record: Record,
    values: Mapping[str, Any] | None = None,
    **call: Any,
) -> None:
    """Write ``values``, by name, or delete the record, if it is as it was shown."""
    from idempotent_lambda.store.items import encode_value  # noqa: PLC0415  # not for --help

    condition = render(_as_seen(record), EXPRESSION)
    seen = {f":{name}": encode_value(value) for name, value in _values_seen(record).items()}
    new = {f":new_{name}": encode_value(value) for name, value in (values or {}).items()}
    try:
        method(
            TableName=deployment.table,
            Key={"id": {"S": record.id}},
            ConditionExpression=condition.text,
            ExpressionAttributeNames={
                f"#{name}": name for name in (*condition.attributes, *(values or {}))
            },
            ExpressionAttributeValues=seen | new,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **call,
        )
    except get_sdk_errors() as error:
        answer: Mapping[str, Any] = getattr(error, "response", {})
        if answer.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        item: Any = answer.get("Item")
        raise _build_changed_error(read_item(item)) from None


def _build_changed_error(found: Record | None) -> RefusedError:
    now = times.now()
    is_now = "gone" if found is None else f"{state(found, now)}, owner {found.owner}"
    text = f"the record has changed since it was shown (it is {is_now}), so nothing was written"
    return RefusedError(f"{text}: look at it again", record=plain(found, now))
