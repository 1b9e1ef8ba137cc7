"""Records for an operator: read, described, and changed only if they are as they were shown."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import MessageError
from idempotent_lambda.keys import SEPARATOR, Key, KeyRule, build_function_namespace
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.conditions import EXPRESSION, And, Compare, evaluate, render
from idempotent_lambda.protocol.record import IS_EXPIRED, IS_OVER_FOR_COPY, Record, Status
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import NotFoundError, RefusedError, UsageError
from idempotent_lambda_toolkit.cli.shown_keys import escape_text, read_digest, unescape_text

AS_SEEN = And((Compare("owner", "=", "owner"), Compare("status", "=", "status")))
"""The record is as it was shown: every change sets another owner or status."""

_NAMES = tuple(each.name for each in fields(Record))
_NUMBERS = {
    "created_at", "expires_at", "lease_expires_at", "completed_at", "attempts", "dead_lettered_at",
}  # fmt: skip
_SETS = {"copy_tokens"}
_HASHED = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class RecordSelector:
    """How an operator names a record.

    Attributes:
        key: the key as the log shows it: text, JSON of any other key, or its hash.
        decorated: the name of the decorated function that the key belongs to.
        record_id: the partition key, instead of the others, as this command shows it.
    """

    key: str | None = None
    decorated: str | None = None
    record_id: str | None = None

    def __str__(self) -> str:
        return escape_text(unescape_text(self.record_id or self.key or ""))


def extract_key(record_id: str) -> str:
    """Return the key in a record's id, unescaped; the hash if it was too long."""
    key = record_id.split(SEPARATOR, 1)[1]
    if key.startswith(SEPARATOR + "@"):  # a decorated function's name comes first
        key = key.split(SEPARATOR, 2)[2]
    if not key.startswith(SEPARATOR):
        return key
    parsed = _parse_json(key[1:])
    return parsed if isinstance(parsed, str) else key[1:]


def show_key(record_id: str) -> str:
    """Return the key in a record's id, as the log shows it; a hash if the key was too long."""
    is_hash = SEPARATOR * 2 + "sha256:" in record_id
    return Key(extract_key(record_id), record_id).show(hashed=is_hash)


def state(record: Record, now: EpochMillis) -> str:
    """Return the state: completed, expired, parked, in progress, stale, or an unknown status."""
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
    """Return whether a redriven copy failed. It is delivered again and claims the record."""
    return record.status == Status.PARKED and record.owner == record.unlocked_by


def get_since(record: Record) -> EpochMillis:
    """Return when the record entered its state, as far as it shows; epoch milliseconds."""
    if record.status == Status.COMPLETED:
        return record.completed_at or record.created_at
    return record.dead_lettered_at or record.created_at


