"""Every case of a body comes to the same on every transport that can carry it."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda.keys import record_id
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda_toolkit.cli.shown_keys import unescape_text

from .events import event, marked, record
from .transports import TRANSPORTS, LoggingHarness, Transport, decode_data, name_failures

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "bodies.json").read_text()
)
DOCUMENT_KINDS = {"document", "unsafe number", "confirmation"}
"""The kinds whose documents may also be an event, or the detail of one."""


def can_carry(name: str, transport: Transport, case: dict[str, Any]) -> bool:
    """Whether a transport can carry the payload of a case."""
    if "only" in case:
        return name in case["only"]
    if "data" in case:
        return transport.takes_bytes
    if not (transport.is_decoded or transport.has_detail):
        return True
    # Without an expression, a direct invocation has no key and an EventBridge event its own.
    return (
        case["kind"] in DOCUMENT_KINDS
        and case["text"].lstrip("\ufeff \t\r\n").startswith("{")
        and not (name == "direct" and case["key"] is None and "error" not in case)
        and not (transport.has_detail and case["kind"] == "confirmation")
    )


COPIED = ("SQS standard", "SNS to SQS", "Kinesis")
"""The transports whose parked messages are redriven here."""


def make_harness(transport: Transport, case: dict[str, Any], **changes: Any) -> LoggingHarness:
    """A consumer with the settings of a case."""
    unwrap = (*transport.unwrap, *case.get("unwrap", ()))
    return LoggingHarness(key=transport.adapt_key(case["key"]), unwrap=unwrap, **changes)


def check_body(found: Any, case: dict[str, Any]) -> None:
    """The processor got what the case says, value and type."""
    if "body" in case:
        assert json.dumps(found) == json.dumps(case["body"])
    elif case.get("same"):
        assert found == decode_data(case)
    if isinstance(found, str):
        assert found == decode_data(case) or "unwrap" in case


def check_rejection(line: dict[str, Any], log: str, case: dict[str, Any], parts: Any) -> None:
    """A message was rejected with an error that names what the case says, and nothing else."""
    assert (line["outcome"], line["acknowledged"], line["key"]) == ("rejected", False, None)
    (error,) = line["errors"]
    for part in parts:
        assert part in error["text"]
    for part in case.get("hidden", ()):
        assert part not in log


@pytest.mark.parametrize("case", CASES, ids=lambda each: f"{each['kind']}: {each['name']}")
def test_case(case: dict[str, Any]) -> None:
    """On every transport the processor gets the right body, or the log names what was found."""
    carriers = [each for each in TRANSPORTS.items() if can_carry(*each, case)]
    assert carriers
    for name, transport in carriers:
        with name_failures(name):
            check_case(transport, case)


def check_case(transport: Transport, case: dict[str, Any]) -> None:
    """One transport carries the case."""
    harness = make_harness(transport, case)
    acknowledged = harness.invoke(transport.carry(decode_data(case), 1))
    (line,) = harness.lines
    if "error" not in case:
        (message,) = harness.messages
        check_body(transport.find_body(message), case)
        assert acknowledged
        assert (line["outcome"], line["acknowledged"], line["errors"]) == ("completed", True, [])
        if "shown" in case:
            assert unescape_text(line["key"]) == message.key == case["shown"]
        return
    assert not acknowledged
    assert harness.messages == []
    assert harness.memory.records == {}
    parts = case["error"]
    if transport.is_decoded:  # by Lambda, which keeps no text of a number
        parts = [re.sub("-?(Infinity|1E[+]400) at", "such as 1e400 at", part) for part in parts]
    if transport.has_detail:
        parts = [part.replace("body.", "body.detail.") for part in parts]
        event = "the body is an EventBridge event, whose data is body.detail"
        parts = [part.replace("the body is an object", event) for part in parts]
    check_rejection(line, json.dumps(harness.lines), case, parts)


@pytest.mark.parametrize(
    "case", [each for each in CASES if "error" not in each], ids=lambda each: each["name"]
)
def test_copy(case: dict[str, Any]) -> None:
    """The redriven copy of a parked message has the same body and key."""
    for name in COPIED:
        with name_failures(name):
            check_copy(TRANSPORTS[name], case)


def check_copy(transport: Transport, case: dict[str, Any]) -> None:
    """One transport carries the message, which is parked and redriven."""
    if "data" in case and not transport.takes_bytes:
        transport = TRANSPORTS["Kinesis to SQS, by a pipe"]
    harness = make_harness(transport, case)
    harness.sets_aside = True
    assert harness.invoke(transport.carry(decode_data(case), 1))
    (parked,) = harness.lines
    assert parked["outcome"] == "parked"
    harness.sets_aside = False
    assert harness.invoke(harness.redrive())
    (message,) = harness.messages
    check_body(message.body, case)
    assert message.key == unescape_text(parked["key"])
    assert [each["outcome"] for each in harness.lines] == ["parked", "completed"]
    assert {each.status for each in harness.memory.records.values()} == {"COMPLETED"}


@pytest.mark.parametrize(
    "case", [each for each in CASES if "error" in each and "text" in each], ids=lambda c: c["name"]
)
def test_a_copy_is_no_way_around(case: dict[str, Any]) -> None:
    """A message that is refused whatever its key is refused as a copy that states a key, too."""
    transport = TRANSPORTS["SQS standard"]
    harness = make_harness(transport, case)
    mark = marked("owner-1 A-1")
    assert not harness.invoke(event(record(case["text"], message_id="m-1", **mark)))
    (line,) = harness.lines
    assert line["outcome"] == "rejected"
    assert harness.messages == []
    assert harness.memory.records == {}


@pytest.mark.parametrize(
    ("text", "stated", "value"),
    [("5", "#5", 5), ("true", "#true", True), ('"abc"', "abc", "abc"), ('"é"', '#"\\u00e9"', "é")],
)
def test_mark_of_an_earlier_version(text: str, stated: str, value: Any) -> None:
    """A copy whose scalar body was decoded when it was parked still unlocks that record."""
    harness = LoggingHarness(key="body", unwrap=())
    parked = record_id("orders", value)
    harness.seed_record("x")
    seeded = harness.memory.records.pop("orders#x")
    owner = Owner("owner-1")
    harness.memory.records[parked] = replace(seeded, id=parked, status="PARKED", owner=owner)
    assert harness.invoke(event(record(text, message_id="m-1", **marked(f"owner-1 {stated}"))))
    (message,) = harness.messages
    assert message.body == text
    assert {each.id: each.status for each in harness.memory.records.values()} == {
        parked: "COMPLETED"
    }


@pytest.mark.parametrize(
    "case",
    [each for each in CASES if each["kind"] in ("unsafe number", "aggregate") and "error" in each],
    ids=lambda each: each["name"],
)
def test_observed(case: dict[str, Any]) -> None:
    """In observe mode a refused message runs as before, with the payload as it was sent."""
    transport = TRANSPORTS["Kinesis"]
    harness = make_harness(transport, case, observe_only=True)
    assert harness.invoke(transport.carry(decode_data(case), 1))
    (message,) = harness.messages
    assert message.body == decode_data(case)
    assert [each["outcome"] for each in harness.lines] == ["rejected", "completed"]


@pytest.mark.parametrize(
    "case",
    [each for each in CASES if each["kind"] == "confirmation" and "error" in each],
    ids=lambda each: each["name"],
)
def test_observed_confirmation(case: dict[str, Any]) -> None:
    """A confirmation does not run in observe mode either: its URL exists nowhere else."""
    for name in ("SQS standard", "SQS FIFO", "SNS to SQS", "Kinesis"):
        with name_failures(name):
            harness = make_harness(TRANSPORTS[name], case, observe_only=True)
            assert not harness.invoke(TRANSPORTS[name].carry(decode_data(case), 1))
            assert harness.messages == []
            assert [each["outcome"] for each in harness.lines] == ["rejected"]


def test_each_kind_has_siblings() -> None:
    """Each kind has at least three cases, and no two cases have one name."""
    kinds = Counter(case["kind"] for case in CASES)
    assert min(kinds.values()) >= 3
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"id": "A-1", "n": ' + "9" * 5000 + "}", f"{'9' * 40}... at body.n, which is not JSON"),
        ('{"id": "A-1", "n": -' + "9" * 4301 + "}", f"-{'9' * 39}... at body.n"),
        ('[{"id": "A-1"},' + "[" * 100_000, "more levels of nested objects and arrays"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "more levels of nested objects and arrays"),
        ('{"x": {"' + "n" * 5000 + '": NaN}}', f"NaN at body.x.{'n' * 193}, which"),
        ('{"a":' * 300 + "NaN" + "}" * 300, f"NaN at body{'.a' * 98}, which"),
        ('{"line\\nbreak": NaN}', 'NaN at body."line\\nbreak"'),
        ('{"n": ' + "9" * 4300 + ', "x": 1e400}', "1e400 at body.x"),
        ('{"n": NaN, "n": 1}', "an unsafe number in a field that it has twice"),
    ],
    ids=[
        "long integer",
        "long negative",
        "deep array",
        "deep object",
        "long name",
        "long path",
        "odd name",
        "long integer before",
        "twice",
    ],
)
@pytest.mark.parametrize("name", ["SQS standard", "SNS straight", "Kinesis"])
def test_large_documents(name: str, text: str, found: str) -> None:
    """A document that Python cannot read is refused in a short error, whatever its size."""
    harness = LoggingHarness(key=None, unwrap=())
    assert not harness.invoke(TRANSPORTS[name].carry(text, 1))
    (line,) = harness.lines
    assert line["outcome"] == "rejected"
    assert found in line["errors"][0]["text"]
    assert len(line["errors"][0]["text"]) < 500
