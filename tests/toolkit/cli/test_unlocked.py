"""The operator's command on a record that a redriven copy has unlocked."""

from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import Consumer, Run

pytestmark = pytest.mark.slow

COPY, NEWER = "c" * 32, "d" * 32
RECORD = "orders#ORDER-1"
UNLOCKED: dict[str, Any] = {"unlocked_by": COPY, "copy_tokens": frozenset({COPY})}
RUNNING = {"status": "IN_PROGRESS", **UNLOCKED}
STALE = {**RUNNING, "lease_expires_at": 1}
GIVEN_BACK = {"status": "PARKED", "owner": COPY, **UNLOCKED}
PARKED_AGAIN = {"status": "PARKED", "owner": NEWER, **UNLOCKED}
COMPLETED = {"status": "COMPLETED", **UNLOCKED}
OF_COPY = f"{COPY} //4f5b ORDER-1"


class TestInspect:
    """The output for such a record."""

    @pytest.mark.parametrize(
        ("stored", "state", "said"),
        [
            (RUNNING, "in progress", "a redriven copy has unlocked it"),
            (STALE, "stale", "only the redriven copy that has unlocked it"),
            (GIVEN_BACK, "parked", "a redriven copy of it failed"),
            (PARKED_AGAIN, "parked", "its copy was sent to the dead-letter queue"),
            (COMPLETED, "completed", "a redriven copy has unlocked it"),
        ],
    )
    def test_it_is_told_in_words(
        self, consumer: Consumer, run: Run, stored: dict[str, Any], state: str, said: str
    ) -> None:
        """The record can be read, and the token of its copy is shown in words and as JSON."""
        consumer.put(RECORD, **stored)
        reported = run("inspect", "ORDER-1")
        assert reported.code == ExitCode.OK
        assert said in reported.out
        assert COPY in reported.out
        record = run("inspect", "ORDER-1", "--json").answer["record"]
        assert (record["state"], record["unlocked_by"]) == (state, COPY)
        assert record["copy_tokens"] == [COPY]

    def test_a_stale_one_is_not_taken_over_by_any_delivery(
        self, consumer: Consumer, run: Run
    ) -> None:
        """Nobody is promised that the next delivery goes on with what belongs to a copy."""
        consumer.put(RECORD, **STALE)
        assert "the next delivery takes it over" not in run("inspect", "ORDER-1").out

    @pytest.mark.parametrize(
        ("stored", "token", "unlocks"),
        [
            (RUNNING, COPY, True),
            (RUNNING, NEWER, False),
            (GIVEN_BACK, COPY, True),
            (PARKED_AGAIN, NEWER, True),
            (PARKED_AGAIN, COPY, False),
        ],
    )
    def test_which_copy_goes_on(
        self, consumer: Consumer, run: Run, stored: dict[str, Any], token: str, unlocks: bool
    ) -> None:
        """While a run lasts it is the copy that has unlocked, of what is parked the newest one."""
        consumer.put(RECORD, **stored)
        consumer.dead_letter({"order_id": "ORDER-1"}, token=f"{token} //4f5b ORDER-1")
        assert ("does not unlock this record" not in run("inspect", "ORDER-1").out) is unlocks


def test_a_stale_one_is_listed_as_such(consumer: Consumer, run: Run) -> None:
    """A record that a copy unlocked is stale when its lease is over, in `list` and `stats`."""
    consumer.put(RECORD, **STALE)
    (record,) = run("list", "--json").answer["records"]
    assert record["state"] == "stale"
    assert run("stats", "--json").answer["records"] == {"stale": 1}