def describe(record: Record, now: EpochMillis) -> list[str]:
    """Describe the record in lines of text."""
    at = times.moment(get_since(record), now)
    first = f"first claimed {times.moment(record.created_at, now)}"
    expires = times.moment((record.expires_at or 0) * 1000, now)
    match state(record, now):
        case "completed":
            lines = [f"completed {at}: duplicates are acknowledged until {expires}"]
        case "expired":
            lines = [f"completed {at}: its retention ended {expires}, so the next delivery runs"]
        case "parked" if is_given_back(record):
            lines = [
                f"parked again: {record.reason}",
                "a redriven copy of it failed, and is delivered again",
                "that copy is in the queue or, after its last receive, in the dead-letter queue",
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
            lines = [
                f"unknown status {other!r}: a newer version wrote it; this one never claims it"
            ]
    if record.unlocked_by:
        lines.append(
            f"a redriven copy has unlocked it: the copy with the token {record.unlocked_by}"
        )
    return [escape_text(record.id), *lines, first, f"owner {record.owner}"]


def plain(record: Record | None, now: EpochMillis) -> dict[str, Any] | None:
    """Return the record for ``--json``: its fields, key and state."""
    if record is None:
        return None
    held = {
        name: sorted(of) if name in _SETS else of
        for name, of in asdict(record).items()
        if of is not None
    }
    return {"key": extract_key(record.id), "state": state(record, now), **held}


def find(deployment: Deployment, selector: RecordSelector) -> Record | None:
    """Read the record that an operator named, consistently; None if it does not exist.

    Raises:
        UsageError: no argument names a record, or two records match.
        RefusedError: the record is damaged.
    """
    if selector.record_id is not None:
        shown, record_id = selector.record_id, unescape_text(selector.record_id)
        if not record_id.startswith(deployment.namespace + SEPARATOR):
            text = f"{shown!r} is not in the namespace {deployment.namespace!r}"
            raise UsageError(f"{text}: set --namespace to the part before the first #")
        record = read_record(deployment, record_id)
        # Another key's id may have the characters that this one is shown with.
        other = read_record(deployment, shown) if record and shown != record_id else None
        return _choose([record, other], "by its KEY")
    if not selector.key:
        raise UsageError("name a record: KEY, or --record-id ID")
    start = _read_hash(selector.key)
    if start is None:
        named = ids(deployment.namespace, selector.key, selector.decorated)
        found = [read_record(deployment, record_id) for record_id in named]
    else:
        found = [
            record
            for record in scan(deployment, None)
            if hashlib.sha256(record.id.encode()).hexdigest().startswith(start)
        ]
    return _choose(found, "with --record-id")


def _read_hash(shown: str) -> str | None:
    """Return the start of the hash that a key is shown with; None for any other key.

    The log shows no text in this form. So a hash is never read as a text, which any producer could
    have sent.
    """
    digest = _HASHED.fullmatch(shown)
    return digest[1] if digest else read_digest(shown)


def _choose(read: list[Record | None], remedy: str) -> Record | None:
    """Return the record that was found; None if there is none.

    Raises:
        UsageError: there are two.
    """
    found = [each for each in read if each is not None]
    if len(found) > 1:
        both = " and ".join(f"'{escape_text(each.id)}'" for each in found)
        raise UsageError(f"two records match: {both}; choose one {remedy}")
    return found[0] if found else None


def require(deployment: Deployment, selector: RecordSelector) -> Record:
    """Read the record that an operator named.

    Raises:
        NotFoundError: the record does not exist.
        UsageError, RefusedError: see `find`.
    """
    record = find(deployment, selector)
    if record is None:
        text = f"no record of '{selector}' in table {deployment.table!r}"
        names = "--namespace, --decorated NAME for a decorated function, or --record-id"
        if selector.key and selector.record_id is None and not _is_text(selector.key):
            names += (
                f"; a text with these characters is '{Key(selector.key, '').show(hashed=False)}'"
            )
        raise NotFoundError(
            f"{text}, so the next delivery runs; if there should be one, check {names}"
        )
    return record


def ids(namespace: str, key: str, decorated: str | None = None) -> list[str]:
    """Return the record ids that the key of a log line may mean: text, or JSON of any other key.

    A hash means none of them: only the records show which.

    Raises:
        UsageError: the text cannot be a key, or ``decorated`` cannot be a name.
    """
    try:
        rule = KeyRule(build_function_namespace(namespace, decorated) if decorated else namespace)
        text = unescape_text(key)
        if _read_hash(key) is not None:
            return []
        values: list[Any] = [text]
        parsed = _parse_json(text)
        # A text such as -0 is no number: the log writes a number in one way.
        if isinstance(parsed, int) and json.dumps(parsed) == text:
            values.append(parsed)
        elif isinstance(parsed, list) and not _is_text(key):
            values = [parsed]
        found = []
        for value in values:
            try:
                found.append(rule.for_value(value).record_id)
            except MessageError:
                if value is text:
                    raise
    except (MessageError, ValueError) as error:
        raise UsageError(f"{key!r}: {error}") from None
    return found


def scan(
    deployment: Deployment,
    status: Status | None,
    seen: Callable[[int], None] = lambda _count: None,
) -> Iterator[Record]:
    """Yield the records of the namespace with one status, or all of them, without their results.

    Args:
        deployment: the consumer, for its table and namespace.
        status: the status; None for all records.
        seen: a callback for the number of items read so far, called after each page.

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
    """Return about how many items the table has; None if the operator may not read that."""
    try:
        described_table = deployment.client("dynamodb").describe_table(TableName=deployment.table)[
            "Table"
        ]
    except get_sdk_errors():
        return None
    return int(described_table.get("ItemCount") or 0)


def forget(deployment: Deployment, record: Record) -> None:
    """Delete a completed or parked record, if it is still as it was shown.

    Raises:
        RefusedError: the record is in progress, or has changed since it was shown.
    """
    if record.status not in (Status.COMPLETED, Status.PARKED):
        text = (
            f"the record is {state(record, times.now())}, and only completed or parked records are"
        )
        raise RefusedError(
            f"{text} ever deleted; {_wait(record)}", record=plain(record, times.now())
        )
    _write(deployment.client("dynamodb").delete_item, deployment, record)


def complete(deployment: Deployment, record: Record, retention: Seconds) -> Record:
    """Complete a parked record, if it is still as it was shown; return the new record.

    Args:
        deployment: the consumer, for its table.
        record: the record as it was shown.
        retention: the seconds for which duplicates are suppressed from now on.

    Raises:
        RefusedError: the record is not parked, or has changed since it was shown.
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
    """Continue only with a parked record.

    Raises:
        RefusedError: the record is not parked.
    """
    if record.status != Status.PARKED:
        now = times.now()
        text = f"the record is {state(record, now)}, and only parked records"
        text += " can be resolved"
        if record.status == Status.IN_PROGRESS:
            text += f"; {_wait(record)}"
        raise RefusedError(text, record=plain(record, now))


def _wait(record: Record) -> str:
    """Return the advice for a record in progress."""
    if not record.unlocked_by:
        return "wait until its lease ends: the next delivery takes it over"
    return (
        "wait until its lease ends: only its redriven copy, which is delivered again, takes it "
        "over; if that copy is in the dead-letter queue, send it back with redrive --key"
    )


def require_unchanged(deployment: Deployment, record: Record) -> None:
    """Continue only if the record is still as it was shown, by a consistent read.

    Raises:
        RefusedError: the record has changed.
    """
    found = read_record(deployment, record.id)
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
    except get_sdk_errors() as error:
        answer: Mapping[str, Any] = getattr(error, "response", {})
        if answer.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        item: Any = answer.get("Item")
        raise _build_changed_error(_record(item) if item else None) from None


def _build_changed_error(found: Record | None) -> RefusedError:
    now = times.now()
    is_now = "gone" if found is None else f"{state(found, now)}, owner {found.owner}"
    text = f"the record has changed since it was shown (it is {is_now}), so nothing was written"
    return RefusedError(f"{text}: look at it again", record=plain(found, now))


def read_record(deployment: Deployment, record_id: str) -> Record | None:
    """Read the record with exactly this id, consistently; None if it does not exist.

    Raises:
        RefusedError: the record is damaged.
    """
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
        raise RefusedError(f"the record {name!r} is damaged: {error!r}; fix it by hand") from None


def _value(name: str, written: Mapping[str, Any]) -> Any:
    if name in _SETS:
        return frozenset(written["SS"])
    return int(written["N"]) if name in _NUMBERS else written["S"]


def _is_text(shown: str) -> bool:
    """Whether a key that is shown may be a text: the log escapes a text that looks like others."""
    is_array = shown.startswith("[") and isinstance(_parse_json(unescape_text(shown)), list)
    return not is_array and _read_hash(shown) is None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
