"""The history of a key or a message: its log lines, and its record."""

import json
from typing import Any
from unittest.mock import Mock

import pytest

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.keys import Key, KeyRule, build_function_namespace
from idempotent_lambda_toolkit.cli import function_log, times
from idempotent_lambda_toolkit.cli.deployment import Deployment, Options
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from idempotent_lambda_toolkit.cli.function_log import LineSelector, search_log

from .conftest import Consumer, Run
from .log_lines import write_lines

pytestmark = pytest.mark.slow

DECLINED = {"type": "ValueError", "text": "card declined", "at": []}
SPELLED = [
    *["ORDER-1", "a ", 'say "*"', "[1]", "\u001b[2J", "-1", "x" * 600, "x" * 3000, "\\"],
    *[7, ["a", 7]],
]
"""Keys of every form, some of which mean something in a filter pattern."""


def test_lines_and_record(consumer: Consumer, run: Run) -> None:
    """The lines come in order of time with what an operator needs, and then the record."""
    consumer.put("orders#ORDER-1", "COMPLETED")
    write_lines(
        consumer,
        {"ago": 10, "outcome": "completed", "acknowledged": True, "receive_count": 2},
        {"ago": 200, "errors": [DECLINED]},
        {"ago": 100, "key": "ORDER-2"},
        "START RequestId: ORDER-1",
        '{"event":"batch","key":"ORDER-1"}',
    )
    ended = run("history", "ORDER-1")
    assert ended.code == ExitCode.OK
    first, second, count, *record = ended.out.splitlines()[1:]
    assert "failed" in first
    assert first.endswith("ValueError: card declined")
    assert second.split()[3:] == ["completed", "1", "2", "4f5b", "79104ebd"]
    assert count == "2 lines in the last 24h"
    assert record[0] == "orders#ORDER-1"
    answer = run("history", "ORDER-1", "--json").answer
    assert [line["outcome"] for line in answer["lines"]] == ["failed", "completed"]
    assert answer["lines"][0]["errors"] == [DECLINED]
    assert (answer["record"]["state"], answer["more"], answer["whole"]) == ("completed", 0, True)


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("value", SPELLED)
@pytest.mark.parametrize("exists", [False, True])
def test_every_form_of_a_key(
    consumer: Consumer, run: Run, value: Any, hashed: bool, exists: bool
) -> None:
    """The key of a line leads to its lines, with plain or hashed keys, with or without a record."""
    key = KeyRule("orders").for_value(value)
    if exists:
        consumer.put(key.record_id, "COMPLETED")
    write_lines(consumer, {"key": key.show(hashed=hashed)}, {"key": "another"})
    answer = run("history", key.show(hashed=hashed), "--json").answer
    assert [line["key"] for line in answer["lines"]] == [key.show(hashed=hashed)]
    assert (answer["record"] is not None) is exists


def test_hashed_lines_of_a_plain_key(consumer: Consumer, run: Run) -> None:
    """Whoever knows the key finds its lines in a log with hashed keys, and by the record's id."""
    key = Key("ORDER-1", "orders#ORDER-1")
    write_lines(consumer, {"key": key.show(hashed=True)})
    for given in (["ORDER-1"], ["--record-id", "orders#ORDER-1"]):
        assert len(run("history", *given, "--json").answer["lines"]) == 1


@pytest.mark.parametrize("hashed", [False, True])
def test_a_decorated_call(consumer: Consumer, run: Run, hashed: bool) -> None:
    """Of a decorated function, the lines are those with its name."""
    rule = KeyRule(build_function_namespace("orders", "charge"))
    shown = rule.for_value("ORDER-1").show(hashed=hashed)
    consumer.put("orders##@charge#ORDER-1", "COMPLETED")
    write_lines(
        consumer,
        {"key": shown, "message_id": "charge", "receive_count": None},
        {"key": shown, "message_id": "ship"},
    )
    for given in (
        ["ORDER-1", "--decorated", "charge"],
        ["--record-id", "orders##@charge#ORDER-1"],
        ["orders##@charge#ORDER-1"],
    ):
        answer = run("history", *given, "--json").answer
        assert [line["message_id"] for line in answer["lines"]] == ["charge"]
        assert answer["record"]["id"] == "orders##@charge#ORDER-1"