class TestRetry:
    """To let a key run whose copy runs by itself."""

    @pytest.mark.parametrize("more", [{}, {"dead_letter": "another message of the key"}])
    def test_a_copy_in_the_queue(self, consumer: Consumer, run: Run, more: dict[str, str]) -> None:
        """While the copy is in the queue the record stays, and so does what else has its key."""
        consumer.put(RECORD, **GIVEN_BACK)
        before = consumer.record(RECORD)
        for _ in more:
            consumer.dead_letter({"order_id": "ORDER-1"})
        planned = run("resolve", "ORDER-1", "--retry", "--dry-run")
        assert "to do: nothing" in planned.out
        ended = run("resolve", "ORDER-1", "--retry", "--yes", "--json")
        assert ended.code == ExitCode.REFUSED
        assert "wait until it is done or dead-lettered" in ended.answer["error"]
        assert consumer.record(RECORD) == before
        assert consumer.messages(consumer.queue_url) == []
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == len(more)

    @pytest.mark.parametrize("more", [{}, {"dead_letter": "another message of the key"}])
    def test_a_copy_that_was_just_sent_back(
        self, consumer: Consumer, run: Run, more: dict[str, str]
    ) -> None:
        """A copy that was sent away and is not there is in the queue, so its record stays."""
        consumer.put(RECORD, "PARKED", owner=COPY)
        consumer.dead_letter({"order_id": "ORDER-1"}, token=OF_COPY)
        for _ in more:
            consumer.dead_letter({"order_id": "ORDER-1"})
        assert run("resolve", "ORDER-1", "--retry", "--yes").code == ExitCode.OK
        before = consumer.record(RECORD)
        ended = run("resolve", "ORDER-1", "--retry", "--yes", "--json")
        assert ended.code == ExitCode.REFUSED
        assert "wait until it is done or dead-lettered" in ended.answer["error"]
        assert consumer.record(RECORD) == before
        assert len(consumer.messages(consumer.queue_url)) == 1

    def test_where_the_dead_letter_queue_is_not_known(self, consumer: Consumer, run: Run) -> None:
        """Without a dead-letter queue to look into the record stays as well."""
        consumer.put(RECORD, **GIVEN_BACK)
        where = ["--table", "orders-idempotency", "--namespace", "orders"]
        ended = run("resolve", "ORDER-1", "--retry", "--yes", *where, function=None)
        assert ended.code == ExitCode.REFUSED
        assert consumer.record(RECORD) is not None

    def test_a_copy_that_is_dead_lettered(self, consumer: Consumer, run: Run) -> None:
        """Once the copy has failed to its last receive it is sent back, and the record stays."""
        consumer.put(RECORD, **GIVEN_BACK)
        copy = consumer.dead_letter({"order_id": "ORDER-1"}, token=OF_COPY)
        answer = run("resolve", "ORDER-1", "--retry", "--yes", "--json").answer
        assert [each["message_id"] for each in answer["moved"]] == [copy]
        assert consumer.record(RECORD) is not None


def test_completed_while_the_copy_is_in_the_queue(consumer: Consumer, run: Run) -> None:
    """The record keeps what makes the copy a duplicate, and the operator reads of that."""
    consumer.put(RECORD, **GIVEN_BACK)
    ended = run("resolve", "ORDER-1", "--completed", "--yes")
    assert ended.code == ExitCode.OK
    assert "the copy in the queue is then a duplicate" in ended.out
    record: Any = consumer.record(RECORD)
    assert (record["status"], record["owner"]) == ("COMPLETED", COPY)
    assert record["copy_tokens"] == [COPY]


@pytest.mark.parametrize(
    ("command", "stored"),
    [
        (["forget"], RUNNING),
        (["forget"], STALE),
        (["resolve", "--completed"], RUNNING),
        (["resolve", "--retry"], RUNNING),
        (["resolve", "--retry"], STALE),
    ],
)
def test_in_progress_it_is_left_to_its_copy(
    consumer: Consumer, run: Run, command: list[str], stored: dict[str, Any]
) -> None:
    """No command touches the run of a copy, and each says that only the copy goes on with it."""
    consumer.put(RECORD, **stored)
    before = consumer.record(RECORD)
    name, *options = command
    ended = run(name, "ORDER-1", *options, "--yes", "--json")
    assert ended.code == ExitCode.REFUSED
    assert "only its redriven copy" in ended.answer["error"]
    assert "redrive --key" in ended.answer["error"]
    assert "the next delivery takes it over" not in ended.answer["error"]
    assert consumer.record(RECORD) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_forget_warns_of_the_copy(consumer: Consumer, run: Run, dry_run: bool) -> None:
    """To forget is the way out if the copy is gone, and what happens if it is not is said first."""
    consumer.put(RECORD, **GIVEN_BACK)
    ended = run("forget", "ORDER-1", "--dry-run" if dry_run else "--yes")
    assert ended.code == ExitCode.OK
    assert "the side effect may happen twice" in ended.out
    assert (consumer.record(RECORD) is None) is not dry_run


def test_redrive_finds_the_copy_of_a_run(consumer: Consumer, run: Run) -> None:
    """By the key of an interrupted run its copy is found, whatever its own key is."""
    consumer.put(RECORD, **STALE)
    copy = consumer.dead_letter("no key", token=COPY)
    answer = run("redrive", "--key", "ORDER-1", "--yes", "--json").answer
    assert [each["message_id"] for each in answer["moved"]] == [copy]
