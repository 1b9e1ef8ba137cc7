"""The log: one JSON line per message, with nothing in it that should not leave the function."""

import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.errors import PermanentFailure, StoreRefusedError
from idempotent_lambda.keys import Key
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import ClaimHistory
from idempotent_lambda.pipeline import grouping
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import settings_of

from .events import event, fifo_order, key_rule, kinesis_record, order, record
from .harness import START, ConsumerHarness, faulty, raising


def logged(harness: ConsumerHarness, *batch: Any, hash_keys: bool = False) -> list[dict[str, Any]]:
    """The lines that a delivery logs."""
    stream = io.StringIO()
    object.__setattr__(
        harness.consumer, "observer", JsonLines(harness.clock, hash_keys=hash_keys, stream=stream)
    )
    harness.deliver(*batch)
    text = stream.getvalue()
    assert text.isascii()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_line(harness: ConsumerHarness) -> None:
    """A completed message is this line."""
    raw = order("7", attributes={"ApproximateReceiveCount": "2"})
    (line,) = logged(harness, raw)
    line.pop("timestamp", None)
    assert line == {
        "level": "INFO",
        "event": "message",
        "outcome": "completed",
        "acknowledged": True,
        "key": "7",
        "message_id": "m-7",
        "request_id": "",
        "trace_id": None,
        "receive_count": 2,
        "coalesced": False,
        "payload_differs": False,
        "takeover": False,
        "attempts": 1,
        "recovered": False,
        "lease_lost": False,
        "claim_result": "claimed",
        "claim_ms": 0,
        "wait_ms": None,
        "run_ms": 0,
        "settle_ms": 0,
        "errors": [],
    }


def test_one_line_per_message(harness: ConsumerHarness) -> None:
    """Every message of a batch has a separate line, followers and rejected messages too."""
    harness.behaviour["b"] = raising(ValueError("no"))
    lines = logged(
        harness, "a", "b", order("a", "m-a2"), record("{}", message_id="m-x"), order("c")
    )
    assert {each["message_id"]: each["outcome"] for each in lines} == {
        "m-x": "rejected",
        "m-a": "completed",
        "m-a2": "duplicate",
        "m-b": "failed",
        "m-c": "completed",
    }
    assert len(lines) == 5
    assert [each["message_id"] for each in lines if each["coalesced"]] == ["m-a2"]


DEEP = f'{{"id": "a", "x": {"[" * 900}{"]" * 900}}}'
"""Read as JSON, and too deep to be written within the stack of a test."""


@pytest.mark.parametrize(
    ("leader", "follower", "differs"),
    [
        ('{"id": "a", "n": 1}', '{"n":1,"id":"a"}', False),
        ('{"id": "a", "n": 1}', '{"id": "a", "n": 2}', True),
        ('{"id": "a", "n": 1}', '{"id": "a", "n": true}', True),
        ('{"id": "a", "n": 1}', '{"id": "a"}', True),
        ('{"id": "a", "n": [1, 2]}', '{"id": "a", "n": [2, 1]}', True),
        (DEEP, DEEP, True),
    ],
)
@pytest.mark.parametrize("outcome", ["completed", "failed", "parked"])
def test_payload_differs(
    monkeypatch: pytest.MonkeyPatch, leader: str, follower: str, differs: bool, outcome: str
) -> None:
    """A coalesced message whose body is not its leader's says so, whatever becomes of them."""
    harness, count = ConsumerHarness(), 0

    def process(message: Message) -> None:
        nonlocal count
        count += 1
        message.body.clear()
        if outcome != "completed":
            raise (ValueError if outcome == "failed" else PermanentFailure)("no")

    harness.behaviour["a"] = process
    dumps = grouping.json.dumps

    def shallow(value: Any, **options: Any) -> str:
        if isinstance(value.get("x"), list):
            raise RecursionError
        return dumps(value, **options)

    monkeypatch.setattr(grouping.json, "dumps", shallow)
    again = [record(leader, message_id="m-3"), record(follower, message_id="m-2"), "b"]
    lines = logged(harness, record(leader, message_id="m-1"), *again)
    reported = {line["message_id"]: (line["coalesced"], line["payload_differs"]) for line in lines}
    assert reported == {
        "m-1": (False, False),
        "m-3": (True, leader is DEEP),
        "m-2": (True, differs),
        "m-b": (False, False),
    }
    assert count == 1


