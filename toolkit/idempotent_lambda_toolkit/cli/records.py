"""Records as an operator sees them: read, described, and changed only as they were seen."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from botocore.exceptions import ClientError

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import MessageError
from idempotent_lambda.keys import SEPARATOR, KeyRule, build_function_namespace
from idempotent_lambda.protocol.conditions import EXPRESSION, And, Compare, evaluate, render
from idempotent_lambda.protocol.record import IS_EXPIRED, IS_OVER_FOR_COPY, Record, Status
from idempotent_lambda.protocol.requests import Request
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import NotFoundError, RefusedError, UsageError

AS_SEEN = And((Compare("owner", "=", "owner"), Compare("status", "=", "status")))
"""The record is as it was shown: every change gives it another owner or status."""

_NAMES = tuple(each.name for each in fields(Record))
_NUMBERS = {
    "created_at", "expires_at", "lease_expires_at", "completed_at", "attempts", "dead_lettered_at",
}  # fmt: skip
_SETS = {"copy_tokens"}
_HASHED = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RecordSelector:
    """How an operator names a record.

    Attributes:
        key: as the log shows it: text, JSON of another key, or its hash.
        decorated: the name of the decorated function whose key it is.
        record_id: the partition key itself, instead of the others.
    """

    key: str | None = None
    decorated: str | None = None
    record_id: str | None = None

    def __str__(self) -> str:
        return self.record_id or self.key or ""


def extract_key(record_id: str) -> str:
    """The key in a record's id, as the log shows it; the hash of one that was too long."""
    key = record_id.split(SEPARATOR, 1)[1]
    if key.startswith(SEPARATOR + "@"):  # of a decorated function, whose name comes first
        key = key.split(SEPARATOR, 2)[2]
    if not key.startswith(SEPARATOR):
        return key
    parsed = _parse_json(key[1:])
    return parsed if isinstance(parsed, str) else key[1:]


def state(record: Record, now: EpochMillis) -> str:
    """What the record means now: completed, expired, parked, in progress, stale, or its status."""
    operands = {
        "completed": Status.COMPLETED.value,
        "in_progress": Status.IN_PROGRESS.value,
        "now_seconds": now // 1000,
        "now_millis": now,
        "token": record.unlocked_by,
    }
    if evaluate(IS_EXPIRED, record, operands):
        return "expired"
    if evaluate(IS_OVER_FOR_COPY, record, operands):
        return "stale"
    return record.status.lower().replace("_", " ")


def is_given_back(record: Record) -> bool:
    """Whether a redriven copy ran without success: it is delivered again, and claims the record."""
    return record.status == Status.PARKED and record.owner == record.unlocked_by


def get_since(record: Record) -> EpochMillis:
    """Since when the record is as it is, as far as it tells; epoch milliseconds."""
    if record.status == Status.COMPLETED:
        return record.completed_at or record.created_at
    return record.dead_lettered_at or record.created_at


def describe(record: Record, now: EpochMillis) -> list[str]:
    """The record in words."""
    at = times.moment(get_since(record), now)
    first = f"first claimed {times.moment(record.created_at, now)}"
    expires = times.moment((record.expires_at or 0) * 1000, now)
    match state(record, now):
        case "completed":
            lines = [f"completed {at}: duplicates are acknowledged until {expires}"]
        case "expired":
            lines = [f"completed {at}: its retention ended {expires}, the next delivery runs"]
        case "parked" if is_given_back(record):
            lines = [
                f"parked again: {record.reason}",
                "a redriven copy of it did not succeed, and is delivered again",
                "that copy is in the queue, or after its last receive in the dead-letter queue",
            ]
        case "parked":
            copied = record.dead_lettered_at is not None
            copy = "its copy was sent to the dead-letter queue" if copied else "no copy known"
            lines = [f"parked: {record.reason}", f"{copy}; nothing runs this key until you decide"]
        case "in progress":
            ends = times.moment(record.lease_expires_at or 0, now)
            lines = [f"in progress, attempt {record.attempts or 1}: its lease ends {ends}"]
        case "stale":
            ended = times.moment(record.lease_expires_at or 0, now)
            text = "the next delivery takes it over, or parks it"
            if record.unlocked_by:
                text = "only the redriven copy that has unlocked it takes it over, or parks it"
            lines = [f"interrupted in attempt {record.attempts or 1}: its lease ended {ended}"]
            lines.append(text)
        case other:
            lines = [f"of an unknown status {other!r}: a newer version wrote it, never claimed"]
    if record.unlocked_by:
        lines.append(
            f"a redriven copy has unlocked it: the one with the token {record.unlocked_by}"
        )
    return [record.id, *lines, first, f"owner {record.owner}"]