def test_a_message(consumer: Consumer, run: Run) -> None:
    """A message id leads to the lines of the message, and to the record of its key."""
    consumer.put("orders#ORDER-1", "PARKED")
    write_lines(consumer, {}, {"message_id": "77aa"})
    answer = run("history", "--message-id", "77aa", "--json").answer
    assert [line["message_id"] for line in answer["lines"]] == ["77aa"]
    assert answer["record"]["state"] == "parked"
    both = run("history", "ORDER-1", "--message-id", "77aa", "--json").answer
    assert both["lines"] == answer["lines"]


def test_bounds(consumer: Consumer, run: Run) -> None:
    """Only the last lines of the given time are shown, and the output says what is left out."""
    write_lines(consumer, *({"ago": 3600 * hours, "attempts": hours} for hours in range(1, 30)))
    answer = run("history", "ORDER-1", "--limit", "3", "--json").answer
    assert [line["attempts"] for line in answer["lines"]] == [3, 2, 1]
    assert answer["more"] == 20
    assert "20 earlier: raise --limit" in run("history", "ORDER-1", "--limit", "3").out
    assert len(run("history", "ORDER-1", "--since", "2d", "--json").answer["lines"]) == 29
    assert run("history", "ORDER-1", "--since", "1m").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("pages", [1, 9])
def test_a_log_without_end(pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes too long ends, and says whether it has seen everything."""
    monkeypatch.setattr(function_log, "SEARCH_MILLIS", -1)
    found: list[dict[str, Any]] = [{"events": [], "nextToken": "more"}] * (pages - 1)
    deployment = Mock(Deployment, log_group="group")
    client = deployment.client.return_value
    client.get_paginator.return_value.paginate.return_value = iter([*found, {"events": []}])
    searched = search_log(deployment, LineSelector(message_id="1"), since=EpochMillis(1), limit=9)
    assert searched.whole is (pages == 1)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["ORDER-9"], ExitCode.NOT_FOUND, "look further back with --since"),
        ([], ExitCode.USAGE, "name a KEY"),
        (["ORDER-1", "--since", "soon"], ExitCode.USAGE, "15m"),
    ],
)
def test_nothing_to_show(
    consumer: Consumer, run: Run, given: list[str], code: ExitCode, said: str
) -> None:
    """A key without a trace, and a command without a key, have an error with a remedy."""
    write_lines(consumer, {})
    ended = run("history", *given)
    assert ended.code == code
    assert said in ended.err


@pytest.mark.usefixtures("consumer")
def test_without_a_function(run: Run) -> None:
    """Only a function has a log group."""
    where = ["--table", "orders-idempotency", "--namespace", "orders"]
    ended = run("history", "ORDER-1", *where, function=None)
    assert ended.code == ExitCode.USAGE
    assert "set --function" in ended.err


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("ORDER-1", '{ ($.key = "ORDER-1") || ($.key = "sha256:'),
        ('say "*"', '?"say " ?"sha256:'),
        ('"', '"message_id"'),
    ],
)
def test_patterns(key: str, pattern: str) -> None:
    """A pattern quotes no character that has a meaning in it, and always fits into a request."""
    found = LineSelector.for_records([f"orders#{key}"], [], None).pattern
    assert found.startswith(pattern)


@pytest.mark.parametrize("value", SPELLED)
def test_length_of_patterns(value: Any) -> None:
    """A pattern has at most 1,024 characters, and each of its terms is in the line."""
    key = KeyRule("orders").for_value(value)
    shown = key.show(hashed=False)
    selector = LineSelector.for_records([key.record_id], [shown], None)
    assert len(selector.pattern) <= 1024
    line = json.dumps({"message_id": "1", "key": shown})
    if selector.pattern.startswith("?"):
        terms = selector.pattern.removeprefix('?"').removesuffix('"').split('" ?"')
        assert any(term in line for term in terms)
    else:
        assert selector.pattern == '"message_id"' or f'"{shown}"' in selector.pattern


def test_errors_that_are_no_list(consumer: Consumer) -> None:
    """A line of another program, with fields of the same names, breaks nothing."""
    write_lines(consumer, {"errors": {"text": 1}, "receive_count": "1"}, "[1]", "[" * 9000)
    deployment = Deployment(Options(function="orders", region="eu-central-1"))
    since = EpochMillis(times.now() - 3_600_000)
    (line,) = search_log(deployment, LineSelector(message_id="4f5b"), since=since, limit=9).lines
    assert (line.errors, line.receive_count) == ("", None)
