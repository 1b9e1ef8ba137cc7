"""Records for an operator: named, read and described."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import MessageError
from idempotent_lambda.keys import SEPARATOR, Key, KeyRule, build_function_namespace
from idempotent_lambda.protocol.conditions import evaluate
from idempotent_lambda.protocol.record import IS_EXPIRED, IS_OVER_FOR_COPY, Record, Status
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import NotFoundError, RefusedError, UsageError
from idempotent_lambda_toolkit.cli.shown_keys import escape_text, read_digest, unescape_text

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
        allow_id: whether the key may be a record's id, if no record has that key. A producer
            chooses keys, and one may look like the id of another record. So only where an operator
            sees the record before it is changed.
    """

    key: str | None = None
    decorated: str | None = None
    record_id: str | None = None
    allow_id: bool = False

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


def extract_function_name(record_id: str) -> str | None:
    """Return the name of the decorated function in a record's id; None if there is none."""
    parts = record_id.split(SEPARATOR, 3)
    is_call = len(parts) == 4 and parts[1] == "" and parts[2].startswith("@")  # noqa: PLR2004
    return parts[2][1:] if is_call else None


def is_decorated(record_id: str) -> bool:
    """Return whether the record belongs to a call of a decorated function."""
    return extract_function_name(record_id) is not None


def get_since(record: Record, now: EpochMillis) -> EpochMillis:
    """Return when the record entered its state, as far as it shows; epoch milliseconds."""
    if record.status == Status.COMPLETED:
        return record.completed_at or record.created_at
    if state(record, now) == "stale":
        return record.lease_expires_at or record.created_at
    return record.dead_lettered_at or record.created_at


def describe(record: Record, now: EpochMillis, outlook: str | None = None) -> list[str]:
    """Describe the record in lines of text.

    Args:
        record: the record.
        now: the time of this machine.
        outlook: what follows for a stale record, if the function's settings are known.
    """
    at = times.moment(get_since(record, now), now)
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
            text = "the next delivery or call takes it over, or parks it"
            if record.unlocked_by:
                text = "only the redriven copy that has unlocked it takes it over, or parks it"
            lines = [f"interrupted in attempt {record.attempts or 1}: its lease ended {ended}"]
            lines.append(outlook or text)
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
        _require_alone(selector)
        return _find_by_id(deployment, selector.record_id)
    if not selector.key:
        raise UsageError("name a record: KEY, or --record-id ID")
    start = _read_hash(selector.key)
    if start is None:
        named = ids(deployment.namespace, selector.key, selector.decorated)
        if selector.allow_id and _is_id(deployment, selector):
            named += [selector.key, unescape_text(selector.key)]
        found = [read_record(deployment, record_id) for record_id in dict.fromkeys(named)]
    else:
        found = [
            record
            for record in scan(deployment, None)
            if hashlib.sha256(record.id.encode()).hexdigest().startswith(start)
        ]
    return _choose(found, "with --record-id")


def explain_id(selector: RecordSelector, record: Record) -> list[str]:
    """Return the line that says that a key was understood as a record's id; none if it was not."""
    if selector.key not in (record.id, escape_text(record.id)):
        return []
    return [f"no record has the key '{selector}': it is understood as the id of this record"]


def _require_alone(selector: RecordSelector) -> None:
    """Continue only if no other option names a record.

    Raises:
        UsageError: KEY or ``--decorated`` is given, too.
    """
    for name, value in (("KEY", selector.key), ("--decorated", selector.decorated)):
        if value is not None:
            text = f"{name} and --record-id name a record each, or one record twice"
            raise UsageError(f"{text}: leave one of them out")


def _find_by_id(deployment: Deployment, shown: str) -> Record | None:
    record_id = unescape_text(shown)
    if not record_id.startswith(deployment.namespace + SEPARATOR):
        text = f"{shown!r} is not in the namespace {deployment.namespace!r}"
        raise UsageError(f"{text}: set --namespace to the part before the first #")
    record = read_record(deployment, record_id)
    # Another key's id may have the characters that this one is shown with.
    other = read_record(deployment, shown) if record and shown != record_id else None
    return _choose([record, other], "by its KEY")


def _is_id(deployment: Deployment, selector: RecordSelector) -> bool:
    """Return whether the key may be the id of one of the consumer's records."""
    namespace = deployment.namespace
    if selector.decorated:
        namespace = build_function_namespace(namespace, selector.decorated)
    return (selector.key or "").startswith(namespace + SEPARATOR)


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
        if selector.record_id is None and _is_id(deployment, selector):
            names = f"KEY, or write --record-id '{selector}' if it is a record's id"
        elif selector.key and selector.record_id is None and not _is_text(selector.key):
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


def list_ids(namespace: str, selector: RecordSelector) -> list[str]:
    """Return the record ids that the operator may mean, whether there are such records or not.

    Raises:
        UsageError: see `ids`.
    """
    if selector.record_id is not None:
        return [unescape_text(selector.record_id)]
    return ids(namespace, selector.key, selector.decorated) if selector.key else []


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
        yield from filter(None, map(read_item, page["Items"]))


def size(deployment: Deployment) -> int | None:
    """Return about how many items the table has; None if the operator may not read that."""
    try:
        described_table = deployment.client("dynamodb").describe_table(TableName=deployment.table)[
            "Table"
        ]
    except get_sdk_errors():
        return None
    return int(described_table.get("ItemCount") or 0)


def read_record(deployment: Deployment, record_id: str) -> Record | None:
    """Read the record with exactly this id, consistently; None if it does not exist.

    Raises:
        RefusedError: the record is damaged.
    """
    answer = deployment.client("dynamodb").get_item(
        TableName=deployment.table, Key={"id": {"S": record_id}}, ConsistentRead=True
    )
    return read_item(answer.get("Item"))


def read_item(item: Mapping[str, Any] | None) -> Record | None:
    """Return the record in an item; None without an item.

    Raises:
        RefusedError: the record is damaged.
    """
    if not item:
        return None
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