def plain(record: Record | None, now: EpochMillis) -> dict[str, Any] | None:
    """The record for ``--json``: what it holds, its key and state."""
    if record is None:
        return None
    held = {
        name: sorted(of) if name in _SETS else of
        for name, of in asdict(record).items()
        if of is not None
    }
    return {"key": extract_key(record.id), "state": state(record, now), **held}


def find(deployment: Deployment, selector: RecordSelector) -> Record | None:
    """The record that an operator named, read consistently; None if there is none.

    Raises:
        UsageError: nothing names a record, or two records fit.
        RefusedError: the record is damaged.
    """
    if selector.record_id is not None:
        if not selector.record_id.startswith(deployment.namespace + SEPARATOR):
            text = f"{selector.record_id!r} is not in the namespace {deployment.namespace!r}"
            raise UsageError(f"{text}: set --namespace to the part before the first #")
        return _get(deployment, selector.record_id)
    if not selector.key:
        raise UsageError("say which: KEY, or --record-id ID")
    if _HASHED.fullmatch(selector.key):
        digest = selector.key.removeprefix("sha256:")
        found = [
            each
            for each in scan(deployment, None)
            if hashlib.sha256(each.id.encode()).hexdigest() == digest
        ]
    else:
        read = (
            _get(deployment, each)
            for each in ids(deployment.namespace, selector.key, selector.decorated)
        )
        found = [each for each in read if each is not None]
    if len(found) > 1:
        both = " and ".join(repr(each.id) for each in found)
        raise UsageError(f"two records fit: {both}; choose one with --record-id")
    return found[0] if found else None


def require(deployment: Deployment, selector: RecordSelector) -> Record:
    """The record that an operator named.

    Raises:
        NotFoundError: there is none.
        UsageError, RefusedError: see `find`.
    """
    record = find(deployment, selector)
    if record is None:
        text = f"no record of {str(selector)!r} in table {deployment.table!r}"
        names = "a key's namespace, --decorated NAME of a decorated function, or --record-id"
        raise NotFoundError(
            f"{text}, so the next delivery runs; if there should be one, check {names}"
        )
    return record


def ids(namespace: str, key: str, decorated: str | None = None) -> list[str]:
    """The ids of the records that a log line's key may mean: a text, or what is no text as JSON.

    Raises:
        UsageError: it cannot be a key, or ``decorated`` no name.
    """
    try:
        rule = KeyRule(build_function_namespace(namespace, decorated) if decorated else namespace)
        values: list[Any] = [key]
        parsed = _parse_json(key)
        if isinstance(parsed, list | int):
            values.append(parsed)
        found = []
        for value in values:
            try:
                found.append(rule.for_value(value).record_id)
            except MessageError:
                if value is key:
                    raise
    except (MessageError, ValueError) as error:
        raise UsageError(f"{key!r}: {error}") from None
    return found


def scan(
    deployment: Deployment,
    status: Status | None,
    seen: Callable[[int], None] = lambda _count: None,
) -> Iterator[Record]:
    """The records of the namespace, of one status or of all; without their results.

    Args:
        deployment: which table and namespace.
        status: None for all.
        seen: told after each page how many items of the table were read.

    Raises:
        RefusedError: a record is damaged.
    """
    names = {f"#{name}": name for name in _NAMES if name != "result"}
    values = {":prefix": {"S": deployment.namespace + SEPARATOR}}
    condition = "begins_with(#id, :prefix)"
    if status is not None:
        condition += " AND #status = :status"
        values[":status"] = {"S": status.value}
    pages = (
        deployment.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=deployment.table,
            FilterExpression=condition,
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    )
    count = 0
    for page in pages:
        count += page.get("ScannedCount", 0)
        seen(count)
        yield from map(_record, page["Items"])


def size(deployment: Deployment) -> int | None:
    """About how many items the table has; None if the operator may not ask."""
    try:
        described_table = deployment.client("dynamodb").describe_table(TableName=deployment.table)[
            "Table"
        ]
    except ClientError:
        return None
    return int(described_table.get("ItemCount") or 0)


