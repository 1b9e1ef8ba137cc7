"""Damaged records as a consumer meets them: alone, and with a healthy message in its batch."""

from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds
from idempotent_lambda.protocol.record import Owner, Record

from .harness import START, ConsumerHarness

WRONG: Any = {"NULL": True}
"""What is read of an attribute that cannot be read."""

TEXTS = ("status", "owner", "payload_hash", "result", "reason")
DAMAGES: list[tuple[str, Any]] = [
    (name, damage)
    for name in Record.__slots__
    if name != "id"
    for damage in (None, WRONG, "", 1 if name in TEXTS else "soon")
]

RECORDS = {
    "IN_PROGRESS": Record(
        id="orders#a",
        status="IN_PROGRESS",
        owner=Owner("dead"),
        created_at=EpochMillis(START - 1),
        lease_expires_at=EpochMillis(START),
        attempts=1,
    ),
    "live": Record(
        id="orders#a",
        status="IN_PROGRESS",
        owner=Owner("other"),
        created_at=EpochMillis(START - 1),
        lease_expires_at=EpochMillis(START + 1),
        attempts=1,
    ),
    "COMPLETED": Record(
        id="orders#a",
        status="COMPLETED",
        owner=Owner("other"),
        created_at=EpochMillis(START - 1),
        expires_at=EpochSeconds(START // 1000 + 1),
    ),
    "PARKED": Record(
        id="orders#a",
        status="PARKED",
        owner=Owner("other"),
        created_at=EpochMillis(START - 1),
        dead_lettered_at=EpochMillis(START - 1),
    ),
}


def delivered(found: Record, *batch: str, is_parking: bool) -> tuple[object, ...]:
    """What a delivery of key a does: its outcome, whether it ran, was reported, and its record."""
    harness = ConsumerHarness(park_interrupted=is_parking)
    harness.consumer.saw_slow_processor.clear()  # no thread is needed
    harness.memory.records["orders#a"] = found
    reported = harness.deliver("a", *batch)
    if batch:
        assert harness.ran.count("b") == 1
        assert harness.status("b") == "COMPLETED"
        assert not any(name.endswith("b") for name in reported)
    (outcome,) = (each for name, each in harness.outcomes.items() if name.endswith("a"))
    record = harness.memory.records["orders#a"]
    return outcome, "a" in harness.ran, bool(reported), replace(record, owner=Owner("any"))


@pytest.mark.parametrize("is_parking", [False, True], ids=["retry", "park"])
@pytest.mark.parametrize("status", RECORDS)
@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_alone_and_in_a_batch(name: str, damage: Any, status: str, is_parking: bool) -> None:
    """A damaged record has the same end alone and in a batch, and a neighbour always runs."""
    found = replace(RECORDS[status], **{name: damage})
    single = delivered(found, is_parking=is_parking)
    assert single == delivered(found, "b", is_parking=is_parking)
    outcome, ran, reported, _ = single
    assert reported or outcome in ("completed", "duplicate", "parked")
    if outcome == "duplicate":
        assert found.status == "COMPLETED"
    if ran:
        assert status == "IN_PROGRESS" or (status == "COMPLETED" and name == "expires_at")
