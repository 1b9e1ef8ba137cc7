"""Keys that look alike: the command finds the one that the log shows, and shows it likewise."""

import hashlib
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given as draw
from hypothesis import strategies as st

from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda_toolkit.cli import records
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from tests.handler.test_spelling import KEYS

from .conftest import Consumer, Run

pytestmark = pytest.mark.slow

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

DIGEST = "4f" * 32
"""The hash of an image, as a registry writes it after ``sha256:``."""

LIKE_ARGUMENTS = [
    *["-1", "-", "--", "--yes", "-y", "--help", "--endpoint-url=http://127.0.0.1:1", "--json"],
    *[f"sha256:{DIGEST}", "sha256:", "sha256:x", f"a\u2026{DIGEST[:12]}", "orders#a"],
]
"""Texts that the command could take for an option, a hash, a key that is cut, or an id."""


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


@pytest.mark.parametrize("text", LIKE_ARGUMENTS)
def test_text_like_an_argument(consumer: Consumer, run: Run, text: str) -> None:
    """The key that the log shows is nothing else to any command that takes a key."""
    key = RULE.for_value(text)
    shown = key.show(hashed=False)
    consumer.put(key.record_id, "PARKED")
    assert run("inspect", shown, "--json").answer["record"]["key"] == text
    assert run("inspect", "--json", "--", shown).answer["record"]["key"] == text
    moved = consumer.dead_letter({"order_id": text})
    assert f"message {moved}, key {shown}," in run("redrive", "--key", shown, "--yes").out
    assert run("resolve", shown, "--completed", "--yes").code == ExitCode.OK
    assert run("forget", shown, "--yes").code == ExitCode.OK
    assert consumer.record(key.record_id) is None


@pytest.mark.parametrize("text", ["-x", "--yes", "--endpoint-url=http://127.0.0.1:1", "--json"])
def test_text_like_an_option(consumer: Consumer, run: Run, text: str) -> None:
    """A key that is not escaped is no option after ``--``, or as the value of an option."""
    consumer.put(f"orders#{text}", "PARKED")
    consumer.dead_letter({"order_id": text})
    ended = run("inspect", "--", text)
    assert ended.code == ExitCode.OK
    assert ended.out.startswith(f"orders#{text}\n")
    assert run("inspect", "--record-id", f"orders#{text}").code == ExitCode.OK
    assert run("redrive", "--key", text, "--yes").code == ExitCode.OK
    assert consumer.record(f"orders#{text}")


def test_negative_number(consumer: Consumer, run: Run) -> None:
    """The key that the log shows of a negative number leads to its record."""
    consumer.put("orders##-1", "PARKED")
    shown = RULE.for_value(-1).show(hashed=False)
    assert run("forget", shown, "--yes").code == ExitCode.OK
    assert consumer.record("orders##-1") is None


@pytest.mark.parametrize("hashed", [True, False])
def test_hash_that_a_producer_writes(consumer: Consumer, run: Run, hashed: bool) -> None:
    """A key that is written as the hash of another key does not select that key's record."""
    victim = RULE.for_value("VICTIM")
    attack = RULE.for_value(victim.show(hashed=True))
    consumer.put(victim.record_id, "COMPLETED")
    assert run("forget", attack.show(hashed=hashed), "--yes").code == ExitCode.NOT_FOUND
    consumer.put(attack.record_id, "PARKED")
    assert run("forget", attack.show(hashed=hashed), "--yes").code == ExitCode.OK
    assert consumer.record(victim.record_id)
    assert consumer.record(attack.record_id) is None


@pytest.mark.parametrize("victim", ["VICTIM", "x" * 600, ["VICTIM"]])
def test_message_that_a_producer_writes(consumer: Consumer, run: Run, victim: object) -> None:
    """A message whose key is written as another key is shown is not sent back with that key."""
    key = RULE.for_value(victim)
    shown = [key.show(hashed=hashed) for hashed in (True, False)]
    for text in shown:
        if text != "VICTIM":
            consumer.dead_letter({"order_id": text})
    for text in shown:
        assert run("redrive", "--key", text, "--yes").code == ExitCode.NOT_FOUND
        assert run("inspect", text).code == ExitCode.NOT_FOUND


