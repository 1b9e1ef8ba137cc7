"""Defects reproduced in the main alternative: this package must not have any of them.

They are the defects of Powertools for AWS Lambda (Python) 3.37.0 that concern single claims.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import Millis, Seconds
from idempotent_lambda.errors import InvalidProcessorError
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock

from .conftest import Lab
from .events import order, record
from .function import Package
from .harness import READ_TIMEOUT, ConsumerHarness, Wire, answered, lost, raising, taking

THROTTLED = answered(400, "ProvisionedThroughputExceededException")


@pytest.mark.emulator
def test_a_lost_claim_answer_does_not_refuse_its_own_worker(backend: Lab) -> None:
    """A claim whose answer was lost runs its effect: nobody is refused by their own record."""
    harness = ConsumerHarness(backend.store, backend.clock)
    backend.wire.faults = [lost(READ_TIMEOUT)]
    assert harness.deliver("a") == []
    assert harness.ran == ["a"]


@pytest.mark.emulator
def test_a_lost_release_answer_does_not_delete_the_next_claim(backend: Lab) -> None:
    """A release that is sent twice leaves the claim that came in between."""
    harness = ConsumerHarness(backend.store, backend.clock)
    harness.behaviour["a"] = raising(ValueError())

    def release_claim_and_lose(sent: Any, through: Callable[[Any], Any]) -> Any:
        through(sent)
        item = {"id": "orders#a", "owner": "next", "status": "IN_PROGRESS"}
        backend.client.put_item(
            TableName=backend.table,
            Item={name: {"S": value} for name, value in item.items()}
            | {name: {"N": "9999999999999"} for name in ("expires_at", "lease_expires_at")}
            | {name: {"N": "1"} for name in ("created_at", "attempts")},
        )
        raise READ_TIMEOUT

    backend.wire.faults = [None, release_claim_and_lose]
    assert harness.deliver("a") == ["m-a"]
    item = backend.item("orders#a") or {}
    assert item["owner"] == {"S": "next"}


def test_expiry_shorter_than_the_run_does_not_override_a_live_claim(
    harness: ConsumerHarness,
) -> None:
    """A retention of 1 s lets nobody in while a claim of 30 s is live."""
    brief = replace(harness.consumer.settings, retention=Seconds(1))
    harness.consumer = replace(harness.consumer, settings=brief)
    second = []

    def deliver_again(_: Message) -> None:
        harness.clock.advance(Millis(5000))
        second.append(harness.deliver("a"))

    harness.behaviour["a"] = deliver_again
    assert harness.deliver("a") == []
    assert second == [["m-a"]]
    assert harness.ran == ["a"]


@pytest.mark.emulator
def test_a_throttled_completion_is_ridden_out(backend: Lab) -> None:
    """Throttling right after the effect delays its completion and repeats nothing."""
    harness = ConsumerHarness(backend.store, backend.clock)
    harness.behaviour["a"] = lambda _: backend.wire.faults.extend([THROTTLED] * 8)
    assert harness.deliver("a") == []
    backend.clock.advance(Millis(60_000))
    assert harness.deliver("a") == []
    assert harness.ran == ["a"]


@pytest.mark.parametrize("result", [object(), {"a": {1, 2}}, b"\xff", "x" * 500_000])
def test_a_result_does_not_hinder_the_completion(harness: ConsumerHarness, result: object) -> None:
    """The completion is written, even if the processor's result is unwritable or too large."""
    harness.behaviour["a"] = lambda _: result
    assert harness.deliver("a") == []
    assert harness.status("a") == "COMPLETED"


@pytest.mark.parametrize("result", [[], {}, 0, False, "", None])
def test_a_falsy_result_counts_as_done(harness: ConsumerHarness, result: object) -> None:
    """A falsy result completes like any other, and its duplicate does not run."""
    harness.behaviour["a"] = lambda _: result
    assert harness.deliver("a") == []
    assert harness.deliver("a") == []
    assert harness.ran == ["a"]


def test_a_killed_worker_does_not_block_its_key_for_an_hour(harness: ConsumerHarness) -> None:
    """After a kill the key is free once the invocation's deadline and margin are over."""
    harness.behaviour["a"] = raising(SystemExit())
    harness.deliver("a", remaining=30_000)
    harness.clock.advance(Millis(35_000))
    del harness.behaviour["a"]
    assert harness.deliver("a") == []
    assert harness.ran == ["a", "a"]


def test_nothing_starts_without_time(harness: ConsumerHarness) -> None:
    """Of a batch that has used up its time nothing more is started."""
    harness.behaviour["a"] = lambda _: harness.clock.advance(Millis(30_000))
    assert harness.deliver("a", "b", "c") == ["m-b", "m-c"]
    assert harness.ran == ["a"]


def test_a_throttled_table_costs_seconds(
    dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock
) -> None:
    """Against a table that throttles every request a message gives up within 2 s, not 25 s."""
    store, wire = dead
    harness = ConsumerHarness(store, clock)
    wire.always = taking(clock, 10, THROTTLED)
    assert harness.deliver("a") == ["m-a"]
    assert clock.monotonic() < 2000
    assert harness.ran == []


def test_a_coroutine_function_is_refused_at_cold_start(package: Package) -> None:
    """An async processor is refused before any message comes, not silently never awaited."""
    package.write("orders.py", "async def process(message):\n    pass\n")
    with pytest.raises(InvalidProcessorError, match="coroutine"):
        package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")


@pytest.mark.parametrize("fails", [True, False])
def test_a_late_worker_leaves_the_new_owners_record(harness: ConsumerHarness, fails: bool) -> None:
    """A worker that ends after its lease neither overwrites nor deletes the next owner's record."""

    def run_late(_: Message) -> None:
        harness.seed_record("a", lease=60_000, attempts=2)
        if fails:
            raise ValueError

    harness.behaviour["a"] = run_late
    assert harness.deliver("a") == ["m-a"]
    assert harness.memory.records["orders#a"].owner == "dead"
    assert harness.memory.records["orders#a"].attempts == 2


def test_a_completed_record_is_not_deleted_by_a_late_failure(harness: ConsumerHarness) -> None:
    """A worker that fails after another has completed leaves the completion as it is."""

    def fail_late(_: Message) -> None:
        harness.seed_record("a")
        found = harness.memory.records["orders#a"]
        harness.memory.records["orders#a"] = replace(found, status="COMPLETED")
        raise ValueError

    harness.behaviour["a"] = fail_late
    harness.deliver("a")
    assert harness.status("a") == "COMPLETED"


def test_a_missing_key_never_runs_unprotected(harness: ConsumerHarness) -> None:
    """A message without a key is reported as failed, not run with a warning."""
    assert harness.deliver(record("{}", message_id="m-x"), order("b")) == ["m-x"]
    assert harness.ran == ["b"]