def forget(deployment: Deployment, record: Record) -> None:
    """Delete a completed or parked record, if it still is as it was seen.

    Raises:
        RefusedError: it is in progress, or not as it was seen.
    """
    if record.status not in (Status.COMPLETED, Status.PARKED):
        text = f"the record is {state(record, times.now())}, and only a completed or parked one is"
        raise RefusedError(
            f"{text} ever deleted; {_wait(record)}", record=plain(record, times.now())
        )
    _write(deployment.client("dynamodb").delete_item, deployment, record)


def complete(deployment: Deployment, record: Record, retention: Seconds) -> Record:
    """Complete a parked record, if it still is as it was seen; the record as it is then.

    Args:
        deployment: which table.
        record: as it was shown.
        retention: how long duplicates are suppressed from now on, in seconds.

    Raises:
        RefusedError: it is not parked, or not as it was seen.
    """
    require_parked(record)
    now = times.now()
    expires_at = Request(
        record_id=record.id, owner=record.owner, now=now, retention=retention
    ).expires_at
    changes = {
        ":completed": {"S": Status.COMPLETED.value},
        ":now": {"N": str(now)},
        ":expires_at": {"N": str(expires_at)},
    }
    update = (
        "SET #status = :completed, completed_at = :now, expires_at = :expires_at "
        "REMOVE reason, dead_lettered_at, lease_expires_at, attempts"
    )
    client = deployment.client("dynamodb")
    _write(client.update_item, deployment, record, changes, UpdateExpression=update)
    return replace(
        record,
        status=Status.COMPLETED,
        completed_at=now,
        expires_at=expires_at,
        reason=None,
        dead_lettered_at=None,
        lease_expires_at=None,
        attempts=None,
    )


def require_parked(record: Record) -> None:
    """Go on only with a parked record.

    Raises:
        RefusedError: it is not parked.
    """
    if record.status != Status.PARKED:
        now = times.now()
        text = f"the record is {state(record, now)}, and there is nothing to decide"
        text += ": only parked ones are resolved"
        if record.status == Status.IN_PROGRESS:
            text += f"; {_wait(record)}"
        raise RefusedError(text, record=plain(record, now))


def _wait(record: Record) -> str:
    """What an operator does about a record in progress."""
    if not record.unlocked_by:
        return "wait for the end of its lease: the next delivery takes it over"
    return (
        "wait for the end of its lease: only its redriven copy takes it over, which is delivered "
        "again; if that is in the dead-letter queue, send it back with redrive --key"
    )


def require_unchanged(deployment: Deployment, record: Record) -> None:
    """Go on only if the record still is as it was seen, by a consistent read.

    Raises:
        RefusedError: it is not.
    """
    found = _get(deployment, record.id)
    if not evaluate(AS_SEEN, found, {"owner": record.owner, "status": record.status}):
        raise _build_changed_error(found)


def _write(
    method: Callable[..., Any],
    deployment: Deployment,
    record: Record,
    values: Mapping[str, Any] | None = None,
    **call: Any,
) -> None:
    as_seen = {":owner": {"S": record.owner}, ":status": {"S": record.status}}
    try:
        method(
            TableName=deployment.table,
            Key={"id": {"S": record.id}},
            ConditionExpression=render(AS_SEEN, EXPRESSION).text,
            ExpressionAttributeNames={"#owner": "owner", "#status": "status"},
            ExpressionAttributeValues={**as_seen, **(values or {})},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **call,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        item: Any = error.response.get("Item")
        raise _build_changed_error(_record(item) if item else None) from None


def _build_changed_error(found: Record | None) -> RefusedError:
    now = times.now()
    is_now = "gone" if found is None else f"{state(found, now)}, owner {found.owner}"
    text = f"somebody has changed the record meanwhile (it is {is_now}), so it stays as it is"
    return RefusedError(f"{text}: look at it again", record=plain(found, now))


def _get(deployment: Deployment, record_id: str) -> Record | None:
    answer = deployment.client("dynamodb").get_item(
        TableName=deployment.table, Key={"id": {"S": record_id}}, ConsistentRead=True
    )
    return _record(answer["Item"]) if "Item" in answer else None


def _record(item: Mapping[str, Any]) -> Record:
    try:
        found: dict[str, Any] = {name: _value(name, item[name]) for name in _NAMES if name in item}
        return Record(**found)
    except (KeyError, TypeError, ValueError) as error:
        name = item.get("id", {}).get("S")
        raise RefusedError(f"the record {name!r} is damaged: {error!r}; mend it by hand") from None


def _value(name: str, written: Mapping[str, Any]) -> Any:
    if name in _SETS:
        return frozenset(written["SS"])
    return int(written["N"]) if name in _NUMBERS else written["S"]


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
