"""What `inspect` says of a key before it is decided: its log, its queue and the settings."""

from typing import Any

import pytest

from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import Consumer, Run
from .log_lines import write_lines

pytestmark = pytest.mark.slow

STALE: dict[str, Any] = {"status": "IN_PROGRESS", "lease_expires_at": 1}
DECLINED = {"type": "ValueError", "text": "card declined", "at": []}


def configure(consumer: Consumer, **more: str) -> None:
    """Change variables of the function."""
    consumer.client("lambda").update_function_configuration(
        FunctionName="orders", Environment={"Variables": consumer.variables() | more}
    )


class TestMessageInTheQueue:
    """The last log lines of a message that is not in the dead-letter queue."""

    def test_it_failed(self, consumer: Consumer, run: Run) -> None:
        """Of a failed message, whose claim is gone, the log knows the outcome and the return."""
        write_lines(
            consumer,
            {"ago": 400, "receive_count": 1},
            {"ago": 60, "receive_count": 2, "errors": [DECLINED]},
        )
        ended = run("inspect", "ORDER-1")
        assert ended.code == ExitCode.OK
        assert "no record of 'ORDER-1': the next delivery runs" in ended.out
        assert "message 4f5b: failed, receive 2 of 5, logged " in ended.out
        assert "(in 1 min) at the latest" in ended.out or "(in 2 min) at the latest" in ended.out
        assert "ValueError: card declined" in ended.out
        assert "receive 1" not in ended.out
        answer = run("inspect", "ORDER-1", "--json").answer
        assert [line["receive_count"] for line in answer["lines"]] == [1, 2]

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ({"receive_count": 5}, "its last receive: SQS moves it to the dead-letter queue"),
            ({"ago": 3600}, "it is in the queue, or runs"),
            ({"receive_count": None}, "its source delivers it again, or its caller calls again"),
            ({"outcome": "duplicate", "acknowledged": True}, "it is not delivered again"),
        ],
    )
    def test_each_end(self, consumer: Consumer, run: Run, line: dict[str, Any], said: str) -> None:
        """What comes next depends on the last line."""
        write_lines(consumer, line)
        assert said in run("inspect", "ORDER-1").out

    def test_a_key_in_progress(self, consumer: Consumer, run: Run) -> None:
        """A message whose key is in progress comes back after the lease of the key."""
        lease_end = times.now() + 7_200_000
        consumer.put("orders#ORDER-1", "IN_PROGRESS", lease_expires_at=lease_end)
        write_lines(consumer, {"outcome": "in_progress"})
        back = times.show(lease_end + 2000)
        assert f"it comes back {back}" in run("inspect", "ORDER-1").out

    def test_by_its_id(self, consumer: Consumer, run: Run) -> None:
        """A message id leads to its lines, also if its key has no record, or if it has no key."""
        write_lines(consumer, {}, {"message_id": "77aa", "key": None, "outcome": "rejected"})
        ended = run("inspect", "4f5b")
        assert "no record of 'ORDER-1': the next delivery runs" in ended.out
        assert "message 4f5b: failed" in ended.out
        ended = run("inspect", "77aa")
        assert "the message has no key" in ended.out
        assert "the next delivery runs" not in ended.out
        assert "message 77aa: rejected" in ended.out
        assert "4f5b" not in ended.out

    def test_a_dead_letter_needs_no_log(self, consumer: Consumer, run: Run) -> None:
        """Of a message in the dead-letter queue, and of a completed key, the log is not asked."""
        consumer.put("orders#done", "COMPLETED")
        consumer.dead_letter({"order_id": "ORDER-1"})
        consumer.put("orders#ORDER-1", **STALE)
        for key in ("done", "ORDER-1"):
            assert "logs:FilterLogEvents" not in run("inspect", key).calls

    def test_a_key_that_looks_like_an_id(self, consumer: Consumer, run: Run) -> None:
        """The key in a line is a key: it leads to no record whose id it looks like."""
        consumer.put("orders#VICTIM", "PARKED")
        write_lines(consumer, {"key": "orders#VICTIM"})
        assert run("inspect", "4f5b", "--json").answer["record"] is None

    def test_a_log_that_cannot_be_read(self, consumer: Consumer, run: Run) -> None:
        """A key without a record or a log has one line about the log, and one error."""
        assert consumer.record("orders#ORDER-1") is None
        assert run("inspect", "ORDER-1").out.count("could not be searched") == 1

    def test_a_queue_that_cannot_be_read(self, consumer: Consumer, run: Run) -> None:
        """Without the settings of the queue, the line is shown, and the output says why."""
        write_lines(consumer, {})
        gone = consumer.queue_url + "-gone"
        ended = run("inspect", "ORDER-1", "--queue-url", gone)
        assert ended.code == ExitCode.OK
        assert "the queue's settings could not be read: " in ended.out
        assert "message 4f5b: failed, receive 1, logged" in ended.out


class TestStaleClaim:
    """What this function does with a stale claim."""

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({}, "the next delivery of its message takes it over and runs"),
            ({"IDEMPOTENCY_ON_INTERRUPTED": "park"}, "the next delivery of its message parks it"),
            ({"IDEMPOTENCY_MODE": "observe"}, "the record stays as it is"),
            ({"IDEMPOTENCY_LEASE_MARGIN_MILLIS": "soon"}, "doctor shows them"),
        ],
    )
    def test_settings(self, consumer: Consumer, run: Run, more: dict[str, str], said: str) -> None:
        """The settings of the function decide whether the key runs."""
        configure(consumer, **more)
        consumer.put("orders#ORDER-1", **STALE)
        ended = run("inspect", "ORDER-1")
        assert said in ended.out
        assert "takes it over, or parks it" not in ended.out

    def test_a_decorated_call(self, consumer: Consumer, run: Run) -> None:
        """The record of a call waits for a call, whatever mappings the function has."""
        consumer.put("orders##@charge#ORDER-1", **STALE)
        ended = run("inspect", "ORDER-1", "--decorated", "charge")
        assert "the next call with this key takes it over and runs" in ended.out

    def test_no_source(self, consumer: Consumer, run: Run) -> None:
        """A function that reads nothing waits for an invocation."""
        lambda_ = consumer.client("lambda")
        (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
        consumer.put("orders#ORDER-1", **STALE)
        assert "the next invocation with this key" in run("inspect", "ORDER-1").out

    def test_without_a_function(self, consumer: Consumer, run: Run) -> None:
        """Without the function, both ways are named."""
        consumer.put("orders#ORDER-1", **STALE)
        where = ["--table", "orders-idempotency", "--namespace", "orders"]
        ended = run("inspect", "ORDER-1", *where, function=None)
        assert "takes it over, or parks it" in ended.out

    def test_the_command_that_decides_says_so_too(self, consumer: Consumer, run: Run) -> None:
        """Before an operator completes the record, the output says what would happen otherwise."""
        consumer.put("orders#ORDER-1", **STALE)
        ended = run("resolve", "ORDER-1", "--completed", "--dry-run")
        assert "takes it over and runs" in ended.out
        assert "if its owner still runs, it loses its lease" in ended.out
