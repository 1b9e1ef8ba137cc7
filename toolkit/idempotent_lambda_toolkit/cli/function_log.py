"""The function's log group, searched for the lines of one key or message."""

import json
import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from idempotent_lambda.clock import EpochMillis, Millis, SystemClock
from idempotent_lambda.keys import Key
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.records import (
    RecordSelector,
    extract_function_name,
    extract_key,
    find,
)

SEARCH_MILLIS: Final = Millis(60_000)
"""The longest time of one search. AWS scans the log, and may return many empty pages first:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

MAX_TERM_CHARACTERS: Final = 200
"""The longest part of a key in a filter pattern, which has at most 1,024 characters."""

_VALUE = re.compile(r"[A-Za-z0-9_.:/#@ -]{1,200}")
"""A text that means itself in a JSON filter pattern. Others, such as ``*``, may have a meaning:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

_TERMS = re.compile(r"[ !#-\[\]-~]+")
"""The parts of a JSON text that need no escape in a filter pattern."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log about one message.

    Attributes:
        logged_at: the time of the line, in epoch milliseconds.
        fields: the fields of the line; docs/logs.md describes them.
    """

    logged_at: EpochMillis
    fields: Mapping[str, Any]

    @property
    def message_id(self) -> str:
        """The source's id of the message, or the name of the decorated function."""
        return str(self.fields.get("message_id"))

    @property
    def is_acknowledged(self) -> bool:
        """Whether the source delivers the message no more."""
        return self.fields.get("acknowledged") is True

    @property
    def key(self) -> str | None:
        """The key as the log shows it; None if the message has none."""
        key = self.fields.get("key")
        return key if type(key) is str and key else None

    @property
    def receive_count(self) -> int | None:
        """How often SQS had delivered the message; None if that is not known."""
        count = self.fields.get("receive_count")
        return count if type(count) is int else None

    @property
    def errors(self) -> str:
        """The errors in one text."""
        found = self.fields.get("errors")
        errors = [each for each in found if isinstance(each, dict)] if type(found) is list else []
        return "; ".join(f"{each.get('type')}: {each.get('text')}" for each in errors)

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {"logged_at": self.logged_at, **self.fields}


@dataclass(frozen=True, slots=True)
class LogSearch:
    """The result of one search.

    Attributes:
        lines: the last lines that match, in order of time.
        left_out: how many earlier lines match.
        whole: whether the log was searched to its end.
    """

    lines: list[LogLine]
    left_out: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSelector:
    """Which lines to look for.

    Attributes:
        keys: the ways in which the log may show the key; None for every key.
        message_id: the message id, or the name of a decorated function; None for all messages.
    """

    keys: Collection[str] | None = None
    message_id: str | None = None

    @classmethod
    def for_records(
        cls, record_ids: Collection[str], shown: Collection[str], message_id: str | None = None
    ) -> "LineSelector":
        """Select the lines of some records, with plain and with hashed keys.

        Args:
            record_ids: the ids of the records.
            shown: other ways in which the log may show the key.
            message_id: see `LineSelector`; by default the name of the decorated function.
        """
        names = {extract_function_name(record_id) for record_id in record_ids}
        keys = [Key(extract_key(record_id), record_id) for record_id in record_ids]
        plain_and_hashed = {key.show(hashed=hashed) for key in keys for hashed in (False, True)}
        name = names.pop() if len(names) == 1 else None
        return cls(keys=plain_and_hashed | set(shown), message_id=message_id or name)

    @property
    def pattern(self) -> str:
        """The filter pattern: it may match other lines, too, but misses none."""
        fields = [("key", key) for key in sorted(self.keys or ())]
        if not fields:
            fields = [("message_id", self.message_id or "")]
        if all(_VALUE.fullmatch(value) for _, value in fields):
            tests = [f'($.{name} = "{value}")' for name, value in fields]
            return f"{{ {' || '.join(tests)} }}"
        terms = [_find_term(value) for _, value in fields]
        return " ".join(f'?"{term}"' for term in terms) if all(terms) else '"message_id"'

    def matches(self, fields: Mapping[str, Any]) -> bool:
        """Whether a line is one of those."""
        return (
            fields.get("event") == "message"
            and (self.keys is None or fields.get("key") in self.keys)
            and (self.message_id is None or fields.get("message_id") == self.message_id)
        )


def _find_term(value: str) -> str:
    """Return the longest part of a text that a line with this text has word for word."""
    parts = _TERMS.findall(json.dumps(value)[1:-1])
    return max(parts, key=len, default="")[:MAX_TERM_CHARACTERS]


def search_log(
    deployment: Deployment, selector: LineSelector, *, since: EpochMillis, limit: int
) -> LogSearch:
    """Return the last lines about a key or a message since a time, at most ``limit``.

    The function must be known. The SDK's errors pass.
    """
    clock = SystemClock()
    ends, found = clock.monotonic() + SEARCH_MILLIS, deque[LogLine](maxlen=limit)
    count, whole = 0, True
    pages = (
        deployment.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=deployment.log_group, filterPattern=selector.pattern, startTime=since
        )
    )
    for page in pages:
        for line in _read_lines(page):
            if selector.matches(line.fields):
                count += 1
                found.append(line)
        if clock.monotonic() > ends:
            whole = "nextToken" not in page
            break
    return LogSearch(list(found), count - len(found), whole)


def find_logged(
    deployment: Deployment, line: LogLine, decorated: str | None = None
) -> Record | None:
    """Find the record of the key in a line; None if there is none.

    Raises:
        UsageError, RefusedError: see `records.find`.
    """
    return find(deployment, RecordSelector(line.key, decorated)) if line.key else None


def _read_lines(page: Mapping[str, Any]) -> Iterator[LogLine]:
    for event in page["events"]:
        try:
            fields = json.loads(event["message"])
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict):
            yield LogLine(EpochMillis(event["timestamp"]), fields)
