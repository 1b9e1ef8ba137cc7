"""Odd records: the kinds of records, and the odd values that a field can have.

A kind is a golden event, or what carries one. A case (odd_cases.py) puts one odd value into one
field of a record, puts the record into the middle of nine good ones, and gives its key a fate
(odd_batches.py).
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE

from .events import golden, record

GOOD = 9
PLACE = 4
"""Of the odd record, in front of so many good ones."""

GROUPS = 3
"""The good records of a FIFO queue are in so many groups, by turns."""

TEXT, DATA = "as JSON", "as Base64 of JSON"
"""Steps of a path that lead into a text."""

MISSING = object()

Path = tuple[str | int, ...]


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    """A value inside so many arrays or objects."""
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


ODD: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "number": 7,
    "fraction": 1.5,
    "infinite": float("inf"),
    "true": True,
    "empty text": "",
    "space first": " x",
    "text": "x",
    "superscript": "²",
    "separators": "# ##",
    "empty array": [],
    "array": [1],
    "empty object": {},
    "object": {"a": 1},
    "digits": "9" * 5000,
    "most digits": 10**4300 - 1,
    "more digits": 10**5000,
    "long": "x" * 300_000,
    "lone surrogate": "\ud800",
    "NUL": "\0",
    "deep array": nested(985, lambda value: [value]),
    "deep object": nested(985, lambda value: {"a": value}),
    "deepest": nested(5000, lambda value: [value]),
}
"""Values for a field that should hold something else."""

AS_JSON = {
    "infinite": "1e999",
    "more digits": "1" + "0" * 5000,
    "deep array": "[" * 985 + "1" + "]" * 985,
    "deep object": '{"a":' * 985 + "1" + "}" * 985,
    "deepest": "[" * 5000 + "1" + "]" * 5000,
}
"""The odd values that Python does not write as JSON."""


def changed(value: Any, path: Path, odd: Any, text: str | None = None) -> Any:
    """A value with something else at a path; ``text`` is what a JSON text has there."""
    if not path:
        return odd
    step, rest = path[0], path[1:]
    if step in (TEXT, DATA):
        inner = json.loads(value if step == TEXT else base64.b64decode(value))
        if text is not None and TEXT not in rest and DATA not in rest:
            hole = "the hole"
            whole = json.dumps(changed(inner, rest, hole)).replace(json.dumps(hole), text)
        else:
            whole = json.dumps(changed(inner, rest, odd, text))
        return whole if step == TEXT else base64.b64encode(whole.encode()).decode()
    copy = value.copy()
    if odd is MISSING and not rest:
        del copy[step]
    else:
        copy[step] = changed(copy[step], rest, odd, text)
    return copy


def with_odd(value: Any, path: Path, name: str) -> Any:
    """A value with the odd value of this name at a path."""
    odd = ODD[name]
    if odd is MISSING:
        return changed(value, path, odd)
    return changed(value, path, odd, AS_JSON.get(name) or json.dumps(odd))


def fields_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all fields of a value, and of those that its texts hold as JSON."""
    if path:
        yield path
    if isinstance(value, dict | list):
        # The records of one array are alike.
        for name in value if isinstance(value, dict) else range(min(1, len(value))):
            yield from fields_of(value[name], (*path, name))
    elif isinstance(value, str) and path[-1] in {"body", "Message", "data"}:
        step = DATA if path[-1] == "data" else TEXT
        text = base64.b64decode(value) if step == DATA else value
        yield from fields_of(json.loads(text), (*path, step))


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    Attributes:
        whole: one record or event of this kind.
        unique: the paths of the fields that are different in each record.
        expression: the key expression, if keys are not the default ones.
        id: the path of the id that the response names.
        partial: whether the source takes a partial response.
        alone: the kind is an event, without records.
        within: the fields that other kinds do not have; empty if all fields are its own.
        stated: the key that the odd record states as a copy; None if it is not a copy.
        source: the source that delivered the message of the copy; empty for SQS.
    """

    whole: dict[str, Any]
    unique: tuple[Path, ...]
    expression: str
    id: Path | None
    partial: bool = True
    single: bool = False
    within: frozenset[str] = frozenset()
    stated: str | None = None
    source: str = ""

    def good(self, number: int, group: int) -> dict[str, Any]:
        """A record as it should be."""
        made = self.whole
        for path in self.unique:
            made = changed(made, path, f"good-{number}")
        if self.is_fifo:
            made = changed(made, _GROUP, f"group-{group}")
        return made

    def odd(self) -> dict[str, Any]:
        """The record that gets the odd value."""
        made = self.good(GOOD, PLACE % GROUPS)
        return changed(made, _MARK, f"token /{self.source} {self.stated}") if self.stated else made

    @property
    def is_fifo(self) -> bool:
        """Whether it comes from a FIFO queue."""
        return str(self.whole.get("eventSourceARN")).endswith(".fifo")

    @property
    def is_stream(self) -> bool:
        """Whether it comes from a shard."""
        return bool({"kinesis", "dynamodb"} & self.whole.keys())

    def id_of(self, odd: Any) -> Any:
        """The id of a record; None if it cannot be reported."""
        names = {"eventSource", "EventSource"}
        if not isinstance(odd, dict) or any(
            odd.get(name) != self.whole.get(name) for name in names
        ):
            return None
        if self.id is None:
            return "event"
        for name in self.id:
            odd = odd.get(name) if isinstance(odd, dict) else None
        return odd if isinstance(odd, str) and odd else None


_GROUP = ("attributes", "MessageGroupId")
_MARK = ("messageAttributes", TOKEN_ATTRIBUTE, "stringValue")
_ID = ("messageId",)
_BODY = ("body", TEXT)
_RECORD = ("Records", 0)
_INNER = frozenset({"body", "messageAttributes"})


def _first(name: str) -> dict[str, Any]:
    found: dict[str, Any] = golden(name)["Records"][0]
    return found


def _copy(body: object, source: str = "") -> dict[str, Any]:
    mark = {"stringValue": f"nobody /{source}", "dataType": "String"}
    return record(json.dumps(body), messageAttributes={TOKEN_ATTRIBUTE: mark})


KINDS = {
    "SQS": Kind(_first("sqs_standard"), (_ID, (*_BODY, "order_id")), "body.order_id", _ID),
    "SQS FIFO": Kind(_first("sqs_fifo"), (_ID, (*_BODY, "order_id")), "body.order_id", _ID),
    "SNS in SQS": Kind(
        _first("sns_queued"),
        (_ID, (*_BODY, "MessageId"), (*_BODY, "Message", TEXT, "order_id")),
        "body.order_id",
        _ID,
        within=_INNER,
    ),
    "SNS in SQS, raw": Kind(
        _first("sns_queued_raw"),
        (_ID, (*_BODY, "order_id")),
        "body.order_id",
        _ID,
        within=frozenset({"body"}),
    ),
    "EventBridge in SQS": Kind(
        _first("eventbridge_queued"),
        (_ID, (*_BODY, "id"), (*_BODY, "detail", "order_id")),
        "body.detail.order_id",
        _ID,
        within=_INNER,
    ),
    "S3 in SQS": Kind(
        _first("s3_queued"),
        (_ID, *((*_BODY, "Records", at, "s3", "object", "key") for at in (0, 1))),
        "[body.s3.object.key, body.s3.object.sequencer]",
        _ID,
        within=_INNER,
    ),
    "S3 in SNS in SQS": Kind(
        _first("s3_notified_queued"),
        (_ID, (*_BODY, "Message", TEXT, *_RECORD, "s3", "object", "key")),
        "body.s3.object.key",
        _ID,
        within=_INNER,
    ),
    "Kinesis by Pipes": Kind(
        record(json.dumps(_first("kinesis") | _first("kinesis")["kinesis"] | {"kinesis": 1})),
        (_ID, (*_BODY, "eventID"), (*_BODY, "data", DATA, "order_id")),
        "body.order_id",
        _ID,
        within=_INNER,
    ),
    "DynamoDB by Pipes": Kind(
        record(json.dumps(_first("dynamodb"))),
        (_ID, (*_BODY, "eventID"), (*_BODY, "dynamodb", "NewImage", "order_id", "S")),
        "body.dynamodb.NewImage.order_id.S",
        _ID,
        within=_INNER,
    ),
    "copy": Kind(
        _copy({"order_id": "o-1"}),
        (_ID, (*_BODY, "order_id")),
        "body.order_id",
        _ID,
        stated="o-1",
        within=_INNER,
    ),
    "copy of Kinesis": Kind(
        _copy({"Records": [_first("kinesis")]}, "aws:kinesis"),
        (_ID, (*_BODY, *_RECORD, "kinesis", "data", DATA, "order_id")),
        "body.order_id",
        _ID,
        stated='#["stream","shard"]',
        source="aws:kinesis",
        within=_INNER,
    ),
    "copy of EventBridge": Kind(
        _copy(golden("eventbridge"), "aws:events"),
        (_ID, (*_BODY, "id"), (*_BODY, "detail", "order_id")),
        "body.detail.order_id",
        _ID,
        stated="e-1",
        source="aws:events",
        within=_INNER,
    ),
    "Kinesis": Kind(
        _first("kinesis"),
        (("eventID",), ("kinesis", "sequenceNumber"), ("kinesis", "data", DATA, "order_id")),
        "body.order_id",
        ("kinesis", "sequenceNumber"),
    ),
    "DynamoDB": Kind(
        _first("dynamodb"),
        (("eventID",), ("dynamodb", "SequenceNumber"), ("dynamodb", "NewImage", "order_id", "S")),
        "body.dynamodb.NewImage.order_id.S",
        ("dynamodb", "SequenceNumber"),
    ),
    "SNS": Kind(
        _first("sns"),
        (("Sns", "MessageId"), ("Sns", "Message", TEXT, "order_id")),
        "body.order_id",
        ("Sns", "MessageId"),
        partial=False,
    ),
    "S3": Kind(_first("s3"), (("s3", "object", "key"),), "body.s3.object.key", None, partial=False),
    "EventBridge": Kind(
        golden("eventbridge"), (), "body.detail.order_id", None, partial=False, single=True
    ),
    "direct": Kind(golden("direct"), (), "body.order_id", None, partial=False, single=True),
}
