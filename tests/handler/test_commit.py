"""Transactions in the pipeline: effects commit with the completion, or not at all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure, Transaction
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import ConfigurationError, StoreRefusedError
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock

from .events import fifo_order, order
from .harness import ConsumerHarness, FaultyStore, refused, table_unavailable


class Balance:
    """A table of one number by key, changed by transactions alone.

    Attributes:
        amounts: the sum of the amounts added to each key.
        refuses: keys whose condition fails.
    """

    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}
        self.refuses: set[str] = set()

    def commit(self, actions: Sequence[Mapping[str, Any]]) -> None:
        keys = [each["Update"]["Key"]["id"]["S"] for each in actions]
        if self.refuses & set(keys):
            raise StoreRefusedError("TransactionCanceled", "on purpose", maybe_written=False)
        for key in keys:
            self.amounts[key] = self.amounts.get(key, 0) + 1


def add(message: Any, transaction: Transaction) -> None:
    """A processor that adds one to its order's balance."""
    transaction.update(
        "balances",
        {"id": message.key},
        UpdateExpression="ADD amount :one",
        ExpressionAttributeValues={":one": 1},
    )


def counting(*order_ids: str, **changes: Any) -> tuple[ConsumerHarness, FaultyStore, Balance]:
    """A harness whose processor counts some orders in a table."""
    clock, memory, balance = ManualClock(), InMemoryClaimStore(), Balance()
    memory.commit = balance.commit
    store = FaultyStore(clock, memory)
    harness = ConsumerHarness(store, clock, transactional=True, **changes)
    store.inner = harness.memory = memory
    harness.behaviour = dict.fromkeys(order_ids, add)
    return harness, store, balance


def after_adding(error: BaseException) -> Callable[..., None]:
    """A processor that raises once it has asked for its write."""

    def process(message: Any, transaction: Transaction) -> None:
        add(message, transaction)
        raise error

    return process


def test_commits_with_the_completion() -> None:
    """Each message's write takes effect with its completion; duplicates add nothing."""
    harness, store, balance = counting("a", "b")
    assert harness.deliver("a", "b") == []
    assert harness.deliver(order("a", message_id="m-2")) == []
    assert balance.amounts == {"a": 1, "b": 1}
    assert store.trips == ["claim 2", "complete 2", "claim 1"]


def test_nothing_to_write() -> None:
    """A processor may leave its transaction empty: the message is completed as any other."""
    harness, _, balance = counting()
    assert harness.deliver("a") == []
    assert harness.outcomes == {"m-a": "completed"}
    assert balance.amounts == {}


@pytest.mark.parametrize(
    ("error", "outcome", "reported"),
    [
        (ValueError(), "failed", ["m-a"]),
        (PermanentFailure("no"), "parked", []),
        (SystemExit(), "interrupted", ["m-a"]),
    ],
)
def test_raised(error: BaseException, outcome: str, reported: list[str]) -> None:
    """A processor that raises has written nothing, whatever it had asked for."""
    harness, _, balance = counting()
    harness.behaviour["a"] = after_adding(error)
    assert harness.deliver("a") == reported
    assert harness.outcomes == {"m-a": outcome}
    assert balance.amounts == {}


def test_own_condition_fails() -> None:
    """If a condition of the processor's fails, nothing is written and the claim is given back."""
    harness, _, balance = counting("a", "b")
    balance.refuses = {"a"}
    assert harness.deliver("a", "b") == ["m-a"]
    assert harness.outcomes == {"m-a": "failed", "m-b": "completed"}
    assert harness.status("a") is None
    balance.refuses.clear()
    assert harness.deliver("a") == []
    assert balance.amounts == {"a": 1, "b": 1}


def test_wrong_use() -> None:
    """A transaction that refuses an action fails its message with a `TransactionError`."""
    harness, _, balance = counting()

    def twice(message: Any, transaction: Transaction) -> None:
        add(message, transaction)
        add(message, transaction)

    harness.behaviour["a"] = twice
    assert harness.deliver("a") == ["m-a"]
    assert [type(each).__name__ for each in harness.histories["m-a"].errors] == ["TransactionError"]
    assert balance.amounts == {}


def test_kept_too_long() -> None:
    """A transaction that is kept past the processor's return takes nothing any more."""
    harness, _, _ = counting()
    kept: list[Transaction] = []
    harness.behaviour["a"] = lambda _, transaction: kept.append(transaction)
    harness.deliver("a")
    with pytest.raises(Exception, match="has returned"):
        kept[0].delete("balances", {"id": "a"})


@pytest.mark.parametrize("error", [refused(), table_unavailable()])
def test_not_committed(error: Any) -> None:
    """A commit that was refused for certain is not done: the claim is given back at once."""
    harness, store, balance = counting("a")
    store.faults["complete"] = error
    assert harness.deliver("a") == ["m-a"]
    assert harness.outcomes == {"m-a": "failed"}
    assert harness.status("a") is None
    store.faults.clear()
    assert harness.deliver("a") == []
    assert balance.amounts == {"a": 1}


def test_answer_lost() -> None:
    """A commit whose answer is lost counts once: the redelivery finds it completed."""
    harness, store, balance = counting("a", "b")
    store.after["complete orders#a"] = table_unavailable(maybe_written=True)
    assert harness.deliver("a", "b") == ["m-a"]
    assert harness.outcomes["m-a"] == "unconfirmed"
    assert harness.deliver("a") == []
    assert harness.outcomes["m-a"] == "duplicate"
    assert balance.amounts == {"a": 1, "b": 1}


def test_unknown_commit_that_was_none() -> None:
    """If it was not carried out, giving the claim back makes sure that it never will be."""
    harness, store, balance = counting("a")
    store.faults["complete"] = table_unavailable(maybe_written=True)
    assert harness.deliver("a") == ["m-a"]
    assert harness.status("a") is None
    store.faults.clear()
    assert harness.deliver("a") == []
    assert balance.amounts == {"a": 1}


def test_late_owner() -> None:
    """A worker that goes on after its lease commits nothing, once another has taken over."""
    harness, _, balance = counting("a")
    other, _, _ = counting("a")

    def stalled(message: Any, transaction: Transaction) -> None:
        add(message, transaction)
        harness.clock.advance(Millis(60_000))
        other.consumer.__dict__.update(store=harness.memory, clock=harness.clock)
        other.owners = 100
        assert other.deliver(order("a", message_id="m-2")) == []

    harness.behaviour["a"] = stalled
    assert harness.deliver("a") == []
    assert harness.outcomes == {"m-a": "lost_lease"}
    assert other.outcomes == {"m-2": "completed"}
    assert balance.amounts == {"a": 1}


def test_in_order() -> None:
    """In a group a commit that fails holds up what follows."""
    harness, _, balance = counting("a", "b", "c")
    balance.refuses = {"b"}
    assert harness.deliver(*(fifo_order(each) for each in "abc")) == ["m-b", "m-c"]
    assert balance.amounts == {"a": 1}


def test_observed() -> None:
    """Observe mode and a transaction exclude each other: without a claim nothing could commit."""
    with pytest.raises(ConfigurationError, match=r"observe.*set idempotency\.mode to enforce"):
        counting("a", observe_only=True)
