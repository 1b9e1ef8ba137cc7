"""Observe mode: everything runs, and the log reports it."""

from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import Millis
from tests.handler.harness import table_unavailable

from .shop import Shop


def test_observed_duplicates(shop: Shop) -> None:
    """In observe mode duplicates run and get their own results, and the log counts them."""
    results = iter([1, 2, 3])
    charge = shop.function(lambda *_: next(results), observe_only=True)
    assert [charge("a"), charge("a"), charge("a")] == [1, 2, 3]
    assert [(line["outcome"], line["claim_result"]) for line in shop.log()] == [
        ("completed", "claimed"),
        ("observed", "duplicate"),
        ("observed", "duplicate"),
    ]


@pytest.mark.parametrize("call", ["claim", "takeover", "complete", "release", "park"])
@pytest.mark.parametrize("maybe_written", [False, True])
def test_observed_store_failures(shop: Shop, call: str, maybe_written: bool) -> None:
    """In observe mode nothing that the table does reaches the caller."""
    shop.store.faults[call] = table_unavailable(maybe_written=maybe_written)
    assert shop.function("own", observe_only=True)("a") == "own"
    for number, error in enumerate([ValueError("no"), errors.PermanentFailure("no")]):
        with pytest.raises(type(error)) as caught:
            shop.function(error, observe_only=True)(f"k-{number}")
        assert caught.value is error
    assert len(shop.ran) == len(shop.log()) == 3


def test_observed_states(shop: Shop) -> None:
    """In observe mode what is busy, interrupted, parked, mismatched or late runs all the same."""
    shop.seed_record("in_progress", lease=10_000)
    shop.seed_record("stale", lease=0)
    shop.seed_record("parked", lease=0, status="PARKED", lease_expires_at=None)
    shop.seed_record(
        "other", lease=0, status="COMPLETED", lease_expires_at=None, payload_hash="v1:x"
    )
    charge = shop.function("own", observe_only=True, park_interrupted=True, payload="amount")
    for key in ("in_progress", "stale", "parked", "other"):
        assert charge(key) == "own"
    late = shop.function("late", observe_only=True, minimum_remaining=Millis(9_000_000))
    assert late("late") == "late"

    def too_long(*_: Any) -> str:
        shop.seed_record("lost", lease=10_000)
        return "lost"

    assert shop.function(too_long, observe_only=True)("lost") == "lost"
    assert [line["claim_result"] for line in shop.log()] == [
        "in_progress", "stale", "parked", "mismatch", "claimed", "claimed",
    ]  # fmt: skip


def test_observed_rejections(shop: Shop) -> None:
    """Observe mode reports missing keys and results that cannot be stored, and returns results."""
    charge = shop.function(lambda *_: {1}, observe_only=True, payload="amount")
    assert [charge(None), charge(1.5), charge("a", object()), charge("b")] == [{1}] * 4
    assert [
        (line["outcome"], [each["type"] for each in line["errors"]]) for line in shop.log()
    ] == [
        ("observed", ["MissingKeyError", "InvalidResultError"]),
        ("observed", ["UnsupportedKeyError", "InvalidResultError"]),
        ("observed", ["UnsupportedKeyError", "InvalidResultError"]),
        ("completed", ["InvalidResultError"]),
    ]
