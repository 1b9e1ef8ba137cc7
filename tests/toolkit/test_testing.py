"""The test kit: doubles that users hold their own code against."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import Clock, Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import PermanentFailure, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.keys import KeyRule, compile_expression
from idempotent_lambda.log import JsonLines
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.claims import Claimed, ClaimStore, Completed, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues, ManualClock
from tests.requests import claim_of, settings_of
from tests.waiting import SECONDS


class TestManualClock:
    """A clock that moves only when a test moves it."""

    def test_stands_still(self) -> None:
        """Reading it does not move it."""
        clock = ManualClock(EpochMillis(5000))
        assert [clock.now(), clock.now(), clock.monotonic(), clock.monotonic()] == [
            5000,
            5000,
            0,
            0,
        ]

    @pytest.mark.parametrize("how", ["advance", "sleep"])
    def test_both_clocks_move_together(self, how: str) -> None:
        """Time that passes, slept or not, passes on both clocks."""
        clock = ManualClock(EpochMillis(5000))
        getattr(clock, how)(Millis(250))
        assert (clock.now(), clock.monotonic()) == (5250, 250)

    def test_wait(self) -> None:
        """Waiting for another thread takes real time, and the clock does not move meanwhile."""
        clock, condition = ManualClock(EpochMillis(5000)), threading.Condition()

        def notify() -> None:
            with condition:
                condition.notify_all()

        with condition:
            assert not clock.wait(condition, Millis(1))
            threading.Thread(target=notify).start()
            assert clock.wait(condition, Millis(int(1000 * SECONDS)))
        assert (clock.now(), clock.monotonic()) == (5000, 0)

    def test_step(self) -> None:
        """A correction moves the wall clock alone."""
        clock = ManualClock(EpochMillis(5000))
        clock.step(Millis(-1000))
        assert (clock.now(), clock.monotonic()) == (4000, 0)

    def test_starts_at_a_time_of_this_age(self) -> None:
        """By default it shows a moment whose seconds and milliseconds cannot be confused."""
        assert ManualClock().now() == 1_700_000_000_000


class TestInMemoryClaimStore:
    """Tests can read and change the records, which the contract suite does not cover."""

    def test_records(self) -> None:
        """A test may look at what is stored, by record id, and take it away."""
        clock = ManualClock()
        store = InMemoryClaimStore()
        request = Request(
            record_id="orders#1", owner=Owner("mine"), now=clock.now(), retention=Seconds(60)
        )
        claim = claim_of(request, lease_expires_at=EpochMillis(clock.now() + 1000), takeover=False)
        deadline = Deadline.from_remaining(clock, Millis(10_000))
        assert store.claim([claim], deadline) == [Claimed(Owner("mine"), 1)]
        assert store.records["orders#1"].owner == "mine"
        store.records.clear()
        assert store.claim([claim], deadline) == [Claimed(Owner("mine"), 1)]

    def test_commit(self) -> None:
        """A test lends the store what carries out a transaction: both take place, or neither."""
        clock = ManualClock()
        store, done = InMemoryClaimStore(), list[Any]()
        request = Request(
            record_id="orders#1", owner=Owner("mine"), now=clock.now(), retention=Seconds(60)
        )
        deadline = Deadline.from_remaining(clock, Millis(10_000))
        claim = claim_of(request, lease_expires_at=EpochMillis(clock.now() + 1000), takeover=False)
        store.claim([claim], deadline)
        acting = replace(request, actions=({"Delete": {}},))
        (refusal,) = store.complete([acting], deadline)
        assert isinstance(refusal, StoreRefusedError)
        assert "set its commit" in str(refusal)

        def refuse(_: object) -> None:
            raise StoreRefusedError("TransactionCanceled", "no", maybe_written=False)

        store.commit = refuse
        (refusal,) = store.complete([acting], deadline)
        assert isinstance(refusal, StoreRefusedError)
        assert store.records["orders#1"].status == "IN_PROGRESS"
        store.commit = done.extend
        assert store.complete([acting], deadline) == [Completed()]
        assert store.complete([acting], deadline) == [Completed(recovered=True)]
        assert done == [{"Delete": {}}]


class TestInMemoryQueues:
    """Queues that write down what they are asked."""

    def test_dead_letters(self) -> None:
        """A copy has its message's body and the token of the parked record."""
        queues, charge = InMemoryQueues(), raising(PermanentFailure("no such card"))
        assert consumer(charge, queues=queues).consume(BATCH, Millis(30_000)) == ACKNOWLEDGED
        ((body, token),) = queues.dead_letters
        assert body == '{"id": "7"}'
        assert len(token.split(" ")[0]) == 32

    def test_failure(self) -> None:
        """A test may let the sending of copies fail: nothing is acknowledged then."""
        queues = InMemoryQueues()
        queues.failure = StoreUnavailableError("Test", "on purpose", maybe_written=True)
        charge = raising(PermanentFailure("no such card"))
        response: Any = consumer(charge, queues=queues).consume(BATCH, Millis(30_000))
        assert [each["itemIdentifier"] for each in response["batchItemFailures"]] == ["m-1", "m-2"]
        assert queues.dead_letters == []

    def test_postponed(self) -> None:
        """A message in progress is postponed by the rest of its lease in seconds."""
        clock, store, queues = ManualClock(), InMemoryClaimStore(), InMemoryQueues()

        def charge(_: Message) -> None:
            other = consumer(charge, clock=clock, store=store, queues=queues)
            other.consume({"Records": BATCH["Records"][:1]}, Millis(30_000))

        consumer(charge, clock=clock, store=store).consume(BATCH, Millis(30_000))
        assert queues.postponed == {"m-1": 37}


BATCH: dict[str, Any] = {
    "Records": [
        {"messageId": message_id, "eventSource": "aws:sqs", "body": '{"id": "7"}'}
        for message_id in ("m-1", "m-2")
    ]
}
ACKNOWLEDGED: dict[str, Any] = {"batchItemFailures": []}


def raising(error: Exception) -> Callable[[Message], None]:
    """A processor that raises."""

    def process(_: Message) -> None:
        raise error

    return process


def consumer(
    processor: Callable[[Message], object],
    *,
    clock: Clock | None = None,
    store: ClaimStore | None = None,
    queues: InMemoryQueues | None = None,
) -> Consumer:
    """A consumer made of the doubles."""
    clock = clock or ManualClock()
    return Consumer(
        processor=processor,
        store=store or InMemoryClaimStore(),
        settings=settings_of(KeyRule("orders", "body.id", compile_expression("body.id"))),
        queues=queues or InMemoryQueues(),
        clock=clock,
        observer=JsonLines(clock, hash_keys=False),
    )


def test_a_consumer_in_a_users_test(capsys: pytest.CaptureFixture[str]) -> None:
    """With both doubles a user tests a processor without any cloud."""
    charged: list[str] = []
    tested = consumer(lambda message: charged.append(message.idempotency_token))
    assert tested.consume(BATCH, Millis(30_000)) == ACKNOWLEDGED
    assert tested.consume(BATCH, Millis(30_000)) == ACKNOWLEDGED
    assert charged == [hashlib.sha256(b"orders#7").hexdigest()]
    assert len(capsys.readouterr().out.splitlines()) == 4