def test_text_in_the_form_of_a_hash(consumer: Consumer, run: Run) -> None:
    """Of a text that is given like a hash, the error says how to write it."""
    consumer.put(f"orders#sha256:{DIGEST}", "COMPLETED")
    ended = run("inspect", f"sha256:{DIGEST}")
    assert ended.code == ExitCode.NOT_FOUND
    assert rf"'\u0073ha256:{DIGEST}'" in ended.err
    assert run("inspect", rf"\u0073ha256:{DIGEST}").code == ExitCode.OK


def test_key_over_the_limit_of_the_table(consumer: Consumer, run: Run) -> None:
    """If the table has only the hash of a key, the hash that is shown leads to the record."""
    key = RULE.for_value("x" * 3000)
    consumer.put(key.record_id, "PARKED")
    asked = run("forget", "--record-id", key.record_id, "--dry-run")
    assert asked.code == ExitCode.OK
    shown = records.show_key(key.record_id)
    assert shown == key.show(hashed=True)
    assert run("forget", shown, "--yes").code == ExitCode.OK
    assert consumer.record(key.record_id) is None


def test_message_with_a_key_like_an_id(consumer: Consumer, run: Run) -> None:
    """A message in the dead-letter queue leads to no record of another key."""
    moved = consumer.dead_letter({"order_id": r"\u0061"})
    consumer.put("orders#a", "PARKED")
    assert run("inspect", moved, "--json").answer["record"] is None


def _select(stored: Key, selector: records.RecordSelector) -> str | None:
    """The id of the record that a command finds in a table with one record."""
    item = {"id": stored.record_id, "status": "PARKED", "owner": "a" * 32}
    items = [{name: {"S": text} for name, text in item.items()} | {"created_at": {"N": "1"}}]

    def read(*, Key: Any, **_: Any) -> dict[str, Any]:  # noqa: N803  # the name of boto3
        return {"Item": items[0]} if Key["id"] == items[0]["id"] else {}

    client = Mock(get_item=read)
    client.get_paginator.return_value.paginate.return_value = [{"Items": items, "ScannedCount": 1}]
    deployment = Mock(Deployment, namespace="orders", table="t", client=lambda _: client)
    found = records.find(deployment, selector)
    return found and found.id


def _list_ways(key: Key) -> list[records.RecordSelector]:
    """How the log and the command show a key, as the operator gives it back."""
    return [
        records.RecordSelector(key.show(hashed=False)),
        records.RecordSelector(key.show(hashed=True)),
        records.RecordSelector(record_id=records.escape_text(key.record_id)),
    ]


def _list_attacks(key: Key) -> list[str]:
    """Texts that a producer could send to be taken for a key."""
    shown = key.show(hashed=False)
    texts = [key.text, shown, key.show(hashed=True), key.record_id, records.escape_text(shown)]
    return [
        *texts,
        records.escape_text(key.record_id).removeprefix("orders#"),
        f" {key.text}",
        f"-{key.text}",
    ]


@draw(KEYS | st.sampled_from(LIKE_ARGUMENTS) | st.integers(-9, 9), st.data())
def test_no_key_selects_another(value: object, data: st.DataObject) -> None:
    """What is shown of a key selects its record, and never the record of another key."""
    key = RULE.for_value(value)
    attacks = st.sampled_from(_list_attacks(key))
    other = RULE.for_value(data.draw(attacks | KEYS, label="other"))
    for one, stored in ((key, key), (other, key), (key, other), (other, other)):
        found = [_select(stored, way) for way in _list_ways(one)]
        if one.record_id == stored.record_id:
            assert found == [stored.record_id] * 3
        elif _is_number(one) or _is_number(stored):
            assert one.text == stored.text or found == [None] * 3
        else:
            assert found == [None] * 3


def _is_number(key: Key) -> bool:
    """Whether a key is a number, true or false, which look like the text with their characters."""
    return key.record_id == f"orders##{key.text}" and not key.text.startswith("[")
