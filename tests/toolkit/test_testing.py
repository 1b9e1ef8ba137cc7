"""The test kit: doubles that users hold their own code against."""

import pytest

from idempotent_lambda.batch import Consumer
from idempotent_lambda.claims import Claimed, ClaimStore, Owner, Request
from idempotent_lambda.clock import Clock, Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.telemetry import JsonLines
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.requests import claim_of


class TestManualClock:
    """A clock that moves only when told to."""

    def test_stands_still(self) -> None:
        """Reading it does not move it."""
        clock = ManualClock(EpochMillis(5000))
        assert [clock.now(), clock.now(), clock.elapsed(), clock.elapsed()] == [5000, 5000, 0, 0]

    @pytest.mark.parametrize("how", ["advance", "sleep"])
    def test_both_clocks_move_together(self, how: str) -> None:
        """Time that passes, slept or not, passes on both clocks."""
        clock = ManualClock(EpochMillis(5000))
        getattr(clock, how)(Millis(250))
        assert (clock.now(), clock.elapsed()) == (5250, 250)

    def test_step(self) -> None:
        """A correction moves the wall clock alone."""
        clock = ManualClock(EpochMillis(5000))
        clock.step(Millis(-1000))
        assert (clock.now(), clock.elapsed()) == (4000, 0)

    def test_starts_at_a_time_of_this_age(self) -> None:
        """By default it shows a moment whose seconds and milliseconds cannot be confused."""
        assert ManualClock().now() == 1_700_000_000_000


class TestInMemoryClaimStore:
    """What the contract suite does not say: its records are there to be read and changed."""

    def test_records(self) -> None:
        """A test may look at what is stored, by record id, and take it away."""
        clock = ManualClock()
        store = InMemoryClaimStore()
        request = Request(
            record_id="orders#1", owner=Owner("mine"), now=clock.now(), retention=Seconds(60)
        )
        claim = claim_of(request, lease_expires_at=EpochMillis(clock.now() + 1000), takeover=False)
        deadline = Deadline.after(clock, Millis(10_000))
        assert store.claim([claim], deadline) == [Claimed(Owner("mine"), 1)]
        assert store.records["orders#1"].owner == "mine"
        store.records.clear()
        assert store.claim([claim], deadline) == [Claimed(Owner("mine"), 1)]


def test_a_consumer_in_a_users_test(capsys: pytest.CaptureFixture[str]) -> None:
    """With both doubles a user tests a processor without any cloud."""
    clock: Clock = ManualClock()
    store: ClaimStore = InMemoryClaimStore()
    charged: list[str] = []
    consumer = Consumer(
        processor=lambda message: charged.append(message.key),
        store=store,
        key_rule=KeyRule.compile(namespace="orders", expression="body.id"),
        clock=clock,
        observer=JsonLines(clock, hash_keys=False),
        retention=Seconds(60),
        lease_margin=Millis(5000),
        minimum_remaining=Millis(1000),
        max_receive_count=3,
    )
    batch = {
        "Records": [
            {"messageId": message_id, "eventSource": "aws:sqs", "body": '{"id": "7"}'}
            for message_id in ("m-1", "m-2")
        ]
    }
    assert consumer.consume(batch, Millis(30_000)) == {"batchItemFailures": []}
    assert consumer.consume(batch, Millis(30_000)) == {"batchItemFailures": []}
    assert charged == ["7"]
    assert len(capsys.readouterr().out.splitlines()) == 4
