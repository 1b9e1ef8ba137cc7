"""Keys that look alike: the command finds the one that the log shows, and shows it likewise."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given as draw

from idempotent_lambda.keys import KeyRule
from idempotent_lambda_toolkit.cli import records
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from tests.handler.test_spelling import KEYS

from .conftest import Consumer, Run

ALIKE = [
    "caf\u00e9",
    "cafe\u0301",
    "a",
    "a ",
    " a",
    "a\u200b",
    "C:\\new",
    "C:\\\\new",
    "\\u0061",
    "[1]",
]
"""Texts, most of which look like another."""

RULE = KeyRule("orders")


@pytest.fixture
def seeded(consumer: Consumer) -> Consumer:
    """A consumer with a parked record of each text that looks like another, and of an array."""
    for value in (*ALIKE, [1], "x" * 600 + "a", "x" * 600 + "b"):
        consumer.put(RULE.for_value(value).record_id, "PARKED")
    return consumer


@pytest.mark.parametrize("text", ALIKE)
def test_each_is_found(seeded: Consumer, run: Run, text: str) -> None:
    """The key that the log shows leads to its record, and the output shows it in the same way."""
    key = RULE.for_value(text)
    shown = key.show(hashed=False)
    reported = run("inspect", shown)
    assert reported.code == ExitCode.OK
    assert reported.out.splitlines()[0] == records.escape_text(key.record_id)
    record = run("inspect", shown, "--json").answer["record"]
    assert (record["id"], record["key"]) == (key.record_id, text)
    assert seeded.record(key.record_id)


@pytest.mark.parametrize("text", ["x" * 600 + "a", "x" * 600 + "b"])
def test_key_that_is_cut(seeded: Consumer, run: Run, text: str) -> None:
    """Of a long key the log shows the start and a hash, by which the record is found."""
    shown = RULE.for_value(text).show(hashed=False)
    assert len(shown) == 500
    assert run("inspect", shown, "--json").answer["record"]["key"] == text
    assert seeded.record(f"orders#{text}")


@pytest.mark.parametrize("text", [*ALIKE[:6], *ALIKE[-1:]])
@pytest.mark.parametrize("spell", [str, records.escape_text])
def test_record_id(seeded: Consumer, run: Run, text: str, spell: Callable[[str], str]) -> None:
    """A record's id is read as it is, and as the command shows it."""
    record_id = RULE.for_value(text).record_id
    found = run("inspect", "--record-id", spell(record_id), "--json").answer["record"]
    assert found["id"] == record_id
    assert seeded.record(record_id)


@pytest.mark.parametrize("record_id", [r"orders#C:\\new", r"orders#\u0061"])
def test_record_id_of_two(seeded: Consumer, run: Run, record_id: str) -> None:
    """An id that is also how another id is shown names neither: the key does."""
    ended = run("forget", "--record-id", record_id, "--yes")
    assert ended.code == ExitCode.USAGE
    assert "two records match" in ended.err
    assert "choose one by its KEY" in ended.err
    shown = records.escape_text(record_id.removeprefix("orders#"))
    assert run("forget", shown, "--yes").code == ExitCode.OK
    assert seeded.record(record_id) is None
    assert seeded.record(records.unescape_text(record_id))


def test_list_shows_each(seeded: Consumer, run: Run) -> None:
    """The list and the counts show each record differently, and JSON has the ids unescaped."""
    listed = run("list")
    for text in ALIKE:
        assert records.escape_text(f"orders#{text}") in listed.out
    ids = {record["id"] for record in run("list", "--json").answer["records"]}
    assert {f"orders#{text}" for text in ALIKE} <= ids
    assert seeded.record("orders#a ")


def test_forget(seeded: Consumer, run: Run) -> None:
    """Only the record of the given spelling is deleted."""
    ended = run("forget", r"a\u0020", "--yes")
    assert ended.code == ExitCode.OK
    assert r"orders#a\u0020: PARKED → deleted" in ended.out
    assert seeded.record("orders#a ") is None
    assert seeded.record("orders#a")


def test_resolve(seeded: Consumer, run: Run) -> None:
    """Only the record of the given spelling is resolved."""
    assert run("resolve", r"\u0020a", "--completed", "--yes").code == ExitCode.OK
    found = [seeded.record(f"orders#{text}") for text in ("a", " a", "a ")]
    assert [record and record["status"] for record in found] == ["PARKED", "COMPLETED", "PARKED"]


def test_redrive(consumer: Consumer, run: Run) -> None:
    """Only the message of the given spelling is sent back, and the output shows that spelling."""
    moved = consumer.dead_letter({"order_id": "cafe\u0301"})
    left = consumer.dead_letter({"order_id": "caf\u00e9"})
    ended = run("redrive", "--key", r"cafe\u0301", "--yes")
    assert ended.code == ExitCode.OK
    assert rf"message {moved}, key cafe\u0301, sent" in ended.out
    assert [each["MessageId"] for each in consumer.messages(consumer.dead_letter_queue_url)] == [
        left
    ]


def test_message_in_the_log(consumer: Consumer, run: Run) -> None:
    """The escaped key in a log line leads to its record."""
    logs = consumer.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/orders")
    logs.create_log_stream(logGroupName="/aws/lambda/orders", logStreamName="one")
    line = r'{"event":"message","message_id":"4f5b","key":"a\\u0020"}'
    logs.put_log_events(
        logGroupName="/aws/lambda/orders",
        logStreamName="one",
        logEvents=[{"timestamp": records.times.now(), "message": line}],
    )
    consumer.put("orders#a ", "COMPLETED")
    consumer.put("orders#a", "COMPLETED")
    assert run("inspect", "4f5b", "--json").answer["record"]["id"] == "orders#a "


def test_missing_record(consumer: Consumer, run: Run) -> None:
    """The error shows the key as the log does, however it was given."""
    assert consumer.queue_url
    for given in (r"a\u0020", "a "):
        ended = run("forget", given, "--yes")
        assert ended.code == ExitCode.NOT_FOUND
        assert r"no record of 'a\u0020' in table" in ended.err


@draw(KEYS)
def test_round_trip(value: object) -> None:
    """Whatever the key, the text that the log shows leads to its record."""
    key = RULE.for_value(value)
    shown = key.show(hashed=False)
    digest = records.read_digest(shown)
    if digest:
        assert hashlib.sha256(key.record_id.encode()).hexdigest().startswith(digest)
    elif isinstance(value, str):
        assert records.ids("orders", shown)[0] == key.record_id
    else:
        assert key.record_id in records.ids("orders", shown)