def test_single_messages_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is coalesced no body is looked at."""
    monkeypatch.setattr(grouping, "_canonicalize", None)
    harness = ConsumerHarness()
    assert harness.deliver("a", "b", fifo_order("a"), fifo_order("c")) == []
    assert harness.followers == []


@pytest.mark.parametrize("unreadable", [False, True])
def test_each_body_is_compared_once(
    monkeypatch: pytest.MonkeyPatch, harness: ConsumerHarness, unreadable: bool
) -> None:
    """A leader's body is written out once, however many messages share its end."""
    written: list[Any] = []
    dumps = grouping.json.dumps

    def counting(value: Any, **options: Any) -> str:
        written.append(value)
        if unreadable:
            raise RecursionError
        return dumps(value, **options)

    events = [record(f'{{"id": "a", "n": {n}}}', message_id=f"m-{n}") for n in range(20)]
    with monkeypatch.context() as patched:
        patched.setattr(grouping.json, "dumps", counting)
        lines = logged(harness, *events)
    assert written.count({"id": "a", "n": 0}) == 1
    assert len(written) <= len(events)
    assert [line["payload_differs"] for line in lines] == [False, *[True] * 19]


def test_bytes_are_compared(harness: ConsumerHarness) -> None:
    """Bodies that are not text differ if their bytes differ."""
    object.__setattr__(
        harness.consumer, "settings", settings_of(key_rule(expression="eventSource"))
    )
    lines = logged(
        harness, *(kinesis_record(each, str(each)) for each in (b"\xff", b"\xff", b"\xfe"))
    )
    assert [line["payload_differs"] for line in lines] == [False, False, True]


def test_durations() -> None:
    """Durations are in milliseconds; a step that was not taken has none."""
    harness, store = faulty()
    store.millis = 30
    harness.behaviour["a"] = lambda _: harness.clock.sleep(200)
    first, second = logged(harness, "a", "b")
    assert (first["claim_ms"], first["run_ms"], first["settle_ms"]) == (30, 200, 30)
    (third,) = logged(harness, "a")
    assert (third["claim_ms"], third["run_ms"], third["settle_ms"]) == (30, None, None)
    assert second["run_ms"] == 0


def test_waiting(harness: ConsumerHarness) -> None:
    """Where a live claim was waited for, the line says for how long, and what was met first."""
    harness.seed_record("a", lease=3000)
    stream = io.StringIO()
    observer = JsonLines(harness.clock, hash_keys=False, stream=stream)
    object.__setattr__(harness.consumer, "observer", observer)
    harness.consumer.consume({"id": "a"}, Millis(30_000))
    line = json.loads(stream.getvalue())
    assert (line["outcome"], line["claim_result"]) == ("completed", "in_progress")
    assert (line["wait_ms"], line["takeover"]) == (4000, True)


@pytest.mark.parametrize(
    ("laid", "claim_result"),
    [
        (None, "claimed"),
        ({"status": "COMPLETED"}, "duplicate"),
        ({"lease_expires_at": EpochMillis(START + 1)}, "in_progress"),
        ({"lease_expires_at": EpochMillis(START)}, "stale"),
        ({"status": "PARKED", "dead_lettered_at": EpochMillis(1)}, "parked"),
        ({"status": "later"}, "unanswered"),
    ],
)
@pytest.mark.parametrize("is_observing", [True, False])
def test_what_the_claim_came_upon(
    laid: dict[str, Any] | None, claim_result: str, is_observing: bool
) -> None:
    """The line of each message says what its claim found, in observe mode too."""
    harness = ConsumerHarness(observe_only=is_observing)
    if laid:
        harness.seed_record("a")
        found = harness.memory.records["orders#a"]
        harness.memory.records["orders#a"] = replace(found, **laid)
    lines = {each["message_id"]: each for each in logged(harness, "a", "b")}
    if claim_result == "stale":
        assert lines["m-a"]["takeover"]
        # Each is claimed by itself in observe mode, which takes over without a look before.
        claim_result = "claimed" if is_observing else claim_result
    assert lines["m-a"]["claim_result"] == claim_result
    assert lines["m-b"]["claim_result"] == "claimed"


