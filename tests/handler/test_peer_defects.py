"""Defects reproduced in the field's main peer: each must not be ours.

They are those of Powertools for AWS Lambda (Python) 3.37.0 that concern single claims.
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

from .bench import READ_TIMEOUT, Bench, Wire, answered, lost, raising, taking
from .conftest import Lab
from .events import order, record
from .function import Package

THROTTLED = answered(400, "ProvisionedThroughputExceededException")


@pytest.mark.emulator
def test_a_lost_claim_answer_does_not_refuse_its_own_worker(lab: Lab) -> None:
    """A claim whose answer was lost runs its effect: nobody is refused by their own record."""
    bench = Bench(lab.store, lab.clock)
    lab.wire.faults = [lost(READ_TIMEOUT)]
    assert bench.deliver("a") == []
    assert bench.ran == ["a"]


@pytest.mark.emulator
def test_a_lost_release_answer_does_not_delete_the_next_claim(lab: Lab) -> None:
    """A release that is sent twice leaves the claim that came in between."""
    bench = Bench(lab.store, lab.clock)
    bench.behaviour["a"] = raising(ValueError())

    def release_claim_and_lose(sent: Any, through: Callable[[Any], Any]) -> Any:
        through(sent)
        item = {"id": "orders#a", "owner": "next", "status": "IN_PROGRESS"}
        lab.client.put_item(
            TableName=lab.table,
            Item={name: {"S": value} for name, value in item.items()}
            | {name: {"N": "9999999999999"} for name in ("expires_at", "lease_expires_at")}
            | {name: {"N": "1"} for name in ("created_at", "attempts")},
        )
        raise READ_TIMEOUT

    lab.wire.faults = [None, release_claim_and_lose]
    assert bench.deliver("a") == ["m-a"]
    item = lab.item("orders#a") or {}
    assert item["owner"] == {"S": "next"}


def test_expiry_shorter_than_the_run_does_not_override_a_live_claim(bench: Bench) -> None:
    """A retention of 1 s lets nobody in while a claim of 30 s is live."""
    brief = replace(bench.consumer.settings, retention=Seconds(1))
    bench.consumer = replace(bench.consumer, settings=brief)
    second = []

    def deliver_again(_: Message) -> None:
        bench.clock.advance(Millis(5000))
        second.append(bench.deliver("a"))

    bench.behaviour["a"] = deliver_again
    assert bench.deliver("a") == []
    assert second == [["m-a"]]
    assert bench.ran == ["a"]


@pytest.mark.emulator
def test_a_throttled_completion_is_ridden_out(lab: Lab) -> None:
    """Throttling right after the effect delays its completion and repeats nothing."""
    bench = Bench(lab.store, lab.clock)
    bench.behaviour["a"] = lambda _: lab.wire.faults.extend([THROTTLED] * 8)
    assert bench.deliver("a") == []
    lab.clock.advance(Millis(60_000))
    assert bench.deliver("a") == []
    assert bench.ran == ["a"]


@pytest.mark.parametrize("result", [object(), {"a": {1, 2}}, b"\xff", "x" * 500_000])
def test_a_result_does_not_hinder_the_completion(bench: Bench, result: object) -> None:
    """Whatever a processor returns, unwritable or too large, its completion is written."""
    bench.behaviour["a"] = lambda _: result
    assert bench.deliver("a") == []
    assert bench.status("a") == "COMPLETED"


@pytest.mark.parametrize("result", [[], {}, 0, False, "", None])
def test_a_falsy_result_counts_as_done(bench: Bench, result: object) -> None:
    """A falsy result completes like any other, and its duplicate does not run."""
    bench.behaviour["a"] = lambda _: result
    assert bench.deliver("a") == []
    assert bench.deliver("a") == []
    assert bench.ran == ["a"]


def test_a_killed_worker_does_not_block_its_key_for_an_hour(bench: Bench) -> None:
    """After a kill the key is free once the invocation's deadline and margin are over."""
    bench.behaviour["a"] = raising(SystemExit())
    bench.deliver("a", remaining=30_000)
    bench.clock.advance(Millis(35_000))
    del bench.behaviour["a"]
    assert bench.deliver("a") == []
    assert bench.ran == ["a", "a"]


def test_nothing_starts_without_time(bench: Bench) -> None:
    """Of a batch that has used up its time nothing more is started."""
    bench.behaviour["a"] = lambda _: bench.clock.advance(Millis(30_000))
    assert bench.deliver("a", "b", "c") == ["m-b", "m-c"]
    assert bench.ran == ["a"]


def test_a_throttled_table_costs_seconds(
    dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock
) -> None:
    """Against a table that throttles every request a message gives up within 2 s, not 25 s."""
    store, wire = dead
    bench = Bench(store, clock)
    wire.always = taking(clock, 10, THROTTLED)
    assert bench.deliver("a") == ["m-a"]
    assert clock.elapsed() < 2000
    assert bench.ran == []


def test_a_coroutine_function_is_refused_at_cold_start(package: Package) -> None:
    """An async processor is refused before any message comes, not silently never awaited."""
    package.write("orders.py", "async def process(message):\n    pass\n")
    with pytest.raises(InvalidProcessorError, match="coroutine"):
        package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")


@pytest.mark.parametrize("fails", [True, False])
def test_a_late_worker_leaves_the_new_owners_record(bench: Bench, fails: bool) -> None:
    """A worker that ends after its lease neither overwrites nor deletes the next owner's record."""

    def run_late(_: Message) -> None:
        bench.lay("a", lease=60_000, attempts=2)
        if fails:
            raise ValueError

    bench.behaviour["a"] = run_late
    assert bench.deliver("a") == ["m-a"]
    assert bench.memory.records["orders#a"].owner == "dead"
    assert bench.memory.records["orders#a"].attempts == 2


def test_a_completed_record_is_not_deleted_by_a_late_failure(bench: Bench) -> None:
    """A worker that fails after another has completed leaves the completion as it is."""

    def fail_late(_: Message) -> None:
        bench.lay("a")
        found = bench.memory.records["orders#a"]
        bench.memory.records["orders#a"] = replace(found, status="COMPLETED")
        raise ValueError

    bench.behaviour["a"] = fail_late
    bench.deliver("a")
    assert bench.status("a") == "COMPLETED"


def test_a_missing_key_never_runs_unprotected(bench: Bench) -> None:
    """A message without a key is reported as failed, not run with a warning."""
    assert bench.deliver(record("{}", message_id="m-x"), order("b")) == ["m-x"]
    assert bench.ran == ["b"]