def test_takeover(harness: ConsumerHarness) -> None:
    """A takeover says so, and how many claims the key has had."""
    harness.seed_record("a", attempts=2)
    (line,) = logged(harness, "a")
    assert (line["takeover"], line["attempts"]) == (True, 3)


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        ("completed", "INFO"),
        ("duplicate", "INFO"),
        ("in_progress", "INFO"),
        ("failed", "ERROR"),
        ("interrupted", "ERROR"),
        ("unconfirmed", "ERROR"),
        ("lost_lease", "ERROR"),
        ("table_unavailable", "ERROR"),
        ("not_started", "WARN"),
        ("deferred", "WARN"),
        ("rejected", "ERROR"),
        ("blocked", "WARN"),
        ("parked", "ERROR"),
        ("observed", "WARN"),
    ],
)
def test_level(outcome: str, level: str) -> None:
    """A normal end or deferral is INFO, a wait with a cause WARN, and a failure ERROR."""
    stream = io.StringIO()
    (delivery,) = read_event(event(record()))
    JsonLines(ManualClock(), hash_keys=False, stream=stream).report_message(
        delivery, None, Settled(Outcome(outcome)), ClaimHistory(), follows=False
    )
    assert json.loads(stream.getvalue())["level"] == level


def test_lambda_can_read_the_level(harness: ConsumerHarness) -> None:
    """A line has an RFC 3339 timestamp: without one Lambda's JSON format calls every line INFO."""
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    (line,) = logged(harness, "a")
    stamp = line.pop("timestamp", "none")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", stamp)


class TestKeys:
    """How keys are shown."""

    def test_plain(self, harness: ConsumerHarness) -> None:
        """By default a key is shown as people know it, without its namespace."""
        (line,) = logged(harness, "7")
        assert line["key"] == "7"

    def test_hashed(self, harness: ConsumerHarness) -> None:
        """Hashed, the key is the same SHA-256 in every line and its text is nowhere."""
        harness.behaviour["card-4111"] = lambda _: None
        first = logged(harness, order("card-4111", "m-1"), hash_keys=True)
        second = logged(harness, order("card-4111", "m-2"), hash_keys=True)
        assert first[0]["key"] == second[0]["key"]
        assert first[0]["key"] == (
            "sha256:ed47f9ae312d5a6db37324cc86e7dfd397a7779149793c3cad822ed725d6ee00"
        )
        assert "4111" not in json.dumps(first)

    def test_without_a_key(self, harness: ConsumerHarness) -> None:
        """A message without a key has none in its line, and the reason among its errors."""
        (line,) = logged(harness, record("{}"))
        assert line["key"] is None
        assert line["attempts"] is None
        assert line["errors"][0]["type"] == "MissingKeyError"

    def test_a_long_key_does_not_flood_the_log(self, harness: ConsumerHarness) -> None:
        """A key of 200 KB makes no line of 200 KB, which CloudWatch would cut and bill."""
        (line,) = logged(harness, order("x" * 200_000, "m-1"))
        assert len(json.dumps(line)) < 10_000


SECRET = "4111-1111"


class TestNeverTheBody:
    """The producer's data stays in the function."""

    @pytest.mark.parametrize(
        "body",
        [
            f'{{"id": "a", "card": "{SECRET}"}}',
            f'{{"card": "{SECRET}"}}',
            f'{{"id": {{"card": "{SECRET}"}}}}',
            f'{{"card": "{SECRET}", ',
            SECRET,
        ],
    )
    @pytest.mark.parametrize("hash_keys", [True, False])
    def test_body(self, harness: ConsumerHarness, body: str, hash_keys: bool) -> None:
        """No line shows the body, whether its message runs, fails or has no key."""
        harness.behaviour["a"] = raising(ValueError("declined"))
        lines = logged(harness, record(body), hash_keys=hash_keys)
        assert len(lines) == 1
        assert SECRET not in json.dumps(lines)

    def test_traceback_shows_places_only(self, harness: ConsumerHarness) -> None:
        """A traceback has files, lines and functions, without source lines or values."""

        def charge(_: object) -> None:
            card = SECRET
            raise ValueError(len(card))

        harness.behaviour["a"] = charge
        (line,) = logged(harness, "a")
        (error,) = line["errors"]
        assert (error["type"], error["text"]) == ("ValueError", "9")
        assert error["at"][-1].endswith(" charge")
        assert SECRET not in json.dumps(line)
        assert "raise" not in json.dumps(line)


class UnspeakableError(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise self.args[0]


class SlyText(str):
    """A text that cannot be cut."""

    __slots__ = ()

    def __getitem__(self, _: object) -> str:
        raise RuntimeError


class OddError(Exception):
    """An error whose text is what it was made of."""

    def __str__(self) -> str:
        text: str = self.args[0]
        return text


class TestErrors:
    """Errors that processors raise."""

    def test_line_breaks_and_quotes(self, harness: ConsumerHarness) -> None:
        """An error cannot forge a line: breaks, quotes and separators are escaped."""
        forged = 'x\n{"level":"INFO"}\r\u2028\u0085"'
        harness.behaviour["a"] = raising(ValueError(forged))
        (line,) = logged(harness, "a")
        assert line["errors"][0]["text"] == forged

    def test_forged_key_and_id(self, harness: ConsumerHarness) -> None:
        """Nor can a key, which is shown escaped, or an id."""
        (line,) = logged(harness, order("a\n{}", "m\n{}"))
        assert (line["key"], line["message_id"]) == ("a\\u000a{}", "m\n{}")

    def test_lone_surrogate(self, harness: ConsumerHarness) -> None:
        """Text that is not valid Unicode is escaped, and does not break the log."""
        harness.behaviour["a"] = raising(ValueError("\ud800"))
        (line,) = logged(harness, "a")
        assert line["errors"][0]["text"] == "\ud800"

    def test_long_text_is_cut(self, harness: ConsumerHarness) -> None:
        """An error's text is cut at 1,000 characters."""
        harness.behaviour["a"] = raising(ValueError("x" * 5000))
        (line,) = logged(harness, "a")
        assert line["errors"][0]["text"] == "x" * 1000

    def test_deep_traceback_is_cut(self, harness: ConsumerHarness) -> None:
        """Of a deep traceback the last ten places are shown."""

        def down(depth: int) -> None:
            if not depth:
                raise ValueError
            down(depth - 1)

        harness.behaviour["a"] = lambda _: down(50)
        (line,) = logged(harness, "a")
        assert len(line["errors"][0]["at"]) == 10

    @pytest.mark.parametrize(
        ("hostile", "text"),
        [
            (UnspeakableError(RuntimeError()), "UnspeakableError, whose text raises RuntimeError"),
            (UnspeakableError(SystemExit()), "UnspeakableError, whose text raises SystemExit"),
            (OddError(None), "OddError, whose text raises TypeError"),
            (OddError(SlyText("sly")), "sly"),
        ],
        ids=["raises", "exits", "none", "sly"],
    )
    def test_an_error_without_a_text(
        self, harness: ConsumerHarness, hostile: Exception, text: str
    ) -> None:
        """An error that cannot even be printed costs its neighbours nothing."""
        harness.behaviour["a"] = raising(hostile)
        lines = logged(harness, "a", "b")
        outcomes = {each["key"]: each["outcome"] for each in lines}
        assert outcomes == {"a": "failed", "b": "completed"}
        (error,) = [error for each in lines for error in each["errors"]]
        assert (error["type"], error["text"]) == (type(hostile).__name__, text)


def test_fall_back() -> None:
    """If batch calls are unavailable, a separate warning says so, and no message's line does."""
    stream = io.StringIO()
    error = StoreRefusedError("AccessDeniedException", "no PartiQL", maybe_written=False)
    JsonLines(ManualClock(), hash_keys=False, stream=stream).report_batch_calls_unavailable(error)
    (line,) = (json.loads(each) for each in stream.getvalue().splitlines())
    assert line == {
        "timestamp": "2023-11-14T22:13:20.000Z",
        "level": "WARN",
        "event": "batch_calls_unavailable",
        "errors": [{"type": "StoreRefusedError", "text": "no PartiQL", "at": []}],
    }


def test_not_postponed() -> None:
    """That a busy message could not be postponed is a warning too, with why."""
    stream = io.StringIO()
    error = StoreRefusedError("ChangeMessageVisibility", "denied", maybe_written=False)
    JsonLines(ManualClock(), hash_keys=False, stream=stream).report_visibility_change_failed(error)
    (line,) = (json.loads(each) for each in stream.getvalue().splitlines())
    assert (line["level"], line["event"]) == ("WARN", "visibility_change_failed")
    assert line["errors"] == [{"type": "StoreRefusedError", "text": "denied", "at": []}]


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines go to the standard output of the moment, as Lambda collects it."""
    (delivery,) = read_event(event(record()))
    key = Key("a", "orders#a")
    JsonLines(ManualClock(), hash_keys=False).report_message(
        delivery, key, Settled(Outcome.COMPLETED), ClaimHistory(), follows=False
    )
    captured = capsys.readouterr()
    assert json.loads(captured.out)["outcome"] == "completed"
    assert captured.err == ""
